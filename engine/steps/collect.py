"""collect: wait until a study or a series is complete; the rest of the chain is one run for all of it."""

from dataclasses import dataclass

from engine.object import Object
from engine.parameters import Time, Unit
from engine.step import Gather, Hold, Workbench, step


@step("collect UNIT quiet QUIET")
@dataclass(frozen=True)
class Collect:
    """Wait until nothing more of the study (or the series) has come for a while; then the chain goes on with all of it.

    What stands behind it is decided for the whole study at once: if one image cannot be cleaned, none is sent, and all
    take `on failure` or are held. What stands in front of it has gone already. What comes later is collected by itself.
    An `await` behind it waits for what stands between the two; a mail behind it tells of the whole chain.

        on port 11112 → collect study quiet 2 minutes → forward PACS
        on port 11112 → store by PatientID → collect series quiet 30 seconds → mail admin
    """

    unit: Unit
    quiet: Time

    def apply(self, obj: Object, bench: Workbench) -> Gather | Hold:
        """What it is collected with; held where the object does not say to what it belongs."""
        uid = obj.header.first(self.unit.uid)
        if not uid:
            return Hold(f"it has no {self.unit.uid}, so nothing says which {self.unit.name} it belongs to")
        return Gather(self.unit.name, uid, self.quiet.duration.seconds, f"{self.unit.name} quiet {self.quiet.duration}")
