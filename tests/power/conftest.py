"""A folder for what is tried hundreds of times: in memory where the machine has one, for no disk is asked anything."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

MEMORY = Path("/dev/shm")


@pytest.fixture
def swift(tmp_path: Path) -> Iterator[Path]:
    """An empty folder that is gone afterwards."""
    there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 1 << 30
    folder = Path(tempfile.mkdtemp(prefix="stellwerk-", dir=MEMORY if there else tmp_path))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)
