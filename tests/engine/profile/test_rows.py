"""Every row of Table E.1-1, by generation: one object with all attributes, at the top and in items; every option."""

import struct
from datetime import date
from pathlib import Path

import pytest

from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import OPTIONS, Policy
from engine.profile.table import ROWS, SEALED, TEXT, kind_of, vr_of
from engine.profile.values import DUMMIES
from tests.engine.profile.kit import BIG, CT, DEFLATED, EXPLICIT, IMPLICIT, SR, Element, file, values

KEYED = Keyed(b"k" * 32)
HOLDER = 0x00409096
"""Real World Value Mapping Sequence: no row, so its items are gone through."""

BLANK = frozenset(DUMMIES.values())
BINARY = {"US": 2, "SS": 2, "UL": 4, "SL": 4, "FL": 4, "FD": 8, "OB": 8, "OW": 8, "UN": 8, "OF": 8, "OD": 8, "AT": 4}


def value(tag: int, vr: str) -> bytes:
    """A value that is this attribute's alone."""
    number = f"{tag:08x}".upper()
    plain = {
        "PN": f"Qq{number}^Jj{number}".encode(),
        "UI": b"1.2.276.0.77.%d" % tag,
        "DA": b"%04d%02d%02d" % (1930 + tag % 70, tag % 12 + 1, tag % 28 + 1),
        "DT": b"%04d%02d%02d0102+0100" % (1930 + tag % 70, tag % 12 + 1, tag % 28 + 1),
        "TM": b"0102%02d" % (tag % 60),
        "AS": b"0%02dY" % (tag % 100),
        "DS": b"7.25",
        "IS": b"77",
    }
    if vr in plain:
        return plain[vr]
    if vr in BINARY:
        return struct.pack("<L", tag)[: BINARY[vr]].ljust(BINARY[vr], b"\x01")
    return b"Kk" + number.encode() if vr in TEXT else b"K" + number.encode()


def element(tag: int) -> Element:
    """The attribute with a value, or with an item that says who it is about."""
    vr = vr_of(tag)
    if vr == "SQ":
        return tag, vr, [[(0x00080100, "SH", b"C%08X" % tag), (0x0040A123, "PN", b"Nn%08X" % tag)]]
    return tag, vr, value(tag, vr)


def all_rows() -> list[Element]:
    """Every attribute of the table that may stand in a data set, and what is sealed."""
    known = [tag for tag in {*ROWS, *SEALED} if vr_of(tag) and 0x0008 <= tag >> 16 < 0xFFFA]
    return [
        *map(element, known),
        (0x50000010, "US", b"\1\0"),
        (0x50003000, "OW", b"Curve of Sample"),
        (0x60000010, "US", b"\1\0"),
        (0x60000022, "LO", b"Overlay of Sample"),
        (0x60003000, "OW", b"Overlay data"),
        (0x60004000, "LO", b"Overlay comment"),
        (0x00090010, "LO", b"ACME 1.1"),
        (0x00091001, "LO", b"Private of Sample"),
        (0x00091002, "SQ", [[(0x00100010, "PN", b"Private^Person")]]),
    ]


def markers(elements: list[Element]) -> dict[bytes, int]:
    """What must not be found any more, and where it was: values of attributes that identify somebody."""
    return {
        data: tag for tag, _, data in elements if isinstance(data, bytes) and kind_of(tag) and kind_of(tag) != "date"
    }


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "after.dcm"


@pytest.mark.parametrize("sop_class", [CT, SR, "1.2.3.4"])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED])
def test_no_row_is_left_as_it_was(tmp_path: Path, target: Path, syntax: str, sop_class: str) -> None:
    rows = all_rows()
    holder: Element = (HOLDER, "SQ", [[*rows, (HOLDER, "SQ", [rows])]])
    source = file(tmp_path / "before.dcm", [*rows, holder], syntax=syntax, sop_class=sop_class, undefined=syntax == BIG)
    deidentify(source, target, Policy(), KEYED)
    after = values(target)
    ways: tuple[tuple[int, ...], ...] = ((), (HOLDER,), (HOLDER, HOLDER))
    for tag, vr, before in rows:
        row = ROWS.get(tag)
        for way in ways:
            now = after.get((*way, tag), b"absent")
            if row is None or row.basic == "X":
                assert now == b"absent", f"{tag:08x}"
            elif row.basic == "X/Z/U*":
                continue  # with its items, see below
            elif vr == "SQ":
                below = [data for other, data in after.items() if other[:-1] == (*way, tag)]
                assert all(data in BLANK or not data for data in below), f"{tag:08x}"
            elif row.basic == "U":
                assert isinstance(before, bytes)
                assert now == KEYED.uid(before.decode()).encode(), f"{tag:08x}"
            else:
                allowed = {b"", *BLANK, *([b"absent"] if "X" in row.basic else [])}
                assert now is not None
                assert now.rstrip(b" \0") in allowed | {b"\0"}, f"{tag:08x}"
    if syntax != DEFLATED:
        data = target.read_bytes()
        assert not [f"{tag:08x}" for marker, tag in markers(rows).items() if marker in data]
    assert (HOLDER, HOLDER, 0x0020000D) in after


def test_what_is_empty_stays_empty_or_goes(tmp_path: Path, target: Path) -> None:
    rows: list[Element] = [
        (tag, vr, [] if vr == "SQ" else b"") for tag, vr, _ in all_rows() if tag >> 24 not in (0x50, 0x60)
    ]
    deidentify(file(tmp_path / "before.dcm", rows), target, Policy(), KEYED)
    after = values(target)
    for tag, _, _ in rows:
        assert not after.get((tag,)), f"{tag:08x}"
        if tag not in ROWS or ROWS[tag].basic == "X":
            assert (tag,) not in after, f"{tag:08x}"


@pytest.mark.parametrize("option", sorted(set(OPTIONS) - {"clean-graphics"}))
def test_an_option_keeps_what_the_table_says_and_nothing_else(tmp_path: Path, target: Path, option: str) -> None:
    rows = [one for one in all_rows() if one[0] in ROWS]
    source = file(tmp_path / "before.dcm", [*rows, (HOLDER, "SQ", [rows])], undefined=True)
    report = deidentify(source, target, Policy(frozenset({option})), KEYED)
    deidentify(source, plain := tmp_path / "plain.dcm", Policy(), KEYED)
    after, without, before = values(target), values(plain), values(source)
    days = KEYED.days(str(values(source)[(0x00100020,)], "ascii"))  # type: ignore[arg-type]
    for tag, vr, _ in rows:
        for way in ((tag,), (HOLDER, tag)):
            action = ROWS[tag].options.get(option)
            if vr == "SQ":
                assert (way in after) == (way in without or action is not None), f"{tag:08x}"
            elif action == "K" or (action == "C" and (vr in TEXT or vr == "TM")):
                assert after[way] == before[way], f"{tag:08x}"
            elif action == "C" and vr in ("DA", "DT"):
                now, then = after[way], before[way]
                assert now is not None
                assert then is not None
                assert now[8:] == then[8:]
                assert _day(now) - _day(then) == days, f"{tag:08x}"
            else:
                assert after.get(way, b"absent") == without.get(way, b"absent"), f"{tag:08x}"
    assert report.options == (option,)


def _day(value: bytes) -> int:
    return date(int(value[:4]), int(value[4:6]), int(value[6:8])).toordinal()
