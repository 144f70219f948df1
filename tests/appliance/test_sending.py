"""`stellwerk send` and `stellwerk import` as people use them: real files, DCMTK as the receiver, interruptions."""

import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.cli import main
from appliance.demonstration.pacs import answers
from appliance.rulebook import RuleBook
from appliance.sending.ways import SenderWay
from engine.destinations.node import DicomNode
from engine.dicom import Done, Outcome
from tests.appliance.running import Running, dcmtk_missing
from tests.data.make import instance
from tests.ports import free_port
from tests.scale import FULL

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")
Captured = pytest.CaptureFixture[str]
IN_FLIGHT = 16
"""So many objects may be on their way when a sender is killed."""


class Receiver:
    """DCMTK's storescp: every arrival is a file of its own, so that repeats are seen."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        folder.mkdir()
        words = ["storescp", "+xa", "+uf", "-aet", "PACS_A", "-od", str(folder), str(self.port)]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not answers(self.port):
            time.sleep(0.05)
        self.url = f"dicom://PACS_A:ME@127.0.0.1:{self.port}"

    @property
    def arrived(self) -> Counter[str]:
        """How often each object has come."""
        return Counter(str(dcmread(path, stop_before_pixels=True).SOPInstanceUID) for path in self.folder.iterdir())

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    found = Receiver(tmp_path / "received")
    yield found
    found.close()


@pytest.fixture
def send(tmp_path: Path, receiver: Receiver) -> Callable[..., int]:
    """`stellwerk send` to the receiver, with a memory of this test's own."""

    def call(*words: str | Path, command: str = "send") -> int:
        return main([command, *map(str, words), "--to", receiver.url, "--state", str(tmp_path / "state")])

    return call


def images(folder: Path, count: int, first: int = 1, **tags: object) -> list[str]:
    """Images in a folder, under names that say nothing; answers their UIDs."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = [f"1.2.826.0.{number}" for number in range(first, first + count)]
    for uid in uids:
        instance(folder, SOPInstanceUID=uid, name=f"IM{uid.rpartition('.')[2]}", **tags)
    return uids


def test_a_second_run_sends_only_what_is_missing(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver, capsys: Captured
) -> None:
    uids = images(tmp_path / "export", 3)
    assert send(tmp_path / "export") == 0
    uids += images(tmp_path / "export", 2, first=11)
    assert send(tmp_path / "export") == 0
    assert "2 of 5 delivered" in (said := capsys.readouterr().out)
    assert "3 had been sent before" in said
    assert receiver.arrived == Counter(uids)
    assert send(tmp_path / "export", "--again") == 0
    assert set(receiver.arrived.values()) == {2}


def test_what_was_sent_is_known_wherever_it_lies_now(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver
) -> None:
    images(tmp_path / "export", 2)
    assert send(tmp_path / "export") == 0
    (tmp_path / "export").rename(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "IM1").touch()
    assert send(tmp_path / "elsewhere") == 0
    assert sum(receiver.arrived.values()) == 2


def test_a_file_that_has_changed_is_sent_again(tmp_path: Path, send: Callable[..., int], receiver: Receiver) -> None:
    images(tmp_path / "export", 1)
    assert send(tmp_path / "export") == 0
    images(tmp_path / "export", 1, PatientID="4712")
    assert send(tmp_path / "export") == 0
    assert receiver.arrived["1.2.826.0.1"] == 2


def test_the_memory_names_nobody(tmp_path: Path, send: Callable[..., int]) -> None:
    images(tmp_path / "Mustermann", 2, PatientName="Mustermann^Max")
    assert send(tmp_path / "Mustermann") == 0
    (memory,) = (tmp_path / "state").iterdir()
    assert memory.stat().st_mode & 0o077 == 0
    assert "uster" not in memory.name + memory.read_text("ascii")


def test_half_a_line_in_the_memory_means_that_one_object_goes_again(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver
) -> None:
    uids = images(tmp_path / "export", 3)
    assert send(tmp_path / "export") == 0
    (memory,) = (tmp_path / "state").iterdir()
    os.truncate(memory, memory.stat().st_size - 5)
    assert send(tmp_path / "export") == 0
    assert sum(receiver.arrived.values()) == len(uids) + 1
    assert send(tmp_path / "export") == 0
    assert sum(receiver.arrived.values()) == len(uids) + 1


def test_a_zip_and_a_medium_are_sent_with_all_that_is_in_them(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver, capsys: Captured
) -> None:
    packed = images(tmp_path / "one", 2)
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        for path in (tmp_path / "one").iterdir():
            archive.write(path, f"DICOM/{path.name}")
        archive.writestr("readme.txt", "no image")
    medium = tmp_path / "cd"
    burnt = images(medium / "IMAGES", 3, first=21, StudyID="1", SeriesNumber=1, InstanceNumber=1)
    subprocess.run(
        ["dcmmkdir", "-W", "+I", "-Nxc", "+D", "DICOMDIR", "+id", ".", "+r", "IMAGES"], cwd=medium, check=True
    )
    assert send(tmp_path / "study.zip", medium / "DICOMDIR") == 0
    assert receiver.arrived == Counter(packed + burnt)
    (medium / "IMAGES" / "IM22").unlink()
    assert send(medium) == 1
    said = capsys.readouterr().err
    assert "IMAGES/IM22" in said
    assert "the DICOMDIR names it, but it is not there" in said


def test_half_a_file_is_never_sent(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver, capsys: Captured
) -> None:
    images(tmp_path / "export", 2)
    os.truncate(tmp_path / "export" / "IM1", (tmp_path / "export" / "IM1").stat().st_size - 10)
    assert send(tmp_path / "export") == 1
    assert list(receiver.arrived) == ["1.2.826.0.2"]
    assert "ends in the middle" in capsys.readouterr().err


def test_dry_sends_nothing_and_shows_the_studies(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver, capsys: Captured
) -> None:
    images(tmp_path / "export", 2, StudyDescription="Abdomen", StudyDate="20260331")
    assert send(tmp_path / "export", "--dry", "--names") == 0
    said = capsys.readouterr().out
    assert "2 of 2 would be sent" in said
    assert "Sample^Anna (4711)" in said
    assert "20260331 US Abdomen: 2 to send" in said
    assert not receiver.arrived
    assert send(tmp_path / "export") == 0
    assert "Sample" not in capsys.readouterr().out, "a file that it is written to names nobody"


def test_skip_duplicates_sends_each_uid_once(tmp_path: Path, send: Callable[..., int], receiver: Receiver) -> None:
    images(tmp_path / "a", 1)
    images(tmp_path / "b", 1, PatientID="4712")
    assert send(tmp_path, "--skip-duplicates") == 0
    assert receiver.arrived == Counter(["1.2.826.0.1"])


def test_json_has_numbers_and_reasons_and_no_names(tmp_path: Path, send: Callable[..., int], capsys: Captured) -> None:
    images(tmp_path / "export", 2)
    (tmp_path / "export" / "empty").touch()
    assert send(tmp_path / "export", "--json") == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["delivered"], told["failed"]) == (2, 1)
    assert told["failures"][0]["why"] == "this file is empty"
    assert "Sample" not in json.dumps(told)


def test_a_destination_outside_the_house_is_not_sent_to_by_hand(tmp_path: Path, capsys: Captured) -> None:
    images(tmp_path / "export", 1)
    (tmp_path / "r.rules").write_text('destination FAR = dicom "FAR@127.0.0.1:104" outside\n')
    words = ["send", str(tmp_path / "export"), "--to", "FAR", "--rules", str(tmp_path / "r.rules")]
    assert main(words) == 2
    assert "--via outbox" in capsys.readouterr().err


def test_a_destination_that_is_away_is_not_knocked_at_for_each_portion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setattr("appliance.sending.course.PORTION_FILES", 2)
    images(tmp_path / "export", 9)
    words = ["send", str(tmp_path / "export"), "--state", str(tmp_path / "s"), "--to"]
    assert main([*words, f"PACS_A@127.0.0.1:{free_port()}"]) == 1
    said = capsys.readouterr().err
    assert "4 failed: " in said
    assert "5 failed: not tried" in said
    assert "the same command again sends what is missing" in said


def test_a_file_whose_name_is_no_text_is_sent_and_told(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver, capsys: Captured
) -> None:
    images(tmp_path / "export", 2)
    (tmp_path / "export" / "IM1").rename(os.fsdecode(bytes(tmp_path / "export") + b"/B\xe4\n1"))
    os.truncate(tmp_path / "export" / "IM2", (tmp_path / "export" / "IM2").stat().st_size - 10)
    (tmp_path / "export" / "IM2").rename(os.fsdecode(bytes(tmp_path / "export") + b"/B\xe4\n2"))
    assert send(tmp_path / "export") == 1
    assert sum(receiver.arrived.values()) == 1
    assert "B��2" in capsys.readouterr().err
    assert send(tmp_path / "export", "--json") == 1


def test_the_sender_of_any_destination_is_a_way(tmp_path: Path, receiver: Receiver) -> None:
    text = f'destination PACS_A = dicom "PACS_A@127.0.0.1:{receiver.port}"'
    (tmp_path / "r.rules").write_text(text)
    program = RuleBook(tmp_path / "r.rules").compile().program
    assert program is not None
    declared = program.destinations[0]
    way = SenderWay(declared, DicomNode(declared, "ME"))
    images(tmp_path / "export", 2)
    told: dict[Path, Outcome] = {}
    way.send(sorted((tmp_path / "export").iterdir()), told.__setitem__, lambda: False)
    assert all(isinstance(outcome, Done) for outcome in told.values())
    assert len(told) == sum(receiver.arrived.values()) == 2


def interrupted(folder: Path, receiver: Receiver, state: Path, at: int, how: signal.Signals) -> subprocess.Popen[str]:
    """A sender that gets a signal once so many have arrived."""
    words = ["send", str(folder), "--to", receiver.url, "--state", str(state)]
    process = subprocess.Popen(
        [sys.executable, "-m", "appliance", *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    while sum(1 for _ in receiver.folder.iterdir()) < at:
        assert process.poll() is None, "it was done too soon"
        time.sleep(0.002)
    process.send_signal(how)
    return process


def test_ctrl_c_ends_with_the_account(tmp_path: Path, send: Callable[..., int], receiver: Receiver) -> None:
    uids = images(tmp_path / "export", 300)
    process = interrupted(tmp_path / "export", receiver, tmp_path / "state", 20, signal.SIGINT)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "interrupted: the same command again" in said
    assert send(tmp_path / "export") == 0
    assert set(receiver.arrived) == set(uids)
    assert sum(receiver.arrived.values()) <= len(uids) + IN_FLIGHT


@pytest.mark.slow
@pytest.mark.parametrize("count", [5000 if FULL else 500])
def test_killed_three_times_everything_arrives_once_beyond_what_was_in_flight(
    tmp_path: Path, send: Callable[..., int], receiver: Receiver, capsys: Captured, count: int
) -> None:
    uids = images(tmp_path / "export", count)
    for number in (1, 2, 3):
        killed = interrupted(tmp_path / "export", receiver, tmp_path / "state", number * count // 5, signal.SIGKILL)
        killed.communicate(timeout=30)
        assert killed.returncode == -signal.SIGKILL
    assert len(set(receiver.arrived)) < count
    assert send(tmp_path / "export", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["delivered"] + told["sent_before"] == count
    assert told["sent_before"] >= count // 5
    assert set(receiver.arrived) == set(uids)
    assert sum(receiver.arrived.values()) <= count + 3 * IN_FLIGHT


def test_via_outbox_the_rules_decide_and_the_end_is_waited_for(
    tmp_path: Path, receiver: Receiver, capsys: Captured
) -> None:
    port = free_port()
    rules = f'destination PACS_A = dicom "PACS_A@127.0.0.1:{receiver.port}"\non port {port} → store by PatientID\n'
    line = Running(tmp_path / "line", rules, port, folder_quiet_seconds="0.5", folder_scan_seconds="1")
    line.wait_for(lambda: (line.data / "outbox" / "PACS_A").is_dir(), "it makes no folder")
    uids = images(tmp_path / "export", 3)
    words = ["send", str(tmp_path / "export"), "--to", "PACS_A", "--via", "outbox", "--data", str(line.data)]
    words += ["--state", str(tmp_path / "state")]
    assert main([*words, "--wait", "1"]) == 0
    assert "All of it is done." in capsys.readouterr().out
    assert receiver.arrived == Counter(uids)
    assert main([*words, "--wait", "1"]) == 0
    assert sum(receiver.arrived.values()) == 3, "handed over before"
    assert main([*words[:2], "--to", "../x", "--via", "outbox"]) == 2
    assert main([*words[:2], "--to", "nobody", "--via", "outbox", "--data", str(line.data)]) == 2


class Archive:
    """DCMTK's dcmqrscp: an archive that takes objects and answers queries."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        (folder / "db").mkdir(parents=True)
        (folder / "dcmqrscp.cfg").write_text(
            f"NetworkTCPPort = {self.port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
            f"HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
            f"AETable BEGIN\nPACS_A {folder / 'db'} RW (200, 1024mb) ANY\nAETable END\n"
        )
        words = ["dcmqrscp", "-c", str(folder / "dcmqrscp.cfg")]
        self.process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while not answers(self.port):
            time.sleep(0.05)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(10)


def test_import_brings_an_archive_into_the_pacs_and_checks_that_it_is_there(tmp_path: Path, capsys: Captured) -> None:
    tree = tmp_path / "archive" / "Praxis" / "Sample^Anna"
    images(tree, 4)
    images(tree, 2, first=11, StudyInstanceUID="1.2.4", SeriesInstanceUID="1.2.4.1")
    (tree / "UID.partial").write_bytes(b"half")
    pacs = Archive(tmp_path / "pacs")
    words = ["import", str(tmp_path / "archive"), "--to", f"PACS_A@127.0.0.1:{pacs.port}"]
    words += ["--state", str(tmp_path / "state")]
    try:
        assert main(words) == 0
        said = capsys.readouterr().out
        assert "6 of 6 delivered" in said
        assert "checked by query: 2 of 2 studies are there" in said
        assert main(words) == 0
        assert "0 of 6 delivered" in capsys.readouterr().out
        # What a PACS has lost is found, though it has once taken it.
        for path in (tmp_path / "pacs" / "db").iterdir():
            path.unlink()
        assert main(words) == 1
        assert "4 sent, and it has 0" in capsys.readouterr().out
    finally:
        pacs.close()


def test_import_asks_whether_the_pacs_answers_for_it(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    line = Running(tmp_path / "line", f"on port {port} → store by PatientID\n", port)
    rules = tmp_path / "r.rules"
    rules.write_text(f'destination PACS_A = dicom "STELLWERK@127.0.0.1:{port}" confirm\n')
    images(tmp_path / "archive", 3)
    words = ["import", str(tmp_path / "archive"), "--to", "PACS_A", "--rules", str(rules)]
    words += ["--state", str(tmp_path / "state")]
    assert main(words) == 0
    assert "storage commitment: the destination answers for 3 of 3" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["committed"] == 3
    line.stop()


def test_import_says_who_does_not_answer_for_anything(tmp_path: Path, receiver: Receiver, capsys: Captured) -> None:
    rules = tmp_path / "r.rules"
    rules.write_text(f'destination PACS_A = dicom "PACS_A@127.0.0.1:{receiver.port}" confirm\n')
    images(tmp_path / "archive", 2)
    words = ["import", str(tmp_path / "archive"), "--to", "PACS_A", "--rules", str(rules)]
    assert main([*words, "--state", str(tmp_path / "state")]) == 1
    said = capsys.readouterr().out
    assert "2 of 2 delivered" in said
    assert "does not offer storage commitment" in said


def test_import_says_where_it_could_not_check(tmp_path: Path, send: Callable[..., int], capsys: Captured) -> None:
    images(tmp_path / "archive", 1)
    assert send(tmp_path / "archive", command="import") == 0
    assert "answers no queries" in capsys.readouterr().out
