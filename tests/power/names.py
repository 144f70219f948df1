"""The disk as POSIX allows it: what was not synced may be lost, in any order, and nothing else is. Needs no root.

It records the operations of engine/files.py while they are done for real, and then lays out the folders as a power cut
after any of them might have left them:

* a file's bytes are durable once the file was synced; before, any part of them may be there, or none, and zeros may
  stand where the rest is to come;
* a name (made, moved, removed) is durable once a folder that it touches was synced; before, it may be as it was;
* a rename is there or not, never half (ext4, XFS and POSIX say so);
* `ordered`: names reach the disk in the order in which they were made, as the journals of ext4 and XFS do it.
"""

import functools
import itertools
import os
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from engine import files
from tests.engine.spool.crash_kit import OPERATIONS, as_paths

Name = tuple[int, str]
"""A name in a folder, the folder as its inode."""


@dataclass
class Inode:
    """A file or a folder. `bytes` is what a file held when it was last synced; None before that."""

    folder: bool
    written: bytes = b""
    synced: bool = False


@dataclass(frozen=True)
class Change:
    """One change of names that is there whole or not at all: for each name, the inode it leads to now, or None."""

    names: tuple[tuple[Name, int | None], ...]


@dataclass
class State:
    """What is on the disk for good, and the changes after that, oldest first."""

    durable: dict[Name, int] = field(default_factory=dict)
    pending: list[Change] = field(default_factory=list)


class Names:
    """The recorder of one folder. It sees only engine/files.py; what was made past it is taken up when first named."""

    def __init__(self, root: Path, *, ordered: bool) -> None:
        self.root, self.ordered = root, ordered
        self.inodes: dict[int, Inode] = {0: Inode(folder=True, synced=True)}
        self._numbers = itertools.count(1)
        self._now: dict[Name, int] = {}
        """The names as everyone sees them."""
        self.state = State()

    # --- what has happened ----------------------------------------------------------------------------------

    def sync(self, path: Path) -> None:
        """Bytes of a file, or names of a folder."""
        number = self._number(path)
        inode = self.inodes[number]
        if not inode.folder:
            inode.written, inode.synced = path.read_bytes(), True
            return
        self._settle({number})

    def sync_all(self, paths: Iterable[Path]) -> None:
        """Several, in no order."""
        for path in as_paths(*paths):
            self.sync(path)

    def put(self, path: Path, data: bytes, mode: int = 0o666) -> None:
        """A new file, its bytes not synced."""
        self._change({self._name(path): self._new(Inode(folder=False, written=bytes(data)))})

    def write(self, path: Path, data: bytes) -> None:
        """A whole file, its bytes synced."""
        self._change({self._name(path): self._new(Inode(folder=False, written=bytes(data), synced=True))})

    def append(self, path: Path, data: bytes) -> None:
        """More at the end of a file: there once it is synced. The name of a new one is durable at once."""
        if self._name(path) not in self._now:
            self._number(path)
            self._settle({self._name(path)[0]})

    def move(self, source: Path, target: Path) -> None:
        """One rename."""
        number = self._number(source, target)
        self._change({self._name(source): None, self._name(target): number})

    def link(self, source: Path, target: Path) -> None:
        """One more name."""
        name = self._name(target)
        if name not in self._now:
            self._change({name: self._number(source)})

    def copy(self, source: Path, target: Path) -> None:
        """A new file, its bytes synced."""
        self.write(target, target.read_bytes())

    def remove(self, path: Path) -> None:
        """A name less."""
        name = self._name(path)
        if name in self._now:
            self._change({name: None})

    def make_folder(self, path: Path) -> None:
        """Durable at once, with those above it."""
        if path == self.root:
            return
        self.make_folder(path.parent)
        number = self._number(path)
        self._settle({self._name(path)[0], number} - {number})

    def remove_folder(self, path: Path) -> None:
        """All its names, and its own."""
        name = self._name(path)
        number = self._now.get(name)
        if number is None:
            return
        for inner in [one for one in self._now if one[0] == number]:
            self._change({inner: None})
        self._change({name: None})

    def _name(self, path: Path) -> Name:
        return (0 if path.parent == self.root else self._number(path.parent)), path.name

    def _number(self, path: Path, now_at: Path | None = None) -> int:
        """The inode of a path; one that was made past us is taken up, its bytes unsynced."""
        if path == self.root:
            return 0
        name = self._name(path)
        if name not in self._now:
            real = now_at or path
            inode = Inode(folder=real.is_dir())
            if not inode.folder:
                inode.written = real.read_bytes()
            self._change({name: self._new(inode)})
        return self._now[name]

    def _new(self, inode: Inode) -> int:
        number = next(self._numbers)
        self.inodes[number] = inode
        return number

    def _change(self, names: dict[Name, int | None]) -> None:
        self.state.pending.append(Change(tuple(names.items())))
        _apply(self._now, self.state.pending[-1])

    def _settle(self, folders: set[int]) -> None:
        """Every change that touches these folders is durable, and so is what it builds on."""
        pending = self.state.pending
        wanted = {at for at, change in enumerate(pending) if any(name[0] in folders for name, _ in change.names)}
        if self.ordered and wanted:
            wanted = set(range(max(wanted) + 1))
        for at in sorted(_with_what_it_builds_on(pending, wanted)):
            _apply(self.state.durable, self.state.pending[at])
            self.state.pending[at] = Change(())
        self.state.pending = [change for change in self.state.pending if change.names]

    # --- what a cut leaves ----------------------------------------------------------------------------------

    def lay_out(self, target: Path, chance: random.Random) -> None:
        """Make the folder as a cut at this moment might have left it."""
        names = dict(self.state.durable)
        pending = self.state.pending
        if self.ordered:
            kept = set(range(chance.randint(0, len(pending))))
        else:
            share = chance.choice((0.0, 0.2, 0.5, 0.8, 1.0))
            kept = {at for at in range(len(pending)) if chance.random() < share}
            # What builds on something that was lost is lost with it.
            lost = set(range(len(pending))) - kept
            kept = {at for at in kept if not _with_what_it_builds_on(pending, {at}) & lost}
        for at in sorted(kept):
            _apply(names, pending[at])
        self._make(target, 0, names, {}, chance)

    def _make(
        self, target: Path, folder: int, names: dict[Name, int], made: dict[int, Path], chance: random.Random
    ) -> None:
        target.mkdir(exist_ok=True)
        for (home, name), number in names.items():
            if home != folder:
                continue
            inode, path = self.inodes[number], target / name
            if inode.folder:
                self._make(path, number, names, made, chance)
            elif number in made:
                path.hardlink_to(made[number])
            else:
                path.write_bytes(inode.written if inode.synced else _torn(inode.written, chance))
                made[number] = path


def _torn(data: bytes, chance: random.Random) -> bytes:
    kept = data[: chance.choice((0, len(data) // 2, len(data)))]
    return kept if chance.random() < 0.5 else kept.ljust(len(data), b"\0")


def _apply(names: dict[Name, int], change: Change) -> None:
    for name, number in change.names:
        if number is None:
            names.pop(name, None)
        else:
            names[name] = number


def _with_what_it_builds_on(pending: list[Change], wanted: set[int]) -> set[int]:
    """These changes, and the earlier ones of the same names or of the folders that they are in."""
    found = set(wanted)
    touched: set[Name] = set()
    homes: set[int] = set()
    for at in range(len(pending) - 1, -1, -1):
        names = pending[at].names
        if at in found or any(name in touched or number in homes for name, number in names if name is not None):
            found.add(at)
            touched |= {name for name, _ in names}
            homes |= {name[0] for name, _ in names}
    return found


@contextmanager
def watched(names: Names, before: Callable[[str], None]) -> Iterator[None]:
    """Record every operation of engine/files.py; `before` is called with the name of each. Nothing is really synced."""
    originals = {name: getattr(files, name) for name in OPERATIONS}
    really = os.fsync

    def operation(name: str, *arguments: object) -> object:
        arguments = as_paths(*arguments)
        before(name)
        answer: object = originals[name](*arguments)
        if name == "sync":
            arguments = arguments[:1]  # by its name, also where it was open
        getattr(names, name)(*(Path(one) if isinstance(one, str) else one for one in arguments))
        return answer

    for name in OPERATIONS:
        setattr(files, name, functools.partial(operation, name))
    os.fsync = lambda _: None
    try:
        yield
    finally:
        os.fsync = really
        for name, original in originals.items():
            setattr(files, name, original)
