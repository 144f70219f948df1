"""What the trial of a machine reads and writes around it: screen, probe, versions, stick, verdict."""

import ast
import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.image import probe
from tests.image.admin import link_on
from tests.image.builds import after, version_of
from tests.image.config_drive import config_drive
from tests.image.report import Report
from tests.image.updating import find


def test_the_last_link_on_the_screen_counts() -> None:
    old, new = "o" * 43, "n" * 43
    screen = f"https://10.0.2.15/start/{old}\n\x1b[2Jhttps://10.0.2.15/start/{new}\n"
    assert link_on(screen) == new
    assert link_on("https://10.0.2.15/ and nothing else") == ""


def test_the_probe_is_a_program_and_its_last_whole_line_counts() -> None:
    handed = probe.credentials(("one.service",), 3)
    ast.parse(handed["probe.py"])
    said = {"failed": ["a.service"], "memory used, MB": 7, "listening": [["tcp", 443, True, "0"]], "security": {}}
    line = probe.MARK + json.dumps(said)
    found = probe.read(f"[   1.0] kernel\n{line}\n{line[:-9]}\n")
    assert found is not None
    assert (found.failed, found.memory, found.listening) == (("a.service",), 7, (("tcp", 443, True),))
    assert probe.read("nothing yet\n") is None


def test_versions_are_counted_by_their_last_number(tmp_path: Path) -> None:
    assert (after("0.1.0"), after("0.1.9", 2)) == ("0.1.1", "0.1.11")
    assert version_of(Path("dist/image/stellwerk_0.1.0.raw")) == "0.1.0"
    for version in ("0.1.10", "0.1.9"):
        (tmp_path / f"stellwerk_{version}.update").touch()
    assert [one.version for one in find(tmp_path)] == ["0.1.9", "0.1.10"]


@pytest.mark.skipif(not shutil.which("mcopy"), reason="mtools are not installed")
def test_the_stick_has_its_name_and_what_was_put_on_it(tmp_path: Path) -> None:
    stick = config_drive(
        tmp_path / "stick", {"stellwerk.conf": "language = 'en'\n", "rules/house.rules": "version 1\n"}
    )
    for name, text in (("stellwerk.conf", "language = 'en'\n"), ("rules/house.rules", "version 1\n")):
        assert subprocess.check_output(["mtype", "-i", stick, f"::{name}"], text=True) == text
    assert "STELLWERK" in subprocess.check_output(["mlabel", "-s", "-i", stick, "::"], text=True)


def test_one_thing_that_is_wrong_makes_the_whole_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report()
    with report.stage("one"):
        raise ValueError("it broke")
    with report.stage("two"):
        report.figure("seconds", 5, good=True)
        report.must(True, "it holds")
    assert report.end() == 1
    assert "wrong: one: ValueError: it broke" in capsys.readouterr().out
    assert Report().end() == 0
