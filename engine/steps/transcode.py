"""transcode: bring an object into a transfer syntax, without loss."""

from dataclasses import dataclass

from engine.errors import Never
from engine.object import Object
from engine.step import Hold, Workbench, step
from engine.syntaxes import AnySyntax


@step("transcode SYNTAX")
@dataclass(frozen=True)
class Transcode:
    """Bring the object into a transfer syntax, without loss: each sample is compared with what it was.

    implicit-little-endian, explicit-little-endian, deflated-little-endian, RLE-lossless, JPEG-lossless,
    JPEG-LS-lossless, JPEG-2000-lossless or HTJ2K-lossless. What is in it already passes unchanged, and so does what
    has no pixels where they should be compressed. Video, floating-point pixels that should be compressed, damaged
    images and those that the transfer syntax cannot hold are held.

        on port 11112 → transcode JPEG-2000-lossless → store by PatientID
        on port 11112 → transcode explicit-little-endian → forward PACS
    """

    syntax: AnySyntax

    def apply(self, obj: Object, bench: Workbench) -> Object | Hold:
        """The object in it, or the reason why it cannot be brought into it."""
        try:
            return bench.transcode(obj, self.syntax.uid)
        except Never as refusal:
            return Hold(refusal.reason)
