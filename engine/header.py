"""Header: the attributes of one object, read-only, as text, up to the pixel data.

Character sets are solved here (pydicom does it, PS3.3 section C.12.1.1.2); everything above sees text. A header is
read from its file at the first question and kept; a change makes a new header. Questions are answered from the encoded
bytes (engine/scan.py) where it is sure, and by pydicom where it is not. It must not know rules or the spool.
"""

import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path as FilePath

from pydicom import Dataset, config, dcmread
from pydicom.dataelem import DataElement
from pydicom.errors import InvalidDicomError
from pydicom.sequence import Sequence as Items

from engine import deflated
from engine.errors import Never
from engine.scan import Scan, Unsure, meta
from engine.scan_items import CHARSET, UNDEFINED
from engine.scan_values import plain
from engine.tags import Part, Path, Tag, path_of

_FIRST, _NEXT, _MOST = 1 << 14, 1 << 16, 1 << 23
"""Bytes that are read of a file: most headers lie in the first. One beyond the most is left to pydicom."""

_PIXEL_REPRESENTATION = 0x00280103
"""Says whether other attributes hold numbers with a sign."""


class Header:
    """A lazy view of one object's attributes (PS3.5 data set without PixelData)."""

    def __init__(self, load: Callable[[], Dataset], look: Callable[[], Scan | None] = lambda: None) -> None:
        self._load, self._look = load, look
        self._dataset: Dataset | None = None
        self._refusal: Never | None = None
        self._scan: Scan | None = None
        self._looked = False
        self._known: dict[Path, tuple[str, ...]] = {}
        self._before: Header | None = None
        self._touched: frozenset[int] = frozenset()
        self._changes: Callable[[], Dataset] = Dataset
        self._changed: Dataset | None = None

    @classmethod
    def read(cls, file: FilePath) -> "Header":
        """The header of a DICOM file (PS3.10). The file is opened at the first question; Never if it is not DICOM."""
        return cls(lambda: by_pydicom(file), lambda: scanned(file))

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Header":
        """A header that holds just these values, by tag spelling: for tests of rules and dry runs."""
        return cls(Dataset).changed(values)

    @property
    def dataset(self) -> Dataset:
        """The attributes as a pydicom data set without pixel data. Not to be changed."""
        if self._refusal is not None:
            raise self._refusal
        if self._dataset is None:
            try:
                self._dataset = self._load()
            except Never as refusal:
                self._refusal = refusal  # to find it out may have cost seconds
                raise
        return self._dataset

    def check(self) -> None:
        """Raises Never where something was changed (`changed`) that this object cannot hold."""
        if self._is_unsure():
            _ = self.dataset
        else:
            self._overlay()

    def values(self, path: Path) -> tuple[str, ...]:
        """Every value of an attribute, as text without padding; empty where it is missing or empty.

        Raises Never for a value that cannot be decoded.
        """
        found = self._known.get(path)
        if found is None:
            found = self._from_bytes(path)
            if found is None:
                found = tuple(_texts(self.dataset, path.parts))
            self._known[path] = found
        return found

    def _from_bytes(self, path: Path) -> tuple[str, ...] | None:
        if self._dataset is not None:
            # It is there anyway, and may be what a test has changed.
            return None
        if self._before is not None:
            if self._is_unsure():
                return None
            changes = self._overlay()
            touched = path.parts[0].tag.number in self._touched
            return tuple(_texts(changes, path.parts)) if touched else self._before._from_bytes(path)
        scan = self.scan
        return None if scan is None else scan.values(path)

    @property
    def scan(self) -> Scan | None:
        """Where every attribute stands in the encoded bytes; None where pydicom must be asked. Raises OSError."""
        if not self._looked:
            self._scan, self._looked = self._look(), True
        return self._scan

    def _is_unsure(self) -> bool:
        """Whether pydicom has to read the object that this is the header of, however it was changed."""
        if self._dataset is not None:
            return True
        return self.scan is None if self._before is None else self._before._is_unsure()

    def _overlay(self) -> Dataset:
        """Only what this header changes. Raises Never where that, or what was changed before, cannot be held."""
        if self._changed is None:
            if self._before is not None:
                self._before._overlay()
            self._changed = self._changes()
        return self._changed

    def first(self, spelling: str) -> str:
        """The first value of an attribute, or an empty text."""
        return next(iter(self.values(path_of(spelling))), "")

    def whole(self, path: Path) -> str:
        """All values of an attribute as DICOM writes them, joined by backslashes."""
        return "\\".join(self.values(path))

    def changed(self, values: Mapping[str, str | None]) -> "Header":
        """A header with some attributes set, or removed where the value is None; this one stays as it is."""

        def load() -> Dataset:
            # pydicom's own copy shares its elements: a change would show in the object that other routes see.
            return _with(copy.deepcopy(self.dataset), values)

        header = Header(load)
        touched = [path_of(spelling) for spelling in values]
        if all(map(_stands_alone, touched)):
            header._before, header._changes = self, lambda: _with(Dataset(), values)
            header._touched = frozenset(path.last.number for path in touched)
        return header


def _with(dataset: Dataset, values: Mapping[str, str | None]) -> Dataset:
    for spelling, value in values.items():
        path = path_of(spelling)
        if value is None:
            remove_value(dataset, path)
        else:
            set_value(dataset, path, value)
    return dataset


def _stands_alone(path: Path) -> bool:
    """Whether a change of this attribute changes the meaning of no other: neither how texts nor how numbers are read.

    Also not of private ones, which are found by others (PS3.5 section 7.8.1).
    """
    tag = path.last
    alone = len(path.parts) == 1 and not tag.creator and not tag.group & 1 and 0x0008 <= tag.group < 0x7FE0
    return alone and tag.number not in (CHARSET, _PIXEL_REPRESENTATION)


def set_value(dataset: Dataset, path: Path, value: str) -> None:
    """Set one attribute, in every item of the sequences on the way to it; where there is none, one is made.

    Raises Never when it cannot hold the value, or there is no item of that number.
    """
    for holder in holders(dataset, path.parts[:-1], make=True):
        _put(holder, path, value)


def remove_value(dataset: Dataset, path: Path) -> None:
    """Take one attribute out, from every item of the sequences on the way to it."""
    for holder in holders(dataset, path.parts[:-1]):
        number = _number(holder, path.last)
        if number is not None and number in holder:
            del holder[number]


def holders(dataset: Dataset, parts: tuple[Part, ...], *, make: bool = False) -> list[Dataset]:
    """The data sets at the end of a way through sequences: the items that it names, all where it names none."""
    if not parts:
        return [dataset]
    part = parts[0]
    element = _element(dataset, part)
    if element is not None and element.VR != "SQ":
        if make:
            raise Never(f"its {part.tag} is not a sequence, and a rule sets a value in it")
        return []
    items: list[Dataset] = list(element.value) if element is not None else []
    if not items and make:
        made = DataElement(_place(dataset, part.tag), "SQ", Items([Dataset()]))
        dataset.add(made)
        items = list(made.value)
    if part.item is not None:
        if make and part.item > len(items):
            raise Never(f"its {part.tag} has no item {part.item}, and a rule sets a value in it")
        items = items[part.item - 1 : part.item]
    return [holder for item in items for holder in holders(item, parts[1:], make=make)]


def _number(dataset: Dataset, tag: Tag) -> int | None:
    """Group and element in this data set; None for a private one whose creator has no block in it."""
    if not tag.creator:
        return tag.number
    try:
        return dataset.private_block(tag.group, tag.creator).get_tag(tag.element)
    except KeyError:
        return None


def _place(dataset: Dataset, tag: Tag) -> int:
    """Where the attribute goes; a private creator that has no block yet gets one (PS3.5 section 7.8.1)."""
    if not tag.creator:
        return tag.number
    return int(dataset.private_block(tag.group, tag.creator, create=True).get_tag(tag.element))


def _put(dataset: Dataset, path: Path, value: str) -> None:
    tag = path.last
    vr = "LO" if path.vr == "UN" else path.vr
    if path.kind in ("items", "binary") and vr != "LO":
        raise Never(f"{path} holds no text, and a rule gives it one")
    try:
        # What fits the VR is the compiler's to check; pydicom's warnings would quote the value.
        dataset.add(DataElement(_place(dataset, tag), vr, _typed(vr, value), validation_mode=config.IGNORE))
    except (ValueError, TypeError, ArithmeticError):
        raise Never(f"{path} cannot hold the value that a rule gives it") from None


def _typed(vr: str, value: str) -> object:
    """The value in the type that pydicom wants for binary numbers; text stays text."""
    if vr in ("US", "SS", "UL", "SL", "UV", "SV"):
        return int(value)
    if vr in ("FL", "FD"):
        return float(value)
    return value


def is_of_the_machine(error: Exception) -> bool:
    """Whether this is the machine's trouble and may pass; an OSError without a number is pydicom's, about a value."""
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno is not None)


def scanned(file: FilePath) -> Scan | None:
    """Where the attributes of a DICOM file stand; None where pydicom must say. Raises OSError."""
    with file.open("rb", buffering=0) as stream:
        size = os.fstat(stream.fileno()).st_size
        data, base, seen = stream.read(_FIRST), 0, 0
        try:
            at, scan = meta(data)
            scan.begins = at
            while data and seen < _MOST:
                begun, at = at, scan.walk(data, at, ends=base + len(data) >= size)
                if scan.complete:
                    last = next(reversed(scan.elements.values()), None)
                    # Where a sequence ends that does not say how long it is, pydicom does not keep.
                    scan.behind = None if last is None or last[3] == UNDEFINED else base + at
                    return scan
                seen += len(data)
                # An element that is longer than all these bytes is read again, with more of what follows.
                wanted = max(_NEXT, 2 * len(data)) if at == begun else _NEXT
                base, at = base + at, 0
                stream.seek(base)
                data = stream.read(wanted)
        except Unsure:
            return None
    return None


def by_pydicom(file: FilePath) -> Dataset:
    """The attributes of a DICOM file as pydicom reads them. Raises Never, and OSError."""
    try:
        if deflated.is_too_large(file):
            raise Never(deflated.TOO_LARGE)
        # Lengths above 64 KB are left on disk: private blobs are never what a rule asks for.
        return dcmread(file, stop_before_pixels=True, defer_size=65536)
    except Never:
        raise
    except InvalidDicomError:
        raise Never("it is not a DICOM file") from None
    except Exception as error:
        if is_of_the_machine(error):
            raise
        # pydicom raises whatever a broken file makes it stumble over. The type may be told, the text may
        # quote the file's values.
        raise Never(f"its header cannot be read ({type(error).__name__})") from None


def _texts(dataset: Dataset, parts: tuple[Part, ...]) -> list[str]:
    part, rest = parts[0], parts[1:]
    element = _element(dataset, part)
    if element is None:
        return []
    if rest:
        if element.VR != "SQ":
            return []
        items = list(element.value)
        chosen = items if part.item is None else items[part.item - 1 : part.item]
        return [text for item in chosen for text in _texts(item, rest)]
    if element.VR == "SQ":
        # `is present` asks about the sequence itself; its items have no text.
        return ["…"] * len(element.value)
    return plain(element)


def _element(dataset: Dataset, part: Part) -> DataElement | None:
    tag = part.tag
    try:
        number = _number(dataset, tag)
        return None if number is None else dataset[number]
    except KeyError:
        return None
    except Exception as error:
        if is_of_the_machine(error):
            # A long value is read from the file only now.
            raise
        # A rule asks for a value that cannot be decoded: to call it missing could let something pass that should not.
        raise Never(f"its {tag} cannot be read ({type(error).__name__})") from None
