"""Drops: the durable record of what is being taken out of a folder, so that it is taken once. Part of the spool.

    drops/<folder>/<number>.json    a taking that has begun
                  /<number>.torn    one that the disk has not kept, until a person deletes it
                  /<number>/        its bytes as they will be accepted, under the numbers that they will have
                  /told/<id>.jsonl  the objects of one drop, for whoever tells what became of them
                  /seen             what lies in a folder out of which nothing can be moved, and has been taken
                  /marked           that the folder has our sign in it
                  /folder           which it is, in words (`outbox PACS`)

What makes it safe: bytes leave `<number>/` only by the rename with which they are accepted. A taking whose record says
that all its bytes are there has therefore been accepted as far as they are gone, and the rest can be accepted now.
It must not know how a folder is watched, nor what is in the bytes.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from engine import files
from engine.object import Origin
from engine.spool import Spool
from engine.window import entries

CLAIMED, STAGED = "claimed", "staged"

_NAME = "folder"
"""The file that says of which folder the records beside it are."""


@dataclass(frozen=True, slots=True)
class Source:
    """A file that is taken: its path in the folder, how it was seen, and the drop that it belongs to."""

    path: str
    size: int
    mtime: int
    drop: str = ""
    aside: str = ""
    """Its name while it is being taken."""
    in_place: bool = False
    """It can be neither moved nor deleted."""

    @property
    def top(self) -> str:
        """What was put into the folder: the file itself, or the folder that it lies in."""
        return self.path.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Piece:
    """One thing that is to be accepted; without a number, one that is not needed. flaw: why it is nothing for rules.

    name: for people. top: what was put into the folder, and this is a part of.
    """

    number: str
    name: str
    drop: str
    top: str
    flaw: str = ""


@dataclass(frozen=True, slots=True)
class Taking:
    """Some files on their way out of a folder. Without pieces while `claimed`; with all of them once `staged`."""

    number: str
    sources: tuple[Source, ...]
    stage: str = CLAIMED
    pieces: tuple[Piece, ...] = ()

    def to_bytes(self) -> bytes:
        """As JSON for the disk; names that are no Unicode survive it."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Taking":
        """What `to_bytes` wrote."""
        read = json.loads(data)
        return cls(
            read["number"],
            tuple(Source(**source) for source in read["sources"]),
            read["stage"],
            tuple(Piece(**piece) for piece in read["pieces"]),
        )


class Drops:
    """The records of one watched folder. One thread uses it."""

    def __init__(self, spool: Spool, folder: str) -> None:
        """folder: what tells it from the other watched folders, such as `outbox PACS`."""
        self.spool, self._folder = spool, folder
        self.root = spool.root / "drops" / hashlib.blake2b(folder.encode(errors="replace"), digest_size=8).hexdigest()
        self._told = self.root / "told"
        self._seen: set[str] | None = None
        self.torn: tuple[Path, ...] = ()
        """Records that could not be read, as `open` has found them."""
        files.make_folder(self._told)
        # Only for telling of it: on a full disk we start all the same.
        with contextlib.suppress(OSError):
            if not (self.root / _NAME).exists():
                files.write(self.root / _NAME, folder.encode(errors="surrogateescape"))

    def new_number(self) -> str:
        """A number for something out of this folder: the spool is fair between folders, as between senders."""
        return self.spool.new_number(self._folder)

    # --- takings

    def begin(self, sources: Iterable[Source]) -> Taking:
        """Write down that these files are about to be taken."""
        number = self.new_number()
        named = (replace(source, aside=_aside(number, place, source)) for place, source in enumerate(sources))
        taking = Taking(number, tuple(named))
        self._write(taking)
        return taking

    def open(self) -> Iterator[Taking]:
        """Every taking that has begun and is not finished, oldest first. What cannot be read is set aside."""
        found = sorted(entries(self.root))
        torn = [self.root / name for name in found if name.endswith(".torn")]
        for name in found:
            if name.endswith(".json"):
                path = self.root / name
                try:
                    taking = Taking.from_bytes(path.read_bytes())
                except (ValueError, KeyError, TypeError):
                    # Only a disk that lied can have torn it. As long as any of its bytes are not accepted, the files
                    # that they were copied from are where they were, or aside.
                    torn.append(path.with_suffix(".torn"))
                    files.move(path, torn[-1])
                    files.sync(self.root)
                else:
                    yield taking
        self.torn = tuple(torn)

    def room(self, taking: Taking) -> Path:
        """An empty folder for its bytes."""
        folder = self._bytes_of(taking)
        files.remove_folder(folder)
        files.make_folder(folder)
        return folder

    def staged(self, taking: Taking, sources: Iterable[Source], pieces: Iterable[Piece]) -> Taking:
        """All its bytes are in its folder, durably: from here on it will be accepted, whatever happens."""
        files.sync(self._bytes_of(taking))
        staged = replace(taking, stage=STAGED, sources=tuple(sources), pieces=tuple(pieces))
        self._write(staged)
        return staged

    def accept(self, taking: Taking, origin: Origin, program: str) -> None:
        """Have the spool accept every piece that it has not accepted yet. Raises OSError: once more, then."""
        folder = self._bytes_of(taking)
        pieces = [piece for piece in taking.pieces if piece.number]
        self.spool.take_over(
            ((folder / f"{p.number}.dcm", replace(origin, file=p.name, flaw=p.flaw), p.number) for p in pieces), program
        )
        files.sync(folder)

    def finish(self, taking: Taking) -> None:
        """Its files are out of the folder, and what became of it is told: forget it."""
        files.remove(self.root / f"{taking.number}.json")
        with contextlib.suppress(OSError):
            # Should a power cut bring it back, going on with it finds everything done.
            files.sync(self.root)
            files.remove_folder(self._bytes_of(taking))

    def _bytes_of(self, taking: Taking) -> Path:
        return self.root / taking.number

    def _write(self, taking: Taking) -> None:
        files.write(self.root / f"{taking.number}.json", taking.to_bytes())
        files.sync(self.root)

    # --- what is told of a drop

    def tell(self, drop: str, lines: Iterable[Mapping[str, str]]) -> None:
        """Add to what is known of a drop. The same line may come twice, after a crash."""
        # What a crash has torn ends here, and is told again: its taking is not finished.
        added = "".join("\n" + json.dumps(dict(line)) for line in lines)
        path = self._told / f"{drop}.jsonl"
        files.append(path, added.encode())
        files.sync(path)

    def told(self, drop: str) -> list[dict[str, str]]:
        """Everything that is known of a drop, each line once."""
        path = self._told / f"{drop}.jsonl"
        found = []
        for line in dict.fromkeys(path.read_text("ascii").splitlines() if path.exists() else []):
            with contextlib.suppress(ValueError):
                found.append(json.loads(line))
        return found

    def telling(self) -> list[str]:
        """The drops of which is still to be told, oldest first."""
        return sorted(name.removesuffix(".jsonl") for name in entries(self._told))

    def all_told(self, drop: str) -> None:
        """Nothing will happen to it any more."""
        files.remove(self._told / f"{drop}.jsonl")

    # --- what cannot be moved away

    @property
    def remembers(self) -> bool:
        """Whether there is anything that cannot be moved away."""
        return bool(self._known())

    def has_seen(self, source: Source) -> bool:
        """Whether a file that cannot be moved has been taken as it is now."""
        return bool(self._known()) and key(source) in self._known()

    def remember(self, sources: Iterable[Source]) -> None:
        """These have been taken, and lie where they lay."""
        new = {key(source) for source in sources} - self._known()
        path = self.root / "seen"
        files.append(path, "".join(f"\n{one}" for one in sorted(new)).encode())
        files.sync(path)
        self._seen = self._known() | new

    def forget_others(self, there: Set[str]) -> None:
        """Of those that cannot be moved, only these are still there (`key`)."""
        known = self._known()
        left = known & there
        if len(left) < len(known):
            self._seen = left
            files.write(self.root / "seen", "\n".join(sorted(left)).encode())
            files.sync(self.root)

    def _known(self) -> set[str]:
        if self._seen is None:
            path = self.root / "seen"
            self._seen = set(path.read_text("ascii").split()) if path.exists() else set()
        return self._seen

    # --- our sign in the folder

    @property
    def is_marked(self) -> bool:
        """Whether our sign was left in the folder once."""
        return (self.root / "marked").exists()

    @property
    def is_tidied(self) -> bool:
        """Whether the folder `done` in it is ours, and may be tidied."""
        with contextlib.suppress(OSError):
            return (self.root / "marked").read_bytes() == b"tidied"
        return False

    def mark(self, *, tidied: bool) -> None:
        """Our sign is in the folder now. tidied: there was no folder `done` in it before."""
        if not self.is_marked:
            files.write(self.root / "marked", b"tidied" if tidied else b"")
            files.sync(self.root)


def unfinished(spool: Spool, watched: Iterable[str]) -> dict[str, int]:
    """How many files are on their way out of folders that are not among the watched ones, by folder. Raises OSError."""
    own, found = set(watched), {}
    for record in entries(spool.root / "drops"):
        root = spool.root / "drops" / record
        count = 0
        for name in entries(root):
            if name.endswith(".json"):
                with contextlib.suppress(FileNotFoundError, ValueError, KeyError, TypeError):
                    count += len(Taking.from_bytes((root / name).read_bytes()).sources)
        if count:
            with contextlib.suppress(FileNotFoundError):  # an earlier edition has not written it down
                folder = (root / _NAME).read_bytes().decode(errors="surrogateescape")
                if folder not in own:
                    found[folder] = count
    return found


def _aside(number: str, place: int, source: Source) -> str:
    # With its own name, as far as there is room: should the spool be lost, a person can still tell what it is.
    name = source.path.rpartition("/")[2]
    return f"{number}-{place}.{name}" if len(os.fsencode(name)) < 200 else f"{number}-{place}."


def key(source: Source) -> str:
    """What a file that cannot be moved is remembered by."""
    # A digest: names of files may be names of patients, and this list is for no eyes.
    known = f"{source.path}\0{source.size}\0{source.mtime}".encode(errors="surrogateescape")
    return hashlib.blake2b(known, digest_size=12).hexdigest()
