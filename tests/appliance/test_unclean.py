"""Every way in which an image cannot be cleaned, on a running line: held with its reason; stored, sent, mailed nowhere.

Codecs that break, crash and hang are made so in the appliance's own processes, for images of certain heights.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import MPEG4HP41, UltrasoundMultiFrameImageStorage

from appliance.demonstration.mailbox import Mailbox
from appliance.demonstration.pacs import Pacs
from engine.dicom import Done
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.pixels.samples import colour_with, dataset, jpeg, native, save
from tests.engine.spool.crash_kit import new_uid
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")

RULES = """
destination PACS_A = dicom "PACS_A@127.0.0.1:{pacs}" retry every 1 second for 1 day
contact admin = "it@praxis.example"
regions banner for ManufacturerModelName = "Known"
  blank (0, 0, 128, 16)
regions too-wide for ManufacturerModelName = "Too wide"
  blank (100, 0, 200, 16)
on port {port}
  → anonymize-pixels → store by Institution/PatientName → forward PACS_A → mail admin
"""
BREAKS, CRASHES, HANGS = 40, 48, 56
"""Heights of images over which a codec raises an exception that nobody expects, crashes, or never comes back."""

FAULTS = f"""
import os, time
import imagecodecs
decode = imagecodecs.jpeg8_decode
def faulty(stream, *words, **more):
    at = bytes(stream).find(bytes([255, 192]))
    rows = int.from_bytes(bytes(stream)[at + 5 : at + 7], "big")
    if rows == {BREAKS}:
        raise RuntimeError("Sample^Anna")
    if rows == {CRASHES}:
        os.abort()
    if rows == {HANGS}:
        with open(os.environ["HANGING"], "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)
    return decode(stream, *words, **more)
imagecodecs.jpeg8_decode = faulty
"""


def _jpeg(path: Path, change: Callable[[Dataset], None] = lambda _: None, rows: int = 96, cut: int = 0) -> Path:
    """Two JPEG frames, the second of them without its last bytes."""
    stream = bytes(imagecodecs.jpeg8_encode(colour_with("ANNA", rows), 90, subsampling="420"))
    jpeg(path, [stream, stream[: len(stream) - cut]], rows=rows)
    return _named(path, "Known", change)


def _named(path: Path, model: str, change: Callable[[Dataset], None] = lambda _: None) -> Path:
    """The file as an image of this device, with names of its own."""
    made = dcmread(path)
    made.SOPClassUID, made.Modality = UltrasoundMultiFrameImageStorage, "US"
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = new_uid(), "1.2.3", "1.2.3.1"
    made.file_meta.MediaStorageSOPClassUID, made.file_meta.MediaStorageSOPInstanceUID = (
        made.SOPClassUID,
        made.SOPInstanceUID,
    )
    made.InstitutionName, made.ManufacturerModelName = "Praxis Süd", model
    made.SpecificCharacterSet = "ISO_IR 100"
    change(made)
    made.save_as(path)
    return path


def _plain(path: Path, model: str, change: Callable[[Dataset], None] = lambda _: None) -> Path:
    native(path, "MONOCHROME2", (8, 8), rows=96, columns=128, frames=2)
    return _named(path, model, change)


def _a_frame_more(made: Dataset) -> None:
    made.NumberOfFrames = 3


def _cut_off(made: Dataset) -> None:
    made.PixelData = made.PixelData[:-1000]


def _regions_outside(made: Dataset) -> None:
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 10, 10
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 400, 90
    made.SequenceOfUltrasoundRegions = Sequence([region])


def _video(path: Path) -> Path:
    made = dataset(96, 128, 2, "YBR_PARTIAL_420", (8, 8))
    made.PixelData = encapsulate([b"\0\0\1\xb3" * 8])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return _named(save(made, path, MPEG4HP41), "Known")


WAYS: dict[str, tuple[Callable[[Path], Path], str]] = {
    "unknown device": (lambda path: _plain(path, "Nobody knows"), "nothing says where this device burns text in"),
    "unreadable codestream": (lambda path: _jpeg(path, cut=900), "the JPEG is truncated"),
    "frame too many": (lambda path: _jpeg(path, _a_frame_more), "another number of frames than it says"),
    "frame too many, native": (lambda path: _plain(path, "Known", _a_frame_more), "the pixels are truncated"),
    "cut off": (lambda path: _plain(path, "Known", _cut_off), "the pixels are truncated"),
    "box outside the image": (
        lambda path: _plain(path, "Too wide"),
        "a box of the region definition sticks out of the image",
    ),
    "declared regions outside the image": (
        lambda path: _plain(path, "Nobody knows", _regions_outside),
        "an ultrasound region lies outside the image",
    ),
    "video": (_video, "MPEG-4"),
    "exception in a codec": (lambda path: _jpeg(path, rows=BREAKS), "its pixels are not as it says (RuntimeError)"),
    "codec crashes": (lambda path: _jpeg(path, rows=CRASHES), "the program that cleans pixels crashed on it"),
    "codec is killed": (lambda path: _jpeg(path, rows=HANGS), "the program that cleans pixels crashed on it"),
}


@pytest.fixture
def line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Running, Pacs, Mailbox]]:
    """An appliance with faulty codecs, a PACS and a mail server."""
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULTS)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "faults"))
    monkeypatch.setenv("HANGING", str(tmp_path / "hanging"))
    pacs, mailbox, port = Pacs(tmp_path / "pacs"), Mailbox(), free_port()
    mail = {"mail_host": "127.0.0.1", "mail_port": str(mailbox.port), "mail_security": "none"}
    try:
        rules = RULES.format(pacs=pacs.port, port=port)
        yield Running(tmp_path, rules, port, mail_quiet_seconds="1", **mail), pacs, mailbox
    finally:
        mailbox.close()
        pacs.close()


def test_whatever_cannot_be_cleaned_is_held_with_its_reason_and_goes_nowhere(
    tmp_path: Path, line: tuple[Running, Pacs, Mailbox]
) -> None:
    running, pacs, mailbox = line
    files = {way: make(tmp_path / f"{number}.dcm") for number, (way, (make, _)) in enumerate(WAYS.items())}
    outcomes = running.send(*files.values())
    assert all(isinstance(outcome, Done) for outcome in outcomes.values()), outcomes
    hanging = tmp_path / "hanging"
    running.wait_for(lambda: hanging.exists() and hanging.read_text() != "", "the codec does not hang")
    os.kill(int(hanging.read_text()), signal.SIGKILL)
    running.wait_for(lambda: len(running.spool.outbox(HOLD).all()) == len(WAYS), "not all are held")
    why = {
        str(dcmread(one.file, stop_before_pixels=True).SOPInstanceUID): one.why
        for one in running.spool.outbox(HOLD).all()
    }
    for way, file in files.items():
        reason = why[str(dcmread(file).SOPInstanceUID)]
        assert WAYS[way][1] in reason, way
        assert "Anna" not in reason, way
    time.sleep(1.5)
    assert not list(pacs.folder.iterdir())
    assert not list(running.archive.rglob("*.dcm"))
    assert mailbox.messages == []

    # The same line, an image that can be cleaned: it goes all the ways that the others did not go.
    running.deliver(_jpeg(tmp_path / "clean.dcm"))
    running.wait_for(lambda: len(mailbox.messages) == 1, "no mail")
    assert running.stop() == 0
    assert len(list(pacs.folder.iterdir())) == len(list(running.archive.rglob("*.dcm"))) == 1
    scratch = [path for path in running.data.rglob("*") if path.is_file() and "scratch" in path.parts]
    assert not scratch
    assert "Anna" not in running.said()
