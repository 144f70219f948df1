"""A medium's DICOMDIR (PS3.3 Annex F): which files it names, and where they are.

On disks the names are upper case, on a mounted CD they often are not. It must not know what is done with them.
"""

from collections.abc import Iterator
from pathlib import Path

from engine.header import Header
from engine.tags import path_of

_RECORDS = "DirectoryRecordSequence"


def referenced(directory: Path) -> Iterator[tuple[str, Path | None]]:
    """Each file that the DICOMDIR names, and where it is; None where it is not. Raises Never if it is unreadable."""
    header = Header.read(directory)
    for number in range(1, len(header.values(path_of(_RECORDS))) + 1):
        parts = header.values(path_of(f"{_RECORDS}[{number}].ReferencedFileID"))
        if parts:
            yield "/".join(parts), _find(directory.parent, parts)


def _find(folder: Path, parts: tuple[str, ...]) -> Path | None:
    """The file below a folder, whatever the case of the names. No name leads out of the folder."""
    for part in parts:
        if part in ("", ".", "..") or "/" in part or "\0" in part:
            return None
        exact = folder / part
        if not exact.exists():
            try:
                exact = next(one for one in folder.iterdir() if one.name.casefold() == part.casefold())
            except (StopIteration, OSError):
                return None
        folder = exact
    return folder if folder.is_file() else None
