"""Objects for the pixel tests, built from nothing: no file of a person, no download."""

from collections.abc import Sequence
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, encapsulate_extended
from pydicom.uid import (
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    SecondaryCaptureImageStorage,
)

from engine.pixels.boxes import Box
from engine.pixels.jpeg_markers import Scan, parse

TEST_FILES = Path(pydicom.__file__).parent / "data" / "test_files"

_GLYPHS = {  # 3 × 5 dots, rows from the top, each row one octal digit
    "A": "25755", "E": "74747", "L": "44447", "M": "57755", "N": "65555", "O": "25552", "R": "65655", "S": "34216",
}  # fmt: skip


def text(word: str, dot: int = 2) -> NDArray[np.bool_]:
    """A word as a bitmap, each dot of a letter `dot` pixels wide."""
    columns = [[[int(row) >> bit & 1 for bit in (2, 1, 0)] + [0] for row in _GLYPHS[letter]] for letter in word]
    dots = np.concatenate([np.array(letter, np.bool_) for letter in columns], axis=1)
    return dots.repeat(dot, axis=0).repeat(dot, axis=1)


def frame_with(word: str, rows: int = 96, columns: int = 128, seed: int = 0) -> NDArray[np.uint8]:
    """A grey frame: speckle below, a word in a dark banner above."""
    frame = np.random.default_rng(seed).normal(90, 25, (rows, columns)).clip(0, 255).astype(np.uint8)
    frame[:16] = 10
    bitmap = text(word)
    frame[3 : 3 + bitmap.shape[0], 5 : 5 + bitmap.shape[1]][bitmap] = 240
    return frame


def colour_with(word: str, rows: int = 96, columns: int = 128, seed: int = 0) -> NDArray[np.uint8]:
    """The same in colour."""
    grey = frame_with(word, rows, columns, seed)
    return np.stack([grey, np.roll(grey, 7, axis=1), np.roll(grey, 5, axis=0)], axis=-1)


def dataset(rows: int, columns: int, frames: int, photometric: str, bits: tuple[int, int]) -> Dataset:
    """An object without pixels. `bits`: allocated, stored."""
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3.4"
    made.PatientName, made.PatientID = "SAMPLE^ANNA", "4711"
    made.SamplesPerPixel = 1 if photometric.startswith(("MONO", "PALETTE")) else 3
    made.PhotometricInterpretation = photometric
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = 0
    made.NumberOfFrames, made.Rows, made.Columns = frames, rows, columns
    made.BitsAllocated, made.BitsStored = bits
    made.HighBit, made.PixelRepresentation = bits[1] - 1, 0
    return made


def save(made: Dataset, path: Path, syntax: UID = ExplicitVRLittleEndian) -> Path:
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.save_as(path, enforce_file_format=True)
    return path


def add_palette(made: Dataset, entries: int, darkest: int) -> None:
    """A palette of 16 bits, random but for one black entry."""
    random = np.random.default_rng(5)
    for colour in ("Red", "Green", "Blue"):
        table = random.integers(5000, 65535, entries).astype("<u2")
        table[darkest] = 0
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [entries, 0, 16])
        setattr(made, f"{colour}PaletteColorLookupTableData", table.tobytes())


def native(
    path: Path, photometric: str, bits: tuple[int, int], syntax: UID = ExplicitVRLittleEndian, *, planar: int = 0,
    signed: bool = False, frames: int = 1, rows: int = 13, columns: int = 10, vr: str = "OW",
) -> Path:  # fmt: skip
    """An object with random native pixels. The bits above Bits Stored are random, too, unless signed."""
    made = dataset(rows, columns, frames, photometric, bits)
    made.PixelRepresentation = int(signed)
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = planar
    if photometric == "PALETTE COLOR":
        add_palette(made, 1 << min(bits[1], 8), 1 if bits[1] == 1 else 37)
    random = np.random.default_rng(sum(map(ord, photometric)) + bits[0] + frames)
    samples = {"YBR_FULL_422": 2}.get(photometric, made.SamplesPerPixel)
    count = frames * rows * columns * samples
    if bits[0] == 1:
        data = np.packbits(random.integers(0, 2, count, np.uint8), bitorder="little").tobytes()
    else:
        values = random.integers(0, 1 << bits[1], count, np.int64)
        if signed:
            values -= 1 << (bits[1] - 1)
        order = ">" if syntax == ExplicitVRBigEndian else "<"
        data = (values & (1 << bits[0]) - 1).astype(f"{order}u{bits[0] // 8}").tobytes()
    data += b"\0" * (len(data) % 2)
    if syntax == ExplicitVRBigEndian and vr == "OW" and bits[0] <= 8:
        data = np.frombuffer(data, np.uint8).reshape(-1, 2)[:, ::-1].tobytes()
    made.PixelData = data
    made["PixelData"].VR = vr
    return save(made, path, syntax)


def jpeg_streams(
    count: int = 1, subsampling: str | None = "420", word: str = "ANNA", *, optimize: bool = False
) -> list[bytes]:
    """JPEG frames, each with a word in its banner; grey if there is no subsampling to name."""
    if subsampling is None:
        return [imagecodecs.jpeg8_encode(frame_with(word, seed=n), 90, optimize=optimize) for n in range(count)]
    return [
        imagecodecs.jpeg8_encode(colour_with(word, seed=n), 90, subsampling=subsampling, optimize=optimize)
        for n in range(count)
    ]


def jpeg(
    path: Path, streams: Sequence[bytes], photometric: str = "YBR_FULL_422", *, rows: int = 96, columns: int = 128,
    bits: tuple[int, int] = (8, 8), frames: int | None = None, table: bool = True, extended: bool = False,
    fragments: int = 1, change: Dataset | None = None,
) -> Path:  # fmt: skip
    """An encapsulated object of JPEG frames."""
    made = dataset(rows, columns, len(streams) if frames is None else frames, photometric, bits)
    made.update(change or Dataset())
    if extended:
        made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(list(streams))
    else:
        made.PixelData = encapsulate(list(streams), fragments_per_frame=fragments, has_bot=table)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return save(made, path, JPEGBaseline8Bit if bits[1] == 8 else JPEGExtended12Bit)


def inside(boxes: Sequence[Box], rows: int, columns: int) -> NDArray[np.bool_]:
    """A mask, rows × columns, of the pixels under the boxes."""
    mask = np.zeros((rows, columns), np.bool_)
    for box in boxes:
        mask[box.y : box.bottom, box.x : box.right] = True
    return mask


def with_restarts(stream: bytes, interval: int) -> bytes:
    """The stream with restart markers put in: each interval its own JPEG scan, cut out and glued together."""
    parsed = parse(stream)
    (scan,) = (part for part in parsed.parts if isinstance(part, Scan))
    assert len(scan.components) == 1
    columns = parsed.frame.columns
    assert columns == 8 * interval, "one row of blocks for each interval"
    pixels = imagecodecs.jpeg8_decode(stream)
    strips = [
        imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[y : y + 8]), 90) for y in range(0, pixels.shape[0], 8)
    ]
    data = [next(part.data for part in parse(strip).parts if isinstance(part, Scan)) for strip in strips]
    body = b"".join(
        bytes(piece) + (b"\xff" + bytes((0xD0 + n % 8,)) if n < len(data) - 1 else b"") for n, piece in enumerate(data)
    )
    start = stream.index(scan.header)
    return stream[:start] + b"\xff\xdd\0\4" + interval.to_bytes(2, "big") + scan.header + body + b"\xff\xd9"


def in_three_scans(stream: bytes) -> bytes:
    """An interleaved 4:4:4 stream taken apart into a scan for each component."""
    pixels = imagecodecs.jpeg8_decode(stream, colorspace="YCBCR", outcolorspace="YCBCR")
    planes = np.moveaxis(pixels, -1, 0)
    parsed = parse(stream)
    head = b"\xff\xd8" + b"".join(part for part in parsed.parts if isinstance(part, bytes))
    for number, (component, plane) in enumerate(zip(parsed.frame.components, planes, strict=True)):
        alone = imagecodecs.jpeg8_encode(np.ascontiguousarray(plane), 90)
        (scan,) = (part for part in parse(alone).parts if isinstance(part, Scan))
        table = scan.components[0]
        body = table.dc.segment_body(0, 0) + table.ac.segment_body(1, 0)
        head += b"\xff\xc4" + (len(body) + 2).to_bytes(2, "big") + body
        head += b"\xff\xda\0\x08\x01" + bytes((component.identifier, 0)) + b"\0\x3f\0" + scan.data
        assert number < 3
    return head + b"\xff\xd9"
