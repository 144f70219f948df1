"""A device that sends made-up images by DCMTK's storescu, one after the other, each until it was acknowledged.

It must not know who receives, or what becomes of what was sent.
"""

import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid

SIDE = 1024
"""Rows and columns of an image, a byte each: large enough that some are on their way whenever something happens."""
PAUSE = 0.2
"""Seconds between one try and the next."""


def image(number: int) -> Dataset:
    """An image that no other is like."""
    made = Dataset()
    made.SOPClassUID, made.Modality, made.ConversionType = SecondaryCaptureImageStorage, "OT", "WSD"
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = generate_uid(), generate_uid(), generate_uid()
    made.PatientName, made.PatientID, made.PatientBirthDate, made.PatientSex = "Muster^Maria", "4711", "19700101", "F"
    made.InstitutionName, made.StudyDate, made.StudyTime = "Praxis Nord", "20260102", "101112"
    made.AccessionNumber, made.StudyID, made.ReferringPhysicianName = "", "1", ""
    made.SeriesNumber, made.InstanceNumber = 1, number
    made.SamplesPerPixel, made.PhotometricInterpretation, made.Rows, made.Columns = 1, "MONOCHROME2", SIDE, SIDE
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    made.PixelData = bytes((number * 7 + column) % 251 for column in range(SIDE)) * SIDE
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    return made


class Device:
    """It sends until it is told to stop; `acknowledged` has the file of each UID that was answered "success"."""

    def __init__(self, around: Callable[..., Sequence[str]], folder: Path, port: int) -> None:
        """around: makes of a command one that runs on the right network. folder: for its images."""
        self._around, self._folder, self._port = around, folder, port
        self.acknowledged: dict[str, Path] = {}
        self.refused = 0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._folder.mkdir()
        self._thread.start()

    def stop(self) -> None:
        """Send no other one, and wait until the last one has been acknowledged, three minutes at most."""
        self._stopping.set()
        self._thread.join(180)
        assert not self._thread.is_alive(), (
            f"An image was tried for three minutes in vain, {self.refused} tries failed."
        )

    def _send(self) -> None:
        number = 0
        while not self._stopping.is_set():
            number += 1
            made, file = image(number), self._folder / f"{number}.dcm"
            dcmwrite(file, made, enforce_file_format=True)
            words = [
                "storescu",
                "-to",
                "10",
                "-ta",
                "20",
                "-td",
                "20",
                "-aec",
                "STELLWERK",
                "127.0.0.1",
                str(self._port),
                str(file),
            ]
            while subprocess.run(self._around(*words), capture_output=True, check=False).returncode != 0:
                self.refused += 1
                time.sleep(PAUSE)
            self.acknowledged[str(made.SOPInstanceUID)] = file


def missing(sent: dict[str, Path], archive: Path) -> list[str]:
    """The UIDs of what was acknowledged and is not in the archive, or not with the same pixels."""
    kept: dict[str, bytes] = {}
    for path in archive.rglob("*.dcm"):
        found = dcmread(path)
        kept[str(found.SOPInstanceUID)] = found.PixelData
    return [uid for uid, file in sent.items() if kept.get(uid) != dcmread(file).PixelData]
