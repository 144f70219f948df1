"""forward: send the object to one or more destinations."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Destinations, ScheduleName
from engine.step import Deliver, Workbench, step


@step("forward DESTINATIONS [urgent] [during SCHEDULE]")
@dataclass(frozen=True)
class Forward:
    """Send the object, as it stands at this point of the chain, to one or more destinations.

    Each destination has an outbox of its own: one that is down delays no other. It is tried again, less and less
    often, until the destination's patience ends (three days where it says nothing); then `on failure` takes over.

    An `urgent` one goes before everything else that waits for that destination. Otherwise each sender has its turn, so
    that a large study of one does not keep the others waiting.

    With `during`, it is sent only while that window of time is open, and waits until then; the patience does not
    count while it is closed. Taking in never waits.

        on port 11112 → forward PACS
        on port 11112 where Modality = MR → forward PACS, READER
        on port 11112 where StudyDescription contains "stroke" → forward PACS urgent
        on port 11112 → forward PACS during nights
    """

    destinations: Destinations
    urgent: bool = False
    schedule: ScheduleName | None = None

    def apply(self, obj: Object, bench: Workbench) -> Deliver:
        """One promise for each destination."""
        note = {"urgent": "yes"} if self.urgent else {}
        if self.schedule is None:
            return Deliver(obj, self.destinations.names, (), note)
        [name] = self.schedule.names
        schedule = bench.program.schedule(name)
        if schedule is None:
            raise KeyError(name)  # the compiler has seen to it
        return Deliver(obj, self.destinations.names, (), note | {"during": name, "window": str(schedule.window)})
