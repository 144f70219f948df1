"""recovery: make the key by which the encrypted data partition can be opened without this machine's TPM.

At each boot before the first admin there is a new one, in place of the former: a key that nobody may have read is worth
nothing. It is in memory alone (/run), for the screen, and gone once there is a user. Nothing is done where the data
partition is not encrypted. It must not know the screen.
"""

import argparse
import logging
import os
import re
import subprocess
from pathlib import Path

from appliance.machine import letters
from appliance.machine.setup import USERS

log = logging.getLogger("stellwerk")

MAPPED = Path("/dev/mapper/data")
"""What is mounted; a stick, too, may have a partition that is called data."""
LETTER = Path("/run/stellwerk-machine/recovery.json")
MAGIC = b"LUKS\xba\xbe"
PATIENCE = 120.0

_KEY = re.compile(r"\b(?:[cbdefghijklnrtuv]{8}-){7}[cbdefghijklnrtuv]{8}\b")
"""As systemd-cryptenroll(1) writes it: 256 bits in the letters that lie alike on every keyboard."""


def add(parser: argparse.ArgumentParser) -> None:
    """It takes no arguments."""


def run(_arguments: argparse.Namespace) -> int:
    """Do it. A key that cannot be made is said on the screen; the machine works without one."""
    os.umask(0o077)
    device = None if USERS.exists() else beneath(MAPPED)
    if device is None or not is_encrypted(device):
        return 0
    try:
        letter: dict[str, object] = {"key": new_key(device)}
    except (OSError, subprocess.SubprocessError) as error:
        log.error("no recovery key could be made: %s", why(error))
        letter = {"no": why(error)}
    letters.write(LETTER, letter, 0o600)
    return 0


def beneath(mapped: Path, blocks: Path = Path("/sys/class/block")) -> Path | None:
    """The partition that a mapped device is on; None where there is no such device."""
    slaves = blocks / mapped.resolve().name / "slaves"
    names = sorted(path.name for path in slaves.iterdir()) if slaves.is_dir() else []
    return Path("/dev") / names[0] if len(names) == 1 else None


def is_encrypted(device: Path) -> bool:
    """Whether a LUKS header is there. Raises OSError where there is such a device, and it cannot be read."""
    try:
        with device.open("rb") as stream:
            return stream.read(len(MAGIC)) == MAGIC
    except FileNotFoundError:
        return False


def new_key(device: Path, unlock: str = "--unlock-tpm2-device=auto") -> str:
    """A new recovery key in place of all former ones, which open nothing any more. Raises OSError, SubprocessError."""
    command = ["systemd-cryptenroll", unlock, "--recovery-key", "--wipe-slot=recovery", str(device)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL
    )
    key = _KEY.search(done.stdout)
    if key is None:
        raise OSError(0, "systemd-cryptenroll has shown no key")
    return key[0]


def why(error: OSError | subprocess.SubprocessError) -> str:
    """In a line: never what a program has written to its output, where a key might be."""
    if isinstance(error, subprocess.CalledProcessError):
        return (str(error.stderr).strip().splitlines() or [f"it ended with {error.returncode}"])[-1][:200]
    if isinstance(error, subprocess.TimeoutExpired):
        return "it took too long"
    return getattr(error, "strerror", None) or type(error).__name__
