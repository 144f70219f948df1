"""Where a passphrase comes from: a file, the keyboard, or a pipe. Never a command line, which everybody can see.

It must not know what it opens.
"""

import getpass
import sys
from pathlib import Path


class NoPassphrase(Exception):
    """There is none; the text says why."""


def asked(file: Path | None, *, twice: bool) -> str:
    """The passphrase: of a file its first line, from the keyboard unseen, from a pipe its first line.

    twice: it is a new one, typed once more. Raises NoPassphrase.
    """
    if file is not None:
        return of_file(file)
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    first = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Once more: ") != first:
        raise NoPassphrase("the two are not the same")
    return first


def of_file(file: Path) -> str:
    """Its first line. Raises NoPassphrase where it cannot be read, or others may read it."""
    try:
        with file.open(encoding="utf-8") as stream:
            said = stream.readline().rstrip("\r\n")
            if file.stat().st_mode & 0o077:
                raise NoPassphrase(f"others may read {file}: chmod 600 {file}")
    except UnicodeDecodeError:
        raise NoPassphrase(f"{file} is not UTF-8") from None
    except OSError as error:
        raise NoPassphrase(f"{file} cannot be read ({error.strerror})") from None
    if not said:
        raise NoPassphrase(f"the first line of {file} is empty")
    return said
