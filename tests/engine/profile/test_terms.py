"""A name that is a word of the standard: it stays where the standard's word stands, and is in no free text."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread

from engine.errors import Unclean
from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from engine.profile.table import TEXT
from engine.profile.terms import is_code, is_term
from tests.engine.profile.kit import BIG, EXPLICIT, IMPLICIT, SR, Element, encode, file, read

KEYED = Keyed(b"k" * 32)
REGION, BODY_PART = 0x00082218, 0x00180015
BREAST: Element = (0x00100010, "PN", b"Breast^Head")


def code(value: bytes, scheme: bytes, meaning: bytes) -> list[Element]:
    return [(0x00080100, "SH", value), (0x00080102, "SH", scheme), (0x00080104, "LO", meaning)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "after.dcm"


def test_a_term_is_one_of_its_attribute() -> None:
    assert is_term(BODY_PART, b"BREAST")
    assert is_term(BODY_PART, b"Head ")
    assert is_term(0x00200060, b"L\0")
    assert is_term(0x0040A010, b"HAS PROPERTIES")
    assert is_term(0x00080008, b"ORIGINAL\\PRIMARY\\")
    assert not is_term(0x00080008, b"ORIGINAL\\SAMPLE")
    assert not is_term(BODY_PART, b"BREASTED")
    assert not is_term(BODY_PART, b"BROWN")
    assert not is_term(0x00181400, b"BREAST")


def test_a_code_is_one_with_its_own_meaning() -> None:
    assert is_code("76752008", "SCT", "Breast")
    assert is_code("T-04000 ", "SRT", "breast")
    assert is_code("121071", "DCM", "Finding")
    assert not is_code("121072", "DCM", "Finding")
    assert not is_code("76752008", "99HOUSE", "Breast")
    assert not is_code("76752008", "SCT", "Mrs Breast")


@pytest.mark.parametrize("options", [(), ("clean-structured-content", "clean-descriptors")])
def test_words_of_the_standard_stay_whatever_the_patient_is_called(
    tmp_path: Path, target: Path, options: tuple[str, ...]
) -> None:
    elements: list[Element] = [
        BREAST,
        (0x00100020, "LO", b"76752008"),
        (BODY_PART, "CS", b"BREAST"),
        (REGION, "SQ", [code(b"76752008", b"SCT", b"Breast"), code(b"T-D1100", b"SRT", b"Head")]),
    ]
    deidentify(file(tmp_path / "a.dcm", elements), target, Policy(frozenset(options)), KEYED)
    after = dcmread(target)
    assert (after.BodyPartExamined, after.PatientName) == ("BREAST", "")
    assert [(one.CodeValue, one.CodeMeaning) for one in after[REGION].value] == [
        ("76752008", "Breast"),
        ("T-D1100", "Head"),
    ]


def test_the_same_words_in_free_text_are_cleaned_and_all_else_stays(tmp_path: Path, target: Path) -> None:
    elements: list[Element] = [
        BREAST,
        (0x00181020, "LO", b"v2 for Mrs Breast"),
        (0x00181210, "SH", b"HEAD"),
        (0x00181019, "LO", b"77"),
        (
            REGION,
            "SQ",
            [
                code(b"B", b"99HOUSE", b"Breast"),
                code(b"76752008", b"SCT", b"Breast of Head"),
                code(b"K", b"99X", b"Knee"),
            ],
        ),
    ]
    report = deidentify(file(tmp_path / "a.dcm", elements), target, Policy(), KEYED)
    after = dcmread(target)
    assert (after.SoftwareVersions, after.ConvolutionKernel) == ("REMOVED", "REMOVED")
    assert after[0x00181019].value == "77"
    assert [(one.CodeValue, one.CodeMeaning) for one in after[REGION].value] == [
        ("B", "REMOVED"),
        ("76752008", "REMOVED"),
        ("K", "Knee"),
    ]
    assert {"SoftwareVersions", "ConvolutionKernel", "CodeMeaning"} <= set(report.replaced)
    assert report.cleaned == ()


HELD: dict[str, Element] = {
    "a coded string that is no term": (0x00189004, "CS", b"BREAST"),
    "part of a term": (BODY_PART, "CS", b"BREAST SAMPLE"),
    "binary": (0x00281201, "OW", b"\1\1of Breast\1\1"),
    "numbers": (0x00200013, "IS", b"BREAST"),
}


@pytest.mark.parametrize("what", HELD)
def test_where_nothing_can_be_cleaned_it_is_held(tmp_path: Path, target: Path, what: str) -> None:
    source = file(tmp_path / "a.dcm", [BREAST, HELD[what], (0x00181020, "LO", b"Breast")])
    with pytest.raises(Unclean, match="holds what stands in PatientName"):
        deidentify(source, target, Policy(), KEYED)
    assert not target.exists()


@pytest.mark.parametrize(
    "policy", [Policy(frozenset({"device-identity"})), Policy(keep=frozenset({"StationName", "SoftwareVersions"}))]
)
def test_what_somebody_keeps_is_held_and_not_cleaned(tmp_path: Path, target: Path, policy: Policy) -> None:
    source = file(tmp_path / "a.dcm", [BREAST, (0x00081010, "SH", b"of Mrs Breast")])
    with pytest.raises(Unclean, match="StationName holds what stands in PatientName"):
        deidentify(source, target, policy, KEYED)


WORDS = st.sampled_from(["Breast", "Head", "Hand", "Chest", "Finding", "Heart", "Skull", "Abdomen", "Knee"])
FREE = st.sampled_from(
    [(0x00181020, "LO"), (0x00181210, "SH"), (0x00180024, "SH"), (0x0040A160, "UT"), (0x00620005, "LO")]
)
CASES = st.sampled_from([str.upper, str.lower, str.title])


@settings(max_examples=60, deadline=None)
@given(
    st.lists(WORDS, min_size=1, max_size=2, unique=True),
    st.lists(st.tuples(FREE, WORDS, CASES, st.sampled_from(["{}", "of {}'s", "Mrs {} 2", "x, {}"])), max_size=4),
    st.lists(st.tuples(WORDS, CASES), max_size=3),
    st.sampled_from([EXPLICIT, IMPLICIT, BIG]),
)
def test_the_name_is_in_no_free_text(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], texts: list, meanings: list, syntax: str
) -> None:  # type: ignore[type-arg]
    folder = tmp_path_factory.mktemp("terms")
    items = [code(b"L%d" % n, b"99HOUSE", case(word).encode()) for n, (word, case) in enumerate(meanings)]
    elements = {tag: (tag, vr, shape.format(case(word)).encode()) for (tag, vr), word, case, shape in texts}
    elements[REGION] = (REGION, "SQ", [*items, code(b"76752008", b"SCT", b"Breast"), list(elements.values())])
    source = file(
        folder / "a.dcm",
        [(0x00100010, "PN", "^".join(names).encode()), *elements.values()],
        syntax=syntax,
        sop_class=SR,
    )
    deidentify(source, folder / "b.dcm", Policy(), KEYED)
    read_again = read(folder / "b.dcm")
    standard = {(REGION, 0x00080104)}
    for way, vr, value in read_again:
        if vr in TEXT and value and not (way in standard and value.strip() == b"Breast"):
            assert not [name for name in names if name.lower().encode() in value.lower()], f"{way[-1]:08x}"
    assert encode(code(b"76752008", b"SCT", b"Breast"), syntax) in (folder / "b.dcm").read_bytes()
