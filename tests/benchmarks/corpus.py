"""The corpus of screens, blanked here and by decoding, filling and encoding: likeness outside the boxes, time, size.

`CORPUS=1` takes all layouts, which is a quarter of an hour; by itself it takes every sixth.
"""

import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.uid import JPEGBaseline8Bit, JPEGExtended12Bit

from engine.pixels import Box, clean, complement
from tests.benchmarks.__main__ import say
from tests.corpus.encodings import ENCODINGS, Encoding, Samples, put, read, write
from tests.corpus.screens import LAYOUTS, Screen, draw
from tests.corpus.test_corpus import touched

EVERY = 1 if "CORPUS" in os.environ else 6


@dataclass
class Account:
    """What one way did to the objects of a transfer syntax: seconds of the processors, bytes, and squares of errors."""

    seconds: float = 0
    size: int = 0
    differ: int = 0
    worst: float = float("inf")

    def add(self, seconds: float, path: Path, likeness: tuple[int, float]) -> None:
        """One object more."""
        self.seconds += seconds
        self.size += path.stat().st_size
        self.differ += likeness[0]
        self.worst = min(self.worst, likeness[1])

    def told(self, objects: int, size: int) -> str:
        """In words, for so many objects of `size` bytes."""
        like = "exact" if not self.differ else f"{self.worst:5.1f} dB"
        return f"{like:>8}, {1000 * self.seconds / objects:6.1f} ms, size {self.size / size:5.2f}"


def main() -> None:
    """Print a line for each transfer syntax; on a file system in memory."""
    where = "/dev/shm" if Path("/dev/shm").is_dir() else None
    with tempfile.TemporaryDirectory(prefix="stellwerk-corpus-", dir=where) as folder:
        say(f"{'':28}{'objects':>8}   {'blanked and proved here':36}{'decoded, filled, encoded':36}differing samples")
        for syntax in dict.fromkeys(encoding.syntax for encoding in ENCODINGS):
            _syntax([encoding for encoding in ENCODINGS if encoding.syntax == syntax], Path(folder))


def _syntax(encodings: Sequence[Encoding], folder: Path) -> None:
    source, target = folder / "source.dcm", folder / "target.dcm"
    ours, theirs, objects, size = Account(), Account(), 0, 0
    for encoding in encodings:
        for screen in (draw(layout) for layout in LAYOUTS[::EVERY] if layout in possible(encoding)):
            write(screen, encoding, source)
            before, outside = read(source), ~touched(screen.blank, encoding, colour=True)
            objects += 1
            size += source.stat().st_size
            boxes = boxes_of(screen)
            for account, work in (
                (ours, lambda: clean(source, target, boxes)),  # noqa: B023
                (theirs, lambda: decode_fill_encode(source, target, encoding, screen.blank)),  # noqa: B023
            ):
                seconds = _seconds(work)
                account.add(seconds, target, _likeness(before, read(target), outside, encoding.bits))
    syntax = encodings[0].syntax
    name = f"{syntax.removeprefix('1.2.840.10008.1.2') or '-'} {syntax.name}"[:27]
    say(
        f"{name:28}{objects:8}   {ours.told(objects, size):36}{theirs.told(objects, size):36}"
        f"{ours.differ} and {theirs.differ}"
    )


def possible(encoding: Encoding) -> list[object]:
    """The layouts that this encoding can show."""
    return [one for one in LAYOUTS if encoding.photometric != "YBR_FULL_422" or one.columns % 2 == 0]


def boxes_of(screen: Screen) -> tuple[Box, ...]:
    """What a rule file for this device would have blanked."""
    boxes = tuple(Box(box.x, box.y, box.width, box.height) for box in screen.boxes)
    return complement(boxes, screen.layout.columns, screen.layout.rows) if screen.layout.keep else boxes


def decode_fill_encode(source: Path, target: Path, encoding: Encoding, blank: NDArray[np.bool_]) -> None:
    """As usual tools do it: by the codec that wrote it, with its settings."""
    dataset = dcmread(source)
    if encoding.syntax in (JPEGBaseline8Bit, JPEGExtended12Bit):
        streams = generate_frames(dataset.PixelData, number_of_frames=int(dataset.NumberOfFrames))
        frames = [imagecodecs.jpeg8_decode(stream) for stream in streams]
        samples: Samples = np.stack(frames).reshape(len(frames), dataset.Rows, dataset.Columns, -1)
    else:
        samples = read(source).copy()
    samples[:, blank] = 0
    put(dataset, samples, encoding)
    dataset.save_as(target)


def _likeness(was: Samples, now: Samples, outside: NDArray[np.bool_], bits: int) -> tuple[int, float]:
    """How many samples differ outside the boxes, grown to blocks, and how much: signal to noise in dB."""
    error = was[:, outside].astype(np.float64) - now[:, outside]
    mean = float((error**2).mean())
    return int(np.count_nonzero(error)), 10 * np.log10(((1 << bits) - 1) ** 2 / mean) if mean else float("inf")


def _seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began
