"""Taking files out of a folder, once: written down, moved aside, copied, accepted, moved away, forgotten.

    1  the taking is written down          (engine.drops)
    2  each file is moved into `.taken`     nobody finds it under its name any more
    3  its bytes are copied into the spool  a ZIP is unpacked
    4  that all of them are there is written down
    5  each is accepted, by one rename
    6  each file moves on to `done`, or disappears
    7  the taking is forgotten

After a crash `go_on` goes on where it was; it does the same where only a disk was full. Before 4 nothing has been
accepted; from 4 on, what has been accepted is what has left the taking's folder. Where a file can be neither moved nor
deleted, 2 and 6 are left out, and it is remembered instead. It must not know when a file may be taken.
"""

import errno
import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from engine import files
from engine.drops import CLAIMED, Drops, Piece, Source, Taking
from engine.object import Origin
from engine.sources.pinned import Elsewhere, folder_of, pinned
from engine.sources.settling import DONE, Look, numbered
from engine.sources.wholeness import DICOM, DICOMDIR, NOT_DICOM, ZIP, Found, look_into
from engine.sources.zips import NESTED, Limits, Unfit, unpack

TAKEN = ".taken"

_BLOCK = 1 << 20

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS}
"""Of a copy: the trouble of the spool, not of the file that is read."""
_FORBIDDEN = {errno.EACCES, errno.EPERM, errno.EROFS, errno.EXDEV}
"""Of a move: it will not be allowed another time either."""
_NO_SUCH_NAME = {errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG}
"""Of a new name: there is a file where a folder would be, or it is too long."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a folder is emptied."""

    root: Path
    kind: str
    """Of the objects' origin: outbox or folder."""
    name: str
    """The outbox, or the path as the rules have it."""
    keep: bool = True
    """What is taken moves to `done`; otherwise it disappears."""
    days: float = 30.0
    """For how long it is kept in `done`."""
    limits: Limits = Limits()


class _Changed(Exception):
    """Somebody has written to the file since it was seen."""


class Taker:
    """Takes files out of one folder. One thread uses it.

    program: the digest of the program that runs. alive: called between any two files.
    """

    def __init__(
        self, way: Way, drops: Drops, program: Callable[[], str], alive: Callable[[], None] = lambda: None
    ) -> None:
        self.way, self.drops = way, drops
        self._program, self._alive = program, alive
        self._taken = way.root / TAKEN
        self.unmovable = False
        """Whether something that was taken lies where it lay, for it could not be moved."""
        self.refused: dict[str, str] = {}
        """Of the last taking, the files that were not taken, by path, and why."""

    def take(self, sources: Sequence[Source]) -> list[Piece]:
        """Take these files, each as it was seen; answers what has been accepted. Raises OSError: go on later."""
        return self.go_on(self.drops.begin(sources))

    def go_on(self, taking: Taking) -> list[Piece]:
        """Bring a taking to its end, wherever it stopped. Raises OSError where the disk does not let it."""
        self.refused = {}
        if taking.stage == CLAIMED:
            taking = self._stage(taking)
        received = datetime.now().astimezone().isoformat(timespec="milliseconds")
        origin = Origin(self.way.kind, received=received, folder=self.way.name)
        self.drops.accept(taking, origin, self._program())
        self._put_away(taking)
        for drop in dict.fromkeys(piece.drop for piece in taking.pieces if piece.drop):
            self.drops.tell(drop, (_line(piece) for piece in taking.pieces if piece.drop == drop))
        self.drops.finish(taking)
        return list(taking.pieces)

    def give_back_orphans(self) -> None:
        """What lies aside and belongs to no taking goes back into the folder: the spool that knew it is gone."""
        known = {source.aside for taking in self.drops.open() for source in taking.sources}
        with suppress(OSError), os.scandir(self._taken) as found:
            for entry in found:
                if entry.name not in known and entry.is_file(follow_symlinks=False):
                    name = entry.name.partition(".")[2] or entry.name
                    self._move_to(Path(entry.path), self.way.root / name, self.way.root / entry.name)

    # --- 2, 3, 4

    def _stage(self, taking: Taking) -> Taking:
        room = self.drops.room(taking)
        kept: list[Source] = []
        pieces: list[Piece] = []
        for source, file in self._claim_all(taking):
            self._alive()
            try:
                pieces += self._pieces(source, file, room)
            except OSError as error:
                if error.errno in _FULL:
                    raise
                self._give_back(source, file, error.strerror or type(error).__name__)
            except _Changed:
                self._give_back(source, file, "it is still being written")
            else:
                kept.append(source)
        return self.drops.staged(taking, kept, pieces)

    def _claim_all(self, taking: Taking) -> list[tuple[Source, Path]]:
        """Move each file aside; what is not there any more is left out."""
        claimed: list[tuple[Source, Path]] = []
        touched: set[Path] = set()
        for source in taking.sources:
            original, aside = self.way.root / source.path, self._taken / source.aside
            if os.path.lexists(aside):
                claimed.append((source, aside))  # before a crash
                continue
            if not _is(original, source) or not self._lies_within(original):
                continue
            try:
                _make_folder(self._taken)
                with folder_of(original, self.way.root) as held:
                    files.move(held, aside)
            except (FileNotFoundError, Elsewhere):
                continue
            except OSError as error:
                if error.errno not in _FORBIDDEN:
                    self.refused[source.path] = error.strerror or type(error).__name__
                    continue
                self.unmovable = True
                claimed.append((replace(source, in_place=True), original))
            else:
                touched |= {original.parent, self._taken}
                claimed.append((source, aside))
        for folder in touched:
            _sync(folder)
        return claimed

    def _pieces(self, source: Source, file: Path, room: Path) -> list[Piece]:
        """What one file becomes, the bytes durable. Raises _Changed where it is not as it was seen, OSError."""
        try:
            with pinned(file) as (held, seen):
                if Look(seen.st_size, seen.st_mtime_ns) != Look(source.size, source.mtime):
                    raise _Changed
                found = look_into(held)
                if found.kind == ZIP:
                    pieces = self._unpacked(source, held, room)
                elif found.kind == DICOMDIR and not found.lacks:
                    pieces = [self._piece(source, "", shown(source.path))]
                else:
                    pieces = [self._copied(source, held, room, flaw_of(found))]
        except Elsewhere:
            raise _Changed from None
        if not _is(file, source):
            raise _Changed
        return pieces

    def _copied(self, source: Source, file: Path, room: Path, flaw: str) -> Piece:
        number = self.drops.new_number()
        target = room / f"{number}.dcm"
        with file.open("rb") as reader, target.open("wb") as writer:
            while block := reader.read(_BLOCK):
                # Over a slow line, one file may take very long and all be well.
                self._alive()
                writer.write(block)
        files.sync(target)
        return self._piece(source, number, shown(source.path), flaw)

    def _unpacked(self, source: Source, file: Path, room: Path) -> list[Piece]:
        """A piece for each member; where it cannot be unpacked, or not all of it, one for the whole."""
        made: list[Path] = []

        def new_file() -> Path:
            self._alive()
            made.append(room / f"{self.drops.new_number()}.dcm")
            return made[-1]

        pieces = []
        try:
            for member in unpack(file, self.way.limits, new_file):
                name = f"{shown(source.path)}: {shown(member.name)}"
                found = look_into(member.file)
                if found.kind == DICOMDIR and not found.lacks:
                    files.remove(member.file)
                    pieces.append(self._piece(source, "", name))
                else:
                    files.sync(member.file)
                    pieces.append(self._piece(source, member.file.stem, name, flaw_of(found)))
        except Unfit as unfit:
            for path in made:
                files.remove(path)
            return [self._copied(source, file, room, unfit.why)]
        return pieces

    def _piece(self, source: Source, number: str, name: str, flaw: str = "") -> Piece:
        return Piece(number, name, source.drop, source.top, flaw)

    def _give_back(self, source: Source, file: Path, why: str) -> None:
        """It is not taken after all: back under its name, or one like it where there is another file by now."""
        self.refused[source.path] = why
        if not source.in_place:
            self._move_to(file, self.way.root / source.path, self.way.root / source.aside)

    # --- 6

    def _put_away(self, taking: Taking) -> None:
        """Away with what has been accepted. What cannot be moved is remembered."""
        touched: set[Path] = set()
        for source in taking.sources:
            self._alive()
            original, aside = self.way.root / source.path, self._taken / source.aside
            # On a disk that is not ours, a power cut may have undone the first move.
            file = aside if os.path.lexists(aside) else original
            if source.in_place or not os.path.lexists(file):
                continue
            if not _is(file, source):
                if file == aside:
                    # Somebody has gone on writing: that is another file, and it is taken by itself.
                    self._give_back(source, file, "it is still being written")
                continue
            try:
                if self.way.keep:
                    done = self.way.root / DONE
                    target = self._move_to(file, done / source.path, done / source.aside)
                    touched.add(target.parent)
                else:
                    files.remove(file)
            except OSError as error:
                if error.errno not in _FORBIDDEN:
                    raise
                # It stays in `.taken`, where nobody takes it a second time.
                self.unmovable = True
            else:
                touched.add(file.parent)
        stay = [source for source in taking.sources if source.in_place]
        if stay:
            self.drops.remember(stay)
        for folder in touched:
            _sync(folder)

    def _move_to(self, file: Path, target: Path, instead: Path) -> Path:
        """Move a file to this name, or one like it that nobody has; instead to the other, where there can be none."""
        try:
            if not self._lies_within(target):
                raise OSError(errno.ENOTDIR, "a link leads out of the folder")
            _make_folder(target.parent)
            count, name = 1, target.name
            while os.path.lexists(target):
                count += 1
                target = target.with_name(numbered(name, count))
            files.move(file, target)
        except OSError as error:
            if error.errno not in _NO_SUCH_NAME:
                raise
            target = instead
            _make_folder(target.parent)
            files.move(file, target)
        return target

    def _lies_within(self, path: Path) -> bool:
        """Whether no link on the way leads out of the folder."""
        root, parent = os.path.realpath(self.way.root), os.path.realpath(path.parent)
        return parent == root or parent.startswith(root.rstrip(os.sep) + os.sep)


def look_at(path: Path) -> Look | None:
    """How a file looks; None for what is gone, or is no plain file (a link leads elsewhere, and is none)."""
    try:
        found = path.lstat()
    except FileNotFoundError:
        return None
    return Look(found.st_size, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else None


def shown(name: str) -> str:
    """A name as it can be shown and kept as text, whatever bytes it is made of."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join(sign if sign.isprintable() else "�" for sign in text)


def _is(path: Path, source: Source) -> bool:
    return look_at(path) == Look(source.size, source.mtime)


def flaw_of(found: Found) -> str:
    """Why rules can not be asked about what is in a file, in words; empty for an object."""
    if found.kind == ZIP:
        return NESTED
    return found.lacks if found.kind in (DICOM, DICOMDIR) else found.lacks or NOT_DICOM


def _line(piece: Piece) -> dict[str, str]:
    return {"top": piece.top, "object": piece.number, "name": piece.name, "flaw": piece.flaw}


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(parents=True, exist_ok=True)
        _sync(path.parent)


def _sync(folder: Path) -> None:
    # Not every share can do it; what it promises then is the server's.
    with suppress(OSError):
        files.sync(folder)
