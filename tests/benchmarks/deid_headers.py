"""What does it cost to clean a header, with proof and without, and what does it cost dicognito, deid, dicom-anonymizer?

The peers are in no lock of ours. Give them an environment of their own, and its Python in PEERS:

    python3 -m venv peers && peers/bin/pip install dicognito==0.19.0 deid==0.4.13 dicom-anonymizer==2.1.0
    PEERS=peers/bin/python make bench ARGS=deid_headers
"""

import os
import subprocess
import sys
import tempfile
import time
import warnings
from pathlib import Path
from unittest import mock

from pydicom import dcmread

from engine.profile import deidentify as module
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from tests.benchmarks.__main__ import say
from tests.data.make import REAL

EACH = 40
FILES = ("CT_small", "MR_small", "JPEG2000", "examples_overlay", "liver_1frame", "reportsi")
"""A slice with very many private attributes, images with few, a segmentation, a report."""
PEERS = ("dicognito", "dicom-anonymizer", "deid")


def main() -> None:
    """Print milliseconds of the processor an object, the lowest of five rounds, and the peers' in ratio to ours."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as root:
        folder, out = Path(root, "before"), Path(root, "after")
        folder.mkdir()
        out.mkdir()
        _make(folder)
        with mock.patch.object(module, "prove"):
            bare = _measure(folder, out)
        proved = _measure(folder, out)
        say(f"without proof {bare:8.3f} ms an object, {1000 / bare:6.0f} a second")
        say(f"with proof    {proved:8.3f} ms an object, {1000 / proved:6.0f} a second")
        for peer in PEERS:
            script = Path(__file__).with_name("_deid_peers.py")
            python = os.environ.get("PEERS", sys.executable)
            done = subprocess.run([python, script, peer, folder, out], capture_output=True, text=True, check=False)
            if done.returncode or not done.stdout[:1].isdigit():
                say(f"{peer:16} {done.stdout or done.stderr[-200:]}")
            else:
                took = float(done.stdout.split()[0])
                say(f"{peer:16} {took:8.3f} ms an object, {took / proved:5.1f} times as long as with proof")


def _make(folder: Path) -> None:
    """Objects of six kinds, each with a UID and a number of its own."""
    for name in FILES:
        dataset = dcmread(REAL / "test_files" / f"{name}.dcm")
        dataset.InstitutionName = "House of Samples"  # in one of them the manufacturer stands there as well
        for number in range(EACH):
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"1.2.3.{number}"
            dataset.InstanceNumber = number
            dataset.save_as(folder / f"{number}-{name}.dcm")


def _measure(folder: Path, out: Path) -> float:
    files, policy, keyed = sorted(folder.iterdir()), Policy(), Keyed(bytes(32))
    best = float("inf")
    for _ in range(5):
        start = time.process_time()
        for file in files:
            target = out / file.name
            target.unlink(missing_ok=True)
            module.deidentify(file, target, policy, keyed)
        best = min(best, time.process_time() - start)
    return best / len(files) * 1000
