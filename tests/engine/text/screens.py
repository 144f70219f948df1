"""Made-up ultrasound screens with the truth about them: what is written, and where. The letters are Pillow's own."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage, generate_uid

from engine.pixels import Box

Frame = NDArray[np.uint8]
SURNAMES = ("MÜLLER", "Schmidt", "O'Brien", "VON DER HEIDE", "Kowalczyk", "Fischer", "WEISS", "Garcia Lopez")
FORENAMES = ("Anneliese", "HANS-PETER", "Ida", "Jürgen", "Maria", "Zoë")
PRACTICES = ("Klinikum Nordstadt", "Praxis Dr. Weber", "ST. MARY HOSPITAL", "Radiologie am Markt")


@dataclass
class Screen:
    """A screen: frames × rows × columns × 3 (RGB), and the box of every text on it."""

    frames: Frame
    boxes: list[Box] = field(default_factory=list)


@lru_cache
def _sector(rows: int, columns: int) -> NDArray[np.float32]:
    """How bright the echoes are at each pixel, on average; 0 outside the sector."""
    down, across = np.mgrid[0:rows, 0:columns]
    angle = np.arctan2(across - columns / 2, down + rows / 6)
    depth = np.hypot(across - columns / 2, down + rows / 6)
    inside = (np.abs(angle) < 0.6) & (depth > rows * 0.3) & (depth < rows * 1.05) & (down > rows * 0.1)
    bright: NDArray[np.float32] = np.where(inside, 0.6 + 0.4 * np.sin(depth / 37) * np.cos(angle * 9), 0).astype(
        np.float32
    )
    return bright


def echoes(chance: np.random.Generator, rows: int, columns: int) -> Frame:
    """Speckle in a sector, as grey."""
    grain = np.sqrt(chance.standard_exponential((rows, columns), np.float32)) * np.float32(54)
    frame: Frame = np.clip(grain * _sector(rows, columns), 0, 200).astype(np.uint8)
    return frame


@lru_cache
def _ink(rows: int, columns: int, at: tuple[int, int], words: str, size: int) -> tuple[NDArray[np.float32], Box]:
    """How much of each pixel the letters cover, 0 to 1, and the box of all that they touch."""
    ink = Image.new("L", (columns, rows))
    ImageDraw.Draw(ink).text(at, words, fill=255, font=ImageFont.load_default(size))
    left, top, right, bottom = ink.getbbox() or (0, 0, 0, 0)
    return np.asarray(ink, np.float32)[:, :, None] / np.float32(255), Box(left, top, right - left, bottom - top)


def write(frame: Frame, at: tuple[int, int], words: str, size: int, colour: tuple[int, int, int]) -> Box:
    """Draw words into a frame (rows × columns × 3); the box of their ink."""
    cover, box = _ink(frame.shape[0], frame.shape[1], at, words, size)
    part = slice(box.y, box.bottom), slice(box.x, box.right)
    frame[part] = (frame[part] * (1 - cover[part]) + np.array(colour, np.float32) * cover[part]).astype(np.uint8)
    return box


def names(chance: np.random.Generator) -> list[str]:
    """What a device writes of a patient: name, number and birth date, practice and date."""
    pick = lambda of: of[int(chance.integers(len(of)))]  # noqa: E731
    number = int(chance.integers(10_000, 9_999_999))
    day, month, year = (int(chance.integers(*span)) for span in ((1, 29), (1, 13), (1925, 2015)))
    return [f"{pick(SURNAMES)}, {pick(FORENAMES)}", f"ID {number}  {day:02}.{month:02}.{year}", pick(PRACTICES)]


def screen(
    seed: int,
    rows: int = 600,
    columns: int = 800,
    frames: int = 1,
    size: int = 0,
    colour: tuple[int, int, int] = (255, 255, 255),
    over: bool = False,
    writing: bool = True,
) -> Screen:
    """Three texts in a banner, or in the echoes (`over`); `size`: of the letters, 0: any from 12 to 24."""
    chance = np.random.default_rng(seed)
    words = names(chance)
    places = (
        ((20, 4), (columns // 2, 4), (20, 32))
        if not over
        else ((columns * 2 // 5, rows // 2), (columns * 2 // 5, rows * 3 // 5), (columns // 2 - 80, rows * 7 // 10))
    )
    sizes = [size or int(chance.integers(12, 25)) for _ in words]
    made = Screen(np.zeros((frames, rows, columns, 3), np.uint8))
    for frame in made.frames:
        frame[:] = echoes(chance, rows, columns)[:, :, None]
        boxes = [write(frame, *each, colour) for each in zip(places, words, sizes, strict=True)] if writing else []
    made.boxes = boxes
    return made


def grey(made: Screen) -> Frame:
    """Its frames in grey: frames × rows × columns."""
    grey: Frame = made.frames.max(3)
    return grey


def save(
    path: Path,
    pixels: NDArray[np.integer],
    photometric: str = "",
    syntax: UID = ExplicitVRLittleEndian,
    **attributes: object,
) -> Path:
    """Frames (× rows × columns, × 3 for colour) as a native object."""
    colour = pixels.ndim == 4
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = generate_uid(entropy_srcs=[path.name])
    dataset.Modality, dataset.PatientID = "US", "4711"
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = pixels.shape[:3]
    dataset.SamplesPerPixel = 3 if colour else 1
    dataset.PhotometricInterpretation = photometric or ("RGB" if colour else "MONOCHROME2")
    if colour:
        dataset.PlanarConfiguration = 0
    bits = 8 * pixels.dtype.itemsize
    dataset.BitsAllocated = dataset.BitsStored = bits
    dataset.HighBit, dataset.PixelRepresentation = bits - 1, int(pixels.dtype.kind == "i")
    for name, value in attributes.items():
        setattr(dataset, name, value)
    dataset.HighBit = dataset.BitsStored - 1
    dataset.add_new("PixelData", "OB" if bits == 8 else "OW", pixels.tobytes())
    dataset.save_as(path, enforce_file_format=True)
    return path


def share(box: Box, found: tuple[Box, ...] | list[Box]) -> float:
    """How much of a box is covered by those that were found, 0 to 1."""
    covered = np.zeros((box.height, box.width), np.bool_)
    for one in found:
        covered[
            max(0, one.y - box.y) : max(0, one.bottom - box.y), max(0, one.x - box.x) : max(0, one.right - box.x)
        ] = True
    return float(covered.mean()) if covered.size else 0.0
