"""What is sent to the machine, and how: made-up images, a quarter of them ultrasound, by DCMTK's storescu.

An image counts as acknowledged when storescu has seen "Success" for it. It must not know who receives, or what becomes
of what was sent.
"""

import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import generate_uid

from appliance.torture.objects import Kind, make
from tests.engine.spool.crash_kit import write_instance

TITLE = "STELLWERK"
REGION = (16, 32, 79, 95)
"""Of an ultrasound image, what its header declares to be picture: left, top, right and bottom, all inclusive."""
SIDE = 96
TRY = 5
"""Seconds for one C-ECHO of a machine that may not be up yet: what is not answered at once is asked again."""

PATIENCE = "300"
"""Seconds that a sender waits for an answer."""

_SENDING, _SUCCESS = re.compile(r"Sending file: (.+)"), "Received Store Response (Success)"


@dataclass(frozen=True, slots=True)
class Sendable:
    """One image as it was made."""

    uid: str
    study: str
    ultrasound: bool
    file: Path


@dataclass
class Sender:
    """One association that sends some images. `log` is storescu's own."""

    images: Sequence[Sendable]
    log: Path
    process: subprocess.Popen[bytes] = field(init=False)

    def start(self, port: int) -> None:
        """Begin; what becomes of it is in the log."""
        words = ["storescu", "-v", "-to", PATIENCE, "-ta", PATIENCE, "-td", PATIENCE, "-aec", TITLE, "-aet", "SONO1"]
        words += ["-xf", str(self._profile()), "All", "127.0.0.1", str(port), *(str(one.file) for one in self.images)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log)

    def _profile(self) -> Path:
        """The two kinds of images, in one transfer syntax: storescu's own choice offers several hundred."""
        file = self.log.with_suffix(".profile")
        kinds = "UltrasoundImageStorage", "SecondaryCaptureImageStorage"
        lines = ["[[TransferSyntaxes]]", "[Plain]", "TransferSyntax1 = LittleEndianExplicit"]
        lines += ["[[PresentationContexts]]", "[Images]"]
        lines += [f"PresentationContext{number} = {kind}\\Plain" for number, kind in enumerate(kinds, 1)]
        file.write_text("\n".join([*lines, "[[Profiles]]", "[All]", "PresentationContexts = Images", ""]))
        return file

    def stop(self) -> None:
        """The other side is gone."""
        self.process.kill()
        self.process.wait()

    def acknowledged(self) -> list[Sendable]:
        """Those for which "Success" has come."""
        by_file = {str(one.file): one for one in self.images}
        done, last = [], None
        for line in self.log.read_text("utf-8", "replace").splitlines():
            if found := _SENDING.search(line):
                last = by_file.get(found[1].strip())
            elif _SUCCESS in line and last is not None:
                done.append(last)
                last = None
        return done


def sendable(folder: Path, many: int, seed: int) -> list[Sendable]:
    """So many images in a folder of their own; every fourth is an ultrasound image with text all over it."""
    folder.mkdir(parents=True)
    chance = random.Random(seed)
    made = []
    for number in range(many):
        if number % 4 == 0:
            made.append(_ultrasound(folder / f"us{number}.dcm", seed, number))
        else:
            one = make(folder, number, chance, Kind.STUDY)
            made.append(Sendable(one.uid, str(dcmread(one.file).StudyInstanceUID), False, one.file))
    return made


def _ultrasound(file: Path, seed: int, number: int) -> Sendable:
    uid = str(generate_uid())
    write_instance(file, uid, patient=f"Torture^{number % 9}", PatientID=f"T{number % 9}")
    dataset = dcmread(file)
    dataset.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.2.{seed}.{number // 40}"
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel = SIDE, SIDE, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 8, 8, 7, 0
    region = Dataset()
    region.RegionLocationMinX0, region.RegionLocationMinY0 = REGION[:2]
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = REGION[2:]
    dataset.SequenceOfUltrasoundRegions = Items([region])
    pattern = numpy.random.default_rng([seed, number]).integers(1, 255, (SIDE, SIDE), dtype=numpy.uint8)
    dataset.add_new("PixelData", "OB", pattern.tobytes())
    dataset.save_as(file)
    return Sendable(uid, str(dataset.StudyInstanceUID), True, file)


def original(dataset: Dataset) -> str:
    """Under which UID an image came, also where it was cleaned since."""
    source = dataset.get("SourceImageSequence")
    return str(source[0].ReferencedSOPInstanceUID if source else dataset.SOPInstanceUID)


def is_what_was_sent(one: Sendable, found: Dataset) -> bool:
    """Byte for byte; of ultrasound, the same picture where its header declares one, and black everywhere else."""
    before = dcmread(one.file)
    if not one.ultrasound:
        return bool(found.PixelData == before.PixelData) and found == before
    left, top, right, bottom = REGION
    expected = numpy.zeros((SIDE, SIDE), numpy.uint8)
    expected[top : bottom + 1, left : right + 1] = before.pixel_array[top : bottom + 1, left : right + 1]
    return bool((found.pixel_array == expected).all()) and found.BurnedInAnnotation == "NO"


def echo(port: int, seconds: int = 20) -> bool:
    """Whether a C-ECHO is answered, by DCMTK."""
    words = ["echoscu", "-to", str(seconds), "-ta", str(seconds), "-td", str(seconds), "-aec", TITLE]
    return subprocess.run([*words, "127.0.0.1", str(port)], capture_output=True, check=False).returncode == 0
