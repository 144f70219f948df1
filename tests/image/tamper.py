"""Somebody with a screwdriver: bytes changed on a machine's disk while it is off, in the root and in the kernel image.

It must not know what the machine makes of it.
"""

import os
import subprocess
from pathlib import Path

from tests.image.left import Partition, partitions

ROOT = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709"
ESP = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B"
"""Kinds of partitions: the root of x86-64, and the EFI system partition (Discoverable Partitions Specification)."""
BLOCK = 4096
STRIDE = 50
"""One block of so many: whatever is read first, it is soon met."""


def roots(disk: Path) -> list[Partition]:
    """The slots with a root in them."""
    return [one for one in partitions(disk) if one.kind.upper() == ROOT and one.label != "_empty"]


def spoil_root(disk: Path, slot: Partition) -> int:
    """Turn one bit in every fiftieth block that holds something, and nothing in its superblock; answers how many."""
    spoilt = 0
    handle = os.open(disk, os.O_RDWR)
    try:
        for number in range(1, slot.size // BLOCK, STRIDE):
            at = slot.offset + number * BLOCK
            block = bytearray(os.pread(handle, BLOCK, at))
            if any(block):
                block[BLOCK // 2] ^= 1
                os.pwrite(handle, bytes(block), at)
                spoilt += 1
        os.fsync(handle)
    finally:
        os.close(handle)
    return spoilt


def kernels(disk: Path) -> list[str]:
    """The kernel images on the EFI system partition, by name."""
    done = _mtools(disk, "mdir", "-b", at="::/EFI/Linux")
    return [line.rpartition("/")[2] for line in done.stdout.decode().split() if line.lower().endswith(".efi")]


def spoil_kernel(disk: Path, name: str) -> None:
    """Turn one bit in a kernel image; its signature is that of another text then."""
    image = bytearray(_mtools(disk, "mcopy", at=f"::/EFI/Linux/{name}", to="-").stdout)
    image[len(image) // 2] ^= 1
    _mtools(disk, "mcopy", "-o", at="-", to=f"::/EFI/Linux/{name}", data=bytes(image))


def is_encrypted(disk: Path) -> bool:
    """Whether the data partition is LUKS2."""
    (one,) = [one for one in partitions(disk) if one.label == "data"]
    with disk.open("rb") as stream:
        stream.seek(one.offset)
        return stream.read(8) == b"LUKS\xba\xbe\x00\x02"


def _mtools(
    disk: Path, program: str, *words: str, at: str, to: str = "", data: bytes | None = None
) -> subprocess.CompletedProcess[bytes]:
    """One of mtools on the EFI system partition."""
    (esp,) = [one for one in partitions(disk) if one.kind.upper() == ESP]
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    command = [program, "-i", f"{disk}@@{esp.offset}", *words, at, *([to] if to else [])]
    return subprocess.run(command, input=data, check=True, capture_output=True, env=environment)
