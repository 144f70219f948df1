"""What lies in a collecting outbox is read once, in slices, and nothing is decided before all of it is known."""

import errno
import time
from pathlib import Path

import pytest

from engine import collector, gathering
from engine.collector import Collector
from engine.entry import glance
from engine.gathering import Gathering
from engine.outbox import Outbox
from tests.data.make import forward
from tests.engine.spool.crash_kit import Line, Pacs
from tests.engine.spool.test_collect import collect, rules, settled

ALL = 60.0


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line that collects studies and forwards them."""
    return Line(tmp_path, rules(collect(), forward("PACS")), Pacs())


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The notes that are opened."""
    numbers: list[str] = []

    def noting(entries: Path, number: str) -> dict[str, object]:
        numbers.append(number)
        return glance(entries, number)

    monkeypatch.setattr(gathering, "glance", noting)
    return numbers


def gathered(line: Line, *uids: str) -> tuple[Outbox, Gathering]:
    """These lie in the outbox, and are known."""
    for uid in uids:
        line.receive(uid)
    while line.router.turn():
        pass
    home, found = line.spool.outbox("study.collect"), Gathering()
    assert found.look(home, ALL)
    return home, found


def test_a_note_is_opened_once_and_only_what_changes_is_told(line: Line, opened: list[str]) -> None:
    home, found = gathered(line, "1.2.1", "1.2.2")
    [(key, group)] = found.groups.items()
    assert [one.what for _, one in sorted(group.items())] == ["1.2.1", "1.2.2"]
    assert (len(opened), found.changes()) == (2, {key})
    assert found.look(home, ALL)
    assert (len(opened), found.changes()) == (2, set())
    line.receive("1.2.3")
    line.router.turn()
    assert found.look(home, ALL)
    assert (len(opened), len(found), found.changes()) == (3, 3, {key})
    for entry in home.all():
        home.hold(entry, "a person took it out")
    assert found.look(home, ALL)
    assert (found.groups, len(found), found.changes()) == ({}, 0, {key})


def test_objects_of_a_study_share_in_memory_what_they_have_alike(line: Line) -> None:
    _, found = gathered(line, "1.2.1", "1.2.2", "1.2.3")
    [group] = found.groups.values()
    assert len({id(one.terms) for one in group.values()}) == 1


def test_what_somebody_has_in_hand_is_seen_and_so_is_that_it_comes_back(line: Line) -> None:
    home, found = gathered(line, "1.2.1", "1.2.2")
    [key] = found.groups
    assert found.is_free(key)
    found.changes()
    [claimed] = home.claim_these(home.all()[:1])
    assert found.look(home, ALL)
    assert (found.is_free(key), found.changes()) == (False, {key})
    home.give_back(claimed)
    assert found.look(home, ALL)
    assert (found.is_free(key), found.changes(), len(found.groups[key])) == (True, {key}, 2)


def test_what_moves_back_behind_the_look_is_not_taken_for_gone(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    home, found = gathered(line, "1.2.1")
    [key] = found.groups
    [claimed] = home.claim_these(home.all())
    monkeypatch.setattr(Outbox, "stages", (home.ready,))
    scandir = gathering.os.scandir

    def moving(folder: Path) -> object:
        listed = scandir(folder)
        names = list(listed)
        home.give_back(claimed)
        return _Names(names)

    with monkeypatch.context() as patch:
        patch.setattr(gathering.os, "scandir", moving)
        assert found.look(home, ALL)
    assert [one.what for one in found.groups[key].values()] == ["1.2.1"]


class _Names(list[object]):
    def __enter__(self) -> "_Names":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_what_cannot_be_read_is_held(line: Line) -> None:
    home, _ = gathered(line, "1.2.1", "1.2.2")
    torn, half = sorted(home.entries.glob("*.json"))
    torn.write_bytes(b"{")
    half.write_bytes(b'{"note": {}}')
    assert Gathering().look(home, ALL)
    assert line.held() == ["1.2.1", "1.2.2"]


def test_notes_are_read_some_at_a_time_and_the_look_is_made_anew_behind_the_last(line: Line, opened: list[str]) -> None:
    home, _ = gathered(line, "1.2.1", "1.2.2", "1.2.3")
    opened.clear()
    found = Gathering()
    assert not found.look(home, 0.0)
    [first] = opened
    for entry in home.all():
        if entry.id == first:
            home.hold(entry, "a person took it out")
    assert not found.look(home, 0.0)
    assert found.look(home, 0.0)
    assert (len(opened), len(found)) == (3, 2)


def test_nothing_goes_on_before_all_of_it_is_read(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collector, "SLICE", 0.0)
    for uid in ("1.2.1", "1.2.2", "1.2.3", "1.2.4"):
        line.receive(uid)
    later = time.time() + 4000
    for turns in range(3):
        line.turn(later)
        assert line.pacs.got == [], turns
    for _ in range(3):
        line.turn(later)
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    assert {event["why"] for event in line.spool.history.lines() if event["event"] == "collected"} == {
        "4 came, quiet for 2 minutes"
    }


def test_behind_a_costly_look_comes_a_rest_and_nothing_is_lost_by_it(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "COSTLY", -1.0)
    monkeypatch.setattr(collector, "SHARE", 1e9)
    line.receive("1.2.1")
    line.turn(time.time())
    settled(line)
    assert line.pacs.got == []
    [sender] = line.collectors.values()
    assert sender.look_again > 1000
    sender._rest_until = 0.0
    monkeypatch.setattr(collector, "COSTLY", 1e9)
    settled(line)
    assert line.pacs.got == ["1.2.1"]


def test_what_the_disk_has_kept_from_being_judged_is_judged_at_the_next_look(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, _ = gathered(line, "1.2.1")
    sender, later = Collector(line.spool, line.router), time.time() + 4000

    def fails(*_: object) -> None:
        raise OSError(errno.EIO, "the disk does not read it now")

    with monkeypatch.context() as patch:
        patch.setattr(collector, "complete", fails)
        with pytest.raises(OSError, match="does not read"):
            sender.pick(home, later)
    assert [entry.object for entry in sender.pick(home, later)] == [entry.object for entry in home.all()]


def test_where_the_clock_is_set_back_what_is_collected_waits_no_longer_for_that(line: Line) -> None:
    home, _ = gathered(line, "1.2.1")
    sender, now = Collector(line.spool, line.router), time.time()
    for at in (now, now + 60, now - 3600):
        assert sender.pick(home, at) == []
    assert len(sender.pick(home, now - 3600 + 130)) == 1


def test_what_can_no_longer_be_read_when_it_is_complete_is_held(line: Line) -> None:
    line.receive("1.2.1")
    line.receive("1.2.2")
    line.turn(time.time())
    torn, _ = sorted(line.spool.outbox("study.collect").entries.glob("*.json"))
    torn.unlink()  # its other names are of the same file
    torn.write_bytes(b"{")
    settled(line)
    settled(line)
    assert (line.pacs.got, line.held()) == (["1.2.2"], ["1.2.1"])
