"""Is a folder the one that it was? Where a share is not mounted, its mount point is an empty folder of our own disk.

At the first use a mark is put into the folder and remembered here; from then on nothing is written where that mark is
missing. The first time, a place that is known to be for a share must have one mounted.
"""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from hashlib import blake2b
from pathlib import Path

from engine import files
from engine.errors import Later

MARK, TEST = ".stellwerk", ".stellwerk-test"
FSTAB = Path("/etc/fstab")
MOUNTED_BELOW = ("/mnt", "/media")
"""What is put there is mounted there (Filesystem Hierarchy Standard 3.12 and 3.11)."""


class Share:
    """A folder that others work in, on this machine or on another."""

    def __init__(
        self,
        root: Path,
        known: Path,
        *,
        fstab: Path = FSTAB,
        below: tuple[str, ...] = MOUNTED_BELOW,
        is_mount: Callable[[str], bool] = os.path.ismount,
    ) -> None:
        self.root, self._fstab, self._below, self._is_mount = root, fstab, below, is_mount
        self._known = known / blake2b(str(root).encode(), digest_size=8).hexdigest()

    def check(self) -> None:
        """Raises Later, in words, where nothing may be written now."""
        try:
            self._check()
        except OSError as error:
            raise Later(f"{self.root} cannot be used ({error.strerror or type(error).__name__})") from None

    def reach(self) -> None:
        """The same, and try to write. Raises Later."""
        self.check()
        path = self.root / TEST
        try:
            files.write(path, b"Can this folder be written?\n")
            files.remove(path)
        except OSError as error:
            raise Later(f"{self.root} cannot be written ({error.strerror or type(error).__name__})") from None

    def _check(self) -> None:
        if not self.root.is_dir():
            raise Later(f"{self.root} is not there; is the share mounted? A folder of this machine must be made first")
        found, known = _mark(self.root / MARK), _text(self._known)
        if known and found == known:
            return
        if known:
            raise Later(
                f"{self.root} is not the folder that it was: its mark {MARK} is {'another' if found else 'missing'}; "
                f"is the share mounted? If it is to be a new one, delete {self._known}"
            )
        if not found:
            self._expect_a_share()
            found = secrets.token_hex(8)
            files.write(self.root / MARK, found.encode())
            files.sync_share(self.root)
        files.make_folder(self._known.parent)
        files.write(self._known, found.encode())
        files.sync(self._known.parent)

    def _expect_a_share(self) -> None:
        """The first time: whether a share should be mounted here, and is not."""
        above = [self.root, *self.root.parents]
        listed = _mount_points(self._fstab)
        point = next((str(path) for path in above if str(path) in listed), "")
        if point and not self._is_mount(point):
            raise Later(f"nothing is mounted at {point}, though {self._fstab} says so; mount the share")
        shares = [str(path) for path in above if any(str(path).startswith(f"{one}/") for one in self._below)]
        if shares and not point and not any(self._is_mount(path) for path in shares):
            raise Later(
                f"nothing is mounted at {self.root}; mount the share. "
                f"If a folder of this machine is meant, say so with: echo here > {self.root / MARK}"
            )


def _mark(path: Path) -> str:
    """What stands in the mark; nothing where a link, or no file, is in its place: others work in that folder."""
    try:
        with open(path, opener=_no_link, encoding="utf-8", errors="replace") as stream:
            return stream.read(1000).strip() if stat.S_ISREG(os.fstat(stream.fileno()).st_mode) else ""
    except FileNotFoundError:
        return ""
    except OSError as error:
        if error.errno == errno.ELOOP:
            return ""
        raise


def _no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except FileNotFoundError:
        return ""


def _mount_points(fstab: Path) -> set[str]:
    """Where file systems are to be mounted (fstab(5)); the root is always."""
    points = set()
    for line in _text(fstab).splitlines():
        fields = line.split()
        if len(fields) > 1 and not fields[0].startswith("#") and fields[1] not in ("/", "none", "swap"):
            points.add(fields[1].replace("\\040", " ").rstrip("/"))
    return points
