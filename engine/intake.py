"""The intake: received files get the name that counts when they are durable, and wait for the disk as little as can be.

A file with a seal (engine.seal) has its last folder and a name there before anything is flushed, so that file and name
reach the disk together. That name counts from then on, because we remember that both are there: a start cannot know
it, and looks whether the file is whole. So that it need not look at much, what comes while much is waiting gets one
more name, which needs no look; nobody waits for the disk on its account. See decisions 0027 and 0043.

One without gets the name that counts when its bytes are durable, so it waits twice. Its bytes are flushed by each for
itself, at the same time: the file system joins what is asked for at once. Its name is flushed by whoever comes first,
for all that wait; those that come meanwhile wait for the next round. See decision 0022.

It must not know what is in the files, nor who sent them.
"""

import contextlib
import errno
import os
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from engine import files
from engine.files import Name
from engine.seal import ARRIVING, Seal

MOST_SEALED, MOST_SEALED_BYTES = 512, 128 << 20
"""What may wait under the name with its seal, in files and in bytes: a start reads and flushes all of it, which should
take seconds also where a flush takes milliseconds."""

_MOST = 64
"""Names in one round, or the first would wait for the last."""

_MOST_NAMES = 30_000
"""Of one file: ext4 allows 65,000."""
_MOST_TEMPLATES = 256

_RENEWED = 12 * 3600.0
"""Seconds after which one is made anew: what lies in `work` for a day is tidied away, whoever still uses it."""


@dataclass(slots=True, eq=False)
class _Arriving:
    file: Path
    target: Path
    template: Path | None
    turn: threading.Event = field(default_factory=threading.Event)
    """Set when it is done, or is to lead the next round."""
    done: bool = False
    error: OSError | None = None


class Intake:
    """The way into one folder. Threads share it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._waiting: list[_Arriving] = []
        self._busy = False
        self._sealed: dict[str, tuple[str, int]] = {}
        """What is durable under the name with its seal: that name, and its length, by its number."""
        self._sealed_bytes = 0

    def take(
        self, file: Path, target: Name, template: Path | None, seal: Seal | None = None, handle: int | None = None
    ) -> None:
        """Make a file durable and rename it to `target`, a number that ends in `.dcm`. Its note is there, or is to be
        a second name of a template that is durable. With its seal, it may keep the name that has that (`sealed`), and
        where it does not, `target` itself need not be durable: a start gives that name again.

        handle: of the file with its seal, where it is open. Raises OSError: what there is of it then is to be removed,
        as the name may be there already.
        """
        if seal is None:
            self._take_in_two(file, Path(target), template)
        else:
            self._take_in_one(file, os.fspath(target), template, seal, handle)

    def counts(self, name: str) -> bool:
        """Whether something that is durable lies in the folder under this name."""
        return name.endswith(".dcm") or (name.endswith(ARRIVING) and name.partition(".")[0] in self._sealed)

    def sealed(self, number: str) -> str | None:
        """The name of what has kept the one with its seal; None for everything else."""
        found = self._sealed.get(number)
        return None if found is None else found[0]

    def let_go(self, numbers: Iterable[str]) -> None:
        """These have gone on, or have got another name."""
        with self._lock:
            for number in numbers:
                self._sealed_bytes -= self._sealed.pop(number, ("", 0))[1]

    def _keep(self, number: str, name: str, length: int) -> None:
        with self._lock:
            self._sealed[number] = name, length
            self._sealed_bytes += length

    def _take_in_one(self, file: Path, target: str, template: Path | None, seal: Seal, handle: int | None) -> None:
        """One wait: the names are given before the flush of the bytes, which brings them along, or nearly does."""
        folder, _, name = target.rpartition("/")
        number = name.removesuffix(".dcm")
        sealed = seal.name(number)
        note, arriving = f"{folder}/{number}.json", f"{folder}/{sealed}"
        try:
            if template is not None:
                files.link(template, note)
            files.move(file, arriving)
            files.sync(arriving, handle)
            if template is None:
                files.sync(note)
            files.sync(self._folder)
        except OSError:
            # Its sender hears that it was not taken, and a start must not find it.
            with contextlib.suppress(OSError):
                files.remove(Path(arriving))
            raise
        if len(self._sealed) >= MOST_SEALED or self._sealed_bytes + seal.length > MOST_SEALED_BYTES:
            # Where it fails it is as safe as before, and only gives a start one more to look at.
            with contextlib.suppress(OSError):
                files.move(arriving, target)
                return
        self._keep(number, sealed, seal.length)

    def _take_in_two(self, file: Path, target: Path, template: Path | None) -> None:
        files.sync(file)
        if template is None:
            files.sync(target.with_suffix(".json"))
        mine = _Arriving(file, target, template)
        with self._lock:
            self._waiting.append(mine)
            leads = not self._busy
            self._busy = True
        if not leads:
            mine.turn.wait()
        if not mine.done:
            self._lead()
        if mine.error is not None:
            raise mine.error

    def _lead(self) -> None:
        with self._lock:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
        for one in batch:  # until the opposite is known
            one.error = _interrupted()
        try:
            self._commit(batch)
        finally:
            for one in batch:
                one.done = True
            with self._lock:
                successor = self._waiting[0] if self._waiting else None
                self._busy = successor is not None
            if successor is not None:
                successor.turn.set()
            for one in batch:
                one.turn.set()

    def _commit(self, batch: Sequence[_Arriving]) -> None:
        named: list[_Arriving] = []
        for one in batch:
            one.error = None
            try:
                if one.template is not None:
                    files.link(one.template, one.target.with_suffix(".json"))
                files.move(one.file, one.target)  # the name that counts
                named.append(one)
            except OSError as error:
                one.error = error
        try:
            if named:
                files.sync(self._folder)
        except OSError as error:
            for one in named:
                one.error = error
        except BaseException:
            for one in named:
                one.error = _interrupted()
            raise


@dataclass(slots=True)
class _Template:
    path: Path
    made: float
    names: int = 0


class Notes:
    """Notes that are the same for many objects, each durable once, for the objects' own notes to be names of it."""

    def __init__(self, work: Path) -> None:
        self._work = work
        self._lock = threading.Lock()
        self._templates: OrderedDict[bytes, _Template] = OrderedDict()

    def template(self, text: bytes) -> Path:
        """A durable file with this text, unless somebody has removed it. Raises OSError."""
        with self._lock:
            found = self._templates.get(text)
            # Its time is that of its last change, which is what tidying goes by.
            if found is None or found.names >= _MOST_NAMES or abs(time.time() - found.made) >= _RENEWED:
                path = self._work / f"{secrets.token_hex(12)}.note"
                made = time.time()
                files.put(path, text)
                files.sync(path)
                self._templates[text] = found = _Template(path, made)
            found.names += 1
            self._templates.move_to_end(text)
            while len(self._templates) > _MOST_TEMPLATES:
                # Those that were made of it stay, as other names of the same file.
                files.remove(self._templates.popitem(last=False)[1].path)
        return found.path

    def forget(self, text: bytes) -> None:
        """It could not be used: make it anew the next time."""
        with self._lock:
            self._templates.pop(text, None)


def _interrupted() -> OSError:
    return OSError(errno.EINTR, os.strerror(errno.EINTR))
