"""Header: the attributes of one object, read-only, as text, up to the pixel data.

Character sets are solved here (pydicom does it, PS3.3 section C.12.1.1.2); everything above sees text. A header is
read from its file at the first question and kept; a change makes a new header. It must not know rules or the spool.
"""

from collections.abc import Callable, Mapping
from pathlib import Path as FilePath

from pydicom import Dataset, dcmread
from pydicom.dataelem import DataElement
from pydicom.errors import InvalidDicomError
from pydicom.multival import MultiValue
from pydicom.sequence import Sequence as Items

from engine.errors import Never
from engine.tags import Part, Path, path_of


class Header:
    """A lazy view of one object's attributes (PS3.5 data set without PixelData)."""

    def __init__(self, load: Callable[[], Dataset]) -> None:
        self._load = load
        self._dataset: Dataset | None = None
        self._known: dict[Path, tuple[str, ...]] = {}

    @classmethod
    def read(cls, file: FilePath) -> "Header":
        """The header of a DICOM file (PS3.10). The file is opened at the first question; Never if it is not DICOM."""
        return cls(lambda: _read(file))

    @classmethod
    def of(cls, values: Mapping[str, str]) -> "Header":
        """A header that holds just these values, by tag spelling: for tests of rules and dry runs."""
        return cls(Dataset).changed(values)

    @property
    def dataset(self) -> Dataset:
        """The attributes as a pydicom data set without pixel data. Not to be changed."""
        if self._dataset is None:
            self._dataset = self._load()
        return self._dataset

    def values(self, path: Path) -> tuple[str, ...]:
        """Every value of an attribute, as text without padding; empty where it is missing or empty.

        Raises Never for a value that cannot be decoded.
        """
        found = self._known.get(path)
        if found is None:
            found = self._known[path] = tuple(_texts(self.dataset, path.parts))
        return found

    def first(self, spelling: str) -> str:
        """The first value of an attribute, or an empty text."""
        return next(iter(self.values(path_of(spelling))), "")

    def whole(self, path: Path) -> str:
        """All values of an attribute as DICOM writes them, joined by backslashes."""
        return "\\".join(self.values(path))

    def changed(self, values: Mapping[str, str | None]) -> "Header":
        """A header with some attributes set, or removed where the value is None; this one stays as it is."""

        def load() -> Dataset:
            dataset = self.dataset.copy() if len(self.dataset) else Dataset()
            for spelling, value in values.items():
                path = path_of(spelling)
                if value is None:
                    if path.last.number in dataset:
                        del dataset[path.last.number]
                else:
                    set_value(dataset, path, value)
            return dataset

        return Header(load)


def set_value(dataset: Dataset, path: Path, value: str) -> None:
    """Set one attribute, making the items on the way to it."""
    for part in path.parts[:-1]:
        number = part.tag.number
        if number not in dataset or not dataset[number].value:
            dataset.add(DataElement(number, "SQ", Items([Dataset()])))
        dataset = dataset[number].value[(part.item or 1) - 1]
    tag = path.last
    if tag.creator:
        block = dataset.private_block(tag.group, tag.creator, create=True)
        block.add_new(tag.element, "LO", value)
    else:
        dataset.add(DataElement(tag.number, _vr_for(path), _typed(path, value)))


def _vr_for(path: Path) -> str:
    return "LO" if path.vr == "UN" else path.vr


def _typed(path: Path, value: str) -> object:
    """The value in the type that pydicom wants for binary numbers; text stays text."""
    if path.vr in ("US", "SS", "UL", "SL", "UV", "SV"):
        return int(value)
    if path.vr in ("FL", "FD"):
        return float(value)
    return value


def _read(file: FilePath) -> Dataset:
    try:
        # Lengths above 64 KB are left on disk: private blobs are never what a rule asks for.
        return dcmread(file, stop_before_pixels=True, defer_size=65536)
    except InvalidDicomError:
        raise Never("it is not a DICOM file") from None
    except (OSError, MemoryError):
        raise
    except Exception as error:
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
    return _plain(element)


def _element(dataset: Dataset, part: Part) -> DataElement | None:
    tag = part.tag
    try:
        if tag.creator:
            return dataset.private_block(tag.group, tag.creator)[tag.element]
        return dataset[tag.number]
    except KeyError:
        return None
    except Exception as error:
        # A rule asks for a value that cannot be decoded: to call it missing could let something pass that should not.
        raise Never(f"its {tag} cannot be read ({type(error).__name__})") from None


def _plain(element: DataElement) -> list[str]:
    value = element.value
    if value is None:
        return []
    values = list(value) if isinstance(value, MultiValue | list | tuple) else [value]
    texts = []
    for single in values:
        if isinstance(single, bytes):
            # An unknown VR (private elements in Implicit VR): text if it reads as text.
            single = single.decode("utf-8", "replace") if single.isascii() else ""
        original = getattr(single, "original_string", None)
        texts.append((str(original) if original else str(single)).strip(" \0"))
    return [] if texts == [""] else texts
