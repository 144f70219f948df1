"""The running appliance tells of trouble: a destination that is away, a full disk, and that all is well again."""

import contextlib
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from email import message_from_string, policy
from pathlib import Path

import pytest
from aiosmtpd.controller import Controller

from appliance.appliance import Appliance
from appliance.settings import Settings
from appliance.supervise import Supervised
from dsl.compile import compile_text
from engine.dicom import Done, Listener, Reception
from engine.program import Program
from engine.step import HOLD
from engine.vocabulary import vocabulary
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.engine.test_mail import Inbox
from tests.ports import free_port


@pytest.fixture
def inbox() -> Inbox:
    return Inbox()


@pytest.fixture
def relay(inbox: Inbox) -> Iterator[dict[str, str]]:
    """A mail server of our own, as settings."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    yield {"mail_host": "127.0.0.1", "mail_port": str(controller.port), "mail_security": "none", "warn_free_mb": "0"}
    controller.stop()


def subjects(inbox: Inbox) -> list[str]:
    """Of all mails so far."""
    return [str(message_from_string(text, policy=policy.default)["Subject"]) for text in inbox.messages]


def image(root: Path, modality: str = "US") -> Path:
    """A new image."""
    path = root / f"{new_uid()}.dcm"
    write_instance(path, new_uid(), modality)
    return path


AWAY, BACK = "Stellwerk: trouble: sending to PACS", "Stellwerk: all clear: sending to PACS"


def test_a_destination_that_is_away_is_mailed_and_so_is_that_it_is_back(
    tmp_path: Path, inbox: Inbox, relay: dict[str, str]
) -> None:
    port, pacs = free_port(), free_port()
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{pacs}" retry every 1 seconds for 1 hour\n'
        'contact admin = "it@praxis.example"\n'
        f"on port {port} → forward PACS\n"
        "on trouble lasting 1 seconds → alarm admin\n"
    )
    line = Running(tmp_path, rules, port, **relay)
    assert all(isinstance(outcome, Done) for outcome in line.send(image(tmp_path), image(tmp_path)).values())
    line.wait_for(lambda: subjects(inbox) == [AWAY], "nobody is told that the PACS is away")
    assert "ller" not in inbox.messages[0]
    line.kill()
    line.start()
    time.sleep(4)
    assert subjects(inbox) == [AWAY], "a restart is no all clear, and no news"
    (tmp_path / "pacs").mkdir()
    got: list[str] = []

    def keep(reception: Reception) -> None:
        reception.dataset_file.unlink()
        got.append(reception.sop_instance_uid)

    peer = Listener(pacs, keep, folder=tmp_path / "pacs", ae_title="PACS", address="127.0.0.1")
    peer.start()
    line.wait_for(lambda: subjects(inbox) == [AWAY, BACK], "nobody is told that the PACS is back")
    line.settle()
    assert len(got) == 2
    peer.stop(1)
    assert line.stop() == 0
    why = [event["why"].rpartition("/")[2] for event in line.spool.history.lines() if event["event"] == "chore"]
    assert why == ["test.rules:4: mailed admin"] * 2


def test_what_is_held_and_rules_with_a_mistake_are_mailed(tmp_path: Path, inbox: Inbox, relay: dict[str, str]) -> None:
    port = free_port()
    rules = (
        'contact admin = "it@praxis.example"\n'
        f"on port {port} where Modality = US → store by PatientID\n"
        "on trouble lasting 1 seconds → alarm admin\n"
    )
    line = Running(tmp_path, rules, port, **relay)
    line.deliver(image(tmp_path, "CT"))
    line.wait_for(lambda: "Stellwerk: trouble: held objects" in subjects(inbox), "nobody is told what is held")
    line.rules_file.write_text(f"{rules}on port nowhere → hold\n", encoding="utf-8")
    wanted = "Stellwerk: trouble: taking over changed rules"
    line.wait_for(lambda: wanted in subjects(inbox), "nobody is told that the rules have a mistake")
    line.rules_file.write_text(rules, encoding="utf-8")
    for entry in line.spool.outbox(HOLD).all():
        line.spool.delete(entry.id)
    line.wait_for(lambda: any("all clear" in one for one in subjects(inbox)), "nobody is told that all is well")
    line.stop()


def test_a_silent_sender_is_mailed_and_it_is_known_after_a_restart_who_has_sent(
    tmp_path: Path, inbox: Inbox, relay: dict[str, str]
) -> None:
    port = free_port()
    now = datetime.now()
    due, since = now - timedelta(hours=1), now - timedelta(hours=2)
    rules = (
        'contact admin = "it@praxis.example"\n'
        f"on port {port} → discard why\n"
        f"on every day at {due:%H:%M} → alarm admin unless TEST, CT1 sent since {since:%H:%M}\n"
    )
    line = Running(tmp_path, rules, port, **relay)
    line.deliver(image(tmp_path))
    notes = line.data / "spool/every"
    line.wait_for(lambda: notes.is_dir() and any(notes.iterdir()), "it does not keep what it has done")
    line.stop()
    kept = list((line.data / "spool/heard").iterdir())
    assert len(kept) == 1
    assert "TEST" in kept[0].read_text()
    [note] = notes.iterdir()
    # As if the time had come while it ran and its mail could not go: what is owed is not forgotten by a restart.
    note.write_text((now - timedelta(days=2)).isoformat())
    line.start()
    line.wait_for(lambda: "CT1 silent since" in line.said(), "it does not look who has sent")
    assert "TEST, CT1 silent" not in line.said()
    assert subjects(inbox) == [], "it was off at that time, so nobody is blamed"
    line.stop()


# --- in this process --------------------------------------------------------------------------------------------------


def started(root: Path, rules: str, **settings: str) -> Appliance:
    """An appliance on this folder."""
    compiled = compile_text(rules, name="a.rules", vocabulary=vocabulary(), read=Path.read_text)
    assert compiled.program is not None, compiled.findings
    some = Settings().changed(data=str(root), address="127.0.0.1", min_free_mb="0", warn_free_mb="0")
    appliance = Appliance(some.changed(**settings), compiled.program)
    appliance.start()
    return appliance


def test_all_is_well_where_all_is_well_and_each_trouble_has_its_name(tmp_path: Path) -> None:
    port = free_port()
    appliance = started(tmp_path, f"on port {port} → store by PatientID\n")
    try:
        assert appliance.health.trouble() == {}
        appliance.health.also("the rules", lambda: "they have a mistake")
        assert set(appliance.health.trouble()) == {"the rules"}
    finally:
        appliance.stop()
    full = started(tmp_path / "full", f"on port {port} → store by PatientID\n", warn_free_mb="99999999")
    try:
        assert set(full.health.trouble()) == {"the disk"}
    finally:
        full.stop()


def test_an_outbox_of_rules_that_are_gone_is_removed_with_its_pump_and_comes_back_with_them(tmp_path: Path) -> None:
    port = free_port()
    plain = f"on port {port} → store by PatientID\n"
    appliance = started(tmp_path, plain)
    try:
        appliance.spool.outbox("OLD")
        appliance._pump("OLD")
        assert "OLD" in appliance.spool.outboxes()
        appliance._tidying.daily()
        assert "OLD" not in appliance.spool.outboxes()
        assert "OLD" not in appliance._pumps
        with_old = f'destination OLD = dicom "OLD@127.0.0.1:{free_port()}"\n{plain}on port {port} → forward OLD\n'
        compiled = compile_text(with_old, name="a.rules", vocabulary=vocabulary(), read=Path.read_text)
        appliance.use(compiled.program or Program())
        appliance._tidying.daily()
        appliance._pump("OLD").wake()
        assert "OLD" in appliance.spool.outboxes()
        assert all(folder.is_dir() for folder in appliance.spool.outbox("OLD").folders)
    finally:
        appliance.stop()


def test_a_thread_that_broke_once_is_well_again_after_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = []

    def loop() -> None:
        if not broken:
            broken.append(1)
            raise OSError(5, "Input/output error")
        time.sleep(30)

    monkeypatch.setattr("appliance.supervise.FIRST_REST", 0.01)
    monkeypatch.setattr("appliance.supervise.STEADY", 0.5)
    thread = Supervised("one", loop)
    thread.start()
    while not broken:
        time.sleep(0.01)
    time.sleep(0.05)
    assert thread.trouble == "Input/output error"
    time.sleep(0.6)
    assert thread.trouble == ""
    thread.stop()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system to fill")
def test_a_full_disk_refuses_senders_is_told_once_and_takes_in_again_when_there_is_room(
    tmp_path: Path, inbox: Inbox, relay: dict[str, str]
) -> None:
    port = free_port()
    small = tmp_path / "data"
    small.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "small", str(small)], capture_output=True)
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.decode(errors='replace').strip()}")
    rules = (
        'contact admin = "it@praxis.example"\n'
        f"on port {port} → store by PatientID\n"
        "on trouble lasting 1 seconds → alarm admin\n"
    )
    try:
        line = Running(tmp_path, rules, port, min_free_mb="4", **relay)
        line.deliver(image(tmp_path))
        with contextlib.suppress(OSError), (small / "ballast").open("wb") as ballast:
            while True:
                ballast.write(bytes(1 << 16))
                ballast.flush()
        [outcome] = line.send(image(tmp_path)).values()
        assert not isinstance(outcome, Done)
        wanted = "Stellwerk: trouble: disk of the spool"
        line.wait_for(lambda: any(one.startswith(wanted) for one in subjects(inbox)), "nobody is told")
        time.sleep(3)
        # What else cannot write then (the journal) is told by a mail of its own.
        rung = [one for one in subjects(inbox) if one.startswith(wanted)]
        assert len(rung) == 1, "it is told once, though nothing can be noted"
        assert len(set(subjects(inbox))) == len(inbox.messages)
        (small / "ballast").unlink()
        line.wait_for(lambda: isinstance(next(iter(line.send(image(tmp_path)).values())), Done), "it still refuses")
        line.wait_for(lambda: any("all clear" in one for one in subjects(inbox)), "nobody is told that all is well")
        assert line.stop() == 0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=False)


def test_the_disk_is_looked_after_while_a_mail_relay_takes_our_mail_and_says_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("appliance.watch.LOOK", 0.1)
    monkeypatch.setattr("appliance.watch.PROBE", 0.1)
    rules = 'contact admin = "it@praxis.example"\non trouble lasting 1 seconds → alarm admin\n'
    program = compile_text(rules, name="a.rules", vocabulary=vocabulary(), read=lambda _: "").program
    assert program is not None
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(30)
        settings = Settings(
            data=tmp_path / "data",
            address="127.0.0.1",
            mail_host="127.0.0.1",
            mail_port=silent.getsockname()[1],
            mail_security="none",
        )
        appliance = Appliance(settings, program)
        probes: list[float] = []
        monkeypatch.setattr(appliance.health.disk, "probe", lambda: probes.append(time.monotonic()))
        appliance.health.also("the test", lambda: "it is broken")
        appliance.start()
        try:
            connection, _ = silent.accept()
            before, end = len(probes), time.monotonic() + 20
            while len(probes) < before + 3 and time.monotonic() < end:
                time.sleep(0.05)
            after = len(probes)
            connection.close()
        finally:
            appliance.stop()
    assert after >= before + 3, "the watch waits for the relay"
