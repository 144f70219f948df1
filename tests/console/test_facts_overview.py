"""The overview: one ledger whose parts add up, whatever has happened; silence; rates."""

import json
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.console.facts.house import House, NoSpool
from appliance.console.facts.overview import Overviews, Reckoning, reckoned
from appliance.console.facts.plain import plain
from appliance.console.facts.rates import DELIVERED, FAILED, RECEIVED, Last, Recent
from appliance.console.facts.silence import habits, silent
from appliance.settings import Settings
from engine.heard import Heard
from engine.history import History
from engine.journal import Journal
from engine.ledger import ledger
from engine.program import Call, Chore, Program
from engine.schedule import Daily
from engine.signature import Argument
from engine.step import HOLD
from tests.console.house import Lived
from tests.engine.spool.crash_kit import new_uid
from tests.engine.test_ledger import rules

WAYS = ("takes", "refuses", "away")
EVENT = st.one_of(
    st.tuples(st.just("receive"), st.sampled_from(("US", "MR", "OT", "XA")), st.sampled_from(WAYS)),
    st.tuples(st.sampled_from(("turn", "release", "delete")), st.just(""), st.just("")),
)


def lived(root: Path, events: list[tuple[str, str, str]]) -> Lived:
    """A house in which this has happened."""
    line = Lived(root, rules())
    for what, modality, way in events:
        held = line.spool.outbox(HOLD).all()
        match what:
            case "receive":
                uid = new_uid()
                {"refuses": line.pacs.refuse, "away": line.pacs.away}.get(way, set()).add(uid)
                line.receive(uid, modality)
            case "turn":
                line.turn(time.time())
            case "release" if held:
                line.spool.release(held[0].id)
            case "delete" if held:
                line.spool.delete(held[-1].id)
    return line


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(EVENT, max_size=12))
def test_whatever_happens_the_parts_add_up_to_the_ledger(events: list[tuple[str, str, str]]) -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        line = lived(Path(folder), events)
        seen = Overviews(line.house).get()
        with Journal(line.spool.root) as journal:
            counted = ledger(journal, seen.since)
            assert counted.states == ledger(journal).states, "counted in short and one by one"
        assert seen.ledger == Reckoning.of(counted.states)
        assert seen.ledger.difference == counted.difference == 0
        assert seen.ledger.received == sum(what == "receive" for what, _, _ in events)
        parts = [plain(one.today) for one in seen.senders]
        for word, whole in plain(seen.ledger).items():
            assert sum(part[word] for part in parts) == whole, word
        line.house.journals.close()


def test_the_day_begins_at_midnight_and_what_came_before_is_not_counted(tmp_path: Path) -> None:
    line = lived(tmp_path, [("receive", "US", "takes"), ("turn", "", "")])
    line.journal()
    tomorrow = time.time() + 86400
    assert Overviews(line.house, lambda: tomorrow).get().ledger.received == 0
    with line.house.journals.open() as journal:
        assert reckoned(journal, "")[0].received == 1
    line.house.journals.close()


def test_it_shows_what_waits_what_is_held_and_what_the_running_appliance_says(tmp_path: Path) -> None:
    line = lived(tmp_path, [("receive", "US", "away"), ("receive", "XA", "takes"), ("turn", "", "")])
    state = {"troubles": [{"name": "PACS", "words": "it is away", "german": "es ist weg"}, "nonsense"]}
    overviews = Overviews(line.house)
    seen = overviews.get(state)
    outboxes = {one.name: one for one in seen.outboxes}
    assert outboxes["PACS"].queue == 1
    assert outboxes["PACS"].why == "it is away"
    assert outboxes["PACS"].oldest
    assert outboxes["archive.store"].delivered == 1
    assert outboxes["archive.store"].kind == "store"
    assert (seen.held, seen.running) == (1, False)
    assert [(one.name, one.german) for one in seen.troubles] == [("PACS", "es ist weg")]
    assert overviews.get(None).troubles == ()
    assert {name for disk in seen.disks for name in disk.names} == {"spool", "archive"}
    json.dumps(plain(seen))
    line.house.journals.close()


def test_without_a_spool_it_says_so_and_makes_none(tmp_path: Path) -> None:
    with pytest.raises(NoSpool, match="nothing has been received"):
        Overviews(House(Settings(data=tmp_path))).get()
    assert not list(tmp_path.iterdir())


# ── rates ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def told(root: Path, at: datetime, event: str, **facts: str) -> None:
    """One line of the history, as if it were noted then."""
    folder = root / "history"
    folder.mkdir(exist_ok=True)
    line = {"at": at.isoformat(timespec="milliseconds"), "event": event, "object": "18af0b5cf0a1c2d3abc", **facts}
    with (folder / f"{at.date()}.jsonl").open("a") as stream:
        stream.write(json.dumps(line) + "\n")


NOON = datetime(2026, 3, 2, 12, 0, 30, tzinfo=UTC)


def recent(root: Path) -> Recent:
    return Recent(root / "history", lambda: NOON.timestamp())


def test_each_line_is_counted_in_its_minute_and_hour_once(tmp_path: Path) -> None:
    for minutes in (0, 1, 1, 61, 60 * 23 + 59, 60 * 25):
        told(tmp_path, NOON - timedelta(minutes=minutes), "received", sender="CT1", source="dicom 1")
    told(tmp_path, NOON, "received", sender="CT1", again="18af0b5cf0a1c2d3abc")
    told(tmp_path, NOON, "received", sender="", source="folder /srv")
    rates = recent(tmp_path)
    for _ in (1, 2):
        rates.look()
        series = rates.series(RECEIVED, "CT1")
        assert (series.minutes[-1], series.minutes[-2], sum(series.minutes)) == (1, 2, 3)
        assert (series.hours[-1], series.hours[-2], series.hours[0], sum(series.hours)) == (3, 1, 1, 5)
    assert rates.names(RECEIVED) == ["CT1", "folder /srv"]
    assert sum(rates.series(RECEIVED).minutes) == 4
    assert rates.is_whole


def test_the_last_success_and_the_last_failure_are_kept(tmp_path: Path) -> None:
    told(tmp_path, NOON - timedelta(minutes=9), "later", outbox="PACS", why="it is away")
    told(tmp_path, NOON - timedelta(minutes=5), "delivered", outbox="PACS")
    rates = recent(tmp_path)
    rates.look()
    assert rates.last(FAILED, "PACS") == Last("2026-03-02T11:51:30.000+00:00", "it is away")
    assert rates.last(DELIVERED, "PACS").at == "2026-03-02T11:55:30.000+00:00"
    assert rates.since(DELIVERED, "PACS", (NOON - timedelta(minutes=6)).timestamp()) == 1
    assert rates.since(DELIVERED, "PACS", (NOON - timedelta(minutes=4)).timestamp()) == 0


def test_a_history_that_is_another_now_is_counted_anew(tmp_path: Path) -> None:
    for _ in range(3):
        told(tmp_path, NOON, "delivered", outbox="PACS")
    rates = recent(tmp_path)
    rates.look()
    (tmp_path / "history" / f"{NOON.date()}.jsonl").unlink()
    told(tmp_path, NOON, "delivered", outbox="PACS")
    rates.look()
    rates.look()
    assert sum(rates.series(DELIVERED, "PACS").minutes) == 1


def test_names_that_nobody_knows_do_not_fill_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.console.facts.rates.NAMES", 3)
    for count in range(10):
        told(tmp_path, NOON, "received", sender=f"AE{count}")
    rates = recent(tmp_path)
    rates.look()
    assert rates.names(RECEIVED) == ["AE0", "AE1", "AE2"]
    assert sum(rates.series(RECEIVED).minutes) == 10


# ── silence ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def alarmed(at: str, since: str) -> Program:
    """`on every day at AT → alarm admin unless CT1 sent since SINCE`."""
    arguments = {
        "contacts": Argument("word", "admin"),
        "senders": Argument("word", "CT1"),
        "since": Argument("clock", since),
    }
    return Program(chores=(Chore("watch", Daily.of(at), (Call("alarm", arguments),), "house.rules:7"),))


@pytest.mark.parametrize(
    ("heard", "now", "is_silent"),
    [
        ("2026-03-02T05:00", "2026-03-02T10:01", True),
        ("2026-03-02T06:30", "2026-03-02T10:01", False),
        ("2026-03-01T12:00", "2026-03-02T09:59", False),
        ("2026-03-02T11:40", "2026-03-02T23:00", False),
        (None, "2026-03-02T10:01", True),
    ],
)
def test_a_rule_says_who_is_silent_from_its_time_on(heard: str | None, now: str, is_silent: bool) -> None:
    last = None if heard is None else datetime.fromisoformat(heard).astimezone().timestamp()
    here = datetime.fromisoformat(now).astimezone()
    found = silent(alarmed("10:00", "06:00"), lambda _: last, {}, {}, here)
    assert [(one.sender, one.rule) for one in found] == ([("CT1", "house.rules:7")] if is_silent else [])


def test_a_habit_says_so_too_and_how_much_is_usual(tmp_path: Path) -> None:
    history = History(tmp_path)
    now = datetime.now().astimezone().replace(hour=15, minute=0)
    for week, studies in ((1, 5), (2, 3), (3, 4), (4, 0)):
        for count in range(studies):
            came = now - timedelta(weeks=week, hours=2)
            number = f"{int(came.timestamp() * 1e9) + count:016x}abc"
            history.tell("received", number, sender="CT1")
            history.record_keys([(number, {"study": f"1.{week}.{count}", "sender": "CT1"})])
    with Journal(tmp_path) as journal:
        journal.catch_up()
        usual = habits(journal, now)
        assert usual == {"CT1": 3.5}
        assert habits(journal, now.replace(hour=12)) == {}
    [one] = silent(None, lambda _: None, usual, {}, now)
    assert (one.sender, one.usually, one.rule) == ("CT1", 3.5, "")
    assert silent(None, lambda _: None, usual, {"CT1": 1}, now) == []
    assert silent(None, lambda _: now.timestamp() - 60, usual, {}, now) == []
    assert silent(None, lambda _: None, {"CT1": 2.0}, {}, now) == []


def test_who_was_heard_long_ago_is_told_with_that_time(tmp_path: Path) -> None:
    line = lived(tmp_path, [])
    Heard(tmp_path / "spool" / "heard", lambda: 1_700_000_000.0).note("SONO9", 1)
    kept = Heard(tmp_path / "spool" / "heard", lambda: 1_700_000_000.0)
    kept.note("SONO9", 1)
    kept.keep()
    assert line.house.heard().last("SONO9") == 1_700_000_000.0
    line.house.journals.close()
