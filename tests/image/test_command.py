"""`stellwerk`, as packages and the image have it: it runs where it is called, and not in a process of its own.

The process that works on pixels is spawned: it reads the main file once more, under another name (multiprocessing).
"""

import runpy
import sys
from pathlib import Path

import pytest

from appliance.image.building.environment import COMMAND


@pytest.fixture
def command(tmp_path: Path) -> str:
    file = tmp_path / "stellwerk"
    file.write_text(COMMAND, encoding="utf-8")
    return str(file)


def test_it_runs_where_it_is_called(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["stellwerk", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(command, run_name="__main__")
    assert ended.value.code == 0
    assert "stellwerk" in capsys.readouterr().out


def test_it_does_not_run_in_a_process_that_it_has_spawned(command: str) -> None:
    runpy.run_path(command, run_name="__mp_main__")
