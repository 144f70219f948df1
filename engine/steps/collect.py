"""collect: wait until a study or a series is complete; the rest of the chain is one run for all of it."""

from dataclasses import dataclass

from engine.errors import Never
from engine.object import Object
from engine.parameters import Asked, Late, NumberTag, Time, Unit
from engine.step import Gather, Hold, Workbench, step
from engine.tags import Path

_MOST = 10_000_000
"""A number of images that nobody has; what says so is not believed."""


@step("collect UNIT quiet QUIET [released] [count TAG] [ask DESTINATION] [late LATE]")
@dataclass(frozen=True)
class Collect:
    """Wait until nothing more of the study (or the series) has come for a while; then the chain goes on with all of it.

    What stands behind it is decided for the whole study at once: if one image cannot be cleaned, none is sent, and all
    take `on failure` or are held. What stands in front of it has gone already.
    An `await` behind it waits for what stands between the two; a mail behind it tells of the whole chain.

    The quiet time is the longest wait. It goes on sooner with `released`, when the association has ended on which it
    came; with `count`, when as many objects have come as the tag says; with `ask`, when as many have come as the
    destination has of it (it is asked when half of the quiet time is over). Where it is known that more should come,
    the end of an association is not enough; what is missing when the quiet time is over is named in the mail.

    What comes after the rest has gone on is collected by itself (`late again`, as without the word), goes on at once
    (`late add`), or is held (`late hold`).

        on port 11112 → collect study quiet 2 minutes → forward PACS
        on port 11112 → store by PatientID → collect series quiet 30 seconds → mail admin
        on port 11112 → collect study quiet 10 minutes released late add → forward PACS
        on port 11112 → collect study quiet 5 minutes count NumberOfStudyRelatedInstances ask PACS → mail admin
    """

    unit: Unit
    quiet: Time
    released: bool = False
    tag: NumberTag | None = None
    destination: Asked | None = None
    late: Late | None = None

    def apply(self, obj: Object, bench: Workbench) -> Gather | Hold:
        """What it is collected with; held where the object does not say to what it belongs."""
        uid = obj.header.first(self.unit.uid)
        if not uid:
            return Hold(f"it has no {self.unit.uid}, so nothing says which {self.unit.name} it belongs to")
        note = {"sop": obj.header.first("SOPInstanceUID"), "quiet words": str(self.quiet.duration)}
        words = [f"{self.unit.name} has been quiet for {self.quiet.duration}"]
        if self.released:
            note["released"] = "yes"
            words.append("its association has ended")
        if self.tag is not None:
            note |= _said(obj, self.tag.path)
            words.append(f"as many have come as its {self.tag.path} says")
        if self.destination is not None:
            [note["ask"]] = self.destination.names
            words.append(f"as many have come as {note['ask']} has")
        if self.late is not None:
            note["late"] = self.late.what
        return Gather(self.unit.name, uid, self.quiet.duration.seconds, ", or ".join(words), note)


def _said(obj: Object, path: Path) -> dict[str, str]:
    """How many objects there are to be, as the object says; nothing where it does not, or nobody can read it."""
    try:
        said = next(iter(obj.header.values(path)), "")
    except Never:
        return {}
    return {"expected": said} if said.isdecimal() and 0 < int(said) < _MOST else {}
