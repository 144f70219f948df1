"""compress: make an image smaller, without loss."""

from dataclasses import dataclass

from engine.errors import Never
from engine.object import Object
from engine.step import Hold, Workbench, step
from engine.syntaxes import CompressedSyntax


@step("compress SYNTAX")
@dataclass(frozen=True)
class Compress:
    """Make the image smaller, without loss: each sample is compared with what it was.

    RLE-lossless, JPEG-lossless, JPEG-LS-lossless, JPEG-2000-lossless or HTJ2K-lossless. What has no pixels passes
    unchanged; what cannot be compressed so is held.

        on port 11112 → compress JPEG-LS-lossless → store by PatientID
        on port 11112 where Modality = US → compress RLE-lossless → forward PACS
    """

    syntax: CompressedSyntax

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object in it, or the reason why it cannot be brought into it."""
        try:
            return bench.transcode(obj, self.syntax.uid)
        except Never as refusal:
            return Hold(refusal.reason)
