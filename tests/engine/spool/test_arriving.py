"""What is sealed waits for the disk once: a crash leaves a name that says whether it is whole. Nothing is lost."""

import errno
import logging
import os
import time
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.torture.account import look
from engine import files
from engine.arriving import OTHER_BYTES
from engine.custody import _unrouted
from engine.errors import Never
from engine.intake import MOST_SEALED
from engine.journal import Journal
from engine.ledger import ledger
from engine.object import Origin
from engine.outbox import Outbox
from engine.seal import Seal, arriving
from engine.step import HOLD
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, program, write_instance


def receive_now(line: Line, uid: str) -> str:
    """As a listener does: all of an association share a note, and the file is open still."""
    path = line.spool.new_work_file()
    write_instance(path, uid)
    origin = Origin("dicom", 1, "SONO1", "STELLWERK", "10.0.0.1")
    with path.open("rb") as file:
        return line.spool.accept(path, origin, line.digest, seal=Seal.of(path), handle=file.fileno())


def left_arriving(line: Line, uid: str = "1.2.1") -> Path:
    """An object as a crash leaves it that comes before it is routed."""
    left = line.spool.accepted_files(line.receive(uid))[0]
    assert arriving(left.name)
    return left


def names(line: Line) -> list[str]:
    return sorted(path.name for path in line.spool.incoming.iterdir())


def held(line: Line) -> Outbox:
    return line.spool.outbox(HOLD)


def is_balanced(line: Line) -> bool:
    with Journal(line.root / "spool") as journal:
        count = ledger(journal, "", lambda _: None)
        return count.difference == 0 and not count.missing


def test_a_name_gives_back_number_and_seal_and_no_other_name_does(tmp_path: Path) -> None:
    file = tmp_path / "some"
    file.write_bytes(b"image" * 100_000)
    seal = Seal.of(file)
    assert seal.length == 500_000
    assert arriving(seal.name("18c2f0a1b2c3d4e50f39a")) == ("18c2f0a1b2c3d4e50f39a", seal)
    for other in ("1.dcm", "1.json", "1.5-0.arriving", ".1.5-0123456789abcdef.arriving", "1.arriving"):
        assert arriving(other) is None


def test_one_flush_of_the_bytes_and_one_of_the_folder_and_one_name(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1")
    flushed: list[str] = []
    really = files.sync

    def sync(path: Path | str, handle: int | None = None) -> None:
        flushed.append(Path(path).suffix or Path(path).name)
        really(path, handle)

    with pytest.MonkeyPatch.context() as patch, disk() as done:
        patch.setattr(files, "sync", sync)
        receive_now(line, "1.2.2")
        first = len(flushed)
        done.clear()
        receive_now(line, "1.2.3")
    assert flushed[first:] == [".arriving", "incoming"]
    assert done == ["link", "move", "append"]


def test_a_crash_at_any_operation_loses_nothing_and_leaves_nothing_half_named(tmp_path: Path) -> None:
    for point in range(1, 30):
        told = []
        line = Line(tmp_path / str(point), program(), Pacs())
        with suppress(Crash), disk(crash_at=point):
            for uid in ("1.2.1", "1.2.2", "1.2.3"):
                receive_now(line, uid)
                told.append(uid)
        again = Line(tmp_path / str(point), program(), Pacs())
        assert not [name for name in names(again) if arriving(name)]
        again.turn(time.time())
        assert set(told) <= set(again.stored()), f"lost, point {point}"
        assert len(again.stored()) - len(told) <= 1
        assert is_balanced(again)
    assert told == ["1.2.1", "1.2.2", "1.2.3"]


def test_an_error_before_success_takes_the_name_back_and_a_start_does_not_find_it(tmp_path: Path) -> None:
    points = 0
    for point in range(1, 20):
        line = Line(tmp_path / str(point), program(), Pacs())
        first = line.spool.accepted_files(line.receive("1.2.1"))[0]
        try:
            with disk(error_at=point) as done:
                receive_now(line, "1.2.2")
        except OSError:
            points += 1
            assert [name for name in names(line) if arriving(name)] == [first.name], f"point {point}"
            Line(tmp_path / str(point), program(), Pacs()).turn(time.time())
            assert line.stored() == ["1.2.1"], f"its sender keeps it, and it came all the same, point {point}"
        else:
            assert done[point - 1 :][:1] in ([], ["append"]), f"success was answered, point {point}"
    assert points >= 6


def test_what_was_whole_when_the_machine_stopped_is_flushed_and_then_gets_the_name_that_counts(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    left = left_arriving(line)
    with disk() as done:
        line.spool.recover()
    # A process that was killed may have written it, and not waited for the disk.
    assert done[:4] == ["sync", "sync", "move", "sync"]
    assert not left.exists()
    line.turn(time.time())
    assert line.stored() == ["1.2.1"]


def test_what_was_not_all_there_is_removed_for_its_sender_has_it_still(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = Line(tmp_path, program(), Pacs())
    left = left_arriving(line)
    os.truncate(left, left.stat().st_size - 1)
    with caplog.at_level(logging.WARNING):
        line.spool.recover()
    assert "was not all there" in caplog.text
    assert left.name.partition(".")[0] in caplog.text
    assert list(line.spool.waiting()) == []
    line.receive("1.2.1")
    line.turn(time.time())
    assert line.stored() == ["1.2.1"]
    assert line.held() == []


@pytest.mark.parametrize("note", ["its note", "half a note", "no note"])
@pytest.mark.parametrize("longer", [False, True])
def test_other_bytes_in_full_length_are_held_with_the_reason_and_stand_in_the_way_of_nothing(
    tmp_path: Path, longer: bool, note: str
) -> None:
    line = Line(tmp_path, program(), Pacs())
    left = left_arriving(line)
    data = left.read_bytes()
    left.write_bytes(data + b"\0" if longer else data[:-30] + bytes(30))
    beside = left.with_name(f"{left.name.partition('.')[0]}.json")
    if note == "half a note":
        beside.write_bytes(beside.read_bytes()[:40])
    elif note == "no note":
        beside.unlink()
    line.spool.recover()
    line.turn(time.time())
    assert line.stored() == []
    [entry] = held(line).all()
    assert entry.why == OTHER_BYTES
    assert entry.origin.sender == ("SONO1" if note == "its note" else "")
    assert is_balanced(line)
    with pytest.raises(Never, match="not those that came"):
        line.spool.release(entry.id)
    # It is sent again, and goes its way: it is no other version of what is broken.
    line.receive("1.2.1")
    line.turn(time.time())
    assert line.stored() == ["1.2.1"]
    assert len(held(line).all()) == 1
    line.spool.delete(entry.id)
    assert is_balanced(line)


def test_a_note_that_others_share_is_not_changed_for_what_is_held(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    sound, torn = receive_now(line, "1.2.1"), receive_now(line, "1.2.2")
    left = line.spool.accepted_files(torn)[0]
    left.write_bytes(bytes(left.stat().st_size))
    line.spool.recover()
    assert line.spool.load(sound).obj.origin.flaw == ""
    line.turn(time.time())
    assert line.stored() == ["1.2.1"]
    assert [entry.why for entry in held(line).all()] == [OTHER_BYTES]


def test_what_cannot_be_read_is_no_reason_not_to_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = Line(tmp_path, program(), Pacs())
    left_arriving(line)

    def broken(_path: Path) -> Seal:
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Seal, "of", broken)
    line.spool.recover()
    line.turn(time.time())
    assert [entry.why for entry in held(line).all()] == [OTHER_BYTES]


def test_a_crash_while_a_start_looks_at_it_is_recovered_from(tmp_path: Path) -> None:
    for point in range(1, 14):
        root = tmp_path / str(point)
        line = Line(root, program(), Pacs())
        left_arriving(line, "1.2.1")
        torn = left_arriving(line, "1.2.2")
        torn.write_bytes(bytes(torn.stat().st_size))
        short = left_arriving(line, "1.2.3")
        os.truncate(short, 100)
        with suppress(Crash), disk(crash_at=point):
            line.spool.recover()
        again = Line(root, program(), Pacs())
        again.turn(time.time())
        assert again.stored() == ["1.2.1"], f"point {point}"
        assert [entry.why for entry in held(again).all()] == [OTHER_BYTES], f"point {point}"
        assert names(again) in ([], [short.name.partition(".")[0] + ".json"])


@pytest.mark.parametrize("most", [0, MOST_SEALED], ids=["a cut has undone the last name", "a start has given it"])
def test_what_was_promised_under_one_name_is_not_routed_again_under_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr("engine.intake.MOST_SEALED", most)
    line = Line(tmp_path, program(), Pacs())
    number = line.receive("1.2.1")
    file = line.spool.accepted_files(number)[0]
    seal = Seal.of(file)
    with disk() as done:
        line.router.turn()
    points, tried = len(done), 0
    for point in range(1, points + 1):
        root = tmp_path / str(point)
        pacs = Pacs()
        line = Line(root, program(), pacs)
        number = line.receive("1.2.1")
        file = line.spool.accepted_files(number)[0]
        with suppress(Crash), disk(crash_at=point):
            line.router.turn()
        if file.exists() and any(line.spool.routed.iterdir()):
            file.rename(file.with_name(f"{number}.dcm" if most else seal.name(number)))
            tried += 1
        again = Line(root, program(), pacs)
        again.turn(time.time())
        assert again.stored() == ["1.2.1"], f"point {point}"
        assert pacs.got == ["1.2.1"], f"point {point}"
        assert again.held() == [], f"point {point}"
    assert tried > 0


def test_where_the_last_name_cannot_be_given_the_object_is_as_safe_and_goes_its_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.intake.MOST_SEALED", 0)
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1")
    line.turn(time.time())
    really = files.move

    def broken(source: Path | str, target: Path | str) -> None:
        if arriving(Path(source).name):
            raise OSError(errno.EIO, "broken")
        really(source, target)

    monkeypatch.setattr(files, "move", broken)
    number = receive_now(line, "1.2.2")  # success: it would survive a power cut
    assert arriving(line.spool.accepted_files(number)[0].name)
    assert line.spool.unfinished() == 2, "the mail of the first, and this one"
    assert is_balanced(line)
    line.spool.tidy(time.time() + 100)
    assert f"{number}.json" in names(line), "its note is not what a crash has left"
    line.turn(time.time())
    assert line.stored() == ["1.2.1", "1.2.2"]
    assert names(line) == []


def test_what_waits_under_its_seal_is_there_for_those_who_ask_whether_we_have_it(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    left_arriving(line)
    assert _unrouted(line.root / "spool") == {"1.2.1"}
    assert is_balanced(line)
    with Journal(line.root / "spool") as journal:
        assert ledger(journal, "").states["waiting"] == 1


@pytest.mark.parametrize("limit", ["files", "bytes"])
def test_a_start_never_has_to_read_more_than_so_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    line = Line(tmp_path, program(), Pacs())
    first = line.spool.accepted_files(receive_now(line, "1.2.1"))[0]
    if limit == "files":
        monkeypatch.setattr("engine.intake.MOST_SEALED", 2)
    else:
        monkeypatch.setattr("engine.intake.MOST_SEALED_BYTES", 2 * first.stat().st_size)
    files_of = [line.spool.accepted_files(receive_now(line, f"1.2.{n}"))[0] for n in (2, 3, 4)]
    assert [file.suffix for file in (first, *files_of)] == [".arriving", ".arriving", ".dcm", ".dcm"]
    line.turn(time.time())
    assert line.stored() == ["1.2.1", "1.2.2", "1.2.3", "1.2.4"]
    assert names(line) == []
    # What has been routed has made room.
    assert [line.spool.accepted_files(receive_now(line, f"1.2.{n}"))[0].suffix for n in (5, 6, 7)] == [
        ".arriving",
        ".arriving",
        ".dcm",
    ]


def test_what_is_not_durable_yet_is_seen_by_nobody_who_would_route_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1")
    line.turn(time.time())
    really = files.sync
    looked: list[object] = []

    def sync(path: Path | str, handle: int | None = None) -> None:
        if any(map(arriving, names(line))):
            with monkeypatch.context() as patch:
                patch.setattr(files, "sync", really)
                looked.extend((line.router.turn(), line.router.oldest_unrouted()))
        really(path, handle)

    with monkeypatch.context() as patch:
        patch.setattr(files, "sync", sync)
        receive_now(line, "1.2.2")
    assert looked == [False, None] * 2, "before its bytes are flushed, and before its name is"
    assert line.router.oldest_unrouted() is not None
    assert line.router.turn() is True


def test_what_was_not_taken_and_cannot_be_removed_is_not_routed_beside_what_its_sender_sends_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.1")
    line.turn(time.time())

    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(files, "sync", broken)
        patch.setattr(files, "remove", broken)
        with pytest.raises(OSError, match="broken"):
            line.receive("1.2.2")
    assert [name for name in names(line) if arriving(name)]
    line.receive("1.2.2")
    line.turn(time.time())
    assert line.pacs.got == ["1.2.1", "1.2.2"]


def test_what_is_whole_at_a_reckoning_counts_and_what_is_not_does_not(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    left_arriving(line, "1.2.1")
    torn = left_arriving(line, "1.2.2")
    torn.write_bytes(torn.read_bytes()[:-1] + b"!")
    assert look(tmp_path).unrouted == {"1.2.1": 1}
