"""The power is cut on a recorded disk: what the sender was told is true on whatever the disk has kept.

A short run; `make torture` cuts two hundred times.
"""

import os
import subprocess
from pathlib import Path

import pytest

from tests.power.life import Recording, judge, record, why_not
from tests.power.recorder import MARK, WRITE, mark, mounted, recorded, records

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not())


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Recording:
    return record(tmp_path_factory.mktemp("life"), objects=50, seconds=5, seed=3)


def test_a_recorded_disk_keeps_what_was_flushed_and_the_log_says_so(tmp_path: Path) -> None:
    image, log, mount = tmp_path / "image", tmp_path / "log", tmp_path / "disk"
    with image.open("wb") as stream:
        stream.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-E", "nodiscard", str(image)], check=True)
    log.touch()
    with recorded(image, log, mount):
        with (mount / "one").open("wb") as stream:
            stream.write(b"Stellwerk" * 1000)
            stream.flush()
            os.fsync(stream.fileno())
        mark(log, "flushed")
    kinds = [kind for kind, _, _ in records(log)]
    assert any(b"Stellwerk" * 100 in data for kind, _, data in records(log) if kind == WRITE)
    assert kinds.index(MARK) > kinds.index(WRITE)
    with mounted(image, mount):
        assert (mount / "one").read_bytes() == b"Stellwerk" * 1000


def test_after_any_cut_everything_acknowledged_is_there_once_and_whole(recording: Recording, tmp_path: Path) -> None:
    verdict = judge(recording, tmp_path, 16, seed=1)
    assert verdict.acknowledged > 100
    assert verdict.tally.good, "\n".join([str(verdict.tally), *verdict.tally.words])


def test_a_disk_that_lies_about_its_flushes_is_found_out(recording: Recording, tmp_path: Path) -> None:
    """Were this not so, the test above would prove nothing."""
    verdict = judge(recording, tmp_path, 6, seed=1, honest=False)
    assert verdict.tally.lost > 0
