"""Is there room on the disk, and can it be written? The file systems under the spool and the archive.

There are two watermarks: below the upper one a person is told, below the lower one nothing more is taken in. A file
system that the system has made read-only, or that answers with errors, shows only when one tries: a small file is
written, flushed and removed. `judge` decides, and is pure; `Disk` looks.
"""

import contextlib
import errno
import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine import files
from engine.trouble import Trouble

AGAIN = 5.0
"""Seconds after which a disk that could not be written is tried again when somebody wants to send."""

PROBE = ".probe"


@dataclass(frozen=True, slots=True)
class Limits:
    """Below `warn` a person is told, below `least` nothing is taken in; inodes as shares of all of them."""

    warn_mb: int
    least_mb: int
    warn_inodes: float = 0.05
    least_inodes: float = 0.01


@dataclass(frozen=True, slots=True)
class Space:
    """What is free for the account that we run under. inodes: the share that is; None where there is no such limit."""

    free_mb: int
    inodes: float | None = None
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a file system, and whether it keeps us from taking anything in."""

    trouble: Trouble
    refuses: bool


_WORDS = {
    "room": (
        "only {free} MB of disk are free in {folder}, at least {least} must be; {then}: make room (an old archive "
        "can go by a `purge` rule)",
        "in {folder} sind nur {free} MB frei, mindestens {least} müssen es sein; {then}: schaffen Sie Platz (ein "
        "altes Archiv kann mit einer `purge`-Regel gehen)",
    ),
    "little room": (
        "only {free} MB of disk are free in {folder}; below {least}, {then}: make room (an old archive can go by "
        "a `purge` rule)",
        "in {folder} sind nur noch {free} MB frei; unter {least} gilt: {then}. Schaffen Sie Platz (ein altes "
        "Archiv kann mit einer `purge`-Regel gehen)",
    ),
    "inodes": (
        "the file system of {folder} has hardly any room for more files ({percent} % of its inodes are free); "
        "{then}: delete files that nobody needs, or make it anew with more inodes",
        "das Dateisystem von {folder} hat kaum noch Platz für weitere Dateien ({percent} % der Inodes sind frei); "
        "{then}: löschen Sie Dateien, die niemand braucht, oder legen Sie es mit mehr Inodes neu an",
    ),
    "few inodes": (
        "the file system of {folder} will soon have no room for more files ({percent} % of its inodes are free): "
        "delete files that nobody needs, or make it anew with more inodes",
        "das Dateisystem von {folder} hat bald keinen Platz mehr für weitere Dateien ({percent} % der Inodes sind "
        "frei): löschen Sie Dateien, die niemand braucht, oder legen Sie es mit mehr Inodes neu an",
    ),
    "read-only": (
        "{folder} is read-only, as the system makes a disk that fails; {then}: look into `dmesg`, and mount it "
        "again when the disk is sound",
        "{folder} ist nur lesbar, so schützt das System einen Datenträger mit Fehlern; {then}: sehen Sie in "
        "`dmesg` nach, und hängen Sie ihn wieder ein, wenn er gesund ist",
    ),
    "broken": (
        "the disk under {folder} answers with errors ({error}); {then}: it may be dying; save what is on it, look "
        "into `dmesg`, and replace it",
        "der Datenträger unter {folder} meldet Fehler ({error}); {then}: vielleicht stirbt er; sichern Sie, was "
        "darauf liegt, sehen Sie in `dmesg` nach, und tauschen Sie ihn",
    ),
}

_THEN = {
    True: (
        "nothing is taken in, and senders keep their images",
        "es wird nichts angenommen, und die Absender behalten ihre Bilder",
    ),
    False: ("copies wait in their outbox", "Kopien warten in ihrem Ausgang"),
}
"""What follows, for the spool's file system, and for another one."""


REFUSING = Trouble(
    "senders are refused and keep their images, until the disk is well again",
    "Absender werden abgewiesen und behalten ihre Bilder, bis der Datenträger in Ordnung ist",
)


def judge(folder: str, space: Space | None, limits: Limits, *, broken: int = 0, spool: bool = True) -> Verdict | None:
    """What is wrong, the worst of it; None where all is well.

    space: None where even that could not be asked. broken: the number of the error that writing gave; 0 for none.
    spool: without it, nothing is refused: only copies are kept there.
    """

    def verdict(key: str, serious: bool, error: str = "") -> Verdict:
        said = [
            words.format(folder=folder, free=free, least=limits.least_mb, percent=percent, error=error, then=then)
            for words, then in zip(_WORDS[key], _THEN[spool], strict=True)
        ]
        return Verdict(Trouble(said[0], said[1]), serious and spool)

    share = 1.0 if space is None or space.inodes is None else space.inodes
    free, percent = 0 if space is None else space.free_mb, f"{share * 100:.1f}"
    if broken == errno.EROFS or (space is not None and space.read_only):
        return verdict("read-only", True)
    if space is None or broken not in (0, errno.ENOSPC, errno.EDQUOT):
        return verdict("broken", True, os.strerror(broken or errno.EIO))
    if share < limits.least_inodes:
        return verdict("inodes", True)
    if free < limits.least_mb or broken:
        return verdict("room", True)
    if free < limits.warn_mb:
        return verdict("little room", False)
    if share < limits.warn_inodes:
        return verdict("few inodes", False)
    return None


class Disk:
    """The file system of the spool, in which it tries to write, and those of other folders, which it asks."""

    def __init__(self, spool: Path, scratch: Path, limits: Limits) -> None:
        self._spool, self._scratch, self._limits = spool, scratch, limits
        self._broken, self._tried = 0, 0.0
        # Many associations may ask at once, and one file is enough.
        self._trying = threading.Lock()

    def refuses(self) -> str | None:
        """Why nothing may be taken in now. Cheap: it is asked for each association."""
        if self._broken and time.monotonic() - self._tried > AGAIN:
            self.probe()
        verdict = self._look()
        return verdict.trouble.words if verdict is not None and verdict.refuses else None

    def probe(self) -> None:
        """Try to write: whenever a minute has passed, and at once where something could not be written."""
        path = self._scratch / PROBE
        with self._trying:
            self._tried = time.monotonic()
            try:
                files.write(path, b"Can this disk be written?\n")
                files.sync(self._scratch)
                files.remove(path)
            except OSError as error:
                self._broken = error.errno or errno.EIO
                with contextlib.suppress(OSError):
                    files.remove(path.with_name(f".{PROBE}.draft"))
            else:
                self._broken = 0

    def troubles(self, others: Mapping[str, Path]) -> dict[str, Trouble]:
        """What is wrong, by name: `the disk` of the spool, `taking in` where it refuses, `disk NAME` of others."""
        found = {}
        verdict = self._look()
        if verdict is not None:
            found["the disk"] = verdict.trouble
            if verdict.refuses:
                # Of its own, so that whoever was told of little room is told of this too.
                found["taking in"] = REFUSING
        watched = {device(self._spool)}
        for name, folder in others.items():
            there = existing(folder)
            if (number := device(there)) not in watched:
                watched.add(number)
                verdict = judge(str(folder), space(there), self._limits, spool=False)
                if verdict is not None:
                    found[f"disk {name}"] = verdict.trouble
        return found

    def _look(self) -> Verdict | None:
        return judge(str(self._spool), space(self._spool), self._limits, broken=self._broken)


def space(folder: Path) -> Space | None:
    """What is free; None where the file system does not even answer that."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return None
    # A file system that makes inodes as it needs them (Btrfs) counts none.
    inodes = found.f_favail / found.f_files if found.f_files else None
    return Space((found.f_bavail * found.f_frsize) >> 20, inodes, bool(found.f_flag & os.ST_RDONLY))


def existing(folder: Path) -> Path:
    """The folder, or the nearest above it that is there."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return folder


def device(folder: Path) -> int:
    """Which file system a folder lies on; -1 where it does not answer."""
    try:
        return folder.stat().st_dev
    except OSError:
        return -1
