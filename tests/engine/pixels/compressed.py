"""Compressed objects for the pixel tests, in every transfer syntax that is cleaned by decoding, and decoders for them.

The decoders are called directly, not through the engine's codecs.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, encapsulate_extended, generate_frames
from pydicom.pixels import pixel_array
from pydicom.uid import UID, UltrasoundMultiFrameImageStorage

from engine.pixels.codecs import CODECS
from engine.pixels.image import Image
from tests.engine.pixels.samples import add_palette, dataset, save, text

ROWS, COLUMNS = 40, 52
Samples = NDArray[np.integer]


@dataclass(frozen=True)
class Kind:
    """A kind of image; `bits`: allocated, stored."""

    photometric: str
    bits: tuple[int, int] = (8, 8)
    signed: bool = False

    @property
    def samples(self) -> int:
        return 1 if self.photometric[:4] in ("MONO", "PALE") else 3

    @property
    def decoded(self) -> str:
        """What the samples in memory are."""
        return "RGB" if self.photometric in ("YBR_RCT", "YBR_ICT") else self.photometric.replace("_422", "")

    def __str__(self) -> str:
        return f"{self.photometric}-{self.bits[0]}-{self.bits[1]}{'-signed' if self.signed else ''}"

    def image(self, rows: int = ROWS, columns: int = COLUMNS) -> Image:
        """As the engine describes a frame of it in memory."""
        planar = 0 if self.samples == 3 else None
        allocated, stored = self.bits
        return Image(rows, columns, 1, self.samples, self.decoded, planar, allocated, stored, stored - 1, self.signed)

    def black(self) -> tuple[int, ...]:
        """The value of a blank pixel, by PS3.3 C.7.6.3.1.2; of a palette the entry that `add_palette` makes dark."""
        stored = self.bits[1]
        if self.photometric == "PALETTE COLOR":
            return (37,)
        if self.photometric == "MONOCHROME1":
            return (2 ** (stored - 1) - 1 if self.signed else 2**stored - 1,)
        if self.photometric == "MONOCHROME2":
            return (-(2 ** (stored - 1)) if self.signed else 0,)
        return (0, 2 ** (stored - 1), 2 ** (stored - 1)) if self.decoded == "YBR_FULL" else (0, 0, 0)


def frame(kind: Kind, number: int = 0, rows: int = ROWS, columns: int = COLUMNS) -> Samples:
    """Rows × columns × samples: waves and noise, and a word on top; every frame another one."""
    random = np.random.default_rng(number)
    y, x = np.mgrid[0:rows, 0:columns]
    wave = (np.sin(x / 5 + number) + np.cos(y / 7) + 2) / 4
    colours = [np.roll(wave, 3 * n, axis=1) for n in range(kind.samples)]
    most = 2 ** kind.bits[1] - 1
    made = np.stack(colours, axis=-1) * most * 0.9 + random.integers(0, max(2, most // 20), (rows, columns, 1))
    if rows > 13 and columns > 36:
        made[2:12, 3:35][text("ANNA")[:, :32]] = most
    made = made.clip(0, most).astype(np.int64)
    if kind.signed:
        made -= 1 << (kind.bits[1] - 1)
    return made.astype(f"<{'i' if kind.signed else 'u'}{kind.bits[0] // 8}")


def _narrow(samples: Samples) -> Samples:
    return np.ascontiguousarray(samples[:, :, 0] if samples.shape[2] == 1 else samples)


def _lossless(uid: str) -> Callable[[Samples, Kind], bytes]:
    def encode(samples: Samples, kind: Kind) -> bytes:
        image = kind.image(*samples.shape[:2])
        codec = CODECS[uid]
        assert codec.encode is not None
        return codec.encode(samples.view(f"<u{kind.bits[0] // 8}"), image)

    return encode


def predicted(predictor: int) -> Callable[[Samples, Kind], bytes]:
    """JPEG Lossless with another selection value."""

    def encode(samples: Samples, kind: Kind) -> bytes:
        bits = kind.bits[1] if kind.bits[1] > 8 else 8
        mask = (1 << kind.bits[1]) - 1
        bare = (samples.view(f"<u{kind.bits[0] // 8}") & mask).astype(np.uint8 if bits == 8 else np.uint16)
        space = "RGB" if kind.samples == 3 else None
        return bytes(
            imagecodecs.jpeg8_encode(
                _narrow(bare), lossless=True, predictor=predictor, bitspersample=bits, colorspace=space,
                outcolorspace=space,
            )
        )  # fmt: skip

    return encode


def _near_lossless(samples: Samples, kind: Kind) -> bytes:
    mask = (1 << kind.bits[1]) - 1
    bare = (samples.view(f"<u{kind.bits[0] // 8}") & mask).clip(4, mask - 4)  # so that no loss leaves Bits Stored
    return bytes(imagecodecs.jpegls_encode(_narrow(bare.astype(np.uint8 if kind.bits[1] <= 8 else np.uint16)), level=2))


def _irreversible(samples: Samples, kind: Kind) -> bytes:
    bare = _narrow(samples if kind.bits[1] > 8 else samples.astype(np.int8 if kind.signed else np.uint8))
    space = "SRGB" if kind.photometric == "YBR_ICT" else "UNSPECIFIED"
    options: dict[str, Any] = {"codecformat": "J2K", "reversible": False, "mct": space == "SRGB", "colorspace": space}
    return bytes(imagecodecs.jpeg2k_encode(bare, level=45, bitspersample=kind.bits[1], **options))


def _irreversible_htj2k(samples: Samples, kind: Kind) -> bytes:
    least = -(1 << (kind.bits[1] - 1)) if kind.signed else 0
    room = 1 << (kind.bits[1] - 4)  # so that no loss leaves Bits Stored: the encoder knows only whole bytes
    kept = samples.clip(least + room, least + (1 << kind.bits[1]) - 1 - room)
    bare = _narrow(kept if kind.bits[1] > 8 else kept.astype(np.int8 if kind.signed else np.uint8))
    return bytes(imagecodecs.htj2k_encode(bare, level=0.002, reversible=False, rgb=kind.photometric == "YBR_ICT"))


RLE = "1.2.840.10008.1.2.5"
ENCODERS: dict[str, Callable[[Samples, Kind], bytes]] = {
    RLE: _lossless(RLE),
    "1.2.840.10008.1.2.4.57": predicted(6),
    "1.2.840.10008.1.2.4.81": _near_lossless,
    "1.2.840.10008.1.2.4.91": _irreversible,
    "1.2.840.10008.1.2.4.203": _irreversible_htj2k,
} | {uid: _lossless(uid) for uid in (f"1.2.840.10008.1.2.4.{n}" for n in (70, 80, 90, 201, 202))}
LOSSY = ("1.2.840.10008.1.2.4.81", "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.203")
OF_JPEG_2000 = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (90, 91, 201, 202, 203))


def name(uid: str) -> str:
    """The last number of a transfer syntax, for the names of tests."""
    return uid.rpartition(".")[2]


def write(
    path: Path, uid: str, streams: Sequence[bytes], kind: Kind, *, rows: int = ROWS, columns: int = COLUMNS,
    frames: int | None = None, table: bool = True, extended: bool = False, fragments: int = 1,
    change: Dataset | None = None,
) -> Path:  # fmt: skip
    """An encapsulated object of these streams."""
    made = dataset(rows, columns, len(streams) if frames is None else frames, kind.photometric, kind.bits)
    made.SOPClassUID, made.PixelRepresentation = UltrasoundMultiFrameImageStorage, int(kind.signed)
    if kind.photometric == "PALETTE COLOR":
        add_palette(made, 256, 37)
    if uid in LOSSY:
        made.LossyImageCompression, made.LossyImageCompressionRatio = "01", "10.5"
        made.LossyImageCompressionMethod = "ISO_15444_1"
    made.update(change or Dataset())
    if extended:
        made.PixelData, made.ExtendedOffsetTable, made.ExtendedOffsetTableLengths = encapsulate_extended(list(streams))
    else:
        made.PixelData = encapsulate(list(streams), fragments_per_frame=fragments, has_bot=table)
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    return save(made, path, UID(uid))


def compressed(path: Path, uid: str, kind: Kind, count: int = 1, **how: Any) -> Path:
    """An object of so many frames of this kind in this transfer syntax."""
    rows, columns = how.get("rows", ROWS), how.get("columns", COLUMNS)
    return write(path, uid, [ENCODERS[uid](frame(kind, n, rows, columns), kind) for n in range(count)], kind, **how)


def streams_of(path: Path) -> list[bytes]:
    """The compressed frames of an object."""
    found = dcmread(path)
    return list(generate_frames(found.PixelData, number_of_frames=int(found.NumberOfFrames)))


def decoded(path: Path, kind: Kind) -> Samples:
    """Frames × rows × columns × samples, as the decoders give them: of JPEG Lossless another than the encoder's."""
    found = dcmread(path)
    uid = found.file_meta.TransferSyntaxUID
    if uid == RLE:
        return pixel_array(found, raw=True).reshape(-1, found.Rows, found.Columns, kind.samples)
    decode = imagecodecs.jpeg2k_decode
    if uid.endswith((".57", ".70")):
        decode = imagecodecs.jpegsof3_decode
    elif uid.endswith((".80", ".81")):
        decode = imagecodecs.jpegls_decode
    frames = [np.asarray(decode(stream)) for stream in streams_of(path)]
    whole = np.stack(frames).reshape(len(frames), found.Rows, found.Columns, kind.samples)
    if kind.signed and whole.dtype.kind == "u":
        shift = 8 * whole.dtype.itemsize - kind.bits[1]
        whole = (whole << shift).view(f"i{whole.dtype.itemsize}") >> shift
    return whole
