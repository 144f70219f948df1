"""A small deflated file that would become a very large one takes no memory, and is held in words."""

import zlib
from pathlib import Path

import pytest

from engine import deflated
from engine.dicom import native, part10
from engine.errors import Never
from engine.header import Header
from engine.rewrite import rewrite

DEFLATED, EXPLICIT = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.1"


def packed(tmp_path: Path, more: int) -> Path:
    """A deflated object with so many bytes more than it needs, as a private attribute."""
    blob = b"\x09\x00\x10\x10OB\0\0" + more.to_bytes(4, "little") + bytes(more)
    head = b"\x08\x00\x16\x00UI\x02\x001\x00"
    stream = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = stream.compress(head + blob) + stream.flush()
    file = tmp_path / "packed.dcm"
    file.write_bytes(part10.write_meta("1.2.3", "1.2.4", DEFLATED, "TEST") + data)
    return file


def test_what_would_become_too_large_is_refused_before_it_is_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflated, "MOST", 1 << 20)
    assert Header.read(packed(tmp_path, 1 << 16)).first("SOPClassUID") == "1"
    file = packed(tmp_path, 4 << 20)
    assert file.stat().st_size < 1 << 16
    header = Header.read(file)
    for _ in range(2):
        with pytest.raises(Never, match="deflated data set comes to more than"):
            header.first("PatientName")


def test_what_would_become_too_large_is_not_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflated, "MOST", 1 << 20)
    file = packed(tmp_path, 4 << 20)
    with pytest.raises(ValueError, match="deflated data set comes to more than"):
        native.reencode(file, part10.read_meta(file), EXPLICIT)
    small = packed(tmp_path, 1 << 16)
    assert len(native.reencode(small, part10.read_meta(small), EXPLICIT)) > 1 << 16


def test_what_would_become_too_large_is_not_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflated, "MOST", 1 << 20)
    with pytest.raises(Never, match="deflated data set comes to more than"):
        rewrite(packed(tmp_path, 4 << 20), tmp_path / "changed.dcm", {"PatientID": "1"})
