"""Files written anew: what a rule changes is changed, every other byte is where it was, in every transfer syntax."""

import sys
import zlib
from pathlib import Path

import pytest
from pydicom import Dataset, FileDataset, dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    RLELossless,
)

from engine.errors import Never
from engine.header import Header
from engine.rewrite import rewrite
from engine.tags import path_of
from tests.data.make import REAL, instance

PATIENT_ID = 0x00100020
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def raw(file: Path) -> FileDataset:
    """The file's data set, nothing of it decoded."""
    return dcmread(file)


def group_lengths(file: Path) -> bool:
    """Whether it has the retired group lengths (PS3.5 section 7.2), which a change would make wrong."""
    return any(tag.element == 0 for tag in raw(file).keys())  # noqa: SIM118  (iterating decodes)


ODD = {
    "SC_rgb_jpeg": "its data set is not in its own transfer syntax",
    "rtplan_truncated": "its last sequence is longer than the file, and would be made to fit",
    "rtdose_rle": "its patient ID has an unknown VR, which is then known",
    "rtdose_rle_1frame": "the same",
}


def real_files() -> list[Path]:
    """Every real file with a preamble and a patient ID, but for the odd ones."""
    found = []
    for file in sorted([*(REAL / "test_files").glob("*.dcm"), *(REAL / "charset_files").glob("*.dcm")]):
        if file.read_bytes()[128:132] == b"DICM" and file.stem not in ODD and PATIENT_ID in raw(file):
            found.append(file)
    return found


def body(file: Path) -> bytes:
    """The bytes of the data set, inflated where it is deflated (PS3.5 section A.5)."""
    whole = file.read_bytes()
    start = 144 + int.from_bytes(whole[140:144], "little")
    if str(raw(file).file_meta.TransferSyntaxUID) == DeflatedExplicitVRLittleEndian:
        return zlib.decompress(whole[start:], -zlib.MAX_WBITS)
    return whole[start:]


def spliced(file: Path, value: bytes) -> bytes:
    """The data set's bytes with another patient ID in place of the old one."""
    dataset = raw(file)
    implicit, little = dataset.original_encoding
    order = "little" if little else "big"
    tag = (0x0010).to_bytes(2, order) + (0x0020).to_bytes(2, order)
    size = 4 if implicit else 2
    old = body(file)
    start = old.index(tag + (b"" if implicit else b"LO"))
    head = 4 if implicit else 6
    length = int.from_bytes(old[start + head : start + head + size], order)
    new = old[start : start + head] + len(value).to_bytes(size, order) + value
    return old[:start] + new + old[start + head + size + length :]


@pytest.mark.parametrize("file", [f for f in real_files() if not group_lengths(f)], ids=lambda file: file.stem)
def test_one_attribute_is_set_and_every_other_byte_stays(tmp_path: Path, file: Path) -> None:
    target = tmp_path / "new.dcm"
    rewrite(file, target, {"PatientID": "a longer one"})
    assert body(target) == spliced(file, b"a longer one")
    assert raw(target).file_meta == raw(file).file_meta


def test_every_transfer_syntax_that_matters_is_among_the_real_files() -> None:
    tested = {str(raw(file).file_meta.get("TransferSyntaxUID", "")) for file in real_files() if not group_lengths(file)}
    assert tested >= {
        *(ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian),
        *(JPEGBaseline8Bit, JPEG2000Lossless, RLELossless),
    }


@pytest.mark.parametrize("file", [f for f in real_files() if group_lengths(f)], ids=lambda file: file.stem)
def test_retired_group_lengths_go_and_everything_else_stays(tmp_path: Path, file: Path) -> None:
    target = tmp_path / "new.dcm"
    rewrite(file, target, {"PatientID": "x"})
    old, new = raw(file), raw(target)
    assert {tag for tag in old.keys() if tag.element} == set(new.keys())  # noqa: SIM118  (iterating decodes)
    for tag in set(new.keys()) - {PATIENT_ID}:
        one, other = old.get_item(tag), new.get_item(tag)
        assert one is not None
        assert other is not None
        assert (one.value or b"") == (other.value or b"")


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_attributes_are_set_and_removed_in_every_native_syntax(tmp_path: Path, syntax: str) -> None:
    source = instance(tmp_path, syntax=syntax, StudyDescription="old", PatientComments="secret")
    private, nested = '(0009,"STELLWERK",10)', "RequestAttributesSequence.StudyID"
    changes = {"StudyDescription": None, "InstitutionName": "Nord", "Rows": "8", private: "p", nested: "n"}
    rewrite(source, tmp_path / "new.dcm", changes)
    header = Header.read(tmp_path / "new.dcm")
    assert [header.first(tag) for tag in changes] == ["", "Nord", "8", "p", "n"]
    assert header.first("PatientComments") == "secret"
    assert raw(tmp_path / "new.dcm").PixelData == bytes(range(16))
    rewrite(tmp_path / "new.dcm", tmp_path / "back.dcm", {private: None, nested: None, "PatientComments": None})
    back = Header.read(tmp_path / "back.dcm")
    assert [back.first(tag) for tag in (private, nested, "PatientComments")] == ["", "", ""]
    assert b"secret" not in body(tmp_path / "back.dcm")
    assert back.first("InstitutionName") == "Nord"


def test_a_header_shows_what_the_rewritten_file_will_hold(tmp_path: Path) -> None:
    file = REAL / "test_files" / "CT_small.dcm"
    changes: dict[str, str | None] = {
        "PatientName": "Müller^Änne",
        "StudyDate": None,
        "OtherPatientIDsSequence.PatientID": "x",
        "OtherPatientIDsSequence[2].PatientID": None,
        '(0009,"GEMS_IDEN_01",01)': None,
        '(0009,"GEMS_IDEN_01",27)': "y",
        "SpecificCharacterSet": "ISO_IR 192",
    }
    rewrite(file, tmp_path / "new.dcm", changes)
    shown, written = Header.read(file).changed(changes), Header.read(tmp_path / "new.dcm")
    for spelling in (*changes, "PatientID", '(0009,"GEMS_IDEN_01",02)', "OtherPatientIDsSequence[1].PatientID"):
        path = path_of(spelling)
        assert shown.values(path) == written.values(path), spelling
    assert written.values(path_of("OtherPatientIDsSequence.PatientID")) == ("x",)


def test_a_private_value_is_gone_and_its_neighbours_keep_their_creator(tmp_path: Path) -> None:
    file = REAL / "test_files" / "CT_small.dcm"
    rewrite(file, tmp_path / "new.dcm", {'(0009,"GEMS_IDEN_01",01)': None, '(0009,"NOBODY",10)': None})
    new = raw(tmp_path / "new.dcm")
    assert b"GE_GENESIS_FF" not in body(tmp_path / "new.dcm")
    assert new[0x00090010].value == "GEMS_IDEN_01"
    assert Header.read(tmp_path / "new.dcm").first('(0009,"GEMS_IDEN_01",27)') == "862399669"


# --- character sets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
def test_a_file_without_character_set_becomes_utf8_when_it_gets_an_umlaut(tmp_path: Path, syntax: str) -> None:
    rewrite(instance(tmp_path, syntax=syntax), tmp_path / "new.dcm", {"InstitutionName": "Köln 東京"})
    header = Header.read(tmp_path / "new.dcm")
    assert header.first("SpecificCharacterSet") == "ISO_IR 192"
    assert header.first("InstitutionName") == "Köln 東京"
    assert header.first("PatientName") == "Sample^Anna"


def test_a_file_that_gets_no_umlaut_keeps_its_character_set(tmp_path: Path) -> None:
    rewrite(instance(tmp_path), tmp_path / "new.dcm", {"InstitutionName": "Nord"})
    assert Header.read(tmp_path / "new.dcm").first("SpecificCharacterSet") == ""


def test_an_undeclared_latin_1_name_is_still_readable_after_the_change_to_utf8(tmp_path: Path) -> None:
    file = instance(tmp_path)
    file.write_bytes(file.read_bytes().replace(b"Sample^Anna", b"M\xfcller^Anne"[:11]))
    rewrite(file, tmp_path / "new.dcm", {"InstitutionName": "Köln"})
    assert Header.read(tmp_path / "new.dcm").first("PatientName") == "Müller^Anne"


def test_a_latin_1_file_takes_an_umlaut_in_latin_1(tmp_path: Path) -> None:
    file = instance(tmp_path, SpecificCharacterSet="ISO_IR 100", PatientName="Änne")
    rewrite(file, tmp_path / "new.dcm", {"InstitutionName": "Köln"})
    assert b"K\xf6ln" in body(tmp_path / "new.dcm")
    assert b"\xc4nne" in body(tmp_path / "new.dcm")
    assert Header.read(tmp_path / "new.dcm").first("SpecificCharacterSet") == "ISO_IR 100"


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        ("ISO_IR 100", "東京"),
        ("ISO_IR 100", "Люкс"),
        (["", "ISO 2022 IR 87"], "Köln"),
        ("ISO_IR 144", "Köln"),
    ],
)
def test_a_letter_that_the_files_character_set_lacks_is_refused(tmp_path: Path, declared: object, value: str) -> None:
    file = instance(tmp_path, SpecificCharacterSet=declared)
    with pytest.raises(Never) as refusal:
        rewrite(file, tmp_path / "new.dcm", {"InstitutionName": value})
    assert refusal.value.reason == "its character set lacks letters of a value that a rule sets"


def test_an_item_with_a_character_set_of_its_own_is_asked_too(tmp_path: Path) -> None:
    item = Dataset()
    item.SpecificCharacterSet = "ISO_IR 100"
    item.StudyID = "1"
    file = instance(tmp_path, SpecificCharacterSet="ISO_IR 192", RequestAttributesSequence=[item])
    with pytest.raises(Never):
        rewrite(file, tmp_path / "new.dcm", {"RequestAttributesSequence.StudyID": "東京"})
    rewrite(file, tmp_path / "new.dcm", {"RequestAttributesSequence.StudyID": "Köln", "StudyID": "東京"})
    header = Header.read(tmp_path / "new.dcm")
    assert (header.first("RequestAttributesSequence.StudyID"), header.first("StudyID")) == ("Köln", "東京")


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"PixelData": None}, "belongs to the pixel data"),
        ({"PixelData": "SECRET"}, "belongs to the pixel data"),
        ({'(7fe1,"X",10)': None}, "belongs to the pixel data"),
        ({"Rows": "SECRET"}, "Rows cannot hold the value"),
        ({"Rows": "70000"}, "cannot be written anew"),
        ({"RequestAttributesSequence": "SECRET"}, "holds no text"),
        ({"RequestAttributesSequence[2].StudyID": "SECRET"}, "has no item 2"),
    ],
)
def test_a_change_that_cannot_be_is_refused_without_its_value(
    tmp_path: Path, changes: dict[str, str | None], words: str
) -> None:
    with pytest.raises(Never) as refusal:
        rewrite(instance(tmp_path), tmp_path / "new.dcm", changes)
    assert words in refusal.value.reason
    assert "SECRET" not in refusal.value.reason


def test_what_is_not_dicom_is_refused(tmp_path: Path) -> None:
    (tmp_path / "letter.dcm").write_text("Sehr geehrte Frau SECRET")
    with pytest.raises(Never) as refusal:
        rewrite(tmp_path / "letter.dcm", tmp_path / "new.dcm", {"PatientID": "x"})
    assert refusal.value.reason == "it is not a DICOM file"


def test_a_file_that_lies_about_its_syntax_is_refused_and_not_garbled(tmp_path: Path) -> None:
    with pytest.raises(Never):
        rewrite(REAL / "test_files" / "SC_rgb_jpeg.dcm", tmp_path / "new.dcm", {"PatientID": "x"})


def test_a_disk_that_cannot_be_written_is_the_machines_trouble(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        rewrite(instance(tmp_path), tmp_path / "no folder" / "new.dcm", {"PatientID": "x"})


def most_kb() -> int:
    """The most memory that this process has had."""
    return int(Path("/proc/self/status").read_text("utf-8").partition("VmHWM:")[2].split()[0])


@pytest.mark.skipif(sys.platform != "linux", reason="needs to know a process's memory")
def test_an_object_of_200_mb_takes_little_memory(tmp_path: Path) -> None:
    size = 200 << 20
    small = instance(tmp_path, name="small.dcm").read_bytes()
    big = tmp_path / "big.dcm"
    start = small.index(b"\xe0\x7f\x10\x00OB\0\0") + 8
    with big.open("wb") as writer:
        writer.write(small[:start] + size.to_bytes(4, "little"))
        writer.truncate(start + 4 + size)
    Path("/proc/self/clear_refs").write_text("5")  # its peak is what it has now: tests before have had more (proc(5))
    before = most_kb()
    rewrite(big, tmp_path / "new.dcm", {"PatientID": "x" * 20})
    grown = most_kb() - before
    assert grown < 30 << 10, f"{grown} KB"
    assert (tmp_path / "new.dcm").stat().st_size == big.stat().st_size + 16
    (tmp_path / "new.dcm").unlink()
