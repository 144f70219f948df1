"""Updates as the console has them: uploaded or fetched into DATA/updates, looked at, and handed to the machine.

    coming.json, coming.part     the one that comes just now: its name and size, and what of it is there
    PRODUCT_VERSION.update     the one that lies ready: whole, and signed by somebody whom this machine trusts

What is checked here is checked so that people hear of it early. The machine believes none of it, and checks again
(appliance.machine.update). It must not know the web.
"""

import contextlib
import errno
import http.client
import io
import json
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from ssl import SSLContext

from appliance.console.machine import IMAGE, Machine
from appliance.console.update_source import PIECE, checked, opened
from appliance.console.words import Refusal, Sentence
from appliance.machine.bundle import HEAD, Head, Version, pieces, read_head
from appliance.machine.signature import Key, key
from appliance.machine.words import MACHINE_WORDS, Refused
from engine import files
from engine.errors import Later

_SHUT_OUT = (errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EACCES, errno.EPERM)
LARGEST = 2 << 30
"""Bytes of an update."""


@dataclass(frozen=True, slots=True)
class Fetching:
    """How it stands with what is fetched. trouble: why it was given up."""

    have: int = 0
    size: int = 0
    going: bool = False
    trouble: Sentence | None = None


class Updates:
    """Those of one data folder. Threads may share it."""

    def __init__(self, data: Path, machine: Machine, least_free: int, context: Callable[[], SSLContext]) -> None:
        """least_free: bytes that stay free. context: for a connection to an update server."""
        self._root, self._machine, self._least, self._context = data / "updates", machine, least_free, context
        self._lock = threading.Lock()
        self._fetching = Fetching()
        self._found: tuple[str, Head] | None = None

    @property
    def fetching(self) -> Fetching:
        """How it stands with what is fetched."""
        return self._fetching

    @property
    def found(self) -> Head | None:
        """What an update server has that is newer, as it was looked for last."""
        return None if self._found is None else self._found[1]

    def ready(self) -> Head | None:
        """The update that lies ready, if one does; its head, checked anew. What runs already is not needed any more."""
        for path in self._ready():
            with contextlib.suppress(OSError, Refused, ValueError), path.open("rb") as stream:
                head = read_head(stream, self._keys())
                if head.manifest.version != self._running():
                    return head
                files.remove(path)
        return None

    # --- uploads

    def put(self, name: str, size: int, offset: int, data: bytes) -> int:
        """Some bytes of the one that is uploaded; answers how many are there: others than the next are not taken.

        With the last of them it is looked at. Another name or size begins anew. Raises Refusal, OSError.
        """
        self._must_be_image()
        if not 0 < size <= LARGEST or not 0 < len(name) <= 255:
            raise Refusal(422, MACHINE_WORDS["no-update"])
        with self._lock:
            if self._fetching.going:
                raise Refusal(409, "An update is being fetched. Wait until it is here.")
            part = self._root / "coming.part"
            if self._coming() != {"name": name, "size": size} or not part.exists():
                self._begin(name, size)
            have = part.stat().st_size
            if offset != have or not data:
                return have
            if have + len(data) > size:
                raise Refusal(422, "This file is longer than was said.")
            with part.open("ab") as stream:
                stream.write(data)
            if have < HEAD <= have + len(data):
                self._early(part, size)
            if have + len(data) == size:
                self._take(part)
            return have + len(data)

    def there(self) -> dict[str, object]:
        """The upload that goes on: its name, size, and how much of it is there; empty where none does."""
        part = self._root / "coming.part"
        with self._lock:
            coming = self._coming()
            return {**coming, "have": part.stat().st_size} if coming.get("name") and part.exists() else {}

    def remove(self) -> None:
        """The one that lies ready goes. Raises OSError."""
        with self._lock:
            for path in (*self._ready(), self._root / "coming.part", self._root / "coming.json"):
                files.remove(path)
            if self._root.is_dir():
                files.sync(self._root)

    # --- the web

    def look(self, url: str) -> Head | None:
        """What a server has that is newer than what runs; None where that is nothing. Raises Refusal."""
        self._must_be_image()
        base = checked(url)
        name = "latest_{product}_{architecture}.head".format(
            **{"product": "", "architecture": "", **self._machine.facts}
        )
        try:
            with opened(base + name, self._context) as (stream, _):
                head = read_head(io.BytesIO(stream.read(HEAD + 1)), self._keys())
        except (OSError, Later, Refused, http.client.HTTPException) as error:
            raise _refusal(error) from None
        is_newer = head.manifest.version > self._running()
        self._found = (base, head) if is_newer else None
        return head if is_newer else None

    def fetch(self) -> None:
        """Fetch what was found, in the background. Raises Refusal."""
        self._must_be_image()
        with self._lock:
            if self._found is None:
                raise Refusal(409, "Nothing was found to fetch. Look for a newer version first.")
            if self._fetching.going:
                raise Refusal(409, "An update is being fetched. Wait until it is here.")
            base, head = self._found
            self._must_have_room(head.size)
            self._fetching = Fetching(size=head.size, going=True)
        threading.Thread(target=self._fetch, args=(base, head), name="update", daemon=True).start()

    def _fetch(self, base: str, head: Head) -> None:
        part = self._root / "coming.part"
        try:
            self._begin("", head.size)
            with opened(base + head.manifest.file, self._context) as (stream, size), part.open("wb") as out:
                if size not in (-1, head.size):
                    raise Refused("damaged")
                have = 0
                while piece := stream.read(PIECE):
                    out.write(piece)
                    have += len(piece)
                    if have > head.size:
                        raise Refused("damaged")
                    self._fetching = Fetching(have, head.size, True)
            with self._lock:
                self._take(part)
            self._found, self._fetching = None, Fetching()
        except (OSError, Later, Refused, Refusal, http.client.HTTPException) as error:
            self._fetching = Fetching(trouble=_refusal(error).sentence)
            with contextlib.suppress(OSError):
                files.remove(part)

    # --- to the machine

    def install(self, when: str) -> Head:
        """Ask the machine to install the one that lies ready. when: now, night or later. Raises Refusal, OSError."""
        self._must_be_image()
        head = self.ready()
        if head is None:
            raise Refusal(409, "No update lies ready.")
        going = self._machine.answered("update")
        if going is not None and going.kind == "going":
            raise Refusal(409, MACHINE_WORDS["busy"])
        self._machine.ask("update", file=str((self._root / head.manifest.file).resolve()), restart=when)
        return head

    # --- files

    def _begin(self, name: str, size: int) -> None:
        self._must_have_room(size)
        files.make_folder(self._root)
        files.remove(self._root / "coming.part")
        files.write(self._root / "coming.json", json.dumps({"name": name, "size": size}).encode())
        (self._root / "coming.part").touch(mode=0o600)

    def _early(self, part: Path, size: int) -> None:
        """Say as soon as the head is there where it is none for this machine."""
        try:
            with part.open("rb") as stream:
                head = read_head(stream, self._keys())
            if head.size != size:
                raise Refused("damaged")
        except Refused as refused:
            files.remove(part)
            raise _refusal(refused) from None

    def _take(self, part: Path) -> None:
        """It is all there: if it is whole and signed it lies ready, in place of any other. Raises Refusal, OSError."""
        try:
            with part.open("rb") as stream:
                head = read_head(stream, self._keys())
                for _ in pieces(stream, head.manifest):
                    pass
        except Refused as refused:
            files.remove(part)
            raise _refusal(refused) from None
        files.sync(part)
        for path in self._ready():
            files.remove(path)
        files.move(part, self._root / head.manifest.file)
        files.remove(self._root / "coming.json")
        files.sync(self._root)

    def _ready(self) -> list[Path]:
        return sorted(self._root.glob("stellwerk*_*.update"))

    def _coming(self) -> dict[str, object]:
        try:
            told = json.loads((self._root / "coming.json").read_bytes())
            return {"name": str(told["name"]), "size": int(told["size"])}
        except (OSError, ValueError, KeyError, TypeError):
            return {}

    def _keys(self) -> tuple[Key, ...]:
        """Those that the machine says it trusts."""
        told = self._machine.facts.get("update_keys")
        return tuple(key(one.encode()) for one in told) if isinstance(told, list) else ()

    def _running(self) -> Version:
        try:
            return Version.of(str(self._machine.facts.get("version", "")))
        except ValueError:
            return Version(0, 0, 0)

    def _must_be_image(self) -> None:
        if self._machine.kind != IMAGE:
            raise Refusal(409, MACHINE_WORDS["not-here"])

    def _must_have_room(self, size: int) -> None:
        """For the file, and for the machine's own copy while it installs it."""
        folder = self._root if self._root.is_dir() else self._root.parent
        free = shutil.disk_usage(folder).free
        needed = 2 * size + self._least
        if free < needed:
            raise Refusal(507, MACHINE_WORDS["room"], needed=needed // 1_000_000 + 1, free=free // 1_000_000)


def _refusal(error: Exception) -> Refusal:
    """Why, as a sentence."""
    if isinstance(error, Refusal):
        return error
    if isinstance(error, Refused):
        return Refusal(422, MACHINE_WORDS[error.word], **error.facts)
    if isinstance(error, OSError) and error.errno in _SHUT_OUT:
        return Refusal(
            409,
            "The machine may not or cannot go there: its firewall lets out only what the setting update_url names. "
            "Write the address there, or upload the file.",
        )
    why = str(error) if isinstance(error, Later) else getattr(error, "strerror", None) or type(error).__name__
    return Refusal(409, "The update server cannot be asked: {why}.", why=why)
