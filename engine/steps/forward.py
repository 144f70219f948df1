"""forward: send the object to one or more destinations."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Destinations
from engine.step import Deliver, Workbench, step


@step("forward DESTINATIONS")
@dataclass(frozen=True)
class Forward:
    """Send the object, as it stands at this point of the chain, to one or more destinations.

    Each destination has an outbox of its own: one that is down delays no other. It is tried again, less and less
    often, until the destination's patience ends (three days where it says nothing); then `on failure` takes over.

        on port 11112 → forward PACS
        on port 11112 where Modality = MR → forward PACS, READER
    """

    destinations: Destinations

    def apply(self, obj: Object, bench: Workbench) -> Deliver:
        """One promise for each destination."""
        return Deliver(obj, self.destinations.names)
