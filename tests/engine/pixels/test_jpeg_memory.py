"""No damaged stream makes a kernel read or write beyond what it was given."""

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from engine.pixels import jpeg_proof, jpeg_scan
from tests.house.tree import ROOT

SOURCES = [ROOT / "engine" / "pixels" / f"{name}.c" for name in ("_jpeg", "_jpeg_proof")]
SANITIZED = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
ROUNDS = int(os.environ.get("ROUNDS", "1500"))


def run(arguments: list[str], **more: str) -> None:
    """The child ends well, and has seen both streams that are refused and streams that are not."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.pixels.broken_jpeg", *arguments],
        cwd=ROOT, env=os.environ | more, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-4000:]
    refused, proven = map(int, done.stdout.split())
    assert refused > proven > 0


@pytest.fixture(scope="module")
def sanitizer() -> str:
    """The library that must be there before all others, from the compiler that knows it."""
    if shutil.which("gcc") is None:
        pytest.skip("there is no gcc")
    asked = ["gcc", "-print-file-name=libasan.so"]
    found = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(found).is_absolute():
        pytest.skip("gcc has no sanitizer here")
    return found


def test_no_access_is_out_of_bounds(tmp_path: Path, sanitizer: str) -> None:
    for source in SOURCES:
        flags = ["-shared", "-fPIC", "-O1", "-g", f"-I{sysconfig.get_path('include')}", *SANITIZED]
        done = subprocess.run(
            ["gcc", *flags, str(source), "-o", str(tmp_path / f"{source.stem}.so")],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if "Python.h" in done.stderr:
            pytest.skip("Python's headers are not installed")
        assert done.returncode == 0, done.stderr
    # Each buffer an allocation of its own, so that its end is seen.
    options = {"ASAN_OPTIONS": "detect_leaks=0", "PYTHONMALLOC": "malloc", "LD_PRELOAD": sanitizer}
    run([str(ROUNDS), str(tmp_path)], **options)


@pytest.mark.skipif(jpeg_scan.kernel is None or jpeg_proof.kernel is None, reason="built without a compiler")
def test_the_kernels_of_the_package_survive() -> None:
    run([str(4 * ROUNDS)])
