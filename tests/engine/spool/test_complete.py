"""When a study is complete, why, and what is done with what comes after: through restarts and crashes, too."""

import threading
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from engine.destinations.letter import compose
from engine.errors import Later
from engine.numbers import arrival
from engine.object import Origin
from engine.program import Call, Contact, Program
from engine.router import Router
from engine.signature import Argument
from engine.step import HOLD
from tests.data.make import forward, mail, store
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, write_instance
from tests.engine.spool.test_collect import AWAIT, QUIET, rules, settled
from tests.engine.spool.test_duplicates import events

COUNT = {"tag": Argument("word", "NumberOfStudyRelatedInstances")}
RELEASED = {"released": Argument("word", "released")}
ASK = {"destination": Argument("word", "PACS")}


def collect(**more: Argument) -> Call:
    """`collect study quiet 2 minutes …`."""
    return Call("collect", {"unit": Argument("word", "study"), "quiet": Argument("duration", "2 minutes"), **more})


def late(what: str) -> dict[str, Argument]:
    """`late …`."""
    return {"late": Argument("word", what)}


def receive(line: Line, uid: str, *, of: int | None = None, association: str = "") -> str:
    """Take in one object, which may say how many its study has."""
    path = line.spool.new_work_file()
    write_instance(path, uid)
    if of is not None:
        dataset = dcmread(path)
        dataset.NumberOfStudyRelatedInstances = of
        dataset.save_as(path)
    origin = Origin("dicom", 1, "CT1", "STELLWERK", "10.0.0.1", "2026-11-23T10:00:00+01:00", association)
    return line.spool.accept(path, origin, line.digest)


def why(line: Line) -> set[str]:
    """Why what was collected has gone on, as the history says."""
    return {event["why"] for event in events(line, "collected")}


# --- the end of the association ---------------------------------------------------------------------------------------


def test_released_it_goes_on_when_its_association_has_ended(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**RELEASED), forward("PACS")), Pacs())
    line.open_ones = {"0001-a"}
    for uid in ("1.2.1", "1.2.2"):
        receive(line, uid, association="0001-a")
    settled(line, 1)
    assert line.pacs.got == []
    line.open_ones.clear()
    settled(line, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2"]
    assert why(line) == {"2 came, and the association has ended"}


def test_without_the_word_the_end_of_an_association_says_nothing(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), forward("PACS")), Pacs())
    receive(line, "1.2.1", association="0001-a")
    settled(line, 1)
    assert line.pacs.got == []


def test_released_it_waits_for_every_association_that_brought_some_of_it(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**RELEASED), forward("PACS")), Pacs())
    line.open_ones = {"0001-a"}
    receive(line, "1.2.1", association="0001-a")
    receive(line, "1.2.2", association="0001-b")
    settled(line, 1)
    assert line.pacs.got == []
    settled(line)
    assert line.pacs.got == ["1.2.1", "1.2.2"], "quiet is the longest wait"
    assert why(line) == {"2 came, quiet for 2 minutes"}


def test_released_it_waits_for_what_is_not_routed_yet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, rules(collect(**RELEASED), forward("PACS")), Pacs())
    line.open_ones = {"0001-a"}
    receive(line, "1.2.1", association="0001-a")
    line.turn(time.time())
    receive(line, "1.2.2", association="0001-a")
    line.open_ones.clear()
    monkeypatch.setattr(Router, "turn", lambda _: False)
    settled(line, 1)
    assert line.pacs.got == []
    monkeypatch.undo()
    settled(line, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_released_an_association_that_began_while_it_looked_is_open(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**RELEASED), forward("PACS")), Pacs())
    receive(line, "1.2.1", association=f"{time.time_ns() + 10**12:016x}-a")
    settled(line, 1)
    assert line.pacs.got == []


def test_after_a_restart_no_association_is_open(tmp_path: Path) -> None:
    some = rules(collect(**RELEASED), forward("PACS"))
    line = Line(tmp_path, some, Pacs())
    line.open_ones = {"0001-a"}
    receive(line, "1.2.1", association="0001-a")
    line.turn(time.time())
    again = Line(tmp_path, some, Pacs())
    settled(again, 1)
    assert again.pacs.got == ["1.2.1"]


# --- the number of objects --------------------------------------------------------------------------------------------


def test_counted_it_goes_on_when_as_many_have_come_as_the_tag_says(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**COUNT), forward("PACS")), Pacs())
    receive(line, "1.2.1", of=3)
    receive(line, "1.2.2", of=3)
    settled(line, 1)
    assert line.pacs.got == []
    receive(line, "1.2.3", of=3)
    settled(line, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert why(line) == {"all 3 came"}


def test_counted_the_end_of_the_association_is_not_enough_while_some_are_missing(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**COUNT, **RELEASED), forward("PACS")), Pacs())
    receive(line, "1.2.1", of=2, association="0001-a")
    settled(line, 1)
    assert line.pacs.got == []
    receive(line, "1.2.2", of=2, association="0002-b")
    settled(line, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_what_is_missing_when_it_has_been_quiet_is_said_in_history_and_mail(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(store(), collect(**COUNT), mail("admin")), Pacs())
    for uid in ("1.2.1", "1.2.2"):
        receive(line, uid, of=120)
    settled(line)
    assert why(line) == {"2 of 120 came, quiet for 2 minutes"}
    mails = line.spool.outbox("admin.mail")
    receipts = [receipt for entry in mails.all() for number in entry.awaits if (receipt := mails.receipt(number))]
    for language, said in (("en", "NOT COMPLETE: 2 of 120 came"), ("de", "NICHT VOLLSTÄNDIG: 2 von 120 gekommen")):
        _, text = compose(Contact("admin", ("it@praxis.example",)), mails.all(), receipts, language)
        assert text.count(said) == 1


@pytest.mark.parametrize("of", [0, -1, 10**9])
def test_a_number_that_cannot_be_meant_is_not_believed(tmp_path: Path, of: int) -> None:
    line = Line(tmp_path, rules(collect(**COUNT), forward("PACS")), Pacs())
    receive(line, "1.2.1", of=of)
    settled(line, 1)
    assert line.pacs.got == []
    settled(line)
    assert why(line) == {"1 came, quiet for 2 minutes"}


def test_what_is_kept_twice_counts_once(tmp_path: Path) -> None:
    some = rules(collect(**COUNT), forward("PACS"))
    line = Line(tmp_path, replace(some, routes=(replace(some.routes[0], duplicate="keep"),)), Pacs())
    for _ in range(2):
        receive(line, "1.2.1", of=2)
    settled(line, 1)
    assert line.pacs.got == []


def test_a_dropped_duplicate_breaks_the_quiet_for_its_sender_is_at_it(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(), forward("PACS")), Pacs())
    receive(line, "1.2.1")
    line.turn(time.time())
    time.sleep(0.3)
    again = receive(line, "1.2.1")
    line.turn(time.time())
    last = arrival(again)
    [entry] = line.spool.outbox("study.collect").all()
    assert entry.since < last - 0.2
    for _ in range(3):
        line.turn(last + QUIET - 0.1)
    assert line.pacs.got == []
    for _ in range(3):
        line.turn(last + QUIET + 0.1)
    assert line.pacs.got == ["1.2.1"]


# --- asking -----------------------------------------------------------------------------------------------------------


class Asked:
    """A destination that answers how many objects it has."""

    def __init__(self, *answers: int | Exception | None) -> None:
        self.answers = list(answers)
        self.questions: list[tuple[str, str, str]] = []
        self.done = threading.Event()

    def __call__(self, destination: str, study: str, series: str) -> int | None:
        self.questions.append((destination, study, series))
        answer = self.answers.pop(0)
        self.done.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def wait(self) -> None:
        """Until it has answered, and that has been taken down."""
        assert self.done.wait(5)
        self.done.clear()
        time.sleep(0.05)


def asking(tmp_path: Path, *answers: int | Exception | None) -> tuple[Line, Asked]:
    """A line that asks the PACS."""
    line = Line(tmp_path, rules(collect(**ASK), forward("PACS")), Pacs())
    asked = line.ask = Asked(*answers)
    return line, asked


def test_a_destination_is_asked_when_half_of_the_quiet_time_is_over_and_its_count_completes(tmp_path: Path) -> None:
    line, asked = asking(tmp_path, 2)
    receive(line, "1.2.1")
    receive(line, "1.2.2")
    settled(line, QUIET / 2 - 5)
    assert asked.questions == []
    line.turn(time.time() + QUIET / 2 + 1)
    asked.wait()
    settled(line, QUIET / 2 + 2)
    assert line.pacs.got == ["1.2.1", "1.2.2"]
    assert asked.questions == [("PACS", "1.2.3", "")]
    assert why(line) == {"all 2 came"}


def test_a_count_that_is_not_reached_never_delays_beyond_the_quiet_time(tmp_path: Path) -> None:
    line, asked = asking(tmp_path, 5, 5)
    receive(line, "1.2.1")
    for share in (0.6, 0.9):
        line.turn(time.time())
        line.turn(time.time() + QUIET * share)
        asked.wait()
    assert line.pacs.got == []
    settled(line)
    assert line.pacs.got == ["1.2.1"]
    assert why(line) == {"1 of 5 came, quiet for 2 minutes"}
    assert len(asked.questions) == 2


@pytest.mark.parametrize("answer", [None, Later("it does not answer")])
def test_a_destination_that_says_nothing_changes_nothing(tmp_path: Path, answer: Exception | None) -> None:
    line, asked = asking(tmp_path, answer, answer)
    receive(line, "1.2.1")
    line.turn(time.time())
    line.turn(time.time() + QUIET * 0.6)
    asked.wait()
    settled(line, QUIET * 0.7)
    assert line.pacs.got == []
    settled(line)
    assert why(line) == {"1 came, quiet for 2 minutes"}


def test_one_that_hangs_delays_nothing(tmp_path: Path) -> None:
    line, _ = asking(tmp_path)
    hangs = threading.Event()

    def ask(*_: str) -> int | None:
        hangs.wait(20)
        return None

    line.ask = ask
    receive(line, "1.2.1")
    line.turn(time.time())
    line.turn(time.time() + QUIET * 0.6)
    settled(line)
    assert line.pacs.got == ["1.2.1"]
    hangs.set()


def test_what_a_rule_has_changed_the_destination_is_asked_for_as_it_was_received(tmp_path: Path) -> None:
    change = Call("set", {"tag": Argument("word", "StudyInstanceUID"), "value": Argument("text", "9.9")})
    line = Line(tmp_path, rules(change, collect(**ASK), forward("PACS")), Pacs())
    asked = line.ask = Asked(1)
    receive(line, "1.2.1")
    line.turn(time.time())
    line.turn(time.time() + QUIET * 0.6)
    asked.wait()
    assert asked.questions == [("PACS", "1.2.3", "")]


# --- what comes late --------------------------------------------------------------------------------------------------


def test_late_again_is_collected_by_itself(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**late("again")), forward("PACS")), Pacs())
    receive(line, "1.2.1")
    settled(line)
    receive(line, "1.2.2")
    settled(line, 1)
    assert line.pacs.got == ["1.2.1"]
    settled(line)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_late_add_goes_on_at_once(tmp_path: Path) -> None:
    some = rules(collect(**late("add")), forward("PACS"))
    line = Line(tmp_path, some, Pacs())
    receive(line, "1.2.1")
    settled(line, 1)
    assert line.pacs.got == [], "the first of it is not late"
    settled(line)
    again = Line(tmp_path, some, line.pacs)
    for uid in ("1.2.2", "1.2.3"):
        receive(again, uid)
        settled(again, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert "it came after the rest had gone on" in why(again)


def test_late_hold_is_held_and_goes_on_when_a_person_releases_it(tmp_path: Path) -> None:
    some = rules(collect(**late("hold")), forward("PACS"))
    line = Line(tmp_path, some, Pacs())
    receive(line, "1.2.1")
    settled(line)
    again = Line(tmp_path, some, line.pacs)
    receive(again, "1.2.2")
    settled(again, 1)
    [held] = again.spool.outbox(HOLD).all()
    assert "after the rest" in held.why
    again.spool.release(held.id)
    settled(again, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2"]
    assert again.held() == []


def test_another_study_is_not_late(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**late("hold")), forward("PACS")), Pacs())
    receive(line, "1.2.1")
    settled(line)
    path = line.spool.new_work_file()
    write_instance(path, "1.2.9")
    dataset = dcmread(path)
    dataset.StudyInstanceUID = "1.9.9"
    dataset.save_as(path)
    line.spool.accept(path, Origin("dicom", 1), line.digest)
    settled(line)
    assert (line.pacs.got, line.held()) == (["1.2.1", "1.2.9"], [])


def test_what_comes_late_completes_what_was_missing(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**COUNT), forward("PACS")), Pacs())
    receive(line, "1.2.1", of=3)
    settled(line)
    receive(line, "1.2.2", of=3)
    receive(line, "1.2.3", of=3)
    settled(line, 1)
    assert line.pacs.got == ["1.2.1", "1.2.2", "1.2.3"]
    assert why(line) == {"1 of 3 came, quiet for 2 minutes", "all 3 came"}


def test_what_has_gone_on_is_forgotten_after_a_month(tmp_path: Path) -> None:
    line = Line(tmp_path, rules(collect(**late("hold")), forward("PACS")), Pacs())
    receive(line, "1.2.1")
    settled(line)
    [mark] = (tmp_path / "spool/outbox/study.collect/gone").iterdir()
    line.turn(time.time() + 31 * 86400)
    assert not mark.exists()
    receive(line, "1.2.2")
    settled(line)
    assert line.pacs.got == ["1.2.1", "1.2.2"]


# --- crashes ----------------------------------------------------------------------------------------------------------

CHAIN = rules(store(), collect(**COUNT, **RELEASED, **late("add")), AWAIT, forward("PACS"), mail("admin"))
HOLDING = rules(store(), collect(**COUNT, **late("hold")), forward("PACS"))


@pytest.mark.parametrize(
    ("some", "error"),
    [(CHAIN, False), (HOLDING, False), (CHAIN, True)],
    ids=["crash, add", "crash, hold", "disk full, add"],
)
def test_at_each_operation_of_the_disk_the_study_and_what_comes_late_go_their_way(
    tmp_path: Path, some: Program, error: bool
) -> None:
    at = 0
    while True:
        at += 1
        line = Line(tmp_path / str(at), some, Pacs())
        for uid in ("1.2.1", "1.2.2"):
            receive(line, uid, of=2)
        line.turn(time.time())
        told = ["1.2.1", "1.2.2"]
        with disk(**{"error_at" if error else "crash_at": at}) as done, suppress(Crash, OSError):
            settled(line, 60)
            receive(line, "1.2.3", of=2)
            told.append("1.2.3")
            settled(line, 60)
        if len(done) < at:
            break
        again = Line(tmp_path / str(at), some, line.pacs)
        settled(again, 4000)
        where = f"operation {at}: {done[at - 1]}"
        assert set(told) <= {*line.pacs.got, *again.held()}, where
        assert {"1.2.1", "1.2.2"} <= set(line.pacs.got), where
        assert set(again.held()) <= {"1.2.3"}, where
        assert again.owed("study.collect") == again.owed("PACS") == [], where
        assert len(again.stored()) == len(set(again.stored())), where
        assert len(again.held()) == len(set(again.held())), where
        if "1.2.3" in told and some is HOLDING:
            assert again.held() == ["1.2.3"], where
    assert at > 20
