"""The running appliance and its folders: what is dropped reaches DCMTK's storescp, and what must not leave does not."""

import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from appliance.demonstration.pacs import Pacs
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.data.make import instance
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")

RULES = """
destination READER = dicom "READER@127.0.0.1:{pacs}" retry every 1 second for 1 day
destination UNI    = dicom "UNI@127.0.0.1:{pacs}" outside
on port {port} → store by PatientID
on outbox READER where Modality = OT → discard "not wanted"
on outbox READER where Modality = US → forward READER
on folder "{export}" then delete → store by PatientID → forward READER
"""


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    """A real PACS: DCMTK's storescp."""
    found = Pacs(tmp_path / "pacs")
    assert "storescp" in found.name
    yield found
    found.close()


def start(tmp_path: Path, pacs: Pacs, rules: str = RULES, **settings: str) -> Running:
    port = free_port()
    (tmp_path / "export").mkdir()
    text = rules.format(pacs=pacs.port, port=port, export=tmp_path / "export")
    line = Running(tmp_path, text, port, **{"folder_quiet_seconds": "0.5", "folder_scan_seconds": "1", **settings})
    line.wait_for(lambda: "ready: " in line.said(), "it is not ready")
    return line


def images(folder: Path, count: int, first: int = 1) -> list[str]:
    """Real files in a folder; answers their UIDs."""
    folder.mkdir(parents=True, exist_ok=True)
    uids = [f"1.2.826.0.{number}" for number in range(first, first + count)]
    for uid in uids:
        instance(folder, SOPInstanceUID=uid)
    return uids


def got(tmp_path: Path) -> list[str]:
    """What the PACS has, as far as it has written it."""
    found = []
    for path in (tmp_path / "pacs").rglob("*"):
        with suppress(InvalidDicomError, EOFError, AttributeError):
            found.append(str(dcmread(path, stop_before_pixels=True).SOPInstanceUID))
    return sorted(found)


def test_a_folder_a_zip_and_a_file_that_are_dropped_reach_the_pacs(tmp_path: Path, pacs: Pacs) -> None:
    line = start(tmp_path, pacs)
    outbox = line.data / "outbox" / "READER"
    assert outbox.is_dir()
    uids = images(tmp_path / "study" / "series", 5)
    (tmp_path / "study" / "letter.txt").write_text("no image")
    zipped = images(tmp_path / "zipped", 2, 20)
    with zipfile.ZipFile(tmp_path / "zip", "w") as packed:
        for path in sorted((tmp_path / "zipped").iterdir()):
            packed.write(path, path.name)
    (tmp_path / "zip").rename(outbox / "study.zip")
    shutil.copytree(tmp_path / "study", outbox / "study")
    unwanted = instance(tmp_path, SOPInstanceUID="1.2.826.0.99", Modality="OT")
    shutil.copy(unwanted, outbox / "unwanted.dcm")
    line.wait_for(lambda: got(tmp_path) == sorted([*uids, *zipped]), "not all of it has come")
    done = outbox / "done"
    line.wait_for(lambda: "5 objects: sent to READER" in read(done / "study.status"), "it is not told")
    assert "held, a person must look at it: this is no DICOM file\n    study/letter.txt" in read(done / "study.status")
    line.wait_for(lambda: "discarded by a rule" in read(done / "unwanted.dcm.status"), "it is not told")
    assert (done / "study" / "series" / "1.2.826.0.1.dcm").exists()
    assert "Sample" not in line.said() + read(done / "study.status")
    assert "letter.txt" not in line.said()
    listed = spool(line, "list")
    assert "letter.txt" in listed.stdout
    [held] = line.spool.outbox(HOLD).all()
    released = spool(line, "release", held.id)
    assert (released.returncode, "nothing to send" in released.stderr) == (1, True)
    assert spool(line, "delete", held.id).returncode == 0
    line.wait_for(lambda: "All of it is done." in read(done / "study.status"), "it is not told")
    assert line.stop() == 0


def spool(line: Running, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "appliance", "spool", *words, "--data", str(line.data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def read(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def test_what_is_not_clean_does_not_leave_the_house_by_its_folder(tmp_path: Path, pacs: Pacs) -> None:
    line = start(tmp_path, pacs)
    outbox = line.data / "outbox" / "UNI"
    images(tmp_path / "some", 1)
    shutil.copy(tmp_path / "some" / "1.2.826.0.1.dcm", outbox / "a.dcm")
    line.wait_for(lambda: bool(line.spool.outbox(HOLD).all()), "it is not held")
    [held] = line.spool.outbox(HOLD).all()
    assert "not cleared to leave it" in held.why
    assert got(tmp_path) == []


def test_a_watched_folder_is_emptied_and_a_file_that_grows_is_waited_for(tmp_path: Path, pacs: Pacs) -> None:
    line = start(tmp_path, pacs)
    export = tmp_path / "export"
    [uid] = images(tmp_path / "some", 1)
    whole = (tmp_path / "some" / f"{uid}.dcm").read_bytes()
    with (export / "slow.dcm").open("wb") as stream:
        for at in range(0, len(whole), 100):
            assert got(tmp_path) == [], "it is not whole yet"
            stream.write(whole[at : at + 100])
            stream.flush()
            time.sleep(0.7)
    line.wait_for(lambda: got(tmp_path) == [uid], "it has not come")
    line.settle()
    assert [str(dcmread(path).SOPInstanceUID) for path in line.archive.rglob("*.dcm")] == [uid]
    line.wait_for(lambda: [p.name for p in export.iterdir() if p.name != ".taken"] == [], "it is still there")


def test_a_reload_opens_and_closes_folders_and_says_what_is_left_behind(tmp_path: Path, pacs: Pacs) -> None:
    line = start(tmp_path, pacs)
    before = line.rules_file.read_text("utf-8")
    line.wait_for(lambda: "watching outbox READER" in line.said(), "it does not say what it watches")
    other = before.replace("READER", "OTHER")
    line.rules_file.write_text(other, encoding="utf-8")
    line.process.send_signal(signal.SIGHUP)
    line.wait_for(lambda: (line.data / "outbox" / "OTHER").is_dir(), "it is not made")
    uids = images(tmp_path / "some", 2)
    shutil.copy(tmp_path / "some" / f"{uids[0]}.dcm", line.data / "outbox" / "READER" / "left.dcm")
    shutil.copy(tmp_path / "some" / f"{uids[1]}.dcm", line.data / "outbox" / "OTHER" / "sent.dcm")
    line.wait_for(lambda: got(tmp_path) == [uids[1]], "it has not come")
    line.rules_file.write_text(other + "\n# touched\non outbox teaching → store by PatientID\n", encoding="utf-8")
    line.process.send_signal(signal.SIGHUP)
    line.wait_for(lambda: "the rules declare no destination of this name" in line.said(), "it is not said")
    assert got(tmp_path) == [uids[1]]
    line.rules_file.write_text(before, encoding="utf-8")
    line.process.send_signal(signal.SIGHUP)
    line.wait_for(lambda: got(tmp_path) == sorted(uids), "it has not come, now that somebody watches again")


def test_kill_9_while_a_folder_is_taken_loses_nothing_and_doubles_nothing(tmp_path: Path, pacs: Pacs) -> None:
    line = start(tmp_path, pacs)
    uids = images(tmp_path / "study", 150)
    outbox = line.data / "outbox" / "READER"
    (tmp_path / "study").rename(outbox / "study")
    for number in range(1, 4):
        line.wait_for(lambda least=number: taken_aside(outbox) or len(got(tmp_path)) > 40 * least, "nothing is taken")
        line.kill()
        line.start()
    line.wait_for(lambda: set(got(tmp_path)) == set(uids), "not all of it has come", 120)
    line.settle()
    delivered = {event["object"] for event in line.spool.history.lines() if event["event"] == "delivered"}
    assert len(delivered) == 150, "each was accepted once"
    assert taken_aside(outbox) == []
    assert len(list((outbox / "done" / "study").iterdir())) == 150


def taken_aside(outbox: Path) -> list[str]:
    return [path.name for path in (outbox / ".taken").iterdir()]
