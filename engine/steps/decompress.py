"""decompress: take the compression of an image away."""

from dataclasses import dataclass

from engine.errors import Never
from engine.object import Object
from engine.step import Hold, Workbench, step
from engine.syntaxes import EXPLICIT_LITTLE


@step("decompress")
@dataclass(frozen=True)
class Decompress:
    """Take the compression of the image away: it becomes explicit little endian, which every program reads.

    Colours of JPEG images become RGB. What has no compressed pixels is only written in explicit little endian. Video,
    and what cannot be decoded, is held.

        on port 11112 → decompress → forward PACS
        on port 11112 where Modality = US → decompress → store by PatientID
    """

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object in it, or the reason why it cannot be brought into it."""
        try:
            return bench.transcode(obj, EXPLICIT_LITTLE)
        except Never as refusal:
            return Hold(refusal.reason)
