"""Static files: read once, compressed once, under an address that has the digest of all of them.

So a browser may keep them for ever, modules that import each other by relative names included, and only files that were
there at the start can be asked for.
"""

import gzip
import hashlib
import mimetypes
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}
_SMALL = 1024


@dataclass(frozen=True, slots=True)
class StaticFile:
    """zipped: empty where that would not be smaller."""

    kind: str
    plain: bytes
    zipped: bytes


class StaticFiles:
    """All that lie in the folder when it is made."""

    def __init__(self, folder: Path = FOLDER) -> None:
        paths = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        self._files: Mapping[str, StaticFile] = {path.relative_to(folder).as_posix(): _read(path) for path in paths}
        total = hashlib.sha256()
        for name, file in self._files.items():
            total.update(f"{name}\0{len(file.plain)}\0".encode() + file.plain)
        self.version = total.hexdigest()[:16]

    def find(self, name: str) -> StaticFile | None:
        """The file of this name, as it lies in the folder."""
        return self._files.get(name)

    def address(self, name: str) -> str:
        """Where a page finds it. Raises KeyError where there is no such file."""
        if name not in self._files:
            raise KeyError(name)
        return f"/static/{self.version}/{name}"


def _read(path: Path) -> StaticFile:
    data = path.read_bytes()
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    zipped = gzip.compress(data, 6, mtime=0) if len(data) > _SMALL else b""
    return StaticFile(kind, data, zipped if len(zipped) < len(data) else b"")
