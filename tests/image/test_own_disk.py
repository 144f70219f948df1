"""The data that a machine mounts are on the disk that it was started from: a stick may have a partition of any name."""

import subprocess
from pathlib import Path

import pytest

from tests.house.tree import ROOT

PROGRAM = ROOT / "appliance/image/mkosi.extra/usr/lib/udev/stellwerk-own-disk"


def machine(sys: Path, root: str = "root") -> None:
    """sysfs(5) of a machine with a disk vda, of whose parts 4 and 3 the verity device is made, and a stick sdb."""
    for disk, parts in (("vda", 5), ("sdb", 5)):
        for number in range(1, parts + 1):
            part = sys / f"devices/{disk}/{disk}{number}"
            part.mkdir(parents=True)
            (part / "partition").write_text(f"{number}\n", "ascii")
            (sys / "class/block").mkdir(parents=True, exist_ok=True)
            (sys / f"class/block/{disk}{number}").symlink_to(part)
    for device, name, slaves in (("dm-1", "data", ("sdb5",)), ("dm-0", root, ("vda3", "vda4"))):
        (sys / f"block/{device}/dm").mkdir(parents=True)
        (sys / f"block/{device}/dm/name").write_text(f"{name}\n", "ascii")
        (sys / f"block/{device}/slaves").mkdir()
        for slave in slaves:
            (sys / f"block/{device}/slaves/{slave}").symlink_to(sys / f"class/block/{slave}")


def is_own(sys: Path, partition: str) -> bool:
    """What the program answers to udev."""
    return subprocess.run(["/bin/sh", PROGRAM, partition], env={"SYS": str(sys)}, check=False).returncode == 0


def test_a_partition_of_the_roots_disk_is_ours(tmp_path: Path) -> None:
    machine(tmp_path)
    assert is_own(tmp_path, "vda5")


@pytest.mark.parametrize("partition", ["sdb5", "sdb4", "sdc1", ""])
def test_one_of_another_disk_is_not(tmp_path: Path, partition: str) -> None:
    machine(tmp_path)
    assert not is_own(tmp_path, partition)


def test_without_a_verity_root_none_is(tmp_path: Path) -> None:
    machine(tmp_path, root="other")
    assert not is_own(tmp_path, "vda5")
    assert not is_own(tmp_path / "nothing", "vda5")


def test_no_unit_goes_by_a_name_that_any_disk_may_bear() -> None:
    units = ROOT / "appliance/image/mkosi.extra/usr/lib/systemd/system"
    named = [path.name for path in units.rglob("*.*") if path.is_file() and "/dev/disk/by-" in path.read_text("utf-8")]
    assert not named
