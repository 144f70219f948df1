"""An object lands in a file as it comes, and what stands in its seal is what lies in the file."""

import os
from pathlib import Path

import pytest

from engine.dicom import send
from engine.dicom.landing import land
from engine.seal import Seal
from tests.dicom.conftest import Inbox, Listen, Outbox, to, write_object

META = b"M" * 352


def test_the_seal_is_that_of_the_whole_file_however_the_bytes_came(tmp_path: Path) -> None:
    data = bytes(range(256)) * 4000
    for size in (1, 999, len(data)):
        some = data[: 100 * size] if size == 1 else data
        pieces = (memoryview(some)[at : at + size] for at in range(0, len(some), size))
        path, handle, seal = land(pieces, META, tmp_path, 1 << 30)
        assert os.fstat(handle).st_ino == path.stat().st_ino
        os.close(handle)
        assert path.read_bytes() == META + some
        assert seal == Seal.of(path)


def test_what_is_too_long_for_a_seal_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.dicom.landing.MOST_BYTES", 1000)
    short = land(iter([memoryview(bytes(1000))]), META, tmp_path, 1 << 30)
    assert short.seal is not None
    path, handle, seal = land(iter([memoryview(bytes(600)), memoryview(bytes(600))]), META, tmp_path, 1 << 30)
    os.close(short.handle)
    os.close(handle)
    assert path.stat().st_size == 1200 + len(META)
    assert seal is None


def test_the_listener_hands_on_the_seal_of_what_it_has_written(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    send(to(listen()), [write_object(tmp_path / "a.dcm", bytes(300_000))], outbox.report)
    (reception,) = inbox.received
    assert reception.seal == Seal.of(reception.dataset_file)
