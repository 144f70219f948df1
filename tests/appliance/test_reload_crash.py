"""New rules take over, and the machine stops in the middle: at each file operation, while more objects come in.

Each crash is the end of a real process in which a whole appliance runs, with all its threads.
"""

import logging
import os
import shutil
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.appliance import Appliance, CannotChange
from appliance.beginning import last_good, remember
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from engine.dicom import Reception
from engine.object import Origin
from engine.program import Listener, Program
from engine.spool import Spool
from engine.step import GATHERING, HOLD
from tests.engine.spool.crash_kit import Line, Pacs, disk, write_instance
from tests.ports import free_port

STOPPED, DONE = 9, 0
LATER = 7200.0


def compiled(root: Path, text: str) -> Program:
    """The program of a rule text."""
    file = root / "some.rules"
    file.write_text(text, encoding="utf-8")
    found = RuleBook(file).compile_and_try()
    assert found.program is not None, found.findings
    return found.program


@pytest.fixture
def ports() -> tuple[int, int, int]:
    """The port that stays, the one that closes, the one that opens."""
    return free_port(), free_port(), free_port()


@pytest.fixture
def old(tmp_path: Path, ports: tuple[int, int, int]) -> Program:
    """US: to the PACS, then into the archive. CT: held. MR: collected. And a port and a folder that will go."""
    return compiled(
        tmp_path,
        f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}" retry every 1 hour for 3 days\n'
        f"on port {ports[0]} where Modality = US → forward PACS → await → store by Modality\n"
        f'on port {ports[0]} where Modality = CT → hold "look at it"\n'
        f"on port {ports[0]} where Modality = MR → collect study quiet 1 hour → store by Modality\n"
        f"on port {ports[1]} → store by Modality\n"
        f'on folder "{tmp_path / "watched"}" → store by Modality\n',
    )


@pytest.fixture
def new(tmp_path: Path, ports: tuple[int, int, int]) -> Program:
    """The same modalities end in the same places; one port opens, and one closes; the PACS is somewhere else."""
    return compiled(
        tmp_path,
        f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}" retry every 1 hour for 3 days\n'
        f"on port {ports[0]} where Modality = US → forward PACS → await → store by Modality\n"
        f'on port {ports[0]} where Modality = CT → hold "look at it twice"\n'
        f"on port {ports[0]} where Modality = MR → collect study quiet 2 hours → store by Modality\n"
        f"on port {ports[2]} → store by Modality\n",
    )


def take_in(line: Line | Appliance, program: str, port: int, uid: str, modality: str) -> str:
    """What a listener does with an object."""
    path = line.spool.new_work_file()
    write_instance(path, uid, modality)
    line.spool.accept(path, Origin("dicom", port, "SONO1", "STELLWERK", "10.0.0.1"), program)
    return uid


def filled(root: Path, old: Program, port: int) -> dict[str, str]:
    """A spool with something in every place; answers what is in it: UIDs, and their modalities."""
    pacs = Pacs()
    pacs.away, pacs.refuse = {"1.2.1", "1.2.2"}, {"1.2.3"}
    line = Line(root, old, pacs)
    told = {f"1.2.{number}": kind for number, kind in enumerate(("US", "US", "US", "CT", "MR", "MR"), 1)}
    for uid, kind in told.items():
        take_in(line, line.digest, port, uid, kind)
    line.turn(time.time())
    assert line.held() == ["1.2.3", "1.2.4"]
    assert line.spool.outbox("archive.store").count()["waiting"] == 3
    assert len(line.owed("PACS")) == 2
    for uid, kind in (("1.2.7", "US"), ("1.2.8", "CT"), ("1.2.9", "MR")):
        told[take_in(line, line.digest, port, uid, kind)] = kind
    line.router.close()
    return told


def reload(settings: Settings, old: Program, new: Program, port: int, point: int) -> int:
    """In a process of its own: run the old rules, change over, and stop at this operation of the thread that does it.

    Each object that is taken in meanwhile is written down in `told` when its sender would hear "success".
    """
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    try:
        main, operations, busy = threading.current_thread(), 0, False
        appliance = Appliance(settings, old)
        appliance.start()
        remember(settings, old)

        def before(_: int) -> None:
            nonlocal operations, busy
            if threading.current_thread() is not main:
                return
            operations += 1
            if operations == point:
                os._exit(STOPPED)
            if not busy and operations % 2 == 1:
                busy = True
                uid = f"1.3.{operations}"
                take_in(appliance, appliance._digest_for(port), port, uid, "US")
                with (settings.data / "told").open("ab", buffering=0) as told:
                    told.write(f"{uid}\n".encode())
                busy = False

        with disk(before=before):
            appliance.use(new)
            remember(settings, new)
        (settings.data / "operations").write_text(str(operations))
        code = DONE
    except BaseException:
        logging.getLogger("stellwerk").exception("the change of rules")
    finally:
        os._exit(code)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="it needs fork")
def test_a_crash_at_any_operation_of_a_change_of_rules_loses_nothing_and_leaves_one_of_both_whole(
    tmp_path: Path, old: Program, new: Program, ports: tuple[int, int, int]
) -> None:
    (tmp_path / "watched").mkdir()
    before = tmp_path / "before"
    before.mkdir()
    known = filled(before, old, ports[0])

    def settings_in(name: str) -> Settings:
        shutil.copytree(before, tmp_path / name)
        return Settings(data=tmp_path / name, address="127.0.0.1")

    whole = settings_in("whole")
    assert reload(whole, old, new, ports[0], 0) == DONE
    points = int((whole.data / "operations").read_text())
    assert points > 20
    runs: Counter[str] = Counter()
    stopped = 0
    for point in range(1, points + 1):
        settings = settings_in(str(point))
        ended = reload(settings, old, new, ports[0], point)
        ran = last_good(settings)
        if ended == DONE:  # some operations are left to other threads where these are quicker: then it was through
            assert int((settings.data / "operations").read_text()) < point
            assert ran == new
        else:
            assert ended == STOPPED
            stopped += 1
        assert ran in (old, new), f"neither the old nor the new rules, point {point}"
        runs["old" if ran == old else "new"] += 1
        came = (settings.data / "told").read_text().split() if (settings.data / "told").exists() else []
        # What was being taken in when the machine stopped may be there without our word.
        more = {f"1.3.{number}" for number in range(points)} - set(came)
        kinds = known | dict.fromkeys(came, "US")
        pacs = Pacs()
        pacs.refuse = {"1.2.3"}
        # The rule file has been changed whatever happened: either may be what the next start reads.
        line = Line(settings.data, (old, new)[point % 2], pacs)
        for path in (line.spool.root / "programs").glob("*.json"):
            assert line.spool.program(path.stem) in (old, new), f"a torn program, point {point}"
        for late in (0.0, LATER, 2 * LATER):
            for name in line.spool.outboxes():
                if name != HOLD:
                    line.spool.outbox(name).wake_all()
            line.turn(time.time() + late)
        if point % 2:
            [refused] = [entry for entry in line.spool.outbox(HOLD).all() if entry.note.get("refused by") == "PACS"]
            pacs.refuse = set()
            line.spool.release(refused.id)
            for _ in range(2):
                line.turn(time.time() + 2 * LATER)
        released = {"1.2.3"} if point % 2 else set()
        stored = {uid for uid, kind in kinds.items() if kind != "CT"} - {"1.2.3"} | released
        sent = {uid for uid in stored if kinds[uid] == "US"}
        held = [uid for uid, kind in kinds.items() if kind == "CT"] + ([] if released else ["1.2.3"])
        assert sorted(set(line.stored()) - more) == sorted(stored), f"point {point}"
        assert sorted(set(pacs.got) - more) == sorted(sent), f"point {point}"
        assert len(line.stored()) == len(set(line.stored())), f"stored twice, point {point}"
        assert len(pacs.got) == len(set(pacs.got)), f"sent twice, point {point}"
        assert sorted(line.held()) == sorted(held), f"point {point}"
        assert list(line.spool.waiting()) == []
        for path in line.archive.rglob("*.dcm"):
            found = dcmread(path)
            write_instance(tmp_path / "sent", found.SOPInstanceUID, found.Modality)
            assert found == dcmread(tmp_path / "sent"), f"torn, point {point}"
        assert not [name for name in line.spool.outboxes() if name.endswith(GATHERING) and line.owed(name)]
        line.router.close()
        shutil.rmtree(settings.data)
    assert set(runs) == {"old", "new"}
    assert stopped > 20


def test_a_change_of_rules_that_the_disk_breaks_off_is_brought_to_its_end_with_the_next_one(
    tmp_path: Path, old: Program, ports: tuple[int, int, int]
) -> None:
    for name in ("watched", "another"):
        (tmp_path / name).mkdir()
    # What is kept of a folder is made when the new rules run already.
    new = compiled(
        tmp_path,
        f"on port {ports[0]} → store by Modality\non port {ports[2]} → store by Modality\n"
        f'on folder "{tmp_path / "another"}" → store by Modality\n',
    )
    appliance = Appliance(Settings(data=tmp_path / "data", address="127.0.0.1"), old)
    try:
        appliance.start()
        appliance.spool.keep_program(new)
        appliance.owed()
        number = 0
        while True:
            number += 1
            with disk(error_at=number) as done:
                try:
                    appliance.use(new)
                except (OSError, CannotChange):
                    continue
            if len(done) < number:
                break
        assert number > 1
        assert appliance.ports() == sorted((ports[0], ports[2]))
    finally:
        appliance.stop()


def test_what_comes_on_a_port_while_it_closes_goes_by_the_rules_that_know_it(
    tmp_path: Path, old: Program, new: Program, ports: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "watched").mkdir()
    appliance = Appliance(Settings(data=tmp_path / "data", address="127.0.0.1"), old)
    closing = appliance._close

    def close(listener: Listener) -> None:
        """An association on it was about to bring one more."""
        path = appliance.spool.new_work_file()
        write_instance(path, "1.2.1")
        if listener.port == ports[1]:
            sender = ("SONO1", "STELLWERK", "127.0.0.1", ports[1])
            appliance._accept(Reception(path, "", "1.2.1", "", *sender), ports[1])
        closing(listener)

    try:
        appliance.start()
        monkeypatch.setattr(appliance, "_close", close)
        appliance.use(new)
        assert appliance.ports() == sorted((ports[0], ports[2]))
        end = time.monotonic() + 30
        while appliance.spool.unfinished() and time.monotonic() < end:
            time.sleep(0.05)
    finally:
        appliance.stop()
    assert [entry.why for entry in appliance.spool.outbox(HOLD).all()] == []
    assert len(list((tmp_path / "data" / "archive").rglob("*.dcm"))) == 1


def test_what_was_on_its_way_to_a_destination_that_went_is_told_as_trouble(
    tmp_path: Path, ports: tuple[int, int, int]
) -> None:
    with_it = compiled(
        tmp_path,
        f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}"\n'
        f"on port {ports[0]} → collect study quiet 5 seconds → forward PACS\n",
    )
    without = compiled(tmp_path, f"on port {ports[0]} → store by Modality\n")
    appliance = Appliance(Settings(data=tmp_path, address="127.0.0.1"), with_it)
    try:
        appliance.start()
        take_in(appliance, appliance._digest, ports[0], "1.2.1", "US")
        appliance.use(without)
        end = time.monotonic() + 60
        while "PACS" not in appliance.health.trouble() and time.monotonic() < end:
            time.sleep(0.1)
        trouble = appliance.health.trouble()
    finally:
        appliance.stop()
    assert trouble["PACS"].words == (
        "the rules no longer declare PACS: declare it again, or take out what waits: stellwerk spool hold PACS"
    )
    assert len(appliance.spool.outbox("PACS").all()) == 1


def test_a_program_that_a_crash_has_left_is_made_durable_before_anything_refers_to_it(
    tmp_path: Path, old: Program
) -> None:
    spool = Spool(tmp_path / "spool")
    with disk() as done:
        spool.keep_program(old)
    assert done == ["write", "sync"]
    with disk() as done:
        spool.keep_program(old)
    assert done == ["sync"], "the crash may have come between the two"
