"""How the samples of an image become what a person would see: colours, palettes and windows.

A cine is put together from its samples as they are stored, and only the few pictures that are looked at are made here.
Must not know frames one by one, nor how text is found.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import convert_color_space

from engine.errors import Unclean
from engine.pixels.codec import Cells, extended
from engine.pixels.image import Image
from engine.pixels.palette import palette
from engine.text.model import Picture

Values = NDArray[np.number[Any]]
"""Rows × columns (grey) or rows × columns × 3: numbers that may be compared and averaged."""

GREY = ("MONOCHROME1", "MONOCHROME2")
RGB = ("RGB", "YBR_RCT", "YBR_ICT")
"""Colours as they come out of the codecs: the transforms of JPEG 2000 are undone there."""
YBR = ("YBR_FULL", "YBR_FULL_422")

LEAST, MOST = 0.5, 99.5
"""Percentiles between which deep grey is spread: a few bright pixels leave the rest no contrast otherwise."""


@dataclass(frozen=True)
class Shades:
    """What is needed to show the frames of one image. `window`: as the header wants them shown, in stored values."""

    image: Image
    palette: Picture | None
    window: tuple[float, float] | None

    @classmethod
    def of(cls, head: Dataset, image: Image) -> "Shades":
        """Raises `Unclean` for what cannot be shown."""
        if image.photometric not in (*GREY, *RGB, *YBR, "PALETTE COLOR"):
            raise Unclean("text cannot be looked for in images of this Photometric Interpretation")
        colours = palette(head, image) if image.photometric == "PALETTE COLOR" else None
        return cls(image, colours, _window(head) if image.photometric in GREY else None)

    def values(self, cells: Cells) -> Values:
        """The samples of a frame as numbers: other bits left out, signs seen, palettes looked up, YBR as it is."""
        image = self.image
        shift = image.high_bit + 1 - image.bits_stored
        plain = image.bits_stored == 8 * cells.dtype.itemsize
        within = cells if plain else (cells >> shift) & cells.dtype.type((1 << image.bits_stored) - 1)
        if self.palette is not None:
            return self.palette[within[:, :, 0]]
        values: Values = within
        if image.signed:
            unsigned: Cells = within.astype(cells.dtype)
            values = extended(unsigned, image.bits_stored).view(f"i{cells.dtype.itemsize}")
        return values[:, :, 0] if image.samples == 1 else values

    @property
    def dark_is_high(self) -> bool:
        """MONOCHROME1."""
        return self.image.photometric == "MONOCHROME1"

    @property
    def deep(self) -> bool:
        """Grey with more shades than a picture has."""
        return self.image.photometric in GREY and (self.image.bits_stored > 8 or self.image.signed)

    def colour(self, values: Values) -> Picture:
        """Values with three channels as red, green, blue."""
        if self.image.photometric in YBR:
            values = convert_color_space(_eight(values, self.image.bits_stored), "YBR_FULL", "RGB")
        return _eight(values, 8 if self.palette is not None or values.dtype == np.uint8 else self.image.bits_stored)

    def spread(self, values: Values) -> tuple[float, float]:
        """The darkest and the brightest value to tell apart: all, or of deep grey the percentiles."""
        if not self.deep:
            return 0.0, float((1 << self.image.bits_stored) - 1)
        # Every third in both directions is enough for a percentile, and a ninth of the work.
        low, high = np.percentile(values[::3, ::3], (LEAST, MOST))
        return (float(low), float(high)) if high > low else (float(values.min()), float(values.max()))

    def grey(self, values: Values, low: float, high: float) -> Picture:
        """Values of one channel between two as black to white (MONOCHROME1: the other way round)."""
        return grey(values, low, high, self.dark_is_high)


def grey(values: NDArray[np.generic], low: float, high: float, turned: bool = False) -> Picture:
    """One channel as a picture: `low` is black, `high` white; `turned`: the other way round."""
    if values.dtype == np.uint8 and (low, high) == (0, 255):
        eight = values.astype(np.uint8)
    else:
        scaled = (values.astype(np.float32) - np.float32(low)) * np.float32(255 / (high - low) if high > low else 0)
        eight = np.clip(scaled, 0, 255).astype(np.uint8)
    eight = 255 - eight if turned else eight
    return np.broadcast_to(eight[:, :, None], (*eight.shape, 3))


def _eight(colours: NDArray[np.generic], bits: int = 0) -> Picture:
    shift = (bits or 8 * colours.dtype.itemsize) - 8
    return (colours.astype(np.int64) >> max(0, shift)).astype(np.uint8)


def _window(head: Dataset) -> tuple[float, float] | None:
    """The first window of the header, back through slope and intercept; None where there is none that can be used."""
    if "ModalityLUTSequence" in head:
        return None
    slope, intercept = _number(head, "RescaleSlope", 1), _number(head, "RescaleIntercept", 0)
    centre, width = _number(head, "WindowCenter"), _number(head, "WindowWidth")
    if centre is None or width is None or not slope or intercept is None or width < 1:
        return None
    low, high = sorted(((centre - width / 2 - intercept) / slope, (centre + width / 2 - intercept) / slope))
    return low, high


def _number(head: Dataset, keyword: str, default: float | None = None) -> float | None:
    value = head.get(keyword)
    several = value if isinstance(value, (list, tuple)) or hasattr(value, "insert") else [value]
    return default if not several or several[0] in (None, "") else float(several[0])
