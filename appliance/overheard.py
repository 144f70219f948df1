"""Storage commitments that commands of this machine ask for, and that are answered to the appliance: to our port.

A small file for each request, in `spool/asked`: it is put there by the command that asks, and what has been heard is
put beside it. The Transaction UID is made by chance, so nobody else can name it. It must not know associations.
"""

import contextlib
import json
import re
import time
from pathlib import Path

from engine import files
from engine.dicom.commitment import Results

_TRANSACTION = re.compile(r"2\.25\.[0-9]{1,39}")
_FORGOTTEN = 86400.0
"""Seconds after which no command waits any more."""


class Overheard:
    """What was asked for by commands. folder: `asked` in the spool."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def expect(self, transaction: str) -> None:
        """A command will ask under this Transaction UID. Raises OSError."""
        files.make_folder(self._folder)
        self._tidy()
        files.write(self._folder / transaction, b"")

    def hear(self, results: Results) -> bool:
        """The appliance has heard this; whether a command has asked for it."""
        if not _TRANSACTION.fullmatch(results.transaction) or not (self._folder / results.transaction).is_file():
            return False
        failed = [[*instance, reason] for instance, reason in results.failed.items()]
        said = {"committed": [list(instance) for instance in results.committed], "failed": failed}
        try:
            files.write(self._folder / f"{results.transaction}.json", json.dumps(said).encode())
        except OSError:
            return False  # it is told so, and may tell it again
        return True

    def heard(self, transaction: str) -> Results | None:
        """What has been heard by now."""
        try:
            said = json.loads((self._folder / f"{transaction}.json").read_bytes())
        except (OSError, ValueError):
            return None
        committed = tuple((sop_class, uid) for sop_class, uid in said["committed"])
        return Results(transaction, committed, {(sop_class, uid): reason for sop_class, uid, reason in said["failed"]})

    def forget(self, transaction: str) -> None:
        """Nobody waits for it any more."""
        for name in (transaction, f"{transaction}.json"):
            with contextlib.suppress(OSError):
                (self._folder / name).unlink()

    def _tidy(self) -> None:
        """What commands have left that were killed."""
        for path in list(self._folder.iterdir()):
            with contextlib.suppress(OSError):
                if path.stat().st_mtime < time.time() - _FORGOTTEN:
                    path.unlink()
