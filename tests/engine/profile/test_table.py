"""The tables as data: complete, of a named edition, and saying nothing that the code does not understand."""

import re

from engine.profile import table
from engine.profile.plan import CLASSES
from engine.profile.policy import CODES, OPTIONS

NEWER = (
    *("00081301", "00081302", "00081303", "00081304", "00100011", "00100012", "00100013", "00100014", "00100015"),
    *("00100016", "00100041", "00100042", "00100043", "00100044", "00100045", "00100046", "00100047", "00102161"),
    *("00102162", "00181010", "00181011", "00321033", "003a0020", "003a0203", "003a020c", "00400556", "0040a034"),
    *("0040a035", "0040b020", "0040b034", "0040b036", "0040b03b", "0040b03f", "0040e012", "00700006", "300a0054"),
)

CODE = re.compile(r"X|Z|D|U|X/Z|X/D|Z/D|X/Z/D|X/Z/U\*")


def test_every_row_of_the_edition_is_there() -> None:
    # 655 rows of the 2026c edition, with 50xx, 60xx3000 and 60xx4000 among them, and the one for all private attributes
    assert table.edition() == "2026c"
    assert len(table.ROWS) == 652
    assert len(table._BY_TAG) == 656
    assert {"50xxxxxx", "60xx3000", "60xx4000", "private"} <= table._BY_TAG.keys()


def test_every_action_and_option_is_understood() -> None:
    for tag, row in table._BY_TAG.items():
        assert CODE.fullmatch(row.basic), tag
        assert row.options.keys() <= set(OPTIONS), tag
        assert set(row.options.values()) <= {"K", "C"}, tag
    assert CODES.keys() == set(OPTIONS)
    assert sum("full-dates" in row.options for row in table.ROWS.values()) == 165


def test_newer_rows_have_options_where_it_is_known_what_stays() -> None:
    """Of the 36 rows that edition 2024e lacks, or has otherwise. What the dictionary lacks could be a sequence."""
    options = {tag: dict(table._BY_TAG[tag].options) for tag in NEWER}
    assert options["00102161"] == {"patient-characteristics": "K"}
    assert options["00181010"] == options["00181011"] == {"device-identity": "K"}
    assert options["0040b020"] == {"clean-structured-content": "C"}
    assert options["300a0054"] == {"uids": "K"}
    for tag in ("00321033", "003a0020", "003a0203", "003a020c", "00400556", "00700006"):
        assert options[tag] == {"clean-descriptors": "C"}
    assert {tag for tag in NEWER if not options[tag]} == {tag for tag in NEWER if not table.vr_of(int(tag, 16))}


def test_repeating_groups_and_private_ones_have_their_row() -> None:
    assert table.row_of(0x50020010) is table.CURVES
    assert table.row_of(0x60023000) is table.OVERLAY_DATA
    assert table.row_of(0x60024000) is table.OVERLAY_COMMENTS
    assert table.row_of(0x60020022) is table.OVERLAY_DATA  # its description is nothing without it
    assert table.row_of(0x00280010) is None


def test_a_type_is_of_the_class_and_of_the_place() -> None:
    ct, segmentation, unknown = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.66.4", "1.2.3"
    assert table.type_of(0x00080020, 0, ct) == "2"  # Study Date
    assert table.type_of(0x00080023, 0, segmentation) == "1"  # Content Date
    assert table.type_of(0x00080106, 0, "1.2.840.10008.5.1.4.1.1.1.2") in ("", "3")
    assert table.type_of(0x00181400, 0, unknown) != "3"
    assert table.type_of(0x00080080, 0x00081234, ct) == ""


def test_classes_that_are_not_known_are_one() -> None:
    assert table.known_class("1.2.840.10008.5.1.4.1.1.2") == "1.2.840.10008.5.1.4.1.1.2"
    assert table.known_class("1.2.3") == table.known_class("1.2.4") == ""
    for tag in table.ROWS:
        assert table.type_of(tag, 0, "1.2.3") == table.type_of(tag, 0, "")


def test_what_identifies_somebody_is_told_from_what_does_not() -> None:
    kinds = {
        *((0x00100010, "name"), (0x00081090, ""), (0x00100020, "id"), (0x00100030, "birth"), (0x00080020, "date")),
        *((0x0020000D, "uid"), (0x00080050, "id"), (0x00081030, ""), (0x00100040, ""), (0x00080080, "id")),
        *((0x00080090, "name"), (0x00400275, ""), (0x00102180, "")),
    }
    assert {(tag, table.kind_of(tag)) for tag, _ in kinds} == kinds


def test_uids_of_classes_are_in_no_row() -> None:
    assert not [tag for tag in CLASSES if tag in table.ROWS]
    assert all(table.vr_of(tag) == "UI" for tag in CLASSES)


def test_the_safe_private_attributes_are_there() -> None:
    assert (0x0019, "SIEMENS MR HEADER", 0x0C) in table.SAFE_PRIVATE
    assert len(table.SAFE_PRIVATE) == 87
