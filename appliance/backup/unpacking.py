"""Reading a backup: all of it is verified and lies in a folder of its own, durably, before anything is done with it.

Nothing is believed of the stream beyond what its seal proves: each name must belong to a part that there is, and only
plain files are made. It must not know where they go then.
"""

import gzip
import io
import json
import os
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.backup.contents import DATA, ELSEWHERE, END, LAY, MANIFEST, SETTINGS, part_of
from appliance.backup.sealed import NoBackup, Reader, Source
from engine import files

_BLOCK = 1 << 20
_MOST_FILES = 2_000_000
_OWN = (MANIFEST, SETTINGS, LAY, END)
_ELSEWHERE = ("mail_password_file", "mail_ca_file")


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What a backup says of itself, now verified. parts: those that it has, by their paths; history is one of them."""

    made: str
    version: str
    host: str
    history: bool
    data: str
    rules: str
    parts: tuple[str, ...]
    files: int
    size: int
    lay: int
    """How many objects lay in the spool then."""


def unpack(source: Source, passphrase: str, into: Path) -> Unpacked:
    """Read all of it into a folder, which must not be there yet: `data/` below it has the parts. Durable.

    Raises NoBackup with a reason, or OSError: then the folder is whatever it is, and worth nothing.
    """
    reader = Reader(source, passphrase)
    files.make_folder(into)
    unpacking = _Unpacking(into)
    packed = gzip.GzipFile(mode="rb", fileobj=_Stream(reader))
    try:
        with tarfile.open(mode="r|", fileobj=packed, bufsize=_BLOCK) as tar:
            for member in tar:
                unpacking.take(tar, member)
        while packed.read(_BLOCK):
            pass
    except (tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile):
        raise NoBackup("the backup is damaged inside") from None
    while reader.read(_BLOCK):
        pass
    if not reader.is_over:
        raise NoBackup("the backup ends too early")
    return unpacking.done()


class _Stream(io.RawIOBase):
    """A sealed reader, as gzip wants one."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        return self._reader.read(size)


class _Unpacking:
    def __init__(self, into: Path) -> None:
        self._into = into
        self._folders: dict[Path, None] = {into: None}
        self._written: list[Path] = []
        self._parts: dict[str, None] = {}
        self._count = self._size = self._lay = 0
        self._said: dict[str, Mapping[str, Any]] = {}

    def take(self, tar: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        """One member. Raises NoBackup for one that has no place here."""
        if END in self._said or (MANIFEST not in self._said and member.name != MANIFEST):
            raise NoBackup("the backup is not in order inside")
        target = self._place(member)
        stream = tar.extractfile(member)
        if stream is None or target in self._folders or target.exists():
            raise NoBackup("the backup is not in order inside")
        self._make_folder(target.parent)
        with os.fdopen(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600), "wb") as writer:
            while block := stream.read(_BLOCK):
                writer.write(block)
                if member.name == LAY:
                    self._lay += block.count(b"\n")
        self._written.append(target)
        if member.name in (MANIFEST, END):
            self._said[member.name] = _read(target)
        if member.name != END:
            self._count += 1
            self._size += member.size
        if self._count > _MOST_FILES:
            raise NoBackup("the backup is not in order inside")

    def done(self) -> Unpacked:
        """All was taken, and is durable."""
        said, end = self._said.get(MANIFEST), self._said.get(END)
        if said is None or end is None or (end.get("files"), end.get("bytes")) != (self._count, self._size):
            raise NoBackup("the backup is not whole: it was broken off while it was made")
        files.sync_all(self._written)
        files.sync_all(self._folders)
        return Unpacked(
            made=str(said.get("made", "")),
            version=str(said.get("version", "")),
            host=str(said.get("host", "")),
            history=bool(said.get("history")),
            data=str(said.get("data", "")),
            rules=str(said.get("rules", "")),
            parts=tuple(self._parts),
            files=self._count,
            size=self._size,
            lay=self._lay,
        )

    def _place(self, member: tarfile.TarInfo) -> Path:
        name = member.name
        if not member.isreg():
            raise NoBackup("the backup has something inside that is no plain file")
        if name in _OWN or name in (ELSEWHERE + one for one in _ELSEWHERE):
            return self._into / name
        inner = name.removeprefix(DATA)
        part = part_of(inner) if inner != name else None
        if part is None:
            raise NoBackup("the backup has something inside that this version knows no place for")
        self._parts[part.path] = None
        return self._into / name

    def _make_folder(self, folder: Path) -> None:
        if folder not in self._folders:
            self._make_folder(folder.parent)
            folder.mkdir(mode=0o700, exist_ok=True)
            self._folders[folder] = None


def _read(path: Path) -> Mapping[str, Any]:
    try:
        said = json.loads(path.read_bytes())
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise NoBackup("the backup is not in order inside")
    return said
