"""The way back: every pseudonym and UID that a key or a table has made is found again, by every key there was."""

import time
from pathlib import Path

import pytest

from engine.identities import Identities
from engine.journal import Journal
from engine.reidentify import Original, originals
from tests.engine.spool.crash_kit import Line, Pacs, program

STUDY = "1.2.3"


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """Two images of one study."""
    line = Line(tmp_path, program(), Pacs())
    line.receive("1.2.840.1")
    line.receive("1.2.840.2", patient="Meier^Bert")
    line.turn(time.time())
    return line


def asked(line: Line, *values: str) -> list[Original]:
    identities = Identities.of(line.root)
    with Journal(line.spool.root) as journal:
        journal.catch_up()
        return list(originals(journal, identities.keyring.all(), identities.tables, values))


def test_whatever_came_is_found_by_what_any_key_makes_of_it(line: Line) -> None:
    keyring = Identities.of(line.root).keyring
    keyring.current()
    keyring.renew()
    keyring.renew()
    for key in keyring.all():
        made = {
            key.pseudonym("4711"): ("patient", "4711"),
            key.uid(STUDY): ("study", STUDY),
            key.uid("1.2.840.1"): ("image", "1.2.840.1"),
            key.uid("1.2.840.2"): ("image", "1.2.840.2"),
        }
        found = asked(line, *made, "2.25.1", "nobody")
        assert {one.asked: (one.kind, one.value) for one in found} == made
        assert {one.by for one in found} == {key.id}
        assert all(one.id == "4711" for one in found)
    names = {
        one.value: one.name for one in asked(line, *(keyring.current().uid(uid) for uid in ("1.2.840.1", "1.2.840.2")))
    }
    assert names == {"1.2.840.1": "Müller^Änne", "1.2.840.2": "Meier^Bert"}


def test_a_key_that_is_not_there_tells_nothing(line: Line) -> None:
    elsewhere = Identities.of(line.root / "elsewhere").keyring.current()
    Identities.of(line.root).keyring.current()
    assert asked(line, elsewhere.pseudonym("4711"), elsewhere.uid(STUDY)) == []


def test_tables_are_read_backwards_and_one_with_mistakes_hides_nothing(line: Line) -> None:
    tables = line.root / "tables"
    tables.mkdir()
    (tables / "a-broken.csv").write_text("1,2,3\n")
    (tables / "register.csv").write_text("4711,STUDY-1\n4712,STUDY-2\n")
    [known] = asked(line, "STUDY-1")
    assert (known.value, known.by, known.name) == ("4711", "table register", "Müller^Änne")
    [unknown] = asked(line, "STUDY-2")
    assert (unknown.value, unknown.by, unknown.name, unknown.id) == ("4712", "table register", "", "4712")


def test_an_image_whose_pixels_were_cleaned_is_found_by_the_uid_that_it_got_then(line: Line) -> None:
    key, between = Identities.of(line.root).keyring.current(), "2.25.77"
    number = line.receive("1.2.840.3")
    line.turn(time.time())
    assert asked(line, key.uid(between)) == []
    line.spool.history.record_keys([(number, {"cleaned": between})] * 2)
    [found] = asked(line, key.uid(between))
    assert (found.kind, found.value, found.by, found.name) == ("image", "1.2.840.3", key.id, "Müller^Änne")
    [bare] = asked(line, between)
    assert (bare.value, bare.by) == ("1.2.840.3", "pixels")
    assert asked(line, "2.25.78") == []


def test_what_is_forgotten_is_not_found_by_it_either(line: Line) -> None:
    number = line.receive("1.2.840.3")
    line.turn(time.time())
    line.spool.history.record_keys([(number, {"cleaned": "2.25.77"})])
    assert asked(line, "2.25.77")
    with Journal(line.spool.root) as journal:
        for day in line.spool.history.keys.iterdir():
            line.spool.history.drop(day.stem)
            journal.forget(day.stem)
        assert journal.db.execute("SELECT count(*) FROM cleaned").fetchone() == (0,)
    assert asked(line, "2.25.77") == []
