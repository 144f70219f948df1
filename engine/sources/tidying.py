"""The surroundings of a watched folder: is it there at all, and what is left behind when its files have been taken.

It must not know what is taken, nor when.
"""

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from engine import files
from engine.drops import Drops
from engine.sources.settling import DONE, STATUS
from engine.sources.taking import TAKEN, Way

EMPTY_FOR = 60.0
"""A folder out of which everything was taken goes after so many seconds in which nothing was put into it."""
MOST = 10_000


def why_away(way: Way, drops: Drops, *, own: bool) -> str:
    """Why the folder cannot be used now, in words: it is not there, or is only the empty place of its share.

    Our sign in it is the folder for what is being taken. Where it can be left, it is, the first time. own: the folder
    is in our own data, and made where it is missing.
    """
    root = way.root
    try:
        # One outside our data that was there once is on a share that is away.
        if way.kind == "outbox" and not root.is_dir() and (own or not drops.is_marked):
            files.make_folder(root)
        with os.scandir(root) as found:
            is_empty = next(found, None) is None
        link = next((name for name in (TAKEN, DONE) if (root / name).is_symlink()), "")
        if link:
            # Whoever puts files here must not choose where ours go, nor from where they are given back.
            return f"{root}: {link} is a link, and nothing is taken until it is removed"
        if not (root / TAKEN).is_dir():
            if is_empty and drops.is_marked and not own:
                return f"{root} is empty, and is not the folder that it was: its share may not be mounted"
            with suppress(PermissionError):
                had_one = (root / DONE).exists()
                (root / TAKEN).mkdir()
                drops.mark(tidied=not had_one)
    except OSError as error:
        if error.errno != errno.EROFS:
            return f"{root} cannot be reached ({error.strerror})"
    return ""


class Emptied:
    """The folders in a watched folder that may go, now that nothing is in them. all_of_them: not only our work."""

    def __init__(self, *, all_of_them: bool) -> None:
        self._all = all_of_them
        self._ours: set[str] = set()
        self._empty: dict[str, tuple[int, float]] = {}

    def took(self, path: str) -> None:
        """A file was taken out of there."""
        above = path.split("/")[:-1]
        if len(self._ours) > MOST:
            self._ours.clear()
        self._ours |= {"/".join(above[:depth]) for depth in range(1, len(above) + 1)}

    def found(self, folder: Path, path: str, now: float) -> None:
        """This one is empty. It goes if it has been so for a while: somebody may have just made it to fill it."""
        with suppress(OSError):
            changed = folder.stat().st_mtime_ns
            known, since = self._empty.get(path, (0, now))
            if known != changed:
                if len(self._empty) >= MOST:
                    self._empty.clear()
                self._empty[path] = (changed, now)
            elif now - since >= EMPTY_FOR and (self._all or path in self._ours):
                del self._empty[path]
                self._ours.discard(path)
                folder.rmdir()


def tidy(way: Way, before: float, stopping: Callable[[], bool]) -> None:
    """Remove from `done` what was put there before that moment (seconds since 1970), and what was told of it."""
    root = way.root
    for name, _, found in os.walk(root / DONE, topdown=False):
        folder = Path(name)
        for path in (folder / one for one in found):
            if stopping():
                return
            _remove_old(path, before)
        if folder != root / DONE:
            with suppress(OSError):
                folder.rmdir()
    if way.kind != "outbox":
        return
    with suppress(OSError), os.scandir(root) as beside:
        for entry in beside:
            if entry.name.endswith(STATUS):
                _remove_old(Path(entry.path), before)


def _remove_old(path: Path, before: float) -> None:
    with suppress(OSError):
        # The moment of the move: the file's own time is that of the image.
        if path.lstat().st_ctime < before:
            path.unlink()
