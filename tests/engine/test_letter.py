"""The report on one study, to the letter: golden texts in golden/, and that it names nobody who may not be named.

`UPDATE=1 pytest` writes the golden texts anew.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.destinations.letter import LANGUAGES, compose
from engine.entry import Entry, Receipt
from engine.object import Origin
from engine.program import Contact
from engine.step import HOLD
from tests.data.make import FakeBench, mail, obj, program

GOLDEN = Path(__file__).parent / "golden"
ADMIN = Contact("admin", ("it@praxis.example",))
DOCTOR = Contact("doctor", ("dr@praxis.example",), may_see_names=True)
PERSON = {
    "PatientName": "Müller^Änne",
    "PatientID": "4711",
    "PatientBirthDate": "19700102",
    "StudyDate": "20260331",
}
NOTE = {"study": "1.2.3", "subject": "", "Modality": "US", "InstitutionName": "Praxis Nord", **PERSON}
NOON = 1774951200.0
"""2026-03-31 12:00 in Berlin."""


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are told in local time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def entry(number: str = "1", **note: str) -> Entry:
    """A mail about one object."""
    return Entry(f"{number}-m", number, "admin.mail", "r", "4", "digest", Origin("dicom"), note={**NOTE, **note})


def receipt(outbox: str, outcome: str = "delivered", *, tries: int = 1, why: str = "", place: str = "") -> Receipt:
    """An outcome at noon."""
    return Receipt("1-x", outbox, outcome, NOON, tries, why, place)


PLACE = "Praxis Nord/Müller^Änne/1.2.3.4.dcm"
STORED = receipt("archive.store", place=PLACE)
LETTERS: dict[str, tuple[Contact, list[Entry], list[Receipt]]] = {
    "all-well": (ADMIN, [entry("1"), entry("2")], [STORED, STORED, receipt("PACS"), receipt("PACS")]),
    "one-object": (ADMIN, [entry()], [receipt("PACS")]),
    "late": (ADMIN, [entry()], [receipt("PACS", tries=7, why="it does not answer")]),
    "held": (
        ADMIN,
        [entry("1"), entry("2"), entry("3")],
        [STORED, *[receipt("PACS", "held", why="it refuses this kind of image (0xA900)")] * 2, receipt("PACS")],
    ),
    "on-failure": (
        ADMIN,
        [entry(failure="burned-in text")],
        [receipt(HOLD, "held", why="burned-in text"), receipt("PACS", "failed", why="refused")],
    ),
    "unknown": (ADMIN, [entry(Modality="", InstitutionName="")], []),
    "two-kinds": (ADMIN, [entry("1", Modality="US"), entry("2", Modality="SR")], [STORED]),
    "own-subject": (ADMIN, [entry(subject="New ultrasound")], [STORED]),
    "may-see-names": (DOCTOR, [entry("1"), entry("2")], [STORED, STORED, receipt("PACS")]),
    "may-see-names-but-there-are-none": (DOCTOR, [entry(**dict.fromkeys(PERSON, ""))], [receipt("PACS")]),
}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LETTERS)
def test_the_letter_is_as_it_was(name: str, language: str) -> None:
    subject, body = compose(*LETTERS[name], language)
    letter = f"{subject}\n\n{body}"
    golden = GOLDEN / f"{name}.{language}.txt"
    if os.environ.get("UPDATE"):
        golden.write_text(letter, encoding="utf-8")
    assert letter == golden.read_text(encoding="utf-8")


def test_every_golden_text_has_its_letter() -> None:
    assert {file.name for file in GOLDEN.glob("*.txt")} == {f"{n}.{lang}.txt" for n in LETTERS for lang in LANGUAGES}


# --- who may not be named ---------------------------------------------------------------------------------------------

anything = st.text(max_size=30)


@given(st.fixed_dictionaries(dict.fromkeys(PERSON, anything)), anything, st.sampled_from(LANGUAGES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_who_may_not_see_names_gets_the_same_letter_whoever_the_patient_is(
    person: dict[str, str], folder: str, language: str
) -> None:
    for name, (_, entries, receipts) in LETTERS.items():
        others = [replace(one, note={**one.note, **person}) for one in entries]
        elsewhere = [replace(one, place=f"{folder}/x.dcm") for one in receipts]
        assert compose(ADMIN, others, elsewhere, language) == compose(ADMIN, entries, receipts, language), name


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LETTERS)
def test_who_may_not_see_names_sees_none(name: str, language: str) -> None:
    _, entries, receipts = LETTERS[name]
    letter = "\n".join(compose(ADMIN, entries, receipts, language))
    for secret in ("Müller", "Änne", "4711", "1970", "1.2.3", "2026"):
        assert secret not in letter


def test_what_the_mail_step_hands_over_is_what_the_letter_knows_how_to_hide() -> None:
    from engine.plan import prepare
    from engine.run import run
    from tests.data.make import route

    some = program(route("r", mail("admin")))
    outcome = run(prepare(some), obj({**PERSON, "StudyInstanceUID": "1.2.3"}), FakeBench(some))
    assert set(outcome.deliveries[0].note) == set(NOTE)


# --- nothing that an object holds can add a header or a line ----------------------------------------------------------

hostile = st.text(alphabet=st.sampled_from("a:\r\n\0\t\x0b\x0c\x1c\x85\u2028\u2029 "), max_size=20)


@given(hostile, hostile, hostile, hostile, st.sampled_from(LANGUAGES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_value_adds_a_header_or_a_line(who: str, subject: str, name: str, why: str, language: str) -> None:
    note = {"InstitutionName": who, "subject": subject, "PatientName": name, "Modality": who, "failure": f"x{why}"}
    receipts = [receipt("PACS", "held", why=why), receipt("PACS", why=why, tries=2)]
    found, body = compose(DOCTOR, [entry(**note)], receipts, language)
    assert len(found.splitlines()) == 1
    harmless = dict.fromkeys(note, "x")
    same = [replace(one, why="x") for one in receipts]
    assert len(body.splitlines()) == len(compose(DOCTOR, [entry(**harmless)], same, language)[1].splitlines())
    message = EmailMessage()
    message["Subject"] = found
    assert message.keys() == ["Subject"]


def test_a_subject_cannot_add_a_recipient() -> None:
    subject, body = compose(ADMIN, [entry(InstitutionName="Nord\r\nBcc: x@evil.example\r\n\r\nHi")], [], "en")
    assert subject == "Stellwerk: US study, 1 object from Nord Bcc: x@evil.example Hi"
    assert body == "Received: 1 object, US, from Nord Bcc: x@evil.example Hi.\n"
