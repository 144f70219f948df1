"""`stellwerk test`, and rules whose own tests fail: they do not take over, and nothing starts with them."""

import json
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.rulebook import shipped_rules
from tests.appliance.running import Running
from tests.appliance.test_reload import image
from tests.ports import free_port

RULES = """version 1
on port 11112 where Modality = US → store by PatientID
test "ultrasound is stored"
  given Modality = US
  expect store
test "nothing else is"
  given Modality = MR
  expect {what}
"""

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """Rules with two tests, of which the second fails."""
    path = tmp_path / "house.rules"
    path.write_text(RULES.format(what="store"), encoding="utf-8")
    return path


def test_it_says_which_tests_fail_and_what_happens_instead(rules: Path, capsys: Captured) -> None:
    assert main(["test", str(rules)]) == 1
    said = capsys.readouterr().out
    assert "ok: ultrasound is stored" in said
    assert "FAILED: nothing else is" in said
    assert 'does not happen; what happens: hold "no route takes it"' in said
    assert said.endswith("tests: 2, failed: 1\n")


def test_it_is_fine_when_all_are(rules: Path, capsys: Captured) -> None:
    rules.write_text(RULES.format(what="hold"), encoding="utf-8")
    assert main(["test", str(rules), "--language", "de", "--coverage"]) == 0
    said = capsys.readouterr().out
    assert "Tests: 2, davon fehlgeschlagen: 0\n3 von 3 Wegen sind erprobt\n" in said


def test_it_names_what_no_test_reaches(rules: Path, capsys: Captured) -> None:
    rules.write_text("version 1\nroute all on port 11112 → store by PatientID\n", encoding="utf-8")
    assert main(["test", str(rules), "--coverage"]) == 0
    assert f"0 of 1 ways through the rules are tried\n    {rules}:2: route all: no test takes this route" in (
        capsys.readouterr().out
    )


def test_as_json_for_programs(rules: Path, capsys: Captured) -> None:
    assert main(["test", str(rules), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert [test["passed"] for test in said["tests"]] == [True, False]
    assert said["tests"][1]["findings"][0]["code"] == "E504"
    assert said["coverage"] == {"reached": 3, "points": 3, "gaps": []}


def test_rules_with_mistakes_are_not_tried(rules: Path, capsys: Captured) -> None:
    rules.write_text("on port 11112 → stor by PatientID\n", encoding="utf-8")
    assert main(["test", str(rules)]) == 1
    assert "E103" in capsys.readouterr().err


def test_check_tells_of_a_failing_test_as_of_any_mistake(rules: Path, capsys: Captured) -> None:
    assert main(["check", str(rules)]) == 1
    assert 'error[E504]: the test "nothing else is" fails' in capsys.readouterr().err


def test_rules_whose_tests_fail_do_not_take_over(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    changed = f'on port {port} → store by "new"/Modality\n'
    line.rules_file.write_text(changed + 'test "it" given Modality = US expect store by Modality\n')
    line.wait_for(lambda: "E504" in line.said(), "nothing was said")
    line.deliver(image(tmp_path))
    line.stop()
    assert len(list((line.archive / "US").glob("*.dcm"))) == 1
    assert not (line.archive / "new").exists()


@pytest.mark.parametrize("name", sorted(path.name for path in (shipped_rules() / "examples").glob("*.rules")))
def test_every_shipped_example_that_compiles_passes_its_own_tests(name: str, capsys: Captured) -> None:
    code = main(["test", str(shipped_rules() / "examples" / name)])
    said = capsys.readouterr()
    # Examples that use planned words are refused for these and nothing else.
    assert code == 0 or (said.err and "E108" in said.err and "FAILED" not in said.out)
