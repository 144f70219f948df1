"""Small data sets that are written and read by us: queries, commitments. Between bytes and pydicom's Dataset.

Never used for images. What cannot be read is a ValueError without a word of what stands there.
"""

import io
from collections.abc import Iterable

from pydicom import Dataset
from pydicom.config import IGNORE
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_dataset
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from engine.dicom.negotiate import IMPLICIT_LITTLE


def encode(dataset: Dataset, syntax: str) -> bytes:
    """The bytes, in implicit or explicit little endian."""
    data = DicomBytesIO()
    data.is_little_endian, data.is_implicit_VR = True, syntax == IMPLICIT_LITTLE
    write_dataset(data, dataset)
    return bytes(data.getvalue())


def decode(data: bytes, syntax: str) -> Dataset:
    """What `encode` wrote, or a peer. ValueError."""
    try:
        read = read_dataset(io.BytesIO(data), syntax == IMPLICIT_LITTLE, True)
        for _ in read.iterall():
            pass  # it is decoded on the way, so that whatever is wrong shows here
    except (ValueError, TypeError, LookupError, AttributeError, EOFError, OSError, NotImplementedError):
        raise ValueError("an answer cannot be read") from None
    return read


def uid(text: str) -> UID:
    """A UID as it came, also where it is none that the standard would have."""
    return UID(text, validation_mode=IGNORE)


def text(dataset: Dataset, keyword: str) -> str:
    """One value as text; empty where there is none."""
    return str(dataset.get(keyword, "") or "").strip("\0 ")


def number(dataset: Dataset, keyword: str, otherwise: int) -> int:
    """One value as a number."""
    value = dataset.get(keyword)
    return value if isinstance(value, int) else otherwise


def items(dataset: Dataset, keyword: str) -> Iterable[Dataset]:
    """The items of a sequence; none where it is none."""
    value = dataset.get(keyword)
    return value if isinstance(value, Iterable) and not isinstance(value, str | bytes) else ()
