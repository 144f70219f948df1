"""Folder names from tags: people can read them, no file system stumbles over them, no two values share one."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.header import Header
from engine.layout import LONGEST, UNKNOWN, folders, patient_key, safe
from tests.data.make import layout, text

BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
RESERVED = ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in "0123456789¹²³")]


def is_harmless(name: str) -> bool:
    """One component of a path that Linux, Windows and a shell take as it is."""
    return (
        0 < len(name.encode()) <= 255
        and not set(name) & set('/\\:*?"<>|$`\0')
        and not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in name)
        and not set(name) & set(BIDI)
        and name not in (".", "..")
        and name[0] not in " ."
        and name[-1] not in " ."
        and name.split(".")[0].strip().casefold() not in RESERVED
    )


@pytest.mark.parametrize(
    "value",
    [
        "Müller^Änne",
        "Praxis Nord",
        "4711",
        "山田^太郎",
        "김희중",
        "Люкceмбypг",
        "St. Anna (Haus 2)",
        "a-b_c+d,e;f=g",
        "~",
    ],
)
def test_what_is_harmless_stays_as_it_is(value: str) -> None:
    assert safe(value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("..", ".", "...", "../../etc/passwd", "/", "/etc", "a/b", "a\\b", "\\\\server\\share", "C:\\x", "C:"),
        *(
            "$HOME",
            "$(reboot)",
            "`reboot`",
            "a\0b",
            "a\nb",
            "a\r\nb",
            "a\tb",
            "\x7f",
            "\x85",
            "*",
            "?",
            '"',
            "<",
            ">",
            "|",
        ),
        *("a.", "a ", "a. .", ".hidden", " a", "ä" * 300, "x" * 300, "山" * 300, "x" * 119 + "ä", "x" * 118 + ". . ."),
        *("CON", "con", "Nul.txt", "COM1", "lpt9.dcm", "COM¹", "aux ", "nul .x", "prn.tar.gz"),
        *(f"a{sign}b" for sign in BIDI),
        *("\ufeff", "a\u200bb", "\ud800", "a\udcffb", "\ufffd"),
    ],
)
def test_what_could_do_harm_becomes_one_harmless_name(value: str) -> None:
    assert is_harmless(safe(value)), safe(value)


def test_what_was_replaced_stays_readable() -> None:
    assert safe("12/2026").startswith("12_2026~")
    assert safe("CON").startswith("_CON~")
    assert safe("x" * 300).startswith("x" * LONGEST + "~")


@pytest.mark.parametrize("value", ["", " ", "\u00a0\t"])
def test_nothing_is_unknown(value: str) -> None:
    assert safe(value) == UNKNOWN == "unknown"


@given(st.text(max_size=300))
def test_every_value_becomes_one_harmless_name(value: str) -> None:
    assert is_harmless(safe(value)), safe(value)


@given(st.text(alphabet=st.sampled_from('a/\\:.$ ~_0"\u202e\ud800Ä'), max_size=8))
def test_every_nasty_value_becomes_one_harmless_name(value: str) -> None:
    assert is_harmless(safe(value)), safe(value)


def same(one: str, other: str) -> bool:
    """Whether two values are one: padding and the way of writing an umlaut aside; an empty one is `unknown`."""
    plain = [unicodedata.normalize("NFC", value).strip() or UNKNOWN for value in (one, other)]
    return plain[0] == plain[1]


nasty = st.text(alphabet=st.sampled_from("a/\\:. ~_"), max_size=6)


@given(st.one_of(st.text(max_size=200), nasty), st.one_of(st.text(max_size=200), nasty))
@example("a/b", "a\\b")
@example("a", "a.")
@example("con", "_con")
@example("x" * 200, "x" * 201)
@example("Mu\u0308ller", "Müller")
def test_two_different_values_never_share_a_folder(one: str, other: str) -> None:
    assert (safe(one) == safe(other)) is same(one, other)


@given(st.one_of(st.text(max_size=200), nasty))
@example("a/b")
@example("x" * 300)
def test_a_value_that_looks_like_the_folder_of_another_gets_its_own(value: str) -> None:
    name = safe(value)
    if name not in (value, UNKNOWN) and not same(name, value):
        assert safe(name) != name


# --- layouts ----------------------------------------------------------------------------------------------------------


def test_a_layout_names_one_folder_for_each_of_its_parts() -> None:
    header = Header.of({"InstitutionName": "Praxis Nord", "PatientName": "Müller^Änne", "StudyDate": "20260331"})
    parts = layout("Institution", text("US"), "StudyDate", "PatientName")
    assert folders(parts, header) == ("Praxis Nord", "US", "20260331", "Müller^Änne")


def test_a_missing_tag_is_unknown() -> None:
    assert folders(layout("Institution", "PatientName"), Header.of({"PatientID": "1"})) == ("unknown", "unknown")


def test_a_value_cannot_add_a_folder_or_leave_its_own() -> None:
    header = Header.of({"InstitutionName": "../../etc", "PatientID": "a/b"})
    names = folders(layout("Institution", "PatientID"), header)
    assert len(names) == 2
    assert all(is_harmless(name) for name in names)


def test_of_the_scripts_of_a_name_the_first_is_shown() -> None:
    for name, folder in (("Yamada^Tarou=山田^太郎", "Yamada^Tarou"), ("=山田^太郎", "山田^太郎")):
        assert folders(layout("PatientName"), Header.of({"PatientName": name})) == (folder,)


def test_several_values_make_one_folder() -> None:
    assert folders(layout("ImageType"), Header.of({"ImageType": "DERIVED\\PRIMARY"})) == ("DERIVED+PRIMARY",)


def test_a_layout_may_ask_for_private_and_nested_values() -> None:
    header = Header.of({'(0009,"X",10)': "p", "RequestAttributesSequence.StudyID": "n"})
    private, nested = layout('(0009,"X",10)'), layout("RequestAttributesSequence.StudyID")
    assert folders(private, header) + folders(nested, header) == ("p", "n")


def test_a_patients_key_differs_where_id_issuer_or_birth_date_differ_and_tells_none_of_them() -> None:
    person = {"PatientID": "4711", "IssuerOfPatientID": "NORD", "PatientBirthDate": "19700101"}
    key = patient_key(Header.of(person))
    assert key == patient_key(Header.of({**person, "PatientName": "other"}))
    assert not any(value in key for value in person.values())
    for tag in person:
        assert patient_key(Header.of({**person, tag: "19991231"})) != key
