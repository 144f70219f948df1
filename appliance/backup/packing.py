"""Making a backup, beside a running appliance: a stream of files, each as it was at one moment.

Rules and their versions are read while nobody can activate others. What only grows at its end is read up to a length,
to the end of a line. Everything else is put in place whole by whoever writes it, so what was opened is whole. Which
objects lie in the spool is noted before the history is read: whatever the history then tells no end of lay there, or
came meanwhile. It changes nothing in the data folder. It must not know restores, nor who asks.
"""

import contextlib
import gzip
import io
import json
import os
import re
import socket
import stat
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import BinaryIO

from appliance.alone import alone
from appliance.backup import joining
from appliance.backup.contents import DATA, ELSEWHERE, END, LAY, MANIFEST, NOT_IN_IT, PARTS, RULES, SETTINGS, Part, Way
from appliance.backup.sealed import Facts, Sink, Writer
from appliance.rulebook import LIBRARY
from appliance.settings import Settings
from engine.journal_tables import number_of
from engine.whereabouts import HELD, lying

LEVEL = 3
"""Of gzip: lines of the history become a tenth, and a small machine has other work."""

_BLOCK = 1 << 20
_LINE = re.compile(rb'^\{"at": "([^"]+)", "event": "[^"]*", "object": "([^"]+)"')
_AS = re.compile(rb', "as": "([^"]+)"')
"""By which number an object goes on."""
_FILES = ("mail_password_file", "mail_ca_file")
"""Settings that name a file which the house needs again."""


@dataclass(slots=True)
class Made:
    """What is in it. left_out: what lies among the parts and is no plain file. waiting, held: objects not in it."""

    made: str
    files: int = 0
    size: int = 0
    waiting: int = 0
    held: int = 0
    left_out: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)


def make(
    settings: Settings,
    into: Sink,
    passphrase: str,
    *,
    journal: bool = True,
    now: Callable[[], float] = time.time,
) -> Made:
    """Write a backup of this data folder. Without `journal`, the history is not in it.

    Raises OSError: then what was written is no backup, and says so when it is read.
    """
    began = now()
    made = Made(datetime.fromtimestamp(began, UTC).isoformat(timespec="seconds"))
    sealed = Writer(into, passphrase, Facts(made.made, version("stellwerk")))
    packed = gzip.GzipFile(filename="", mode="wb", compresslevel=LEVEL, fileobj=_Stream(sealed), mtime=0)
    with tarfile.open(mode="w|", fileobj=packed, format=tarfile.PAX_FORMAT, bufsize=_BLOCK) as tar:
        packing = _Packing(settings, tar, made)
        packing.put(MANIFEST, _json(_manifest(settings, made, journal)))
        packing.put(SETTINGS, _toml(settings).encode())
        packing.elsewhere()
        lay = packing.lying() if journal else set()
        with packing.rules_at_rest():
            for part in PARTS:
                if not part.history:
                    packing.part(part)
        if journal:
            since = datetime.fromtimestamp(began, UTC).isoformat(timespec="milliseconds")
            for part in PARTS:
                if part.history:
                    packing.part(part, since, lay)
            packing.put(LAY, "".join(f"{number}\n" for number in sorted(lay)).encode())
        packing.put(END, _json({"files": made.files, "bytes": made.size}))
    packed.close()
    sealed.close()
    return made


class _Stream(io.RawIOBase):
    """A sealed writer, as gzip wants one."""

    def __init__(self, sealed: Writer) -> None:
        self._sealed = sealed

    def writable(self) -> bool:
        return True

    def write(self, data: object, /) -> int:
        return self._sealed.write(bytes(data))  # type: ignore[call-overload]


class _Packing:
    def __init__(self, settings: Settings, tar: tarfile.TarFile, made: Made) -> None:
        self._settings, self._tar, self._made = settings, tar, made

    def put(self, name: str, data: bytes) -> None:
        """A member of these bytes."""
        self._add(name, io.BytesIO(data), len(data), time.time())

    def elsewhere(self) -> None:
        """Files that settings name, where they lie outside of the data folder: the mail relay's password."""
        for name in _FILES:
            path = getattr(self._settings, name)
            if path is not None and not self._is_inside(path):
                self._file(path, ELSEWHERE + name)

    def lying(self) -> set[str]:
        """The numbers of all that lies in the spool. None of it comes along."""
        found: set[str] = set()
        held: set[str] = set()
        for name, where, _ in lying(self._settings.spool):
            (held if where == HELD else found).add(number_of(name))
        self._made.waiting, self._made.held = len(found), len(held - found)
        return found | held

    @contextlib.contextmanager
    def rules_at_rest(self) -> Iterator[None]:
        """Nobody activates others meanwhile. Where nobody ever has, there is nothing to wait for."""
        lock = self._settings.data / "rules-history" / ".lock"
        if not lock.exists():
            yield
            return
        with alone(lock):
            yield

    def part(self, part: Part, since: str = "", lay: set[str] | None = None) -> None:
        """All files of a part. lay: gets the numbers of which a line tells since then."""
        root = self._settings.rules_path if part.path == RULES else self._settings.data / part.path
        before = self._made.files
        for path, name in self._files(root, part):
            if path.suffix == ".jsonl" and part.way is Way.JOIN:
                self._lines(path, DATA + name, since if path.stem >= since[:10] else "", lay)
            else:
                self._file(path, DATA + name)
        if self._made.files > before:
            self._made.parts.append(part.path)

    def _files(self, root: Path, part: Part) -> Iterator[tuple[Path, str]]:
        """Each plain file with its name below the data folder, in order: no drafts, no locks, no links."""
        if root.is_file() and part.path == RULES:
            # Rules may be one file, which includes others: they go into the folder of rules.
            for path in (root, *sorted((root.parent / LIBRARY).glob("*.rules"))):
                yield path, f"{RULES}/{path.relative_to(root.parent).as_posix()}"
            return
        if root.is_file() and not root.is_symlink():
            yield root, part.path
            return
        # The folder of rules may itself be a link, or a link be above it; what is in it may not.
        for folder, inner, names in os.walk(root):
            inner[:] = sorted(name for name in inner if not name.startswith("."))
            above = Path(folder).relative_to(root)
            for name in sorted(names):
                path = Path(folder) / name
                if name.startswith(".") or (above == Path() and name in part.without):
                    continue
                if path.is_symlink() or not path.is_file():
                    if path.is_symlink() or path.exists():
                        self._made.left_out.append(str(path))
                    continue
                yield path, (part.path / above / name).as_posix()

    def _file(self, path: Path, name: str) -> None:
        """One, as it is now; nothing where it is gone by now."""
        try:
            stream = _opened(path)
        except FileNotFoundError:
            return
        with stream:
            there = os.fstat(stream.fileno())
            self._add(name, stream, there.st_size, there.st_mtime)

    def _lines(self, path: Path, name: str, since: str, lay: set[str] | None) -> None:
        """One that grows: up to the end of its last whole line."""
        try:
            stream = _opened(path)
        except FileNotFoundError:
            return
        with stream:
            there = os.fstat(stream.fileno())
            length = joining.line_before(stream, there.st_size)
            stream.seek(0)
            self._add(name, stream, length, there.st_mtime)
            if since and lay is not None:
                stream.seek(0)
                lay |= set(_told_since(stream, length, since))

    def _add(self, name: str, stream: BinaryIO | io.BytesIO, length: int, moment: float) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = length, int(moment), 0o600
        try:
            self._tar.addfile(info, stream)
        except OSError as error:
            if error.errno is None:  # tarfile's own, where a file has become shorter
                raise OSError(0, f"{name} was changed while it was read: make the backup again") from None
            raise
        self._made.files += 1
        self._made.size += length

    def _is_inside(self, path: Path) -> bool:
        return path.resolve().is_relative_to(self._settings.data.resolve())


def _opened(path: Path) -> BinaryIO:
    """To be read; a plain file and no link, or OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise OSError(0, f"{path} is no plain file")
    return os.fdopen(handle, "rb")


def _told_since(stream: BinaryIO, length: int, since: str) -> Iterator[str]:
    """The numbers of objects of which lines tell since this moment (ISO 8601, UTC)."""
    at = since.encode()
    read = 0
    for line in stream:
        read += len(line)
        if read > length:
            return
        found = _LINE.match(line)
        if found is not None and found[1] >= at:
            yield from (number_of(name.decode(errors="replace")) for name in (found[2], *_AS.findall(line)))


def _manifest(settings: Settings, made: Made, journal: bool) -> dict[str, object]:
    rules = settings.rules_path
    return {
        "made": made.made,
        "version": version("stellwerk"),
        "host": socket.gethostname(),
        "history": journal,
        "data": str(settings.data.resolve()),
        "rules": "" if rules.resolve() == (settings.data / RULES).resolve() else str(rules),
        "not in it": list(NOT_IN_IT),
    }


def _toml(settings: Settings) -> str:
    """What is set, as a settings file. The password of the mail relay is a file, of which only the name is here."""
    lines = ["# The settings of the machine that was backed up, wherever they were set there."]
    defaults = Settings()
    for one in fields(settings):
        value = getattr(settings, one.name)
        if value != getattr(defaults, one.name):
            said = value if isinstance(value, int | float) else json.dumps(str(value), ensure_ascii=False)
            lines.append(f"{one.name} = {said}")
    return "\n".join(lines) + "\n"


def _json(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, indent=1).encode()
