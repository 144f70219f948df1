"""`stellwerk fmt` as an admin types it: what is written, what is left alone, what is said."""

import io
import os
import stat
import sys
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.commands import fmt

ROUGH = "on port 26131 where Modality=US -> hold # why\n"
TIDY = "version 1\n\non port 26131 where Modality = US → hold  # why\n"
BROKEN = "on port 26131 hold\n"

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def rough(tmp_path: Path) -> Path:
    """A file that is not laid out."""
    path = tmp_path / "rough.rules"
    path.write_text(ROUGH, encoding="utf-8")
    return path


def test_a_file_is_laid_out_in_place_and_named(rough: Path, capsys: Captured) -> None:
    assert main(["fmt", str(rough)]) == 0
    assert rough.read_text(encoding="utf-8") == TIDY
    assert capsys.readouterr().out == f"{rough}: changed\n"
    assert main(["fmt", str(rough)]) == 0
    assert capsys.readouterr().out == "nothing to change\n"
    assert [path.name for path in rough.parent.iterdir()] == [rough.name]


def test_check_writes_nothing_and_names_what_would_change(rough: Path, capsys: Captured) -> None:
    assert main(["fmt", "--check", str(rough)]) == 1
    assert rough.read_text(encoding="utf-8") == ROUGH
    assert capsys.readouterr().out == f"{rough}: would change\n"
    rough.write_text(TIDY, encoding="utf-8")
    assert main(["fmt", "--check", str(rough)]) == 0


def test_diff_writes_nothing_and_shows_the_lines(rough: Path, capsys: Captured) -> None:
    assert main(["fmt", "--diff", str(rough)]) == 0
    said = capsys.readouterr().out
    assert "\n-on port 26131 where Modality=US -> hold # why\n" in said
    assert "\n+on port 26131 where Modality = US → hold  # why\n" in said
    assert rough.read_text(encoding="utf-8") == ROUGH
    assert main(["fmt", "--diff", "--check", str(rough)]) == 1


def test_a_difference_shows_no_control_characters_and_names_line_ends(rough: Path, capsys: Captured) -> None:
    rough.write_bytes(TIDY.replace("why", "\x1b[31mred").encode() + b"\r\n")
    assert main(["fmt", "--diff", str(rough)]) == 0
    assert "\x1b" not in capsys.readouterr().out
    rough.write_bytes(b"\xef\xbb\xbf" + TIDY.encode().replace(b"\n", b"\r\n"))
    assert main(["fmt", "--diff", "--check", str(rough)]) == 1
    assert "only its line ends or its byte order mark" in capsys.readouterr().out
    assert main(["fmt", str(rough)]) == 0
    assert rough.read_bytes() == TIDY.encode()


def test_a_file_that_cannot_be_read_is_left_and_the_others_are_laid_out(
    rough: Path, tmp_path: Path, capsys: Captured
) -> None:
    broken = tmp_path / "a.rules"
    broken.write_text(BROKEN, encoding="utf-8")
    (tmp_path / "latin.rules").write_bytes("# Gerät\n".encode("latin-1"))
    assert main(["fmt", str(tmp_path / "none.rules"), str(tmp_path)]) == 1
    assert broken.read_text(encoding="utf-8") == BROKEN
    assert rough.read_text(encoding="utf-8") == TIDY
    said = capsys.readouterr().err
    assert "error[E106]" in said
    assert "a.rules is left as it is" in said
    assert "latin.rules cannot be read (it is not UTF-8" in said
    assert "none.rules cannot be read (No such file" in said
    assert main(["fmt", "--language", "de", str(broken)]) == 1
    assert "Fehler[E106]" in capsys.readouterr().err


def test_rules_that_would_not_run_are_laid_out(tmp_path: Path) -> None:
    path = tmp_path / "wrong.rules"
    path.write_text("on port 1 where Modalty=US -> forwrd X", encoding="utf-8")
    assert main(["fmt", str(path)]) == 0
    assert path.read_text(encoding="utf-8") == "version 1\n\non port 1 where Modalty = US → forwrd X\n"


def test_a_folder_without_rules_is_said(tmp_path: Path, capsys: Captured) -> None:
    assert main(["fmt", str(tmp_path)]) == 1
    assert "there is no rule file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "flags", "code", "out"),
    [
        (ROUGH, [], 0, TIDY),
        (TIDY, [], 0, TIDY),
        (ROUGH, ["--check"], 1, "standard input: would change\n"),
        (TIDY, ["--check"], 0, ""),
        (BROKEN, [], 1, ""),
    ],
)
def test_standard_input_to_standard_output(
    text: str, flags: list[str], code: int, out: str, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    assert main(["fmt", *flags, "-"]) == code
    said = capsys.readouterr()
    assert said.out == out
    assert ("standard input:1:15" in said.err) == (text == BROKEN)


def test_mode_and_links_stay(rough: Path) -> None:
    rough.chmod(0o640)
    link = rough.with_name("link.rules")
    link.symlink_to(rough)
    assert main(["fmt", str(link)]) == 0
    assert link.is_symlink()
    assert rough.read_text(encoding="utf-8") == TIDY
    assert stat.S_IMODE(rough.stat().st_mode) == 0o640


def test_a_full_disk_leaves_the_old_file(rough: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert main(["fmt", str(rough)]) == 1
    assert "cannot be written (No space left on device)" in capsys.readouterr().err
    assert rough.read_text(encoding="utf-8") == ROUGH
    assert [path.name for path in rough.parent.iterdir()] == [rough.name]


def test_a_replaced_file_is_never_seen_half(rough: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    rename = Path.rename

    def watched(self: Path, target: Path) -> Path:
        seen.append((rough.read_text(encoding="utf-8"), self.read_text(encoding="utf-8")))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", watched)
    fmt.replace(rough, TIDY.encode())
    assert seen == [(ROUGH, TIDY)]
