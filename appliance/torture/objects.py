"""Made-up objects to torture the appliance with, and what its rules say should become of each kind.

Nothing of them is of a real patient. It must not know how they are sent, or what has become of them.
"""

import random
from dataclasses import dataclass
from enum import Enum
from hashlib import blake2b
from pathlib import Path

import numpy
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, generate_uid

from engine.destinations.archive import dataset_offset

CLASS = UID("1.2.840.10008.5.1.4.1.1.7")  # Secondary Capture Image Storage
NEW_NAME = "Torture"

RULES = """\
# What the torture does to objects, by their modality. Comments are added while it runs, so that rules change over.
version 1

destination FINE     = dicom "FINE@127.0.0.1:{fine}" retry every 1 second for 1 day
destination REFUSING = dicom "REFUSING@127.0.0.1:{refusing}" retry every 1 second for 1 day
destination HANGING  = dicom "HANGING@127.0.0.1:{hanging}" retry every 1 second for 1 day

route everywhere
  on port {port} where Modality = US
  → store by PatientID
  → forward FINE, REFUSING, HANGING

route studies
  on port {port} where Modality = CT
  → collect study quiet 1 second
  → store in "studies" by PatientID/StudyInstanceUID
  → await
  → forward FINE

route failing
  on port {port} where Modality = MR
  → store by PatientID
  → forward REFUSING
  on failure → store in "failed" by PatientID

route changed
  on port {port} where Modality = DX
  → set InstitutionName to "Torture"
  → store in "changed" by PatientID
  → forward FINE

route unwanted
  on port {port} where Modality = OT
  → discard "nobody wants it"
"""


class Kind(Enum):
    """What the rules do with an object; the value is the modality by which they know it."""

    EVERYWHERE = "US"
    STUDY = "CT"
    FAILING = "MR"
    CHANGED = "DX"
    UNWANTED = "OT"
    NOWHERE = "XA"


ARCHIVES = {Kind.EVERYWHERE: "archive", Kind.STUDY: "studies", Kind.FAILING: "archive", Kind.CHANGED: "changed"}
"""In which archive each kind is kept."""

_SHARES = (3, 2, 2, 2, 1, 1)


@dataclass(frozen=True, slots=True)
class Made:
    """One object as it was made."""

    uid: str
    kind: Kind
    file: Path
    digest: str
    """Of its data set."""
    tail: bytes
    """Of its pixels, with which it ends: they stay even where the rules change an attribute."""


def make(folder: Path, number: int, chance: random.Random, kind: Kind | None = None) -> Made:
    """The nth object: of any kind, of a few kilobytes mostly, of a megabyte now and then."""
    kind = kind or chance.choices(tuple(Kind), _SHARES)[0]
    side = 700 if chance.random() < 0.03 else chance.randint(16, 160)
    uid = generate_uid(entropy_srcs=[str(number), str(chance.random())])
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = CLASS
    dataset.file_meta.MediaStorageSOPInstanceUID = uid
    dataset.SOPClassUID, dataset.SOPInstanceUID = CLASS, uid
    dataset.StudyInstanceUID = f"1.2.826.0.1.3680043.8.498.1.{number // 40}"
    dataset.SeriesInstanceUID = f"{dataset.StudyInstanceUID}.1"
    dataset.Modality = kind.value
    dataset.PatientName, dataset.PatientID = f"Torture^{number % 9}", f"T{number % 9}"
    dataset.InstitutionName = "Nowhere"
    dataset.Rows = dataset.Columns = side
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PixelRepresentation = 1, "MONOCHROME2", 0
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 16, 15
    pixels = numpy.random.default_rng(chance.randrange(1 << 32)).integers(0, 1 << 16, side * side, numpy.uint16)
    dataset.PixelData = pixels.tobytes()
    file = folder / f"{number}.dcm"
    dataset.save_as(file, enforce_file_format=True)
    return Made(str(uid), kind, file, digest(file), dataset.PixelData[-4096:])


def digest(file: Path) -> str:
    """Of a file's data set, without the file meta information before it (PS3.10 section 7.1)."""
    data = file.read_bytes()
    return blake2b(data[dataset_offset(data[:144]) :], digest_size=16).hexdigest()


def refuses(uid: str) -> bool:
    """Whether the refusing destination refuses this object for good."""
    return uid[-1] in "012"


def is_full_for(uid: str) -> bool:
    """Whether it has no room for it the first two times."""
    return uid[-1] in "345"
