"""What happens when work on pixels fails: what codecs and parsers raise on damaged input becomes `Unclean`, and no file
is left behind. The one place for both. Must not know what they do."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EINVAL
from pathlib import Path

from pydicom.errors import BytesLengthException, InvalidDicomError

from engine.errors import Unclean

# imagecodecs' errors are RuntimeErrors. Not OSError: a full disk says nothing about the image.
_DAMAGE = (
    ArithmeticError, AssertionError, AttributeError, BufferError, BytesLengthException, EOFError, InvalidDicomError,
    LookupError, MemoryError, NotImplementedError, RuntimeError, TypeError, ValueError, struct.error, zlib.error,
)  # fmt: skip


@contextmanager
def damage_is_unclean() -> Iterator[None]:
    """Turn what codecs and parsers raise into `Unclean`. Their own words are dropped: they may quote values."""
    try:
        yield
    except _DAMAGE as error:
        raise Unclean(f"the object is damaged or its pixels are not as it says ({type(error).__name__})") from None
    except OSError as error:
        if error.errno != EINVAL:  # an impossible offset, from a damaged length
            raise
        raise Unclean("the object is damaged: an impossible length") from None


@contextmanager
def nothing_left_behind(target: Path) -> Iterator[None]:
    """Remove the file that is being written where writing or proving it fails, whatever the reason."""
    try:
        yield
    except BaseException:
        target.unlink(missing_ok=True)
        raise
