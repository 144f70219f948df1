"""What the overview says, in both languages, of houses in which this and that has happened."""

import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from appliance.console import overview_told, told, words
from appliance.console.facts import journals
from appliance.console.facts.holds import Groups, Holds
from appliance.console.facts.outboxes import outboxes
from appliance.console.facts.overview import Overviews, nothing
from appliance.console.facts.silence import Silent
from appliance.console.overview_told import Seen, silence_words, way_words
from appliance.console.running import State
from appliance.console.told import box_title, box_words
from appliance.console.words import Sentence
from engine.history import History
from tests.console.house import Lived
from tests.console.test_facts_overview import lived
from tests.console.test_facts_waiting import waiting

NOON = datetime(2026, 5, 4, 12, 0, 30).timestamp()
PLACES = {"Hold": "/hold", "Rules": "/rules", "Outbox": "/outbox"}


@pytest.fixture(autouse=True)
def _catalogues() -> None:
    words.load()


def seen(of: Lived, **state: Any) -> Seen:
    """As if an appliance ran on it and said this."""
    facts = Overviews(of.house).get(state)
    lines = {one.name: one for one in outboxes(of.house, state)}
    found = Seen(time.time(), facts, lines, Holds(of.house).groups(), State(state), relay=True)
    of.house.journals.close()
    return found


def needs(found: Seen, language: str = "en") -> dict[str, str]:
    return {one["key"]: one["words"] for one in overview_told.told_of(found, language, PLACES)["needs"]}


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (-5, "just now", "gerade eben"),
        (59, "just now", "gerade eben"),
        (60, "a minute ago", "vor einer Minute"),
        (185, "3 minutes ago", "vor 3 Minuten"),
        (3600, "an hour ago", "vor einer Stunde"),
        (86399, "23 hours ago", "vor 23 Stunden"),
        (86400, "a day ago", "vor einem Tag"),
        (6 * 86400, "6 days ago", "vor 6 Tagen"),
        (30 * 86400, "2026-04-04 12:00", "04.04.2026 12:00"),
    ],
)
def test_how_long_ago(seconds: float, english: str, german: str) -> None:
    at = datetime.fromtimestamp(NOON - seconds).astimezone().isoformat()
    assert told.ago("en", at, NOON) == english
    assert told.ago("de", at, NOON) == german
    assert told.ago("de", "", NOON) == ""
    assert told.exact("de", NOON) == "04.05.2026 12:00"


def test_outboxes_are_called_by_what_they_do() -> None:
    assert box_words("en", "PACS", "dicom") == "PACS"
    assert box_words("de", "archive.store", "store") == "Archiv"
    assert box_words("de", "teaching.store", "store") == "Archiv teaching"
    assert box_words("en", "admin.mail", "mail") == "mail to admin"
    assert box_words("de", "study.collect", "collect") == "gesammelte Studien"
    assert box_title("en", "admin.mail", "mail") == "Mail to admin"
    assert box_title("en", "pacs-b", "dicom") == "pacs-b"
    assert way_words("de", "folder /srv/export") == "Ordner /srv/export"
    assert way_words("en", "CT1") == "CT1"
    assert way_words("en", "") == "unknown"


def test_who_is_silent_is_told_with_what_would_be_usual() -> None:
    at = datetime.fromtimestamp(NOON - 1200).astimezone().isoformat()
    habit = Silent("CT1", at, at, 6.0, "")
    assert silence_words(habit, "en", NOON) == "CT1 is silent since 11:40, usually 6 studies by now."
    assert silence_words(habit, "de", NOON) == "CT1 ist still seit 11:40, üblich sind um diese Zeit 6 Studien."
    rule = Silent("CT1", "", at, None, "house.rules:7")
    assert silence_words(rule, "en", NOON) == "CT1 has sent nothing since 11:40; a rule expects it."


def test_where_all_runs_it_says_so(tmp_path: Path) -> None:
    happened = lived(tmp_path, [("receive", "US", "takes"), ("turn", "", "")])
    found = overview_told.told_of(seen(happened), "en", PLACES)
    assert (found["tone"], found["headline"], found["needs"]) == (
        *("good", "Everything runs. Nobody has to do anything."),
        [],
    )
    assert (found["received"], found["delivered"], found["sum_tone"]) == ("1", "1", "good")


def test_what_is_in_trouble_is_told_once_in_the_readers_language(tmp_path: Path) -> None:
    troubles = [
        {"name": "PACS", "words": "it is away", "german": ""},
        {"name": "hold", "words": "3 wait for a person", "german": "3 warten"},
        {"name": "the rules", "words": "line 3", "german": "Zeile 3"},
    ]
    until = time.time() + 60
    pump = {"name": "PACS", "trouble": "it is away", "paused_until": until, "paused_since": None, "in_hand": 0}
    found = seen(waiting(tmp_path), troubles=troubles, pumps=[pump])
    english = needs(found)
    assert list(english) == ["trouble PACS", "trouble the rules"]
    assert english["trouble PACS"] == "PACS: it is away"
    assert needs(found, "de")["trouble the rules"].endswith(": Zeile 3")
    first, second = overview_told.told_of(found, "de", PLACES)["needs"]
    assert (first["to"], first["lang"], first["tone"]) == ("/outbox/PACS", "en", "bad")
    assert second["to"] == "/rules"
    rows = {one["key"]: one for one in overview_told.told_of(found, "en", PLACES)["outboxes"]}
    assert (rows["outbox PACS"]["queue"], rows["outbox PACS"]["why"]) == ("3", "it is away")


def test_what_a_person_has_paused_is_to_be_seen_to(tmp_path: Path) -> None:
    pump = {"name": "PACS", "trouble": "", "paused_until": 0, "paused_since": NOON, "paused_by": "anna", "in_hand": 0}
    found = overview_told.told_of(seen(Lived(tmp_path), pumps=[pump]), "en", PLACES)
    [one] = found["needs"]
    assert one["words"].startswith("PACS: anna has paused it")
    assert found["tone"] == "warn"


def test_a_sum_that_does_not_add_up_is_trouble(tmp_path: Path) -> None:
    house = Lived(tmp_path)
    house.receive("1.2.3")
    for file in (tmp_path / "spool" / "incoming").glob("*"):
        file.unlink()
    found = overview_told.told_of(seen(house), "en", PLACES)
    assert (found["sum"], found["sum_tone"]) == ("Difference: 1. That many are neither there nor done.", "bad")
    [one] = found["needs"]
    assert (one["key"], one["tone"]) == ("difference", "bad")


def test_while_the_journal_is_built_nothing_is_counted_and_it_is_said_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "LITTLE", 50)
    house = Lived(tmp_path)
    monkeypatch.setattr(house.house.journals, "_is_running", lambda: True)
    for number in range(5):
        house.receive(f"1.2.{number}")
    facts = seen(house)
    found = overview_told.told_of(facts, "en", PLACES)
    assert not found["counted"]
    assert found["counting"] == "Counting, 0 %. The list of all images is being built anew."
    assert (found["fresh"], needs(facts)) == (False, {})


def test_where_the_journal_cannot_be_written_all_else_is_still_told(tmp_path: Path) -> None:
    house = waiting(tmp_path)
    house.house.journals.close()
    for file in (tmp_path / "spool").glob("journal.sqlite*"):
        file.unlink()
    (tmp_path / "spool" / "journal.sqlite").mkdir()
    facts = seen(house)
    assert facts.facts.broken
    found = overview_told.told_of(facts, "en", PLACES)
    assert found["counting"].startswith("Nothing can be counted")
    assert (found["counted"], found["fresh"]) == (False, False)
    rows = {one["key"]: one["queue"] for one in found["outboxes"]}
    assert rows["outbox PACS"] == "3"
    assert "difference" not in needs(facts)


def test_where_nothing_has_ever_run_it_says_what_to_do_first() -> None:
    state = State({}, Sentence("The appliance does not run: nothing is received or sent."))
    found = overview_told.told_of(Seen(NOON, nothing(NOON), {}, Groups((), 0, 0), state, False), "de", PLACES)
    assert (found["fresh"], found["begun"], found["senders"], found["disks"]) == (True, False, [], [])
    assert found["headline"] == "Die Anlage steht still:"


def test_of_very_many_senders_those_that_sent_last_are_shown(tmp_path: Path) -> None:
    house = Lived(tmp_path)
    house.receive("1.2.3")
    found = seen(house)
    [one] = found.facts.senders
    many = tuple(replace(one, name=f"CT{n:03}", last=f"2026-05-04T{n // 60:02}:{n % 60:02}:00Z") for n in range(150))
    rows = overview_told.told_of(replace(found, facts=replace(found.facts, senders=many)), "en", PLACES)
    assert [row["name"] for row in rows["senders"]] == [f"CT{n:03}" for n in range(50, 150)]
    assert rows["more"] == "The 100 that sent last are shown."


def test_the_last_word_of_a_stopped_appliance_is_told(tmp_path: Path) -> None:
    house = waiting(tmp_path)
    found = replace(seen(house), state=State({}, Sentence("The appliance does not run: nothing is received or sent.")))
    assert needs(found)["stopped"].endswith("The last that it noted was just now.")


def test_a_chart_has_the_hours_of_a_row(tmp_path: Path) -> None:
    house = Lived(tmp_path)
    at = datetime.now().astimezone() - timedelta(hours=3)
    History(tmp_path / "spool").tell("received", f"{int(at.timestamp() * 1e9):016x}abc", sender="CT1")
    house.receive("1.2.3")
    found = overview_told.rates(seen(house))
    assert found["rates"]["sender SONO1"] == [0] * 23 + [1]  # type: ignore[index]
