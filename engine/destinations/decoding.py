"""Compressed objects for a DICOM node that takes them only without compression: decoded in the pixel worker.

Never into a compressed transfer syntax, and so never with a loss of its own. Must not know associations.
"""

from collections.abc import Callable
from pathlib import Path

from engine.errors import Later, Never
from engine.pixels.codecs import CODECS
from engine.worker import PixelWorker

LONGEST = 300.0
"""Seconds that one object may take while its association waits."""


class Decoding:
    """As engine.dicom.send.Decoder. `new_file` answers a name that nobody else has."""

    syntaxes = frozenset(CODECS)

    def __init__(self, new_file: Callable[[], Path], longest: float = LONGEST) -> None:
        self._new_file, self._worker = new_file, PixelWorker(longest)

    def decode(self, path: Path, syntax: str, stop: Callable[[], bool]) -> Path:
        """A new file in this transfer syntax, proved. Raises Never; or Later: for our disk, or at a stop."""
        target = self._new_file()
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

    def close(self) -> None:
        """End the process that decodes."""
        self._worker.close()
