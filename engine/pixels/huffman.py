"""Huffman tables of sequential JPEG (ITU-T T.81 sections C.2, F.1.2, F.2.2) as look-up tables over 16-bit windows.

A code is at most 16 bits long, so the next 16 bits of the stream decide what comes next. Must not know markers,
scans or pixels.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from engine.errors import Unclean

Windows = NDArray[np.uint16]

WINDOW = 16
QUICK = 12
_WINDOWS = 1 << WINDOW
_KEPT = 8  # look-up tables: more than a frame can use; each pair takes 5 MB
_END_OF_BLOCK = 0x00
_SIXTEEN_ZEROES = 0xF0


@dataclass(frozen=True)
class HuffmanTable:
    """One table as a DHT segment holds it: how many codes there are of each length 1 to 16, and their symbols."""

    counts: bytes
    symbols: bytes

    def segment_body(self, table_class: int, slot: int) -> bytes:
        """The table as it stands in a DHT segment (T.81 B.2.4.2)."""
        return bytes((table_class << 4 | slot,)) + self.counts + self.symbols


def every_dc_category(precision: int) -> HuffmanTable:
    """A DC table that has a code for every category of difference at this sample precision (8 or 12 bits).

    Optimised tables lack the categories their image did not need, and blanking needs large steps. All codes have the
    same length: a bit per block longer than the best table, and nothing to get wrong.
    """
    categories, length = (12, 4) if precision == 8 else (16, 5)
    return HuffmanTable(bytes(categories if n == length else 0 for n in range(1, 17)), bytes(range(categories)))


@lru_cache(maxsize=64)
def codes(table: HuffmanTable) -> dict[int, str]:
    """The code of each symbol as a string of 0 and 1 (T.81 C.2). Raises `Unclean` for an impossible table."""
    if len(table.counts) != 16 or sum(table.counts) != len(table.symbols):
        raise Unclean("the JPEG has an impossible Huffman table")
    if len(set(table.symbols)) != len(table.symbols):
        raise Unclean("the JPEG has a Huffman table with two codes for one symbol")
    found: dict[int, str] = {}
    code, symbols = 0, iter(table.symbols)
    for length, count in enumerate(table.counts, start=1):
        if code + count > 1 << length:
            raise Unclean("the JPEG has an impossible Huffman table")
        for _ in range(count):
            found[next(symbols)] = format(code, f"0{length}b")
            code += 1
        code <<= 1
    return found


@lru_cache(maxsize=_KEPT)
def dc_steps(table: HuffmanTable) -> list[int]:
    """`dc_windows` as plain ints: three times as fast to index as an array."""
    steps: list[int] = dc_windows(table).tolist()
    return steps


@lru_cache(maxsize=_KEPT)
def ac_steps(table: HuffmanTable) -> tuple[list[int], list[int]]:
    """`ac_windows` as plain ints."""
    many, single = ac_windows(table)
    return many.tolist(), single.tolist()


@lru_cache(maxsize=_KEPT)
def dc_windows(table: HuffmanTable) -> Windows:
    """For every window: length of the code | category << 8. Zero: no such code."""
    steps = np.zeros(_WINDOWS, np.uint16)
    for symbol, code in codes(table).items():
        if symbol <= 15:
            steps[_windows(code)] = len(code) | symbol << 8
    return steps


@lru_cache(maxsize=_KEPT)
def ac_windows(table: HuffmanTable) -> tuple[Windows, Windows]:
    """For every window: bits taken | 64 if the block ended | coefficients passed << 7. Zero: no such code.

    The first array takes as many whole symbols, with the bits that follow their codes, as fit into the window; the
    second takes one symbol, for the places where the block may have ended inside the window.
    """
    taken, passed = np.zeros(_WINDOWS, np.int64), np.zeros(_WINDOWS, np.int64)
    ended = np.zeros(_WINDOWS, np.bool_)
    for symbol, code in codes(table).items():
        run, size = symbol >> 4, symbol & 15
        if size == 0 and symbol not in (_END_OF_BLOCK, _SIXTEEN_ZEROES):
            continue  # undefined in sequential JPEG (T.81 F.1.2.2.1): left invalid
        windows = _windows(code)
        taken[windows] = len(code) + size
        passed[windows] = 0 if symbol == _END_OF_BLOCK else run + 1
        ended[windows] = symbol == _END_OF_BLOCK
    single = taken | ended.astype(np.int64) << 6 | passed << 7

    every = np.arange(_WINDOWS, dtype=np.int64)
    many_taken, many_passed, many_ended = taken.copy(), passed.copy(), ended.copy()
    while True:
        following = (every << np.minimum(many_taken, WINDOW)) & (_WINDOWS - 1)
        fits = (many_taken > 0) & ~many_ended & (taken[following] > 0) & (many_taken + taken[following] <= WINDOW)
        if not fits.any():
            break
        many_passed = np.where(fits, many_passed + passed[following], many_passed)
        many_ended = np.where(fits, ended[following], many_ended)
        many_taken = np.where(fits, many_taken + taken[following], many_taken)
    many = many_taken | many_ended.astype(np.int64) << 6 | many_passed << 7
    return many.astype(np.uint16), single.astype(np.uint16)  # 16 codes of one bit pass 256 coefficients at most


@lru_cache(maxsize=_KEPT)
def ac_quick(table: HuffmanTable) -> Windows:
    """For every window of 12 bits: bits taken, 15 at most | coefficients passed << 8, and 128 more if the block ended.

    As many symbols as have their codes in the window, in a table that fits into a processor's first cache. Those that
    pass more than 63 coefficients, or take more bits, are not in it: 255 << 8.
    """
    size = 1 << QUICK
    length, taken, passed = (np.zeros(size, np.int64) for _ in range(3))
    for symbol, code in codes(table).items():
        run, bits = symbol >> 4, symbol & 15
        if len(code) <= QUICK and (bits or symbol in (_END_OF_BLOCK, _SIXTEEN_ZEROES)):
            windows = slice(int(code, 2) << QUICK - len(code), int(code, 2) + 1 << QUICK - len(code))
            length[windows], taken[windows] = len(code), len(code) + bits
            passed[windows] = 128 if symbol == _END_OF_BLOCK else run + 1
    every = np.arange(size)
    many_taken, many_passed = np.zeros(size, np.int64), np.zeros(size, np.int64)
    while True:
        following = every << np.minimum(many_taken, QUICK) & size - 1
        fits = (many_passed < 128) & (length[following] > 0) & (many_taken + length[following] <= QUICK)
        fits &= (many_taken + taken[following] <= 15) & (many_passed + passed[following] & 127 < 64)
        if not fits.any():
            return np.where(many_taken > 0, many_taken | many_passed << 8, 255 << 8).astype(np.uint16)
        many_taken = np.where(fits, many_taken + taken[following], many_taken)
        many_passed = np.where(fits, many_passed + passed[following], many_passed)


@lru_cache(maxsize=_KEPT)
def short_blocks(dc: HuffmanTable, ac: HuffmanTable, window: int) -> NDArray[np.int16]:
    """For every window of so many bits that begins with a whole block: its bits | its DC difference << 5. Zero: longer.

    Half the blocks of an ultrasound image are black and have a few bits.
    """
    every = np.arange(1 << window, dtype=np.int64)
    steps, single = (table[every << WINDOW - window].astype(np.int64) for table in (dc_windows(dc), ac_windows(ac)[1]))
    size = steps >> 8
    taken = (steps & 0xFF) + size
    known = (steps > 0) & (taken <= window)
    value = every >> np.maximum(window - taken, 0) & (1 << size) - 1
    difference = np.where(value << 1 >> size == 0, value - (1 << size) + 1, value)
    known &= np.abs(difference) < 1 << 10
    place, ended = np.ones(1 << window, np.int64), np.zeros(1 << window, np.bool_)
    while True:
        step = single[every << np.minimum(taken, window) & (1 << window) - 1]
        fits = known & ~ended & (place < 64) & (step > 0) & (taken + (step & 63) <= window)
        if not fits.any():
            return np.where(ended, taken | difference << 5, 0).astype(np.int16)
        taken, place = np.where(fits, taken + (step & 63), taken), np.where(fits, place + (step >> 7), place)
        ended |= fits & (step & 64 > 0)


@lru_cache(maxsize=_KEPT)
def short_steps(dc: HuffmanTable, ac: HuffmanTable) -> list[int]:
    """`short_blocks` of the widest window as plain ints."""
    steps: list[int] = short_blocks(dc, ac, WINDOW).tolist()
    return steps


@lru_cache(maxsize=64)
def written_codes(dc: HuffmanTable, ac: HuffmanTable) -> NDArray[np.int64]:
    """What blanking writes: code and length for each category of difference, 0 to 16, then those of end of block.

    Length 0: the table has no such code. Raises `Unclean` as `end_of_block` does.
    """
    found = [codes(dc).get(category, "") for category in range(WINDOW + 1)]
    found.append("".join(map(str, end_of_block(ac))))
    return np.array([(int(code or "0", 2), len(code)) for code in found], np.int64)


@lru_cache(maxsize=1 << 14)
def dc_difference(table: HuffmanTable, difference: int) -> bytes | None:
    """A DC difference (T.81 F.1.2.1) as one byte, 0 or 1, for each bit. None: the table has no code for it."""
    category = abs(difference).bit_length()
    code = codes(table).get(category)
    if code is None:
        return None
    low = difference if difference >= 0 else difference + (1 << category) - 1
    return bits(code + (format(low, f"0{category}b") if category else ""))


def end_of_block(table: HuffmanTable) -> bytes:
    """The AC code that ends a block, as `dc_difference` gives bits. Raises `Unclean` if the table has none."""
    code = codes(table).get(_END_OF_BLOCK)
    if code is None:
        raise Unclean("the JPEG has a Huffman table that cannot say 'the rest of the block is empty'")
    return bits(code)


def bits(digits: str) -> bytes:
    """A string of 0 and 1 as bytes of value 0 and 1."""
    return bytes(map(int, digits))


def _windows(code: str) -> slice:
    """The windows that begin with a code."""
    free = WINDOW - len(code)
    first = int(code, 2) << free
    return slice(first, first + (1 << free))
