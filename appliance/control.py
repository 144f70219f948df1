"""The control socket DATA/control.sock: what only the running appliance knows, and what a person tells its pumps.

A line of JSON each way, then the line is closed:

    {"do": "state"}                                        {"ok": {…}}
    {"do": "pause", "name": "PACS_A", "by": "anna"}        {"ok": {}} or {"no": "unknown", "words": "…"}

`do` is ping, state, wake (look into the outbox now), resume (and end a pause), try again (also what waits for its
time), pause (until it is resumed, over restarts). The socket is for the appliance's own account alone: by its mode, and
by asking the kernel who is at the other end. It must not know the console.
"""

import contextlib
import json
import logging
import os
import socket
import stat
import struct
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path

from appliance.pauses import Pauses
from appliance.pumping import Pumping
from engine.trouble import Trouble

log = logging.getLogger("stellwerk.control")

NAME = "control.sock"
MOST = 1 << 16
"""Bytes of a request."""
SECONDS = 5.0
"""So long may either side keep the other waiting."""
CALLERS = 16
"""At once; who comes then is not served."""
_AS_LONG_AGAIN = 50
"""What is in trouble is looked at again after so many times as long as the last look took: a full hold takes long."""


class NotThere(Exception):
    """No appliance answers; the text says why. kind: stopped, silent, other."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Refused(Exception):
    """It has answered no. kind: unknown (no such outbox), paused (it must be resumed first), request, disk."""

    def __init__(self, kind: str, words: str) -> None:
        super().__init__(words)
        self.kind = kind


class Desk:
    """Answers one request after the other; knows no socket."""

    def __init__(
        self,
        facts: Callable[[], tuple[str, list[int]]],
        pumpings: Callable[[], Mapping[str, Pumping]],
        pauses: Pauses,
        troubles: Callable[[], Mapping[str, Trouble]],
    ) -> None:
        """facts: the digest of the program that runs, and the ports that are open."""
        self._facts, self._pumpings, self._pauses, self._ask = facts, pumpings, pauses, troubles
        self._since = time.time()
        self._looking = threading.Lock()
        self._seen: Mapping[str, Trouble] = {}
        self._look_at = 0.0

    def answer(self, request: Mapping[str, object]) -> dict[str, object]:
        """What is answered. Raises Refused."""
        do = request.get("do")
        if do == "ping":
            return {}
        if do == "state":
            return self._state()
        name, by = request.get("name"), request.get("by")
        if do not in ("wake", "resume", "try again", "pause") or not isinstance(name, str):
            raise Refused("request", "no such request")
        pumping = self._pumpings().get(name)
        if pumping is None:
            raise Refused("unknown", f"there is no outbox {name}")
        self._tell(pumping, str(do), by if isinstance(by, str) else "")
        return {}

    def _tell(self, pumping: Pumping, do: str, by: str) -> None:
        pump, name = pumping.pump, pumping.pump.outbox.name
        try:
            if do == "pause":
                self._pauses.add(name, by)
                pump.pause()
            elif do == "resume":
                self._pauses.remove(name)
                pump.resume(by_hand=True)
            elif (pause := self._pauses.of(name)) is not None:
                raise Refused("paused", f"{name} is {pause.words()}")
            elif do == "wake":
                pump.wake()
            else:
                pump.try_again()
        except OSError as error:
            raise Refused("disk", f"it could not be kept: {error.strerror}") from None

    def _state(self) -> dict[str, object]:
        digest, ports = self._facts()
        troubles = self._troubles()
        rules = troubles.get("the rules")
        return {
            "version": version("stellwerk"),
            "since": self._since,
            "program": digest,
            "rules": rules.words if rules else "",
            "ports": ports,
            "troubles": [
                {"name": name, "words": one.words, "german": one.german, "newest": one.newest}
                for name, one in troubles.items()
            ],
            "pumps": [self._pump(name, one) for name, one in sorted(self._pumpings().items())],
        }

    def _pump(self, name: str, pumping: Pumping) -> dict[str, object]:
        pause = self._pauses.of(name)
        return {
            "name": name,
            "trouble": pumping.trouble,
            "paused_until": pumping.pump.paused_until,
            "paused_since": None if pause is None else pause.since,
            "paused_by": None if pause is None else pause.by,
            "in_hand": pumping.pump.in_hand,
            "connections": len(pumping.threads),
        }

    def _troubles(self) -> Mapping[str, Trouble]:
        with self._looking:
            begun = time.monotonic()
            if begun >= self._look_at:
                self._seen = self._ask()
                took = time.monotonic() - begun
                self._look_at = begun + max(1.0, _AS_LONG_AGAIN * took)
            return self._seen


class Control:
    """The socket in the running appliance."""

    def __init__(self, data: Path, desk: Desk) -> None:
        self._data, self._desk = data, desk
        self._listening: socket.socket | None = None
        self._callers = threading.BoundedSemaphore(CALLERS)

    def start(self) -> None:
        """Listen. What images need is not hung on this: where it cannot be, the log says so."""
        try:
            self._listening = _bound(self._data)
        except OSError as error:
            log.error("%s cannot be opened (%s): the console sees no running appliance", NAME, error.strerror)
            return
        threading.Thread(target=self._accept, args=(self._listening,), name="control", daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._listening is not None:
            with contextlib.suppress(OSError):
                self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
            with contextlib.suppress(OSError):
                (self._data / NAME).unlink()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                line, _ = listening.accept()
            except OSError:
                if listening.fileno() < 0 or self._listening is None:
                    return
                time.sleep(0.2)  # out of file descriptors, for one: there may be some again
                continue
            if _account(line) != os.geteuid() or not self._callers.acquire(blocking=False):
                line.close()
                continue
            threading.Thread(target=self._serve, args=(line,), name="control line", daemon=True).start()

    def _serve(self, line: socket.socket) -> None:
        try:
            with line, contextlib.suppress(OSError, ValueError):
                line.settimeout(SECONDS)
                answer = self._answer(_read_line(line, time.monotonic() + SECONDS))
                line.sendall(json.dumps(answer).encode() + b"\n")
        finally:
            self._callers.release()

    def _answer(self, text: bytes) -> dict[str, object]:
        try:
            request = json.loads(text)
            if not isinstance(request, dict):
                raise ValueError
            return {"ok": self._desk.answer(request)}
        except ValueError:
            return {"no": "request", "words": "no line of JSON"}
        except Refused as refusal:
            return {"no": refusal.kind, "words": str(refusal)}


def answers(data: Path) -> bool:
    """Whether the appliance on this data folder answers at all; where none runs, nothing is silent. Takes seconds."""
    try:
        ask(data, "ping")
    except NotThere as reason:
        return reason.kind != "silent"
    except Refused:
        pass
    return True


def ask(data: Path, do: str, seconds: float = SECONDS, **facts: str) -> dict[str, object]:
    """Ask the appliance that runs on this data folder. Raises NotThere, Refused; never waits longer than that."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line, _address(data) as address:
            line.settimeout(seconds)
            line.connect(address)
            line.sendall(json.dumps({"do": do, **facts}).encode() + b"\n")
            answer = json.loads(_read_line(line, time.monotonic() + seconds, most=64 << 20))
    except TimeoutError:
        raise NotThere("silent", "the appliance runs, and does not answer") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise NotThere("stopped", "the appliance does not run") from None
    except OSError as error:
        raise NotThere("other", f"the appliance cannot be asked: {error.strerror}") from None
    except ValueError:
        answer = None
    if isinstance(answer, dict) and isinstance(answer.get("ok"), dict):
        return dict(answer["ok"])
    if isinstance(answer, dict) and "no" in answer:
        raise Refused(str(answer["no"]), str(answer.get("words", "")))
    raise NotThere("other", "the appliance does not answer as it should: is it of another version?")


def _read_line(line: socket.socket, end: float, most: int = MOST) -> bytes:
    """Up to the end of the first line. Raises TimeoutError, ValueError for too much or too little."""
    pieces = bytearray()
    while not pieces.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        line.settimeout(left)
        piece = line.recv(1 << 16)
        if not piece or len(pieces) + len(piece) > most:
            raise ValueError("no line")
        pieces += piece
    return bytes(pieces)


def _bound(data: Path) -> socket.socket:
    """Whoever holds the lock of the spool may take the place of a socket that a crash has left."""
    path = data / NAME
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(data) as address:
            line.bind(address)
        path.chmod(0o600)
        line.listen(CALLERS)
    except OSError:
        line.close()
        raise
    return line


@contextlib.contextmanager
def _address(data: Path) -> Iterator[str]:
    """By way of the open folder: the name of a socket may have 107 bytes only (unix(7)), that of a folder many more."""
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{folder}/{NAME}"
    finally:
        os.close(folder)


def _account(line: socket.socket) -> int:
    """The user id at the other end, as the kernel knows it (SO_PEERCRED, unix(7))."""
    told = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", told)
    return int(uid)
