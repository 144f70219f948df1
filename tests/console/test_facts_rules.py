"""Rule files: what would change, versions, activation, roll back; with real rules, spools and archives."""

import threading
import time
from pathlib import Path

import pytest

from appliance.console.facts import changes
from appliance.console.facts.changes import compiled, preview
from appliance.console.facts.house import House
from appliance.console.facts.plain import plain
from appliance.console.facts.rule_files import FOUND, Conflict, RuleFiles, digest
from appliance.rulebook import NoRules
from appliance.settings import Settings
from engine.program import Program
from tests.appliance.running import Running
from tests.console.house import Lived
from tests.engine.spool.crash_kit import Crash, disk, new_uid, write_instance
from tests.ports import free_port

PACS = 'destination PACS = dicom "PACS@127.0.0.1:104"\n'
OLD = PACS + "on port 1 where Modality = US → store by PatientName → forward PACS\n"


def ruled(root: Path, text: str = OLD) -> tuple[Settings, RuleFiles]:
    """A data folder with one rule file."""
    settings = Settings(data=root)
    (root / "rules").mkdir(parents=True, exist_ok=True)
    (root / "rules" / "house.rules").write_text(text, encoding="utf-8")
    return settings, RuleFiles(changes.book(settings), root)


def program(settings: Settings, text: str | None = None) -> Program:
    """What these rules mean, with this text instead of house.rules."""
    path = str(settings.rules_path / "house.rules")
    result = changes.book(settings).compile(instead={} if text is None else {path: text})
    assert result.program is not None, result.findings
    return result.program


def house_with_images(root: Path) -> Lived:
    """Two US that were stored, one of them still owed to the PACS, and an XA in the hold."""
    settings, _ = ruled(root)
    line = Lived(root, program(settings))
    line.pacs.away.add("1.2")
    for uid, kind in (("1.1", "US"), ("1.2", "US"), ("1.3", "XA")):
        line.receive(uid, kind)
    line.turn(time.time())
    line.journal()
    return line


@pytest.mark.parametrize(
    ("text", "groups"),
    [
        (OLD.replace("US", "XA"), [
            (2, ("forward to PACS", "store in archive"), ("hold it: no route takes it",)),
            (1, ("hold it: no route takes it",), ("forward to PACS", "store in archive")),
        ]),
        (OLD.replace("by PatientName", "by PatientID"), [
            (2, ("store in archive",), ("store in archive, in another folder",)),
        ]),
        (OLD.replace("→ store", "→ set InstitutionName to \"x\" → store"), [
            (
                2,
                ("forward to PACS", "store in archive"),
                ("forward to PACS, with InstitutionName changed", "store in archive, with InstitutionName changed"),
            ),
        ]),
        (OLD.replace("port 1", "port 2"), [
            (2, ("forward to PACS", "store in archive"), ("not be received: nothing listens there",)),
            (1, ("hold it: no route takes it",), ("not be received: nothing listens there",)),
        ]),
        (OLD.replace("US →", "US   →"), []),
    ],
)  # fmt: skip
def test_what_would_change_is_told_for_the_images_that_came_last(
    tmp_path: Path, text: str, groups: list[tuple[int, tuple[str, ...], tuple[str, ...]]]
) -> None:
    line = house_with_images(tmp_path)
    found = preview(line.house, program(line.settings, text))
    assert [(one.count, one.lost, one.won) for one in found.groups] == groups
    assert (found.tried, found.skipped, found.whole) == (3, 0, True)
    assert found.differ == sum(count for count, _, _ in groups)
    assert found.same is (not groups)
    # No folder of the archive is told: it is called after a patient.
    assert "Müller" not in str(plain(found))
    assert {one for group in found.groups for one in group.objects} <= _numbers(line.house)
    line.house.journals.close()


def _numbers(house: House) -> set[str]:
    with house.journals.open() as journal:
        return {str(number) for (number,) in journal.db.execute("SELECT number FROM objects")}


def test_it_ends_in_time_and_when_told_to(tmp_path: Path) -> None:
    line = house_with_images(tmp_path)
    new = program(line.settings, OLD.replace("US", "XA"))
    assert not preview(line.house, new, seconds=-1.0).whole
    assert not preview(line.house, new, stop=lambda: True).whole
    assert preview(line.house, new, most=1).tried == 1
    line.house.journals.close()


def test_what_lies_nowhere_any_more_is_counted(tmp_path: Path) -> None:
    line = house_with_images(tmp_path)
    for path in line.archive.rglob("1.1.dcm"):
        path.unlink()
    found = preview(line.house, program(line.settings))
    assert (found.tried, found.skipped) == (2, 1)
    line.house.journals.close()


def test_what_the_changed_rules_are_found_to_be_is_judged_as_the_appliance_would(tmp_path: Path) -> None:
    line = house_with_images(tmp_path)
    path = str(tmp_path / "rules" / "house.rules")
    result = compiled(line.house, {path: "on port 1 → hold\n"})
    assert "E501" in {one.code for one in result.errors}, "PACS is still owed an image"
    assert compiled(line.house, {path: OLD.replace("US", "CT")}).program is not None
    assert compiled(line.house, {path: OLD.replace("Modality", "Modalty")}).program is None
    other = str(tmp_path / "rules" / "more.rules")
    assert compiled(line.house, {other: "on port 3 → hold\n"}).program is not None
    with pytest.raises(NoRules):
        compiled(line.house, {path: None})
    with pytest.raises(NoRules):
        preview(House(Settings(data=tmp_path / "other")), program(line.settings))
    line.house.journals.close()


# ── versions ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_activation_is_a_version_and_what_stood_there_is_one_too(tmp_path: Path) -> None:
    settings, rules = ruled(tmp_path)
    judge = lambda instead: changes.book(settings).compile(instead=instead)  # noqa: E731
    new = {"house.rules": OLD.replace("US", "CT"), "more.rules": "on port 2 → hold\n"}
    done = rules.activate(new, "anna", "CT is new", digest(rules.current()), judge)
    assert done.version is not None
    assert rules.current() == new
    assert [(one.number, one.author, one.why, one.is_current) for one in rules.versions()] == [
        (2, "anna", "CT is new", True),
        (1, FOUND, "", False),
    ]
    first = rules.version(1)
    assert first is not None
    assert first.files == {"house.rules": OLD}
    assert "-on port 1 where Modality = US" in rules.difference(1)
    assert rules.difference(1) == rules.difference(1, 2)
    assert rules.difference(2) == ""
    # Back to the first: what came since is gone, and is a version still.
    back = rules.activate(first.files, "bert", "back to 1", done.version.digest, judge)
    assert back.version is not None
    assert rules.current() == {"house.rules": OLD}
    assert [one.number for one in rules.versions() if one.is_current] == [3]
    assert [one.number for one in rules.versions()] == [3, 2, 1]


def test_what_an_editor_has_changed_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    _, rules = ruled(tmp_path)
    known = digest(rules.current())
    (tmp_path / "rules" / "house.rules").write_text(OLD + "# by hand\n")
    with pytest.raises(Conflict, match="meanwhile"):
        rules.activate({"house.rules": OLD}, "anna", "", known, lambda _: pytest.fail("not asked"))
    assert rules.current() == {"house.rules": OLD + "# by hand\n"}
    assert rules.versions() == []


def test_rules_with_errors_are_neither_written_nor_a_version(tmp_path: Path) -> None:
    settings, rules = ruled(tmp_path)
    broken = {"house.rules": OLD.replace("Modality", "Modalty")}
    done = rules.activate(
        broken, "anna", "", digest(rules.current()), lambda instead: changes.book(settings).compile(instead=instead)
    )
    assert done.version is None
    assert done.compiled.errors
    assert (rules.current(), rules.versions()) == ({"house.rules": OLD}, [])


@pytest.mark.parametrize(
    "name",
    [
        "../x.rules",
        "x.txt",
        ".x.rules",
        "",
        ".",
        "a/b.rules",
        "/etc/x.rules",
        "a\0.rules",
        "\ud800.rules",
        "a\n.rules",
        "a" * 200 + ".rules",
    ],
)
def test_only_a_rule_file_can_be_written(tmp_path: Path, name: str) -> None:
    _, rules = ruled(tmp_path)
    with pytest.raises(KeyError):
        rules.activate({name: OLD}, "anna", "", digest(rules.current()), lambda _: pytest.fail("not asked"))


def test_a_single_rule_file_has_versions_too(tmp_path: Path) -> None:
    path = tmp_path / "my.rules"
    path.write_text(OLD, encoding="utf-8")
    settings = Settings(data=tmp_path / "data", rules=path)
    rules = RuleFiles(changes.book(settings), settings.data)
    judge = lambda instead: changes.book(settings).compile(instead=instead)  # noqa: E731
    done = rules.activate({"my.rules": OLD + "# more\n"}, "anna", "", digest(rules.current()), judge)
    assert done.version is not None
    assert path.read_text(encoding="utf-8") == OLD + "# more\n"
    with pytest.raises(KeyError):
        rules.path("other.rules")


def test_a_torn_version_and_numbers_that_are_none_are_no_versions(tmp_path: Path) -> None:
    _, rules = ruled(tmp_path)
    (tmp_path / "rules-history").mkdir()
    (tmp_path / "rules-history" / "000001.json").write_text('{"number": 1')
    assert rules.versions() == []
    assert [rules.version(number) for number in (1, 0, -1, 10**9)] == [None] * 4
    with pytest.raises(KeyError):
        rules.difference(1)


def test_of_two_at_once_one_hears_of_the_other(tmp_path: Path) -> None:
    settings, rules = ruled(tmp_path)
    known = digest(rules.current())
    results: list[object] = []

    def change(word: str) -> None:
        try:
            judge = lambda instead: changes.book(settings).compile(instead=instead)  # noqa: E731
            results.append(rules.activate({"house.rules": OLD + f"# {word}\n"}, word, "", known, judge).version)
        except Conflict:
            results.append(None)

    threads = [threading.Thread(target=change, args=(word,)) for word in ("anna", "bert")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(result is None for result in results) == 1
    assert len(rules.versions()) == 2


def test_a_crash_at_any_moment_leaves_rules_that_were_meant(tmp_path: Path) -> None:
    settings, rules = ruled(tmp_path)
    new = {"house.rules": OLD.replace("US", "CT")}
    result = changes.book(settings).compile()
    with disk() as operations:
        rules.activate(new, "anna", "", digest(rules.current()), lambda _: result)
    assert "write" in operations
    for at in range(1, len(operations) + 1):
        root = tmp_path / str(at)
        _, again = ruled(root)
        with pytest.raises(Crash), disk(crash_at=at):
            again.activate(new, "anna", "", digest(again.current()), lambda _: result)
        assert again.current() in ({"house.rules": OLD}, new)
        if again.current() == new:
            assert [one.author for one in again.versions()] == ["anna", FOUND]
        done = again.activate(new, "anna", "", digest(again.current()), lambda _: result)
        assert done.version is not None
        assert again.current() == new


def test_the_running_appliance_takes_over_what_is_activated(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} where Modality = US → store by Modality\n", port)
    house = House(Settings(data=line.data))
    rules = RuleFiles(changes.book(house.settings), line.data)
    texts = {"test.rules": f'on port {port} → store in "new" by Modality\n'}
    done = rules.activate(texts, "anna", "", digest(rules.current()), lambda instead: compiled(house, instead))
    assert done.version is not None
    line.wait_for(lambda: "new rules run" in line.said(), "the rules were not read again")
    write_instance(tmp_path / "a.in", new_uid())
    line.deliver(tmp_path / "a.in")
    assert len(list((line.data / "new").rglob("*.dcm"))) == 1
    now = house.program()
    assert now is not None
    assert now.digest == (done.compiled.program.digest if done.compiled.program else "")
    assert house.is_running()
    house.journals.close()
    line.stop()
