"""Blanking, against copying memory, decode-fill-encode with other libraries, and deid: time, size, and likeness.

The peer is in no lock of ours. Give it an environment of its own, and its Python in PEERS:

    python3 -m venv peers && peers/bin/pip install deid==0.4.13
    PEERS=peers/bin/python make bench ARGS=deid_pixels
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from unittest import mock

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import UID, ExplicitVRLittleEndian, JPEGBaseline8Bit, UltrasoundMultiFrameImageStorage

from engine.pixels import Box, clean, clean_encapsulated, clean_native, jpeg_proof, jpeg_scan, native, splice
from tests.benchmarks.__main__ import say

FRAMES = int(os.environ.get("FRAMES", "100"))
ROUNDS = int(os.environ.get("ROUNDS", "7"))
ROWS, COLUMNS = 600, 800
BOXES = (Box(0, 0, 800, 48), Box(640, 100, 160, 180))


@dataclass(frozen=True)
class Took:
    """Milliseconds: by the clock, and of all processors together. The least of some rounds, each for itself."""

    clock: float
    processors: float

    def __str__(self) -> str:
        return f"{self.clock:8.1f} ms, {self.processors:8.1f} of the processors"

    def times(self, other: "Took") -> str:
        """How many times as long as another, by the clock and of the processors."""
        return f"{self.clock / other.clock:.2f} x, {self.processors / other.processors:.2f} x of the processors"


def main() -> None:
    """Print what each takes, and ratios in the same run; on a file system in memory.

    By the clock, since frames are worked on in threads, and of the processors, as the machine may do something else.
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
    made.SOPClassUID, made.SOPInstanceUID, made.Modality = UltrasoundMultiFrameImageStorage, "1.2.3.4", "US"
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
    ours = _best(lambda: clean(source, folder / "ours.dcm", BOXES))
    with mock.patch.object(clean_native, "prove"):
        unproven = _best(lambda: clean(source, folder / "ours.dcm", BOXES))
        with mock.patch.object(native, "copy", _copy_only):
            only_copied = _best(lambda: clean(source, folder / "ours.dcm", BOXES))
    theirs = _best(lambda: _fill_and_save(source, folder / "theirs.dcm"))
    boxes, whole = _best(lambda: _copying(frames, BOXES)), _best(lambda: _copying(frames, (Box(0, 0, COLUMNS, ROWS),)))
    blanked = max(unproven.processors - only_copied.processors, 0.1)
    say(f"native RGB cine, {FRAMES} frames, {source.stat().st_size >> 20} MB")
    say(f"    cleaned and proved       {ours}")
    say(f"    without the proof        {unproven}")
    say(f"    only copied to a file    {only_copied}: blanking is {blanked:.1f} more of the processors")
    say(f"    memcpy of the boxes      {boxes}: {boxes.processors / blanked:.2f} of what blanking takes")
    say(f"    memcpy of all pixels     {whole}: {whole.times(ours)}")
    say(f"    pydicom, fill, save      {theirs}: {theirs.times(ours)}, and proves nothing")


def _copy_only(source: BinaryIO, target: BinaryIO, _image: object, stored: native.Stored, *_: object) -> None:
    splice.copy(source, target, (splice.Range(stored.value, stored.value + stored.length),))


def _copying(frames: NDArray[np.uint8], boxes: tuple[Box, ...]) -> None:
    """The same bytes of the same rows, copied in memory, to where no page was touched before."""
    other = np.empty((FRAMES, ROWS, COLUMNS, 3), np.uint8)
    for frame in range(FRAMES):
        for box in boxes:
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
    theirs = _best(lambda: _decode_fill_encode(source, theirs_at, sampling))
    say(f"JPEG baseline cine 4:{sampling[1]}:{sampling[2]}, {FRAMES} frames, {len(streams[0]) / 1000:.0f} kB a frame")
    say(f"    decode, fill, encode     {theirs}")
    for words in ("in Python", "in C")[: 1 if jpeg_scan.kernel is None else 2]:
        with (
            mock.patch.object(jpeg_scan, "kernel", jpeg_scan.kernel if words == "in C" else None),
            mock.patch.object(jpeg_proof, "kernel", jpeg_proof.kernel if words == "in C" else None),
        ):
            ours = _best(lambda: clean(source, ours_at, BOXES))
            with mock.patch.object(clean_encapsulated, "_prove"):
                unproven = _best(lambda: clean(source, ours_at, BOXES))
        say(f"    {words:9}, proved        {ours}: that is {theirs.times(ours)}")
        say(f"    {words:9}, not proved    {unproven}: that is {theirs.times(unproven)}")
    if sampling == "422":
        _peers(source, folder, ours)
    for words, path in (("ours", ours_at), ("theirs", theirs_at)):
        size = path.stat().st_size / source.stat().st_size
        say(f"    {words:7} size {size:.3f}, outside the boxes {_outside(source, path)}")


def _peers(source: Path, folder: Path, ours: Took) -> None:
    """The time of those with an environment of their own."""
    (folder / "one").mkdir()
    (folder / "one" / source.name).hardlink_to(source)
    boxes = [f"{box.x},{box.y},{box.width},{box.height}" for box in BOXES]
    script, python = Path(__file__).with_name("_deid_peers.py"), os.environ.get("PEERS", sys.executable)
    (folder / "peer").mkdir()
    done = subprocess.run(
        [python, script, "deid-pixels", folder / "one", folder / "peer", *boxes],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode or not done.stdout[:1].isdigit():
        say(f"    deid                     {done.stdout or done.stderr[-400:]}")
        return
    processors, clock = map(float, done.stdout.split())
    took = Took(clock, processors)
    (written,) = (folder / "peer").iterdir()
    pixels = dcmread(written).pixel_array
    black = all((pixels[:, box.y : box.bottom, box.x : box.right] == 0).all() for box in BOXES)
    larger = written.stat().st_size / source.stat().st_size
    blanked = "blanked" if black else "not blanked"
    say(f"    deid                     {took}: {took.times(ours)}, size {larger:.1f}, {blanked}, and proves nothing")


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


def _best(work: Callable[[], object]) -> Took:
    clock, processors = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter(), time.process_time()
        work()
        clock.append(time.perf_counter() - began[0])
        processors.append(time.process_time() - began[1])
    return Took(1000 * min(clock), 1000 * min(processors))
