"""The pixel worker is killed at any moment of a job: it leaves a proven file or none, and the next job is done."""

import os
import random
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

from engine.errors import Unclean
from engine.pixels import Box
from engine.worker import PixelWorker
from tests.corpus.encodings import ENCODINGS, read, write
from tests.corpus.screens import LAYOUTS, draw
from tests.scale import FULL

ROUNDS = 120 if FULL else 12
KINDS = ("deflated RGB", "JPEG YBR_FULL_422 420", "JPEG 2000 lossless YBR_RCT")
"""In place with files beside it, among coefficients, and by a codec that takes long."""


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", KINDS)
def test_killed_at_any_moment_it_leaves_a_proven_file_or_none(name: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `text` is not installed")
    encoding = next(one for one in ENCODINGS if one.name == name)
    screen = draw(next(one for one in LAYOUTS if one.name == "declared-cine"))
    source, scratch = write(screen, encoding, tmp_path / "in.dcm"), tmp_path / "scratch"
    boxes, before = (Box(0, 0, screen.layout.columns, 32),), read(source)
    worker, chance, kills = PixelWorker(), random.Random(3), 0
    scratch.mkdir()
    try:
        text = worker.find_text(source, scratch / "text")
        began = time.monotonic()
        worker.clean(source, scratch / "first.dcm", boxes)
        worker.find_text(source, scratch / "text")
        usual = time.monotonic() - began
        (scratch / "first.dcm").unlink()
        for number in range(ROUNDS):
            process, killed = worker._process, list[int]()
            assert process is not None
            assert process.pid
            timer = threading.Timer(chance.uniform(0, 1.2 * usual), _kill, (process.pid, killed))
            timer.start()
            target = scratch / f"{number}.dcm"
            with suppress(Unclean):
                worker.clean(source, target, boxes)
                assert worker.find_text(source, scratch / "text") == text
            timer.cancel()
            timer.join()
            if killed:
                process.join(10)
                kills += 1
            # Whatever it was doing: the file is whole or is not there, and nothing else is.
            if target.exists():
                after = read(target)
                assert (after[:, 48:] == before[:, 48:]).all()
                for sample in range(after.shape[3]):
                    assert len(np.unique(after[:, :31, :, sample])) == 1
                target.unlink()
            assert not list(scratch.iterdir())
            # The next one is worked on as if nothing had been.
            worker.clean(source, target, boxes)
            target.unlink()
    finally:
        worker.close()
    assert kills >= ROUNDS // 3


def _kill(process: int, killed: list[int]) -> None:
    killed.append(process)
    os.kill(process, signal.SIGKILL)
