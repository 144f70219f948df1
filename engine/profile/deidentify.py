"""The header profile at work: one file in, one file out, proved, or neither.

It reads the file meta information, lets `walk` go through the data set by the `plan`, adds what an object says of its
own de-identification, writes all of it around the pixels, which nobody looks at, and has the result proved.
"""

import mmap
import re
import struct
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from types import MappingProxyType

from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from engine.deflated import inflated
from engine.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME, Meta, read_meta
from engine.errors import Never, Unclean
from engine.profile.keyed import Keyed
from engine.profile.needles import Needles, bytes_of, text_of
from engine.profile.plan import CLEAN, DROP, DUMMY, EMPTY, KEEP, SHIFT, UID, Profile, profile
from engine.profile.policy import BASIC, CODES, OPTIONS, PIXEL_CODES, Policy
from engine.profile.proof import prove, verdicts
from engine.profile.table import TEXT, edition, vr_of
from engine.profile.values import encode, head_of, shifted
from engine.profile.walk import (
    DAMAGED,
    PATIENT_ID,
    SOP_CLASS,
    SOP_INSTANCE,
    STUDY,
    Data,
    Later,
    Level,
    Walk,
    fact,
    joined,
)
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

    removed: tuple[str, ...]
    emptied: tuple[str, ...]
    replaced: tuple[str, ...]
    cleaned: tuple[str, ...]
    uids: tuple[str, ...]
    dates: tuple[str, ...]
    kept: tuple[str, ...]
    options: tuple[str, ...]
    key: str


def deidentify(source: Path, target: Path, policy: Policy, keyed: Keyed, names: Mapping[str, str] = _NOTHING) -> Report:
    """Write the object without what identifies its patient (PS3.15 E.2), and prove it. target must not be there yet.

    names: spelling of a tag of the top level, and the text that is written for it instead of what the profile says.
    The same input, policy, key and names give the same bytes. Raises Never for what is not read or cannot be done,
    Unclean for what is damaged or cannot be proved; OSError; ValueError for names that no attribute can have. There is
    no target then.
    """
    texts = _texts(tuple(names.items()))
    meta = _meta(source)
    made = profile(policy, meta.sop_class_uid, frozenset(texts))
    syntax = meta.transfer_syntax_uid
    explicit, order = syntax != ImplicitVRLittleEndian, ">" if syntax == ExplicitVRBigEndian else "<"
    with _data_set(source, meta) as (data, start):
        walk = Walk(data, made.top, Level(explicit, order), keyed.uid)
        walk.run(start, _insertions(walk, policy, keyed, texts))
        needles = Needles(walk.found, walk.kept)
        walk.finish(_filler(walk, keyed, needles))
        instance = _instance(walk, meta, made, keyed, texts)
        head, tail = joined(walk.head), joined(walk.tail)
        begin, end = walk.pixels
        try:
            with target.open("xb") as file:
                file.write(group := _meta_group(meta, instance))
                if syntax == DeflatedExplicitVRLittleEndian:
                    file.write(_deflated(head, data[begin:end], tail))
                else:
                    file.write(head)
                    file.write(memoryview(data)[begin:end])
                    file.write(tail)
            again = _read_again(target, group, len(head), end - begin, syntax)
            if again != head + tail:
                raise Unclean("what was written is not what is there: look at the disk, then release the object")
            prove(again, explicit, order == "<", verdicts(policy, frozenset(texts)), needles)
        except FileExistsError:
            raise
        except BaseException:
            target.unlink(missing_ok=True)
            raise
    return _report(walk, policy, keyed)


# ── what is read ────────────────────────────────────────────────────────────────────────────────────────────────────


def _meta(source: Path) -> Meta:
    try:
        meta = read_meta(source)
    except ValueError as error:
        raise Never(f"{error}, so its header cannot be cleaned: discard it, or send it again") from None
    if meta.sop_class_uid == _DIRECTORY:
        raise Never("a DICOMDIR is not de-identified: make a new one of the cleaned objects")
    if not _SYNTAXES.fullmatch(meta.transfer_syntax_uid):
        raise Never("its transfer syntax is not one of the standard, so its header is not read: send it in another")
    return meta


@contextmanager
def _data_set(source: Path, meta: Meta) -> Iterator[tuple[Data, int]]:
    """The bytes that hold the data set, and where it begins in them."""
    with source.open("rb") as file:
        if meta.transfer_syntax_uid == DeflatedExplicitVRLittleEndian:
            file.seek(meta.offset)
            yield _inflated(file.read()), 0
        elif meta.offset + meta.length <= _MAPPED:
            yield file.read(), meta.offset
        else:
            # Not closed by hand: what is sliced from it may still be looked at where an exception is on its way.
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), meta.offset


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


def _insertions(
    walk: Walk, policy: Policy, keyed: Keyed, texts: Mapping[int, str]
) -> list[tuple[int, Callable[[], bytes]]]:
    dates = {"full-dates": b"UNMODIFIED", "modified-dates": b"MODIFIED"}
    modified = next((word for option, word in dates.items() if option in policy.options), b"REMOVED")
    fixed = partial(_element, walk)
    return [
        (0x00120062, lambda: fixed(0x00120062, b"YES")),
        (0x00120063, lambda: fixed(0x00120063, _method(walk, keyed))),
        (0x00120064, lambda: _codes(walk, policy)),
        (0x00280303, lambda: fixed(0x00280303, modified)),
        *((tag, partial(_named, walk, tag, text)) for tag, text in texts.items()),
    ]


def _element(walk: Walk, tag: int, value: bytes) -> bytes:
    return encode(tag, vr_of(tag).encode(), value, walk.top.explicit, walk.top.order)


def _named(walk: Walk, tag: int, text: str) -> bytes:
    try:
        return _element(walk, tag, bytes_of(text, walk.top.charset))
    except ValueError:
        raise Never(
            f"what is to be written for {_spelled(tag)} has letters that the object's character set lacks: write it in "
            "ASCII, then release the object"
        ) from None


def _method(walk: Walk, keyed: Keyed) -> bytes:
    """What we have said before of this object, of its pixels for instance, and how its header was made."""
    before = [one.strip() for one in walk.method.decode("latin-1").split("\\")]
    said = [one for one in before if one.startswith(_OURS) and not one.startswith(_METHOD) and one.isascii()]
    return "\\".join([*said, f"{_METHOD}{keyed.id}"]).encode()


def _codes(walk: Walk, policy: Policy) -> bytes:
    """De-identification Method Code Sequence (PS3.15 E.1.1, CID 7050)."""
    order, explicit = walk.top.order, walk.top.explicit
    chosen = [BASIC, *(code for value, code in PIXEL_CODES.items() if value.encode() in walk.pixel_codes)]
    chosen += [code for option, code in CODES.items() if option in policy.options]
    parts = []
    for value, meaning in chosen:
        item = _element(walk, 0x00080100, value.encode())
        item += _element(walk, 0x00080102, b"DCM") + _element(walk, 0x00080104, meaning.encode())
        parts += [struct.pack(order + "HHL", 0xFFFE, 0xE000, len(item)), item]
    data = b"".join(parts)
    return head_of(0x00120064, b"SQ", len(data), explicit, order) + data


def _filler(walk: Walk, keyed: Keyed, needles: Needles) -> Callable[[Later], bytes | None]:
    """What dates and text become, now that all of the object is known."""
    days: list[int] = []

    def fill(one: Later) -> bytes | None:
        if one.code == CLEAN:
            return None if needles.within(text_of(one.raw, one.level.charset)) else one.raw
        if one.vr not in (b"DA", b"DT") or not one.raw.isascii():
            return None
        if not days:
            # Without an ID the dates of one study still stay together.
            days.append(keyed.days(fact(walk, PATIENT_ID) or fact(walk, STUDY)))
        moved = shifted(one.vr, one.raw.decode("ascii").strip(" \0"), days[0])
        return None if moved is None else moved.encode()

    return fill


def _instance(walk: Walk, meta: Meta, made: Profile, keyed: Keyed, texts: Mapping[int, str]) -> str:
    """The SOP Instance UID of what is written. Raises Unclean where the file says two things of the object."""
    if SOP_CLASS in walk.facts and fact(walk, SOP_CLASS) != meta.sop_class_uid:
        raise Unclean(DAMAGED.format("its file meta information names another SOP class than its data set"))
    before = fact(walk, SOP_INSTANCE) or meta.sop_instance_uid
    return texts.get(SOP_INSTANCE) or (keyed.uid(before) if made.top[SOP_INSTANCE] == UID else before)


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


def _deflated(*parts: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    data = b"".join([*map(deflater.compress, parts), deflater.flush()])
    return data + b"\0" * (len(data) % 2)


def _read_again(target: Path, group: bytes, head: int, pixels: int, syntax: str) -> bytes:
    """What was written of the data set, without the pixels."""
    with target.open("rb") as file:
        if file.read(len(group)) != group:
            raise Unclean("the written file does not begin as it should: look at the disk, then release the object")
        if syntax == DeflatedExplicitVRLittleEndian:
            data = _inflated(file.read())
            return data[:head] + data[head + pixels :]
        data = file.read(head)
        file.seek(pixels, 1)
        return data + file.read()


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────────


@lru_cache(maxsize=1 << 14)
def _spelled(tag: int) -> str:
    return str(Tag(tag >> 16, tag & 0xFFFF))


@lru_cache(maxsize=1 << 10)
def _spellings(tags: frozenset[int]) -> tuple[str, ...]:
    return tuple(map(_spelled, sorted(tags)))


def _report(walk: Walk, policy: Policy, keyed: Keyed) -> Report:
    def tags(code: str) -> tuple[str, ...]:
        return _spellings(frozenset(walk.done[code]))

    return Report(
        removed=tags(DROP),
        emptied=tags(EMPTY),
        replaced=tags(DUMMY),
        cleaned=tags(CLEAN),
        uids=tags(UID),
        dates=tags(SHIFT),
        kept=tags(KEEP),
        options=tuple(one for one in OPTIONS if one in policy.options),
        key=keyed.id,
    )
