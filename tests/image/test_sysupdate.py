"""The installer with the real systemd-sysupdate, on a disk that is a file: both slots, and the kernel's name last.

    IMAGE_TOOLS=/path/to/the/tools/tree python -m pytest tests/image/test_sysupdate.py

It needs root and a tree with systemd 257, as `make image` makes it; elsewhere it is skipped. No device is touched.
"""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.machine.system import Said
from appliance.machine.update import SYSUPDATE, ordered
from tests.house.tree import ROOT
from tests.image.updates import UUID, Machine, bundle, made, make_key

TOOLS = Path(os.environ.get("IMAGE_TOOLS") or "/nowhere")
TRANSFERS = ROOT / "appliance/image/mkosi.extra/usr/lib/sysupdate.d"
TYPES = {
    "_sig": "41092b05-9fc8-4523-994f-2def0408b176",
    "_verity": "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
    "": "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
}
pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or not (TOOLS / SYSUPDATE.lstrip("/")).exists(),
    reason="IMAGE_TOOLS names no tree with systemd-sysupdate, or this is not root",
)


class Disk(Machine):
    """A machine whose slots are partitions of a file."""

    def prepare(self) -> None:
        """Slot A with 0.1.0, slot B empty; the transfers as they are in the image, but for where the disk is."""
        lines = ["label: gpt"]
        for name in ("stellwerk_0.1.0", "_empty"):
            for ending, kind in TYPES.items():
                size = "1M" if ending else "4M"
                lines.append(f'size={size}, type={kind}, name="{name}{ending if name != "_empty" else ""}"')
        with (self.root / "disk.raw").open("wb") as disk:
            disk.truncate(20 << 20)
        self.inside(["sfdisk", "-q", "/mnt/disk.raw"], "\n".join(lines))
        transfers = self.root / "transfers"
        transfers.mkdir()
        for path in TRANSFERS.glob("*.transfer"):
            text = path.read_text().replace("Path=auto", "Path=/mnt/disk.raw").replace("PathRelativeTo=esp\n", "")
            text = text.replace("Path=/EFI/Linux", "Path=/mnt/efi/EFI/Linux")
            (transfers / path.name).write_text(text.replace("Path=/var", "Path=/mnt/var"))

    def inside(self, command: Sequence[str], said: str = "") -> Said:
        """Run a program of the tools tree on this machine's folders."""
        script = (
            f"mount -t proc proc {TOOLS}/proc && mount --rbind /dev {TOOLS}/dev && mount --bind {self.root} {TOOLS}/mnt"
            f' && mount --bind {self.places.release} {TOOLS}/usr/lib/os-release && exec chroot {TOOLS} "$@"'
        )
        done = subprocess.run(
            ["unshare", "-m", "sh", "-euc", script, "sh", *command],
            input=said,
            text=True,
            capture_output=True,
            check=False,
        )
        return Said(done.returncode, done.stdout + done.stderr)

    def _sysupdate(self, command: list[str]) -> Said:
        return self.inside([command[0], "--definitions=/mnt/transfers", *command[1:]])

    def partitions(self) -> list[tuple[str, str]]:
        """Name and identity of each."""
        told = self.inside(["sfdisk", "-d", "/mnt/disk.raw"]).out
        return re.findall(r'uuid=([0-9A-F-]+), name="([^"]+)"', told)

    def slot_b(self) -> list[bytes]:
        """What is in its partitions, as far as an update reaches."""
        told = self.inside(["sfdisk", "-d", "/mnt/disk.raw"]).out
        starts = [int(one) for one in re.findall(r"start=\s*(\d+)", told)][3:]
        found = []
        with (self.root / "disk.raw").open("rb") as disk:
            for start in starts:
                disk.seek(start * 512)
                found.append(disk.read(3000))
        return found


def test_it_writes_the_slot_that_does_not_run_again_and_again(tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys")
    machine = Disk(tmp_path / "root")
    machine.prepare()
    (machine.places.keys / "update.pub").write_bytes(key.with_suffix(".pub").read_bytes())
    before = machine.partitions()[:3]

    def install(version: str) -> str:
        machine.upload(bundle(version, key), "a.update")
        ordered(machine.places, machine.call, "a.update")
        return str(machine.answer("update"))

    assert "It starts with the next restart" in install("0.1.1")
    assert machine.slots() == ["stellwerk_0.1.0.efi", "stellwerk_0.1.1+2-0.efi"]
    assert machine.partitions() == [
        *before,
        *((f"{UUID}{number}".upper(), f"stellwerk_0.1.1{ending}") for number, ending in enumerate(TYPES)),
    ]
    assert machine.slot_b() == list(made("0.1.1").values())[:3]
    # It did not come up; the same once more, from another build of it: nothing of the first is taken for whole.
    (machine.places.kernels / "stellwerk_0.1.1+2-0.efi").rename(machine.places.kernels / "stellwerk_0.1.1+0-2.efi")
    assert "It starts with the next restart" in install("0.1.1")
    assert machine.slots() == ["stellwerk_0.1.0.efi", "stellwerk_0.1.1+2-0.efi"]
    # A part was written, and then the power went: the slot has names, and there is no kernel.
    (machine.places.kernels / "stellwerk_0.1.1+2-0.efi").unlink()
    assert "It starts with the next restart" in install("0.1.2")
    assert machine.slots() == ["stellwerk_0.1.0.efi", "stellwerk_0.1.2+2-0.efi"]
    assert machine.slot_b() == list(made("0.1.2").values())[:3]
    # It came up well: from now on it is the slot of 0.1.0 that is written.
    (machine.places.kernels / "stellwerk_0.1.2+2-0.efi").rename(machine.places.kernels / "stellwerk_0.1.2.efi")
    machine.runs("0.1.2")
    assert "It starts with the next restart" in install("0.1.3")
    assert machine.slots() == ["stellwerk_0.1.2.efi", "stellwerk_0.1.3+2-0.efi"]
    names = [name for _, name in machine.partitions()]
    assert names[0::3] == ["stellwerk_0.1.3_sig", "stellwerk_0.1.2_sig"]
    assert names[2::3] == ["stellwerk_0.1.3", "stellwerk_0.1.2"]


def test_what_does_not_fit_is_refused_and_the_running_slot_stays(tmp_path: Path) -> None:
    key = make_key(tmp_path / "keys")
    machine = Disk(tmp_path / "root")
    machine.prepare()
    (machine.places.keys / "update.pub").write_bytes(key.with_suffix(".pub").read_bytes())
    (machine.root / "disk.raw").write_bytes(b"\0" * (20 << 20))
    machine.upload(bundle("0.1.1", key), "a.update")
    ordered(machine.places, machine.call, "a.update")
    assert machine.answer("update")["word"] == "no-slot"
    assert machine.slots() == ["stellwerk_0.1.0.efi"]
