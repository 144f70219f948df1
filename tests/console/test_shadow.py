"""New rules on trial: all that comes is judged by them, nothing is done by them, and then what was chosen is done."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.console.facts import judging
from appliance.console.facts.rule_files import Conflict, digest
from appliance.console.shadow import Row
from appliance.console.words import Refusal
from tests.console.changing import NEW, OLD, Changing
from tests.engine.spool.crash_kit import Crash, disk


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Changing]:
    made = Changing(tmp_path)
    yield made
    made.close()


def begin(house: Changing, text: str = NEW, minutes: int = 5, then: str = "ask", watch: int = 10) -> Row:
    """A trial of these rules."""
    house.clock.ahead = 0.0
    expected = digest(house.files.current())
    result = house.shadow.begin({"house.rules": text}, expected, minutes, then, watch, "anna", "a new one")
    assert result.program is not None
    return row_of(house)


def row_of(house: Changing) -> Row:
    row = house.shadow.row()
    assert row is not None
    return row


def counted(house: Changing) -> tuple[int, int, int]:
    found = house.shadow.judged(row_of(house))
    return found.judged, found.differ, found.gone


def test_what_comes_is_judged_once_and_nothing_is_done(house: Changing) -> None:
    house.receive("US", "XA")
    begin(house)
    house.look()
    assert counted(house) == (0, 0, 0), "what came before does not count"
    house.receive("US", "US", "CT")
    house.look(times=3)
    assert counted(house) == (3, 2, 0)
    house.receive("XA")
    house.look()
    assert counted(house) == (4, 3, 0)
    groups = house.shadow.groups(row_of(house), house.shadow.judged(row_of(house)))
    assert [(one.differing.count, one.differing.won, one.seen) for one in groups] == [
        (2, ("hold it: no route takes it",), True),
        (1, ("forward to PACS", "store in archive"), True),
    ]
    assert (house.text, len(house.line.pacs.got), len(house.line.held())) == (OLD, 3, 3)
    # Another console goes on with it, and judges nothing twice.
    house.again()
    house.receive("US")
    house.look(times=2)
    assert counted(house) == (5, 4, 0)


def test_no_patient_is_in_what_is_written_down(house: Changing) -> None:
    house.receive("US")
    begin(house, OLD.replace("by PatientID", "by PatientName"))
    house.receive("US")
    house.look()
    assert counted(house) == (1, 1, 0)
    written = [path.read_text("utf-8") for path in (house.settings.data / "console").rglob("*.json*")]
    assert any("another folder" in text for text in written)
    assert not any("Müller" in text or "4711" in text for text in written)


def test_what_is_on_its_way_is_waited_for(house: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    begin(house)
    house.line.receive("1.2.3.4")
    house.line.journal()
    house.look()
    assert counted(house) == (0, 0, 0), "it is not routed yet"
    house.receive()
    house.look()
    assert counted(house) == (1, 1, 0)
    house.receive("US")
    for path in house.line.archive.rglob("*.dcm"):
        path.unlink()
    house.look()
    assert counted(house) == (1, 1, 0), "it may be between two places"
    house.look(40)
    assert counted(house) == (2, 2, 0), "what these rules ask for, the journal knows"
    monkeypatch.setattr(judging, "MOST", 2)
    house.receive("CT")
    house.look()
    assert counted(house) == (2, 2, 0), "it is enough"


@pytest.mark.parametrize(
    ("text", "gone"),
    [
        (OLD.replace("where Modality = US", 'where InstitutionName = "Praxis Süd"'), 0),
        (OLD.replace("store by PatientID", "store by InstitutionName/Modality"), 0),
        (OLD.replace("Modality = US →", 'Modality = US → set StationName to "x" →'), 0),
        (OLD.replace("where Modality = US", "where Modality = US and sender = SONO1"), 0),
        (OLD.replace("where Modality = US", "where Modality = US and Rows > 1"), 1),
        (OLD.replace("where Modality = US", "where AccessionNumber is missing"), 1),
        (OLD.replace("store by PatientID", "store by BodyPartExamined"), 1),
        # Patients of one name are told apart by their issuer.
        (OLD.replace("store by PatientID", "store by PatientName"), 1),
        (OLD.replace("Modality = US →", "Modality = US → anonymize →"), 1),
    ],
)
def test_what_has_gone_is_judged_by_the_journal_where_that_is_exact(house: Changing, text: str, gone: int) -> None:
    begin(house, text)
    house.receive("US")
    house.look()
    by_file = house.shadow.judged(row_of(house)).groups
    house.shadow.cancel()
    begin(house, text)
    house.receive("US")
    for path in house.line.archive.rglob("*.dcm"):
        path.unlink()
    house.look(40)
    found = house.shadow.judged(row_of(house))
    assert (found.judged, found.gone) == (1 - gone, gone)
    if not gone:
        assert [(one.lost, one.won) for one in found.groups] == [(one.lost, one.won) for one in by_file]


@pytest.mark.parametrize(
    ("then", "before", "during", "state", "why"),
    [
        ("ask", ["US"], ["US"], "asking", "chosen"),
        ("unless new", ["US"], ["US", "CT"], "over", None),
        ("unless new", ["US"], ["US", "XA"], "asking", "new"),
        ("unless new", ["US"], [], "asking", "nothing came"),
        ("always", [], ["US", "XA"], "over", None),
    ],
)
def test_at_the_end_what_was_chosen_is_done(
    house: Changing, then: str, before: list[str], during: list[str], state: str, why: str | None
) -> None:
    house.receive(*before)
    begin(house, then=then)
    house.receive(*during)
    house.look(times=3)
    assert row_of(house)["state"] == "running"
    house.look(300)
    row = row_of(house)
    assert (row["state"], row.get("asks")) == (state, why)
    if state == "asking":
        assert house.text == OLD
        house.look(times=2)
        done = house.shadow.switch("anna")
        assert done.version is not None
    assert house.text == NEW
    row = row_of(house)
    assert (row["state"], row["outcome"]) == ("over", "switched")
    last = house.files.last()
    assert last is not None
    assert (last.author, last.why, last.number) == ("anna", "a new one", row["version"])
    assert ("anna", "rules-activated") in house.acts()
    assert counted(house)[0] == len(during), "what was found is known afterwards"
    watched = house.probation.row()
    assert watched is not None
    assert (watched["state"], watched["minutes"]) == ("watching", 10)


def test_what_came_just_before_the_end_is_waited_for(house: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "PATIENCE", 400.0)
    begin(house, then="always")
    house.line.receive("1.2.4")  # not routed yet
    house.line.journal()
    house.look(301)
    assert (row_of(house)["state"], counted(house)) == ("running", (0, 0, 0))
    house.receive()
    house.look()
    assert (row_of(house)["outcome"], counted(house)) == ("switched", (1, 1, 0))


def test_rules_that_change_meanwhile_end_it(house: Changing) -> None:
    begin(house, then="always")
    house.file.write_text(OLD + "# by hand\n", encoding="utf-8")
    house.look()
    assert row_of(house)["outcome"] == "conflict"
    house.look(400)
    assert house.text == OLD + "# by hand\n"
    house.shadow.forget()
    assert house.shadow.row() is None
    assert not list((house.settings.data / "console").glob("trial-*"))
    with pytest.raises(Conflict):
        house.shadow.begin({"house.rules": NEW}, digest({"house.rules": OLD}), 5, "ask", 0, "anna", "")


def test_while_one_is_tried_no_other_begins_and_one_with_errors_never_does(house: Changing) -> None:
    begin(house)
    with pytest.raises(Refusal):
        begin(house)
    house.shadow.cancel()
    assert (row_of(house)["outcome"], house.text) == ("cancelled", OLD)
    with pytest.raises(Refusal):
        house.shadow.cancel()
    expected = digest(house.files.current())
    broken = {"house.rules": OLD.replace("Modality", "Modalty")}
    assert house.shadow.begin(broken, expected, 5, "ask", 0, "anna", "").program is None
    assert row_of(house)["outcome"] == "cancelled"


def test_rules_that_may_not_take_over_any_more_are_not_activated(house: Changing) -> None:
    house.line.pacs.away.add("1.2.9")
    begin(house, "on port 1 → store by PatientID\n", then="always")
    house.line.receive("1.2.9")
    house.receive()
    house.look(301)
    assert (row_of(house)["state"], row_of(house)["asks"]) == ("asking", "errors")
    assert house.shadow.switch("anna").version is None
    assert (row_of(house)["outcome"], house.text) == ("errors", OLD)


def test_a_trial_from_before_rules_came_from_git_activates_nothing(house: Changing) -> None:
    begin(house, then="always")
    house.shadow._house.settings = house.settings.changed(rules_git="https://git.praxis.example/rules.git")
    house.receive()
    house.look(301)
    assert (row_of(house)["state"], house.text) == ("asking", OLD)


def test_it_tells_how_long_nobody_looked(house: Changing) -> None:
    begin(house, minutes=60)
    house.look(10, times=5)
    assert (row_of(house)["unseen"], row_of(house)["off"] > 40) == (0.0, True), "no appliance runs here"
    house.again()
    house.look(1200)
    assert row_of(house)["unseen"] == pytest.approx(1200, abs=60)


def test_a_crash_at_any_moment_of_the_switch_ends_in_the_new_rules_or_asks(tmp_path: Path) -> None:
    def house(name: int) -> Changing:
        made = Changing(tmp_path / str(name))
        begin(made, then="always")
        made.receive("US")
        made.look()
        return made

    first = house(0)
    with disk() as operations:
        first.look(301)
    first.close()
    assert len(operations) > 10
    for at in range(1, len(operations) + 1):
        made = house(at)
        with pytest.raises(Crash), disk(crash_at=at):
            made.look(301)
        made.again()
        made.look(times=4)
        row, watched = row_of(made), made.probation.row()
        assert (row["state"], row["outcome"], made.text) == ("over", "switched", NEW)
        assert watched is not None
        assert watched["state"] == "watching"
        assert watched["version"] == row["version"]
        made.close()
