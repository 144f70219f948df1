"""Blanking, against copying memory and against decode-fill-encode with other libraries: time, size, and likeness."""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from engine.pixels import Box, clean, clean_encapsulated, clean_native, jpeg_scan, native, splice
from tests.benchmarks.__main__ import say

FRAMES = int(os.environ.get("FRAMES", "100"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
ROWS, COLUMNS = 600, 800
BOXES = (Box(0, 0, 800, 48), Box(640, 100, 160, 180))


def main() -> None:
    """Print milliseconds of the processors, the least of some rounds, and ratios; on a file system in memory.

    Not by the clock: these run in one thread, and a machine that does something else as well would be measured.
    """
    where = os.environ.get("WHERE", "/dev/shm" if Path("/dev/shm").is_dir() else None)
    with tempfile.TemporaryDirectory(prefix="stellwerk-deid-", dir=where) as name:
        folder = Path(name)
        random = np.random.default_rng(3)
        frames = np.stack([_frame(random) for _ in range(8)])
        _native(folder, frames)
        for sampling, photometric in (("422", "YBR_FULL_422"), ("444", "YBR_FULL")):
            _jpeg(folder, frames, sampling, photometric)


def _frame(random: np.random.Generator) -> NDArray[np.uint8]:
    """Speckle in a sector and a banner: about 40 kB as JPEG, as a cine's frames are."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    sector = (np.abs(np.arctan2(x - COLUMNS / 2, y + 1)) < 0.6) & (np.hypot(x - COLUMNS / 2, y) < ROWS * 0.9) & (y > 60)
    noise = random.rayleigh(30, (ROWS // 2, COLUMNS // 2)).repeat(2, axis=0).repeat(2, axis=1)
    noise = (noise + np.roll(noise, 1, 0) + np.roll(noise, 1, 1) + np.roll(noise, 2, 1)) / 4
    grey = np.where(sector, noise, 0)
    grey[8:40:4, 10:600:3] = 220
    return np.stack([grey, grey * 0.95, grey * 0.9], axis=-1).clip(0, 255).astype(np.uint8)


def _header(photometric: str, syntax: UID) -> Dataset:
    made = Dataset()
    made.file_meta = FileMetaDataset()
    made.file_meta.TransferSyntaxUID = syntax
    made.SOPClassUID, made.SOPInstanceUID = UltrasoundMultiFrameImageStorage, "1.2.3.4"
    made.SamplesPerPixel, made.PhotometricInterpretation, made.PlanarConfiguration = 3, photometric, 0
    made.NumberOfFrames, made.Rows, made.Columns = FRAMES, ROWS, COLUMNS
    made.BitsAllocated, made.BitsStored, made.HighBit, made.PixelRepresentation = 8, 8, 7, 0
    return made


def _native(folder: Path, frames: NDArray[np.uint8]) -> None:
    source = folder / "native.dcm"
    made = _header("RGB", ExplicitVRLittleEndian)
    made.PixelData = b"".join(frames[n % len(frames)].tobytes() for n in range(FRAMES))
    made["PixelData"].VR = "OB"
    made.save_as(source, enforce_file_format=True)
    parts: dict[str, float] = {}
    whole = {"copy": (splice, "copy"), "blank": (native, "blank"), "prove": (clean_native, "prove")}
    ours = _best(lambda: _in_parts(source, folder / "ours.dcm", parts, whole))
    theirs = _best(lambda: _fill_and_save(source, folder / "theirs.dcm"))
    copied = _best(lambda: _copying(frames))
    say(f"native RGB cine, {FRAMES} frames, {source.stat().st_size >> 20} MB")
    of_which = ", ".join(f"{name} {1000 * took:.1f}" for name, took in parts.items())
    say(f"    cleaned and proved      {1000 * ours:8.1f} ms: {of_which}")
    say(f"    memcpy of those rows    {1000 * copied:8.1f} ms: blanking has {copied / parts['blank']:.2f} of its speed")
    say(f"    pydicom, fill, save     {1000 * theirs:8.1f} ms: {theirs / ours:.1f} x ours, and proves nothing")


def _in_parts(source: Path, target: Path, parts: dict[str, float], whole: dict[str, tuple[ModuleType, str]]) -> None:
    """`clean`, with the least that each part took, which is a function of a module."""
    real = {name: getattr(module, function) for name, (module, function) in whole.items()}
    took = dict.fromkeys(whole, 0.0)

    def timed(name: str) -> Callable[..., object]:
        def work(*words: object) -> object:
            began = time.process_time()
            try:
                return real[name](*words)
            finally:
                took[name] += time.process_time() - began

        return work

    try:
        for name, (module, function) in whole.items():
            setattr(module, function, timed(name))
        clean(source, target, BOXES)
    finally:
        for name, (module, function) in whole.items():
            setattr(module, function, real[name])
    for name, seconds in took.items():
        parts[name] = min(parts.get(name, seconds), seconds)


def _copying(frames: NDArray[np.uint8]) -> None:
    """The same bytes of the same rows, copied in memory, to where no page was touched before."""
    other = np.empty((FRAMES, ROWS, COLUMNS, 3), np.uint8)
    for frame in range(FRAMES):
        for box in BOXES:
            part = slice(box.y, box.bottom), slice(box.x, box.right)
            other[frame][part] = frames[frame % len(frames)][part]


def _fill_and_save(source: Path, target: Path) -> None:
    dataset = dcmread(source)
    pixels = dataset.pixel_array.copy()
    for box in BOXES:
        pixels[:, box.y : box.bottom, box.x : box.right] = 0
    dataset.PixelData = pixels.tobytes()
    dataset.save_as(target)


def _jpeg(folder: Path, frames: NDArray[np.uint8], sampling: str, photometric: str) -> None:
    source, ours_at, theirs_at = folder / "jpeg.dcm", folder / "ours.dcm", folder / "theirs.dcm"
    streams = [bytes(imagecodecs.jpeg8_encode(frame, 90, subsampling=sampling)) for frame in frames]
    made = _header(photometric, JPEGBaseline8Bit)
    made.PixelData = encapsulate([streams[n % len(streams)] for n in range(FRAMES)])
    made["PixelData"].is_undefined_length = True
    made.save_as(source, enforce_file_format=True)
    kernel, rows = jpeg_scan.kernel, []
    for words, which in (("by Python alone", None), ("in C", kernel)):
        if which is not None or words == "by Python alone":
            jpeg_scan.kernel = which
            parts: dict[str, float] = {}
            whole = _best(
                lambda parts=parts: _in_parts(source, ours_at, parts, {"prove": (clean_encapsulated, "_prove")})
            )
            rows.append((words, whole, whole - parts["prove"]))
    theirs = _best(lambda: _decode_fill_encode(source, theirs_at, sampling))
    say(f"JPEG baseline cine 4:{sampling[1]}:{sampling[2]}, {FRAMES} frames, {len(streams[0]) / 1000:.0f} kB a frame")
    for words, whole, blanked in rows:
        say(
            f"    {words:21}{1000 * whole:8.1f} ms, without the proof {1000 * blanked:.1f}: "
            f"{theirs / whole:.2f} and {theirs / blanked:.2f} x as fast as"
        )
    say(f"    decode, fill, encode {1000 * theirs:8.1f} ms")
    for words, path in (("ours", ours_at), ("theirs", theirs_at)):
        size = path.stat().st_size / source.stat().st_size
        say(f"    {words:7} size {size:.3f}, outside the boxes {_outside(source, path)}")


def _decode_fill_encode(source: Path, target: Path, sampling: str) -> None:
    dataset = dcmread(source)
    streams = []
    for stream in generate_frames(dataset.PixelData, number_of_frames=FRAMES):
        picture = imagecodecs.jpeg8_decode(stream)
        for box in BOXES:
            picture[box.y : box.bottom, box.x : box.right] = 0
        streams.append(bytes(imagecodecs.jpeg8_encode(picture, 90, subsampling=sampling)))
    dataset.PixelData = encapsulate(streams)
    dataset.save_as(target)


def _outside(source: Path, target: Path) -> str:
    """How like its source the first frame is outside the boxes, grown by what a block can spread: in dB."""
    was, now = (
        imagecodecs.jpeg8_decode(next(generate_frames(dcmread(path).PixelData, number_of_frames=FRAMES))).astype(float)
        for path in (source, target)
    )
    outside = np.ones((ROWS, COLUMNS), np.bool_)
    for box in BOXES:
        outside[max(0, box.y - 17) : box.bottom + 17, max(0, box.x - 17) : box.right + 17] = False
    error = ((was - now)[outside] ** 2).mean()
    return "exact" if error == 0 else f"{10 * np.log10(255**2 / error):.1f} dB"


def _best(work: Callable[[], object]) -> float:
    took = []
    for _ in range(ROUNDS):
        began = time.process_time()
        work()
        took.append(time.process_time() - began)
    return min(took)
