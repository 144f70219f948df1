"""Encoded objects for tests, good ones and bad ones, byte by byte: hypothesis strategies for a DICOM file.

What a well-behaved writer would never write is made on purpose here: VRs that are not the attribute's, texts in
character sets that are not declared, lengths that lie. It must not know who reads them.
"""

import struct
from dataclasses import dataclass

from hypothesis import strategies as st
from pydicom.datadict import dictionary_VR

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
SYNTAXES = (EXPLICIT, IMPLICIT, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5")
UNDEFINED = 0xFFFFFFFF
LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
VRS = (*sorted(LONG), *b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())

PRIVATE = (0x00090010, 0x00090011, 0x00091001, 0x00091002, 0x00091101, 0x00291010, 0x00290010, 0x00431028)
TAGS = (
    *(0x00080005, 0x00080008, 0x00080016, 0x00080018, 0x00080020, 0x00080030, 0x0008002A, 0x00080060, 0x00080080),
    *(0x00081030, 0x00081140, 0x0008010D, 0x00100010, 0x00100020, 0x00100030, 0x00101010, 0x00101030, 0x00104000),
    *(0x00101002, 0x00180015, 0x00181000, 0x00189004, 0x00189073, 0x0020000D, 0x00200013, 0x00200032, 0x00201041),
    *(0x00280010, 0x00280009, 0x00280106, 0x00281101, 0x00283002, 0x00400275, 0x0040A730, 0x00420011, 0x00700022),
    *(0x00720026, 0x00720070, 0x00720082, 0x0040E010, 0x00189087, 0x52009230, 0x60003000, 0x43211234, 0x00100000),
    *(0x00082112, 0x00189346, 0x7FE00001, 0x00041220, 0x00041500, *PRIVATE),
)
SEQUENCES = (0x00081140, 0x00082112, 0x00101002, 0x00400275, 0x0040A730, 0x52009230, 0x00091002)

CHARSETS = (
    *(b"ISO_IR 100", b"ISO_IR 192", b"ISO_IR 144", b"ISO_IR 13", b"GB18030", b"", b"ISO_IR 6", b"\\ISO 2022 IR 87"),
    *(b"ISO 2022 IR 6\\ISO 2022 IR 149", b"ISO 2022 IR 13\\ISO 2022 IR 87", b"\\ISO 2022 IR 159", b"ISO_IR 101"),
    *(b"ISO_IR 166", b"ISO 2022 IR 100\\ISO 2022 IR 126", b"iso-ir 100", b"SECRET", b"ISO_IR 192\\ISO 2022 IR 6"),
)
WORDS = (
    *(
        "Müller^Änne",
        "Sample^Anna",
        "Yamada^Tarou=山田^太郎=やまだ^たろう",
        "김희중",
        "Люкceмбypг",
        "A=B=",
        "==",
        "^^",
        " x ",
    ),
    *("ORIGINAL\\PRIMARY\\AXIAL", "1.2.840.10008.5.1.4", "20260331", "101530.25", "018Y", "70.5", "-12", "+7", "1e3"),
    *("70.5\\1\\-3", "4711", "1_000", "nan", "12.50000000000000000001", "2147483648000", "", " ", "\\", "a\\", "\0"),
    *("line\r\nnext", "~\x7f", "STELLWERK 1.0", "STELLWERK 2", "a\0b", "0x10", "1.0", "٣"),
)
CODECS = ("utf-8", "latin-1", "iso2022_jp", "euc_kr", "iso8859_5", "shift_jis", "gb18030")


@dataclass(frozen=True)
class File:
    """A file, the transfer syntax it names, and where its data set begins."""

    data: bytes
    syntax: str
    begins: int


def element(tag: int, vr: bytes, value: bytes, explicit: bool, length: int | None = None) -> bytes:
    """One element (PS3.5 section 7.1), little endian; length: another than its value's."""
    length = len(value) if length is None else length
    head = struct.pack("<HH", tag >> 16, tag & 0xFFFF)
    if not explicit:
        return head + struct.pack("<I", length) + value
    if vr in LONG:
        return head + vr + b"\0\0" + struct.pack("<I", length) + value
    return head + vr + struct.pack("<H", length & 0xFFFF) + value


def item(content: bytes, undefined: bool) -> bytes:
    """One item of a sequence (PS3.5 section 7.5)."""
    if undefined:
        return b"\xfe\xff\x00\xe0\xff\xff\xff\xff" + content + b"\xfe\xff\x0d\xe0\0\0\0\0"
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content)) + content


def sequence(tag: int, items: list[bytes], explicit: bool, undefined: bool) -> bytes:
    """A sequence of items."""
    content = b"".join(items)
    if undefined:
        return element(tag, b"SQ", content + b"\xfe\xff\xdd\xe0\0\0\0\0", explicit, UNDEFINED)
    return element(tag, b"SQ", content, explicit)


def file_of(content: bytes, syntax: str) -> File:
    """A DICOM file (PS3.10 section 7.1) around a data set."""
    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = element(0x00020001, b"OB", b"\0\1", True) + element(0x00020010, b"UI", uid, True)
    before = bytes(128) + b"DICM" + element(0x00020000, b"UL", struct.pack("<I", len(meta)), True) + meta
    return File(before + content, syntax, len(before))


def _vr_of(tag: int) -> bytes:
    try:
        return dictionary_VR(tag)[:2].encode()
    except KeyError:
        return b"LO" if tag & 0xFFFF < 0x100 else b"UN"


@st.composite
def values(draw: st.DrawFn) -> bytes:
    """Texts in some encoding, or any bytes; padded or not."""
    if draw(st.booleans()):
        word = draw(st.sampled_from(WORDS))
        try:
            value = word.encode(draw(st.sampled_from(CODECS)))
        except UnicodeEncodeError:
            value = word.encode()
    else:
        value = draw(st.binary(max_size=12))
    return value + b" " * (len(value) % 2 and draw(st.booleans()))


@st.composite
def elements(draw: st.DrawFn, explicit: bool, depth: int, tags: tuple[int, ...]) -> bytes:
    """A few elements one after the other, mostly in order."""
    chosen = draw(st.lists(st.sampled_from(tags), min_size=(8, 3, 1, 0)[depth], max_size=20 - 5 * depth, unique=True))
    if draw(st.integers(0, 19)):
        chosen.sort()
    written = []
    for tag in chosen:
        vr = _vr_of(tag)
        odd = draw(st.integers(0, 24))
        if odd == 0:
            vr = draw(st.sampled_from((*VRS, b"UN", b"UN", b"ZZ", b"\0\0")))
        if tag in SEQUENCES and vr in (b"SQ", b"UN") and depth < 3 and odd != 1:
            inside = [
                item(draw(elements(explicit, depth + 1, tags)), draw(st.booleans()))
                for _ in range(draw(st.integers(0, 2)))
            ]
            written.append(sequence(tag, inside, explicit, draw(st.booleans())))
            continue
        if tag == 0x00080005:
            value = draw(st.sampled_from(CHARSETS))
            value += b" " * (len(value) % 2)
        elif tag & 0xFF0000 and tag >> 16 & 1 and tag & 0xFFFF < 0x100:
            value = draw(
                st.sampled_from((b"STELLWERK 1.0 ", b"STELLWERK 2 ", b"a\\b ", b"\xe9 ", b"SIEMENS CSA HEADER"))
            )
        elif vr in (b"US", b"SS") and odd != 2:
            value = draw(st.binary(min_size=2, max_size=2) | st.binary(min_size=6, max_size=6))
        elif vr in (b"UL", b"SL", b"FL", b"AT") and odd != 2:
            value = draw(st.binary(min_size=4, max_size=4))
        elif vr in (b"FD", b"SV", b"UV") and odd != 2:
            value = draw(st.binary(min_size=16, max_size=16))
        else:
            value = draw(values())
        length = draw(st.sampled_from((UNDEFINED, 0, 70_000, len(value) + 2))) if odd == 3 else None
        written.append(element(tag, vr, value, explicit, length))
    return b"".join(written)


@st.composite
def files(draw: st.DrawFn) -> File:
    """A DICOM file, whole or damaged."""
    syntax = draw(st.sampled_from(SYNTAXES))
    explicit = syntax != IMPLICIT
    content = draw(elements(explicit, 0, TAGS))
    if draw(st.booleans()):
        content += element(0x7FE00010, b"OW", bytes(32), explicit)
    file = file_of(content, syntax)
    data = draw(damaged(file.data, draw(st.sampled_from((0, 0, 0, 1, 2)))))
    return File(data, syntax, file.begins)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes, times: int) -> bytes:
    """These bytes, damaged behind the preamble: cut off, a byte or two changed, taken out or put in."""
    data = bytearray(whole)
    for _ in range(times):
        where = draw(st.integers(132, len(data)))
        match draw(st.integers(0, 3)):
            case 0:
                del data[where:]
            case 1:
                data[where : where + 1] = draw(st.binary(max_size=2))
            case 2:
                data[where : where + 2] = draw(st.sampled_from((b"\xff\xff", b"\xfe\xff", b"\0\0", b"SQ", b"UN")))
            case _:
                data[where:where] = b"\xfe\xff\x0d\xe0\0\0\0\0"
    return bytes(data)
