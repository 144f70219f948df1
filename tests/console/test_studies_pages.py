"""Studies beside a running appliance: search, one study with all that became of it, one image, release, send again."""

import contextlib
import os
import re
import signal
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydicom
import pytest
from jsonschema import Draft202012Validator
from pydicom.uid import generate_uid

from appliance.console.api import declared
from appliance.console.roles import Role
from appliance.demonstration.images import test_images as images
from tests.console.browser import OpenPage, axe, shoot
from tests.console.living import NASTY, Living
from tests.console.serving import Answer, Browser
from tests.console.visiting import visit

ANSWERS = {one.name: one.answer for one in declared()}
NAME = "Müller^Änne"
OF_THREE = {"CT": 4, "US": 2, "MR": 3}
"""Delivered to the PACS; waiting for a node that is away; held by a rule."""


MANY = 120
"""Images of a study that is not sent again within a moment."""


def told(answer: Answer, name: str) -> Any:
    """What an operation has answered, which is as it was declared."""
    assert answer.status == 200, answer.text
    Draft202012Validator(ANSWERS[name]).validate(answer.json)
    return answer.json


def made(living: Living, kinds: dict[str, int], name: str = NAME, patient: str = "4711") -> list[Path]:
    """The images of one study, so many of each modality."""
    source = next(path for path in images() if path.name == "CT_small.dcm")
    study, found = generate_uid(), []
    for modality, count in kinds.items():
        series = generate_uid()
        for _ in range(count):
            path = living.copy(source)
            dataset = pydicom.dcmread(path)
            dataset.SpecificCharacterSet = "ISO_IR 100"
            dataset.PatientName, dataset.PatientID, dataset.Modality = name, patient, modality
            dataset.StudyInstanceUID, dataset.SeriesInstanceUID = study, series
            dataset.StudyDate, dataset.PatientBirthDate, dataset.AccessionNumber = "20260401", "19560708", "A-77/b"
            dataset.save_as(path)
            found.append(path)
    return found


@pytest.fixture(scope="module")
def known(living: Living, people: dict[Role, Browser]) -> dict[str, Any]:
    """A study of which a part is delivered, a part waits, and a part is held."""
    before = len(living.held())
    living.send(*made(living, OF_THREE))
    living.until(lambda: len(living.held()) == before + OF_THREE["MR"] and living.owed("AWAY") == 3 + OF_THREE["US"])
    living.until(lambda: living.owed("PACS") == 0 and living.owed("archive.store") == 0)

    def ready() -> bool:
        found = people[Role.VIEWER].call("POST", "/studies/search", {"words": "4711"}).json["studies"]
        return bool(found) and (found[0]["states"] or {}) == {"delivered": 4, "waiting": 2, "held": 3}

    living.until(ready)
    [one] = people[Role.VIEWER].call("POST", "/studies/search", {"words": "4711"}).json["studies"]
    found_one: dict[str, Any] = one
    return found_one


def found(who: Browser, **asked: str) -> list[str]:
    """The names of the patients."""
    answer = told(who.call("POST", "/studies/search", asked), "search-studies")
    return [line["study"]["name"] for line in answer["studies"]]


def text_of(answer: Answer) -> str:
    """What one reads."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


# --- search ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("words", ["müller", "MUELLER 1.4.2026", "muller us", "4711", "A-77", "8.7.1956", "änn ct"])
def test_a_study_is_found_as_people_type_it(people: dict[Role, Browser], words: str) -> None:
    assert found(people[Role.VIEWER], words=words) == [NAME]


@pytest.mark.usefixtures("known")
def test_a_script_may_write_a_whole_number_with_a_point(people: dict[Role, Browser]) -> None:
    answer = people[Role.VIEWER].call("POST", "/studies/search", {"words": "4711", "most": 1.0})
    assert len(told(answer, "search-studies")["studies"]) == 1


@pytest.mark.usefixtures("known")
def test_what_is_looked_for_is_in_no_address_and_stays_with_the_session(
    people: dict[Role, Browser], living: Living
) -> None:
    viewer = people[Role.VIEWER]
    answer = viewer.post("/studies", words="müller", first_day="2026-03-01", last_day="2026-04-30", modality="US")
    assert answer.status == 303
    assert re.fullmatch(r"/studies\?search=[\w-]+", answer.to)
    page = viewer.get(answer.to)
    assert "Müller, Änne" in page.text
    assert 'value="müller"' in page.text
    assert "4 of 9 delivered" in page.text
    assert viewer.get(answer.to).text.count("<tr>") == page.text.count("<tr>"), "to reload asks the same"
    other = people[Role.OPERATOR].get(answer.to)
    assert "This search is not remembered any more." in other.text
    assert 'value="müller"' not in other.text
    assert "ller" not in living.line.said()


@pytest.mark.usefixtures("known")
def test_a_study_is_found_by_how_it_stands(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    for standing, there in (("held", True), ("waiting", True), ("open", True), ("ended", False), ("", True)):
        assert (NAME in found(viewer, standing=standing)) == there, standing
    assert NAME not in found(viewer, standing="held", words="script")
    assert viewer.call("POST", "/studies/search", {"standing": "lost"}).status == 422
    assert viewer.call("POST", "/studies/search", {"first_day": "31.2.2026"}).status == 422
    page = viewer.get(viewer.post("/studies", first_day="yesterday").to)
    assert "There is no such day: yesterday." in page.text


@pytest.mark.usefixtures("known")
def test_a_page_goes_on_where_the_one_before_has_ended(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    everything = told(viewer.call("GET", "/studies?most=200"), "newest-studies")
    seen, after = [], ""
    while True:
        page = told(viewer.call("POST", "/studies/search", {"most": 3, "after": after}), "search-studies")
        seen += [line["study"]["id"] for line in page["studies"]]
        after = page["next"]
        if not after:
            break
    assert seen == [line["study"]["id"] for line in everything["studies"]]
    assert len(seen) == len(set(seen)) > 3
    older = viewer.get(f"/studies?after={seen[-1]}")
    assert "No more studies fit." in older.text
    assert "From the newest" in older.text


# --- one study -----------------------------------------------------------------------------------------------


def test_a_study_says_what_became_of_all_of_it(known: dict[str, Any], people: dict[Role, Browser]) -> None:
    viewer, number = people[Role.VIEWER], known["study"]["id"]
    facts = told(viewer.call("GET", f"/studies/{number}"), "show-study")
    assert facts["states"] == {"delivered": 4, "waiting": 2, "held": 3}
    assert facts["waits"]["AWAY"] == 2
    assert (facts["stored"], len(facts["held"]), len(facts["series"])) == (4, 3, 3)
    english, german = (
        text_of(viewer.get(f"/studies/{number}")),
        text_of(viewer.get(f"/studies/{number}", Accept_Language="de")),
    )
    for words in ("3 of 9 held", "2 of 9 not yet at AWAY", "4 of 9 delivered", "9 images from"):
        assert words in english, words
    for words in ("3 von 9 angehalten", "2 von 9 noch nicht bei AWAY", "4 von 9 zugestellt", "9 Bilder von"):
        assert words in german, words
    assert re.findall(r"<title>(.*?)</title>", viewer.get(f"/studies/{number}").text) == ["Study · Stellwerk"]


def test_the_counts_of_the_journey_are_those_of_the_ledger(known: dict[str, Any], people: dict[Role, Browser]) -> None:
    viewer, number = people[Role.VIEWER], known["study"]["id"]
    states = told(viewer.call("GET", f"/studies/{number}"), "show-study")["states"]
    [journey] = told(viewer.call("GET", f"/studies/{number}/journeys"), "study-journeys")["journeys"]
    went = {(edge["from"], edge["to"]): edge for edge in journey["drawing"]["edges"] if edge["count"]}
    ends = {end: (edge["count"], edge["state"]) for (_, end), edge in went.items()}
    assert ends["PACS"] == (states["delivered"], "delivered")
    assert ends["archive.store"] == (states["delivered"], "delivered")
    assert ends["AWAY"] == (states["waiting"], "waiting")
    assert ends["hold"] == (states["held"], "held")
    assert sum(edge["count"] for (start, _), edge in went.items() if start.startswith("on ")) == sum(states.values())
    [start] = [start for start, end in went if end == "AWAY"]
    query = f"program={journey['program']}&from={quote(start)}&to=AWAY"
    objects = told(viewer.call("GET", f"/studies/{number}/ways?{query}"), "study-ways")["objects"]
    listed = told(viewer.call("GET", f"/studies/{number}/objects?most=200"), "study-objects")["objects"]
    assert sorted(objects) == sorted(one["number"] for one in listed if one["state"] == "waiting")
    page = text_of(viewer.get(f"/studies/{number}"))
    assert "forward PACS → PACS: 4 images, delivered" in page
    assert "forward AWAY → AWAY: 2 images, waits" in page


def test_what_happened_is_told_together_with_when_and_why(known: dict[str, Any], people: dict[Role, Browser]) -> None:
    viewer, number = people[Role.VIEWER], known["study"]["id"]
    events = told(viewer.call("GET", f"/studies/{number}/timeline"), "study-timeline")
    counts = {(one["event"], one["outbox"]): one["count"] for one in events["events"]}
    assert events["whole"]
    assert counts["received", ""] == 9
    assert counts["delivered", "PACS"] == counts["delivered", "archive.store"] == 4
    assert counts["held", "hold"] == 3
    page = text_of(viewer.get(f"/studies/{number}", Accept_Language="de"))
    for words in ("Empfangen von", "Gespeichert (Archiv)", "Gesendet an PACS, dort bestätigt", "Angehalten"):
        assert words in page, words


def test_objects_come_by_pages_and_by_series(known: dict[str, Any], people: dict[Role, Browser]) -> None:
    viewer, number = people[Role.VIEWER], known["study"]["id"]
    first = told(viewer.call("GET", f"/studies/{number}/objects?most=5"), "study-objects")
    rest = told(viewer.call("GET", f"/studies/{number}/objects?most=5&after={first['next']}"), "study-objects")
    assert (len(first["objects"]), len(rest["objects"]), rest["next"]) == (5, 4, "")
    everything = viewer.get(f"/studies/{number}").text
    assert everything.count('href="/studies/object/') == 9
    of_series = [viewer.get(f"/studies/{number}?series={place}").text for place in (1, 2, 3)]
    assert sorted(text.count('href="/studies/object/') for text in of_series) == [2, 3, 4]
    assert viewer.get(f"/studies/{number}?series=99").text.count('href="/studies/object/') == 9
    assert "generate" not in everything


def test_what_is_not_here_is_said_so(people: dict[Role, Browser]) -> None:
    viewer = people[Role.VIEWER]
    for path in ("/studies/1", "/studies/9999999999999999999", "/studies/1/send-again", f"/studies/object/{0:021x}"):
        answer = people[Role.OPERATOR].get(path)
        assert (answer.status, "not known here (any more)" in answer.text) == (404, True), path
    for path in ("/studies/1", "/studies/1/objects", f"/objects/{0:021x}", f"/objects/{0:021x}/journeys"):
        assert viewer.call("GET", path).status == 404, path
    assert viewer.call("GET", "/studies/x").status == 422
    assert viewer.call("GET", "/objects/..").status in (404, 422)


# --- one image -----------------------------------------------------------------------------------------------


def test_an_image_tells_its_story_in_both_languages(known: dict[str, Any], people: dict[Role, Browser]) -> None:
    viewer, number = people[Role.VIEWER], known["study"]["id"]
    objects = told(viewer.call("GET", f"/studies/{number}/objects?most=200"), "study-objects")["objects"]
    by_state = {one["state"]: one["number"] for one in objects}
    sent = told(viewer.call("GET", f"/objects/{by_state['delivered']}"), "show-object")
    assert sent["in_study"] == number
    assert sent["events"][0]["event"] == "received"
    page, german = (
        text_of(viewer.get(f"/studies/object/{by_state['delivered']}", Accept_Language=one)) for one in ("en", "de")
    )
    for words in ("Received from", "Stored in the archive", "Sent to PACS, and confirmed", "takes it"):
        assert words in page, words
    for words in (
        "Empfangen von",
        "Gespeichert (Archiv)",
        "Gesendet an PACS, dort bestätigt",
        "Warum es diesen Weg ging",
    ):
        assert words in german, words
    held = viewer.get(f"/studies/object/{by_state['held']}")
    [entry] = told(viewer.call("GET", f"/objects/{by_state['held']}"), "show-object")["held"]
    assert f'href="/hold/image/{entry}"' in held.text
    assert viewer.get(f"/hold/image/{entry}").status == 200
    assert viewer.get(f"/studies/object/{entry}").status == 200, "also by the number of a promise"
    waiting = text_of(viewer.get(f"/studies/object/{by_state['waiting']}"))
    assert "almost" in waiting
    assert "Modality = CT" in waiting
    went = told(viewer.call("GET", f"/objects/{by_state['waiting']}/journeys"), "object-journeys")
    assert went["objects"] == 1


@pytest.mark.usefixtures("known")
def test_html_that_somebody_typed_is_text_everywhere(people: dict[Role, Browser]) -> None:
    operator = people[Role.OPERATOR]
    lines = told(operator.call("POST", "/studies/search", {"words": "script"}), "search-studies")["studies"]
    assert {line["study"]["name"] for line in lines} == {NASTY}
    for path in [f"/studies/{line['study']['id']}" for line in lines[:4]]:
        [one, *_] = told(operator.call("GET", f"{path}/objects"), "study-objects")["objects"]
        for shown in (path, f"{path}/send-again?to=PACS", f"/studies/object/{one['number']}"):
            text = operator.get(shown).text
            assert "<script>document" not in text, shown
            assert "<b>X" not in text, shown
            assert "<i>for" not in text, shown


# --- acts ------------------------------------------------------------------------------------------------------


def test_a_viewer_sends_and_releases_nothing(
    known: dict[str, Any], living: Living, people: dict[Role, Browser]
) -> None:
    viewer, number, before = people[Role.VIEWER], known["study"]["id"], living.held()
    text = viewer.get(f"/studies/{number}").text
    assert 'value="release"' not in text
    assert "send-again" not in text
    assert viewer.get(f"/studies/{number}/send-again?to=PACS").status == 403
    viewer.post(f"/studies/{number}", do="release")
    assert "Your role does not allow this." in viewer.get(f"/studies/{number}").text
    assert viewer.post(f"/studies/{number}/send-again", on="/account", do="send", to="PACS").status == 403
    for path, body in (("release", None), ("send-again", {"to": "PACS"}), ("send-again/preview", {"to": "PACS"})):
        assert viewer.call("POST", f"/studies/{number}/{path}", body).status == 403
    assert living.held() == before


def test_a_study_is_sent_again_by_the_api_and_arrives_once_more(
    known: dict[str, Any], living: Living, people: dict[Role, Browser]
) -> None:
    operator, number = people[Role.OPERATOR], known["study"]["id"]
    path = f"/studies/{number}/send-again"
    had = len(living.taken)
    would = told(operator.call("POST", f"{path}/preview", {"to": "PACS"}), "preview-sending-again")
    assert (would["all"], would["go"], would["without"]) == (4, 4, 5)
    assert operator.call("POST", f"{path}/preview", {"to": "NOBODY"}).status == 404
    assert operator.call("POST", f"{path}/preview", {"to": "SHARE"}).status == 409
    for _ in range(2):
        told(operator.call("POST", path, {"to": "PACS"}), "send-study-again")
    living.until(lambda: len(living.taken) == had + 4)

    def done() -> bool:
        sent = told(operator.call("GET", f"/studies/{number}/sent-again"), "study-sent-again")["sent"]
        return all(one["state"] == "done" for one in sent)

    living.until(done)
    told(operator.call("POST", path, {"to": "PACS"}), "send-study-again")
    living.until(done)
    assert told(operator.call("GET", f"/studies/{number}/sent-again"), "study-sent-again")["sent"][0]["skipped"] == {
        "it has been replayed already": 4,
        "no copy of it is stored here": 5,
    }
    for _ in range(2):
        told(operator.call("POST", path, {"to": "PACS", "name": "second-fire"}), "send-study-again")
    living.until(lambda: len(living.taken) == had + 8 and done())
    acts = people[Role.ADMIN].call("GET", "/audit?did=send-again").json["acts"]
    assert {(act["who"], *act["on"]) for act in acts} == {("operator", number, "PACS")}
    assert "ller" not in str(acts)
    facts = told(operator.call("GET", f"/studies/{number}"), "show-study")
    assert facts["states"]["delivered"] == 4, "it is the same study still"


def test_a_console_that_is_killed_goes_on_and_each_image_arrives_once(
    living: Living, people: dict[Role, Browser]
) -> None:
    operator, files = people[Role.OPERATOR], made(living, {"CT": MANY}, "Killed^Console", "4712")
    living.send(*files)
    uids = sorted(str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in files)
    living.until(lambda: set(uids) <= set(living.taken) and living.owed("archive.store") == 0)

    def ready() -> bool:
        lines = operator.call("POST", "/studies/search", {"words": "4712"}).json["studies"]
        return bool(lines) and lines[0]["states"] == {"delivered": MANY}

    living.until(ready)
    [one] = operator.call("POST", "/studies/search", {"words": "4712"}).json["studies"]
    path = f"/studies/{one['study']['id']}"
    told(operator.call("POST", f"{path}/send-again", {"to": "PACS"}), "send-study-again")
    living.until(lambda: sum(living.taken.count(uid) for uid in uids) > MANY)
    os.kill(console_of(living), signal.SIGKILL)

    def over() -> bool:
        with contextlib.suppress(OSError):
            [sent] = operator.call("GET", f"{path}/sent-again").json["sent"]
            return bool(sent["state"] == "done")
        return False

    living.until(over)
    living.until(lambda: sum(living.taken.count(uid) for uid in uids) >= 2 * MANY)
    living.until(lambda: living.owed("PACS") == 0)
    assert {living.taken.count(uid) for uid in uids} == {2}
    [sent] = told(operator.call("GET", f"{path}/sent-again"), "study-sent-again")["sent"]
    assert (sent["chosen"], sent["taken"], sent["left"]) == (MANY, MANY, 0)


def console_of(living: Living) -> int:
    """The process of its console."""
    pid = living.line.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    tasks = Path(f"/proc/{pid}/task").iterdir()
    children += [child for task in tasks for child in (task / "children").read_text().split()]
    [console] = {child for child in children if b"console" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")}
    return int(console)


@pytest.mark.usefixtures("known")
def test_a_study_is_looked_for_and_sent_again_in_the_browser(
    living: Living, people: dict[Role, Browser], open_page: OpenPage
) -> None:
    had = len(living.taken)
    page = visit(open_page, people[Role.OPERATOR], "/studies", language="de")
    page.get_by_role("searchbox").fill("müller 1.4.2026")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Müller, Änne").click()
    page.get_by_role("heading", name="Müller, Änne").wait_for()
    assert "ller" not in page.url + page.title()
    page.get_by_role("link", name="Noch einmal senden …").click()
    page.get_by_role("combobox").select_option("PACS")
    page.get_by_role("button", name="Zeigen, was gesendet würde").click()
    again = page.get_by_role("button", name=re.compile("^(Senden|Alle noch einmal senden)$"))
    again.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("4 Bilder an PACS senden?").wait_for()
    axe(page)
    shoot(page, "study-send-asked-de")
    dialog.get_by_role("button", name="Abbrechen").click()
    assert len(living.taken) == had
    again.click()
    dialog.get_by_role("button", name=re.compile("senden$", re.IGNORECASE)).click()
    page.get_by_text("Wieder unterwegs: 4 von 4.").first.wait_for()
    living.until(lambda: len(living.taken) == had + 4)
    axe(page)
    shoot(page, "study-sent-again-de")


def test_who_chooses_an_edge_sees_who_went_there(
    known: dict[str, Any], people: dict[Role, Browser], open_page: OpenPage
) -> None:
    page = visit(open_page, people[Role.VIEWER], f"/studies/{known['study']['id']}")
    edge = page.get_by_role("button", name=re.compile("From forward AWAY to AWAY"))
    edge.focus()
    page.keyboard.press("Enter")
    page.get_by_text("2 went from forward AWAY to AWAY:").wait_for()
    links = page.locator("#went a")
    assert links.count() == 2
    assert page.locator(".ways").count() == 0, "the list is in the drawing then"
    shoot(page, "study-edge-en")
    links.first.click()
    page.get_by_role("heading", name="An image").wait_for()


@pytest.mark.parametrize("language", ["de", "en"])
def test_no_page_has_a_serious_finding(
    known: dict[str, Any], people: dict[Role, Browser], open_page: OpenPage, language: str
) -> None:
    operator, number = people[Role.OPERATOR], known["study"]["id"]
    [one, *_] = told(operator.call("GET", f"/studies/{number}/objects"), "study-objects")["objects"]
    search = operator.post("/studies", words="müller", standing="open").to
    pages = {"/studies": "studies", search: "studies-found", f"/studies/{number}": "study"}
    pages |= {f"/studies/object/{one['number']}": "study-object", f"/studies/{number}/send-again?to=PACS": "study-send"}
    pages[operator.post("/studies", words="nobody at all").to] = "studies-none"
    for path, name in pages.items():
        page = visit(open_page, operator, path, language=language)
        page.get_by_role("heading", level=1).wait_for()
        page.wait_for_timeout(200)
        axe(page)
        shoot(page, f"{name}-{language}")
        page.close()


def test_what_is_held_of_a_study_is_released(
    known: dict[str, Any], living: Living, people: dict[Role, Browser], open_page: OpenPage
) -> None:
    number = known["study"]["id"]
    facts = told(people[Role.OPERATOR].call("GET", f"/studies/{number}"), "show-study")
    page = visit(open_page, people[Role.OPERATOR], f"/studies/{number}")
    page.get_by_role("button", name="Release what is held").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Release 3 images?").wait_for()
    dialog.get_by_role("button", name="Release what is held").click()
    page.get_by_text("Released: 3.").wait_for()
    living.until(lambda: not set(facts["held"]) & set(living.held()))
    [act] = people[Role.ADMIN].call("GET", "/audit?did=release").json["acts"]
    assert (act["who"], sorted(act["on"])) == ("operator", sorted(facts["held"]))
    # Their rule holds them once more.
    living.until(
        lambda: told(people[Role.VIEWER].call("GET", f"/studies/{number}"), "show-study")["states"] == facts["states"]
    )
    again = told(people[Role.OPERATOR].call("POST", f"/studies/{number}/release"), "release-study")
    assert again["done"] == 3
