"""What page and operations do with the whole system: what the machine says of itself, backup, restore, support bundle.

    DATA/restore/upload     a backup as it was uploaded, encrypted as it is; gone once it was read

A restore is read and verified here, and decided here; it is done by the next start of the appliance, before anything
else (appliance.backup.restoring). It must not know the web.
"""

import os
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from appliance.backup import restoring
from appliance.backup.packing import make
from appliance.backup.sealed import MAGIC, NoBackup, fit
from appliance.backup.unpacking import Unpacked
from appliance.console.context import Context, TooManyGuesses, Who
from appliance.console.machine import IMAGE
from appliance.console.words import Refusal
from appliance.settings import Settings
from engine import files

PIECE = 1 << 20
_UPLOAD = "upload"
_uploading = threading.Lock()

NOTHING, UPLOADED, STAGED, DECIDED = STATES = ("nothing", "uploaded", "staged", "decided")
"""How far a restore is: an upload is begun or whole; it was read and verified; the next start does it."""

FACT_WORDS = {
    "trial": "This version is still on trial",
    "secure_boot": "Secure Boot",
    "tpm": "Security chip (TPM)",
    "encrypted": "The disk is encrypted",
}
"""What a machine may say of itself with yes or no (facts.json)."""

DISK_WORDS = {"data": "the data", "archive": "the archive"}

UNUSABLE_WORDS = {
    "foreign": "This is no backup of Stellwerk.",
    "newer": "This backup is of a newer version: update this machine first.",
    "passphrase": "This is not the passphrase of the backup.",
    "damaged": "The backup is damaged or not whole. Nothing was changed.",
}
"""By the kind of NoBackup."""


@dataclass(frozen=True, slots=True)
class Disk:
    """Megabytes."""

    name: str
    free: int
    total: int


@dataclass(frozen=True, slots=True)
class Restore:
    """state: one of STATES. have: bytes of an upload. backup: what it says of itself, once it was verified."""

    state: str
    have: int = 0
    backup: Unpacked | None = None


def disks(settings: Settings) -> list[Disk]:
    """Room, each disk once."""
    found: dict[int, Disk] = {}
    for name, path in (("data", settings.data), ("archive", settings.archive_folder("archive"))):
        if path.is_dir():
            room = shutil.disk_usage(path)
            found.setdefault(path.stat().st_dev, Disk(name, room.free >> 20, room.total >> 20))
    return list(found.values())


async def prove(context: Context, who: Who, address: str, password: str) -> None:
    """Whoever takes all secrets along types the own password once more; a token is one. Raises Refusal."""
    if who.session is None:
        return
    try:
        account = await context.prove(address, who.name, password)
    except TooManyGuesses:
        raise Refusal(429, "Too many wrong passwords. Wait a moment, then try again.") from None
    if account is None:
        raise Refusal(403, "Your password is another one.")


def check_passphrase(passphrase: str) -> None:
    """Raises Refusal where it will not do for a new backup."""
    if fit(passphrase):
        raise Refusal(422, "A passphrase has 12 to 1024 characters.")


def backup_name() -> str:
    """Of a backup that is made now."""
    host = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in socket.gethostname())
    return f"stellwerk-{host}-{time.strftime('%Y-%m-%d-%H%M')}.backup"


def backup(settings: Settings, passphrase: str, journal: bool, into: BinaryIO) -> None:
    """Write one. Raises OSError."""
    make(settings, into, passphrase, journal=journal)


def restore_of(settings: Settings) -> Restore:
    """How far one is. Raises OSError."""
    decided, staged = restoring.decided(settings.data), restoring.staged(settings.data)
    if decided is not None:
        return Restore(DECIDED, backup=decided)
    if staged is not None:
        return Restore(STAGED, backup=staged)
    have = _size(_file(settings))
    return Restore(UPLOADED, have) if have else Restore(NOTHING)


def put(settings: Settings, size: int, offset: int, data: bytes) -> int:
    """The next bytes of an upload of so many; how many are there then. From 0 on: anew. Raises Refusal, OSError."""
    if len(data) > PIECE or offset + len(data) > size:
        raise Refusal(422, "The request is not as it should be.")
    if offset == 0 and not data.startswith(MAGIC):
        raise Refusal(422, "This is no backup of Stellwerk.")
    with _uploading:
        if restoring.decided(settings.data) is not None:
            raise Refusal(409, "A restore is decided already: restart the appliance.")
        file = _file(settings)
        files.make_folder(file.parent)
        file.parent.chmod(0o700)
        # It is unpacked beside itself.
        if offset == 0 and shutil.disk_usage(file.parent).free - 2 * size < settings.min_free_mb << 20:
            raise Refusal(507, "There is not enough room on the disk for it.")
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "r+b" if offset else "wb") as stream:
            if offset != os.fstat(stream.fileno()).st_size and offset:
                return os.fstat(stream.fileno()).st_size
            stream.seek(offset)
            stream.write(data)
    return offset + len(data)


def check(settings: Settings, passphrase: str) -> Unpacked:
    """Read and verify what was uploaded. Raises Refusal, OSError."""
    with _uploading:
        file = _file(settings)
        try:
            with file.open("rb") as stream:
                found = restoring.stage(settings.data, stream, passphrase)
        except FileNotFoundError:
            raise Refusal(409, "Nothing was uploaded.") from None
        except NoBackup as why:
            raise Refusal(422, UNUSABLE_WORDS[why.kind]) from None
        except BlockingIOError:
            raise Refusal(409, "A restore is decided already: restart the appliance.") from None
        files.remove(file)
        return found


def discard(settings: Settings) -> bool:
    """Forget upload and what was staged; whether there was something. Raises Refusal, OSError."""
    with _uploading:
        had = _size(_file(settings)) > 0
        try:
            had = restoring.discard(settings.data) or had
        except BlockingIOError:
            raise Refusal(409, "A restore is decided already: restart the appliance.") from None
        files.remove(_file(settings))
        return had


def decide(context: Context) -> bool:
    """Have the next start do it; whether the machine was asked for that start. Raises Refusal, OSError."""
    with _uploading:
        try:
            restoring.decide(context.settings.data)
        except KeyError:
            raise Refusal(409, "There is no verified backup: upload one first.") from None
        except BlockingIOError:
            raise Refusal(409, "A restore is decided already: restart the appliance.") from None
    if context.machine.kind != IMAGE:
        return False
    try:
        context.machine.ask("restart", when="now")
    except (Refusal, OSError):
        return False  # a person starts it anew: it is decided all the same
    return True


def _file(settings: Settings) -> Path:
    return settings.data / restoring.FOLDER / _UPLOAD


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
