"""`stellwerk machine`: verbs start quickly, and letters of the service are not believed blindly."""

import argparse
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from appliance.commands import machine
from appliance.machine import letters


def test_a_verb_gets_its_own_words(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    verb = ModuleType("verb", "greet: says good day.\n\nMore.")

    def add(parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--name", required=True)

    def run(arguments: argparse.Namespace) -> int:
        return 3 if arguments.name == "Anna" else 0

    vars(verb).update(add=add, run=run)
    monkeypatch.setitem(sys.modules, "appliance.machine.greet", verb)
    monkeypatch.setitem(machine.VERBS, "greet", "appliance.machine.greet")
    assert machine.main(["greet", "--name", "Anna"]) == 3
    with pytest.raises(SystemExit):
        machine.main(["greet", "--help"])
    assert "says good day." in capsys.readouterr().out


def test_a_verb_starts_without_what_images_need() -> None:
    program = (
        "import sys; sys.argv = ['stellwerk', 'machine', '--help']\n"
        "from appliance.__main__ import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print(*sorted(name for name in sys.modules if name.split('.')[0] in ('numpy', 'pydicom', 'dsl', 'engine')))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


@pytest.mark.parametrize("module", sorted(machine.VERBS.values()))
def test_no_verb_brings_heavy_parts_along(module: str) -> None:
    program = (
        f"import sys, {module}\n"
        "mine = {name for name in sys.modules if name.split('.')[0] in ('numpy', 'pydicom', 'dsl', 'engine')}\n"
        "print(*sorted(mine - {'engine', 'engine.files'}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "\n"


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    letters.write(tmp_path / "a.json", {"ports": [104]}, 0o640)
    assert letters.read(tmp_path / "a.json") == {"ports": [104]}
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]


def test_where_there_is_no_letter_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        letters.read(tmp_path / "a.json")


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("{}", "utf-8")
    (tmp_path / "a.json").symlink_to("shadow")
    with pytest.raises(letters.Unreadable, match=r"a\.json"):
        letters.read(tmp_path / "a.json")


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.json")
    with pytest.raises(letters.Unreadable, match="no plain file"):
        letters.read(tmp_path / "a.json")


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000, b'{"a": "' + b"x" * letters.MOST]
)
def test_what_is_no_letter_is_not_believed(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "a.json").write_bytes(text)
    with pytest.raises(letters.Unreadable):
        letters.read(tmp_path / "a.json")
