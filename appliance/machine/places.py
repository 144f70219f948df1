"""Where things lie on a machine, for all that runs on it as root. A test has its own root.

It must not touch the disk.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Every path below `root`. What the service may write is never trusted: see appliance.machine.untrusted."""

    root: Path = Path("/")

    @property
    def service(self) -> Path:
        """What the service tells the machine. The service may write here."""
        return self.root / "run/stellwerk"

    @property
    def told(self) -> Path:
        """What the machine tells the service. Only root may write here."""
        return self.root / "run/stellwerk-machine"

    @property
    def data(self) -> Path:
        """The service's data folder. The service may write here."""
        return self.root / "var/lib/stellwerk"

    @property
    def kept(self) -> Path:
        """What the machine remembers of updates, on the data partition. Only root may look."""
        return self.root / "var/lib/stellwerk-machine"

    @property
    def keys(self) -> Path:
        """Whose updates are taken: Ed25519 public keys as PEM, on the read-only root."""
        return self.root / "usr/lib/stellwerk/update-keys"

    @property
    def release(self) -> Path:
        """What runs (os-release(5))."""
        return self.root / "usr/lib/os-release"

    @property
    def kernels(self) -> Path:
        """The unified kernels of both slots, on the EFI system partition."""
        return self.root / "efi/EFI/Linux"

    @property
    def sys(self) -> Path:
        """The kernel's view of devices and firmware."""
        return self.root / "sys"

    @property
    def mounts(self) -> Path:
        """What is mounted (proc(5), mountinfo)."""
        return self.root / "proc/self/mountinfo"

    @property
    def shutdown(self) -> Path:
        """The shutdown that is planned, if one is (systemd-logind)."""
        return self.root / "run/systemd/shutdown/scheduled"
