"""Bring an object into another transfer syntax without loss, and prove it from the written file.

Frame by frame, so that memory does not grow with their number; between native transfer syntaxes the whole data set is
in memory. It ends with a proven file or with `Unclean` and no file. Must not know who wants it, nor peers or rules.
"""

import hashlib
import struct
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np
from pydicom.filebase import DicomBytesIO
from pydicom.filereader import read_file_meta_info
from pydicom.filewriter import write_file_meta_info
from pydicom.uid import UID

from engine.dicom import native, part10
from engine.dicom.negotiate import DEFLATED_LITTLE, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE
from engine.errors import Unclean
from engine.pixels import deflate, encapsulated
from engine.pixels.carriers import EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS, PIXEL_DATA
from engine.pixels.codec import Cells, Codec, full, plain
from engine.pixels.codecs import ALWAYS_LOSSY, CODECS
from engine.pixels.damage import damage_is_unclean, nothing_left_behind
from engine.pixels.elements import Element, Layout, file_meta, layout
from engine.pixels.frames import encapsulated_jobs, in_threads, native_jobs
from engine.pixels.image import describe, read_head

_FLOAT = (0x7FE00008, 0x7FE00009)
_PHOTOMETRIC, _PLANAR, _LOSSY = 0x00280004, 0x00280006, 0x00282110
_TABLES = (EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS)
_LONGEST = 0xFFFFFFFE
_ENCAPSULATED_INSIDE = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff"


@dataclass(frozen=True)
class Transcoded:
    """What was done: how many frames were encoded anew (0: none had to be), and whether a file was written at all."""

    frames: int
    written: bool = True


def transcode(source: Path, target: Path, syntax: str) -> Transcoded:
    """Write `source` to `target` in a transfer syntax (UID) that loses nothing.

    No file is written where there is nothing to do: it is in this transfer syntax already, or it has no pixels and
    should be compressed. Every sample of the target is compared with the source's, by another decoder than the one
    that belongs to the encoder where there is one; frame by frame with a digest, where the source had to be decoded.
    Raises `Unclean` for what is not supported, damaged or not proven, and OSError if a disk fails; `target` does not
    exist then.
    """
    target.unlink(missing_ok=True)
    with nothing_left_behind(target), damage_is_unclean():
        was, start = file_meta(source)
        if was == syntax:
            return Transcoded(0, written=False)
        if was not in NATIVE and was not in CODECS:
            name = UID(was).name if UID(was).is_transfer_syntax else "unknown to the standard"
            raise Unclean(f"its transfer syntax cannot be decoded here: {name}")
        # Called after the target, so that whoever ends this process from outside can remove it.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.stem}-") as folder:
            if was in NATIVE and syntax in NATIVE:
                _reencode(source, target, syntax, Path(folder))
                return Transcoded(0)
            plain_file = source
            if was == DEFLATED_LITTLE:
                plain_file = Path(folder, "inflated")
                deflate.inflate(source, plain_file, start)
            found = layout(plain_file, inflated=True)
            if found.find(PIXEL_DATA) is None and not any(found.find(tag) for tag in _FLOAT):
                if was in NATIVE:
                    return Transcoded(0, written=False)
                raise Unclean("the object says that its pixels are compressed, and has none")
            return _Work(source, plain_file, found, syntax, Path(folder)).into(target)


def _reencode(source: Path, target: Path, syntax: str, folder: Path) -> None:
    """Between native transfer syntaxes."""
    explicit = EXPLICIT_LITTLE if syntax == DEFLATED_LITTLE else syntax
    data = native.reencode(source, part10.read_meta(source), explicit)
    straight = Path(folder, "native") if syntax == DEFLATED_LITTLE else target
    with straight.open("xb") as file:
        start = _write_meta(source, file, syntax)
        file.write(data)
    if syntax == DEFLATED_LITTLE:
        deflate.deflate(straight, target, start)


def _write_meta(source: Path, file: BinaryIO, syntax: str) -> int:
    """The source's preamble and file meta information with another transfer syntax; where the data set begins."""
    with source.open("rb") as read:
        file.write(read.read(128) + b"DICM")
    meta = read_file_meta_info(source)
    meta.TransferSyntaxUID = UID(syntax)
    buffer = DicomBytesIO()
    write_file_meta_info(buffer, meta, enforce_standard=False)
    file.write(buffer.getvalue())
    return file.tell()


class _Work:
    """One object whose pixels are decoded, encoded or both."""

    def __init__(self, source: Path, plain_file: Path, found: Layout, syntax: str, folder: Path) -> None:
        self.source, self.file, self.found, self.syntax, self.folder = source, plain_file, found, syntax, folder
        pixels = found.find(PIXEL_DATA)
        if pixels is None:
            raise Unclean("floating-point pixels cannot be compressed")
        self.pixels = pixels
        # Inflated, it is explicit little endian.
        self.was = EXPLICIT_LITTLE if found.syntax == DEFLATED_LITTLE else found.syntax
        self.reader: Codec | None = None if self.was in NATIVE else CODECS[self.was]
        self.writer: Codec | None = None if syntax in NATIVE else CODECS[syntax]
        if (self.reader is not None) != pixels.undefined:
            raise Unclean("the pixels are not encoded as the transfer syntax says")
        with self.file.open("rb") as file:
            head, _ = read_head(file, found.dataset, implicit=found.implicit, little=found.little)
        self.image = describe(head)
        decoded = self.reader.decoded if self.reader else full
        # What the frames in memory are: colour for each pixel, by pixel.
        planar = 0 if self.image.samples > 1 else self.image.planar
        self.between = replace(self.image, photometric=decoded(self.image.photometric), planar=planar)
        encoded = self.writer.encoded(self.between.photometric) if self.writer else self.between.photometric
        self.after = replace(self.between, photometric=encoded)
        self.head_syntax = EXPLICIT_LITTLE if syntax != IMPLICIT_LITTLE else syntax
        self.digests: dict[int, bytes] = {}
        """Of the samples of each frame that was decoded: to decode it again would cost as much as all the rest."""
        self.lossy = found.syntax in ALWAYS_LOSSY and str(head.get("LossyImageCompression") or "") != "01"

    def into(self, target: Path) -> Transcoded:
        """Write and prove."""
        if self.writer is not None:
            self.writer.refuse(self.between)
        straight = Path(self.folder, "straight") if self.syntax == DEFLATED_LITTLE else target
        with straight.open("x+b") as file:
            start = _write_meta(self.source, file, self.syntax)
            self._write_elements(file, [one for one in self.found.elements if one.tag < PIXEL_DATA])
            self._write_pixels(file)
            self._write_elements(file, [one for one in self.found.elements if one.tag > PIXEL_DATA], edits=False)
        if self.syntax == DEFLATED_LITTLE:
            deflate.deflate(straight, target, start)
            again = Path(self.folder, "again")
            deflate.inflate(target, again, start)
            self._prove(again)
        else:
            self._prove(target)
        return Transcoded(self.image.frames)

    def _edits(self) -> dict[int, bytes]:
        """What the header says otherwise afterwards: only what is not so already."""
        edits: dict[int, bytes] = {}
        if self.after.photometric != self.image.photometric:
            edits[_PHOTOMETRIC] = self._element(_PHOTOMETRIC, "CS", _even(self.after.photometric))
        if self.after.planar != self.image.planar:
            edits[_PLANAR] = self._element(_PLANAR, "US", struct.pack("<H", self.after.planar or 0))
        if self.lossy:
            edits[_LOSSY] = self._element(_LOSSY, "CS", b"01")
        return edits

    def _element(self, tag: int, vr: str, value: bytes) -> bytes:
        return native.element(tag, vr, value, self.head_syntax)

    def _write_elements(self, file: BinaryIO, elements: list[Element], *, edits: bool = True) -> None:
        changed = self._edits() if edits else {}
        syntax = self.was if self.was in NATIVE else EXPLICIT_LITTLE
        with self.file.open("rb") as read:
            pieces = dict(changed)
            for one in elements:
                if one.tag in changed or one.tag in _TABLES:
                    continue
                read.seek(one.start)
                data = read.read(one.end - one.start)
                if PIXEL_DATA in one.nested and _ENCAPSULATED_INSIDE in data:
                    raise Unclean("a sequence of the object holds compressed pixels of its own")
                pieces[one.tag] = native.converted(data, syntax, self.head_syntax, signed=self.image.signed)
        for tag in sorted(pieces):
            file.write(pieces[tag])

    def _write_pixels(self, file: BinaryIO) -> None:
        with self.file.open("rb") as read:
            if self.writer is not None:
                header = struct.pack("<HH2sxxL", 0x7FE0, 0x0010, b"OB", 0xFFFFFFFF)
                streams = in_threads(partial(self._encoded, job) for job in self._frames(read))
                encapsulated.write(file, header, self.image.frames, streams)
                return
            width = self.image.bits_allocated // 8
            length = self.image.frames * self.image.rows * self.image.columns * self.image.samples * width
            if length > _LONGEST:
                raise Unclean("the pixels are longer than an object without compression can hold")
            padded = length + length % 2
            if self.head_syntax == IMPLICIT_LITTLE:
                file.write(struct.pack("<HHL", 0x7FE0, 0x0010, padded))
            else:
                file.write(struct.pack("<HH2sxxL", 0x7FE0, 0x0010, b"OB" if width == 1 else b"OW", padded))
            for cells in in_threads(self._frames(read)):
                file.write(np.ascontiguousarray(cells.astype(f"<u{width}")).data)
            file.write(b"\0" * (length % 2))

    def _frames(self, read: BinaryIO) -> Iterator[Callable[[], Cells]]:
        if self.reader is not None:
            jobs = encapsulated_jobs(read, self.image, self.pixels, self.reader.decode, self.reader.start)
            return (partial(self._noted, number, job) for number, job in enumerate(jobs))
        return native_jobs(self.file, self.image, self.found, self.pixels)

    def _noted(self, number: int, job: Callable[[], Cells]) -> Cells:
        cells = job()
        self.digests[number] = _digest(self._samples(cells))
        return cells

    def _samples(self, cells: Cells) -> Cells:
        """The cells as far as they are to come through."""
        return cells if self.writer is None or self.writer.whole else plain(cells, self.image)

    def _encoded(self, job: Callable[[], Cells]) -> bytes:
        if self.writer is None or self.writer.encode is None:
            raise Unclean("nothing can write this transfer syntax")
        return self.writer.encode(self._samples(job()), self.between)

    def _prove(self, written: Path) -> None:
        found = layout(written, inflated=True)
        pixels = found.find(PIXEL_DATA)
        with written.open("rb") as read:
            head, _ = read_head(read, found.dataset, implicit=found.implicit, little=True)
            if pixels is None or describe(head) != self.after:
                raise Unclean("the proof failed: the header does not say what the pixels are")
            if self.writer is None:
                frames = native_jobs(written, self.after, found, pixels)
            else:
                decode = self.writer.again or self.writer.decode
                frames = encapsulated_jobs(read, self.after, pixels, decode, self.writer.start)
            if not all(in_threads(self._comparisons(frames))):
                raise Unclean("the proof failed: a sample has changed")

    def _comparisons(self, frames: Iterator[Callable[[], Cells]]) -> Iterator[Callable[[], bool]]:
        if self.reader is None:
            before = native_jobs(self.file, self.image, self.found, self.pixels)
            return (partial(self._same, one, other) for one, other in zip(before, frames, strict=True))
        numbered = zip(range(self.image.frames), frames, strict=True)
        return (partial(self._as_noted, number, one) for number, one in numbered)

    def _same(self, before: Callable[[], Cells], after: Callable[[], Cells]) -> bool:
        return np.array_equal(self._samples(before()), after())

    def _as_noted(self, number: int, after: Callable[[], Cells]) -> bool:
        return self.digests[number] == _digest(after())


def _digest(cells: Cells) -> bytes:
    """What tells one frame from any other, by its shape and its samples."""
    known = hashlib.blake2b(repr((cells.shape, cells.dtype.str)).encode(), digest_size=32)
    known.update(np.ascontiguousarray(cells).data)
    return known.digest()


def _even(text: str) -> bytes:
    return (text + " " * (len(text) % 2)).encode("ascii")
