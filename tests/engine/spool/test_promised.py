"""The notes of what is promised together are names of one file; what changes one of them leaves the others alone."""

import json
import time
from pathlib import Path

import pytest

from engine import files, staging
from engine.destinations.archive import Archive
from engine.entry import Entry, line_of
from engine.promised import FINISHED, MOVING, PROMISED
from engine.pump import Pump
from engine.step import HOLD
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk, program

UIDS = ("1.2.1", "1.2.2", "1.2.3")


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """One with three objects, not routed yet."""
    line = Line(tmp_path, program(), Pacs())
    for uid in UIDS:
        line.receive(uid)
    return line


def stopped(line: Line) -> Path:
    """The machine stops when the promises are valid; the batch."""

    def stop(moved: Path) -> None:
        if moved.parent == line.spool.routed:
            raise Crash

    with disk(at_once=stop), pytest.raises(Crash):
        line.router.turn()
    [batch] = line.spool.routed.iterdir()
    return batch


def notes(line: Line, name: str) -> list[Path]:
    """The notes of an outbox."""
    return sorted(line.spool.outbox(name).entries.glob("*.json"))


def test_what_is_promised_together_has_one_file_for_its_notes_and_it_is_gone_with_the_last(line: Line) -> None:
    line.router.turn()
    [first, *others] = [*notes(line, "PACS"), *notes(line, "archive.store")]
    assert len(others) == 2 * len(UIDS) - 1
    assert all(note.samefile(first) for note in others)
    line.turn(time.time())
    assert not notes(line, "PACS")
    assert not notes(line, "archive.store")


def test_what_is_held_has_a_note_of_its_own(line: Line) -> None:
    """A person may send it to whoever helps, and the others of its batch are of other people."""
    for number in list(line.spool.waiting()):
        for file in line.spool.accepted_files(number):
            file.unlink()
    for uid in UIDS:
        line.receive(uid, "CT")
    line.router.turn()
    assert len(notes(line, HOLD)) == len(UIDS)
    for note in notes(line, HOLD):
        assert json.loads(note.read_bytes())["id"] == note.stem
        assert note.stat().st_nlink == 1


def test_a_note_that_changes_leaves_those_of_the_others_as_they_are(line: Line) -> None:
    line.router.turn()
    line.pacs.away, line.pacs.refuse = {"1.2.1"}, {"1.2.2"}
    before = {note.stem: line_of(note.read_bytes(), note.stem) for note in notes(line, "archive.store")}
    Pump(line.spool.outbox("PACS"), lambda: line.pacs, line.router.refuse).turn(time.time())
    assert {note.stem: line_of(note.read_bytes(), note.stem) for note in notes(line, "archive.store")} == before
    [away] = line.spool.outbox("PACS").all()
    assert (away.tries, away.why) == (1, "it is away")
    assert line.held() == ["1.2.2"]


def test_a_note_is_put_beside_the_file_that_others_have_and_not_into_it(tmp_path: Path) -> None:
    files.put(tmp_path / "a", b"of both")
    files.link(tmp_path / "a", tmp_path / "b")
    files.put(tmp_path / "b", b"of one")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"of both", b"of one")


def test_a_note_that_somebody_has_changed_meanwhile_is_read_anew(line: Line) -> None:
    line.router.turn()
    home = line.spool.outbox("PACS")
    note = notes(line, "PACS")[0]
    data = json.loads(line_of(note.read_bytes(), note.stem)) | {"tries": 7}
    files.write(note, json.dumps(data).encode())
    assert [entry.tries for entry in home.claim(3)] == [7, 0, 0]


def test_many_notes_stand_in_several_files_which_are_read_after_a_crash(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_MOST_BYTES", 1)
    batch = stopped(line)
    assert len(list(batch.glob("*.jsonl"))) > len(UIDS)
    line = Line(line.root, program(), line.pacs)
    line.turn(time.time())
    assert (line.stored(), sorted(line.pacs.got), line.held()) == ([*UIDS], [*UIDS], [])


def test_a_batch_of_an_earlier_edition_is_finished(line: Line) -> None:
    """A note in a file of its own for each promise, some of which have gone ahead, and a list of what it came from."""
    batch = stopped(line)
    sources, *said = (batch / PROMISED).read_bytes().splitlines()
    (batch / PROMISED).unlink()
    (batch / FINISHED).write_bytes(sources)
    for at, note in enumerate(said):
        entry = Entry.from_bytes(note, batch / f"{json.loads(note)['id']}.dcm")
        home = batch if at % 2 else line.spool.outbox(entry.outbox).entries
        (home / f"{entry.id}.json").write_bytes(note)
    line = Line(line.root, program(), line.pacs)
    assert not list(line.spool.waiting())
    line.turn(time.time())
    assert (line.stored(), sorted(line.pacs.got), line.held()) == ([*UIDS], [*UIDS], [])
    assert not list(line.spool.routed.iterdir())


def test_notes_that_the_disk_has_not_kept_hold_what_they_were_of_and_nothing_else(line: Line) -> None:
    batch = stopped(line)
    said = (batch / PROMISED).read_bytes().splitlines(keepends=True)
    torn = [number for number, note in enumerate(said) if b'"outbox": "PACS"' in note][:1]
    (batch / PROMISED).write_bytes(b"".join(b"\0" * 9 + b"\n" if at in torn else one for at, one in enumerate(said)))
    line = Line(line.root, program(), line.pacs)
    line.turn(time.time())
    assert (line.stored(), len(line.pacs.got), len(line.held())) == ([*UIDS], 2, 1)
    [held] = line.spool.outbox(HOLD).all()
    assert "cannot be read" in held.why


def test_a_note_that_was_left_under_the_same_id_does_not_count(line: Line) -> None:
    batch = stopped(line)
    [first, *_] = sorted(note for note in (batch / PROMISED).read_bytes().splitlines() if b'"outbox": "PACS"' in note)
    data = json.loads(first) | {"tries": 9}
    (line.spool.outbox("PACS").entries / f"{data['id']}.json").write_text(json.dumps(data))
    line.spool.settle()
    assert [entry.tries for entry in line.spool.outbox("PACS").all()] == [0, 0, 0]


def test_what_it_came_from_is_removed_once(line: Line) -> None:
    """What gets such a name after that, as a person's release gives it one, is something else."""
    batch = stopped(line)
    (batch / PROMISED).rename(batch / MOVING)
    line.spool.settle()
    assert len(list(line.spool.waiting())) == len(UIDS)


def test_more_promises_than_are_remembered_are_read(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.remembered.MOST", 1)
    line.router.turn()
    archive = Archive(line.archive)
    Pump(line.spool.outbox("archive.store"), lambda: archive, line.router.refuse).turn(time.time())
    assert line.stored() == [*UIDS]
