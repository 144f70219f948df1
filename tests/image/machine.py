"""The appliance image as a virtual machine: QEMU with UEFI, its disk, its ports, its serial line, its plug.

QEMU emulates the processor (TCG): it runs anywhere, and slowly. A machine can be saved while it runs, and gone on with
as often as wanted, each time on a disk of its own. It must not know what runs in the machine, or who talks to it.
"""

import base64
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from appliance.demonstration.pacs import free_port
from tests.processor import processor_seconds

FIRMWARE = Path("/usr/share/OVMF")
HOST = "10.0.2.2"
"""Where the machine finds this host, in QEMU's user network."""
GUEST = "10.0.2.15"
"""What address QEMU's DHCP gives to the machine."""
PROCESSOR = "max,-avx,-avx2,-sha-ni,-vaes,-erms,-fsrm"
"""All that is emulated quickly: the vector instructions that are left out cost more than they save there, and clearing
pages byte by byte (ERMS) takes a third of a start."""
PACKAGES = {
    "qemu-system-x86_64": "qemu-system-x86",
    "qemu-img": "qemu-utils",
    "mcopy": "mtools",
    "sfdisk": "fdisk",
    "storescu": "dcmtk",
    "losetup": "mount",
}


class Dead(Exception):
    """The machine did not do what it should have; the text has the end of its serial line."""


def why_not() -> str:
    """Why no machine can be run here, in words; empty where one can."""
    missing = sorted({package for program, package in PACKAGES.items() if not _found(program)})
    if not (FIRMWARE / "OVMF_CODE_4M.fd").is_file():
        missing.append("ovmf")
    if missing:
        return f"not installed: {' '.join(missing)} (apt-get install {' '.join(missing)})"
    if os.geteuid() != 0:
        return "looking at a machine's disk needs root, to mount it"
    return ""


def _found(program: str) -> bool:
    return shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is not None


def copy(disk: Path, to: Path, size: int = 0) -> Path:
    """A copy of a disk, without the bytes that are not there; made larger where a size is given."""
    subprocess.run(["cp", "--sparse=always", "--reflink=auto", str(disk), str(to)], check=True)
    if size > to.stat().st_size:
        os.truncate(to, size)
    return to


@dataclass(frozen=True)
class Saved:
    """A machine that was saved while it ran: its memory, its disk, its firmware's variables, and all it was made with.

    It goes on in a machine that has the same drives and credentials, or not at all.
    """

    memory: Path
    disk: Path
    variables: Path
    ports: Mapping[int, int]
    drives: Sequence[Path]
    credentials: Mapping[str, str]

    def machine(self, folder: Path, disk: Path) -> "Machine":
        """One that goes on, on this disk."""
        handed, drives = dict(self.credentials), list(self.drives)
        return Machine(folder, disk, dict(self.ports), credentials=handed, drives=drives, goes_on=self)


@dataclass
class Machine:
    """One virtual machine. `folder` is for its files, and for nothing else.

    disk: a raw disk, or the Unix socket of an NBD server. ports: of the machine, each with one of 127.0.0.1 that leads
    there. credentials: handed over as systemd takes them from the firmware (SMBIOS type 11). secure: the firmware
    enforces Secure Boot once there are keys. tpm: the folder of a TPM's state. drives: further ones, read-only. hub: of
    the network, UDP ports of 127.0.0.1: where the machine's frames go as well, and where others come from.
    """

    folder: Path
    disk: Path
    ports: dict[int, int]
    credentials: dict[str, str] = field(default_factory=dict)
    memory: int = 1024
    cores: int = 2
    secure: bool = False
    tpm: Path | None = None
    drives: list[Path] = field(default_factory=list)
    hub: tuple[int, int] | None = None
    goes_on: Saved | None = None
    started: float = 0.0

    def __post_init__(self) -> None:
        """Nothing runs yet."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.serial = self.folder / "serial"
        self.variables = self.folder / "variables"
        self._process: subprocess.Popen[bytes] | None = None
        self._tpm: subprocess.Popen[bytes] | None = None

    # --- on and off ------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Switch it on, or go on where it was saved. Raises Dead."""
        if self.goes_on is not None:
            copy(self.goes_on.variables, self.variables)
        elif not self.variables.exists():
            shutil.copy(FIRMWARE / "OVMF_VARS_4M.fd", self.variables)
        with contextlib.suppress(FileNotFoundError):
            (self.folder / "qmp").unlink()
        if self.tpm is not None:
            self._start_tpm()
        with (self.folder / "qemu").open("wb") as log:
            self._process = subprocess.Popen([*self._words()], stdout=log, stderr=log)
        self.started = time.monotonic()
        self._until(lambda: (self.folder / "qmp").exists(), "QEMU does not start", 30)
        if self.goes_on is not None:
            self._until(lambda: self.ask("query-status")["status"] != "inmigrate", "it does not go on", 120)
            self.ask("cont")

    def _words(self) -> Iterator[str]:
        code = FIRMWARE / ("OVMF_CODE_4M.secboot.fd" if self.secure else "OVMF_CODE_4M.fd")
        yield from ("qemu-system-x86_64", "-nodefaults", "-no-user-config", "-display", "none")
        yield from ("-machine", f"q35,smm={'on' if self.secure else 'off'},vmport=off,hpet=off")
        yield from ("-accel", "tcg,thread=multi,tb-size=512", "-cpu", PROCESSOR)
        yield from ("-m", str(self.memory), "-smp", str(self.cores))
        yield from ("-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}")
        yield from ("-drive", f"if=pflash,format=raw,unit=1,file={self.variables}")
        if self.secure:
            yield from ("-global", "driver=cfi.pflash01,property=secure,value=on")
        yield from ("-chardev", f"file,id=serial,path={self.serial}", "-serial", "chardev:serial")
        yield from ("-drive", self._drive(), "-device", "virtio-blk-pci,drive=disk,bootindex=0")
        for number, drive in enumerate(self.drives):
            yield from ("-drive", f"if=none,id=more{number},format=raw,readonly=on,file={drive}")
            yield from ("-device", f"virtio-blk-pci,drive=more{number}")
        yield from self._network()
        yield from ("-device", "virtio-rng-pci", "-qmp", f"unix:{self.folder / 'qmp'},server=on,wait=off")
        yield from ("-uuid", "5e1141b5-7e57-4a11-8000-000000000009")
        for name, value in self.credentials.items():
            packed = base64.b64encode(value.encode()).decode()
            yield from ("-smbios", f"type=11,value=io.systemd.credential.binary:{name}={packed}")
        if self.tpm is not None:
            yield from ("-chardev", f"socket,id=tpm,path={self.tpm / 'socket'}")
            yield from ("-tpmdev", "emulator,id=tpm0,chardev=tpm", "-device", "tpm-crb,tpmdev=tpm0")
        if self.goes_on is not None:
            yield from ("-incoming", f"exec:cat {self.goes_on.memory}")

    def _drive(self) -> str:
        if self.disk.is_socket():
            return f"if=none,id=disk,driver=nbd,server.type=unix,server.path={self.disk},discard=unmap"
        return f"if=none,id=disk,format=raw,file={self.disk},cache=writeback,discard=unmap"

    def _network(self) -> Iterator[str]:
        doors = "".join(f",hostfwd=tcp:127.0.0.1:{here}-:{there}" for there, here in self.ports.items())
        yield from ("-netdev", f"user,id=user{doors}", "-netdev", "hubport,id=h0,hubid=0,netdev=user")
        if self.hub is not None:
            theirs, ours = self.hub
            yield from ("-netdev", f"socket,id=peer,udp=127.0.0.1:{theirs},localaddr=127.0.0.1:{ours}")
            yield from ("-netdev", "hubport,id=h1,hubid=0,netdev=peer")
        yield from ("-netdev", "hubport,id=h2,hubid=0", "-device", "virtio-net-pci,netdev=h2,romfile=")

    def _start_tpm(self) -> None:
        assert self.tpm is not None
        self.tpm.mkdir(parents=True, exist_ok=True)
        place = self.tpm / "socket"
        place.unlink(missing_ok=True)
        words = ["swtpm", "socket", "--tpm2", "--tpmstate", f"dir={self.tpm}", "--flags", "startup-clear"]
        with (self.folder / "tpm").open("ab") as log:
            control = ["--ctrl", f"type=unixio,path={place}"]
            self._tpm = subprocess.Popen([*words, *control], stdout=log, stderr=log)
        self._until(place.exists, "the TPM does not start", 10)

    def cut(self) -> None:
        """Pull the plug: QEMU learns nothing of its end."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
        if self._tpm is not None:
            self._tpm.terminate()
            self._tpm.wait()
            self._tpm = None

    def press(self, seconds: float = 180) -> bool:
        """Press the power button, and wait; whether it went off by itself."""
        assert self._process is not None
        self.ask("system_powerdown")
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        finally:
            self.cut()
        return True

    def save(self, folder: Path) -> Saved:
        """Its memory and disk as they are now, for as many goings-on as wanted; it is off then."""
        assert not self.disk.is_socket()
        folder.mkdir(parents=True, exist_ok=True)
        self.ask("stop")
        self.ask("migrate-set-parameters", {"max-bandwidth": 1 << 40})
        self.ask("migrate", {"uri": f"exec:cat > {folder / 'memory'}"})
        self._until(lambda: self.ask("query-migrate").get("status") in ("completed", "failed"), "it is not saved", 180)
        if self.ask("query-migrate")["status"] != "completed":
            raise Dead(f"it cannot be saved: {self.ask('query-migrate')}")
        self.ask("quit")
        assert self._process is not None
        self._process.wait(60)
        self.cut()
        disk, variables = copy(self.disk, folder / "disk"), copy(self.variables, folder / "variables")
        return Saved(folder / "memory", disk, variables, dict(self.ports), list(self.drives), dict(self.credentials))

    # --- while it runs ---------------------------------------------------------------------------------------

    def ask(self, what: str, words: Mapping[str, Any] | None = None) -> Any:
        """A command of QEMU's own (QMP)."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(60)
            line.connect(str(self.folder / "qmp"))
            stream = line.makefile("rw")
            stream.readline()
            for one in ({"execute": "qmp_capabilities"}, {"execute": what, "arguments": dict(words or {})}):
                stream.write(json.dumps(one) + "\n")
                stream.flush()
                answer: dict[str, Any] = {}
                while not ({"return", "error"} & answer.keys()):
                    text = stream.readline()
                    if not text:
                        return {}
                    answer = json.loads(text)
                if "error" in answer:
                    raise Dead(f"QEMU refuses {what}: {answer['error']['desc']}")
        return answer["return"]

    def key(self, name: str) -> None:
        """Press a key of its keyboard, by QEMU's name for it, and let it go."""
        self.ask("send-key", {"keys": [{"type": "qcode", "data": name}]})

    @property
    def runs(self) -> bool:
        """Whether it is on."""
        return self._process is not None and self._process.poll() is None

    def state(self) -> str:
        """What QEMU says of it, and how much processor it has had here: for whoever looks why it hangs."""
        if self._process is None or not self.runs:
            return "QEMU has ended"
        processor = processor_seconds(self._process.pid)
        return f"{self.ask('query-status')['status']}, {processor:.0f} s of processor in {self.seconds:.0f} s"

    @property
    def seconds(self) -> float:
        """Since it was switched on."""
        return time.monotonic() - self.started

    def said(self) -> str:
        """Its serial line."""
        return self.serial.read_text("utf-8", "replace").replace("\r", "") if self.serial.exists() else ""

    def wait(self, happens: Callable[[], bool], otherwise: str, limit: float) -> float:
        """Wait until something is so; answers the seconds since it was switched on. Raises Dead."""
        self._until(happens, otherwise, limit, 0.5)
        return self.seconds

    def _until(self, happens: Callable[[], bool], otherwise: str, limit: float, pause: float = 0.05) -> None:
        end = time.monotonic() + limit
        while True:
            with contextlib.suppress(OSError):
                if happens():
                    return
            if self._process is not None and self._process.poll() is not None:
                raise Dead(f"{otherwise}: QEMU has ended. {self._tail('qemu')}{self._tail('serial')}")
            if time.monotonic() > end:
                raise Dead(f"{otherwise}, after {limit:.0f} s. {self._tail('serial')}")
            if "Shell>" in self._tail("serial", 200):
                raise Dead(f"{otherwise}: the firmware finds nothing to start")
            time.sleep(pause)

    def _tail(self, name: str, many: int = 2500) -> str:
        file = self.folder / name
        return file.read_text("utf-8", "replace")[-many:] if file.exists() else ""


def doors(*ports: int) -> dict[int, int]:
    """A port of 127.0.0.1 for each of the machine's."""
    found: dict[int, int] = {}
    for port in ports:
        while (here := free_port()) in found.values():
            pass
        found[port] = here
    return found
