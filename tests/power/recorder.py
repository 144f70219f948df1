"""A disk that remembers: one file, served over /dev/fuse, that logs every write and every flush before it answers.

A loop device on that file turns a file system's barriers into fsyncs of it, so the log says what a power cut at any
moment may lose. It speaks the kernel's protocol itself (linux/fuse.h, 7.31) because one file needs a dozen of its
messages. It runs in a process of its own (`python -m tests.power.recorder IMAGE MOUNT LOG`), needs root, and must not
know what is stored on the disk.
"""

import contextlib
import ctypes
import errno
import os
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

WRITE, FLUSH, MARK = 1, 2, 3
RECORD = struct.Struct("<BQI")
"""One record of the log: its kind, the offset on the disk, and how many bytes follow."""

_HEADER, _ANSWER = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
_READ_WRITE = struct.Struct("<QQIIQII")
_LOOKUP, _FORGET, _GETATTR, _SETATTR, _OPEN, _READ, _WRITE, _STATFS, _RELEASE = 1, 2, 3, 4, 14, 15, 16, 17, 18
_FSYNC, _FLUSH, _INIT, _INTERRUPT, _DESTROY, _BATCH_FORGET = 20, 25, 26, 36, 38, 42
_BIG_WRITES, _MAX_PAGES = 1 << 5, 1 << 22
_MOST = 1 << 20


class Recorder:
    """Answers the kernel about one file. The log is written in one piece a record, so that others may add marks."""

    def __init__(self, image: Path, log: Path) -> None:
        self._image = os.open(image, os.O_RDWR)
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._size = os.fstat(self._image).st_size

    def serve(self, device: int) -> None:
        """Answer until the file is unmounted."""
        while True:
            try:
                asked = os.read(device, _MOST + (1 << 16))
            except OSError as error:
                if error.errno in (errno.EINTR, errno.EAGAIN, errno.ENOENT):
                    continue
                return  # ENODEV: unmounted
            _, what, unique, *_ = _HEADER.unpack_from(asked)
            if what in (_FORGET, _BATCH_FORGET, _INTERRUPT):
                continue
            try:
                body, code = self._answer(what, memoryview(asked)[_HEADER.size :]), 0
            except OSError as error:
                body, code = b"", error.errno or errno.EIO
            with contextlib.suppress(FileNotFoundError):  # it was interrupted meanwhile
                os.write(device, _ANSWER.pack(_ANSWER.size + len(body), -code, unique) + body)
            if what == _DESTROY:
                return

    def _answer(self, what: int, asked: memoryview) -> bytes:
        if what == _INIT:
            return struct.pack("<IIIIHHIIHHI28x", 7, 31, 0, _BIG_WRITES | _MAX_PAGES, 16, 12, _MOST, 1, 256, 0, 0)
        if what in (_GETATTR, _SETATTR):
            times = (0, 0, 0, 0, 0, 0)
            return struct.pack("<QII", 3600, 0, 0) + struct.pack(
                "<QQQQQQIIIIIIIIII", 1, self._size, self._size // 512, *times, 0o100600, 1, 0, 0, 0, 4096, 0
            )
        if what == _OPEN:
            return struct.pack("<QIi", 1, 0, 0)
        if what == _READ:
            _, offset, size, *_ = _READ_WRITE.unpack_from(asked)
            return os.pread(self._image, size, offset)
        if what == _WRITE:
            _, offset, size, *_ = _READ_WRITE.unpack_from(asked)
            data = asked[_READ_WRITE.size : _READ_WRITE.size + size]
            os.write(self._log, RECORD.pack(WRITE, offset, size) + data)
            os.pwrite(self._image, data, offset)
            return struct.pack("<II", size, 0)
        if what == _FSYNC:
            os.write(self._log, RECORD.pack(FLUSH, 0, 0))
            return b""
        if what in (_FLUSH, _RELEASE, _DESTROY):
            return b""
        if what == _STATFS:
            return struct.pack("<QQQQQIII28x", self._size // 4096, 0, 0, 1, 0, 4096, 255, 4096)
        raise OSError(errno.ENOSYS, "not known here")


def mark(log: Path, text: str) -> None:
    """Note in the log that something has happened by now, after every flush that it has waited for."""
    data = text.encode()
    handle = os.open(log, os.O_WRONLY | os.O_APPEND)
    try:
        os.write(handle, RECORD.pack(MARK, 0, len(data)) + data)
    finally:
        os.close(handle)


def records(log: Path) -> Iterator[tuple[int, int, bytes]]:
    """Everything in a log: kind, offset, bytes."""
    with log.open("rb") as stream:
        while head := stream.read(RECORD.size):
            kind, offset, size = RECORD.unpack(head)
            yield kind, offset, stream.read(size)


@contextlib.contextmanager
def recorded(image: Path, log: Path, folder: Path, *options: str) -> Iterator[None]:
    """A file system of this image, mounted on this folder, all of whose writes go into the log."""
    disk = image.with_suffix(".disk")
    disk.touch()
    server = subprocess.Popen([sys.executable, "-m", "tests.power.recorder", str(image), str(disk), str(log)])
    try:
        end = time.monotonic() + 20
        while not os.path.ismount(disk):
            assert server.poll() is None, "the recording disk has not started"
            assert time.monotonic() < end, "the recording disk does not answer"
            time.sleep(0.02)
        with mounted(disk, folder, *options):
            yield
    finally:
        subprocess.run(["umount", str(disk)], check=False)
        server.wait(20)


@contextlib.contextmanager
def mounted(image: Path, folder: Path, *options: str) -> Iterator[None]:
    """The file system of an image, mounted through a loop device."""
    folder.mkdir(parents=True, exist_ok=True)
    words = ["mount", "-o", ",".join(("loop", *options)), str(image), str(folder)]
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        raise OSError(errno.EIO, f"{image.name} cannot be mounted: {done.stderr.strip()}")
    try:
        yield
    finally:
        for _ in range(50):
            if subprocess.run(["umount", str(folder)], check=False, capture_output=True).returncode == 0:
                break
            time.sleep(0.1)
        else:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def main(image: str, where: str, log: str) -> None:
    """Serve until unmounted."""
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={device},rootmode=100000,user_id=0,group_id=0".encode()
    recorder = Recorder(Path(image), Path(log))
    if libc.mount(b"stellwerk", os.fsencode(where), b"fuse", 0, options):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    recorder.serve(device)


if __name__ == "__main__":
    main(*sys.argv[1:])
