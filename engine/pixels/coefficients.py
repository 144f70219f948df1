"""All DCT coefficients of a sequential JPEG, read bit by bit straight from the flow charts of ITU-T T.81 Annex F.

The second opinion: it shares no decoding with `jpeg_scan`, so that a mistake there cannot prove itself right.
Slow (about a second a frame) and only for proofs and tests. Must not know DICOM.
"""

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels.huffman import HuffmanTable
from engine.pixels.jpeg_markers import Frame, Scan, parse


def coefficients(stream: bytes) -> tuple[NDArray[np.int32], ...]:
    """For each component an array rows of blocks × columns of blocks × 64 (zigzag order, quantised).

    The grid covers whole MCUs; blocks that a scan leaves out are zero. Raises `Unclean` for a damaged stream.
    """
    parsed = parse(stream)
    frame = parsed.frame
    down, across = -(-frame.rows // (8 * frame.vertical)), -(-frame.columns // (8 * frame.horizontal))
    planes = tuple(
        np.zeros((down * component.vertical, across * component.horizontal, 64), np.int32)
        for component in frame.components
    )
    for part in parsed.parts:
        if isinstance(part, Scan):
            _read(frame, part, planes, down, across)
    return planes


def _read(frame: Frame, scan: Scan, planes: tuple[NDArray[np.int32], ...], down: int, across: int) -> None:
    decoders = [(_decoder(component.dc), _decoder(component.ac)) for component in scan.components]
    sizes = [frame.components[component.index] for component in scan.components]
    alone = len(scan.components) == 1
    if alone:
        across, down = frame.blocks_alone(sizes[0])
    bits = _Bits(scan.data)
    predictor = [0] * len(decoders)
    for mcu in range(down * across):
        if scan.restart_interval and mcu and mcu % scan.restart_interval == 0:
            bits.restart()
            predictor = [0] * len(decoders)
        row, column = divmod(mcu, across)
        for at, (component, size) in enumerate(zip(scan.components, sizes, strict=True)):
            high, wide = (1, 1) if alone else (size.vertical, size.horizontal)
            for inner in range(high * wide):
                block = _block(bits, *decoders[at])
                predictor[at] = block[0] = predictor[at] + block[0]
                planes[component.index][row * high + inner // wide, column * wide + inner % wide] = block


def _block(bits: "_Bits", dc: dict[tuple[int, int], int], ac: dict[tuple[int, int], int]) -> list[int]:
    """One block (T.81 F.2.2.1 and F.2.2.2), its DC coefficient still a difference."""
    block = [0] * 64
    block[0] = bits.extended(bits.symbol(dc))
    place = 1
    while place < 64:
        run, size = divmod(bits.symbol(ac), 16)
        if size == 0 and run != 15:
            break
        place += run
        if place > 63:
            raise Unclean("the JPEG is damaged: a block has too many coefficients")
        block[place] = bits.extended(size)
        place += 1
    return block


def _decoder(table: HuffmanTable) -> dict[tuple[int, int], int]:
    """The symbol for each (length, code)."""
    decoder: dict[tuple[int, int], int] = {}
    code = used = 0
    for length, count in enumerate(table.counts, start=1):
        for _ in range(count):
            decoder[length, code] = table.symbols[used]
            code, used = code + 1, used + 1
        code *= 2
    return decoder


class _Bits:
    """The bits of entropy-coded data, in order, restart markers and stuffed bytes taken out."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._byte = self._left = 0

    def bit(self) -> int:
        if not self._left:
            self._byte, self._left = self._next_byte(), 8
        self._left -= 1
        return self._byte >> self._left & 1

    def symbol(self, decoder: dict[tuple[int, int], int]) -> int:
        code = 0
        for length in range(1, 17):
            code = code * 2 + self.bit()
            symbol = decoder.get((length, code))
            if symbol is not None:
                return symbol
        raise Unclean("the JPEG is damaged: a code that its table does not have")

    def extended(self, size: int) -> int:
        """A signed number of `size` bits (T.81 F.2.2.1, RECEIVE and EXTEND)."""
        value = 0
        for _ in range(size):
            value = value * 2 + self.bit()
        return value if not size or value >= 1 << (size - 1) else value - (1 << size) + 1

    def restart(self) -> None:
        self._left = 0
        marker = self._data.find(b"\xff", self._at)
        while marker >= 0 and self._data[marker + 1 : marker + 2] == b"\0":
            marker = self._data.find(b"\xff", marker + 2)
        if marker < 0:
            raise Unclean("the JPEG is damaged: a restart marker is missing")
        self._at = marker + 2

    def _next_byte(self) -> int:
        if self._at >= len(self._data) or self._data[self._at : self._at + 2] in _RESTARTS:
            raise Unclean("the JPEG is truncated")
        byte = self._data[self._at]
        self._at += 2 if byte == 0xFF else 1
        return byte


_RESTARTS = frozenset(bytes((0xFF, 0xD0 + number)) for number in range(8))
