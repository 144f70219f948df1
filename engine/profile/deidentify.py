"""The header profile at work: one file in, one file out, proved, or neither.

It reads the file meta information, lets `walk` go through the data set by the `plan`, adds what an object says of its
own de-identification, writes all of it around the pixels, which nobody looks at, and has the result proved.
"""

import io
import mmap
import os
import re
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from engine.deflated import inflated
from engine.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, Meta, meta_of
from engine.errors import Never, Unclean
from engine.profile.acts import DAMAGED, METHOD, PATIENT_ID, SOP_CLASS, SOP_INSTANCE, STUDY, encoding
from engine.profile.keyed import Keyed
from engine.profile.needles import Needles, bytes_of, text_of
from engine.profile.plan import CLEAN, DROP, DUMMY, EMPTY, KEEP, LOOK, SHIFT, UID, Profile, profile
from engine.profile.policy import BASIC, CODES, OPTIONS, PIXEL_CODES, Policy
from engine.profile.proof import Left, prove, verdicts
from engine.profile.skip import Data
from engine.profile.table import CODE_VALUE, MEANING, SCHEME, TEXT, edition, known_class, vr_of
from engine.profile.terms import is_code
from engine.profile.values import encode, head_of, shifted
from engine.profile.walk import Later, Walk, fact
from engine.tags import Tag, path_of

_MAPPED = 1 << 20
"""Bytes. A larger file is not read into memory: most of it is pixels."""

_DIRECTORY = "1.2.840.10008.1.3.10"
_SYNTAXES = re.compile(r"1\.2\.840\.10008\.1\.2(\.[125]|\.1\.99|\.4\.\d+|\.7\.\d+|\.8\.1)?")
"""Transfer syntaxes of PS3.5 annex A: their data sets are encoded in one of four ways."""

_OURS = "Stellwerk "
_METHOD = f"{_OURS}PS3.15 E.1 {edition()} key "

_NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Report:
    """What was done, as spellings of tags (engine.tags) without values; the options, and the short id of the key."""

    _options: frozenset[str] = field(repr=False)
    key: str
    _done: Mapping[str | None, AbstractSet[int]] = field(repr=False)

    @property
    def options(self) -> tuple[str, ...]:
        """In the order of the standard."""
        return tuple(one for one in OPTIONS if one in self._options)

    @property
    def removed(self) -> tuple[str, ...]:
        """What is not there any more."""
        return self._spelled(DROP)

    @property
    def emptied(self) -> tuple[str, ...]:
        """What has no value any more, or had none."""
        return self._spelled(EMPTY)

    @property
    def replaced(self) -> tuple[str, ...]:
        """What has a value that means nothing."""
        return self._spelled(DUMMY)

    @property
    def cleaned(self) -> tuple[str, ...]:
        """Text that stays, as nothing was found in it."""
        return self._spelled(CLEAN)

    @property
    def uids(self) -> tuple[str, ...]:
        """What has other UIDs."""
        return self._spelled(UID)

    @property
    def dates(self) -> tuple[str, ...]:
        """What was moved by the days of the patient."""
        return self._spelled(SHIFT)

    @property
    def kept(self) -> tuple[str, ...]:
        """What stays by an option, or by name."""
        return self._spelled(KEEP)

    def _spelled(self, code: str) -> tuple[str, ...]:
        return tuple(map(_spelled, sorted(self._done[code])))


def deidentify(source: Path, target: Path, policy: Policy, keyed: Keyed, names: Mapping[str, str] = _NOTHING) -> Report:
    """Write the object without what identifies its patient (PS3.15 E.2), and prove it. target must not be there yet.

    names: spelling of a tag of the top level, and the text that is written for it instead of what the profile says.
    The same input, policy, key and names give the same bytes. Raises Never for what is not read or cannot be done,
    Unclean for what is damaged or cannot be proved; OSError; ValueError for names that no attribute can have. There is
    no target then.
    """
    texts = _texts(tuple(names.items()))
    file = os.open(source, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = _read(file)
    finally:
        os.close(file)
    meta, start = _meta(data), 0
    if meta.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
        data = _inflated(data[meta.offset :])
    else:
        start = meta.offset
    try:
        return _written(_Job(data, start, meta, policy, keyed, texts), target)
    except Left:
        # What was found is in a text that the table lets be. That is rare, so nobody looks for it beforehand.
        return _written(_Job(data, start, meta, policy, keyed, texts, careful=True), target)


class _Job(NamedTuple):
    """An object, and what is to be done with it. careful: all its text is looked into."""

    data: Data
    start: int
    meta: Meta
    policy: Policy
    keyed: Keyed
    texts: dict[int, str]
    careful: bool = False


def _written(job: _Job, target: Path) -> Report:
    """Write and prove it. There is no target where that cannot be done."""
    data, meta, keyed, names = job.data, job.meta, job.keyed, frozenset(job.texts)
    made = profile(job.policy, known_class(meta.sop_class_uid), names, job.careful)
    syntax = meta.transfer_syntax_uid
    explicit, little = syntax != ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    walk = Walk(data, made.top, encoding(explicit, "<" if little else ">"), keyed.uids)
    walk.run(job.start, _insertions(walk, job))
    needles = Needles(walk.found, walk.kept)
    head, tail = walk.finish(_filler(walk, keyed, needles))
    group = _meta_group(meta, _instance(walk, made, job))
    with memoryview(data)[slice(*walk.pixels)] as pixels:
        file = os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        try:
            if syntax == DeflatedExplicitVRLittleEndian:
                _write(file, [group, _deflated(head, pixels, tail)])
                again = _inflated_again(file, group, len(head), len(pixels))
            else:
                _write(file, [group, head, pixels, tail])
                again = _read_again(file, group, len(head), len(pixels), len(tail))
            if again != (head + tail if tail else head):
                raise Unclean("what was written is not what is there: look at the disk, then release the object")
            prove(again, explicit, little, verdicts(job.policy, names), needles)
        except BaseException:
            target.unlink(missing_ok=True)
            raise
        finally:
            os.close(file)
    return Report(job.policy.options, keyed.id, walk.done)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


def _read(file: int) -> Data:
    """All of it; what is large is looked at where it lies, for as long as somebody does."""
    size = os.fstat(file).st_size
    return os.read(file, size) if size <= _MAPPED else mmap.mmap(file, 0, access=mmap.ACCESS_READ)


def _meta(data: Data) -> Meta:
    try:
        meta = meta_of(io.BytesIO(data) if isinstance(data, bytes) else data, len(data))
    except ValueError as error:
        raise Never(f"{error}, so its header cannot be cleaned: discard it, or send it again") from None
    if meta.sop_class_uid == _DIRECTORY:
        raise Never("a DICOMDIR is not de-identified: make a new one of the cleaned objects")
    if not _SYNTAXES.fullmatch(meta.transfer_syntax_uid):
        raise Never("its transfer syntax is not one of the standard, so its header is not read: send it in another")
    return meta


def _inflated(data: bytes) -> bytes:
    try:
        return inflated(data)
    except (zlib.error, ValueError) as error:
        why = str(error) if isinstance(error, ValueError) else "its deflated data set is damaged"
        raise Unclean(f"{why}: its sender should send it again, not deflated") from None


def _texts(names: tuple[tuple[str, str], ...]) -> dict[int, str]:
    found = {}
    for spelling, text in names:
        path = path_of(spelling)
        if len(path.parts) > 1 or path.last.creator or path.vr not in TEXT | {"PN", "CS", "DA", "AS", "UI", "IS", "DS"}:
            raise ValueError(f"{spelling} is not an attribute that a text can be written for")
        if not text.isprintable() or "\\" in text:
            raise ValueError(f"what is written for {spelling} must be one line, without a backslash")
        found[path.last.number] = text
    return found


# ── what is written ─────────────────────────────────────────────────────────────────────────────────────────────────


def _insertions(walk: Walk, job: _Job) -> list[tuple[int, Callable[[], bytes]]]:
    """What every object says afterwards (PS3.15 E.1.1), and what the caller wants written."""
    coding, options = walk.top.encoding, job.policy.options
    dates = b"UNMODIFIED" if "full-dates" in options else b"MODIFIED" if "modified-dates" in options else b"REMOVED"
    explicit, order = coding.explicit, coding.order
    return [
        (0x00120062, lambda: _element(0x00120062, b"YES", explicit, order)),
        (METHOD, lambda: _element(METHOD, _method(walk, job.keyed), explicit, order)),
        (0x00120064, lambda: _codes(_pixel_codes(walk.pixel_codes), options, explicit, order)),
        (0x00280303, lambda: _element(0x00280303, dates, explicit, order)),
        *((tag, partial(_named, walk, tag, text)) for tag, text in job.texts.items()),
    ]


@lru_cache(maxsize=1 << 10)
def _element(tag: int, value: bytes, explicit: bool, order: str) -> bytes:
    return encode(tag, vr_of(tag).encode(), value, explicit, order)


def _named(walk: Walk, tag: int, text: str) -> bytes:
    coding = walk.top.encoding
    try:
        return encode(tag, vr_of(tag).encode(), bytes_of(text, walk.top.charset), coding.explicit, coding.order)
    except ValueError:
        raise Never(
            f"what is to be written for {_spelled(tag)} has letters that the object's character set lacks: write it in "
            "ASCII, then release the object"
        ) from None


def _method(walk: Walk, keyed: Keyed) -> bytes:
    """What we have said before of this object, of its pixels for instance, and how its header was made."""
    ours = f"{_METHOD}{keyed.id}"
    if METHOD not in walk.facts:
        return ours.encode()
    before = [one.strip() for one in walk.facts[METHOD].decode("latin-1").split("\\")]
    said = [one for one in before if one.startswith(_OURS) and not one.startswith(_METHOD) and one.isascii()]
    return "\\".join([*said, ours]).encode()


def _pixel_codes(before: bytes) -> tuple[tuple[str, str], ...]:
    return tuple(code for value, code in PIXEL_CODES.items() if value.encode() in before)


@lru_cache(maxsize=1 << 8)
def _codes(pixels: tuple[tuple[str, str], ...], options: frozenset[str], explicit: bool, order: str) -> bytes:
    """De-identification Method Code Sequence (PS3.15 E.1.1, CID 7050)."""
    chosen = [BASIC, *pixels, *(code for option, code in CODES.items() if option in options)]
    parts = []
    for value, meaning in chosen:
        item = _element(CODE_VALUE, value.encode(), explicit, order)
        item += _element(SCHEME, b"DCM", explicit, order) + _element(MEANING, meaning.encode(), explicit, order)
        parts += [struct.pack(order + "HHL", 0xFFFE, 0xE000, len(item)), item]
    data = b"".join(parts)
    return head_of(0x00120064, b"SQ", len(data), explicit, order) + data


def _filler(walk: Walk, keyed: Keyed, needles: Needles) -> Callable[[Later], bytes | None]:
    """What dates and text become, now that all of the object is known."""
    days: list[int] = []

    def fill(one: Later) -> bytes | None:
        if one.act.code in (CLEAN, LOOK):
            found = needles.within(text_of(one.raw, one.level.charset))
            return one.raw if not found or _is_coded(one) else None
        if one.act.meant not in (b"DA", b"DT") or not one.raw.isascii():
            return None
        if not days:
            # Without an ID the dates of one study still stay together.
            days.append(keyed.days(fact(walk, PATIENT_ID) or fact(walk, STUDY)))
        moved = shifted(one.act.meant, one.raw.decode("ascii").strip(" \0"), days[0])
        return None if moved is None else moved.encode()

    return fill


def _is_coded(one: Later) -> bool:
    """Whether this is part of a code of the standard, which means what it means whatever people are called."""
    if one.act.tag not in (CODE_VALUE, SCHEME, MEANING):
        return False
    return is_code(*(text_of((one.level.coded or {}).get(tag, b""), b"") for tag in (CODE_VALUE, SCHEME, MEANING)))


def _instance(walk: Walk, made: Profile, job: _Job) -> str:
    """The SOP Instance UID of what is written. Raises Unclean where the file says two things of the object."""
    meta, keyed, texts = job.meta, job.keyed, job.texts
    if SOP_CLASS in walk.facts and fact(walk, SOP_CLASS) != meta.sop_class_uid:
        raise Unclean(DAMAGED.format("its file meta information names another SOP class than its data set"))
    before = fact(walk, SOP_INSTANCE) or meta.sop_instance_uid
    return texts.get(SOP_INSTANCE) or (keyed.uid(before) if made.renames else before)


def _meta_group(meta: Meta, instance: str) -> bytes:
    """Preamble and file meta information (PS3.10 7.1), without any application entity or private information."""
    before, after = _around_instance(meta.sop_class_uid, meta.transfer_syntax_uid)
    body = before + _text(0x00020003, instance) + after
    return bytes(128) + b"DICM" + encode(0x00020000, b"UL", struct.pack("<L", len(body)), True, "<") + body


@lru_cache(maxsize=256)
def _around_instance(sop_class: str, syntax: str) -> tuple[bytes, bytes]:
    before = encode(0x00020001, b"OB", b"\0\1", True, "<") + _text(0x00020002, sop_class)
    after = _text(0x00020012, IMPLEMENTATION_CLASS_UID) + _text(0x00020013, IMPLEMENTATION_VERSION_NAME)
    return before, _text(0x00020010, syntax) + after


def _text(tag: int, text: str) -> bytes:
    return encode(tag, vr_of(tag).encode(), text.encode("latin-1"), True, "<")


def _deflated(*parts: bytes | memoryview) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = b"".join([*map(deflater.compress, parts), deflater.flush()])
    return data + b"\0" * (len(data) % 2)


def _write(file: int, parts: Sequence[bytes | memoryview]) -> None:
    """All of it. Raises OSError."""
    done = os.writev(file, parts)
    for part in parts:  # the rest, where it is more than one call takes, or the disk is about to be full
        rest = memoryview(part)[done:]
        done = max(0, done - len(part))
        while rest:
            rest = rest[os.write(file, rest) :]


_NOT_BEGUN = "the written file does not begin as it should: look at the disk, then release the object"


def _read_again(file: int, group: bytes, head: int, pixels: int, tail: int) -> bytes:
    """What was written of the data set, without the pixels."""
    data = os.pread(file, len(group) + head, 0)
    if not data.startswith(group):
        raise Unclean(_NOT_BEGUN)
    # One byte more than there should be: there must not be one.
    return data[len(group) :] + os.pread(file, tail + 1, len(group) + head + pixels)


def _inflated_again(file: int, group: bytes, head: int, pixels: int) -> bytes:
    data = os.pread(file, os.fstat(file).st_size, 0)
    if not data.startswith(group):
        raise Unclean(_NOT_BEGUN)
    data = _inflated(data[len(group) :])
    return data[:head] + data[head + pixels :]


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1 << 14)
def _spelled(tag: int) -> str:
    return str(Tag(tag >> 16, tag & 0xFFFF))
