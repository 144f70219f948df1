"""The pixel worker: a codec that crashes or hangs costs one object, which is held, and nothing else."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.errors import Unclean
from engine.pixels import Box
from engine.worker import PixelWorker
from tests.engine.spool.crash_kit import new_uid, write_instance


@pytest.fixture
def worker() -> Iterator[PixelWorker]:
    """A worker that gives up after 20 seconds."""
    one = PixelWorker(longest=20)
    yield one
    one.close()


def image(folder: Path, rows: int = 64) -> Path:
    """A grey image of 64 columns, all white."""
    path = folder / "image.dcm"
    write_instance(path, new_uid())
    dataset: Dataset = dcmread(path)
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = rows, 64, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    dataset.add_new("PixelData", "OB", b"\xff" * (64 * rows))
    dataset.save_as(path)
    return path


def test_it_cleans_as_if_it_were_here(worker: PixelWorker, tmp_path: Path) -> None:
    target = tmp_path / "clean.dcm"
    worker.clean(image(tmp_path), target, [Box(0, 0, 64, 10)])
    pixels = dcmread(target).pixel_array
    assert pixels[:10].max() == 0
    assert pixels[10:].min() == 255


def test_an_unclean_image_says_why_in_the_same_words(worker: PixelWorker, tmp_path: Path) -> None:
    path = tmp_path / "none.dcm"
    write_instance(path, new_uid())
    with pytest.raises(Unclean, match="pixel"):
        worker.clean(path, tmp_path / "clean.dcm", [Box(0, 0, 1, 1)])


def test_a_full_disk_is_no_fault_of_the_image(worker: PixelWorker, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file or directory"):
        worker.clean(image(tmp_path), tmp_path / "missing" / "clean.dcm", [Box(0, 0, 64, 10)])


def test_a_worker_that_is_killed_holds_its_object_and_takes_the_next(worker: PixelWorker, tmp_path: Path) -> None:
    worker.clean(image(tmp_path), tmp_path / "first.dcm", [Box(0, 0, 64, 10)])
    process = worker._process
    assert process is not None
    assert process.pid
    os.kill(process.pid, signal.SIGSTOP)  # so that it dies with a job on its hands
    threading.Timer(0.5, os.kill, (process.pid, signal.SIGKILL)).start()
    with pytest.raises(Unclean, match="crashed"):
        worker.clean(image(tmp_path), tmp_path / "second.dcm", [Box(0, 0, 64, 10)])
    worker.clean(image(tmp_path), tmp_path / "third.dcm", [Box(0, 0, 64, 10)])


def test_a_worker_that_hangs_is_stopped(tmp_path: Path) -> None:
    worker = PixelWorker(longest=1)
    worker._ready()
    time.sleep(1)
    process = worker._process
    assert process is not None
    assert process.pid
    os.kill(process.pid, signal.SIGSTOP)
    with pytest.raises(Unclean, match="longer than 1 seconds"):
        worker.clean(image(tmp_path), tmp_path / "clean.dcm", [Box(0, 0, 64, 10)])
    assert not process.is_alive()
    worker.close()
