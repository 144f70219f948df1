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
from collections.abc import Callable
from pathlib import Path
from unittest import mock

from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement

from engine.profile import deidentify as module
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from tests.benchmarks.__main__ import say
from tests.data.make import REAL

EACH, ROUNDS = 40, 20
FILES = ("CT_small", "MR_small", "JPEG2000", "examples_overlay", "liver_1frame", "reportsi")
"""A slice with very many private attributes, images with few, a segmentation, a report."""
PEERS = ("dicognito", "dicom-anonymizer", "deid")


def main() -> None:
    """Print milliseconds of the processor an object, the lowest of twenty rounds, and the peers' in ratio to ours."""
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as root:
        folder, out = Path(root, "before"), Path(root, "after")
        apart = Path(root, "apart")
        for path in (folder, out, apart):
            path.mkdir()
        _make(folder, _another_image)
        _make(apart, _another_patient)
        keyed, bare, proved, strangers = Keyed(bytes(32)), [], [], []
        for _ in range(ROUNDS):  # in turn, so that what else the machine does hits all of them
            with mock.patch.object(module, "prove"):
                bare.append(_measure(folder, out, keyed))
            proved.append(_measure(folder, out, keyed))
            strangers.append(_measure(apart, out, keyed))
        say(f"without proof {min(bare):8.3f} ms an object, {1000 / min(bare):6.0f} a second")
        say(f"with proof    {min(proved):8.3f} ms an object, {1000 / min(proved):6.0f} a second")
        say(f"              {min(strangers):8.3f} ms where each is of another patient, day and device")
        for peer in PEERS:
            script = Path(__file__).with_name("_deid_peers.py")
            python = os.environ.get("PEERS", sys.executable)
            done = subprocess.run([python, script, peer, folder, out], capture_output=True, text=True, check=False)
            if done.returncode or not done.stdout[:1].isdigit():
                say(f"{peer:16} {done.stdout or done.stderr[-200:]}")
            else:
                took = float(done.stdout.split()[0])
                say(f"{peer:16} {took:8.3f} ms an object, {took / min(proved):5.1f} times as long as with proof")


def _make(folder: Path, change: Callable[[Dataset, int], None]) -> None:
    """Objects of six kinds, many of each."""
    for name in FILES:
        for number in range(EACH):
            dataset = dcmread(REAL / "test_files" / f"{name}.dcm")
            dataset.InstitutionName = "House of Samples"  # in one of them the manufacturer stands there as well
            change(dataset, number)
            dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
            dataset.save_as(folder / f"{number}-{name}.dcm")


def _another_image(dataset: Dataset, number: int) -> None:
    """As in a series: a UID and a number of its own."""
    dataset.SOPInstanceUID = f"1.2.3.{number}"
    dataset.InstanceNumber = number


def _another_patient(dataset: Dataset, number: int) -> None:
    """Nothing that was looked up for one object helps with the next: no UID, name, number or date is the same."""

    def change(_: Dataset, element: DataElement) -> None:
        text = str(element.value)
        if element.VR == "UI" and element.VM == 1 and not text.startswith("1.2.840.10008."):
            element.value = f"{text[:56]}.{number + 1}"
        elif element.VR == "PN" and text:
            element.value = f"Sample{number}^Anna{number}"
        elif element.VR == "DA" and len(text) == 8:
            element.value = f"{text[:4]}{number % 12 + 1:02}{number % 28 + 1:02}"
        elif element.VR in ("LO", "SH") and element.VM == 1 and not element.tag.is_private_creator and len(text) < 12:
            element.value = f"{text}{number}"

    dataset.walk(change)
    dataset.InstanceNumber = number


def _measure(folder: Path, out: Path, keyed: Keyed) -> float:
    for old in out.iterdir():
        old.unlink()
    pairs, policy = [(file, out / file.name) for file in sorted(folder.iterdir())], Policy()
    start = time.process_time()
    for file, target in pairs:
        module.deidentify(file, target, policy, keyed)
    return (time.process_time() - start) / len(pairs) * 1000
