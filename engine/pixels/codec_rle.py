"""RLE Lossless (PS3.5 Annex G): a segment for each byte of a sample, the most significant first. 8, 16 and 32 bits."""

import struct
from typing import Any

import imagecodecs
import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels.decoders.base import RLELosslessDecoder

from engine.errors import Unclean
from engine.pixels.codec import Cells, Codec, fit
from engine.pixels.image import Image

_HEADER = 64
_MOST_SEGMENTS = 15


def decode(stream: bytes, image: Image) -> Cells:
    """A frame. Raises `Unclean` where the segments are not those of the image."""
    if image.bits_allocated not in (8, 16, 32):
        raise Unclean("RLE of this number of Bits Allocated is not supported")
    width, pixels = image.bits_allocated // 8, image.rows * image.columns
    count = image.samples * width
    if len(stream) < _HEADER or count > _MOST_SEGMENTS or struct.unpack_from("<L", stream)[0] != count:
        raise Unclean("a compressed frame has another number of segments than the object says")
    bounds = [*struct.unpack_from(f"<{count}L", stream, 4), len(stream)]
    cells = np.empty((image.rows, image.columns, image.samples, width), np.uint8)
    for number in range(count):
        first, last = bounds[number], bounds[number + 1]
        if not _HEADER <= first < last <= len(stream):
            raise Unclean("the segments of a compressed frame are not in order")
        segment = np.frombuffer(imagecodecs.packbits_decode(stream[first:last]), np.uint8)
        if len(segment) < pixels or segment[pixels:].any():
            raise Unclean("a segment of a compressed frame is not as long as the image")
        sample, byte = divmod(number, width)
        cells[:, :, sample, width - 1 - byte] = segment[:pixels].reshape(image.rows, image.columns)
    return cells.reshape(-1).view(f"<u{width}").reshape(image.rows, image.columns, image.samples)


def again(stream: bytes, image: Image) -> Cells:
    """A frame, by pydicom, which has nothing to do with the encoder."""
    options: dict[str, Any] = {
        "rows": image.rows,
        "columns": image.columns,
        "number_of_frames": 1,
        "samples_per_pixel": image.samples,
        "photometric_interpretation": "RGB" if image.samples == 3 else "MONOCHROME2",
        "planar_configuration": 0,
        "bits_allocated": image.bits_allocated,
        "bits_stored": image.bits_allocated,
        "pixel_representation": 0,
        "pixel_keyword": "PixelData",
    }
    frame, _ = RLELosslessDecoder.as_array(encapsulate([stream]), raw=True, decoding_plugin="pydicom", **options)
    return fit(frame, image, image.bits_allocated)


def encode(cells: Cells, image: Image) -> bytes:
    """A frame's stream. Rows are encoded each by itself, and every segment has an even length (PS3.5 G.3)."""
    width = cells.dtype.itemsize
    planes = np.ascontiguousarray(cells.astype(f"<u{width}")).view(np.uint8)
    planes = planes.reshape(image.rows, image.columns, image.samples, width)
    segments = []
    for sample in range(image.samples):
        for byte in reversed(range(width)):
            plane = np.ascontiguousarray(planes[:, :, sample, byte])
            packed = b"".join(imagecodecs.packbits_encode(row.tobytes()) for row in plane)
            segments.append(packed + b"\0" * (len(packed) % 2))
    offsets = [_HEADER]
    for segment in segments[:-1]:
        offsets.append(offsets[-1] + len(segment))
    header = struct.pack(f"<{1 + len(segments)}L", len(segments), *offsets)
    return header.ljust(_HEADER, b"\0") + b"".join(segments)


RLE = Codec(decode, b"", encode, again, bits=(1, 32), whole=True)
