"""Which stored value is black (PS3.3 C.7.6.3.1.2), in each Photometric Interpretation that native pixels may have.

All allocated bits are decided, so that nothing survives in bits above Bits Stored. Must not know files.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.pixels.processing import apply_color_lut

from engine.errors import Unclean
from engine.pixels.image import Image


def black(image: Image, head: Dataset) -> tuple[int, ...]:
    """The fill of each sample of a pixel as an unsigned number of Bits Allocated bits.

    YBR_FULL_422 has Y, Y, CB, CR for a pair of pixels. `head` is asked only for the palette.
    Raises `Unclean` for another Photometric Interpretation or a palette whose darkest colour cannot be told.
    """
    most, middle = (1 << image.bits_stored) - 1, 1 << (image.bits_stored - 1)
    match image.photometric:
        case "MONOCHROME1":
            return (_stored(image, middle - 1 if image.signed else most),)
        case "MONOCHROME2":
            return (_stored(image, -middle if image.signed else 0),)
        case "RGB":
            return (0, 0, 0)
        case "YBR_FULL":
            return (0, _stored(image, middle), _stored(image, middle))
        case "YBR_FULL_422":
            return (0, 0, _stored(image, middle), _stored(image, middle))
        case "PALETTE COLOR":
            return (_stored(image, _darkest(image, head)),)
        case _:
            raise Unclean("this Photometric Interpretation is not supported in uncompressed pixels")


def _stored(image: Image, value: int) -> int:
    """A value as it stands in the allocated bits: shifted to High Bit, its sign extended."""
    return value << (image.high_bit + 1 - image.bits_stored) & (1 << image.bits_allocated) - 1


def _darkest(image: Image, head: Dataset) -> int:
    """The first index of the darkest colour of the palette (PS3.3 C.7.6.3.1.5, segmented: C.7.9.2)."""
    descriptor = head.get("RedPaletteColorLookupTableDescriptor")
    if descriptor is None or len(descriptor) != 3:
        raise Unclean("the palette of the image is missing")
    entries, first = int(descriptor[0]) or 1 << 16, int(descriptor[1])
    indices = np.arange(first, first + entries)
    least, most = (
        (-(1 << image.bits_stored - 1), (1 << image.bits_stored - 1) - 1)
        if image.signed
        else (0, (1 << image.bits_stored) - 1)
    )
    indices = indices[(indices >= least) & (indices <= most)]
    if not indices.size:
        raise Unclean("the palette of the image has no colour that a pixel can have")
    colours = apply_color_lut(indices, head).astype(np.float64)
    return int(indices[np.argmin(colours @ np.array([0.299, 0.587, 0.114]))])
