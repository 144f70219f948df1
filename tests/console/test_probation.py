"""New rules on probation: when failures rise, the version before comes back; once, whole, and over nobody's change."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance import withdrawn
from appliance.console.facts.advice import UNCLEAN, kind_of_reason
from appliance.console.facts.faring import Counts, has_risen, most, place_of
from appliance.console.facts.guarding import guards
from appliance.console.facts.rule_files import digest
from engine.step import HOLD
from engine.trouble import Trouble
from tests.console.changing import NEW, OLD, PACS, Changing
from tests.engine.spool.crash_kit import Crash, disk

PICTURE = {
    **{"Rows": 4, "Columns": 4, "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0},
    **{"SamplesPerPixel": 1, "PhotometricInterpretation": "MONOCHROME2", "PixelData": bytes(16)},
}
"""Of a device of which nobody knows where it writes."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Changing]:
    made = Changing(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("before", "received", "least"),
    [
        (Counts(), 0, 3),
        (Counts(), 1000, 3),
        (Counts(1000, 0), 1000, 3),
        (Counts(1000, 10), 1000, 30),
        (Counts(1000, 200), 1000, 600),
        (Counts(1000, 500), 1000, 750),
        (Counts(10, 10), 1000, 1000),
    ],
)
def test_how_many_failures_are_a_rise(before: Counts, received: int, least: int) -> None:
    assert most(before, received) == pytest.approx(least)
    assert has_risen(before, Counts(received, least))
    assert not has_risen(before, Counts(received, least - 1))


def test_what_matches_no_rule_any_more_brings_the_rules_of_before_back(house: Changing) -> None:
    house.receive("US", "US", "US", "XA")
    assert house.activate().version is not None
    house.look(times=3)
    house.receive("US", "US", "XA")
    house.look(times=3)
    assert house.text == NEW, "two are no rise"
    house.receive("US")
    house.look()
    row = house.probation.row()
    assert row is not None
    assert (row["state"], row["reason"]) == ("back", {"kind": "held"})
    house.look()
    assert house.text == OLD
    last = house.files.last()
    assert last is not None
    assert (last.author, last.files) == ("stellwerk", {"house.rules": OLD})
    assert last.why == "The version before was taken back, as failures rose."
    said = withdrawn.trouble(house.settings.data)
    assert isinstance(said, Trouble)
    assert "version 2 of the rules was taken back" in said.words
    house.take_over()
    house.look()
    row = house.probation.row()
    assert row is not None
    assert (row["state"], row["outcome"], row["before"], row["after"]) == ("over", "withdrawn", [4, 1], [4, 3])
    assert house.acts() == [("stellwerk", "rules-withdrawn")]
    # Never twice: what is held under the rules of before changes nothing.
    house.receive("XA", "XA", "XA", "XA", "XA", "XA")
    house.look(times=5)
    assert (house.text, len(house.files.versions())) == (OLD, 3)
    house.probation.forget()
    assert withdrawn.trouble(house.settings.data) == ""
    assert house.probation.row() is None


def test_what_is_held_on_purpose_and_what_failed_before_is_no_rise(house: Changing) -> None:
    house.receive(*["XA", "US"] * 6)
    house.activate(OLD.replace("Modality = OT → hold", 'Modality = OT → hold "for the study"'), minutes=1)
    house.receive(*["OT"] * 5, "XA", "US", "XA", "US")
    house.look(5, times=14)
    row = house.probation.row()
    assert row is not None
    assert (row["state"], row["outcome"]) == ("over", "kept")
    assert (row["before"], row["after"]) == ([12, 6], [9, 2])
    assert withdrawn.trouble(house.settings.data) == ""


def test_a_destination_that_fails_newly_counts_once_it_lasts(house: Changing) -> None:
    house.activate()
    house.look()
    house.answering.fails("PACS")
    house.look(10, times=6)
    assert house.text == NEW
    house.look(10, times=2)
    assert house.text == OLD
    row = house.probation.row()
    assert row is not None
    assert row["reason"] == {"kind": "destination", "name": "PACS", "words": "it refuses the connection"}


def test_what_failed_before_what_is_paused_and_what_no_rule_can_cause_does_not_count(house: Changing) -> None:
    house.answering.fails("PACS")
    house.activate(minutes=5)
    house.answering.fails("OTHER", paused=True)
    house.answering.data["troubles"].append({"name": "disk archive", "words": "it is full"})
    house.look(5, times=62)
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["outcome"]) == (NEW, "kept")


def test_rules_that_the_appliance_does_not_take_over_come_back(house: Changing) -> None:
    house.activate(OLD.replace("port 1", "port 2"), runs=False)
    house.answering.data["rules"] = "the new rules cannot take over: port 2 is taken; the old rules run on"
    house.look(10, times=9)
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["outcome"], row["reason"]["kind"]) == (OLD, "withdrawn", "refused")


def test_what_waits_for_a_destination_that_only_the_new_rules_know_is_held_and_so_the_old_ones_can_run(
    house: Changing,
) -> None:
    new = OLD.replace("PACS", "NEXT")
    house.line.pacs.away.update(f"1.2.{number}" for number in range(3))
    house.activate(new)
    for number in range(3):
        house.line.receive(f"1.2.{number}")
    house.receive()
    house.answering.fails("NEXT")
    house.look(10, times=8)
    assert house.text == OLD
    house.look()
    assert house.line.owed("NEXT") == []
    assert len(house.line.held()) == 3
    house.take_over()
    house.look()
    row = house.probation.row()
    assert row is not None
    assert (row["outcome"], row["moved"]) == ("withdrawn", 3)
    why = {entry.why for entry in house.line.spool.outbox(HOLD).all()}
    assert why == {"the rules that send to NEXT were taken back"}


@pytest.mark.parametrize("step", ["anonymize", "anonymize-pixels", "review", "set PatientComments to none"])
def test_rules_that_clean_or_hold_more_are_not_taken_back_by_themselves(house: Changing, step: str) -> None:
    """The rules before would send what these have stopped, as it is: a person decides, and is told."""
    new = NEW.replace("→ store", f"→ {step} → store")
    house.activate(new)
    house.receive("US", "US", "US")
    house.answering.fails("PACS")
    house.look(10, times=20)
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["state"], row["outcome"], row["reason"]["kind"]) == (new, "over", "left", "held")
    said = withdrawn.trouble(house.settings.data)
    assert isinstance(said, Trouble)
    assert "failures rose by version 2" in said.words
    assert "nicht zurückgenommen" in said.german
    assert house.acts() == [("stellwerk", "rules-left")]
    house.probation.forget()
    assert withdrawn.trouble(house.settings.data) == ""


def test_where_something_could_not_be_cleaned_the_rules_before_do_not_come_back(house: Changing) -> None:
    """The steps are the same, but stand on other ways: what they stopped would have gone on before."""
    old = (
        PACS + "on port 1 where Modality = US → forward PACS\non port 1 where Modality = OT → anonymize-pixels → hold\n"
    )
    new = (
        PACS + "on port 1 where Modality = US → anonymize-pixels → forward PACS\non port 1 where Modality = OT → hold\n"
    )
    assert guards(house.program(old), house.program(new)) == []
    house.activate(old, minutes=0)
    house.activate(new)
    for number in range(3):
        house.line.receive(f"1.2.{number}", "US", **PICTURE)  # type: ignore[arg-type]
    house.receive()
    house.look(times=3)
    [why] = {entry.why for entry in house.line.spool.outbox(HOLD).all()}
    assert kind_of_reason(why, "", "") == UNCLEAN
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["outcome"], row["after"]) == (new, "left", [3, 3])


def test_rules_that_were_never_taken_over_have_guarded_nothing(house: Changing) -> None:
    house.activate(OLD.replace("port 1", "port 2").replace("→ store", "→ anonymize → store"), runs=False)
    house.answering.data["rules"] = "the new rules cannot take over: port 2 is taken; the old rules run on"
    house.look(10, times=9)
    assert house.text == OLD


def test_nothing_is_put_over_what_somebody_has_written_since(house: Changing) -> None:
    house.activate()
    house.file.write_text(NEW + "# by hand\n", encoding="utf-8")
    house.receive("US", "US", "US", "US")
    house.look(times=3)
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["outcome"]) == (NEW + "# by hand\n", "superseded")
    # And not either where it happens when it is just going back.
    house.file.write_text(OLD, encoding="utf-8")
    house.take_over()
    house.activate()
    house.receive("US", "US", "US")
    house.look()
    house.file.write_text(NEW + "# again\n", encoding="utf-8")
    house.look(times=3)
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["outcome"]) == (NEW + "# again\n", "superseded")
    assert withdrawn.trouble(house.settings.data) == ""


def test_what_somebody_writes_just_after_the_taking_back_is_theirs(house: Changing) -> None:
    new = OLD.replace("PACS", "NEXT")
    house.activate(new)
    house.receive("XA", "XA", "XA")
    house.look(times=2)
    assert house.text == OLD
    house.line.pacs.away.add("1.2.7")
    house.line.receive("1.2.7")
    house.receive()
    house.file.write_text(new, encoding="utf-8")
    house.look(times=2)
    row = house.probation.row()
    assert row is not None
    assert (house.text, row["outcome"], row["moved"]) == (new, "withdrawn", 0)
    assert house.line.owed("NEXT") == ["1.2.7"]


def test_only_time_in_which_the_appliance_runs_by_them_counts(house: Changing) -> None:
    house.activate(minutes=1)
    house.look(5, times=4)
    house.answering.running = False
    house.look(5, times=100)
    row = house.probation.row()
    assert row is not None
    assert row["state"] == "watching"
    house.answering.running = True
    house.look(3600)  # nobody has looked for an hour
    house.look(5, times=7)
    row = house.probation.row()
    assert row is not None
    assert row["state"] == "watching", "fifty seconds"
    house.look(5, times=3)
    row = house.probation.row()
    assert row is not None
    assert row["outcome"] == "kept"


def test_it_is_not_watched_where_nobody_wants_it_or_nothing_means_something_else(house: Changing) -> None:
    house.activate(minutes=0)
    assert house.probation.row() is None
    house.activate(OLD, minutes=10)
    assert house.probation.row() is not None
    house.probation.end()
    house.activate(OLD + "# a comment\n")
    assert house.probation.row() is None
    assert house.probation.end() is None


def test_a_crash_at_any_moment_of_an_activation_leaves_rules_that_are_told_truly(tmp_path: Path) -> None:
    found = _at_each_crash(tmp_path, lambda _: None, lambda house: house.activate(runs=False))
    assert found == {(False, ""), (False, "broken off"), (True, "watching")}


def test_a_crash_at_any_moment_of_taking_back_leaves_rules_that_are_told_truly(tmp_path: Path) -> None:
    def before(house: Changing) -> None:
        house.activate()
        house.receive("US", "US", "US")

    assert _at_each_crash(tmp_path, before, lambda house: house.look(times=3)) == {(False, "withdrawn")}


def test_a_crash_between_two_files_is_undone(tmp_path: Path) -> None:
    texts = {"house.rules": NEW, "more.rules": "on port 2 → hold\n"}

    def activate(house: Changing) -> None:
        house.probation.activate(texts, "anna", "", digest(house.files.current()))

    first = Changing(tmp_path / "0")
    with disk() as operations:
        activate(first)
    first.close()
    halves = 0
    for at in range(1, len(operations) + 1):
        house = Changing(tmp_path / str(at))
        with pytest.raises(Crash), disk(crash_at=at):
            activate(house)
        halves += house.files.current() not in ({"house.rules": OLD}, texts)
        house.again()
        house.look(times=2)
        row = house.probation.row()
        assert house.files.current() == (
            texts if row is not None and row["state"] == "watching" else {"house.rules": OLD}
        )
        house.close()
    assert halves > 0


def _at_each_crash(
    tmp_path: Path, before: Callable[[Changing], object], act: Callable[[Changing], object]
) -> set[tuple[bool, object]]:
    """Each crash once; answers whether the new rules are there at the end, and what is told of them."""
    first = Changing(tmp_path / "0")
    before(first)
    with disk() as operations:
        act(first)
    first.close()
    assert len(operations) > 5
    outcomes: set[tuple[bool, object]] = set()
    for at in range(1, len(operations) + 1):
        house = Changing(tmp_path / str(at))
        before(house)
        with pytest.raises(Crash), disk(crash_at=at):
            act(house)
        house.again()
        house.look()
        house.take_over()
        house.look(times=5)
        house.take_over()
        house.look()
        row = house.probation.row()
        outcomes.add((house.text == NEW, "" if row is None else row.get("outcome", row["state"])))
        assert house.text in (OLD, NEW)
        if row is not None and row["state"] == "watching":
            assert house.text == NEW
            assert digest(row["files"]) == digest(house.files.current())
        if row is not None and row.get("outcome") == "withdrawn":
            assert house.text == OLD
            assert withdrawn.trouble(house.settings.data)
            assert ("stellwerk", "rules-withdrawn") in house.acts()
        if row is not None and row.get("outcome") == "broken off":
            assert house.text == OLD
        house.close()
    return outcomes


def test_a_history_is_read_from_a_moment_on(tmp_path: Path) -> None:
    path = tmp_path / "2026-11-26.jsonl"
    rest = f', "event": "x", "object": "{"0" * 90}"}}\n'
    moments = [f"2026-11-26T10:{second // 60:02}:{second % 60:02}.000+00:00" for second in range(3600)]
    lines = [f'{{"at": "{at}"{rest}' for at in moments]
    path.write_text("".join(lines), encoding="utf-8")
    for second in (0, 1, 1800, 3599):
        place = place_of(path, moments[second])
        left = path.read_bytes()[place:]
        assert len(left) >= sum(len(line) for line in lines[second:])
        assert len(left) - sum(len(line) for line in lines[second:]) < 1 << 17
