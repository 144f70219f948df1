"""Letters between the service, which may do little, and the machine, where root acts: small files of JSON.

The service writes into a folder of its own, so anything may lie there: a link, a pipe, a huge file, another account's.
Nothing of that is followed, waited for or believed. What a letter must say is judged by whoever reads it.
"""

import json
import os
import stat
from pathlib import Path

from engine import files

MOST = 1 << 20
"""Bytes of a letter."""


class Unreadable(Exception):
    """No letter that may be believed; the text says why."""


def read(path: Path, most: int = MOST) -> dict[str, object]:
    """The object of JSON in a plain file. Raises FileNotFoundError where there is none, Unreadable for all else."""
    return understood(path.name, take(path, most))


def take(path: Path, most: int = MOST) -> bytes:
    """All bytes of a plain file that is not too long. Raises as `read`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from None
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise Unreadable(f"{path.name} is no plain file")
        with open(handle, "rb", closefd=False) as stream:
            found = stream.read(most + 1)
    except OSError as error:
        raise Unreadable(f"{path.name} cannot be read ({error.strerror})") from None
    finally:
        os.close(handle)
    if len(found) > most:
        raise Unreadable(f"{path.name} is longer than {most} bytes")
    return found


def understood(name: str, written: bytes) -> dict[str, object]:
    """The object of JSON in these bytes. Raises Unreadable."""
    try:
        found = json.loads(written)
    except (ValueError, RecursionError):
        raise Unreadable(f"{name} is not JSON") from None
    if not isinstance(found, dict):
        raise Unreadable(f"{name} is no object of JSON")
    return found


def write(path: Path, letter: dict[str, object], mode: int = 0o644) -> None:
    """Put a letter in place, at once whole. mode: whatever the umask says. Raises OSError."""
    put(path, text(letter), mode)


def text(letter: dict[str, object]) -> bytes:
    """As it is written: the same letter is always the same bytes."""
    return json.dumps(letter, indent=1, sort_keys=True).encode() + b"\n"


def put(path: Path, written: bytes, mode: int = 0o644) -> None:
    """Put the text of a letter in place. Raises OSError."""
    draft = path.with_name(f".{path.name}.draft")
    files.put(draft, written, 0o600)
    draft.chmod(mode)
    files.move(draft, path)
