"""Attributes from the encoded bytes: whatever the scan answers is what pydicom answers, of any file at all."""

import logging
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydicom import Dataset, Sequence, config

import engine.header
from engine.errors import Never
from engine.header import Header, by_pydicom, scanned
from engine.scan import beginning
from engine.scan_values import is_plain
from engine.tags import Path as TagPath
from engine.tags import path_of
from tests.data.make import REAL, instance
from tests.dsl.fuzzing import SETTINGS
from tests.engine.encoded import (
    EXPLICIT,
    IMPLICIT,
    PRIVATE,
    SEQUENCES,
    TAGS,
    File,
    damaged,
    element,
    file_of,
    files,
    item,
)
from tests.engine.encoded import sequence as encoded_sequence

FILES = sorted([*(REAL / "test_files").rglob("*"), *(REAL / "charset_files").glob("*.dcm")])
pytestmark = [pytest.mark.filterwarnings("ignore::UserWarning")]

Answer = tuple[str, ...] | str
"""The values, or why they are refused."""


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """pydicom tells the log of everything that it mends."""
    logger = logging.getLogger("pydicom")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(level)


def judge(file: Path) -> Header:
    """The header as pydicom alone reads it."""
    return Header(lambda: by_pydicom(file))


def answer(header: Header, path: TagPath) -> Answer:
    """What a header says."""
    try:
        return header.values(path)
    except Never as refusal:
        return refusal.reason


def spelled(number: int) -> str:
    """A tag as rules write it."""
    return f"({number >> 16:04x},{number & 0xFFFF:04x})"


def asked_of(dataset: Dataset) -> Iterator[str]:
    """Every attribute of the data set, every one a level deep, private ones by their creators, and some it lacks."""
    yield from ("PatientComments", "StudyDate.PatientID", '(0009,"NOBODY",10)', "(0002,0010)", "(7fe0,0010)")
    for tag in sorted(dataset.keys()):
        yield spelled(tag)
        yield f"{spelled(tag)}.CodeValue"
        try:
            value = dataset[tag].value
            creator = str(dataset[tag.group, tag.element >> 8].value) if tag.is_private and tag.element > 0xFF else ""
        except Exception:
            continue
        if creator.strip() and '"' not in creator:
            yield f'({tag.group:04x},"{creator}",{tag.element & 0xFF:02x})'
        if isinstance(value, Sequence):
            for number, one in enumerate(value, 1):
                for inner in sorted(one.keys()):
                    yield f"{spelled(tag)}.{spelled(inner)}"
                    yield f"{spelled(tag)}[{number}].{spelled(inner)}"


def test_every_value_of_every_real_file_is_what_pydicom_says() -> None:
    scans, values, sure = 0, 0, 0
    for file in FILES:
        if file.is_dir():
            continue
        referee, header, scan = judge(file), Header.read(file), scanned(file)
        try:
            paths = [path_of(spelling) for spelling in asked_of(by_pydicom(file))]
        except Never:
            paths = [path_of("PatientID")]
        scans += scan is not None
        for path in paths:
            known = scan.values(path) if scan else None
            values, sure = values + (scan is not None), sure + (known is not None)
            expected = answer(referee, path)
            assert answer(header, path) == expected, f"{file.name}: {path}"
            assert known is None or known == expected, f"{file.name}: {path}"
    # Big endian, deflated, damaged and foreign files are left to pydicom; of the others hardly a value is.
    assert scans > 160
    assert sure > 0.9 * values


PATHS = [
    *(path_of(spelled(tag)) for tag in TAGS),
    *(path_of(f"{spelled(one)}.{spelled(tag)}") for one in SEQUENCES for tag in TAGS[:30] + PRIVATE),
    *(path_of(f"{spelled(one)}[2].{spelled(two)}.{spelled(tag)}") for one in SEQUENCES[:3] for two in SEQUENCES[:3]
      for tag in TAGS[:20]),
    *(path_of(f'({group},"{name}",{low})') for group in ("0009", "0029", "0043")
      for name in ("STELLWERK 1.0", "STELLWERK 2", "SIEMENS CSA HEADER", "é") for low in ("01", "02", "10")),
    *(path_of(f'{spelled(one)}.(0009,"STELLWERK 1.0",01)') for one in SEQUENCES),
]  # fmt: skip
FEW = PATHS[::7]


@pytest.mark.fuzz
@SETTINGS
@given(files())
def test_whatever_a_file_holds_the_scan_answers_as_pydicom_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, file: File
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.dcm"
    path.write_bytes(file.data)
    referee = judge(path)
    scan = scanned(path)
    for wanted in PATHS:
        known = scan.values(wanted) if scan else None
        assert known is None or known == answer(referee, wanted), wanted


@pytest.mark.fuzz
@SETTINGS
@given(files())
def test_a_file_read_in_small_pieces_says_the_same(tmp_path_factory: pytest.TempPathFactory, file: File) -> None:
    path = tmp_path_factory.getbasetemp() / "pieces.dcm"
    path.write_bytes(file.data)
    whole = scanned(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine.header, "_FIRST", 230)
        patch.setattr(engine.header, "_NEXT", 24)
        pieces = scanned(path)
    assert pieces is None or whole is not None
    if pieces is not None and whole is not None:
        assert [pieces.values(wanted) for wanted in FEW] == [whole.values(wanted) for wanted in FEW]


@pytest.mark.fuzz
@SETTINGS
@given(files())
def test_the_first_bytes_in_memory_say_what_the_whole_says(
    tmp_path_factory: pytest.TempPathFactory, file: File
) -> None:
    path = tmp_path_factory.getbasetemp() / "memory.dcm"
    path.write_bytes(file.data)
    whole = scanned(path)
    if whole is None:
        return
    dataset = memoryview(file.data)[file.begins :]
    for length in (len(dataset), len(dataset) // 2, 20, 0):
        scan = beginning(dataset[:length], file.syntax)
        for wanted in FEW:
            known = scan.values(wanted) if scan else None
            assert known is None or known == whole.values(wanted) or whole.values(wanted) is None


SMALL = [file for file in FILES if file.suffix == ".dcm" and scanned(file) and file.stat().st_size < 12_000]


@pytest.mark.fuzz
@SETTINGS
@given(st.sampled_from(SMALL), st.data())
def test_a_damaged_real_file_says_what_pydicom_says(
    tmp_path_factory: pytest.TempPathFactory, file: Path, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / "damaged.dcm"
    whole = file.read_bytes()
    header, rest = whole[: (whole.find(b"\xe0\x7f\x10\0") + 1 or len(whole)) + 11], bytes(32)
    path.write_bytes(data.draw(damaged(header, data.draw(st.integers(1, 3)))) + rest)
    referee, scan = judge(path), scanned(path)
    for spelling in asked_of(_dataset(file)) if scan else ():
        known = scan.values(path_of(spelling)) if scan else None
        assert known is None or known == answer(referee, path_of(spelling)), spelling


@cache
def _dataset(file: Path) -> Dataset:
    return by_pydicom(file)


# --- one by one -------------------------------------------------------------------------------------------------------


def written(folder: Path, content: bytes, syntax: str = EXPLICIT) -> Path:
    """A file of this data set."""
    path = folder / "one.dcm"
    path.write_bytes(file_of(content, syntax).data)
    return path


def test_plain_text_is_the_same_in_every_character_set() -> None:
    from pydicom.charset import python_encoding

    plain = bytes(byte for byte in range(128) if is_plain(bytes([byte])))
    assert len(plain) == 96
    for codec in python_encoding.values():
        assert plain.decode(codec) == plain.decode("ascii")
        assert plain.decode("ascii").encode(codec) == plain


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
@pytest.mark.parametrize("undefined", [True, False])
def test_values_in_sequences_are_found_however_these_are_delimited(
    tmp_path: Path, syntax: str, undefined: bool
) -> None:
    explicit = syntax == EXPLICIT
    inner = [item(element(0x00080100, b"SH", code, explicit), undefined) for code in (b"T1", b"T2")]
    outer = item(encoded_sequence(0x00082218, inner, explicit, undefined), undefined)
    content = encoded_sequence(0x00081140, [outer, outer], explicit, undefined)
    content += element(0x00100020, b"LO", b"4711", explicit)
    scan = scanned(written(tmp_path, content, syntax))
    assert scan is not None
    assert scan.values(path_of("PatientID")) == ("4711",)
    path = "ReferencedImageSequence[2].AnatomicRegionSequence.CodeValue"
    assert scan.values(path_of(path)) == ("T1", "T2")
    assert scan.values(path_of("ReferencedImageSequence")) == ("…", "…")


def test_an_item_has_its_own_character_set(tmp_path: Path) -> None:
    name = "Änne".encode()
    inside = element(0x00080005, b"CS", b"ISO_IR 192", True) + element(0x00100010, b"PN", name + b" ", True)
    content = element(0x00080005, b"CS", b"ISO_IR 100", True)
    content += encoded_sequence(0x00081140, [item(inside, False)], True, True)
    content += element(0x00100010, b"PN", "Änne".encode("latin-1"), True)
    scan = scanned(written(tmp_path, content))
    assert scan is not None
    assert scan.values(path_of("PatientName")) == ("Änne",)
    assert scan.values(path_of("ReferencedImageSequence.PatientName")) == ("Änne",)


def test_an_object_that_pydicom_cannot_read_behind_the_wanted_tag_is_refused_all_the_same(tmp_path: Path) -> None:
    content = element(0x00100020, b"LO", b"4711", True) + b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff"
    header = Header.read(written(tmp_path, content))
    with pytest.raises(Never):
        header.first("PatientID")
    begun = beginning(content, EXPLICIT)
    assert begun is not None
    assert begun.values(path_of("Modality")) == ()
    assert begun.values(path_of("StudyID")) is None
    assert not begun.complete


def test_pixels_are_not_read_and_a_long_value_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = instance(
        tmp_path,
        EncryptedAttributesSequence=[],
        PatientID="4711",
        TextValue="x" * 300_000,
        StudyStatusID="y",
        PixelData=bytes(3_000_000),
    )
    monkeypatch.setattr(engine.header, "by_pydicom", lambda _: pytest.fail("pydicom was asked"))
    header = Header.read(file)
    assert header.first("PatientID") == "4711"
    assert header.first("Rows") == "4"
    scan = scanned(file)
    assert scan is not None
    assert scan.values(path_of("TextValue")) is None
    assert sum({id(data): len(data) for _, data, _, _ in scan.elements.values() if data}.values()) < 100_000


def test_a_header_of_many_frames_is_read_to_its_end(tmp_path: Path) -> None:
    frame = item(element(0x00200032, b"DS", b"1\\2\\3 ", True) * 1, False)
    content = element(0x00100020, b"LO", b"4711", True)
    content += encoded_sequence(0x52009230, [frame] * 20_000, True, True)
    content += element(0x54000100, b"SQ", b"", True)
    file = written(tmp_path, content)
    scan = scanned(file)
    assert scan is not None
    assert scan.complete
    path = path_of("PerFrameFunctionalGroupsSequence[20000].ImagePositionPatient")
    assert scan.values(path) == ("1", "2", "3")
    assert Header.read(file).first("PatientID") == "4711"


def test_a_header_beyond_the_limit_is_left_to_pydicom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = instance(tmp_path)
    assert scanned(file) is not None
    monkeypatch.setattr(engine.header, "_FIRST", 200)
    monkeypatch.setattr(engine.header, "_NEXT", 16)
    monkeypatch.setattr(engine.header, "_MOST", 300)
    assert scanned(file) is None
    assert Header.read(file).first("PatientID") == "4711"


def test_once_the_dataset_is_there_it_answers() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    assert header.first("PatientID") == "1CT1"
    assert header.dataset.PatientID == header.first("PatientID")
    assert header.first("StudyDate") == header.dataset.StudyDate


def test_the_settings_of_pydicom_are_those_the_scan_was_made_for() -> None:
    assert not config.datetime_conversion
    assert not config.use_DS_decimal
    assert not config.use_DS_numpy
    assert not config.use_IS_numpy
    assert config.replace_un_with_known_vr
    assert not config.use_none_as_empty_text_VR_value
    assert config.settings.reading_validation_mode == config.WARN
