"""Values that mean nothing, valid for their VR (PS3.5 6.2), and how an element is encoded. Must not know the table."""

import re
import struct
from datetime import date, timedelta

SHORT = frozenset(b"AE AS AT CS DA DS DT FD FL IS LO LT PN SH SL SS ST TM UI UL US".split())
LONG = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
"""VRs whose length in Explicit VR has two bytes, and four behind two of nothing (PS3.5 7.1.2)."""

WORD = "REMOVED"
"""What stands where a text must not be empty."""

DUMMIES = {
    **dict.fromkeys((b"AE", b"CS", b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"), WORD.encode()),
    b"UR": b"urn:removed",
    b"AS": b"000Y",
    b"DA": b"19000101",
    b"DT": b"19000101000000",
    b"TM": b"000000",
    **dict.fromkeys((b"DS", b"IS"), b"0"),
    **dict.fromkeys((b"US", b"SS", b"OB", b"OW", b"UN"), bytes(2)),
    **dict.fromkeys((b"UL", b"SL", b"FL", b"OF", b"OL", b"AT"), bytes(4)),
    **dict.fromkeys((b"FD", b"OD", b"SV", b"UV", b"OV"), bytes(8)),
    b"UI": b"2.25.0",
}

_DATE = re.compile(r"(\d{4})(\d\d)(\d\d)|(\d{4})\.(\d\d)\.(\d\d)")
_MOMENT = re.compile(r"(\d{4})(\d\d)(\d\d)(.*)")


def replacement(vr: bytes, code: str) -> bytes:
    """What is written for a value by the action Z, or D: unpadded."""
    return b"" if code == "Z" else DUMMIES.get(vr, b"")


def padded(value: bytes, padding: bytes = b" ") -> bytes:
    """With an even length."""
    return value + padding if len(value) % 2 else value


def head_of(tag: int, vr: bytes, length: int, explicit: bool, order: str) -> bytes:
    """The tag, VR and length of an element."""
    if not explicit:
        return struct.pack(order + "HHL", tag >> 16, tag & 0xFFFF, length)
    if vr in LONG:
        return struct.pack(order + "HH2sHL", tag >> 16, tag & 0xFFFF, vr, 0, length)
    return struct.pack(order + "HH2sH", tag >> 16, tag & 0xFFFF, vr, length)


def encode(tag: int, vr: bytes, value: bytes, explicit: bool, order: str) -> bytes:
    """A whole element. The value gets its padding."""
    value = padded(value, b"\0" if vr in (b"UI", b"OB", b"UN") else b" ")
    return head_of(tag, vr, len(value), explicit, order) + value


def shifted(vr: bytes, text: str, days: int) -> str | None:
    """A DA or DT, of one value or several, by so many days; None where one is no full date, or leaves the calendar."""
    moved = []
    for one in text.split("\\"):
        found = _DATE.fullmatch(one.strip()) if vr == b"DA" else _MOMENT.fullmatch(one.strip())
        if found is None:
            if one.strip():
                return None
            moved.append("")
            continue
        parts = [part for part in found.groups()[: 6 if vr == b"DA" else 3] if part]
        try:
            day = date(*map(int, parts)) + timedelta(days)
        except (ValueError, OverflowError):
            return None
        moved.append(f"{day.year:04}{day.month:02}{day.day:02}" + (found[4] if vr == b"DT" else ""))
    return "\\".join(moved)
