"""What arrives is stored under Institution/PatientName: every file of pydicom's test data, and names that bite."""

import subprocess
import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.demonstration.images import test_images as real_images
from engine.destinations.archive import dataset_offset
from engine.dicom import Done
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Running]:
    """An appliance that stores everything by Institution/PatientName."""
    port = free_port()
    one = Running(tmp_path, f"on port {port} → store by Institution/PatientName\n", port)
    yield one
    one.stop()


def dataset_bytes(path: Path) -> bytes:
    """The data set without the file meta information, and without the null byte that pads a deflated one."""
    data = path.read_bytes()
    return data[dataset_offset(data[:144]) :].rstrip(b"\0")


def test_every_real_file_is_kept_byte_for_byte_in_the_archive_or_in_the_hold(line: Running) -> None:
    images = real_images()
    assert len(images) > 60
    results = line.send(*images)
    assert all(isinstance(result, Done) for result in results.values()), results
    line.settle()
    stored = [dataset_bytes(path) for path in line.archive.rglob("*.dcm")]
    held = line.spool.outbox(HOLD).all()
    # Some of these share a SOP Instance UID without being the same: the first is stored, the others are held.
    assert all("other content" in entry.why for entry in held)
    kept = {*stored, *(dataset_bytes(entry.file) for entry in held)}
    assert kept == {dataset_bytes(path) for path in images}
    for path in line.archive.rglob("*.dcm"):
        dataset = dcmread(path, stop_before_pixels=True)
        assert path.stem == dataset.SOPInstanceUID
        assert dataset.file_meta.SourceApplicationEntityTitle == "TEST"
        assert len(path.relative_to(line.archive).parts) == 3


BITING = {
    "Müller^Änne": "Müller^Änne",
    "..": None,
    "../../../etc/passwd": None,
    "a/b": None,
    "$HOME`id`": None,
    "CON": None,
    "x" * 64 + "^" + "y" * 64 + "^" + "z" * 64 + "=" + "ä" * 64: None,
    "": "unknown",
    " . ": None,
    "a\tb": None,
}
"""A patient's name, and the folder it must get; None: any harmless one."""


@pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")
def test_a_name_that_bites_stays_in_the_archive_and_names_apart_stay_apart(line: Running, tmp_path: Path) -> None:
    uids = {}
    for name in BITING:
        uid = new_uid()
        path = tmp_path / f"{uid}.in"
        write_instance(path, uid, patient=name)
        uids[uid] = name
        words = ["storescu", "-aec", "STELLWERK", "127.0.0.1", str(line.port), str(path)]
        subprocess.run(words, check=True, capture_output=True, timeout=60)
    line.settle()
    stored = {path.stem: path for path in line.archive.rglob("*.dcm")}
    assert set(stored) == set(uids)
    assert len({path.parent for path in stored.values()}) == len(BITING)
    for uid, name in uids.items():
        institution, patient = stored[uid].relative_to(line.archive).parts[:2]
        assert unicodedata.normalize("NFC", institution) == "Praxis Süd"
        assert not set(patient) & set('/\\:*?"<>|$`\t\0')
        assert patient.strip(". ") == patient
        assert len(patient.encode()) <= 255
        if BITING[name]:
            assert patient == BITING[name]
    outside = [path for path in tmp_path.rglob("*.dcm") if not path.is_relative_to(line.data)]
    assert outside == []
