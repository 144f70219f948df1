"""The control socket: what the running appliance says and is told, that a pause lasts, and that nobody hangs on it."""

import json
import os
import socket
import stat
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest

from appliance.control import NAME, Control, Desk, NotThere, Refused, _bound, ask
from appliance.demonstration.pacs import Pacs
from appliance.pauses import Pauses
from engine.trouble import Trouble
from tests.appliance.running import Running
from tests.data.make import instance
from tests.ports import free_port


def desk(folder: Path, troubles: dict[str, Trouble] | None = None) -> Desk:
    return Desk(lambda: ("digest", [26131]), dict, Pauses(folder / "paused"), lambda: troubles or {})


@pytest.fixture
def pacs(tmp_path: Path) -> Pacs:
    return Pacs(tmp_path / "pacs")


tell = partial(ask, seconds=60)
"""Asked of a whole appliance, on a machine that may be busy."""


def test_a_pause_holds_everything_back_until_it_is_resumed_over_a_restart(tmp_path: Path, pacs: Pacs) -> None:
    port = free_port()
    rules = f'destination PACS_A = dicom "PACS_A@127.0.0.1:{pacs.port}"\non port {port} → forward PACS_A\n'
    line = Running(tmp_path, rules, port)
    line.wait_for(lambda: answers(line.data), "it does not answer")
    first = tell(line.data, "state")
    assert first["ports"] == [port]
    assert first["program"]
    line.deliver(instance(tmp_path, name="a.dcm", PatientName="A"))
    received = tmp_path / "pacs"
    assert len(list(received.iterdir())) == 1
    tell(line.data, "pause", name="PACS_A", by="anna")
    image = instance(tmp_path, name="b.dcm", SOPInstanceUID="1.2.3.4.5.6")
    line.send(image)
    line.wait_for(lambda: sum(line.spool.outbox("PACS_A").count().values()) == 1, "it does not wait")
    with pytest.raises(Refused, match="paused by anna since"):
        tell(line.data, "try again", name="PACS_A", by="anna")
    line.rules_file.write_text(f"{rules}on port {port} where Modality=XX → hold\n", encoding="utf-8")
    line.wait_for(lambda: tell(line.data, "state")["program"] != first["program"], "the new rules do not run")
    line.stop()
    assert not (line.data / NAME).exists()
    line.start()
    line.wait_for(lambda: answers(line.data), "it does not answer")
    state = tell(line.data, "state")
    pump = next(one for one in state["pumps"] if one["name"] == "PACS_A")  # type: ignore[attr-defined]
    assert pump["paused_by"] == "anna"
    assert pump["paused_since"] == pytest.approx(time.time(), abs=120)
    line.wait_for(lambda: "PACS_A" in in_trouble(line.data), "a pause with something waiting is not told")
    assert "paused by anna" in in_trouble(line.data)["PACS_A"]
    assert len(list(received.iterdir())) == 1, "it was sent although it is paused"
    tell(line.data, "resume", name="PACS_A", by="bernd")
    line.settle()
    assert len(list(received.iterdir())) == 2
    assert not list((line.data / "paused").iterdir())
    line.stop()


def answers(data: Path) -> bool:
    """Whether it can be asked: its ports open a moment before."""
    try:
        return tell(data, "ping") == {}
    except NotThere:
        return False


def in_trouble(data: Path) -> dict[str, str]:
    troubles = tell(data, "state")["troubles"]
    return {one["name"]: one["words"] for one in troubles}  # type: ignore[attr-defined]


def test_what_is_no_request_is_refused_in_words(tmp_path: Path) -> None:
    control = Control(tmp_path, desk(tmp_path))
    control.start()
    try:
        assert ask(tmp_path, "ping") == {}
        with pytest.raises(Refused, match="there is no outbox PACS_A") as refusal:
            ask(tmp_path, "pause", name="PACS_A", by="anna")
        assert refusal.value.kind == "unknown"
        with pytest.raises(Refused, match="no such request"):
            ask(tmp_path, "format the disk")
        for text in (b"nonsense\n", b"[]\n", b'{"do": ["state"]}\n', b"\xff\n"):
            answer = said(tmp_path, text)
            assert answer["no"] == "request"
    finally:
        control.stop()


def said(data: Path, text: bytes) -> dict[str, object]:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(10)
        line.connect(os.path.relpath(data / NAME))
        line.sendall(text)
        found: dict[str, object] = json.loads(line.makefile("rb").readline())
        return found


def test_it_works_below_a_path_that_is_longer_than_a_socket_may_be_called(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100) / ("e" * 100)
    deep.mkdir(parents=True)
    control = Control(deep, desk(deep))
    control.start()
    assert ask(deep, "state")["program"] == "digest"
    control.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can try another account")
def test_it_is_for_this_account_alone(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    data.chmod(0o755)
    control = Control(data, desk(data))
    control.start()
    words = "import os, socket; os.setuid(65534); s = socket.socket(socket.AF_UNIX); s.settimeout(10);"
    words += f" s.connect('{NAME}'); s.sendall(b'{{\"do\": \"state\"}}\\n'); print('heard', s.recv(100))"
    told: list[str] = []
    try:
        assert stat.S_IMODE((data / NAME).stat().st_mode) == 0o600
        for mode in (0o600, 0o666):  # also where somebody has opened the file to all
            (data / NAME).chmod(mode)
            done = subprocess.run([sys.executable, "-c", words], cwd=data, capture_output=True, text=True, check=False)
            told.append(done.stdout + done.stderr.rpartition("\n  ")[2])
        assert ask(data, "ping") == {}
    finally:
        control.stop()
    assert "PermissionError" in told[0]
    assert "heard b''" in told[1] or "BrokenPipe" in told[1] or "ConnectionReset" in told[1], told[1]


def test_a_socket_that_a_crash_has_left_is_in_nobodys_way(tmp_path: Path) -> None:
    _bound(tmp_path).close()
    with pytest.raises(NotThere, match="does not run") as absence:
        ask(tmp_path, "ping")
    assert absence.value.kind == "stopped"
    control = Control(tmp_path, desk(tmp_path))
    control.start()
    assert ask(tmp_path, "ping") == {}
    control.stop()
    with pytest.raises(NotThere, match="does not run"):
        ask(tmp_path, "ping")


@pytest.mark.parametrize("answer", [b"", b"half an answer", b"nonsense\n", b"[]\n"])
def test_who_is_silent_or_talks_nonsense_is_not_waited_for(tmp_path: Path, answer: bytes) -> None:
    listening = _bound(tmp_path)
    held: list[socket.socket] = []

    def serve() -> None:
        line, _ = listening.accept()
        held.append(line)
        line.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    begun = time.monotonic()
    with pytest.raises(NotThere) as absence:
        ask(tmp_path, "state", 0.5)
    assert time.monotonic() - begun < 5
    assert absence.value.kind == ("other" if answer.endswith(b"\n") else "silent")
    thread.join()
    for line in (*held, listening):
        line.close()


def test_callers_that_say_nothing_do_not_shut_others_out_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.control.SECONDS", 0.3)
    control = Control(tmp_path, desk(tmp_path))
    control.start()
    folder = os.open(tmp_path, os.O_RDONLY)
    lines = [socket.socket(socket.AF_UNIX) for _ in range(20)]
    try:
        for line in lines:
            line.connect(f"/proc/self/fd/{folder}/{NAME}")
        end = time.monotonic() + 10
        while True:
            try:
                assert ask(tmp_path, "ping") == {}
                break
            except NotThere:
                assert time.monotonic() < end
                time.sleep(0.1)
    finally:
        for line in lines:
            line.close()
        os.close(folder)
        control.stop()


def test_a_look_that_takes_long_is_not_taken_at_each_question(tmp_path: Path) -> None:
    looks: list[int] = []

    def look() -> dict[str, Trouble]:
        looks.append(1)
        time.sleep(0.1)
        return {"hold": Trouble("3 wait", "3 warten")}

    slow = Desk(lambda: ("digest", []), dict, Pauses(tmp_path / "paused"), look)
    answers = [slow.answer({"do": "state"}) for _ in range(5)]
    assert len(looks) == 1
    assert all(answer["troubles"] == answers[0]["troubles"] for answer in answers)


def test_a_pause_that_cannot_be_read_is_still_one(tmp_path: Path) -> None:
    folder = tmp_path / "paused"
    folder.mkdir()
    (folder / "PACS_A").write_bytes(b"\0\0\0")
    pauses = Pauses(folder)
    assert pauses.of("PACS_A") is not None
    assert pauses.of("PACS_B") is None
    pauses.remove("PACS_A")
    assert Pauses(folder).of("PACS_A") is None
