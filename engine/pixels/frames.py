"""The frames of a file one by one, native or encapsulated. Must not know what becomes of them.

`jobs` are functions that decode one frame each, made in order and called in any thread.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from engine.errors import Unclean
from engine.pixels import encapsulated, native
from engine.pixels.codec import Cells, Decode
from engine.pixels.elements import Element, Layout
from engine.pixels.image import Image

T = TypeVar("T")
THREADS = min(4, os.cpu_count() or 1)
AHEAD = 2 * THREADS
"""Frames that are in memory at once."""


def in_threads(jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
    """Their answers in order, with few of them under way."""
    with ThreadPoolExecutor(THREADS) as pool:
        under_way: deque[Future[T]] = deque()
        for job in jobs:
            under_way.append(pool.submit(job))
            if len(under_way) >= AHEAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def native_jobs(path: Path, image: Image, found: Layout, pixels: Element) -> Iterator[Callable[[], Cells]]:
    """The frames of native pixels, as rows × columns × samples. Raises `Unclean` where the pixels do not fit."""
    if image.bits_allocated not in (8, 16, 32):
        raise Unclean("images of this number of Bits Allocated cannot be compressed")
    words = not found.little and image.bits_allocated == 8 and pixels.vr == "OW"
    where = native.Stored(pixels.value, pixels.end - pixels.value, found.little, words)
    native.check(path, image, where)
    stored = np.asarray(np.memmap(path, np.uint8, "r"))[where.value : where.value + where.length]
    for number in range(image.frames):
        yield partial(_native, stored, image, where, number)


def _native(stored: native.Bytes, image: Image, where: native.Stored, number: int) -> Cells:
    size = native.frame_bits(image) // 8
    first, last = number * size, (number + 1) * size
    data = stored[np.arange(first, last) ^ 1] if where.words else stored[first:last]
    width = image.bits_allocated // 8
    if image.photometric == "YBR_FULL_422":
        return _for_each_pixel(data.reshape(image.rows, image.columns // 2, 4))
    cells = data.view(f"{'<' if where.little else '>'}u{width}").astype(f"<u{width}")
    if image.samples > 1 and image.planar == 1:
        planes = cells.reshape(image.samples, image.rows, image.columns)
        return np.ascontiguousarray(planes.transpose(1, 2, 0))
    return cells.reshape(image.rows, image.columns, image.samples)


def _for_each_pixel(pairs: native.Bytes) -> Cells:
    """Two pixels share their colour (PS3.3 C.7.6.3.1.2): each gets it."""
    rows, across, _ = pairs.shape
    cells = np.empty((rows, across, 2, 3), np.uint8)
    cells[:, :, :, 0] = pairs[:, :, :2]
    cells[:, :, :, 1:] = pairs[:, :, None, 2:]
    return cells.reshape(rows, across * 2, 3)


def encapsulated_jobs(
    file: BinaryIO, image: Image, pixels: Element, decode: Decode, start: bytes
) -> Iterator[Callable[[], Cells]]:
    """The frames of encapsulated pixels; `start`: how each begins. The file is read by the caller's thread alone."""
    for frame in encapsulated.any_frames(file, pixels.value, pixels.end, image.frames, start):
        yield partial(decode, encapsulated.read(file, frame), image)
