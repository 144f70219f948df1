"""Which rules run at a start, where they were changed while nothing ran."""

from pathlib import Path

import pytest

from appliance.beginning import begin, owed, remember
from appliance.reload import NOT_YET
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from engine import files
from engine.spool import Spool
from tests.engine.spool.crash_kit import Crash, Line, Pacs, program

OLD = 'destination PACS = dicom "PACS@127.0.0.1:104"\non port 26131 → forward PACS\n'
NEW = "on port 26131 → store by Modality\n"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A data folder in which OLD has run, and NEW stands in the rules now."""
    made = Settings(data=tmp_path / "data")
    made.rules_path.mkdir(parents=True)
    written(made, OLD)
    ran = begin(made, RuleBook(made.rules_path), {}).program
    assert ran is not None
    remember(made, ran)
    written(made, NEW)
    return made


def written(settings: Settings, rules: str) -> None:
    (settings.rules_path / "my.rules").write_text(rules, encoding="utf-8")


def owe(settings: Settings) -> None:
    """Something is owed to PACS."""
    line = Line(settings.spool.parent, program(), Pacs())
    line.receive("1.1")
    line.router.turn()


def test_the_rules_on_the_disk_run_where_nothing_is_owed_to_what_they_drop(settings: Settings) -> None:
    found = begin(settings, RuleBook(settings.rules_path), {})
    assert found.program is not None
    assert (found.program.destinations, found.trouble, found.waiting) == ((), "", None)


def test_what_a_change_made_while_it_was_off_means_for_the_ports_is_told(settings: Settings) -> None:
    written(settings, NEW.replace("26131", "26132"))
    found = begin(settings, RuleBook(settings.rules_path), {})
    assert [one.code for one in found.found.findings] == ["W502"]
    assert found.program is not None


def test_a_destination_that_is_owed_something_keeps_the_last_good_rules(settings: Settings) -> None:
    owe(settings)
    found = begin(settings, RuleBook(settings.rules_path), {})
    assert found.program is not None
    assert [one.name for one in found.program.destinations] == ["PACS"]
    assert [one.code for one in found.found.findings] == ["E501"]
    assert found.trouble == NOT_YET
    assert found.waiting is not None
    assert found.waiting.program is not None
    assert not found.waiting.findings, "what is found then is found again, if it is still so"


def test_what_was_promised_when_the_machine_stopped_is_owed(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved: list[Path] = []
    line = Line(settings.spool.parent, program(), Pacs())
    line.receive("1.1")
    move = files.move

    def stops(source: Path, target: Path) -> None:
        move(source, target)
        if target.parent.name == "routed":
            moved.append(target)
            raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(files, "move", stops)
        with pytest.raises(Crash):
            line.router.turn()
    assert moved
    assert owed(Spool(settings.spool), ["PACS"])["PACS"] == 1
    assert begin(settings, RuleBook(settings.rules_path), {}).trouble == NOT_YET


@pytest.mark.parametrize("rules", ["on port where →\n", ""])
def test_rules_that_cannot_run_are_trouble_as_long_as_others_run_in_their_place(settings: Settings, rules: str) -> None:
    written(settings, rules)
    found = begin(settings, RuleBook(settings.rules_path), {})
    assert found.program is not None
    assert [one.name for one in found.program.destinations] == ["PACS"]
    assert found.trouble.endswith("the last good rules run")
    assert found.waiting is None
