"""A disk with a volatile write cache: what it said to have flushed is there after any cut; the rest may not be."""

import shutil
import socket
import struct
import subprocess
from pathlib import Path

import pytest

from tests.image.volatile import BLOCK, SECTOR, Moment, Off, Volatile

READ, WRITE, FLUSH, WRITE_ZEROES, FUA = 0, 1, 3, 6, 1
OLD, NEW = b"o" * BLOCK, b"n" * BLOCK


class Client:
    """Speaks to it as a machine does; an answer that does not come is `None`."""

    def __init__(self, address: Path) -> None:
        self._line = socket.socket(socket.AF_UNIX)
        self._line.connect(str(address))
        assert self._read(18)[:16] == b"NBDMAGICIHAVEOPT"
        self._line.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
        (self.size, _) = struct.unpack(">QH", self._read(10))
        self._line.settimeout(0.3)

    def _read(self, length: int) -> bytes:
        data = b""
        while len(data) < length:
            data += self._line.recv(length - len(data))
        return data

    def ask(self, what: int, offset: int = 0, data: bytes = b"", *, flags: int = 0, length: int = 0) -> bytes | None:
        """One request; what was read."""
        length = length or len(data)
        self._line.sendall(struct.pack(">IHHQQI", 0x25609513, flags, what, 7, offset, length) + data)
        try:
            _, error, cookie = struct.unpack(">IIQ", self._read(16))
        except TimeoutError:
            return None
        assert (error, cookie) == (0, 7)
        return self._read(length) if what == READ else b""

    def close(self) -> None:
        """Go away."""
        self._line.close()


def served(tmp_path: Path, seed: int = 0) -> tuple[Volatile, Client, Path]:
    """A disk of 16 old blocks, and somebody at it."""
    disk, address = tmp_path / f"disk{seed}", tmp_path / f"socket{seed}"
    disk.write_bytes(OLD * 16)
    server = Volatile(disk, address, seed)
    return server, Client(address), disk


def test_what_is_written_is_read_again_before_and_after_a_flush(tmp_path: Path) -> None:
    server, client, disk = served(tmp_path)
    assert client.size == 16 * BLOCK
    client.ask(WRITE, 100, b"across" * 1000)
    wanted = (OLD[:100] + b"across" * 1000).ljust(2 * BLOCK, b"o")
    assert client.ask(READ, length=2 * BLOCK) == wanted
    assert disk.read_bytes() == OLD * 16, "it is in the cache"
    client.ask(FLUSH)
    assert disk.read_bytes()[: 2 * BLOCK] == wanted == client.ask(READ, length=2 * BLOCK)
    client.ask(WRITE_ZEROES, BLOCK, length=BLOCK)
    assert client.ask(READ, BLOCK, length=BLOCK) == bytes(BLOCK)
    server.stop()
    client.close()
    assert disk.read_bytes()[BLOCK : 2 * BLOCK] == bytes(BLOCK), "a machine that is shut down loses nothing"


def test_after_any_cut_what_was_flushed_is_there_and_each_other_sector_is_old_or_new(tmp_path: Path) -> None:
    kept, lost = 0, 0
    for seed in range(12):
        server, client, disk = served(tmp_path, seed)
        client.ask(WRITE, 0, NEW)
        client.ask(FLUSH)
        for block in range(8, 16):
            client.ask(WRITE, block * BLOCK, NEW)
        off = server.cut()
        client.close()
        assert (off.writes, off.flushes, off.unflushed) == (9, 1, 8)
        found = disk.read_bytes()
        assert found[:BLOCK] == NEW
        assert found[BLOCK : 8 * BLOCK] == OLD * 7
        for at in range(8 * BLOCK, 16 * BLOCK, SECTOR):
            assert found[at : at + SECTOR] in (OLD[:SECTOR], NEW[:SECTOR])
        kept += found.count(NEW[:SECTOR]) - BLOCK // SECTOR
        lost += found.count(OLD[:SECTOR]) - 7 * BLOCK // SECTOR
    assert kept > 50, "it never keeps anything"
    assert lost > 50, "it loses nothing: it would prove nothing"


def test_what_is_written_through_is_there_and_nothing_older_comes_back(tmp_path: Path) -> None:
    for seed in range(8):
        server, client, disk = served(tmp_path, seed)
        client.ask(WRITE, 0, b"x" * 3 * BLOCK)
        client.ask(WRITE, BLOCK, NEW, flags=FUA)
        assert client.ask(READ, length=3 * BLOCK) == b"x" * BLOCK + NEW + b"x" * BLOCK
        server.cut()
        client.close()
        assert disk.read_bytes()[BLOCK : 2 * BLOCK] == NEW


@pytest.mark.parametrize(
    ("moment", "answered", "off"),
    [
        (Moment.WRITE, 1, Off(2, 0, 2, 0)),
        (Moment.BEFORE_FLUSH, 2, Off(2, 0, 2, 0)),
        (Moment.AFTER_FLUSH, 2, Off(2, 1, 0, 0)),
    ],
)
def test_it_goes_off_where_it_was_told_and_answers_nobody_after(
    moment: Moment, answered: int, off: Off, tmp_path: Path
) -> None:
    server, client, disk = served(tmp_path)
    server.arm(moment, 2 if moment is Moment.WRITE else 1)
    asked = ((WRITE, NEW), (WRITE, NEW), (FLUSH, b""))
    assert [client.ask(what, 0, data) is not None for what, data in asked].count(True) == answered
    assert server.off.is_set()
    found = server.cut()
    client.close()
    assert (found.writes, found.flushes, found.unflushed) == (off.writes, off.flushes, off.unflushed)
    if moment is Moment.AFTER_FLUSH:
        assert disk.read_bytes()[:BLOCK] == NEW


@pytest.mark.skipif(not shutil.which("qemu-io"), reason="qemu-io is not installed")
def test_qemu_speaks_with_it(tmp_path: Path) -> None:
    server, client, disk = served(tmp_path)
    client.close()
    orders = ("write -P 0x6e 4096 8192", "write -z 16384 4096", "read -P 0x6e 8192 4096", "flush")
    words = [word for order in orders for word in ("-c", order)]
    address = f"nbd+unix:///?socket={tmp_path / 'socket0'}"
    done = subprocess.run(["qemu-io", "-f", "raw", *words, address], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "verification failed" not in done.stdout
    server.cut()
    assert disk.read_bytes()[BLOCK : 3 * BLOCK] == NEW * 2
    assert disk.read_bytes()[4 * BLOCK : 5 * BLOCK] == bytes(BLOCK)
