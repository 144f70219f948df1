"""The marker segments of a sequential Huffman JPEG (ITU-T T.81 Annex B): taken apart, and put together again.

Only what decoding needs survives: comments, application data and thumbnails may hold text or the picture itself.
What is not plain SOF0 or SOF1 is refused. Must not know DICOM or pixels.
"""

import re
from dataclasses import dataclass, field, replace
from functools import lru_cache

from engine.errors import Unclean
from engine.pixels.huffman import HuffmanTable, codes

try:
    from engine.pixels import _jpeg as kernel
except ImportError:  # it was installed without a compiler
    kernel = None  # type: ignore[assignment]

SOI, EOI = b"\xff\xd8", b"\xff\xd9"
_SOF0, _SOF1, _DHT, _SOS, _DQT, _DRI, _EOI = 0xC0, 0xC1, 0xC4, 0xDA, 0xDB, 0xDD, 0xD9
_APP0, _APP14, _APP15, _COM = 0xE0, 0xEE, 0xEF, 0xFE
_AFTER_ENTROPY_CODED_DATA = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)


@dataclass(frozen=True)
class Component:
    """One colour of a frame: its identifier, sampling factors and number of quantisation table."""

    identifier: int
    horizontal: int
    vertical: int
    quantisation: int


@dataclass(frozen=True)
class Frame:
    """The frame header (T.81 B.2.2). `precision`: bits of a sample, 8 or 12."""

    precision: int
    rows: int
    columns: int
    components: tuple[Component, ...]

    @property
    def horizontal(self) -> int:
        return max(component.horizontal for component in self.components)

    @property
    def vertical(self) -> int:
        return max(component.vertical for component in self.components)

    def blocks_alone(self, component: Component) -> tuple[int, int]:
        """Columns and rows of blocks in a scan of only this component: just enough for its samples (T.81 A.1.1)."""
        across = _quotient_up(_quotient_up(self.columns * component.horizontal, self.horizontal), 8)
        down = _quotient_up(_quotient_up(self.rows * component.vertical, self.vertical), 8)
        return across, down


@dataclass(frozen=True)
class ScanComponent:
    """A component (by its index in the frame) in a scan, with the tables in force there."""

    index: int
    dc_slot: int
    ac_slot: int
    dc: HuffmanTable
    ac: HuffmanTable
    dc_quantum: int


@dataclass(frozen=True)
class Scan:
    """A scan: its SOS segment as it was, what it says, and its entropy-coded data with restart markers."""

    header: bytes
    components: tuple[ScanComponent, ...]
    restart_interval: int
    data: bytes


@dataclass(frozen=True)
class Stream:
    """A JPEG stream: segments to keep and scans, in order. Huffman tables are in the scans that use them."""

    frame: Frame
    parts: tuple[bytes | Scan, ...]
    jfif: bool
    adobe_transform: int | None


def parse(data: bytes) -> Stream:
    """Take a stream apart. Raises `Unclean` for all but complete sequential Huffman JPEG of 8 or 12 bits."""
    first = _first_scan(data)
    return _begun(data[:first]).over(data).parse(first)


def _first_scan(data: bytes) -> int:
    """Where the segments before the first scan end, or where something else stands between them."""
    at = len(SOI)
    while data[at : at + 1] == b"\xff" and data[at + 1 : at + 2] not in (b"\xff", b"\xd9", b"\xda", b""):
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return min(at, len(data))


@lru_cache(maxsize=8)
def _begun(head: bytes) -> "_Parser":
    """What is known after these first segments: all frames of a cine begin alike."""
    parser = _Parser(head)
    parser.head()
    return parser


def assemble(stream: Stream) -> bytes:
    """The stream as bytes, each scan preceded by exactly the Huffman tables it uses."""
    parts: list[bytes] = [SOI]
    for part in stream.parts:
        parts += [part] if isinstance(part, bytes) else [_huffman_segment(part.components), part.header, part.data]
    return b"".join([*parts, EOI])


@lru_cache(maxsize=8)
def _huffman_segment(components: tuple[ScanComponent, ...]) -> bytes:
    tables = {(0, component.dc_slot): component.dc for component in components}
    tables |= {(1, component.ac_slot): component.ac for component in components}
    body = b"".join(table.segment_body(*where) for where, table in sorted(tables.items(), key=lambda item: item[0]))
    return b"\xff" + bytes((_DHT,)) + (len(body) + 2).to_bytes(2, "big") + body


def _next_marker(data: bytes, at: int) -> int:
    """Where the entropy-coded data from an offset on ends; -1 if it does not."""
    if kernel is not None:
        return kernel.next_marker(data, at)
    found = _AFTER_ENTROPY_CODED_DATA.search(data, at)
    return -1 if found is None else found.start()


def _quotient_up(number: int, divisor: int) -> int:
    return -(-number // divisor)


@dataclass
class _Parser:
    data: bytes
    frame: Frame | None = None
    jfif: bool = False
    adobe_transform: int | None = None
    restart_interval: int = 0
    dc_quanta: dict[int, int] = field(default_factory=dict)
    tables: dict[tuple[int, int], HuffmanTable] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)  # components that have had their scan
    parts: list[bytes | Scan] = field(default_factory=list)

    def head(self) -> None:
        """Take nothing but segments, up to the end of the data."""
        if self.data[:2] != SOI:
            raise Unclean("the pixels are not a JPEG stream")
        at = 2
        while at < len(self.data):
            marker, at = self._marker(at)
            segment, at = self._segment(marker, at)
            self._take(marker, segment)

    def over(self, data: bytes) -> "_Parser":
        """One that knows the same, of longer data."""
        tables, quanta = dict(self.tables), dict(self.dc_quanta)
        return replace(self, data=data, tables=tables, dc_quanta=quanta, seen=set(self.seen), parts=list(self.parts))

    def parse(self, at: int) -> Stream:
        """Take the rest, from an offset on."""
        while True:
            marker, at = self._marker(at)
            if marker == _EOI:
                break
            segment, at = self._segment(marker, at)
            if marker == _SOS:
                at = self._scan(segment, at)
            else:
                self._take(marker, segment)
        if self.frame is None or self.seen != set(range(len(self.frame.components))):
            raise Unclean("the JPEG is incomplete: a component has no scan")
        return Stream(self.frame, tuple(self.parts), self.jfif, self.adobe_transform)

    def _marker(self, at: int) -> tuple[int, int]:
        if self.data[at : at + 1] != b"\xff":
            raise Unclean("the JPEG is damaged or truncated: a marker is missing")
        while self.data[at : at + 1] == b"\xff":  # any number of fill bytes (T.81 B.1.1.2)
            at += 1
        if at >= len(self.data):
            raise Unclean("the JPEG is truncated")
        return self.data[at], at + 1

    def _segment(self, marker: int, at: int) -> tuple[bytes, int]:
        """The whole segment, with its marker, and where the next begins."""
        length = int.from_bytes(self.data[at : at + 2], "big")
        body = self.data[at : at + length]
        if length < 2 or len(body) != length:
            raise Unclean("the JPEG is truncated")
        return bytes((0xFF, marker)) + body, at + length

    def _take(self, marker: int, segment: bytes) -> None:
        body = segment[4:]
        if marker in (_SOF0, _SOF1):
            self._start_of_frame(body)
        elif marker == _DHT:
            return self._huffman_tables(body)  # written again with each scan
        elif marker == _DQT:
            self._quantisation_tables(body)
        elif marker == _DRI:
            if len(body) != 2:
                raise Unclean("the JPEG is damaged: its restart interval")
            self.restart_interval = int.from_bytes(body, "big")
        elif _APP0 <= marker <= _APP15 or marker == _COM:
            return self._application_data(marker, body)
        else:
            raise Unclean("the JPEG is progressive, arithmetic, hierarchical or lossless, which this syntax forbids")
        return self.parts.append(segment)

    def _application_data(self, marker: int, body: bytes) -> None:
        """Keep what decides about colours, without its thumbnail; drop the rest."""
        if marker == _APP0 and body[:5] == b"JFIF\0" and len(body) >= 14 and not self.jfif:
            self.jfif = True
            self.parts.append(b"\xff\xe0\0\x10" + body[:12] + b"\0\0")
        elif marker == _APP14 and body[:5] == b"Adobe" and len(body) >= 12 and self.adobe_transform is None:
            self.adobe_transform = body[11]
            self.parts.append(b"\xff\xee\0\x0e" + body[:12])

    def _start_of_frame(self, body: bytes) -> None:
        if self.frame is not None or len(body) < 6 or len(body) != 6 + 3 * body[5]:
            raise Unclean("the JPEG is damaged: its frame header")
        components = tuple(
            Component(body[at], body[at + 1] >> 4, body[at + 1] & 15, body[at + 2]) for at in range(6, len(body), 3)
        )
        frame = Frame(body[0], int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big"), components)
        if len({component.identifier for component in components}) != len(components) or len(components) not in (1, 3):
            raise Unclean("the JPEG has neither one nor three components")
        if frame.precision not in (8, 12) or not frame.rows or not frame.columns:
            raise Unclean("the JPEG has a sample precision or size that is not supported")
        factors = [(component.horizontal, component.vertical) for component in components]
        if any(not 1 <= h <= 4 or not 1 <= v <= 4 or frame.horizontal % h or frame.vertical % v for h, v in factors):
            raise Unclean("the JPEG has sampling factors that are not supported")
        if len(components) > 1 and sum(h * v for h, v in factors) > 10:
            raise Unclean("the JPEG has sampling factors that are not supported")
        if len(components) == 1:  # a single component is never subsampled, whatever its factors say (T.81 A.2.2)
            frame = replace(frame, components=(replace(components[0], horizontal=1, vertical=1),))
        self.frame = frame

    def _quantisation_tables(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            wide, slot = body[at] >> 4, body[at] & 15
            first, at = at + 1, at + 1 + (128 if wide else 64)
            quantum = int.from_bytes(body[first : first + 1 + wide], "big")
            if wide > 1 or slot > 3 or at > len(body) or quantum == 0:
                raise Unclean("the JPEG is damaged: its quantisation tables")
            self.dc_quanta[slot] = quantum

    def _huffman_tables(self, body: bytes) -> None:
        at = 0
        while at < len(body):
            counts = body[at + 1 : at + 17]
            end = at + 17 + sum(counts)
            where = body[at] >> 4, body[at] & 15
            if where[0] > 1 or where[1] > 3 or len(counts) != 16 or end > len(body):
                raise Unclean("the JPEG is damaged: its Huffman tables")
            self.tables[where] = HuffmanTable(counts, body[at + 17 : end])
            codes(self.tables[where])  # refuses an impossible table here, where it is defined
            at = end

    def _scan(self, segment: bytes, at: int) -> int:
        """Take a scan apart; the offset after its data."""
        body = segment[4:]
        if self.frame is None or not body or len(body) != 4 + 2 * body[0] or body[0] == 0:
            raise Unclean("the JPEG is damaged: a scan header")
        components: list[ScanComponent] = []
        for place in range(1, 1 + 2 * body[0], 2):
            index = self._index(body[place])
            dc_slot, ac_slot = body[place + 1] >> 4, body[place + 1] & 15
            dc, ac = self.tables.get((0, dc_slot)), self.tables.get((1, ac_slot))
            quantum = self.dc_quanta.get(self.frame.components[index].quantisation)
            if dc is None or ac is None or quantum is None or index in self.seen:
                raise Unclean("the JPEG is damaged: a scan lacks its tables or is there twice")
            self.seen.add(index)
            components.append(ScanComponent(index, dc_slot, ac_slot, dc, ac, quantum))
        end = _next_marker(self.data, at)
        if end < 0:
            raise Unclean("the JPEG is truncated")
        self.parts.append(Scan(segment, tuple(components), self.restart_interval, self.data[at:end]))
        return end

    def _index(self, identifier: int) -> int:
        assert self.frame is not None
        for index, component in enumerate(self.frame.components):
            if component.identifier == identifier:
                return index
        raise Unclean("the JPEG is damaged: a scan of a component that does not exist")
