"""The mandated line, whole: DCMTK's storescu sends, our appliance works, DCMTK's storescp and a mail server receive."""

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance.demonstration.mailbox import Mailbox
from appliance.demonstration.pacs import Pacs, answers
from engine import custody
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")

LINE = (
    "on port {port} where Modality=US {a} anonymize-pixels {a} store by Institution/PatientName"
    " {a} forward PACS_A {a} mail admin"
)
NAMES = """
destination PACS_A = dicom "PACS_A@127.0.0.1:{pacs}" retry every 1 second for 1 day
contact admin = "it@praxis.example"
"""


def ultrasound(path: Path, study: str = "1.2.3") -> Path:
    """An ultrasound image with a text-like pattern everywhere and one declared region, (16, 32) to (79, 95)."""
    write_instance(path, new_uid())
    dataset = dcmread(path)
    dataset.StudyInstanceUID = study
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = 96, 96, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 16, 32
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 79, 95
    dataset.SequenceOfUltrasoundRegions = Sequence([region])
    pattern = np.random.default_rng(7).integers(1, 255, (96, 96), dtype=np.uint8)
    dataset.add_new("PixelData", "OB", pattern.tobytes())
    dataset.save_as(path)
    return path


def storescu(port: int, *files: Path) -> None:
    """Send with DCMTK."""
    words = ["storescu", "-aec", "STELLWERK", "127.0.0.1", str(port), *map(str, files)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server."""
    box = Mailbox()
    yield box
    box.close()


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    """DCMTK's storescp."""
    one = Pacs(tmp_path / "pacs")
    yield one
    one.close()


def start(root: Path, arrow: str, pacs_port: int, mailbox: Mailbox) -> Running:
    """The appliance with the mandated line."""
    port = free_port()
    rules = NAMES.format(pacs=pacs_port) + LINE.format(port=port, a=arrow) + "\n"
    mail = {"mail_host": "127.0.0.1", "mail_port": str(mailbox.port), "mail_security": "none"}
    return Running(root, rules, port, mail_quiet_seconds="1", **mail)


def original(dataset: Dataset) -> str:
    """Of which image one was made."""
    return str(dataset.SourceImageSequence[0].ReferencedSOPInstanceUID)


@pytest.mark.parametrize("arrow", ["→", "->"])
def test_an_ultrasound_image_arrives_black_outside_its_regions_is_stored_and_reported(
    tmp_path: Path, arrow: str, pacs: Pacs, mailbox: Mailbox
) -> None:
    line = start(tmp_path, arrow, pacs.port, mailbox)
    sent = [ultrasound(tmp_path / "one.dcm"), ultrasound(tmp_path / "two.dcm")]
    storescu(line.port, *sent)
    line.wait_for(lambda: len(mailbox.messages) == 1 and not line.spool.unfinished(), "no mail")
    time.sleep(1.5)
    assert line.stop() == 0
    arrived = {original(dcmread(path)): dcmread(path) for path in pacs.folder.iterdir()}
    for path in sent:
        before = dcmread(path)
        after = arrived[str(before.SOPInstanceUID)]
        expected = before.pixel_array.copy()
        keep = np.zeros_like(expected, dtype=bool)
        keep[32:96, 16:80] = True
        expected[~keep] = 0
        assert (after.pixel_array == expected).all()
        assert after.BurnedInAnnotation == "NO"
        stored = line.archive / "Praxis Süd" / "Müller^Änne" / f"{after.SOPInstanceUID}.dcm"
        assert after.SOPInstanceUID != before.SOPInstanceUID
        assert (dcmread(stored).pixel_array == expected).all()
    assert len(mailbox.messages) == 1, "one mail for the study, not one for each image"
    text = mailbox.messages[0].get_content()
    assert "Stored in archive: 2." in text
    assert "Forwarded to PACS_A: 2" in text
    assert "ller" not in text
    assert "ller" not in line.said(), "no name in the log"


def test_with_the_pacs_down_it_is_stored_at_once_and_forwarded_when_the_pacs_returns(
    tmp_path: Path, mailbox: Mailbox
) -> None:
    port = free_port()
    line = start(tmp_path, "→", port, mailbox)
    storescu(line.port, ultrasound(tmp_path / "one.dcm"))
    line.wait_for(lambda: bool(list(line.archive.rglob("*.dcm"))), "it is not stored", seconds=15)
    time.sleep(2.5)
    assert mailbox.messages == []
    folder = tmp_path / "pacs"
    folder.mkdir()
    storescp = subprocess.Popen(["storescp", "+xa", "-aet", "PACS_A", "-od", str(folder), str(port)])
    try:
        line.wait_for(lambda: answers(port), "storescp does not start")
        line.wait_for(lambda: bool(list(folder.iterdir())), "it is not forwarded")
        line.wait_for(lambda: bool(mailbox.messages), "no mail")
    finally:
        storescp.terminate()
        storescp.wait()
        line.stop()
    text = mailbox.messages[0].get_content()
    assert "Forwarded to PACS_A: 1" in text
    assert "could not be reached at first" in text


def test_what_cannot_be_cleaned_is_held_with_its_reason_and_goes_nowhere(
    tmp_path: Path, pacs: Pacs, mailbox: Mailbox
) -> None:
    line = start(tmp_path, "→", pacs.port, mailbox)
    path = ultrasound(tmp_path / "one.dcm")
    dataset = dcmread(path)
    del dataset.SequenceOfUltrasoundRegions
    dataset.save_as(path)
    storescu(line.port, path)
    line.wait_for(lambda: bool(line.spool.outbox(HOLD).all()), "it is not held")
    [held] = line.spool.outbox(HOLD).all()
    line.stop()
    assert "nothing says where this device burns text in" in held.why
    assert not list(pacs.folder.iterdir())
    assert not list(line.archive.rglob("*.dcm"))
    assert mailbox.messages == []


def test_what_comes_again_is_stored_once_and_answered_for_under_the_uid_under_which_it_came(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → anonymize-pixels → store by PatientID\n", port)
    sent = ultrasound(tmp_path / "one.dcm")
    line.deliver(sent)
    line.deliver(sent)
    assert line.stop() == 0
    [stored] = line.archive.rglob("*.dcm")
    before = dcmread(sent)
    assert original(dcmread(stored)) == before.SOPInstanceUID != dcmread(stored).SOPInstanceUID
    # Without the index of arrivals it is cleaned once more, to the same bytes.
    (line.data / "spool" / "arrivals.sqlite").unlink()
    line.start()
    line.deliver(sent)
    assert line.stop() == 0
    assert list(line.archive.rglob("*.dcm")) == [stored]
    assert not line.spool.outbox(HOLD).all()
    instance = (str(before.SOPClassUID), str(before.SOPInstanceUID))
    assert custody.refused(line.data / "spool", [instance], lambda _outbox, _place: True) == {}


def test_echoscu_gets_an_answer(tmp_path: Path, mailbox: Mailbox) -> None:
    line = start(tmp_path, "→", free_port(), mailbox)
    echo = shutil.which("echoscu")
    assert echo
    subprocess.run([echo, "-aec", "ANYTHING", "127.0.0.1", str(line.port)], check=True, timeout=30)
    line.stop()
