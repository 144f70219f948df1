"""What is in an upload: objects, by patient and study; what cannot be sent, and why; what is no DICOM.

Files are known by what is in them, never by their names; ZIPs are unpacked. It must not know where anything is sent.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from itertools import count
from pathlib import Path

from appliance.sending.account import Subject
from appliance.sending.memory import content_of
from appliance.sending.subjects import subject_of
from engine import files
from engine.sources.taking import shown
from engine.sources.wholeness import DICOM, ZIP, look_into
from engine.sources.zips import Limits, Unfit, unpack

NAMED = 100
"""So many files that cannot be sent, or are no DICOM, are named; the others are counted."""
INCOMPLETE = "this file was not uploaded to its end"
NESTED = "this is a ZIP inside a ZIP: unpack it first"


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was uploaded. path: what a person knows it by; size: how long it is to be."""

    file: Path
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class Item:
    """One object that can be sent. file: below the folder of its sending."""

    file: str
    name: str
    size: int
    subject: Subject


@dataclass(slots=True)
class Found:
    """All of it. repeated: files whose bytes came before in the same upload."""

    items: list[Item] = field(default_factory=list)
    unfit: list[tuple[str, str]] = field(default_factory=list)
    unfit_count: int = 0
    other: list[str] = field(default_factory=list)
    other_count: int = 0
    repeated: int = 0

    def to_json(self) -> dict[str, object]:
        """As JSON values."""
        return {
            "items": [asdict(item) for item in self.items],
            **{name: getattr(self, name) for name in ("unfit", "unfit_count", "other", "other_count", "repeated")},
        }

    @classmethod
    def from_json(cls, data: dict[str, object]) -> "Found":
        """What `to_json` wrote."""
        read = dict(data)
        items = [Item(**{**item, "subject": Subject(**item["subject"])}) for item in read.pop("items")]  # type: ignore[attr-defined]
        unfit = [(str(name), str(why)) for name, why in read.pop("unfit")]  # type: ignore[attr-defined]
        return cls(items, unfit, **read)  # type: ignore[arg-type]


class Finding:
    """Looks at one upload. looked: how many files it has seen so far; any thread may read it."""

    def __init__(self, home: Path, limits: Limits | None = None, stop: Callable[[], bool] = lambda: False) -> None:
        """home: the folder of the sending; what is in ZIPs is unpacked below it."""
        self._home, self._limits, self._stop = home, limits or Limits(), stop
        self._seen: set[str] = set()
        self.found, self.looked = Found(), 0

    def run(self, uploads: Iterable[Upload]) -> Found:
        """Look at all of it. Raises OSError where the disk fails."""
        unpacked = self._home / "unpacked"
        files.remove_folder(unpacked)
        files.make_folder(unpacked)
        numbers = count(1)
        for upload in uploads:
            if self._stop():
                break
            if not upload.file.is_file() or upload.file.stat().st_size != upload.size:
                self._unfit(upload.path, INCOMPLETE)
            elif look_into(upload.file).kind != ZIP:
                self._look(upload.file, shown(upload.path))
            else:
                try:
                    for member in unpack(upload.file, self._limits, lambda: unpacked / f"{next(numbers)}"):
                        self._look(member.file, f"{shown(upload.path)}: {shown(member.name)}", inside=True)
                except Unfit as why:
                    self._unfit(upload.path, why.why)
        return self.found

    def _look(self, file: Path, name: str, *, inside: bool = False) -> None:
        self.looked += 1
        seen = look_into(file)
        if seen.kind == ZIP and inside:
            self._unfit(name, NESTED)
        elif seen.kind == DICOM and not seen.lacks:
            content = content_of(file)
            if content in self._seen:
                self.found.repeated += 1
            else:
                self._seen.add(content)
                place = str(file.relative_to(self._home))
                self.found.items.append(Item(place, name, file.stat().st_size, subject_of(file)))
                return
        elif seen.kind == DICOM or seen.lacks:
            self._unfit(name, seen.lacks)
        else:
            self.found.other_count += 1
            self.found.other += [name] * (len(self.found.other) < NAMED)
        if inside:
            files.remove(file)

    def _unfit(self, name: str, why: str) -> None:
        self.found.unfit_count += 1
        self.found.unfit += [(shown(name), why)] * (len(self.found.unfit) < NAMED)
