"""Studies are found by whose images they are not, but who made them and who wanted them: institution and physician."""

from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.uid import generate_uid

from appliance.console.roles import Role
from appliance.demonstration.images import test_images as images
from tests.console.browser import OpenPage, axe, shoot
from tests.console.living import NASTY, Living
from tests.console.serving import Browser
from tests.console.visiting import visit

NAME, INSTITUTION, PHYSICIAN = "Müller^Änne", "Krankenhaus Talheim", "Probe^Jörg^^Dr."


def image(living: Living, name: str, institution: str, physician: str) -> Path:
    """An image of a study of its own, as a CT in that house makes it."""
    path = living.copy(next(path for path in images() if path.name == "CT_small.dcm"), name)
    dataset = pydicom.dcmread(path)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName, dataset.PatientID, dataset.StudyInstanceUID = name, "4711", generate_uid()
    dataset.InstitutionName, dataset.ReferringPhysicianName = institution, physician
    dataset.save_as(path)
    return path


def found(who: Browser, **asked: str) -> list[dict[str, Any]]:
    answer = who.call("POST", "/studies/search", asked)
    assert answer.status == 200, answer.text
    return [line["study"] for line in answer.json["studies"]]


@pytest.fixture(scope="module")
def known(living: Living, people: dict[Role, Browser]) -> str:
    """The number of a study that somebody has referred; beside it stands one whose words are not nice."""
    living.send(image(living, NAME, INSTITUTION, PHYSICIAN), image(living, NASTY, NASTY, NASTY))
    living.until(lambda: len(found(people[Role.VIEWER], id="4711")) == 2)
    [one] = found(people[Role.VIEWER], id="4711", name="müller")
    return str(one["id"])


@pytest.mark.parametrize(
    "asked",
    [
        {"words": "krankenhaus talheim"},
        {"words": "Dr. Probe"},
        {"words": "dr. joerg probe müller ct"},
        {"institution": "TALHEIM"},
        {"physician": "dr. jorg"},
        {"referring": "talheim jörg"},
    ],
)
def test_a_study_is_found_by_its_institution_and_its_referring_physician(
    known: str, people: dict[Role, Browser], asked: dict[str, str]
) -> None:
    [one] = found(people[Role.VIEWER], **asked)
    assert (one["id"], one["institution"], one["physician"]) == (known, INSTITUTION, PHYSICIAN)
    assert found(people[Role.VIEWER], **asked, name="nobody") == []


@pytest.mark.parametrize(
    ("language", "more", "field", "none", "by"),
    [
        ("de", "Genauer", "Einrichtung oder Überweiser", "Keine Studie passt.", "überwiesen von Probe, Jörg Dr."),
        ("en", "More precisely", "Institution or referring physician", "No study fits.", "referred by Probe, Jörg Dr."),
    ],
)
@pytest.mark.usefixtures("known")
def test_did_the_images_from_the_physician_come(
    people: dict[Role, Browser], open_page: OpenPage, language: str, more: str, field: str, none: str, by: str
) -> None:
    page = visit(open_page, people[Role.VIEWER], "/studies", language=language)
    page.get_by_text(more).click()
    page.get_by_label(field).fill("Frauenarzt")
    page.keyboard.press("Enter")
    page.get_by_text(none).wait_for()
    assert page.get_by_label(field).input_value() == "Frauenarzt", "the field stays open, with what was asked"
    page.get_by_label(field).fill("dr. probe")
    page.keyboard.press("Enter")
    page.get_by_text(by).wait_for()
    page.get_by_text(INSTITUTION).wait_for()
    assert "robe" not in page.url + page.title()
    axe(page)
    shoot(page, f"studies-referred-{language}")
    page.get_by_role("link", name="Müller, Änne").click()
    page.get_by_role("heading", name="Müller, Änne").wait_for()
    said = {"de": "Überweisender Arzt", "en": "Referring physician"}[language]
    assert page.locator(f"dt:text-is('{said}') + dd").inner_text() == "Probe, Jörg Dr."
    shoot(page, f"study-referred-{language}")
    page.locator("#images tbody a").first.click()
    page.get_by_role(
        "heading", name="What it says of itself" if language == "en" else "Was es von sich sagt"
    ).wait_for()
    assert page.locator(f"dt:text-is('{said}') + dd").inner_text() == "Probe, Jörg Dr."


@pytest.mark.usefixtures("known")
def test_what_an_institution_and_a_physician_say_is_text(people: dict[Role, Browser], open_page: OpenPage) -> None:
    page = visit(open_page, people[Role.VIEWER], people[Role.VIEWER].post("/studies", referring=NASTY).to)
    page.get_by_text("referred by <script>document").wait_for()
    assert page.get_by_label("Institution or referring physician").input_value() == NASTY
    page.locator("tbody a").first.click()
    page.locator("dt:text-is('Referring physician')").wait_for()
    assert page.locator("dt:text-is('Institution') + dd").inner_text() == NASTY
    assert page.title() == "Study · Stellwerk"


@pytest.mark.usefixtures("known")
def test_nobody_tells_of_them_elsewhere(living: Living, people: dict[Role, Browser]) -> None:
    people[Role.VIEWER].post("/studies", words="talheim", referring="jörg")
    assert "alheim" not in living.line.said()
    assert "robe" not in living.line.said()
    audit = "".join(path.read_text(encoding="utf-8") for path in (living.line.data / "audit").iterdir())
    assert "eva" in audit or "sign" in audit, "what people do is noted there"
    assert "alheim" not in audit
