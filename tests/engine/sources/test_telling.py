"""What became of a drop: as the spool and its history say it, and as it is told."""

from pathlib import Path

import pytest

from engine.sources.fates import HELD, ROUTING, WAITING, Fate, Fates
from engine.sources.telling import told, verdict
from engine.spool import Spool
from engine.step import HOLD
from tests.engine.sources.kit import Dropping, uid_of

AT = "2026-11-26T09:41:00.000+00:00"
N = "18eb72a1e82018d5d45"


def one(drop: Dropping, name: str = "a.dcm") -> str:
    """The number of a file that was put in and accepted."""
    drop.put(name)
    drop.pass_by(4)
    [number] = drop.spool.waiting()
    return number


def states(spool: Spool, number: str) -> list[str]:
    return sorted(fate.state for fate in Fates(spool).of([number])[number])


def test_an_object_is_followed_from_its_arrival_to_its_end(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.pacs.away.add(uid_of("a.dcm"))
    number = one(drop)
    fates = Fates(drop.spool)
    assert [fate.state for fate in fates.of([number])[number]] == [ROUTING]
    drop.deliver()
    assert fates.of([number])[number] == (Fate(WAITING, "PACS", "it is away"),)
    drop.pacs.away.clear()
    drop.line.turn(10**11)
    [fate] = fates.of([number])[number]
    assert (fate.state, fate.outbox, bool(fate.at), fate.is_final) == ("delivered", "PACS", True, True)
    assert Fates(drop.spool).of([number])[number] == (fate,), "the same after a restart"


def test_what_is_released_to_whom_refused_it_is_followed(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.pacs.refuse.add(uid_of("a.dcm"))
    number = one(drop)
    drop.deliver()
    assert states(drop.spool, number) == [HELD]
    drop.pacs.refuse.clear()
    [held] = drop.spool.outbox(HOLD).all()
    drop.spool.release(held.id)
    assert states(drop.spool, number) == [WAITING]
    drop.deliver()
    assert states(drop.spool, number) == ["delivered"]


def test_what_goes_through_the_rules_once_more_is_followed_under_its_new_number(tmp_path: Path) -> None:
    drop = Dropping(tmp_path, kind="folder")
    drop.way = drop.way.__class__(drop.way.root, "outbox", "NOBODY")
    drop.watch = drop.new_watch()
    number = one(drop)
    fates = Fates(drop.spool)
    fates.of([number])
    drop.deliver()
    assert [fate.why for fate in fates.of([number])[number]] == ["no route takes it"]
    [held] = drop.spool.outbox(HOLD).all()
    drop.spool.release(held.id)
    fates.of([number])
    assert [fate.state for fate in fates.of([number])[number]] == [ROUTING]
    drop.deliver()
    assert [fate.state for fate in fates.of([number])[number]] == [HELD]


def test_an_object_of_which_nothing_is_known_any_more_is_done(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    one(drop)
    drop.deliver()
    for path in (drop.spool.root / "history").iterdir():
        path.unlink()
    drop.watch = drop.new_watch()
    drop.pass_by(60)
    assert "done; the history no longer says how" in drop.status("a.dcm")
    assert list((drop.spool.root / "drops").rglob("*.jsonl")) == []


def test_what_is_told_survives_a_restart_and_ends_with_the_last_object(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.pacs.away.add(uid_of("study/b.dcm"))
    drop.put("study/a.dcm")
    drop.put("study/b.dcm")
    drop.pass_by(4)
    drop.deliver()
    drop.pass_by(20)
    assert "1 object: waiting for PACS: it is away\n    study/b.dcm\n" in drop.status("study")
    (drop.folder / "done" / "study.status").unlink()
    drop.watch = drop.new_watch()
    drop.pass_by(10)
    assert "1 object: waiting for PACS" in drop.status("study")
    assert "All of it is done." not in drop.status("study")
    drop.pacs.away.clear()
    drop.line.turn(10**11)
    drop.pass_by(60)
    assert "2 objects: sent to PACS" in drop.status("study")
    assert list((drop.spool.root / "drops").rglob("*.jsonl")) == [], "nothing is kept of what has ended"


@pytest.mark.parametrize(
    ("language", "fates", "says"),
    [
        ("en", [Fate("delivered", "PACS", at=AT)], "1 object: sent to PACS, the last on 2026-11-26"),
        ("de", [Fate("delivered", "PACS", at=AT)], "1 Objekt: an PACS gesendet, zuletzt am 2026-11-26"),
        ("de", [Fate(WAITING, "PACS", "es ist weg")], "1 Objekt: wartet auf PACS: es ist weg\n    a.dcm"),
        ("de", [Fate(HELD, HOLD, "why")], "1 Objekt: angehalten, jemand muss es ansehen: why\n    a.dcm"),
        ("en", [Fate("delivered", "archive.store", at=AT)], "1 object: stored, the last on 2026-11-26"),
        ("en", [Fate(WAITING, "study.collect")], "1 object: waiting for the rest of the study"),
        ("en", [Fate("discarded", "", "main: no reports")], "1 object: discarded by a rule: main: no reports"),
        ("en", [], "1 object: done; the history no longer says how"),
    ],
)
def test_a_fate_is_told_in_words(language: str, fates: list[Fate], says: str) -> None:
    assert says in told("a.dcm", {N: ("a.dcm", fates)}, [], language)


def test_many_are_counted_and_some_are_named() -> None:
    text = told("study", {f"{N[:-3]}{n:03x}": (f"{n}.dcm", [Fate(HELD, HOLD, "why")]) for n in range(200)}, [], "en")
    assert "200 objects: held" in text
    assert "    and 180 more" in text
    assert len(text.splitlines()) < 30


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_drop_with_nothing_to_send_says_so(language: str) -> None:
    text = told("DICOMDIR", {}, ["DICOMDIR"], language)
    assert {"en": "nothing in it is to be sent", "de": "nichts darin ist zu senden"}[language] in text


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_verdict_waits_for_all_of_it(language: str) -> None:
    def text(*states: str) -> str:
        return told(
            "a", {f"{N}{n}": ("f", [Fate(state, "PACS", "", AT)]) for n, state in enumerate(states)}, [], language
        )

    assert verdict(text("delivered")) == "done"
    assert verdict(text("delivered", HELD)) == "held"
    assert verdict(text("delivered", HELD, WAITING)) == ""
    assert verdict(told("a", {}, ["DICOMDIR"], language)) == "done"
    assert verdict("") == ""
