"""How facts are told: speeds, moments, names, reasons, in both languages; and what is asked for in portions."""

import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest

from appliance.console import hands, told, words
from appliance.console.context import Context
from appliance.console.facts.holds import Holds
from appliance.console.facts.outboxes import STATES, OutboxLine
from appliance.console.facts.rates import Series
from appliance.console.hands import Hands
from appliance.console.page import Page
from appliance.console.pages.hold import line_of_rules
from appliance.console.reasons import german
from appliance.console.roles import Role
from appliance.console.words import Refusal
from engine.dicom.status import words as status_words
from tests.console.house import Lived
from tests.console.test_facts_waiting import hold, waiting

NOON = datetime(2026, 5, 4, 12, 0, 30).timestamp()

LINE = OutboxLine(
    *("PACS", "dicom", True, dict.fromkeys(STATES, 0), 0, Series((0,) * 60, (0,) * 24)),
    *("", "", "", "", "", "", "", "", 0),
)


@pytest.fixture(autouse=True)
def _catalogues() -> None:
    words.load()


def line(minutes: tuple[int, ...] = (), **changes: Any) -> OutboxLine:
    """An outbox with these last minutes."""
    rate = Series((0,) * (60 - len(minutes)) + minutes, (0,) * 24)
    return replace(LINE, rate=rate, **changes)


@pytest.mark.parametrize(
    ("minutes", "speed"),
    [
        ((), 0.0),
        ((60, 60, 60, 60, 60, 30), 60.0),
        ((10,), 20.0),
        ((100, 0, 0, 0, 0, 0), 0.0),
        ((0, 0, 0, 30, 0), 20.0),
    ],
    ids=["nothing", "evenly", "just begun", "long ago", "stopped a minute ago"],
)
def test_speed_is_that_of_the_last_minutes(minutes: tuple[int, ...], speed: float) -> None:
    assert told.speed((0,) * (60 - len(minutes)) + minutes, NOON) == pytest.approx(speed)


def test_an_outbox_says_how_long_it_will_take() -> None:
    counts = {**LINE.counts, "waiting": 1190, "sending": 10}
    busy = line((60, 60, 60, 60, 60, 30), counts=counts, done_today=300)
    assert told.fares(busy, "en", True, NOON)["left"] == "about 20 minutes left"
    shown = told.fares(busy, "de", True, NOON)
    assert (shown["waiting"], shown["speed"], shown["left"]) == ("1.190", "60 je Minute", "noch etwa 20 Minuten")
    assert (shown["state"], shown["badge"], shown["most"], shown["value"]) == ("sendet", "good", 1500, 300)
    # Whatever stands still has no end in sight.
    assert told.fares(busy, "en", False, NOON)["left"] == ""
    paused = replace(busy, paused_since="2026-05-04T09:00:00+00:00", paused_by="anna")
    assert told.fares(paused, "en", True, NOON)["left"] == ""
    assert "anna has paused it" in str(told.fares(paused, "en", True, NOON)["note"])


@pytest.mark.parametrize(
    ("changes", "state"),
    [
        ({}, "nothing to do"),
        ({"counts": {**LINE.counts, "waiting": 1}}, "is waiting"),
        ({"counts": {**LINE.counts, "retrying": 1}}, "tries again"),
        ({"in_hand": 1}, "is sending"),
        ({"trouble": "it is away"}, "in trouble"),
        ({"paused_until": "2026-05-04T10:00:40.000+00:00"}, "does not answer"),
        ({"declared": False}, "without a rule"),
        ({"paused_since": "2026-05-04T09:00:00+00:00", "trouble": "it is away"}, "paused"),
    ],
)
def test_each_state_is_said_in_a_word(changes: dict[str, Any], state: str) -> None:
    assert told.fares(line(**changes), "en", True, NOON)["state"] == state
    assert told.fares(line(**changes), "de", True, NOON)["state"] != state


def test_moments_names_dates_and_sizes_as_people_write_them() -> None:
    at = datetime(2026, 5, 4, 9, 5).timestamp()
    assert told.moment("de", at, NOON) == "09:05"
    assert told.moment("de", at - 86400, NOON) == "03.05.2026 09:05"
    assert told.moment("en", at - 86400, NOON) == "2026-05-03 09:05"
    assert told.moment("en", "", NOON) == ""
    assert told.person("Müller^Änne^^Dr.=漢字") == "Müller, Änne  Dr."
    assert told.person("^^") == ""
    assert (told.day("de", "20260504"), told.day("en", "2026.05.04"), told.day("de", "?")) == (
        *("04.05.2026", "2026-05-04", "?"),
    )
    assert [told.size("de", one) for one in (0, 999, 1234, 250_000, 3_200_000_000)] == [
        *("0 B", "999 B", "1,2 kB", "250 kB", "3,2 GB")
    ]


def test_reasons_are_in_german_as_far_as_there_are_words() -> None:
    assert german("no route takes it") == "Keine Regel nimmt es an."
    assert german(f"PACS@a:1 refuses the object: {status_words(0xC000)}") == (
        "PACS@a:1 lehnt das Objekt ab: es versteht das Objekt nicht (C000)"
    )
    for status in (0x0110, 0x0111, 0x0122, 0x0124, 0x0213, 0xA700, 0xA900, 0x0210, 0x7777):
        assert status_words(status).partition(" (")[0] not in german(f"P refuses the object: {status_words(status)}")
    assert german("something that nobody has heard of") == ""
    assert german("x" * 5000 + " takes our mail") == ""
    assert told.reason("de", "nobody has heard of it") == "nobody has heard of it"
    assert (told.tongue("de", "nobody has heard of it"), told.tongue("de", "it answers")) == ("en", "de")


class _Desk:
    """As much of a context as hands need."""

    def __init__(self, lived: Lived) -> None:
        self.house, self.holds = lived.house, Holds(lived.house)
        self.running = self

    def tell(self, do: str, name: str, by: str) -> None:
        """Nothing runs."""
        raise Refusal(503, "The appliance does not run: nothing is received or sent.")


def of(lived: Lived) -> tuple[Hands, list[tuple[str, ...]]]:
    """Hands, and what they have written into the audit."""
    notes: list[tuple[str, ...]] = []
    return Hands(cast(Context, _Desk(lived)), lambda *note: notes.append(note)), notes


def test_much_is_done_in_portions_each_with_its_line_in_the_audit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hands, "PORTION", 2)
    lived = Lived(tmp_path)
    ids = [hold(lived, "no route takes it", n) for n in range(1, 6)]
    mine, notes = of(lived)
    [group] = mine._context.holds.groups().groups
    done = mine.delete(group=group.key)
    assert (done.done, done.left, done.missing) == (5, 0, 0)
    assert notes == [("delete", *ids[:2]), ("delete", *ids[2:4]), ("delete", ids[4])]
    with pytest.raises(Refusal):
        mine.delete(group=group.key)
    assert [sentence.said("de") for sentence, _ in mine.delete(["0123"]).sentences("delete")] == [
        "1 waren nicht mehr da: sie sind weitergegangen oder werden gerade gesendet."
    ]
    lived.house.journals.close()


def test_what_takes_too_long_is_broken_off_and_the_rest_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hands, "PORTION", 1)
    lived = Lived(tmp_path)
    ids = [hold(lived, "no route takes it", n) for n in range(1, 4)]
    mine, notes = of(lived)
    now = [0.0]
    monkeypatch.setattr(hands.time, "monotonic", lambda: now.__setitem__(0, now[0] + 15.0) or now[0])
    done = mine.delete(ids)
    assert (done.done, done.left) == (1, 2)
    assert notes == [("delete", ids[0])]
    said = [sentence.said("en") for sentence, _ in done.sentences("delete")]
    assert said == ["Deleted: 1.", "There are very many. 2 are left: please do the same once more."]
    lived.house.journals.close()


def test_what_cannot_be_done_is_told_with_its_reason() -> None:
    done = hands.Told(done=0, unfit={"1": "there is nothing to send", "2": "there is nothing to send"})
    assert [(sentence.said("en"), kind) for sentence, kind in done.sentences("release")] == [
        ("2 stay as they are: there is nothing to send", "bad")
    ]


def test_all_that_waits_is_taken_back_and_what_is_sent_at_once_goes_while_nothing_runs(tmp_path: Path) -> None:
    lived = waiting(tmp_path)
    mine, notes = of(lived)
    first, *rest = sorted(one.id for one in lived.spool.outbox("PACS").all())
    assert mine.try_now("PACS", [first]).done == 1
    lived.pacs.away.clear()
    lived.turn(time.time())
    assert lived.pacs.got == ["1.0"]
    assert mine.take_back("PACS").done == 2
    assert notes == [("try-now", "PACS", first), ("take-back", "PACS", *rest)]
    for name in ("hold", "NOBODY", "../x"):
        with pytest.raises(Refusal):
            mine.take_back(name)
        with pytest.raises(Refusal):
            mine.try_now(name, [first])
    lived.house.journals.close()


def test_the_line_of_a_rule_has_an_address_for_whoever_may_see_rules() -> None:
    places = [Page("/hold", "Hold", "", place="Hold"), Page("/rules", "Rules", "", Role.OPERATOR, place="Rules")]
    assert line_of_rules(places, Role.ADMIN, "b c/a&b.rules:12") == "/rules?file=b%20c%2Fa%26b.rules&line=12"
    assert line_of_rules(places, Role.VIEWER, "a.rules:12") == ""
    assert line_of_rules(places[:1], Role.ADMIN, "a.rules:12") == ""
    assert line_of_rules(places, Role.ADMIN, "") == ""


def test_reports_that_nobody_can_send_say_so() -> None:
    mail = line(kind="mail", counts={**LINE.counts, "waiting": 3})
    assert "mail_host" in str(told.fares(mail, "de", True, NOON, relay=False)["note"])
    assert told.fares(mail, "de", True, NOON)["note"] == ""
    assert told.fares(line(), "de", True, NOON, relay=False)["note"] == ""
