"""Compressed objects for a DICOM node that takes them only without compression: decoded in the pixel worker.

Never into a compressed transfer syntax, and so never with a loss of its own. Must not know associations.
"""

from collections.abc import Callable
from pathlib import Path

from engine.disk import space
from engine.errors import Later, Never
from engine.header import Header
from engine.pixels.codecs import CODECS
from engine.worker import PixelWorker

LONGEST = 300.0
"""Seconds that one object may take while its association waits."""


class Decoding:
    """As engine.dicom.send.Decoder. `new_file` answers a name that nobody else has.

    least_mb: of the disk, in MB, that must stay free beside what is decoded.
    """

    syntaxes = frozenset(CODECS)

    def __init__(self, new_file: Callable[[], Path], longest: float = LONGEST, least_mb: int = 0) -> None:
        self._new_file, self._worker, self._least_mb = new_file, PixelWorker(longest), least_mb

    def decode(self, path: Path, syntax: str, stop: Callable[[], bool]) -> Path:
        """A new file in this transfer syntax, proved. Raises Never; or Later: for our disk, or at a stop."""
        target = self._new_file()
        self._refuse_without_room(path, target.parent)
        try:
            written = self._worker.transcode(path, target, syntax, stop).written
        except OSError as error:
            why = error.strerror or type(error).__name__
            raise Later(
                f"it cannot be decoded now, as the disk of this machine fails: {why}; make room, or look into it"
            ) from None
        if not written:
            raise Never("there is nothing to decode")
        return target

    def _refuse_without_room(self, path: Path, folder: Path) -> None:
        """Received images need the disk more than those that are only brought into another form."""
        needs, found = decoded_bytes(path) >> 20, space(folder)
        if found is not None and found.free_mb - needs < self._least_mb:
            raise Later(
                f"it cannot be decoded now: that takes {needs} MB of disk, {found.free_mb} are free on this machine,"
                f" and {self._least_mb} must stay free; make room"
            )

    def close(self) -> None:
        """End the process that decodes."""
        self._worker.close()


def decoded_bytes(path: Path) -> int:
    """How many bytes its pixels take without compression; 0 where its header does not say it (PS3.3 C.7.6.3)."""
    header = Header.read(path)
    try:
        rows, columns, samples, bits = (
            int(header.first(name)) for name in ("Rows", "Columns", "SamplesPerPixel", "BitsAllocated")
        )
        return rows * columns * samples * -(-bits // 8) * int(header.first("NumberOfFrames") or 1)
    except (ValueError, Never):
        return 0
