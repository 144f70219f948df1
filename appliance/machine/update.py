"""update: check an update once more, as root, and have it written to the slot that does not run.

Whatever the service said of it counts for nothing here: the file is read once, its signature first, and what was read
is what is written. systemd-sysupdate writes the slot; until it has put the new kernel in place as its last act, the
machine starts what it started before. Wherever the power goes, either start is a whole one.
"""

import argparse
import os
import shutil
from collections.abc import Callable
from typing import BinaryIO

from appliance.alone import alone
from appliance.machine import answers, letters, memory, restart, system
from appliance.machine.bundle import Head, Version, pieces, read_head
from appliance.machine.places import Places
from appliance.machine.signature import keys
from appliance.machine.untrusted import open_file
from appliance.machine.words import Refused
from engine import files

SYSUPDATE = "/usr/lib/systemd/systemd-sysupdate"
NAME = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,99}\.update"
"""How the file of an update may be called."""
SPARE = 64 << 20
"""Bytes that stay free on the data partition while an update lies ready there."""
ORDER = "order.json"
"""What is to be installed, in the folder of what the machine says: written by appliance.machine.requests."""

Progress = Callable[[int], None]


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("name", nargs="?", help="a file in the service's folder of updates; without one, as was asked")


def run(arguments: argparse.Namespace) -> int:
    """Install it, and say how it goes."""
    return ordered(Places(), system.call, arguments.name)


def ordered(places: Places, call: system.Call, name: str | None = None) -> int:
    """Install what was asked for; the exit code. What is refused is an answer, and no failure of this program."""
    try:
        order = {"name": name, "restart": "later"} if name else letters.read(places.told / ORDER)
        with alone(places.told / "update.lock", wait=False) as free:
            if not free:
                raise Refused("busy")
            version = install(places, call, str(order["name"]))
            _after(places, call, version, order["restart"])
    except Refused as refused:
        answers.refuse(places, "update", refused)
        print(f"stellwerk: {refused}")
    except (OSError, letters.Unreadable, ValueError, KeyError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or type(error).__name__
        answers.refuse(places, "update", Refused("disk", why=why))
        print(f"stellwerk: {error}")
        return 1
    return 0


def install(places: Places, call: system.Call, name: str) -> Version:
    """Check updates/NAME of the service's folder and write it to the other slot. Raises Refused, OSError."""
    product, running = system.image(places)
    if not running:
        raise Refused("not-here")
    _clear(places)
    try:
        file = open_file(places.data, "updates", name)
    except FileNotFoundError:
        raise Refused("no-file") from None
    except OSError:
        raise Refused("other-file") from None
    with os.fdopen(file, "rb") as stream:
        trusted = keys(places.keys)
        head = read_head(stream, trusted)
        suits(head, product, system.architecture(), Version.of(running), memory.highest(places))
        version = head.manifest.version

        def told(percent: int) -> None:
            answers.answer(places, "update", "going", "checking", version=str(version), percent=percent)

        _stage(places, stream, head, told)
    answers.answer(places, "update", "going", "writing", version=str(version))
    memory.note_installed(places, head)
    memory.forget_failure(places)
    _write(places, call, product, version)
    _clear(places)
    return version


def suits(head: Head, product: str, architecture: str, running: Version, highest: Version | None) -> None:
    """Whether it is for this machine and newer than all that has run healthy on it. Raises Refused."""
    manifest = head.manifest
    version = manifest.version
    if manifest.architecture != architecture:
        raise Refused("architecture", theirs=manifest.architecture, ours=architecture)
    if manifest.product != product:
        raise Refused("flavour", theirs=manifest.product, ours=product)
    if version == running:
        raise Refused("running", version=str(version))
    if version < running:
        raise Refused("older", version=str(version), ours=str(running))
    if highest is not None and version < highest:
        raise Refused("older-than-highest", version=str(version), highest=str(highest))
    if running < manifest.minimum:
        raise Refused("between", version=str(version), minimum=str(manifest.minimum), ours=str(running))


def _stage(places: Places, stream: BinaryIO, head: Head, told: Progress) -> None:
    """Lay the members ready where only root may write. The folder has its name once all is checked and durable."""
    staged, draft = places.kept / "staged", places.kept / "staged.draft"
    files.make_folder(places.kept)
    places.kept.chmod(0o700)
    free = shutil.disk_usage(places.kept).free
    needed = head.manifest.size + SPARE
    if free < needed:
        raise Refused("room", needed=needed // 1_000_000 + 1, free=free // 1_000_000)
    files.make_folder(draft)
    done, percent = 0, -1
    handle, current = -1, ""
    try:
        for member, piece in pieces(stream, head.manifest):
            if member.name != current:
                if handle >= 0:
                    os.close(handle)
                current = member.name
                handle = os.open(draft / current, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            view = memoryview(piece)
            while view:
                view = view[os.write(handle, view) :]
            done += len(piece)
            if (now := done * 100 // head.manifest.size) // 5 > percent // 5:
                percent = now
                told(percent)
    finally:
        if handle >= 0:
            os.close(handle)
    files.sync_all([draft / member.name for member in head.manifest.members])
    files.sync(draft)
    files.move(draft, staged)
    files.sync(places.kept)


def _write(places: Places, call: system.Call, product: str, version: Version) -> None:
    """Have the slot emptied and written.

    Not emptied, a slot in which this version is already, failed or written in part, would be taken for whole.
    """
    for words in (("--instances-max=1", "vacuum"), ("--verify=no", "update", str(version))):
        said = call([SYSUPDATE, *words])
        if said.code != 0:
            raise Refused("no-slot", why=said.last)
    if not any(places.kernels.glob(f"{product}_{version}*.efi")):
        raise Refused("no-slot", why="the new kernel is not there")


def _after(places: Places, call: system.Call, version: Version, when: object) -> None:
    """Restart as was asked, and say so."""
    if when == "now":
        answers.answer(places, "update", "ok", "installed-now", version=str(version))
        restart.at_once(call)
    elif when == "night":
        at = restart.tonight(call)
        answers.answer(places, "update", "ok", "installed-night", version=str(version), at=at)
    else:
        answers.answer(places, "update", "ok", "installed", version=str(version))


def _clear(places: Places) -> None:
    for name in ("staged", "staged.draft"):
        files.remove_folder(places.kept / name)
