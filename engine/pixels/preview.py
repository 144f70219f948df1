"""Frames of an object as 8-bit pictures, to show a person before and after. Proves nothing.

Must not be used to decide anything: contrast is stretched and colours are converted. Knows codecs only by name.
"""

from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import FileDataset
from pydicom.encaps import get_frame
from pydicom.pixels.processing import apply_modality_lut, apply_windowing, convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)

from engine.errors import Unclean
from engine.pixels.damage import damage_is_unclean
from engine.pixels.image import describe
from engine.pixels.palette import palette
from engine.pixels.rulers import png

Picture = NDArray[np.uint8]
_JPEG = (JPEGBaseline8Bit, JPEGExtended12Bit, JPEGLossless, JPEGLosslessSV1)
_JPEG_LS = (JPEGLSLossless, JPEGLSNearLossless)
_JPEG_2000 = (JPEG2000Lossless, JPEG2000, HTJ2KLossless, HTJ2KLosslessRPCL, HTJ2K)


LARGEST = 1024
"""Pixels, across and down, of a picture that is kept."""


@dataclass(frozen=True)
class Shown:
    """A few frames as PNG files. frames: each with its number, from 1, of `of`; columns and rows are the object's."""

    columns: int
    rows: int
    of: int
    frames: tuple[tuple[int, bytes], ...]


LARGEST_FRAME = 1 << 25
"""Pixels of a frame that is drawn at its full size."""


@dataclass(frozen=True)
class FullFrame:
    """One frame as a PNG file, pixel by pixel. frame: its number, from 1, of `of`."""

    columns: int
    rows: int
    frame: int
    of: int
    png: bytes


def preview(source: Path, frame: int = 0) -> Picture:
    """Frame number `frame` (from 0) as rows × columns (grey) or rows × columns × 3 (RGB), uint8.

    Grey of more than 8 bits is shown through the object's first window, or from its darkest to its brightest value.
    Raises `Unclean` if the object cannot be shown.
    """
    with damage_is_unclean():
        return _picture(dcmread(source), frame)


def show(source: Path, _scratch: Path) -> Shown:
    """The first, the middle and the last frame, no larger than `LARGEST`. Raises `Unclean` as `preview` does."""
    with damage_is_unclean():
        dataset = dcmread(source)
        frames = _frames(dataset)
        numbers = sorted({0, frames // 2, frames - 1})
        drawn = tuple((number + 1, png(_smaller(_picture(dataset, number)))) for number in numbers)
        return Shown(int(dataset.Columns), int(dataset.Rows), frames, drawn)


def show_frame(source: Path, _scratch: Path, frame: int) -> FullFrame:
    """One frame (from 1) as large as it is. Raises `Unclean` as `preview` does, and for one that is too large."""
    with damage_is_unclean():
        dataset = dcmread(source)
        columns, rows = int(dataset.get("Columns") or 0), int(dataset.get("Rows") or 0)
        if columns * rows > LARGEST_FRAME:
            raise Unclean("its frames are too large to be shown")
        return FullFrame(columns, rows, frame, _frames(dataset), png(_picture(dataset, frame - 1)))


def _picture(dataset: FileDataset, frame: int) -> Picture:
    frames = _frames(dataset)
    if "PixelData" not in dataset or not 0 <= frame < frames:
        raise Unclean("there is no such frame to show")
    syntax = dataset.file_meta.TransferSyntaxUID
    if not syntax.is_encapsulated or syntax in (RLELossless, DeflatedExplicitVRLittleEndian):
        stored = pixel_array(dataset, index=frame)  # pydicom brings YBR to RGB here
    else:
        stored = _decoded(get_frame(dataset.PixelData, frame, number_of_frames=frames), syntax, dataset)
    return np.ascontiguousarray(_shown(stored, dataset))


def _frames(dataset: FileDataset) -> int:
    return int(dataset.get("NumberOfFrames") or 1)


def _smaller(picture: Picture) -> Picture:
    """Every second pixel, or every third …, as far as it is too large: what is there is seen, and that is enough."""
    step = -(-max(picture.shape[:2]) // LARGEST)
    return np.ascontiguousarray(picture[::step, ::step])


def _decoded(stream: bytes, syntax: UID, dataset: FileDataset) -> NDArray[np.generic]:
    if syntax in _JPEG:
        rgb = dataset.PhotometricInterpretation == "RGB" and b"JFIF" not in stream[:32]
        return imagecodecs.jpeg_decode(stream, colorspace="RGB" if rgb else None)
    if syntax in _JPEG_LS:
        decoded = imagecodecs.jpegls_decode(stream)
    elif syntax in _JPEG_2000:
        decoded = imagecodecs.jpeg2k_decode(stream)  # undoes YBR_RCT and YBR_ICT, which belong to the codestream
    else:
        raise Unclean("this transfer syntax cannot be shown")
    if dataset.PhotometricInterpretation.startswith("YBR_FULL"):
        return convert_color_space(decoded, "YBR_FULL", "RGB")
    return decoded


def _shown(stored: NDArray[np.generic], dataset: FileDataset) -> Picture:
    if dataset.PhotometricInterpretation == "PALETTE COLOR":
        colours: Picture = palette(dataset, describe(dataset))[stored]
        return colours
    if stored.ndim == 3:
        return _eight_bits(stored)
    windowed = dataset.get("WindowCenter") is not None
    if stored.dtype == np.uint8 and not windowed and dataset.BitsStored == 8:
        grey: Picture = stored.astype(np.uint8)
    else:
        values = apply_modality_lut(stored, dataset)
        grey = _stretched(apply_windowing(values, dataset) if windowed else values)
    return 255 - grey if dataset.PhotometricInterpretation == "MONOCHROME1" else grey


def _eight_bits(colours: NDArray[np.generic]) -> Picture:
    shift = 8 * (colours.dtype.itemsize - 1)
    return (colours.astype(np.int64) >> shift).astype(np.uint8)


def _stretched(values: NDArray[np.generic]) -> Picture:
    numbers = values.astype(np.float64)
    least, most = float(numbers.min()), float(numbers.max())
    return ((numbers - least) * (255 / (most - least) if most > least else 0)).astype(np.uint8)
