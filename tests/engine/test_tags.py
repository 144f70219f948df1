"""Names for tags: the four spellings, paths, and what is no tag."""

import pytest
from pydicom.datadict import tag_for_keyword

from engine.tags import ALIASES, FACTS, Tag, UnknownTag, all_names, path_of, tag_of, vr_of


@pytest.mark.parametrize(
    ("spelling", "tag"),
    [
        ("PatientName", Tag(0x0010, 0x0010)),
        ("Institution", Tag(0x0008, 0x0080)),
        ("(0010,0010)", Tag(0x0010, 0x0010)),
        ("( 0010 , 0010 )", Tag(0x0010, 0x0010)),
        ("(0018,115e)", Tag(0x0018, 0x115E)),
        ("(0018,115E)", Tag(0x0018, 0x115E)),
        ("(0009,0010)", Tag(0x0009, 0x0010)),
        ('(0009,"GEMS_IDEN_01",27)', Tag(0x0009, 0x27, "GEMS_IDEN_01")),
        ('(0019, "SIEMENS MR HEADER", 0c)', Tag(0x0019, 0x0C, "SIEMENS MR HEADER")),
        ('(0009,"Canon Inc.",10)', Tag(0x0009, 0x10, "Canon Inc.")),
        ('(0009,"A (B)",10)', Tag(0x0009, 0x10, "A (B)")),
    ],
)
def test_a_tag_is_named_by_keyword_alias_number_or_private_creator(spelling: str, tag: Tag) -> None:
    assert path_of(spelling).last == tag
    assert tag_of(spelling) == tag


@pytest.mark.parametrize(
    ("spelling", "word"),
    [
        ("Modalty", "Modalty"),
        ("modality", "modality"),
        ("RequestAttributesSequence.Stepp", "Stepp"),
        ("A.B", "A"),
        ("", ""),
        ("PatientName.", "."),
        ("RequestAttributesSequence[0].StudyID", "RequestAttributesSequence[0]"),
        ("(0010,001)", "(0010,001)"),
        ('(0010,"EVEN GROUP",10)', '(0010,"EVEN GROUP",10)'),
        ("PatientName]", "]"),
        ("OverlayRows", "OverlayRows"),
    ],
)
def test_an_unknown_tag_is_told_by_the_word_at_fault(spelling: str, word: str) -> None:
    with pytest.raises(UnknownTag) as unknown:
        path_of(spelling)
    assert unknown.value.word == word


def test_a_path_leads_through_sequences() -> None:
    path = path_of("RequestAttributesSequence[2].ScheduledProcedureStepID")
    assert [str(part) for part in path.parts] == ["RequestAttributesSequence[2]", "ScheduledProcedureStepID"]
    assert path.parts[0].item == 2
    assert path.parts[1].item is None
    assert path.kind == "text"


@pytest.mark.parametrize(
    "spelling",
    [
        "Institution",
        "(0010,0010)",
        "(6000,0010)",
        "(6002,0010)",
        "(0009,0010)",
        "(4321,1234)",
        '(0009,"A.B (C)",0a)',
        "RequestAttributesSequence[3].(0040,0009)",
        '(0009,"X",10)[1].PatientID',
    ],
)
def test_a_path_reads_back_from_its_own_spelling(spelling: str) -> None:
    path = path_of(spelling)
    assert str(path)
    assert path_of(str(path)) == path


def test_every_name_that_is_suggested_is_a_tag_that_reads_back() -> None:
    names = all_names()
    assert len(names) > 4000
    assert set(ALIASES) <= set(names)
    for name in names:
        path = path_of(name)
        assert path_of(str(path)) == path, name


def test_an_alias_hides_no_keyword_and_no_fact_hides_a_tag() -> None:
    assert [alias for alias in ALIASES if tag_for_keyword(alias) is not None] == []
    assert [fact for fact in FACTS if tag_for_keyword(fact) is not None or fact in ALIASES] == []


@pytest.mark.parametrize(
    ("spelling", "kind"),
    [
        ("PatientName", "name"),
        ("Modality", "text"),
        ("Rows", "number"),
        ("PatientWeight", "number"),
        ("StudyDate", "date"),
        ("AcquisitionDateTime", "moment"),
        ("StudyTime", "time"),
        ("PatientAge", "age"),
        ("StudyInstanceUID", "uid"),
        ("RequestAttributesSequence", "items"),
        ("PixelData", "binary"),
        ("SmallestImagePixelValue", "number"),
        ('(0009,"X",10)', "binary"),
    ],
)
def test_the_vr_says_how_values_compare(spelling: str, kind: str) -> None:
    assert path_of(spelling).kind == kind


def test_of_several_vrs_the_first_counts_and_what_is_not_listed_is_unknown() -> None:
    assert vr_of(path_of("PixelData").last) == "OB"
    assert vr_of(path_of("SmallestImagePixelValue").last) == "US"
    assert vr_of(Tag(0x4321, 0x1234)) == "UN"
