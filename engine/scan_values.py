"""The values of one encoded attribute as text, exactly as pydicom reads them. A part of engine.scan, as pure as it.

What is plain (ASCII, whole numbers) is read here, in a microsecond; everything else pydicom's own converter reads, of
this one value. It must not know where in an object the value stands.
"""

import re
import struct
from functools import lru_cache

from pydicom.charset import convert_encodings, python_encoding
from pydicom.datadict import dictionary_VR, private_dictionary_VR
from pydicom.dataelem import DataElement, RawDataElement, convert_raw_data_element
from pydicom.multival import MultiValue
from pydicom.tag import BaseTag
from pydicom.valuerep import PersonName

Encodings = str | list[str]
"""Names of Python's codecs for text, as pydicom wants them."""

DEFAULT: Encodings = "iso8859"
"""The codec where an object declares no character set: what pydicom takes for the default repertoire."""

_PLAIN = bytes([0, *range(0x20, 0x7F)])
"""Bytes that mean the same in every character set of PS3.3 section C.12.1.1.2, outside of escape sequences."""

_SINGLE = frozenset({"LT", "ST", "UT", "UR"})
_SEVERAL = frozenset({"AE", "AS", "CS", "DA", "DT", "LO", "PN", "SH", "TM", "UC", "UI"})
_NUMBERS = {"DS": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,2})?", re.ASCII), "IS": re.compile(r"[+-]?\d+")}
_LONGEST = {"DS": 16, "IS": 12}
_BINARY = {
    "FD": struct.Struct("<d"),
    "FL": struct.Struct("<f"),
    "SL": struct.Struct("<i"),
    "SS": struct.Struct("<h"),
    "SV": struct.Struct("<q"),
    "UL": struct.Struct("<I"),
    "US": struct.Struct("<H"),
    "UV": struct.Struct("<Q"),
}
_AMBIGUOUS = " or "
_NO_STANDALONE = frozenset({"ISO_IR 192", "GBK", "GB18030"})
"""Character sets without code extensions: pydicom mends what declares them together with others."""


class Unsure(Exception):
    """The bytes leave a question open, and pydicom must be asked."""


def plain(element: DataElement) -> list[str]:
    """The values of an attribute as pydicom has read it, as text without padding; none where it is empty."""
    value = element.value
    if value is None:
        return []
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    texts = [_text(single) for single in values]
    return [] if texts == [""] else texts


def _text(value: object) -> str:
    if isinstance(value, bytes):
        # Binary, or an unknown VR (private elements in Implicit VR): text if it reads as text, but never missing.
        text = value.decode("ascii").strip(" \0") if value.isascii() else ""
        return text or ("…" if value else "")
    # Numbers as the file writes them; a person's name keeps its undecoded bytes under the same name.
    original = None if isinstance(value, PersonName) else getattr(value, "original_string", None)
    return (str(original) if original else str(value)).strip(" \0")


def is_plain(value: bytes) -> bool:
    """Whether it reads the same in every character set."""
    return not value.translate(None, _PLAIN)


def texts(number: int, vr: str, value: bytes, encodings: Encodings) -> list[str]:
    """The values of an attribute (group and element as one number) of this VR, none where it is empty.

    Raises Unsure for what pydicom could not convert either: it says what is wrong with it.
    """
    if not value:
        return []
    if is_plain(value):
        text = value.decode("ascii")
        if vr in _SEVERAL:
            # A name of several component groups loses its empty ones at the end: that is for pydicom.
            if vr != "PN" or "=" not in text:
                found = [single.strip(" \0") for single in text.split("\\")] if "\\" in text else [text.strip(" \0")]
                return [] if found == [""] else found
        elif vr in _SINGLE:
            text = text.strip(" \0")
            return [text] if text else []
        elif vr in _NUMBERS:
            found = [single.strip(" ") for single in text.split("\\")]
            if all(len(one) <= _LONGEST[vr] and _NUMBERS[vr].fullmatch(one) for one in found):
                return found
    if vr == "US" and len(value) == 2:
        return [str(value[0] | value[1] << 8)]
    if vr in _BINARY and number >> 16 != 0x0028 and not len(value) % _BINARY[vr].size:
        # Not of the image's own group: pydicom mends lookup table descriptors there.
        return [str(one) for (one,) in _BINARY[vr].iter_unpack(value)]
    return _as_pydicom(number, vr, value, encodings)


def _as_pydicom(number: int, vr: str, value: bytes, encodings: Encodings) -> list[str]:
    """What pydicom's converter makes of this one value."""
    raw = RawDataElement(BaseTag(number), vr, len(value), value, 0, False, True)
    try:
        return plain(convert_raw_data_element(raw, encoding=encodings))
    except Exception as error:
        if isinstance(error, MemoryError):
            raise
        raise Unsure from None


@lru_cache(maxsize=256)
def encodings_of(value: bytes) -> Encodings:
    """The codecs that a Specific Character Set (0008,0005) stands for. Raises Unsure for what it should not hold."""
    names = value.decode("latin-1").rstrip(" \0").split("\\")
    if any(name not in python_encoding for name in names) or (len(names) > 1 and _NO_STANDALONE.intersection(names)):
        raise Unsure
    return convert_encodings(names)


@lru_cache(maxsize=4096)
def vr_of(number: int, written: str, creator: str) -> str:
    """The VR that pydicom takes: as written, or by the dictionary where the file leaves it open (empty or UN).

    Raises Unsure where it depends on more than this: on other attributes, or on a creator that is not known.
    """
    if written not in ("", "UN"):
        return written
    private = number >> 16 & 1
    try:
        if not private:
            vr = dictionary_VR(number)
        elif 0x10 <= number & 0xFFFF < 0x100:
            vr = "LO"
        elif creator:
            vr = private_dictionary_VR(number, creator)
        else:
            raise Unsure
    except KeyError:
        if not private:
            raise Unsure from None
        vr = "UN"
    if _AMBIGUOUS in vr or (written == "UN" and vr == "SQ"):
        raise Unsure
    return vr
