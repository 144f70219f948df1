"""Taking old copies out of the archive, for `purge`.

Only what `store` puts there goes: DICOM files, and the folders that they leave empty. Links are not followed, so that
nothing outside the archive is touched. `store` waits for one folder at a time, never for the whole sweep.
"""

import os
from collections.abc import Callable
from pathlib import Path

from engine import files
from engine.destinations.archive import MARK, tending
from engine.errors import Later


def purge(root: Path, before: float, stopping: Callable[[], bool]) -> int:
    """Remove every copy below `root` that has lain there since before this moment (seconds since 1970); how many.

    A folder that cannot be read or emptied does not save the others. Raises Later at the end where there was one, or
    where it was stopped: what is left is found again the next time.
    """
    sweep = _Sweep(root, before, stopping)
    if root.is_dir():
        sweep.folder(root)
    if sweep.stopped:
        raise Later("stopped before its end")
    if sweep.trouble:
        raise Later(f"some copies cannot be removed ({sweep.trouble}); {sweep.removed} were")
    return sweep.removed


class _Sweep:
    def __init__(self, root: Path, before: float, stopping: Callable[[], bool]) -> None:
        self.root, self.before, self.stopping = root, before, stopping
        self.removed = 0
        self.stopped = False
        self.trouble = ""

    def folder(self, folder: Path) -> None:
        """Empty a folder and those in it; it goes with the last of its copies."""
        self.stopped = self.stopped or self.stopping()
        if self.stopped:
            return
        earlier = self.removed
        try:
            with os.scandir(folder) as entries:
                inner = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
            for one in inner:
                self.folder(one)
            with tending(self.root):
                self._copies(folder)
                if self.removed > earlier and folder != self.root:
                    self._leave(folder)
        except OSError as error:
            self.trouble = error.strerror or type(error).__name__

    def _copies(self, folder: Path) -> None:
        with os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.endswith(".dcm") and entry.is_file(follow_symlinks=False) and self._is_old(entry):
                    files.remove(Path(entry.path))
                    self.removed += 1

    def _is_old(self, entry: os.DirEntry[str]) -> bool:
        # The status change: what was received long ago and stored today is new here, and so is a restored back-up.
        return entry.stat(follow_symlinks=False).st_ctime < self.before

    def _leave(self, folder: Path) -> None:
        """Remove the folder if nothing is left in it but whose it was."""
        if {one.name for one in folder.iterdir()} <= {MARK}:
            files.sync(folder)  # whose it is must not be forgotten before its copies are
            files.remove(folder / MARK)
            folder.rmdir()
