"""A house in which ultrasound images wait for a review, and others are held since nothing says where to blank them.

Screens of tests/corpus: the device `corners` and the cine of `over-the-picture-yellow` have definitions, `banner` has
none, and the last image is broken. The patients' names are not nice.
"""

import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from jsonschema import Draft202012Validator
from numpy.typing import NDArray

from appliance.console.api import declared
from engine import files
from engine.dicom import Reception
from tests.console.living import NASTY, Living
from tests.console.serving import Answer
from tests.corpus.encodings import ENCODINGS, read, write
from tests.corpus.screens import LAYOUTS, Screen, draw, regions

NATIVE, JPEG = (next(one for one in ENCODINGS if one.name == name) for name in ("explicit RGB", "JPEG YBR_FULL 444"))
KNOWN, CINE, UNKNOWN = (
    draw(next(one for one in LAYOUTS if one.name == name)) for name in ("corners", "over-the-picture-yellow", "banner")
)

ANSWERS = {one.name: one.answer for one in declared()}

RULES = """\
destination PACS = dicom "PACS@127.0.0.1:{pacs}"
route us on port {port} → anonymize-pixels → review → store by PatientID → forward PACS

"""


class Reviewed(Living):
    """The house. arrived: what the PACS has, by the UID of the image that it was made of."""

    def __init__(self, root: Path) -> None:
        self.arrived: dict[str, pydicom.Dataset] = {}
        self._arriving = threading.Lock()
        self._number = 0
        written = RULES + regions((KNOWN, CINE))
        super().__init__(root, rules=written)

    def image(self, screen: Screen, encoding: object = NATIVE, name: str = NASTY, broken: bool = False) -> Path:
        """One image of this device, of a patient of its own."""
        self._number += 1
        path = write(screen, encoding, self.images / f"{self._number:03}.in")  # type: ignore[arg-type]
        made = pydicom.dcmread(path)
        made.PatientName, made.PatientID = name, f"P-77{self._number:03}"
        made.StationName = NASTY[:16]
        if broken:
            made.PixelData = made.PixelData[: len(made.PixelData) // 2]
        path.unlink()
        made.save_as(path)
        return self.copy(path, name)

    def come(self, *paths: Path) -> list[str]:
        """Send images, and wait until each is held; their ids, in the same order."""
        before = set(self.held())
        found = []
        for path in paths:
            self.send(path)
            self.until(lambda: len(set(self.held()) - before) == 1)
            [one] = set(self.held()) - before
            found.append(one)
            before.add(one)
        return found

    def waits(self, number: str) -> bool:
        """Whether it waits for a review."""
        entry = self.line.spool.outbox("hold").entry(number)
        return entry is not None and entry.waits_for_review

    def runs(self, definition: str) -> bool:
        """Whether the rules that run have this definition."""
        said = (self.line.data / "last-good.json").read_text("utf-8")
        return any(one["name"] == definition for one in json.loads(said)["regions"])

    def stored(self) -> Sequence[pydicom.Dataset]:
        """The copies in the archive."""
        return [pydicom.dcmread(path) for path in self.line.archive.rglob("*.dcm")]

    def _take(self, reception: Reception) -> None:
        dataset = pydicom.dcmread(reception.dataset_file)
        dataset.decode()
        with self._arriving:
            self.arrived[original(dataset)] = dataset
        files.remove(reception.dataset_file)


def told(answer: Answer, name: str) -> Any:
    """What an operation has answered, which is as it was declared."""
    assert answer.status == 200, answer.text
    Draft202012Validator(ANSWERS[name]).validate(answer.json)
    return answer.json


def original(dataset: pydicom.Dataset) -> str:
    """Of which image a cleaned one was made."""
    return str(dataset.SourceImageSequence[0].ReferencedSOPInstanceUID)


def uid_of(path: Path) -> str:
    """Of an image that was sent."""
    return str(pydicom.dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def frames_of(path: Path) -> NDArray[np.generic]:
    """Frames × rows × columns × samples, as a decoder of others reads them."""
    return read(path)
