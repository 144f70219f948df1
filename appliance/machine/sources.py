"""Where a `stellwerk.conf` may come from: a USB stick, a drive that the hypervisor attaches, a systemd credential.

A drive is somebody else's: it is mounted to be read and nothing else (no links followed, no programs, no devices), in
this process's own view of the files, and for as long as it takes to read a few small files. Drives of our own disk are
not looked at. It must not know what is in a file.
"""

import contextlib
import hashlib
import json
import logging
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from appliance.machine.conf import MOST_BYTES

log = logging.getLogger("stellwerk")

NAMES = ("stellwerk.conf", "stellwerk.conf.txt")
"""Windows hides how a name ends, and so many a file has one ending more than its author knows."""
LABELS = ("STELLWERK", "CIDATA")
"""Of drives of whatever file system; of others, only those that a stick commonly has are looked at."""
KINDS = {"vfat": "utf8=1", "iso9660": "utf8", "ext4": "noload"}
"""File systems, with what each needs so that nothing is written, and names come as UTF-8."""
COMMON = ("vfat", "iso9660")

MOUNTED = Path("/run/stellwerk-machine/drive")

MOST_RULES, MOST_RULE_BYTES = 64, 1 << 20
WAIT = 15.0
"""Seconds for a stick that is plugged in to be a drive."""
PATIENCE = 30.0
"""Seconds for any program called here."""


@dataclass(frozen=True, slots=True)
class Source:
    """What was found in one place. where: in words for a person. rules: texts by the names of their files."""

    where: str
    conf: bytes = field(repr=False)
    rules: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def digest(self) -> str:
        """By what it is known whether it is still the same, wherever it comes from."""
        said = hashlib.sha256()
        for name, raw in [("", self.conf), *sorted(self.rules.items())]:
            said.update(f"{name}\0{len(raw)}\0".encode())
            said.update(raw)
        return said.hexdigest()


@dataclass(frozen=True, slots=True)
class Drive:
    """A drive that may have one: its device, file system and label."""

    device: str
    kind: str
    label: str


def credential(folder: str | None) -> Source | None:
    """What systemd was handed by the firmware, the hypervisor or a boot entry: stellwerk.conf, stellwerk.rules."""
    if not folder:
        return None
    with contextlib.suppress(FileNotFoundError):
        conf = _small(Path(folder), "stellwerk.conf", MOST_BYTES)
        rules = {}
        with contextlib.suppress(FileNotFoundError):
            rules["stellwerk.rules"] = _small(Path(folder), "stellwerk.rules", MOST_RULE_BYTES)
        return Source("credential", conf, rules)
    return None


def on_drives() -> Iterator[Source]:
    """Those of all drives that are there. A drive that cannot be read is left out: it may be any stick at all."""
    for drive in drives():
        try:
            found = on_drive(drive)
        except (OSError, subprocess.SubprocessError) as error:
            log.warning("%s cannot be read (%s)", drive.device, type(error).__name__)
            continue
        if found is not None:
            yield found


def on_drive(drive: Drive) -> Source | None:
    """What is at the root of one. Raises OSError, SubprocessError where it cannot be read."""
    with _mounted(drive) as root:
        names = {path.name.casefold(): path.name for path in root.iterdir()}
        name = next((names[one] for one in NAMES if one in names), None)
        if name is None:
            return None
        conf = _small(root, name, MOST_BYTES)
        return Source(drive.label or drive.device, conf, _rules(root, names.get("rules")))


def drives() -> list[Drive]:
    """All that may be looked at: those with our label, and sticks and CDs of any label; none of a disk in use."""
    listed = json.loads(_run("lsblk", "--json", "--output", "PATH,TYPE,MOUNTPOINTS"))["blockdevices"]
    found = []
    for disk in listed:
        parts = list(_parts(disk))
        # Where nothing is mounted, some versions say [null] and others [].
        if any(isinstance(where := part["mountpoints"], list) and any(where) for part in parts):
            continue
        for part in parts:
            drive = probed(str(part["path"]))
            if drive is not None and (drive.label.upper() in LABELS or drive.kind in COMMON):
                found.append(drive)
    return sorted(found, key=lambda one: (one.label.upper() not in LABELS, one.device))


def probed(device: str) -> Drive | None:
    """What file system is on it, by its first bytes; None for none of ours."""
    try:
        said = _run("blkid", "--probe", "--output", "export", device)
    except (OSError, subprocess.SubprocessError):
        return None
    told = dict(line.partition("=")[::2] for line in said.splitlines())
    kind = told.get("TYPE", "")
    return Drive(device, kind, told.get("LABEL", "")) if kind in KINDS else None


def settle(clock: Callable[[], float] = time.monotonic, usb: Path = Path("/sys/bus/usb/devices")) -> None:
    """Wait until what is plugged in is known; no longer than WAIT, and not at all where nothing is."""
    end = clock() + WAIT
    with contextlib.suppress(OSError, subprocess.SubprocessError):
        _run("udevadm", "settle", f"--timeout={WAIT:.0f}")
    while clock() < end and any(_beginning(usb)):
        time.sleep(0.2)


def _beginning(usb: Path) -> Iterator[Path]:
    """USB's mass storage (class 08) that is no drive yet."""
    for port in usb.glob("*:*"):
        with contextlib.suppress(OSError):
            storage = (port / "bInterfaceClass").read_text().strip() == "08"
            if storage and not any(port.glob("host*/target*/*:*:*:*/block/*")):
                yield port


def _parts(node: dict[str, object]) -> Iterator[dict[str, object]]:
    yield node
    children = node.get("children", [])
    assert isinstance(children, list)
    for child in children:
        yield from _parts(child)


@contextlib.contextmanager
def _mounted(drive: Drive) -> Iterator[Path]:
    root = MOUNTED
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    options = f"ro,nosuid,nodev,noexec,nosymfollow,{KINDS[drive.kind]}"
    _run("mount", "--types", drive.kind, "--options", options, "--source", drive.device, "--target", str(root))
    try:
        yield root
    finally:
        _run("umount", str(root))


def _rules(root: Path, name: str | None) -> dict[str, bytes]:
    if name is None:
        return {}
    folder = root / name
    if folder.is_symlink() or not folder.is_dir():
        return {}
    names = sorted(path.name for path in folder.glob("*.rules") if not path.name.startswith("."))
    if len(names) > MOST_RULES:
        raise OSError(0, f"more than {MOST_RULES} rule files")
    return {one: _small(folder, one, MOST_RULE_BYTES) for one in names}


def _small(folder: Path, name: str, most: int) -> bytes:
    """A plain file; one byte more than `most` at the longest, by which a longer one is known. Raises OSError."""
    handle = os.open(folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(0, f"{name} is no plain file")
        return stream.read(most + 1)


def _run(*command: str) -> str:
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, check=True, stdin=subprocess.DEVNULL
    )
    return done.stdout
