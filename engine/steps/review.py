"""review: a person looks at what was cleaned, and lets it go on or not."""

from dataclasses import dataclass
from hashlib import blake2b

from engine.cleaning import PIXELS, Cleaning
from engine.object import Object
from engine.parameters import Count
from engine.step import Gather, Workbench, step


@step("review [one of COUNT]")
@dataclass(frozen=True)
class Review:
    """Hold the object until a person has looked at it: approved, it goes on; rejected, it stays in the hold.

    What stands in front of it is done already. What stands behind it is done when the object is approved, with the
    object as it stood here and by the rules that took it in, as if there had been no `review`.
    Rejected, it is held as it was received: mend the rules, release it, and it is cleaned anew.
    [How to review](../review.md).

    `one of 20` lets most go on at once and holds about one of twenty, chosen by the SOP Instance UID: the same
    image is always chosen, or never.

        on port 26230 → anonymize-pixels → review → forward PACS
        on port 26230 → anonymize-pixels → anonymize → review one of 20 → forward PACS
    """

    count: Count | None = None

    def apply(self, obj: Object, bench: Workbench) -> Object | Gather:
        """The object itself where it is not chosen."""
        if self.count is not None and not _is_chosen(obj.header.first("SOPInstanceUID"), self.count.number):
            return obj
        done = obj.cleaning if obj.cleaning is not None else Cleaning()
        return Gather("review", "", 0.0, "image has been approved by a person", {PIXELS: done.to_text()})


def _is_chosen(uid: str, of: int) -> bool:
    return int.from_bytes(blake2b(uid.encode(), digest_size=8).digest(), "big") % of == 0
