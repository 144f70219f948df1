"""The audit: who has done what, when, from where, on which of our numbers. DATA/audit, a file for each month (UTC).

A line is durable before the answer goes out; none is ever changed. No patient's data is in it: names of users and
destinations, our own numbers, and words of ours. It must not know the web.
"""

import json
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from engine import files
from engine.history import is_torn

ACTS = {
    "sign-in": "has signed in",
    "sign-in-refused": "was not let in",
    "sign-out": "has signed out",
    "sign-out-everywhere": "has signed out everywhere",
    "password": "changed the own password",
    "user-added": "became a user",
    "user-role": "changed the role of a user",
    "user-disabled": "shut a user out",
    "user-enabled": "let a user in again",
    "user-removed": "removed a user",
    "link-made": "made a link for a user",
    "link-revoked": "took back a link",
    "token-made": "made a token for a script",
    "token-revoked": "took back a token",
    "backup-downloaded": "downloaded a backup, with all secrets",
    "support-downloaded": "downloaded a support bundle",
    "restore-uploaded": "uploaded a backup, to restore it",
    "restore-decided": "had a backup restored",
    "restore-discarded": "removed a backup that was uploaded",
    "update-uploaded": "uploaded an update",
    "update-looked": "looked for a newer version",
    "update-fetched": "had an update fetched",
    "update-installed": "had an update installed",
    "update-removed": "removed an update",
    "machine-restart": "had the machine restarted, or planned it, or called it off",
    "machine-off": "had the machine switched off",
    "mail-test": "sent a mail to try the relay",
    "pause": "paused a destination",
    "resume": "resumed a destination",
    "try-again": "had a destination tried again",
    "try-now": "had images sent again at once",
    "take-back": "took images out of an outbox",
    "test": "tested a destination",
    "release": "released what was held",
    "delete": "deleted what was held",
    "rules-activated": "changed the rules",
    "rules-restored": "went back to earlier rules",
    "rules-trial": "began to try rules out",
    "rules-trial-ended": "ended a trial of rules",
    "rules-watch-ended": "stopped watching new rules",
    "rules-withdrawn": "took back new rules, as failures rose",
    "rules-left": "did not take back new rules, though failures rose: the ones before clean or hold less",
    "rules-seen": "has seen what became of new rules",
    "rules-again": "sent images through the rules again that withdrawn ones had held",
    "upload": "uploaded images to send",
    "send": "sent images",
    "sending-removed": "removed a sending",
    "send-again": "has sent a study again",
    "review-approved": "approved images in the review",
    "review-rejected": "rejected images in the review",
    "review-again": "had images of the review cleaned anew",
}
"""What may have been done, in words that follow a user's name. A page that does something new adds its line."""

PAGE = 100


@dataclass(frozen=True, slots=True)
class Act:
    """One line. on: users, destinations, numbers. at: ISO 8601 in UTC."""

    at: str
    who: str
    did: str
    on: tuple[str, ...] = ()
    address: str = ""
    detail: str = ""


class Audit:
    """One appliance's. Threads may share one, and processes, too."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()

    def note(self, who: str, did: str, on: Sequence[str] = (), address: str = "", detail: str = "") -> None:
        """Write a line, durably. Raises OSError, and KeyError for what is not among ACTS."""
        if did not in ACTS:
            raise KeyError(did)
        now = datetime.now(UTC)
        act = Act(now.isoformat(timespec="milliseconds"), who, did, tuple(on), address, detail)
        file = self._folder / f"{now:%Y-%m}.jsonl"
        with self._lock:
            if not self._folder.is_dir():
                files.make_folder(self._folder)
                self._folder.chmod(0o700)
            # What a crash has left of a line must not swallow this one.
            start = b"\n" if is_torn(file) else b""
            files.append(file, start + json.dumps(asdict(act), ensure_ascii=False).encode() + b"\n")
            files.sync(file)

    def page(self, before: str = "", who: str = "", did: str = "", most: int = PAGE) -> tuple[list[Act], str]:
        """The newest lines before a place, and the place of those that come after them; empty at the end."""
        found: list[Act] = []
        place = ""
        for act, where in self._backwards(before):
            if (who and act.who != who) or (did and act.did != did):
                continue
            if len(found) == most:
                return found, place
            found.append(act)
            place = where
        return found, ""

    def _backwards(self, before: str) -> Iterator[tuple[Act, str]]:
        month, _, start = before.partition(":")
        for file in sorted(self._folder.glob("*.jsonl"), reverse=True):
            if month and file.stem > month:
                continue
            end = int(start) if file.stem == month and start.isdecimal() else None
            for line, offset in _lines_backwards(file, end):
                act = _read(line)
                if act is not None:
                    yield act, f"{file.stem}:{offset}"


def _lines_backwards(file: Path, end: int | None, block: int = 1 << 16) -> Iterator[tuple[bytes, int]]:
    """Whole lines with their offsets, the last one first, from `end` on."""
    with file.open("rb") as stream:
        size = stream.seek(0, 2)
        at = size if end is None else min(end, size)
        rest = b""
        while at > 0:
            begin = max(0, at - block)
            stream.seek(begin)
            data = stream.read(at - begin) + rest
            lines = data.split(b"\n")
            # What comes before the first end of a line may have begun earlier.
            rest = lines[0] if begin else b""
            offset = begin + len(data)
            for line in reversed(lines[1:] if begin else lines):
                offset -= len(line)
                if line:
                    yield line, offset
                offset -= 1
            at = begin


def _read(line: bytes) -> Act | None:
    """A line that a crash has cut is none."""
    try:
        row = json.loads(line)
        return Act(row["at"], row["who"], row["did"], tuple(row["on"]), row["address"], row["detail"])
    except (ValueError, KeyError, TypeError):
        return None
