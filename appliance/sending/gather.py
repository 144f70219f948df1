"""What is to be sent: files, folders, ZIPs and media, found by what is in them and never by their names.

It changes nothing and sends nothing. What lies there and cannot be sent is told, unless it is no image at all.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.sending.medium import referenced
from engine.errors import Never
from engine.sources.settling import is_left_alone, is_ours
from engine.sources.wholeness import DICOM, DICOMDIR, ZIP, kind_of
from engine.sources.zips import Limits, Unfit, unpack, unpacked_size


@dataclass(frozen=True, slots=True)
class Piece:
    """One file that is to be sent, or a ZIP of such files. name: what a person knows it by."""

    file: Path
    name: str
    size: int
    is_zip: bool = False
    scratch: bool = False
    """It was unpacked by us, and is removed once it was sent."""


@dataclass(frozen=True, slots=True)
class Unsendable:
    """What lies there and cannot be sent, and why."""

    name: str
    why: str


@dataclass
class Survey:
    """What was found."""

    pieces: list[Piece] = field(default_factory=list)
    unsendable: list[Unsendable] = field(default_factory=list)
    left_out: int = 0
    """Files that are no DICOM, or a medium's table of contents."""

    @property
    def size(self) -> int:
        """Bytes; of ZIPs, as they unpack."""
        return sum(piece.size for piece in self.pieces)


def is_dicom(path: Path) -> bool:
    """Whether the file is a DICOM object (PS3.10 section 7.1), whatever its name; a medium's DICOMDIR is none."""
    try:
        return kind_of(path).kind == DICOM  # also where it is broken: the person must hear of it
    except OSError:
        return False


def survey(paths: Sequence[Path], limits: Limits) -> Survey:
    """Everything below these paths, each file once."""
    found = Survey()
    seen: set[Path] = set()
    directories: list[Path] = []
    for path in paths:
        if path.is_file() and _is_directory(path):
            directories.append(path)
            found.left_out += 1
            continue
        for file in _files(path):
            if file not in seen:
                seen.add(file)
                if _is_directory(file):
                    directories.append(file)
                _look(file, found, limits)
    for directory in directories:
        _read_medium(directory, seen, found, limits)
    return found


def opened(piece: Piece, scratch: Path, limits: Limits) -> Iterator[Piece | Unsendable]:
    """The piece itself, or what is in it; that is written to `scratch`, one file after the other as it is asked for."""
    if not piece.is_zip:
        yield piece
        return
    numbers = iter(range(limits.members + 1))
    try:
        for member in unpack(piece.file, limits, lambda: scratch / f"{next(numbers)}"):
            name = f"{piece.name}: {member.name}"
            if is_dicom(member.file):
                yield Piece(member.file, name, member.file.stat().st_size, scratch=True)
                continue
            packed = kind_of(member.file).kind == ZIP
            member.file.unlink()
            if packed:
                yield Unsendable(name, "this is a ZIP inside a ZIP: unpack it, and send the folder instead")
    except Unfit as unfit:
        yield Unsendable(piece.name, unfit.why)
    except OSError as error:
        yield Unsendable(piece.name, f"it cannot be unpacked ({error.strerror or error})")


def _files(path: Path) -> Iterator[Path]:
    """The files below a path, in the order of their names. Links to folders are not followed."""
    if not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not is_left_alone(name))
        for name in sorted(names):
            file = Path(folder) / name
            if not is_left_alone(name) and not is_ours(name, at_the_top=False) and file.is_file():
                yield file


def _is_directory(path: Path) -> bool:
    """Whether this is a DICOMDIR."""
    try:
        return path.name.upper().startswith("DICOMDIR") and kind_of(path).kind == DICOMDIR
    except OSError:
        return False


def _look(file: Path, found: Survey, limits: Limits) -> None:
    try:
        seen = kind_of(file)
        if seen.kind == ZIP:
            found.pieces.append(Piece(file, str(file), unpacked_size(file, limits), is_zip=True))
        elif seen.kind == DICOM:
            found.pieces.append(Piece(file, str(file), file.stat().st_size))
        elif seen.lacks:
            found.unsendable.append(Unsendable(str(file), seen.lacks))
        else:
            found.left_out += 1
    except Unfit as unfit:
        found.unsendable.append(Unsendable(str(file), unfit.why))
    except OSError as error:
        found.unsendable.append(Unsendable(str(file), f"it cannot be read ({error.strerror or error})"))


def _read_medium(directory: Path, seen: set[Path], found: Survey, limits: Limits) -> None:
    """The files that a DICOMDIR names; one that is not there is told, for a medium may be damaged."""
    try:
        for name, file in referenced(directory):
            if file is None:
                found.unsendable.append(
                    Unsendable(f"{directory}: {name}", "the DICOMDIR names it, but it is not there")
                )
            elif file not in seen:
                seen.add(file)
                _look(file, found, limits)
    except Never as unreadable:
        found.unsendable.append(
            Unsendable(str(directory), f"{unreadable.reason}; send the folder instead, which needs no DICOMDIR")
        )
