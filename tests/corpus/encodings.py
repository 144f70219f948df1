"""Screens as DICOM files: every transfer syntax that can be written here, in every photometric interpretation.

Nothing of the engine is used, neither to write nor to read: what it does is judged by others.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.processing import convert_color_space
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from tests.corpus.screens import Screen

Samples = NDArray[np.generic]
"""Frames × rows × columns × samples, as they are stored."""
Stream = Callable[[Samples], bytes]

NATIVE = (ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)


@dataclass(frozen=True)
class Encoding:
    """`stream` encodes one frame (rows × columns [× samples]); native and RLE have none. `unit`: columns and
    rows that can only be blanked together, and how far around them that can be seen in the colours."""

    name: str
    syntax: UID
    photometric: str
    bits: int = 8
    planar: int = 0
    stream: Stream | None = None
    unit: tuple[int, int, int] = (1, 1, 0)

    @property
    def grey(self) -> bool:
        """Whether there is one sample for a pixel."""
        return self.photometric.startswith(("MONO", "PALETTE"))


def _jpeg(frame: Samples, **how: object) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(frame, 90, **how))


def _lossless(frame: Samples, predictor: int, bits: int) -> bytes:
    space = None if frame.ndim == 2 else "RGB"
    return bytes(
        imagecodecs.jpeg8_encode(
            frame, lossless=True, predictor=predictor, bitspersample=bits, colorspace=space, outcolorspace=space
        )
    )


def _jpegls(frame: Samples, near: int) -> bytes:
    return bytes(imagecodecs.jpegls_encode(frame, level=near, out=frame.nbytes * 2 + 4096))


def _jpeg2k(frame: Samples, bits: int, transform: bool, reversible: bool) -> bytes:
    space = "SRGB" if transform else "UNSPECIFIED"
    how = {} if reversible else {"level": 42}
    return bytes(
        imagecodecs.jpeg2k_encode(
            frame, codecformat="J2K", reversible=reversible, mct=transform, bitspersample=bits, colorspace=space, **how
        )
    )


def _htj2k(frame: Samples, transform: bool, **how: object) -> bytes:
    return bytes(imagecodecs.htj2k_encode(frame, rgb=transform, **how))


def _all() -> tuple[Encoding, ...]:
    found = []
    for short, syntax in zip(("implicit", "explicit", "big-endian", "deflated"), NATIVE, strict=True):
        for photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL", "YBR_FULL_422"):
            unit = (2, 1, 0) if photometric == "YBR_FULL_422" else (1, 1, 0)
            found.append(Encoding(f"{short} {photometric}", syntax, photometric, unit=unit))
        found.append(Encoding(f"{short} MONOCHROME2 12 bits", syntax, "MONOCHROME2", 12))
        found.append(Encoding(f"{short} MONOCHROME1 16 bits", syntax, "MONOCHROME1", 16))
        found.append(Encoding(f"{short} RGB by plane", syntax, "RGB", planar=1))
        found.append(Encoding(f"{short} YBR_FULL by plane", syntax, "YBR_FULL", planar=1))
    for photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL"):
        # pydicom stores colour by plane in RLE, and says so.
        planar = int(photometric in ("RGB", "YBR_FULL"))
        found.append(Encoding(f"RLE {photometric}", RLELossless, photometric, planar=planar))
    found.append(Encoding("RLE MONOCHROME2 12 bits", RLELossless, "MONOCHROME2", 12))
    for photometric in ("MONOCHROME1", "MONOCHROME2"):
        found.append(Encoding(f"JPEG {photometric}", JPEGBaseline8Bit, photometric, stream=_jpeg, unit=(8, 8, 0)))
        twelve = partial(_jpeg, bitspersample=12)
        found.append(Encoding(f"JPEG 12 bits {photometric}", JPEGExtended12Bit, photometric, 12, 0, twelve, (8, 8, 0)))
    for sampling, photometric, unit in (
        ("444", "YBR_FULL", (8, 8, 0)),
        ("422", "YBR_FULL_422", (16, 8, 1)),
        ("420", "YBR_FULL_422", (16, 16, 1)),
    ):
        stream = partial(_jpeg, subsampling=sampling)
        found.append(Encoding(f"JPEG {photometric} {sampling}", JPEGBaseline8Bit, photometric, 8, 0, stream, unit))
    stream = partial(_jpeg, colorspace="RGB", outcolorspace="RGB", subsampling="444")
    found.append(Encoding("JPEG RGB", JPEGBaseline8Bit, "RGB", 8, 0, stream, (8, 8, 0)))
    stream = partial(_jpeg, subsampling="420")
    found.append(Encoding("JPEG extended YBR_FULL_422", JPEGExtended12Bit, "YBR_FULL_422", 8, 0, stream, (16, 16, 1)))
    for short, syntax, predictor in (("JPEG lossless", JPEGLossless, 6), ("JPEG lossless SV1", JPEGLosslessSV1, 1)):
        for photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL"):
            stream = partial(_lossless, predictor=predictor, bits=8)
            found.append(Encoding(f"{short} {photometric}", syntax, photometric, stream=stream))
        stream = partial(_lossless, predictor=predictor, bits=12)
        found.append(Encoding(f"{short} MONOCHROME2 12 bits", syntax, "MONOCHROME2", 12, stream=stream))
    for short, syntax, near in (("JPEG-LS", JPEGLSLossless, 0), ("JPEG-LS near", JPEGLSNearLossless, 2)):
        stream = partial(_jpegls, near=near)
        for photometric in ("MONOCHROME1", "MONOCHROME2", "RGB", "YBR_FULL", *(() if near else ("PALETTE COLOR",))):
            found.append(Encoding(f"{short} {photometric}", syntax, photometric, stream=stream))
        found.append(Encoding(f"{short} MONOCHROME2 12 bits", syntax, "MONOCHROME2", 12, stream=stream))
    for short, syntax, reversible in (("JPEG 2000 lossless", JPEG2000Lossless, True), ("JPEG 2000", JPEG2000, False)):
        plain = partial(_jpeg2k, bits=8, transform=False, reversible=reversible)
        for photometric in (
            "MONOCHROME1",
            "MONOCHROME2",
            "RGB",
            *(("PALETTE COLOR", "YBR_FULL") if reversible else ()),
        ):
            found.append(Encoding(f"{short} {photometric}", syntax, photometric, stream=plain))
        stream = partial(_jpeg2k, bits=8, transform=True, reversible=reversible)
        photometric = "YBR_RCT" if reversible else "YBR_ICT"
        found.append(Encoding(f"{short} {photometric}", syntax, photometric, stream=stream))
        stream = partial(_jpeg2k, bits=12, transform=False, reversible=reversible)
        found.append(Encoding(f"{short} MONOCHROME2 12 bits", syntax, "MONOCHROME2", 12, stream=stream))
    for short, syntax, how in (
        ("HTJ2K lossless", HTJ2KLossless, {"reversible": True}),
        ("HTJ2K RPCL", HTJ2KLosslessRPCL, {"reversible": True, "tlm": True, "tilepart": 1}),
        ("HTJ2K", HTJ2K, {"reversible": False, "level": 0.002}),
    ):
        plain, mixed = partial(_htj2k, transform=False, **how), partial(_htj2k, transform=True, **how)
        found.append(Encoding(f"{short} MONOCHROME2", syntax, "MONOCHROME2", stream=plain))
        if how["reversible"]:
            # The encoder says 16 bits in its streams; with loss, samples would run over the 12 that are stored.
            found.append(Encoding(f"{short} MONOCHROME2 12 bits", syntax, "MONOCHROME2", 12, stream=plain))
        photometric = "YBR_RCT" if how["reversible"] else "YBR_ICT"
        found.append(Encoding(f"{short} {photometric}", syntax, photometric, stream=mixed))
    return tuple(found)


ENCODINGS = _all()


def write(screen: Screen, encoding: Encoding, path: Path) -> Path:
    """The screen in this encoding, as the device of its layout would have sent it."""
    samples = _stored(screen, encoding)
    made = _header(screen, encoding, samples)
    put(made, samples, encoding)
    made.save_as(path, enforce_file_format=True)
    return path


def put(made: Dataset, samples: Samples, encoding: Encoding) -> None:
    """The samples as the pixels of a data set in this encoding; as RGB where the encoding itself converts colours."""
    if encoding.syntax == RLELossless:
        made.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian  # pydicom compresses what is not
    if encoding.stream is not None:
        frames = [frame[:, :, 0] if frame.shape[-1] == 1 else frame for frame in samples]
        made.PixelData = encapsulate([encoding.stream(np.ascontiguousarray(frame)) for frame in frames])
        made["PixelData"].VR = "OB"
        made["PixelData"].is_undefined_length = True
    else:
        made.PixelData = _native(samples, encoding)
        made["PixelData"].VR = "OB" if encoding.bits <= 8 else "OW"
        made["PixelData"].is_undefined_length = False
    if encoding.syntax == RLELossless:
        made.PlanarConfiguration = 0
        if encoding.grey:
            del made.PlanarConfiguration
        made.compress(RLELossless, generate_instance_uid=False)


def read(path: Path) -> Samples:
    """The samples as they are stored, by pydicom, or by a decoder other than the encoder's where there is one."""
    dataset = dcmread(path)
    syntax, frames = dataset.file_meta.TransferSyntaxUID, int(dataset.get("NumberOfFrames") or 1)
    if syntax in NATIVE or syntax == RLELossless:
        return pixel_array(dataset, raw=True).reshape(frames, dataset.Rows, dataset.Columns, -1)
    decode = partial(_decoded, syntax=syntax, colour=dataset.SamplesPerPixel == 3)
    streams = generate_frames(dataset.PixelData, number_of_frames=frames)
    return np.stack([decode(stream).reshape(dataset.Rows, dataset.Columns, -1) for stream in streams])


def pictures(path: Path) -> NDArray[np.uint8]:
    """Frames × rows × columns, as bright as a person would see them."""
    dataset, samples = dcmread(path, stop_before_pixels=True), read(path)
    photometric = dataset.PhotometricInterpretation
    if photometric in ("RGB", "YBR_RCT", "YBR_ICT"):
        return samples.max(axis=3).astype(np.uint8)
    grey = samples[:, :, :, 0] >> (dataset.BitsStored - 8)
    return (255 - grey if photometric in ("MONOCHROME1", "PALETTE COLOR") else grey).astype(np.uint8)


def _stored(screen: Screen, encoding: Encoding) -> Samples:
    if encoding.grey:
        grey = screen.frames.max(axis=3, keepdims=True)
        if encoding.photometric in ("MONOCHROME1", "PALETTE COLOR"):
            grey = 255 - grey
        return grey if encoding.bits == 8 else grey.astype(np.uint16) << (encoding.bits - 8)
    # The colour space of a JPEG stream is made by its encoder.
    inside = encoding.unit[0] > 2 or encoding.photometric in ("RGB", "YBR_RCT", "YBR_ICT")
    return screen.frames if inside else convert_color_space(screen.frames, "RGB", "YBR_FULL")


def _native(samples: Samples, encoding: Encoding) -> bytes:
    if encoding.photometric == "YBR_FULL_422":
        frames, rows, columns, _ = samples.shape
        pairs = samples.reshape(frames, rows, columns // 2, 2, 3)
        both = np.concatenate([pairs[:, :, :, :, 0], pairs[:, :, :, 0, 1:]], axis=3)
        data = both.tobytes()
    else:
        ordered = samples.transpose(0, 3, 1, 2) if encoding.planar and encoding.syntax != RLELossless else samples
        order = ">" if encoding.syntax == ExplicitVRBigEndian else "<"
        data = ordered.astype(ordered.dtype.newbyteorder(order)).tobytes()
    return data + b"\0" * (len(data) % 2)


def _header(screen: Screen, encoding: Encoding, samples: Samples) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = encoding.syntax
    made.SOPClassUID = UltrasoundMultiFrameImageStorage if len(samples) > 1 else UltrasoundImageStorage
    made.SOPInstanceUID, made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3.4", "1.2.3", "1.2.3.1"
    made.Modality, made.Manufacturer, made.ManufacturerModelName = "US", "Nobody", screen.layout.name
    made.PatientID, made.PatientName = "4711", "Sample^Anna"
    made.SamplesPerPixel, made.PhotometricInterpretation = samples.shape[3], encoding.photometric
    if samples.shape[3] > 1:
        made.PlanarConfiguration = encoding.planar
    made.NumberOfFrames, made.Rows, made.Columns = samples.shape[:3]
    made.BitsAllocated, made.BitsStored = 8 * samples.dtype.itemsize, encoding.bits
    made.HighBit, made.PixelRepresentation = encoding.bits - 1, 0
    if encoding.photometric == "PALETTE COLOR":
        for colour in ("Red", "Green", "Blue"):
            setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
            setattr(made, f"{colour}PaletteColorLookupTableData", (np.arange(256)[::-1] * 257).astype("<u2").tobytes())
            if encoding.syntax == ExplicitVRBigEndian:
                table = (np.arange(256)[::-1] * 257).astype(">u2").tobytes()
                setattr(made, f"{colour}PaletteColorLookupTableData", table)
    return made


def _decoded(stream: bytes, syntax: UID, colour: bool) -> Samples:
    if syntax in (JPEGBaseline8Bit, JPEGExtended12Bit):
        space = "YCBCR" if colour else "GRAYSCALE"  # the same name twice: no conversion
        return imagecodecs.jpeg8_decode(stream, colorspace=space, outcolorspace=space)
    if syntax in (JPEGLossless, JPEGLosslessSV1):
        return imagecodecs.jpegsof3_decode(stream)
    if syntax in (JPEGLSLossless, JPEGLSNearLossless):
        return imagecodecs.jpegls_decode(stream)
    return imagecodecs.jpeg2k_decode(stream)
