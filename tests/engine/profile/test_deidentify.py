"""One file in, one file out: encodings, UIDs, dates, private attributes, what is written anew, and what is refused."""

import struct
import tracemalloc
from datetime import date, timedelta
from pathlib import Path

import pydicom
import pytest
from pydicom import dcmread

from engine.errors import Never, Unclean
from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from tests.engine.profile.kit import (
    BIG,
    CT,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG,
    SR,
    Element,
    encode,
    file,
    meta,
    values,
)  # fmt: skip

KEYED = Keyed(b"k" * 32)
NAME, ID, STUDY = (0x00100010, "PN", b"Sample^Anna"), (0x00100020, "LO", b"K-4711"), (0x0020000D, "UI", b"1.2.3.4.5")
HOLDER = 0x00409096


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "after.dcm"


def policy(*options: str, keep: tuple[str, ...] = ()) -> Policy:
    return Policy(frozenset(options), frozenset(keep))


def codes(path: Path) -> list[str]:
    return [str(item.CodeValue) for item in dcmread(path).DeidentificationMethodCodeSequence]


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG, DEFLATED, JPEG])
def test_every_encoding_is_read_and_written(tmp_path: Path, target: Path, syntax: str, undefined: bool) -> None:
    inner: list[Element] = [(0x00080104, "LO", b"knee"), NAME, STUDY]
    source = file(
        tmp_path / "a.dcm",
        [NAME, ID, STUDY, (0x00080060, "CS", b"CT"), (HOLDER, "SQ", [inner, [(HOLDER, "SQ", [inner])], []])],
        syntax=syntax,
        undefined=undefined,
        tail=[(0xFFFCFFFC, "OB", b"Sample")],
    )
    before = source.read_bytes()
    deidentify(source, target, Policy(), KEYED)
    after = dcmread(target)
    assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID == KEYED.uid("1.2.3.4.5.6.7")
    assert after.file_meta.TransferSyntaxUID == syntax
    assert (after.PatientName, after.PatientID, after.Modality) == ("", "", "CT")
    assert after.StudyInstanceUID == KEYED.uid("1.2.3.4.5")
    first, second, third = after[HOLDER].value
    assert first.CodeMeaning == second[HOLDER].value[0].CodeMeaning == "knee"
    assert second[HOLDER].value[0].StudyInstanceUID == after.StudyInstanceUID
    assert len(third) == 0
    assert after.PixelData == b"\x2a" * 64
    assert b"Sample" not in target.read_bytes()
    assert source.read_bytes() == before
    deidentify(source, again := tmp_path / "again.dcm", Policy(), KEYED)
    assert again.read_bytes() == target.read_bytes()


def test_what_is_around_the_data_set_is_written_anew(tmp_path: Path, target: Path) -> None:
    source = file(tmp_path / "a.dcm", [NAME])
    more: list[Element] = [
        (0x00020016, "AE", b"WARD7"),
        (0x00020018, "AE", b"WARD8"),
        (0x00020100, "UI", b"1.2.3.99"),
        (0x00020102, "OB", b"Sample of ours"),
    ]
    rest = source.read_bytes()[len(meta(CT, "1.2.3.4.5.6.7", EXPLICIT)) :]
    source.write_bytes(meta(CT, "1.2.3.4.5.6.7", EXPLICIT, *more) + rest)
    deidentify(source, target, Policy(), KEYED)
    data = target.read_bytes()
    assert data[:132] == bytes(128) + b"DICM"
    assert not [word for word in (b"WARD", b"Sample", b"1.2.3.99") if word in data]
    assert [int(one.tag) & 0xFFFF for one in dcmread(target).file_meta] == [0, 1, 2, 3, 0x10, 0x12, 0x13]


def test_an_object_says_how_it_was_cleaned(tmp_path: Path, target: Path) -> None:
    report = deidentify(file(tmp_path / "a.dcm", [NAME]), target, Policy(), KEYED)
    after = dcmread(target)
    assert after.PatientIdentityRemoved == "YES"
    assert after.LongitudinalTemporalInformationModified == "REMOVED"
    assert after.DeidentificationMethod == f"Stellwerk PS3.15 E.1 2026c key {KEYED.id}"
    assert codes(target) == ["113100"]
    assert report.key == KEYED.id
    assert report.emptied == ("PatientName",)
    everything = policy("uids", "device-identity", "institution-identity", "patient-characteristics", "modified-dates",
                        "clean-descriptors", "clean-structured-content", "clean-graphics", "safe-private")  # fmt: skip
    deidentify(tmp_path / "a.dcm", other := tmp_path / "b.dcm", everything, KEYED)
    assert sorted(codes(other)) == ["113100", "113103", "113104", "113105", *(str(n) for n in range(113107, 113113))]
    assert dcmread(other).LongitudinalTemporalInformationModified == "MODIFIED"
    assert dcmread(other).SOPInstanceUID == "1.2.3.4.5.6.7"


def test_what_was_done_to_the_pixels_before_stays_said(tmp_path: Path, target: Path) -> None:
    before: list[Element] = [
        (0x00120063, "LO", b"Stellwerk blanked 2 boxes\\Sample did it by hand"),
        (0x00120064, "SQ", [[(0x00080100, "SH", b"113101")], [(0x00080100, "SH", b"113108")]]),
        (0x00280303, "CS", b"UNMODIFIED"),
    ]
    deidentify(file(tmp_path / "a.dcm", [NAME, *before]), target, Policy(), KEYED)
    assert codes(target) == ["113100", "113101"]
    assert dcmread(target).DeidentificationMethod[0] == "Stellwerk blanked 2 boxes"
    deidentify(target, twice := tmp_path / "b.dcm", Policy(), KEYED)
    assert codes(twice) == ["113100", "113101"]
    assert len(dcmread(twice).DeidentificationMethod) == 2


def test_uids_are_replaced_alike_everywhere(tmp_path: Path, target: Path) -> None:
    elements: list[Element] = [
        STUDY,
        (0x00083010, "UI", b"1.2.3.4.5\\1.2.3.4.6\\"),
        (0x00089123, "UI", b"1.2.3.4.5"),
        (0x00080062, "UI", b"1.2.840.10008.5.1.4.1.1.2\\1.3.12.2.1107.5.9.1"),
        (0x00081199, "SQ", [[(0x00081150, "UI", b"1.3.12.2.1107.5.9.1"), (0x00081155, "UI", b"1.2.3.4.5 ")]]),
        (0x00209161, "UI", b"1.2.840.10008.15.1.1"),
    ]
    deidentify(file(tmp_path / "a.dcm", elements), target, Policy(), KEYED)
    after, new = values(target), KEYED.uid("1.2.3.4.5").encode()
    assert after[(0x0020000D,)] == after[(0x00089123,)] == after[(0x00081199, 0x00081155)] == new
    assert after[(0x00083010,)] == new + b"\\" + KEYED.uid("1.2.3.4.6").encode() + b"\\"
    assert after[(0x00081199, 0x00081150)] == b"1.3.12.2.1107.5.9.1"
    assert after[(0x00209161,)] == b"1.2.840.10008.15.1.1"


def test_dates_of_one_patient_move_together(tmp_path: Path, target: Path) -> None:
    elements: list[Element] = [
        NAME,
        ID,
        (0x00100030, "DA", b"19700131"),
        (0x00080020, "DA", b"20200229"),
        (0x00080021, "DA", b"2020.03.01"),
        (0x00080030, "TM", b"101530.25"),
        (0x0008002A, "DT", b"20200301235959.5-0330"),
        (0x00080022, "DA", b"202002"),
        (HOLDER, "SQ", [[(0x0040A121, "DA", b"20200302\\20200303"), (0x0040A120, "DT", b"2020")]]),
    ]
    source = file(tmp_path / "a.dcm", elements)
    report = deidentify(source, target, policy("modified-dates"), KEYED)
    after = dcmread(target)
    days = KEYED.days("K-4711")
    moved = [f"{date(2020, 2, 29) + timedelta(days + n):%Y%m%d}" for n in range(4)]
    assert (after.StudyDate, after.SeriesDate, after.StudyTime) == (moved[0], moved[1], "101530.25")
    assert after.AcquisitionDateTime == moved[1] + "235959.5-0330"
    assert not after.get("AcquisitionDate")  # no whole date, and so as without the option
    assert not after.PatientBirthDate
    item = after[HOLDER].value[0]
    assert (list(item.Date), item.DateTime) == (moved[2:], "19000101000000")
    assert "StudyDate" in report.dates
    other = file(tmp_path / "b.dcm", [(0x00100020, "LO", b"K-4712"), (0x00080020, "DA", b"20200229")])
    deidentify(other, elsewhere := tmp_path / "c.dcm", policy("modified-dates"), KEYED)
    assert dcmread(elsewhere).StudyDate != moved[0]


def test_names_are_written_instead_of_dummies(tmp_path: Path, target: Path) -> None:
    charset: Element = (0x00080005, "CS", b"ISO_IR 100")
    source = file(tmp_path / "a.dcm", [charset, NAME, ID, (HOLDER, "SQ", [[ID]])])
    names = {"PatientID": "P-0815", "PatientName": "Müller^Zwölf", "ClinicalTrialSubjectID": "12"}
    deidentify(source, target, Policy(), KEYED, names)
    after = dcmread(target)
    assert (after.PatientID, after.PatientName, after.ClinicalTrialSubjectID) == ("P-0815", "Müller^Zwölf", "12")
    assert values(target)[(0x00100010,)] == "Müller^Zwölf".encode("latin-1")
    assert after[HOLDER].value[0].PatientID == "REMOVED"
    with pytest.raises(Never, match="PatientName"):
        deidentify(source, tmp_path / "b.dcm", Policy(), KEYED, {"PatientName": "山田"})
    for wrong in ({"PatientID": "a\\b"}, {"PixelData": "1"}, {"A.PatientID": "1"}, {'(0009,"X",10)': "1"}):
        with pytest.raises(ValueError):  # noqa: PT011  # it is what the caller is told, and not what is wrong
            deidentify(source, tmp_path / "b.dcm", Policy(), KEYED, wrong)
    assert not (tmp_path / "b.dcm").exists()


def test_what_is_kept_stays_as_it_is(tmp_path: Path, target: Path) -> None:
    elements: list[Element] = [
        NAME,
        ID,
        (0x00081030, "LO", b"Knee left"),
        (0x00081010, "SH", b"CT99"),
        (0x00400275, "SQ", [[(0x00401001, "SH", b"RP-77"), (0x00400009, "SH", b"SPS-9"), NAME]]),
        (0x00190010, "LO", b"ACME 1.1"),
        (0x00191008, "LO", b"wanted"),
        (0x00191009, "LO", b"not wanted"),
    ]
    keep = ("StudyDescription", "RequestAttributesSequence.RequestedProcedureID", '(0019,"ACME 1.1",08)')
    report = deidentify(file(tmp_path / "a.dcm", elements), target, policy(keep=keep), KEYED)
    after = values(target)
    assert after[(0x00081030,)] == b"Knee left"
    assert after[(0x00191008,)] == b"wanted"
    assert after[(0x00190010,)] == b"ACME 1.1"
    assert (0x00191009,) not in after
    assert (0x00081010,) not in after
    # The sequence is removed by its own row, and what is in it with it, unless it is kept as well.
    assert (0x00400275, 0x00401001) not in after
    deidentify(
        tmp_path / "a.dcm", other := tmp_path / "b.dcm", policy(keep=(*keep, "RequestAttributesSequence")), KEYED
    )
    assert values(other)[(0x00400275, 0x00401001)] == b"RP-77"
    assert (0x00400275, 0x00400009) not in values(other)
    assert report.kept == ("StudyDescription", "(0019,1008)")


def test_private_attributes_go_unless_they_are_safe(tmp_path: Path, target: Path) -> None:
    private: list[Element] = [
        (0x00190010, "LO", b"SIEMENS MR HEADER"),
        (0x00190011, "LO", b"SAMPLE PRIVATE"),
        (0x0019100C, "IS", b"800"),
        (0x0019100D, "CS", b"secret"),
        (0x0019110C, "IS", b"801"),
        (0x00211001, "SQ", [[NAME]]),
    ]
    source = file(tmp_path / "a.dcm", [NAME, *private, (HOLDER, "SQ", [private])])
    deidentify(source, target, Policy(), KEYED)
    assert not [way for way in values(target) if way[-1] >> 16 & 1]
    deidentify(source, safe := tmp_path / "b.dcm", policy("safe-private"), KEYED)
    left = {way: value for way, value in values(safe).items() if way[-1] >> 16 & 1}
    assert left[(0x0019100C,)] == left[(HOLDER, 0x0019100C)] == b"800"
    assert {way[-1] for way in left} <= {0x00190010, 0x0019100C, 0x0019100D}
    assert left[(0x00190010,)] == b"SIEMENS MR HEADER"


def test_text_is_kept_where_nothing_is_found_in_it(tmp_path: Path, target: Path) -> None:
    elements: list[Element] = [
        NAME,
        ID,
        (0x00080020, "DA", b"20200131"),
        (0x00100030, "DA", b"19700131"),
        (0x00081030, "LO", b"Knee left"),
        (0x0008103E, "LO", b"knee of ms. SAMPLE"),
        (0x00104000, "LT", b"born 31.1.1970"),
        (0x00181030, "LO", b"for k4711"),
        (0x00321032, "PN", b"Doctor^Who"),
        (0x00321060, "LO", b"asked by Dr. Doctor"),
    ]
    report = deidentify(file(tmp_path / "a.dcm", elements), target, policy("clean-descriptors"), KEYED)
    after = dcmread(target)
    assert after.StudyDescription == "Knee left"
    assert not [
        one for one in ("SeriesDescription", "PatientComments", "RequestedProcedureDescription") if after.get(one)
    ]
    assert "StudyDescription" in report.cleaned
    assert "SeriesDescription" in report.removed


def test_a_report_keeps_its_structure(tmp_path: Path, target: Path) -> None:
    concept: Element = (0x0040A043, "SQ", [[(0x00080100, "SH", b"121071"), (0x00080104, "LO", b"Finding")]])
    content: Element = (
        0x0040A730,
        "SQ",
        [
            [(0x0040A040, "CS", b"TEXT"), concept, (0x0040A160, "UT", b"Sample has a knee")],
            [(0x0040A040, "CS", b"NUM"), concept, (0x0040A300, "SQ", [[(0x0040A30A, "DS", b"12.5")]])],
            [(0x0040A040, "CS", b"PNAME"), concept, (0x0040A123, "PN", b"Sample^Anna")],
        ],
    )
    source = file(tmp_path / "a.dcm", [NAME, (0x0040A040, "CS", b"CONTAINER"), content], sop_class=SR, pixels=b"")
    deidentify(source, target, Policy(), KEYED)
    deidentify(source, cleaned := tmp_path / "b.dcm", policy("clean-structured-content"), KEYED)
    for path, number, meaning in ((target, "0", "REMOVED"), (cleaned, "12.5", "Finding")):
        text, count, person = dcmread(path).ContentSequence
        assert [one.ValueType for one in (text, count, person)] == ["TEXT", "NUM", "PNAME"]
        assert text.TextValue == person.PersonName == "REMOVED"
        assert str(count.MeasuredValueSequence[0].NumericValue) == number
        assert text.ConceptNameCodeSequence[0].CodeMeaning == meaning


def test_overlays_and_curves_go_or_hold(tmp_path: Path, target: Path) -> None:
    overlay: list[Element] = [(0x60000010, "US", b"\1\0"), (0x60003000, "OW", b"\1\0"), (0x50003000, "OW", b"\1\0")]
    source = file(tmp_path / "a.dcm", [NAME, *overlay])
    deidentify(source, target, Policy(), KEYED)
    assert not [way for way in values(target) if way[0] >> 24 in (0x50, 0x60)]
    with pytest.raises(Never, match="clean-graphics"):
        deidentify(source, tmp_path / "b.dcm", policy("clean-graphics"), KEYED)
    assert not (tmp_path / "b.dcm").exists()


def test_sequences_of_unknown_vr_are_gone_into(tmp_path: Path, target: Path) -> None:
    item = encode([NAME, (0x00080018, "UI", b"1.2.3.9")], IMPLICIT)
    items = struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item
    known = struct.pack("<HH2sHL", 0x0040, 0x9096, b"UN", 0, len(items)) + items
    ended = (
        struct.pack("<HH2sHL", 0x0040, 0x9098, b"UN", 0, 0xFFFFFFFF) + items + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    )
    data = encode([(0x00080016, "UI", CT.encode()), (0x00080018, "UI", b"1.2.3.4.5.6.7")]) + known
    source = tmp_path / "a.dcm"
    source.write_bytes(meta(CT, "1.2.3.4.5.6.7", EXPLICIT) + data + ended)
    deidentify(source, target, Policy(), KEYED)
    after = values(target)
    assert after[(HOLDER, 0x00080018)] == KEYED.uid("1.2.3.9").encode()
    assert after[(HOLDER, 0x00100010)] == b""
    assert b"Sample" not in target.read_bytes()


def test_large_pixels_are_not_read_into_memory(tmp_path: Path, target: Path) -> None:
    source = file(tmp_path / "a.dcm", [NAME], pixels=bytes(range(256)) * (1 << 16))
    tracemalloc.start()
    deidentify(source, target, Policy(), KEYED)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 4 << 20
    assert target.read_bytes()[-(1 << 24) :] == source.read_bytes()[-(1 << 24) :]


REFUSED: dict[str, bytes] = {
    "not DICOM": b"Sample" * 40,
    "empty": b"",
    "a strange transfer syntax": meta(CT, "1.2.3", "1.2.3.4") + encode([NAME]),
    "a DICOMDIR": meta("1.2.840.10008.1.3.10", "1.2.3", EXPLICIT) + encode([NAME]),
    "another class inside": meta(CT, "1.2.3", EXPLICIT) + encode([(0x00080016, "UI", SR.encode())]),
    "out of order": meta(CT, "1.2.3", EXPLICIT) + encode([ID]) + encode([NAME]),
    "twice": meta(CT, "1.2.3", EXPLICIT) + encode([NAME]) + encode([NAME]),
    "no VR": meta(CT, "1.2.3", EXPLICIT) + encode([NAME], IMPLICIT),
    "too short": meta(CT, "1.2.3", EXPLICIT) + encode([NAME])[:-2],
    "half a header": meta(CT, "1.2.3", EXPLICIT) + encode([NAME]) + b"\x10\0\x20\0",
    "an item outside": meta(CT, "1.2.3", EXPLICIT) + struct.pack("<HHL", 0xFFFE, 0xE000, 0),
    "an open sequence": meta(CT, "1.2.3", EXPLICIT) + encode([(HOLDER, "SQ", [[NAME]])], undefined=True)[:-8],
    "no item in it": meta(CT, "1.2.3", EXPLICIT) + encode([(HOLDER, "SQ", b"Sample  ")]),
    "damaged deflation": meta(CT, "1.2.3", DEFLATED) + b"Sample",
    "an unknown character set": meta(CT, "1.2.3", EXPLICIT)
    + encode([(0x00080005, "CS", b"SECRET"), (0x00100010, "PN", "Müller".encode())]),
    "too deep": meta(CT, "1.2.3", EXPLICIT) + b"".join([encode([(HOLDER, "SQ", b"")])[:-4] + b"\xff\xff\xff\xff"
                + struct.pack("<HHL", 0xFFFE, 0xE000, 0xFFFFFFFF)] * 60),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_sound_is_refused(tmp_path: Path, target: Path, what: str) -> None:
    source = tmp_path / "a.dcm"
    source.write_bytes(REFUSED[what])
    with pytest.raises(Never) as refused:
        deidentify(source, target, Policy(), KEYED)
    assert not target.exists()
    assert "Sample" not in refused.value.reason


def test_what_holds_the_name_elsewhere_is_cleaned_or_refused_and_named(tmp_path: Path, target: Path) -> None:
    software: Element = (0x00181020, "LO", b"v2 for SAMPLE")
    report = deidentify(file(tmp_path / "a.dcm", [NAME, software]), target, Policy(), KEYED)
    assert dcmread(target).SoftwareVersions == "REMOVED"
    assert "SoftwareVersions" in report.replaced
    target.unlink()
    source = file(tmp_path / "b.dcm", [NAME, software, (0x00281201, "OW", b"of Sample")])
    with pytest.raises(Unclean, match="RedPaletteColorLookupTableData holds what stands in PatientName"):
        deidentify(source, target, Policy(), KEYED)
    assert not target.exists()


def test_no_damage_makes_it_stumble(tmp_path: Path, target: Path) -> None:
    """Truncated and changed at many places: refused, or written and read by pydicom."""
    real = Path(pydicom.__file__).parent / "data/test_files/CT_small.dcm"
    data, source = real.read_bytes()[:8000], tmp_path / "a.dcm"
    outcomes = set()
    for at in range(140, 7000, 23):
        for changed in (data[:at], data[:at] + bytes([data[at] ^ 0xFF]) + data[at + 1 :]):
            source.write_bytes(changed)
            try:
                deidentify(source, target, Policy(), KEYED)
            except Never:
                outcomes.add("refused")
                assert not target.exists()
            else:
                outcomes.add("written")
                dcmread(target)
                target.unlink()
    assert outcomes == {"refused", "written"}


@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_an_object_that_ends_within_an_element_is_refused_wherever(
    tmp_path: Path, target: Path, syntax: str, undefined: bool
) -> None:
    inner: list[Element] = [(0x00080104, "LO", b"knee"), NAME, (HOLDER, "SQ", [[ID], []])]
    elements: list[Element] = [NAME, ID, (0x00091001, "LO", b"own"), STUDY, (HOLDER, "SQ", [inner, [ID]])]
    head, source = meta(CT, "1.2.3", syntax), tmp_path / "a.dcm"
    elements.sort(key=lambda one: one[0])
    whole = [len(encode(elements[:count], syntax, undefined=undefined)) for count in range(len(elements) + 1)]
    data = encode(elements, syntax, undefined=undefined)
    for cut in range(len(data)):
        source.write_bytes(head + data[:cut])
        if cut in whole:
            deidentify(source, target, Policy(), KEYED)
            target.unlink()
        else:
            with pytest.raises(Unclean):
                deidentify(source, target, Policy(), KEYED)
            assert not target.exists()


def test_a_policy_is_checked() -> None:
    for options, keep in (
        ({"everything"}, ()),
        ({"full-dates", "modified-dates"}, ()),
        ((), {"A[2].B"}),
        ((), {"Nonsense"}),
    ):
        with pytest.raises(ValueError):  # noqa: PT011
            Policy(frozenset(options), frozenset(keep))


def test_a_key_is_long_enough_and_does_not_show() -> None:
    with pytest.raises(ValueError, match="16"):
        Keyed(b"short")
    one, other = Keyed(b"a" * 16), Keyed(b"b" * 16)
    assert one.id != other.id
    assert one.uid("1.2.3") != other.uid("1.2.3")
    assert one.uid("1.2.840.10008.1.2") == "1.2.840.10008.1.2"
    assert one.uid("") == ""
    assert pydicom.uid.UID(one.uid("1.2.3")).is_valid
    uuid = int(one.uid("1.2.3").removeprefix("2.25."))
    assert (uuid >> 76 & 0xF, uuid >> 62 & 3) == (8, 2)
    assert one.pseudonym("4711") == Keyed(b"a" * 16).pseudonym("4711") != one.pseudonym("4712")
    assert {-3650 <= one.days(str(n)) <= -1 for n in range(500)} == {True}
    assert len({one.days(str(n)) for n in range(500)}) > 400


def test_what_somebody_else_says_of_the_method_is_looked_into(tmp_path: Path, target: Path) -> None:
    source = file(tmp_path / "a.dcm", [NAME, (0x00120063, "LO", b"Stellwerk of Sample")])
    with pytest.raises(Unclean, match="DeidentificationMethod holds"):
        deidentify(source, target, Policy(), KEYED)


def test_words_of_ours_may_be_a_name(tmp_path: Path, target: Path) -> None:
    source = file(tmp_path / "a.dcm", [(0x00100010, "PN", b"Basic^Removed"), (0x00181000, "LO", b"4711")])
    deidentify(source, target, Policy(), KEYED)
    assert not dcmread(target).PatientName
