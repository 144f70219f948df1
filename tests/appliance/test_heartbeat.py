"""The sign of life: it stops where something hangs, and goes on where the disk is only slow."""

import os
import re
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.appliance import Appliance
from appliance.heartbeat import Asking, Heartbeat, Part
from appliance.notify import Notify
from appliance.settings import Settings
from dsl.compile import compile_text
from engine import files
from engine.dicom import Done, Listener, Outcome, Peer, send
from engine.sources.https import HttpListener
from engine.sources.posted import House
from engine.vocabulary import vocabulary
from tests.appliance.running import Running
from tests.data.make import instance
from tests.ports import free_port


class Manager:
    """The other end of NOTIFY_SOCKET, as systemd has it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._line.bind(str(path))

    def hears(self, seconds: float = 20) -> str:
        """The next that it is told; empty where nothing comes."""
        self._line.settimeout(seconds)
        try:
            return self._line.recv(4096).decode()
        except TimeoutError:
            return ""

    def hears_until(self, wanted: str, seconds: float = 30) -> list[str]:
        """All that it is told up to this."""
        end, told = time.monotonic() + seconds, []
        while (left := end - time.monotonic()) > 0:
            told.append(self.hears(left))
            if wanted in told[-1].splitlines():
                return told
        raise AssertionError(f"{wanted} was not told: {told}")

    def close(self) -> None:
        self._line.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    # The name of a socket may have 107 bytes only.
    folder = os.open(tmp_path, os.O_RDONLY)
    one = Manager(Path(f"/proc/{os.getpid()}/fd/{folder}/notify"))
    yield one
    one.close()
    os.close(folder)


# --- what is told


def test_it_tells_when_it_is_ready_and_what_it_does(manager: Manager) -> None:
    notify = Notify.of({"NOTIFY_SOCKET": str(manager.path)})
    notify.ready("open ports: 104")
    notify.alive()
    notify.stopping()
    assert [manager.hears() for _ in range(3)] == [
        "READY=1\nSTATUS=open ports: 104",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=lets what runs finish",
    ]


def test_an_abstract_name_works_too() -> None:
    name = f"stellwerk-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
        line.bind(f"\0{name}")
        Notify(f"@{name}").alive()
        assert line.recv(100) == b"WATCHDOG=1"


def test_a_status_stays_one_line(manager: Manager) -> None:
    Notify(str(manager.path)).status("a\nWATCHDOG=1")
    assert manager.hears() == "STATUS=a WATCHDOG=1"


def test_nobody_is_told_where_nobody_asks_and_a_manager_that_has_gone_does_no_harm(tmp_path: Path) -> None:
    Notify.of({}).ready("well")
    Notify(str(tmp_path / "gone")).ready("well")


def test_what_we_start_does_not_speak_for_us() -> None:
    environment = {"NOTIFY_SOCKET": "/run/a", "WATCHDOG_USEC": "3000000", "WATCHDOG_PID": str(os.getpid()), "A": "b"}
    assert Notify.of(environment).watchdog == 3.0
    assert environment == {"A": "b"}


@pytest.mark.parametrize(
    "said", [{}, {"WATCHDOG_USEC": "soon"}, {"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "1"}, {"WATCHDOG_USEC": "-1"}]
)
def test_a_watchdog_of_somebody_else_is_none(said: dict[str, str]) -> None:
    assert Notify.of(said).watchdog == 0.0


# --- when no sign is given


def heartbeat(tmp_path: Path, *parts: Part) -> Heartbeat:
    return Heartbeat(Notify(), lambda: parts, tmp_path)


def hung(one: Heartbeat, seconds: float = 5) -> list[str]:
    """What it finds in the end: the disk is asked in a thread."""
    end = time.monotonic() + seconds
    while not (found := one.look()) and time.monotonic() < end:
        time.sleep(0.01)
    return found


def test_what_moves_lives(tmp_path: Path) -> None:
    one = heartbeat(tmp_path, Part("the router", lambda: 10.0, 10.0), Part("port 104", lambda: 0.0, 1.0))
    assert hung(one, 0.2) == []


def test_what_does_not_move_though_the_disk_is_well_is_hung_and_named_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    one = heartbeat(tmp_path, Part("the router", lambda: 11.0, 10.0), Part("port 104", lambda: 0.0, 1.0))
    assert hung(one) == ["the router"]
    assert one.look() == ["the router"]
    found = [record.message for record in caplog.records if not record.message.startswith("where it hangs: ")]
    assert [message[:33] for message in found] == ["the router has not moved for 11 s"]
    assert list(tmp_path.iterdir()) == []


def test_with_what_is_hung_the_log_says_where_each_thread_is_and_no_values(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    over = threading.Event()

    def waits(patient: str) -> None:
        over.wait(20 if patient else 0)

    thread = threading.Thread(target=waits, args=("Meyer^Anna",), name="the one that hangs")
    thread.start()
    one = heartbeat(tmp_path, Part("the router", lambda: 11.0, 10.0))
    assert hung(one) == ["the router"]
    over.set()
    thread.join()
    (told,) = [record.message for record in caplog.records if "the one that hangs" in record.message]
    assert re.fullmatch(
        r"where it hangs: the one that hangs: wait \(\S+threading\.py:\d+\), called by wait \(\S+\), called by waits"
        rf" \({re.escape(__file__)}:\d+\), called by run \(.+",
        told,
    )
    assert "Meyer" not in caplog.text
    assert one.look() == ["the router"]
    assert sum("the one that hangs" in record.message for record in caplog.records) == 1


def test_a_disk_that_answers_nothing_excuses_all_and_not_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, asked = threading.Event(), threading.Event()

    def sync(_: Path) -> None:
        asked.set()
        slow.wait(20)

    monkeypatch.setattr(files, "sync", sync)
    monkeypatch.setattr("appliance.heartbeat.WELL", 0.2)
    one = heartbeat(tmp_path, Part("the router", lambda: 11.0, 10.0))
    assert one.look() == []
    assert asked.wait(5)
    time.sleep(0.3)
    assert one.look() == []  # it still waits for the disk
    slow.set()
    # That disk was too slow to be well; asked again, it is well, and then the router has no excuse any more.
    assert hung(one) == ["the router"]


def test_a_disk_that_fails_excuses_all(tmp_path: Path) -> None:
    one = heartbeat(tmp_path / "gone", Part("the router", lambda: 11.0, 10.0))
    assert hung(one, 0.3) == []


def test_what_moves_again_is_forgiven(tmp_path: Path) -> None:
    still = [11.0]
    one = heartbeat(tmp_path, Part("the router", lambda: still[0], 10.0))
    assert hung(one) == ["the router"]
    still[0] = 0.0
    assert one.look() == []


def test_a_part_that_is_asked_and_stays_silent_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.heartbeat.EVERY", 0.0)
    answering = [True]
    one = Asking(lambda: answering[0])

    def settles(silent: bool) -> bool:
        end = time.monotonic() + 5
        while (one.still() > 0) != silent and time.monotonic() < end:
            time.sleep(0.01)
        return (one.still() > 0) == silent

    assert one.still() == 0.0
    answering[0] = False
    assert settles(silent=True)
    answering[0] = True
    assert settles(silent=False)


# --- the appliance itself


@pytest.fixture
def watched(tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch) -> Running:
    """An appliance as systemd starts it, with a watchdog of two seconds."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(manager.path))
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    port = free_port()
    return Running(tmp_path, f"on port {port} → store by PatientID\n", port)


def test_a_service_says_when_its_ports_are_open_lives_and_says_that_it_stops(
    watched: Running, manager: Manager
) -> None:
    told = manager.hears_until(f"STATUS=open ports: {watched.port}")
    assert told[-1].startswith("READY=1\n")
    manager.hears_until("WATCHDOG=1")
    watched.process.send_signal(signal.SIGSTOP)
    while manager.hears(1):
        pass
    assert manager.hears(2.5) == ""  # by now the watchdog would have ended it
    watched.process.send_signal(signal.SIGCONT)
    manager.hears_until("WATCHDOG=1")
    assert watched.stop() == 0
    assert manager.hears_until("STOPPING=1")


HOLDER = """
import ctypes, pathlib, threading, time

def holds_the_lock(told=pathlib.Path({told!r})):
    while not told.exists():
        time.sleep(0.05)
    ctypes.PyDLL(None).sleep(60)

threading.Thread(target=holds_the_lock, daemon=True).start()
"""
"""A thread beside the service that takes the interpreter's lock and keeps it, as a library in C may do that hangs."""


def test_where_nothing_runs_any_more_the_log_still_gets_where_each_thread_was(
    tmp_path: Path, manager: Manager, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    told = tmp_path / "hold"
    beside = tmp_path / "beside"
    beside.mkdir()
    (beside / "sitecustomize.py").write_text(HOLDER.format(told=str(told)))
    monkeypatch.setenv("PYTHONPATH", str(beside))
    service: Running = request.getfixturevalue("watched")
    manager.hears_until("READY=1")
    told.touch()
    while manager.hears(2):
        pass
    service.process.send_signal(signal.SIGABRT)
    assert service.process.wait(20) == -signal.SIGABRT
    assert "Fatal Python error: Aborted" in service.said()
    assert "in _listen" in service.said()
    assert "in holds_the_lock" in service.said()


# --- whether the parts themselves notice


def grows(still: Callable[[], float]) -> bool:
    """Whether it stands still, in the end."""
    end = time.monotonic() + 10
    while still() < 0.2 and time.monotonic() < end:
        time.sleep(0.05)
    return still() >= 0.2


def shrinks(still: Callable[[], float]) -> bool:
    """Whether it moves again, in the end."""
    end = time.monotonic() + 10
    while still() >= 0.2 and time.monotonic() < end:
        time.sleep(0.05)
    return still() < 0.2


def test_a_deadlock_of_the_router_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.appliance.ROUTER", 3.0)
    port = free_port()
    settings = Settings(data=tmp_path / "data", address="127.0.0.1", console_port=0)
    text = f"on port {port} → store by PatientID\n"
    program = compile_text(text, name="a.rules", vocabulary=vocabulary(), read=Path.read_text).program
    assert program is not None
    appliance = Appliance(settings, program)
    appliance.start()
    one = Heartbeat(Notify(), appliance.parts, appliance.spool.work)
    try:
        assert hung(one, 0.5) == []
        with appliance._changing:  # a new outbox waits for it: as if a change of rules never ended
            results: dict[Path, Outcome] = {}
            image = instance(tmp_path, PatientID="4711")
            send(Peer("STELLWERK", "127.0.0.1", port, "TEST"), [image], results.__setitem__)
            assert isinstance(results[image], Done)
            assert hung(one, 20) == ["the router"]
        assert shrinks(appliance.router.still)
        assert one.look() == []
    finally:
        appliance.stop()


def test_a_port_that_takes_no_more_connections_is_seen(tmp_path: Path) -> None:
    go_on = threading.Event()

    def context() -> ssl.SSLContext:
        go_on.wait(20)
        raise OSError

    listener = Listener(free_port(), lambda _: None, folder=tmp_path, address="127.0.0.1", tls=context)
    listener.start()
    try:
        assert listener.still() == 0.0
        with socket.create_connection(("127.0.0.1", listener.port)):
            assert grows(listener.still)
        go_on.set()
        assert shrinks(listener.still)
    finally:
        go_on.set()
        listener.stop()
    assert listener.still() == 0.0


def test_a_web_port_whose_loop_hangs_is_seen(tmp_path: Path) -> None:
    go_on = threading.Event()
    listener = HttpListener(free_port(), House(lambda _: None, lambda: tmp_path / "scratch"), address="127.0.0.1")
    listener.start()
    try:
        assert listener.still() == 0.0
        assert listener._loop is not None
        listener._loop.call_soon_threadsafe(go_on.wait, 20)
        assert grows(listener.still)
        go_on.set()
        assert shrinks(listener.still)
    finally:
        go_on.set()
        listener.stop()
    assert listener.still() == 0.0
