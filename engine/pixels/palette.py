"""The colours of PALETTE COLOR (PS3.3 C.7.6.3.1.5 and C.7.9.2), in either byte order. Must not know pixels."""

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from engine.errors import Unclean
from engine.pixels.image import Image

Picture = NDArray[np.uint8]

_COLOURS = ("Red", "Green", "Blue")


def palette(head: Dataset, image: Image) -> Picture:
    """For each stored value its red, green and blue. Raises `Unclean` without usable tables."""
    if image.bits_stored > 16 or image.signed:
        raise Unclean("a palette for such samples cannot be shown")
    numbers = np.arange(1 << image.bits_stored)
    if "SegmentedRedPaletteColorLookupTableData" in head and "RedPaletteColorLookupTableData" not in head:
        return _eight(apply_color_lut(numbers.astype(np.uint16), head)[:, :3])
    return _eight(np.stack([_table(head, colour, numbers) for colour in _COLOURS], 1))


def _table(head: Dataset, colour: str, numbers: NDArray[np.int_]) -> NDArray[np.integer]:
    described = head.get(f"{colour}PaletteColorLookupTableDescriptor")
    data = head.get(f"{colour}PaletteColorLookupTableData")
    if described is None or not isinstance(data, bytes) or len(described) != 3:
        raise Unclean("the palette is missing or not as it says")
    entries, first = int(described[0]) or 1 << 16, int(described[1]) & 0xFFFF
    # Entries of 8 bits may lie in 16 each: what counts is how long the table is.
    width = len(data) // entries
    if width not in (1, 2):
        raise Unclean("the palette is missing or not as it says")
    order = "<" if head.original_encoding[1] is not False else ">"
    values = np.frombuffer(data, f"{order}u{width}", entries)
    return values[np.clip(numbers - first, 0, entries - 1)]


def _eight(colours: NDArray[np.integer]) -> Picture:
    """Sixteen bits as eight, unless only eight of them are in use."""
    return (colours >> 8 if int(colours.max()) > 255 else colours).astype(np.uint8)
