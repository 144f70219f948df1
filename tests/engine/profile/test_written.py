"""What lies on the disk is what was meant, or nothing does: damage, a full disk, calls that do half of their work."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from pydicom import dcmread

from engine.errors import Unclean
from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from tests.engine.profile.kit import DEFLATED, EXPLICIT, Element, file

KEYED = Keyed(b"k" * 32)
NAME: Element = (0x00100010, "PN", b"Sample^Anna")
OURS: Element = (0x00181020, "LO", b"version 2")
Parts = Sequence[bytes | memoryview]
writev = os.writev

DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a byte in the file meta information": lambda data: data[:140] + b"\xff" + data[141:],
    "a byte of the preamble": lambda data: b"P" + data[1:],
    "a byte in the header": lambda data: data.replace(b"version 2", b"version 3"),
    "a name that was put back": lambda data: data.replace(b"version 2", b"of sample"),
    "a byte behind the pixels": lambda data: data[:-1] + b"x",
    "one byte more": lambda data: data + b"\0",
    "one byte less": lambda data: data[:-1],
    "nothing": lambda _: b"",
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return file(tmp_path / "a.dcm", [NAME, OURS], tail=[(0x7FE10011, "LO", b"z"), (0xFFFAFFFA, "SQ", [])])


@pytest.mark.parametrize("what", DAMAGE)
def test_what_is_not_as_it_was_written_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, source: Path
) -> None:
    target, kept = tmp_path / "b.dcm", Policy(keep=frozenset({"(FFFA,FFFA)"}))

    def damaged(to: int, parts: Parts) -> int:
        whole = b"".join(parts)
        assert DAMAGE[what](whole) != whole
        os.write(to, DAMAGE[what](whole))
        return len(whole)

    monkeypatch.setattr(os, "writev", damaged)
    with pytest.raises(Unclean):
        deidentify(source, target, kept, KEYED)
    assert not target.exists()


def test_a_deflated_one_that_was_damaged_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = file(tmp_path / "a.dcm", [NAME, OURS], syntax=DEFLATED), tmp_path / "b.dcm"
    monkeypatch.setattr(os, "writev", lambda to, parts: writev(to, [*parts[:-1], parts[-1][:-20] + bytes(20)]))
    with pytest.raises(Unclean):
        deidentify(source, target, Policy(), KEYED)
    assert not target.exists()


@pytest.mark.parametrize("most", [0, 1, 200, 700, 4096])
def test_a_call_that_writes_a_part_is_followed_by_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Path, most: int
) -> None:
    deidentify(source, whole := tmp_path / "whole.dcm", Policy(), KEYED)
    write = os.write
    monkeypatch.setattr(os, "writev", lambda to, parts: write(to, b"".join(parts)[:most]))
    monkeypatch.setattr(os, "write", lambda to, data: write(to, data[:97]))
    deidentify(source, parts := tmp_path / "parts.dcm", Policy(), KEYED)
    monkeypatch.undo()
    assert parts.read_bytes() == whole.read_bytes()
    assert dcmread(parts).file_meta.TransferSyntaxUID == EXPLICIT


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: Path) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", lambda to, parts: os.pwrite(to, parts[0], 0))
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(OSError, match="No space left"):
        deidentify(source, tmp_path / "b.dcm", Policy(), KEYED)
    assert not (tmp_path / "b.dcm").exists()


def test_what_is_there_already_is_not_touched(tmp_path: Path, source: Path) -> None:
    target = tmp_path / "b.dcm"
    target.write_bytes(b"somebody's")
    with pytest.raises(FileExistsError):
        deidentify(source, target, Policy(), KEYED)
    assert target.read_bytes() == b"somebody's"
