"""review: a person looks at what was cleaned, and lets it go on or not."""

from dataclasses import dataclass
from hashlib import blake2b

from engine.cleaning import PIXELS, Cleaning
from engine.device import DEVICE, Device, Known
from engine.keeping import Few
from engine.object import Object
from engine.parameters import Count
from engine.step import Gather, Workbench, step


@step("review [first NUMBER of each device] [one of COUNT]")
@dataclass(frozen=True)
class Review:
    """Hold the object until a person has looked at it: approved, it goes on; rejected, it stays in the hold.

    What stands in front of it is done already. What stands behind it is done when the object is approved, with the
    object as it stood here and by the rules that took it in, as if there had been no `review`.
    Rejected, it is held as it was received: mend the rules, release it, and it is cleaned anew.
    [How to review](../review.md).

    `one of 20` lets most go on at once and holds about one of twenty, chosen by the SOP Instance UID: the same
    image is always chosen, or never.

    `first 20 of each device` holds the images of a device until twenty of them have been approved and none was rejected
    since; then its images go on at once, or of them `one of` so many is held. A device is what Manufacturer,
    Manufacturer's Model Name, Station Name and Software Versions say, as received: new software is a new device.
    Without the first two no device is known, and each image is held.
    [What counts](../review.md#the-first-images-of-each-device).

        on port 26230 → anonymize-pixels → review → forward PACS
        on port 26230 → anonymize-pixels → anonymize → review one of 20 → forward PACS
        on port 26230 → anonymize-pixels → anonymize → review first 20 of each device one of 50 → forward PACS
    """

    number: Few | None = None
    count: Count | None = None

    def apply(self, obj: Object, bench: Workbench) -> Object | Gather:
        """The object itself where it is not chosen."""
        known = None if self.number is None else _known(obj)
        every = self.number is None and self.count is None
        fresh = self.number is not None and (known is None or bench.approved(known.key) < self.number.number)
        if not (every or fresh or (self.count is not None and _is_chosen(obj, self.count.number))):
            return obj
        done = obj.cleaning if obj.cleaning is not None else Cleaning()
        note = {PIXELS: done.to_text()} | ({} if known is None else {DEVICE: known.to_text()})
        return Gather("review", "", 0.0, "image has been approved by a person", note)


def _known(obj: Object) -> Known | None:
    """What is counted by what becomes of the object: its device, cleaned in this way."""
    device = Device.of(obj.as_received)
    sources = obj.cleaning.sources if obj.cleaning is not None else ()
    return None if device is None else Known(device, tuple(sorted(obj.cleared)), tuple(sorted(sources)))


def _is_chosen(obj: Object, of: int) -> bool:
    uid = obj.header.first("SOPInstanceUID")
    return int.from_bytes(blake2b(uid.encode(), digest_size=8).digest(), "big") % of == 0
