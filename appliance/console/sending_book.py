"""One sending on the disk: DATA/console/sendings/ID, from the first byte of its upload until its end is forgotten.

    state.json    who, when, how far, where to, and under which numbers each object was handed over
    files.jsonl   the uploaded files: number, path, size
    files/N       their bytes
    unpacked/N    what was in ZIPs
    found.json    what is in all of it

Each change of the state is durable before it is acted on. It must not know the web.
"""

import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from appliance.console.sending_found import Found, Upload
from engine import files

OPEN, READING, READ, GOING, GONE, ENDED = "open", "reading", "read", "going", "gone", "ended"
"""Being uploaded; being looked at; waits for a person; being handed over; handed over; all of it has an end."""

STATES = (OPEN, READING, READ, GOING, GONE, ENDED)


@dataclass(frozen=True, slots=True)
class State:
    """numbers: by destination, those of the objects, in their order. staged: destinations whose files all lie ready.

    received: when it was handed over, as the objects' notes have it. ends: of each study what became of it, once known.
    """

    id: str
    by: str
    at: float
    state: str = OPEN
    to: tuple[str, ...] = ()
    received: str = ""
    numbers: dict[str, list[str]] = field(default_factory=dict)
    staged: tuple[str, ...] = ()
    ends: dict[str, list[list[object]]] = field(default_factory=dict)
    ended_at: float = 0.0


class Book:
    """One sending's folder. Not safe between threads by itself."""

    def __init__(self, home: Path) -> None:
        self.home = home

    def read(self) -> State | None:
        """How far it is; None where there is none, or a disk has torn it."""
        try:
            data = json.loads((self.home / "state.json").read_bytes())
            return State(**{**data, "to": tuple(data["to"]), "staged": tuple(data["staged"])})
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def write(self, before: State, /, **changes: object) -> State:
        """Keep it, durably. Raises OSError."""
        changed = replace(before, **changes)  # type: ignore[arg-type]
        files.write(self.home / "state.json", json.dumps(asdict(changed)).encode())
        files.sync(self.home)
        return changed

    def uploads(self) -> dict[str, Upload]:
        """The files of its upload, by path, also those of which not all has come."""
        found: dict[str, Upload] = {}
        path = self.home / "files.jsonl"
        for line in path.read_bytes().splitlines() if path.exists() else []:
            try:
                number, name, size = json.loads(line)
                found[name] = Upload(self.home / "files" / f"{number}", name, size)
            except (ValueError, TypeError):
                continue  # torn by a crash: it is uploaded once more
        return found

    def add(self, number: int, path: str, size: int) -> Upload:
        """One more file is about to come. Raises OSError."""
        files.make_folder(self.home / "files")
        files.append(self.home / "files.jsonl", b"\n" + json.dumps([number, path, size]).encode())
        return Upload(self.home / "files" / f"{number}", path, size)

    def keep_found(self, found: Found) -> None:
        """What is in it. Raises OSError."""
        files.write(self.home / "found.json", json.dumps(found.to_json()).encode())

    def found(self) -> Found:
        """What is in it; nothing where it was not looked at yet."""
        try:
            return Found.from_json(json.loads((self.home / "found.json").read_bytes()))
        except (OSError, ValueError, KeyError, TypeError):
            return Found()

    def drop_bytes(self) -> None:
        """The images themselves are not needed any more."""
        for name in ("files", "unpacked"):
            files.remove_folder(self.home / name)
