"""When a person is told of trouble: it must last, one mail tells all of it, and one more when it is over."""

import json
from collections.abc import Mapping
from itertools import pairwise

import pytest

from engine.trouble import DAY, HOUR, Trouble, Watched, news, seen, told

AWAY = {"PACS": Trouble("it is away")}
FULL = {"the disk": Trouble("only 100 MB are free", "nur 100 MB sind frei")}
LASTING = 300.0


class Desk:
    """One contact, looked after minute by minute. `mails` has for each mail what has begun, is over, is still so."""

    def __init__(self) -> None:
        self.watched = Watched()
        self.mails: list[tuple[float, str, str, str]] = []

    def look(self, minute: float, there: Mapping[str, Trouble]) -> None:
        """Look once."""
        now = 1e9 + minute * 60
        # As after a restart each time: nothing is known but what was kept.
        kept = Watched.from_json(json.loads(json.dumps(self.watched.to_json())))
        self.watched = seen(kept, there, now, LASTING)
        mail = news(self.watched, now, LASTING)
        if mail is not None:
            said = (" ".join(mail.begun), " ".join(mail.over), " ".join(mail.still))
            self.mails.append((minute, *said))
            self.watched = told(self.watched, mail, now)

    def from_to(self, start: int, end: int, there: Mapping[str, Trouble]) -> None:
        """Look every minute."""
        for minute in range(start, end):
            self.look(minute, there)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_trouble_that_lasts_is_told_once_and_once_more_when_it_is_over(desk: Desk) -> None:
    desk.from_to(0, 60, AWAY)
    desk.from_to(60, 120, {})
    assert desk.mails == [(5, "PACS", "", ""), (65, "", "PACS", "")]
    assert desk.watched.known == {}


def test_what_ends_sooner_rings_nobody(desk: Desk) -> None:
    desk.from_to(0, 4, AWAY)
    desk.from_to(4, 60, {})
    assert desk.mails == []
    assert desk.watched.known == {}


def test_what_comes_back_at_once_has_not_been_away(desk: Desk) -> None:
    for minute in range(60):
        desk.look(minute, AWAY if minute % 4 else {})
    assert desk.mails == [(6, "PACS", "", "")]


def test_several_are_told_in_one_mail_and_those_that_follow_wait_for_each_other(desk: Desk) -> None:
    more = {f"P{number}": Trouble("it is away") for number in range(9)}
    desk.from_to(0, 10, AWAY)
    for minute in range(10, 19):
        desk.look(minute, AWAY | dict(list(more.items())[: minute - 9]))
    desk.from_to(19, 60, AWAY | more)
    assert [minute for minute, *_ in desk.mails] == [5, 15, 20, 25]
    assert " ".join(begun for _, begun, _, _ in desk.mails).split() == ["PACS", *more]
    assert desk.mails[-1][3].split() == ["PACS", *list(more)[:6]]


def test_all_clear_is_told_at_once_where_nothing_else_is_left(desk: Desk) -> None:
    desk.from_to(0, 10, AWAY | FULL)
    desk.from_to(10, 30, FULL)
    desk.from_to(30, 60, {})
    assert desk.mails == [(5, "PACS the disk", "", ""), (15, "", "PACS", "the disk"), (35, "", "the disk", "")]


def test_the_same_trouble_rings_once_an_hour_at_most(desk: Desk) -> None:
    desk.from_to(0, 10, AWAY)
    for start in range(10, 130, 20):
        desk.from_to(start, start + 10, {})
        desk.from_to(start + 10, start + 20, AWAY)
    rung = [minute for minute, begun, *_ in desk.mails if begun]
    assert all(later - earlier >= HOUR / 60 for earlier, later in pairwise(rung))
    assert len(rung) == 3


def test_what_lasts_is_told_again_every_day(desk: Desk) -> None:
    for minute in range(0, 60 * 50, 10):
        desk.look(minute, AWAY)
    assert [minute for minute, *_ in desk.mails] == [10, 10 + DAY / 60, 10 + 2 * DAY / 60]


def test_what_is_newly_held_is_told_again_after_an_hour(desk: Desk) -> None:
    def held(minute: int) -> dict[str, Trouble]:
        return {"hold": Trouble("held", newest=1e9 + minute * 60)}

    desk.from_to(0, 10, held(0))
    desk.from_to(10, 300, held(10))
    assert [minute for minute, *_ in desk.mails] == [5, 65]


def test_after_a_restart_nothing_is_told_twice_and_nothing_is_forgotten() -> None:
    first, second = Desk(), Desk()
    first.from_to(0, 10, AWAY)
    second.watched = first.watched
    second.from_to(600, 620, {})
    assert second.mails == [(605, "", "PACS", "")]


def test_what_was_kept_by_something_else_is_refused() -> None:
    for data in ({}, {"known": [], "rang": {}, "mailed": 0}, {"known": {"a": {}}, "rang": {}, "mailed": 0}):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Watched.from_json(data)


def test_a_trouble_is_said_in_the_language_that_has_words_for_it() -> None:
    assert FULL["the disk"].said("de") == "nur 100 MB sind frei"
    assert AWAY["PACS"].said("de") == AWAY["PACS"].said("en") == "it is away"
