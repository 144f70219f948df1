"""The header of real files: every character set, broken values, private and nested ones; changes that stay apart."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from engine.errors import Never
from engine.header import Header, by_pydicom
from engine.tags import Path as TagPath
from engine.tags import path_of
from tests.data.make import REAL, instance
from tests.engine.test_scan import asked_of
from tests.engine.test_scan import judge as judge_of

FILES = sorted([*(REAL / "test_files").glob("*.dcm"), *(REAL / "charset_files").glob("*.dcm")])


def answer(header: Header, tag: str) -> tuple[str, ...] | Never:
    """The values, or the refusal; anything else that is raised is a mistake."""
    try:
        return header.values(path_of(tag))
    except Never as refusal:
        return refusal


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("chrGerm", "Äneas^Rüdiger"),
        ("chrFren", "Buc^Jérôme"),
        ("chrGreek", "Διονυσιος"),
        ("chrRuss", "Люкceмбypг"),
        ("chrArab", "قباني^لنزار"),
        ("chrHbrw", "שרון^דבורה"),
        ("chrJapMulti", "やまだ^たろう"),
        ("chrKoreanMulti", "김희중"),
        ("chrH31", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("chrH32", "ﾔﾏﾀﾞ^ﾀﾛｳ=山田^太郎=やまだ^たろう"),
        ("chrI2", "Hong^Gildong=洪^吉洞=홍^길동"),
        ("chrX1", "Wang^XiaoDong=王^小東"),
        ("chrX2", "Wang^XiaoDong=王^小东"),
    ],
)
def test_a_name_is_read_in_the_character_set_of_its_file(file: str, name: str) -> None:
    header = Header.read(REAL / "charset_files" / f"{file}.dcm")
    assert header.first("PatientName") == name
    assert header.changed({"Modality": "OT"}).first("PatientName") == name


def test_values_are_read_as_the_file_writes_them() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    assert header.first("PatientName") == "CompressedSamples^CT1"
    assert header.values(path_of("ImageType")) == ("ORIGINAL", "PRIMARY", "AXIAL")
    assert header.whole(path_of("ImageType")) == "ORIGINAL\\PRIMARY\\AXIAL"
    assert header.first("Rows") == "128"
    assert header.first("PatientWeight") == "0.000000"
    assert header.first("PatientAge") == "000Y"
    assert header.first("StudyDate") == "20040119"
    assert header.first("(0010,0010)") == header.first("Patient") == "CompressedSamples^CT1"


def test_missing_and_empty_are_the_same() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    assert header.values(path_of("PatientComments")) == ()
    assert header.values(path_of("PatientBirthDate")) == ()
    assert "PatientBirthDate" in header.dataset
    assert header.first("PatientBirthDate") == ""


def test_a_private_value_is_found_by_its_creator_wherever_its_block_lies() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    assert header.first('(0009,"GEMS_IDEN_01",01)') == "GE_GENESIS_FF"
    assert header.first('(0009,"GEMS_IDEN_01",27)') == "862399669"
    assert header.values(path_of('(0009,"GEMS_IDEN_01",ff)')) == ()
    assert header.values(path_of('(0009,"SOMEBODY ELSE",01)')) == ()


def test_a_value_in_a_sequence_is_found_in_every_item_or_in_one() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    assert header.values(path_of("OtherPatientIDsSequence.PatientID")) == ("ABCD1234", "1234ABCD")
    assert header.values(path_of("OtherPatientIDsSequence[2].PatientID")) == ("1234ABCD",)
    assert header.values(path_of("OtherPatientIDsSequence[3].PatientID")) == ()
    assert header.values(path_of("PatientName.PatientID")) == ()
    assert len(header.values(path_of("OtherPatientIDsSequence"))) == 2


def test_a_value_that_is_no_text_is_present_and_nothing_that_a_rule_could_write() -> None:
    header = Header.of({"PatientName": "x"})
    header.dataset.add_new(0x00420011, "OB", b"\xff\xfe\x00\x01")
    header.dataset.add_new(0x43211234, "UN", b"\x00\x00")
    header.dataset.private_block(0x0009, "X", create=True).add_new(0x10, "UN", "Müller".encode("latin-1"))
    for spelling in ("EncapsulatedDocument", "(4321,1234)", '(0009,"X",10)'):
        assert header.values(path_of(spelling)) == ("…",)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_every_value_of_every_real_file_is_text_or_refused(file: Path) -> None:
    header = Header.read(file)
    try:
        numbers = [f"({tag.group:04x},{tag.element:04x})" for tag in sorted(header.dataset.keys())]
    except Never:
        # Those without a preamble.
        numbers = []
        assert b"DICM" not in file.read_bytes()[:132]
    for number in numbers:
        values = answer(header, number)
        assert isinstance(values, Never) or all(value == value.strip(" \0") for value in values)


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        ("Rows", b"US", b"\x01\x02\x03"),
        ("PatientWeight", b"DS", b"SECRET"),
        ("InstanceNumber", b"IS", b"SECRET"),
        ("PatientName", b"PN", b"\xff\xfeSECRET\x1b$B"),
        ("StudyDate", b"DA", b"SECRET"),
        ("StudyInstanceUID", b"UI", b"SECRET"),
        ("PatientAge", b"AS", b"\xff\xff\xff\xff"),
        ("SmallestImagePixelValue", b"US", b"\x01"),
        ("RequestAttributesSequence", b"SQ", b"\xfe\xff\x00\xe0\xff\x00\x00\x00"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_broken_value_is_told_as_it_is_or_refused_without_its_text(
    tmp_path: Path, tag: str, vr: bytes, value: bytes
) -> None:
    number = path_of(tag).last
    where = number.group.to_bytes(2, "little") + number.element.to_bytes(2, "little")
    long = vr == b"SQ"
    length = b"\0\0" + len(value).to_bytes(4, "little") if long else len(value).to_bytes(2, "little")
    file = instance(tmp_path)
    whole = file.read_bytes()
    start = whole.index(b"\x08\x00\x16\x00UI")
    # Alone in the file, so that an odd length breaks only itself.
    file.write_bytes(whole[:start] + where + vr + length + value)
    header = Header.read(file)
    values = answer(header, tag)
    if isinstance(values, Never):
        assert "SECRET" not in values.reason
    else:
        assert "".join(values)


def test_a_value_that_cannot_be_decoded_is_refused_and_not_missing(tmp_path: Path) -> None:
    file = instance(tmp_path)
    whole = file.read_bytes()
    file.write_bytes(whole[: whole.index(b"\x28\x00\x10\x00US")] + b"\x28\x00\x10\x00US\x03\x00\x01\x02\x03")
    header = Header.read(file)
    with pytest.raises(Never) as refusal:
        header.values(path_of("Rows"))
    assert refusal.value.reason == "its Rows cannot be read (BytesLengthException)"
    assert header.first("PatientID") == "4711"


@pytest.mark.parametrize(
    "content",
    [b"", b"Sehr geehrte Frau SECRET", bytes(200), (REAL / "test_files" / "image_dfl.dcm").read_bytes()[:600]],
)
def test_what_is_not_dicom_is_refused_without_its_content(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "SECRET.dcm"
    file.write_bytes(content)
    with pytest.raises(Never) as refusal:
        Header.read(file).first("SOPInstanceUID")
    assert "SECRET" not in refusal.value.reason


def test_a_file_that_is_not_there_is_the_machines_trouble(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Header.read(tmp_path / "gone.dcm").first("PatientID")


def test_a_long_value_that_the_disk_does_not_give_is_the_machines_trouble(tmp_path: Path) -> None:
    file = instance(tmp_path, PatientComments="x" * 70_000)
    header = Header.read(file)
    assert header.first("PatientID") == "4711"
    file.unlink()
    file.mkdir()
    with pytest.raises(IsADirectoryError):
        header.values(path_of("PatientComments"))


def test_a_long_value_is_read_when_it_is_asked_for(tmp_path: Path) -> None:
    header = Header.read(instance(tmp_path, PatientComments="x" * 70_000))
    assert len(header.first("PatientComments")) == 70_000
    changed = Header.read(instance(tmp_path, PatientComments="x" * 70_000)).changed({"Modality": "CT"})
    assert len(changed.first("PatientComments")) == 70_000


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_every_native_syntax_reads_alike(tmp_path: Path, syntax: str) -> None:
    header = Header.read(instance(tmp_path, syntax=syntax, PatientWeight="70.5", StudyDate="20260331"))
    assert [header.first(tag) for tag in ("PatientName", "Rows", "PatientWeight", "StudyDate")] == [
        "Sample^Anna",
        "4",
        "70.5",
        "20260331",
    ]


# --- changes ----------------------------------------------------------------------------------------------------------

NESTED = "OtherPatientIDsSequence.PatientID"


def test_a_change_makes_a_new_header_and_leaves_the_old_one_as_it_was() -> None:
    old = Header.read(REAL / "test_files" / "CT_small.dcm")
    private = '(0009,"GEMS_IDEN_01",01)'
    changes = {
        "PatientName": "New",
        NESTED: "x",
        private: "y",
        "StudyDate": None,
        "RequestAttributesSequence.StudyID": "z",
    }
    new = old.changed(changes)
    assert [new.first(tag) for tag in changes] == ["New", "x", "y", "", "z"]
    assert new.values(path_of(NESTED)) == ("x", "x")
    assert [old.first(tag) for tag in changes] == ["CompressedSamples^CT1", "ABCD1234", "GE_GENESIS_FF", "20040119", ""]
    assert old.dataset == dcmread(REAL / "test_files" / "CT_small.dcm", stop_before_pixels=True)


def test_removing_takes_the_value_out_of_every_item_and_leaves_its_namesakes() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    assert header.changed({NESTED: None}).values(path_of(NESTED)) == ()
    assert header.changed({NESTED: None}).first("PatientID") == "1CT1"
    assert header.changed({"OtherPatientIDsSequence[1].PatientID": None}).values(path_of(NESTED)) == ("1234ABCD",)
    assert header.changed({"OtherPatientIDsSequence": None}).values(path_of(NESTED)) == ()
    assert header.changed({"RequestAttributesSequence.PatientID": None}).first("PatientID") == "1CT1"


def test_removing_a_private_value_leaves_the_others_of_its_creator() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm").changed({'(0009,"GEMS_IDEN_01",10)': None})
    assert header.first('(0009,"GEMS_IDEN_01",27)') == "862399669"
    gone = header.changed({'(0009,"GEMS_IDEN_01",27)': None, '(0009,"NOBODY",27)': None})
    assert gone.values(path_of('(0009,"GEMS_IDEN_01",27)')) == ()
    assert gone.first('(0009,"GEMS_IDEN_01",01)') == "GE_GENESIS_FF"


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("Rows", "SECRET"),
        ("PatientWeight", "SECRET"),
        ("InstanceNumber", "SECRET"),
        ("RequestAttributesSequence", "SECRET"),
        ("EncapsulatedDocument", "SECRET"),
        ("RequestAttributesSequence[2].StudyID", "SECRET"),
        ("PatientName.StudyID", "SECRET"),
    ],
)
def test_a_value_that_a_tag_cannot_hold_is_refused_without_its_text(tag: str, value: str) -> None:
    header = Header.of({"PatientName": "x"}).changed({tag: value})
    with pytest.raises(Never) as refusal:
        header.first("PatientName")
    assert "SECRET" not in refusal.value.reason


def test_a_header_of_values_holds_just_these() -> None:
    header = Header.of({"Institution": "Nord", "Rows": "4", '(0009,"X",10)': "y", "(4321,1234)": "z"})
    tags = ("InstitutionName", "Rows", '(0009,"X",10)', "(4321,1234)")
    assert [header.first(tag) for tag in tags] == ["Nord", "4", "y", "z"]
    assert len(header.dataset) == len(tags) + 1  # the private creator


CHANGES: list[dict[str, str | None]] = [
    {"PatientName": "Größe^Anna", "Rows": "7", "PatientWeight": "70.50", "ImageType": "DERIVED\\SECONDARY"},
    {"PatientID": None, "ReferencedImageSequence": None, "InstitutionName": "Nord"},
    {"Rows": "SECRET"},
    {"PatientID": "1", "SpecificCharacterSet": "ISO_IR 192"},
    {"PixelRepresentation": "1"},
    {'(0009,"GEMS_IDEN_01",10)': None, "(0009,0010)": "NOBODY"},
    {"RequestAttributesSequence[1].StudyID": "7"},
]


@pytest.mark.parametrize(("first", "second"), list(zip(CHANGES, [*CHANGES[1:], CHANGES[0]], strict=True)))
def test_what_was_changed_answers_as_pydicom_does(first: dict[str, str | None], second: dict[str, str | None]) -> None:
    some = ("CT_small", "chrH31", "nested_priv_SQ", "MR_small_bigendian")
    for file in (file for file in FILES if file.stem in some):
        asked = [*list(asked_of(by_pydicom(file)))[::5], *first, *second]
        mine, judge = (one.changed(first).changed(second) for one in (Header.read(file), judge_of(file)))
        for path in map(path_of, asked):
            assert words(mine, path) == words(judge, path), f"{file.name}: {path}"
        assert refused(mine) == refused(judge)


def words(header: Header, path: TagPath) -> tuple[str, ...] | str:
    """The values, or why they are refused."""
    found = answer(header, str(path))
    return found.reason if isinstance(found, Never) else found


def refused(header: Header) -> str:
    """Why its changes cannot be held; empty where they can."""
    try:
        header.check()
    except Never as refusal:
        return refusal.reason
    return ""


def test_what_was_changed_is_not_read_by_pydicom_where_the_scan_is_sure() -> None:
    header = Header.read(REAL / "test_files" / "CT_small.dcm")
    changed = header.changed({"PatientName": "Nobody", "StationName": None}).changed({"Institution": "Nord"})
    changed.check()
    asked = ("PatientName", "StationName", "InstitutionName", "Modality", '(0009,"GEMS_IDEN_01",27)')
    assert [changed.first(tag) for tag in asked] == ["Nobody", "", "Nord", "CT", "862399669"]
    assert header._dataset is changed._dataset is None
    assert header.first("PatientName") == "CompressedSamples^CT1"
