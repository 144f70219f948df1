"""Looking things up: by what a person knows of an image, in whatever spelling, and what became of it then."""

import time
from pathlib import Path

import pytest

from engine.journal import Journal
from engine.journal_found import refill
from engine.journal_search import Wanted, copies, hits, named, path, search
from engine.step import HOLD
from engine.whereabouts import whereabouts
from tests.engine.spool.crash_kit import Line, Pacs, program

PATIENTS = {"1.2.1": "Müller^Änne", "1.2.2": "MUELLER^Bert", "1.2.3": "Große-Øster^Zoë", "1.2.4": "Meier^Müllerine"}


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """Four images of four people, routed and sent; the last is held."""
    pacs = Pacs()
    line = Line(tmp_path, program(), pacs)
    for uid, patient in PATIENTS.items():
        line.receive(uid, "XA" if uid == "1.2.4" else "US", patient)
    line.turn(time.time())
    return line


def found(line: Line, *words: str, **wanted: str) -> list[str]:
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        hits, count = search(journal, Wanted(words, **wanted), whereabouts(line.spool.root))
        assert count == len(hits)
        return sorted(hit.sop for hit in hits)


@pytest.mark.parametrize("spelling", ["Müller", "müller", "MUELLER", "Mueller", "mull", "Mu\u0308ll"])
def test_a_name_is_found_however_it_is_spelled(line: Line, spelling: str) -> None:
    assert "1.2.1" in found(line, name=spelling)
    assert "1.2.3" not in found(line, name=spelling)


def test_every_word_must_begin_a_word_of_the_name(line: Line) -> None:
    assert found(line, name="anne mueller") == ["1.2.1"]
    assert found(line, name="grosse oster") == ["1.2.3"]
    assert found(line, name="oester zoe") == ["1.2.3"]
    assert found(line, name="üller") == []


def test_free_words_are_looked_for_everywhere(line: Line) -> None:
    assert found(line, "4711", "meier") == ["1.2.4"]
    assert found(line, "1.2.2") == ["1.2.2"]
    assert found(line, "4711", "sono1") == sorted(PATIENTS)
    assert found(line, "4711", "Schmidt") == []
    assert found(line, "%") == []


def test_by_uid_sender_and_day(line: Line) -> None:
    assert found(line, study="1.2.3") == sorted(PATIENTS)
    assert found(line, sop="1.2.3") == ["1.2.3"]
    assert found(line, sender="SONO1", id="4711") == sorted(PATIENTS)
    assert found(line, sender="SONO2") == []
    assert found(line, since="2020-01-01", until="2199-01-01") == sorted(PATIENTS)
    assert found(line, until="2020-01-01") == []


def test_a_hit_says_what_became_of_it(line: Line) -> None:
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        [held], _ = search(journal, Wanted(("meier",)), whereabouts(line.spool.root))
        assert (held.state, held.name, held.sender) == ("held", "Meier^Müllerine", "SONO1")
        newest, count = search(journal, Wanted(), whereabouts(line.spool.root), most=1)
        assert (count, [hit.sop for hit in newest]) == (4, ["1.2.4"])


def test_the_path_goes_on_under_the_new_number(line: Line) -> None:
    [held] = line.spool.outbox(HOLD).all()
    line.spool.release(held.id)
    line.turn(time.time())
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        [again] = line.spool.outbox(HOLD).all()
        assert again.object != held.object
        assert named(journal, again.id) == named(journal, held.object) == [held.object]
        told = [event["event"] for event in path(journal, held.object)]
        assert told == ["received", "held", "released", "received", "held"]
        hits, _ = search(journal, Wanted(("meier",)), whereabouts(line.spool.root))
        assert [hit.number for hit in hits] == [held.object]


def test_the_place_of_a_copy_is_known(line: Line) -> None:
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        [hit], _ = search(journal, Wanted(sop="1.2.1"), whereabouts(line.spool.root))
        [(outbox, place)] = copies(journal, hit.number)
        assert outbox == "archive.store"
        assert (line.archive / place).is_file()


def test_with_all_lines_gone_the_files_themselves_are_found(line: Line) -> None:
    for folder in (line.spool.history.events, line.spool.history.keys):
        for day in folder.iterdir():
            day.unlink()
    (line.spool.root / "journal.sqlite").unlink(missing_ok=True)
    (line.archive / "broken.dcm").write_bytes(b"no image")
    with Journal(line.spool.root) as journal:
        journal.catch_up(rebuild=True)
        # The mails that are owed hold the three stored images too.
        spooled, stored = refill(journal, {"archive.store": line.archive})
        assert (spooled, stored) == (4, 3)
        assert refill(journal, {"archive.store": line.archive}) == (0, 0)
        there = whereabouts(line.spool.root)
        [held], _ = search(journal, Wanted(("meier",)), there)
        assert (held.state, held.sender) == ("held", "SONO1")
        both, _ = search(journal, Wanted(("mueller",), name="änne"), there)
        assert {hit.state for hit in both} == {"waiting", "delivered"}
        stored_hit = next(hit for hit in both if hit.state == "delivered")
        assert copies(journal, stored_hit.number) == [("archive.store", "Praxis Süd/Müller^Änne/1.2.1.dcm")]
        assert hits(journal, [stored_hit.number], there) == [stored_hit]
