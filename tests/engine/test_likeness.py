"""Likeness: what is told from the encoded bytes is what is told from pydicom's data set, to the bit."""

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import engine.header
from engine.errors import Never
from engine.header import Header, by_pydicom, scanned
from engine.likeness import Likeness, difference, likeness
from tests.data.make import REAL, instance
from tests.dsl.fuzzing import SETTINGS
from tests.engine.encoded import EXPLICIT, IMPLICIT, File, damaged, element, file_of, files, item, sequence

FILES = sorted([*(REAL / "test_files").rglob("*"), *(REAL / "charset_files").glob("*.dcm")])
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning")]


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """pydicom tells the log of everything that it mends."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def told(file: Path) -> tuple[Likeness, bytes] | str:
    """As the router has it told: from the encoded bytes where that is sure."""
    try:
        return likeness(Header.read(file), file)
    except Never as refusal:
        return refusal.reason


def judged(file: Path) -> tuple[Likeness, bytes] | str:
    """As pydicom alone has it told."""
    try:
        return likeness(Header(lambda: by_pydicom(file)), file)
    except Never as refusal:
        return refusal.reason


def test_every_real_file_is_like_what_pydicom_makes_of_it() -> None:
    sure = 0
    for file in FILES:
        if not file.is_dir():
            sure += scanned(file) is not None
            assert told(file) == judged(file), file.name
    assert sure > 160


@pytest.mark.fuzz
@SETTINGS
@given(files(), st.data())
def test_whatever_two_files_hold_the_same_differences_are_named(
    tmp_path_factory: pytest.TempPathFactory, file: File, data: st.DataObject
) -> None:
    folder = tmp_path_factory.getbasetemp()
    one, other = folder / "one.dcm", folder / "other.dcm"
    one.write_bytes(file.data)
    other.write_bytes(data.draw(damaged(file.data, data.draw(st.integers(0, 2)))))
    mine, judges = [told(path) for path in (one, other)], [judged(path) for path in (one, other)]
    assert mine == judges
    if not isinstance(mine[0], str) and not isinstance(judges[1], str):
        # One of the two may be such that the scan is sure of it, and the other not.
        before, after = Likeness.from_bytes(mine[0][0].to_bytes()), judges[1][0]
        named = difference(before, after)
        assert named.startswith("the same attributes") == (
            before.attributes == after.attributes and before.pixels == after.pixels
        )


@pytest.mark.fuzz
@SETTINGS
@given(files())
def test_a_file_that_is_scanned_in_small_pieces_is_like_itself(
    tmp_path_factory: pytest.TempPathFactory, file: File
) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.dcm"
    path.write_bytes(file.data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.header, "_FIRST", 230)
        patch.setattr(engine.header, "_NEXT", 24)
        patch.setattr("engine.likeness._PIECE", 7)
        in_pieces = told(path)
    assert in_pieces == judged(path)


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("undefined", [True, False])
@pytest.mark.parametrize("vr", [b"SH", b"US", b"IS", b"SQ", b"OB", b"PN"])
def test_an_empty_value_is_the_same_for_both_at_every_depth(
    tmp_path: Path, syntax: str, undefined: bool, vr: bytes
) -> None:
    explicit = syntax == EXPLICIT
    empty = element(0x00080100, vr, b"", explicit)
    inner = sequence(0x00082218, [item(empty, undefined), item(b"", undefined)], explicit, undefined)
    content = sequence(0x00081140, [item(inner, undefined)], explicit, undefined)
    content += element(0x00100020, vr, b"", explicit) + element(0x00101010, b"AS", b"018Y", explicit)
    file = tmp_path / "one.dcm"
    file.write_bytes(file_of(content, syntax).data)
    assert scanned(file) is not None
    assert told(file) == judged(file)


def test_a_value_too_long_to_be_kept_is_told_by_its_length(tmp_path: Path) -> None:
    before, after = tmp_path / "before.dcm", tmp_path / "after.dcm"
    for file, letter in ((before, b"a"), (after, b"b")):
        content = element(0x00420011, b"OB", letter * 70_000, True) + element(0x7FE00010, b"OW", bytes(32), True)
        file.write_bytes(file_of(content, EXPLICIT).data)
        assert scanned(file) is not None
        assert told(file) == judged(file)
    (one, first), (other, second) = likeness(Header.read(before), before), likeness(Header.read(after), after)
    assert first != second
    assert difference(one, other) == "the same attributes, encoded otherwise"


def test_a_digest_that_is_known_already_is_taken_as_it_is(tmp_path: Path) -> None:
    file = instance(tmp_path)
    alike, digest = likeness(Header.read(file), file)
    content = file.read_bytes()
    begins = 144 + int.from_bytes(content[140:144], "little")
    assert digest == hashlib.blake2b(content[begins:], digest_size=16).digest()
    assert likeness(Header.read(file), file, b"handed in") == (alike, b"handed in")


def test_a_likeness_does_not_change_what_is_asked_of_the_object(tmp_path: Path) -> None:
    file = instance(tmp_path)
    header = Header.read(file)
    likeness(header, file)
    assert header.scan is not None
    assert header._dataset is None
    assert header.first("PatientName") == "Sample^Anna"


def test_a_long_value_that_ends_too_early_stands_in_nobodys_way(tmp_path: Path) -> None:
    content = element(0x00080018, b"UI", b"1.2.3", False) + element(0x00280010, b"", bytes(53), False, length=70_000)
    file = tmp_path / "one.dcm"
    file.write_bytes(file_of(content, IMPLICIT).data)
    assert scanned(file) is None
    alike, _ = likeness(Header.read(file), file)
    assert sorted(alike.attributes) == [0x00080018, 0x00280010]


@pytest.mark.parametrize("lie", [200, 100_000], ids=["into the data set", "beyond the file"])
def test_a_file_that_lies_about_its_meta_information_is_compared_whole(tmp_path: Path, lie: int) -> None:
    found = []
    for name in (b"A", b"B"):
        content = bytearray(file_of(element(0x00100010, b"PN", name, True) + bytes(300), EXPLICIT).data)
        content[140:144] = lie.to_bytes(4, "little")
        file = tmp_path / "one.dcm"
        file.write_bytes(content)
        alike, digest = likeness(Header.read(file), file)
        assert alike.size == len(content)
        assert Likeness.from_bytes(alike.to_bytes()) == alike
        found.append(digest)
    assert found[0] != found[1], "one would be dropped as the other's duplicate"
