"""Blank blocks in the entropy-coded data of one scan; every other block keeps its exact coefficients.

The hot loop of JPEG redaction. Each block is read only as far as needed to know where it ends and what its DC
coefficient is. Bits of blocks to keep are copied; the one exception is the first DC difference after a blanked
block, which is relative to it. Where the package was built with a compiler, `_jpeg.c` does the same. Must not know
markers' syntax, colours or DICOM.
"""

import re
from array import array
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import huffman
from engine.pixels.jpeg_markers import Frame, Scan, ScanComponent

try:
    from engine.pixels import _jpeg as kernel
except ImportError:  # it was installed without a compiler
    kernel = None  # type: ignore[assignment]

JPEG_BY = "Python" if kernel is None else "C"
"""Which of the two does it here."""

_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_TRUNCATED = "the JPEG is truncated or damaged inside its compressed data"
_RESTARTS = "the JPEG is damaged: its restart markers do not fit its size"


class _NoCode(Exception):
    """A DC table has no code for the step to or from black."""


def blank(frame: Frame, scan: Scan, mask: NDArray[np.bool_], black: Sequence[int], hasty: bool = False) -> Scan:
    """The scan with all blocks of the masked MCUs set to one flat colour.

    `mask`: rows × columns of the frame's MCUs. `black`: for each component of the frame its quantised DC coefficient.
    Reads the whole scan, so that nothing can hide behind the blocks the frame has. Raises `Unclean` for damage.
    `hasty`: what comes behind the last masked MCU may be copied unread, where it ends as a scan should; then only a
    reader who counts the blocks can say that nothing else is there.
    """
    per_mcu, blanked = block_order(frame, scan, mask)
    try:
        data = _intervals(scan, per_mcu, blanked, black, hasty=hasty)
    except _NoCode:
        full = huffman.every_dc_category(frame.precision)
        source = scan.components
        scan = replace(scan, components=tuple(replace(component, dc=full) for component in source))
        try:
            data = _intervals(scan, per_mcu, blanked, black, read_with=source)
        except _NoCode:
            raise Unclean("the JPEG is damaged: its blocks are further from each other than any can be") from None
    return replace(scan, data=data)


def block_order(frame: Frame, scan: Scan, mask: NDArray[np.bool_]) -> tuple[bytes, bytes]:
    """The order of blocks (T.81 A.2): for one MCU of the scan the scan's components, and for each MCU if it is masked.

    In a scan of one component an MCU is one block, and the blocks beyond the image's edge are left out.
    """
    if len(scan.components) > 1:
        sizes = [frame.components[component.index] for component in scan.components]
        order = [at for at, size in enumerate(sizes) for _ in range(size.horizontal * size.vertical)]
        return bytes(order), mask.tobytes()
    size = frame.components[scan.components[0].index]
    across, down = frame.blocks_alone(size)
    blocks = mask.repeat(size.vertical, axis=0).repeat(size.horizontal, axis=1)[:down, :across]
    return b"\0", blocks.tobytes()


def restart_intervals(scan: Scan, mcus: int) -> list[bytes]:
    """The data of a scan of `mcus` MCUs, cut at its restart markers. Raises `Unclean` for one too few, many or odd."""
    markers = [found[1][0] & 7 for found in _RESTART.finditer(scan.data)]
    expected = -(-mcus // scan.restart_interval) - 1 if scan.restart_interval else 0
    if markers != [number & 7 for number in range(expected)]:
        raise Unclean(_RESTARTS)
    return _RESTART.split(scan.data)[::2]


def _intervals(
    scan: Scan,
    per_mcu: bytes,
    blanked: bytes,
    black: Sequence[int],
    read_with: tuple[ScanComponent, ...] | None = None,
    hasty: bool = False,
) -> bytes:
    if kernel is not None:
        return _by_kernel(scan, per_mcu, blanked, tuple(black), read_with, hasty)
    length = scan.restart_interval or len(blanked)
    done: list[bytes] = []
    for number, data in enumerate(restart_intervals(scan, len(blanked))):
        if number:
            done.append(bytes((0xFF, 0xD0 | (number - 1) & 7)))
        part = blanked[number * length : (number + 1) * length]
        done.append(_interval(data, scan.components, read_with or scan.components, per_mcu, part, black))
    return b"".join(done)


def _by_kernel(
    scan: Scan,
    per_mcu: bytes,
    blanked: bytes,
    black: tuple[int, ...],
    read_with: tuple[ScanComponent, ...] | None,
    hasty: bool,
) -> bytes:
    """The same in C (_jpeg.c)."""
    tables = _tables(read_with or scan.components, scan.components, black)
    interval, anew = scan.restart_interval, read_with is not None
    done = kernel.blank_scan(scan.data, tables, per_mcu, blanked, interval, anew, hasty)
    if isinstance(done, bytes):
        return done
    if done == kernel.NO_CODE:
        raise _NoCode
    raise Unclean(_TRUNCATED if done == kernel.TRUNCATED else _RESTARTS)


@lru_cache(maxsize=4)
def _tables(
    read: tuple[ScanComponent, ...], write: tuple[ScanComponent, ...], black: tuple[int, ...]
) -> tuple[tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], int], ...]:
    return tuple(
        (
            huffman.short_blocks(source.dc, source.ac, huffman.QUICK),
            huffman.dc_windows(source.dc),
            huffman.ac_quick(source.ac),
            huffman.ac_windows(source.ac)[1],
            huffman.written_codes(target.dc, target.ac),
            black[target.index],
        )
        for source, target in zip(read, write, strict=True)
    )


def _interval(
    stuffed: bytes,
    write: Sequence[ScanComponent],
    read: Sequence[ScanComponent],
    per_mcu: bytes,
    blanked: bytes,
    black: Sequence[int],
) -> bytes:
    data = stuffed.replace(b"\xff\0", b"\xff")
    end = 8 * len(data)
    source = np.unpackbits(np.frombuffer(data, np.uint8)).tobytes()  # one byte for each bit: cheap to slice
    windows = _windows(data)
    short = [huffman.short_steps(component.dc, component.ac) for component in read]
    dc = [huffman.dc_steps(component.dc) for component in read]
    ac = [huffman.ac_steps(component.ac) for component in read]
    ends = [huffman.end_of_block(component.ac) for component in write]
    target = [black[component.index] for component in write]
    new_tables = write is not read
    there, written = [0] * len(read), [0] * len(read)  # DC coefficients: of the source, of what was written
    pieces: list[bytes] = []
    at = copied = 0  # bits of the source: read so far; written so far
    apart = new_tables  # whether what was written may differ from the source: after a blanked MCU it does
    try:
        for blank_mcu in blanked:
            if blank_mcu:
                pieces.append(source[copied:at])
                if not apart:
                    written = there.copy()
                apart = True
            for which in per_mcu:
                block, before = at, there[which]
                whole = short[which][windows[at]]
                if whole:
                    at += whole & 31
                    there[which] = before + (whole >> 5)
                else:
                    step = dc[which][windows[at]]
                    if not step:
                        raise Unclean(_TRUNCATED)
                    at += step & 0xFF
                    size = step >> 8
                    if size:
                        value = windows[at] >> (16 - size)
                        there[which] = before + (value if value >> (size - 1) else value - (1 << size) + 1)
                        at += size

                    many, single = ac[which]
                    place = 1
                    while place < 64:
                        window = windows[at]
                        step = many[window]
                        reached = place + (step >> 7)
                        if reached > 64 or (reached == 64 and step & 64):  # the block may end inside the window
                            step = single[window]
                            reached = place + (step >> 7)
                        if not step or reached > 64:
                            raise Unclean(_TRUNCATED)
                        at += step & 63
                        place = 64 if step & 64 else reached

                if blank_mcu:
                    pieces += (_difference(write[which], target[which] - written[which]), ends[which])
                    written[which] = target[which]
                elif apart:
                    if new_tables or written[which] != before:
                        pieces += (source[copied:block], _difference(write[which], there[which] - written[which]))
                        step = dc[which][windows[block]]
                        copied = block + (step & 0xFF) + (step >> 8)
                    written[which] = there[which]
            if at > end:
                raise Unclean(_TRUNCATED)
            if blank_mcu:
                copied = at
            else:
                apart = new_tables
    except IndexError:
        raise Unclean(_TRUNCATED) from None
    pieces.append(source[copied:at])
    return _stuff(b"".join(pieces))


def _difference(component: ScanComponent, difference: int) -> bytes:
    code = huffman.dc_difference(component.dc, difference)
    if code is None:
        raise _NoCode
    return code


def _windows(data: bytes) -> "array[int]":
    """For each bit the 16 bits that begin there, with ones after the end, as in the padding (T.81 F.1.2.3)."""
    padded = np.frombuffer(data + b"\xff" * 8, np.uint8).astype(np.uint32)
    three = padded[:-2] << 16 | padded[1:-1] << 8 | padded[2:]
    windows = (three[:, None] >> np.arange(8, 0, -1, dtype=np.uint32) & 0xFFFF).astype(np.uint16)
    return array("H", windows.tobytes())  # an array as this is indexed twice as fast as one of numpy


def _stuff(bits: bytes) -> bytes:
    """Bits (one byte each) as entropy-coded data: padded with ones, 00 after every FF (T.81 B.1.1.5, F.1.2.3)."""
    padded = bits + b"\1" * (-len(bits) % 8)
    return np.packbits(np.frombuffer(padded, np.uint8)).tobytes().replace(b"\xff", b"\xff\0")
