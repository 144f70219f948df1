"""What was stored is sent again: each image once, wherever a crash comes between; and what is not sent says why."""

import time
from collections import Counter
from pathlib import Path

import pytest

from appliance.beginning import remember
from appliance.console.resendings import DONE, GOING, STOPPED, Resendings
from appliance.console.words import Refusal
from appliance.replaying import alone
from engine.study_search import Study, study
from engine.whereabouts import whereabouts
from tests.console.house import Lived
from tests.engine.spool.crash_kit import Crash, disk, program
from tests.scale import FULL

COUNT = 5


class Sender:
    """A house with a study that was stored and sent, and what a console does with it."""

    def __init__(self, root: Path, count: int = COUNT) -> None:
        self.line = Lived(root)
        self.uids = [f"1.2.{number}" for number in range(count)]
        for uid in self.uids:
            self.line.receive(uid)
        self.settle()
        self.begin()

    def begin(self) -> None:
        """The console, started anew."""
        self.resendings = Resendings(self.line.house, self.line.root / "console" / "resendings")

    def settle(self) -> None:
        """All goes where it goes."""
        self.line.turn(time.time())
        self.line.journal()

    @property
    def study(self) -> Study:
        """The study."""
        with self.line.house.journals.open() as journal:
            found = study(journal, "1.2.3")
        assert found is not None
        return found

    def work(self) -> None:
        """What the console's thread does, once."""
        for one in self.resendings._all():
            if one.state == GOING:
                self.resendings._try(one)
        self.settle()

    def arrived(self) -> Counter[str]:
        """How often each has come to the PACS."""
        return Counter(self.line.pacs.got)


@pytest.fixture
def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path)


def times(sender: Sender, count: int) -> dict[str, int]:
    return dict.fromkeys(sender.uids, count)


def test_a_study_is_sent_again_and_nobody_else_gets_it_again(sender: Sender) -> None:
    mails = sum(sender.line.spool.outbox("admin.mail").count().values())
    would = sender.resendings.would(sender.study, "PACS")
    assert (would.all, would.go, would.already, would.without, would.skipped) == (COUNT, COUNT, 0, 0, {})
    assert sender.arrived() == times(sender, 1), "to look sends nothing"
    made, new = sender.resendings.start("eva", sender.study, "PACS")
    assert new
    sender.work()
    [one] = sender.resendings.of(sender.study.id)
    assert (one.id, one.state, one.chosen, one.taken, one.left, one.by) == (made.id, DONE, COUNT, COUNT, (), "eva")
    assert sender.arrived() == times(sender, 2)
    assert sum(sender.line.spool.outbox("admin.mail").count().values()) == mails
    assert len(sender.line.stored()) == COUNT


def test_asked_twice_it_goes_once_until_somebody_wants_it_once_more(sender: Sender) -> None:
    first, _ = sender.resendings.start("eva", sender.study, "PACS")
    second, new = sender.resendings.start("ida", sender.study, "PACS")
    assert (second, new) == (first, False)
    sender.work()
    assert sender.arrived() == times(sender, 2)
    would = sender.resendings.would(sender.study, "PACS")
    assert (would.go, would.already) == (0, COUNT)
    sender.resendings.start("eva", sender.study, "PACS")
    sender.work()
    newest = sender.resendings.of(sender.study.id)[0]
    assert (newest.chosen, newest.skipped) == (0, {"it has been replayed already": COUNT})
    assert sender.arrived() == times(sender, 2)
    for new in (True, False, False):
        assert sender.resendings.start("eva", sender.study, "PACS", "once-more")[1] is new
        sender.work()
        assert sender.arrived() == times(sender, 3)


def test_what_was_purged_or_waits_still_does_not_go(sender: Sender) -> None:
    next(iter(sender.line.archive.rglob("*.dcm"))).unlink()
    sender.line.pacs.away.add("1.2.9")
    sender.line.receive("1.2.9")
    sender.settle()
    would = sender.resendings.would(sender.study, "PACS")
    assert (would.go, would.without, would.skipped) == (COUNT - 1, 1, {"it is still owed to PACS": 1})
    sender.resendings.start("eva", sender.study, "PACS")
    sender.work()
    [one] = sender.resendings.of(sender.study.id)
    assert one.skipped == {"it is still owed to PACS": 1, "no copy of it is stored here": 1}
    assert sum(sender.arrived().values()) == COUNT + COUNT - 1


def test_where_it_cannot_go_somebody_is_told(tmp_path: Path) -> None:
    sender = Sender(tmp_path)
    assert sender.resendings.destinations() == ["PACS"]
    for to, status in (("NOBODY", 404), ("hold", 404)):
        with pytest.raises(Refusal) as refused:
            sender.resendings.start("eva", sender.study, to)
        assert refused.value.status == status
    (tmp_path / "last-good.json").unlink()
    with pytest.raises(Refusal) as refused:
        sender.resendings.would(sender.study, "PACS")
    assert refused.value.status == 409
    assert sender.resendings.destinations() == []
    assert sender.resendings.of(sender.study.id) == []


def test_beside_another_replay_it_waits_and_says_so(sender: Sender) -> None:
    made, _ = sender.resendings.start("eva", sender.study, "PACS")
    with alone(sender.line.settings):
        sender.work()
        assert sender.resendings.waits(made) == "another replay runs here"
        assert sender.arrived() == times(sender, 1)
    sender.work()
    assert sender.resendings.waits(made) == ""
    assert sender.arrived() == times(sender, 2)


def test_on_a_full_disk_it_stops_and_what_went_is_safe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender(tmp_path)
    free = iter(["", ""])
    monkeypatch.setattr("appliance.replaying._no_room", lambda _: next(free, "only 3 MB of disk are free"))
    sender.resendings.start("eva", sender.study, "PACS")
    sender.work()
    [one] = sender.resendings.of(sender.study.id)
    assert (one.state, one.why, one.taken, len(one.left or ())) == (STOPPED, "only 3 MB of disk are free", 2, COUNT - 2)
    monkeypatch.undo()
    sender.resendings.start("eva", sender.study, "PACS")
    sender.work()
    assert sender.arrived() == times(sender, 2)


@pytest.mark.parametrize("step", range(1, 60, 1 if FULL else 4))
def test_wherever_the_console_crashes_each_goes_once(tmp_path: Path, step: int) -> None:
    sender = Sender(tmp_path, 3)
    sender.resendings.start("eva", sender.study, "PACS")
    with disk(crash_at=step) as done:
        try:
            sender.resendings._try(sender.resendings._all()[0])
        except Crash:
            # What a crash has left in the folder of the replay's own work is nobody's.
            sender.line.house.journals.close()
    if len(done) == step and step % 2:
        sender.settle()  # what was taken in before goes on meanwhile
    sender.begin()
    sender.work()
    sender.work()
    assert sender.arrived() == times(sender, 2)
    [one] = sender.resendings.of(sender.study.id)
    assert (one.state, one.left) == (DONE, ())
    there = whereabouts(sender.line.spool.root)
    assert not [number for number, where in there.objects.items() if where == "held"]


def test_after_a_restart_it_goes_on_by_the_rules_that_it_began_with(tmp_path: Path) -> None:
    sender = Sender(tmp_path)
    sender.resendings.start("eva", sender.study, "PACS")
    stop = iter([False] * 2)
    sender.resendings._stopped.is_set = lambda: next(stop, True)  # type: ignore[method-assign]
    sender.resendings._try(sender.resendings._all()[0])
    [one] = sender.resendings.of(sender.study.id)
    assert one.state == GOING
    assert len(one.left or ()) == COUNT - 2
    remember(sender.line.settings, program(failure=True))
    sender.begin()
    sender.work()
    assert sender.arrived() == times(sender, 2)
