"""Every way in which an image cannot be cleaned, on a running line: held with its reason; stored, sent, mailed nowhere.

Codecs that break, crash and hang are made so in the appliance's own processes, for images of certain heights.
"""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
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
from tests.corpus.fonts import ink
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


def _flat(made: Dataset) -> None:
    made.PixelData = bytes(len(made.PixelData))


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


def _name_below(path: Path) -> Path:
    """A name where no region is."""
    made = dcmread(_plain(path, "Known"))
    word = ink("SAMPLE^ANNA 4711", "plain", 13)
    made.Rows, made.Columns, made.NumberOfFrames = 240, 320, 1
    frame = np.zeros((240, 320), np.uint8)
    frame[150 : 150 + word.shape[0], 60 : 60 + word.shape[1]] = word * 255
    made.PixelData = frame.tobytes()
    made.save_as(path)
    return path


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


@dataclass(frozen=True)
class Line:
    """An appliance, a PACS and a mail server."""

    running: Running
    pacs: Pacs
    mailbox: Mailbox

    def all_held(self, number: int) -> dict[str, str]:
        """Why each object is held, by its SOP Instance UID, as soon as there are so many."""
        hold = self.running.spool.outbox(HOLD)
        self.running.wait_for(lambda: len(hold.all()) == number, "not all are held")
        return {str(dcmread(one.file, stop_before_pixels=True).SOPInstanceUID): one.why for one in hold.all()}

    def nothing_went(self) -> None:
        """Neither stored, nor sent, nor mailed."""
        time.sleep(1.5)
        assert not list(self.pacs.folder.iterdir())
        assert not list(self.running.archive.rglob("*.dcm"))
        assert self.mailbox.messages == []


@contextmanager
def line(root: Path, rules: str) -> Iterator[Line]:
    """A running line by these rules."""
    pacs, mailbox, port = Pacs(root / "pacs"), Mailbox(), free_port()
    mail = {"mail_host": "127.0.0.1", "mail_port": str(mailbox.port), "mail_security": "none"}
    try:
        rules = rules.format(pacs=pacs.port, port=port)
        yield Line(Running(root, rules, port, mail_quiet_seconds="1", **mail), pacs, mailbox)
    finally:
        mailbox.close()
        pacs.close()


def test_whatever_cannot_be_cleaned_is_held_with_its_reason_and_goes_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "faults").mkdir()
    (tmp_path / "faults" / "sitecustomize.py").write_text(FAULTS)
    hanging = tmp_path / "hanging"
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "faults"))
    monkeypatch.setenv("HANGING", str(hanging))
    with line(tmp_path, RULES) as one:
        running = one.running
        files = {way: make(tmp_path / f"{number}.dcm") for number, (way, (make, _)) in enumerate(WAYS.items())}
        outcomes = running.send(*files.values())
        assert all(isinstance(outcome, Done) for outcome in outcomes.values()), outcomes
        running.wait_for(lambda: hanging.exists() and hanging.read_text() != "", "the codec does not hang")
        os.kill(int(hanging.read_text()), signal.SIGKILL)
        why = one.all_held(len(WAYS))
        for way, file in files.items():
            reason = why[str(dcmread(file).SOPInstanceUID)]
            assert WAYS[way][1] in reason, way
            assert "Anna" not in reason, way
        one.nothing_went()

        # The same line, an image that can be cleaned: it goes all the ways that the others did not go.
        running.deliver(_jpeg(tmp_path / "clean.dcm"))
        running.wait_for(lambda: len(one.mailbox.messages) == 1, "no mail")
        assert running.stop() == 0
        assert len(list(one.pacs.folder.iterdir())) == len(list(running.archive.rglob("*.dcm"))) == 1
        assert not [path for path in running.data.rglob("*") if path.is_file() and "scratch" in path.parts]
        assert "Anna" not in running.said()


def test_text_that_is_left_over_holds_it_where_the_rule_looks_for_it(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `text` is not installed")
    with line(tmp_path, RULES.replace("anonymize-pixels", "anonymize-pixels check text")) as one:
        file = _name_below(tmp_path / "left.dcm")
        assert all(isinstance(outcome, Done) for outcome in one.running.send(file).values())
        [reason] = one.all_held(1).values()
        assert "the cleaned image still shows text" in reason
        one.nothing_went()
        one.running.deliver(_plain(tmp_path / "flat.dcm", "Known", _flat))
        one.running.wait_for(lambda: len(one.mailbox.messages) == 1, "no mail")
