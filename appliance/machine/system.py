"""What root's helpers ask of the system around them: programs that are run, and what runs here. A test has its own.

It must not know what is decided by it.
"""

import os
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.machine.places import Places

_COUNTED = "LoaderBootCountPath-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
_QUOTED = 500
"""Characters of what a program said that are told on."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a program has answered. code: its exit code; out: both its streams."""

    code: int
    out: str

    @property
    def last(self) -> str:
        """Its last words."""
        lines = [line.strip() for line in self.out.splitlines() if line.strip()]
        return lines[-1][:_QUOTED] if lines else f"exit code {self.code}"


Call = Callable[[Sequence[str]], Said]


def call(command: Sequence[str], seconds: float = 1800.0) -> Said:
    """Run a program and wait for it. It never raises: a program that is not there, or hangs, has failed."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Said(124, f"{command[0]} took longer than {seconds:.0f} s")
    except OSError as error:
        return Said(127, f"{command[0]}: {error.strerror}")
    return Said(done.returncode, done.stdout.decode("utf-8", errors="replace"))


def release(places: Places) -> dict[str, str]:
    """What os-release says of what runs; empty where there is none."""
    try:
        lines = places.release.read_text("utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def image(places: Places) -> tuple[str, str]:
    """What the image is called that runs (stellwerk, stellwerk-metal), and its version; both empty where it is none."""
    found = release(places)
    product, version = found.get("IMAGE_ID", ""), found.get("IMAGE_VERSION", "")
    return (product, version) if product.partition("-")[0] == "stellwerk" and version else ("", "")


def architecture() -> str:
    """This machine's, as systemd names it: x86-64, arm64."""
    return os.uname().machine.replace("_", "-").replace("aarch64", "arm64")


def on_trial(places: Places, call: Call) -> bool:
    """Whether the boot loader counts this start, and it was not found good yet (automatic boot assessment).

    Asked so that it is known without the EFI system partition: a start may fail before that is there.
    """
    counted = (places.sys / "firmware/efi/efivars" / _COUNTED).exists()
    return counted and call(["systemctl", "is-active", "systemd-bless-boot.service"]).out.strip() != "active"
