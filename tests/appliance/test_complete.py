"""`collect … released` and `ask PACS` in the running appliance, DCMTK on both sides: it does not wait for quiet."""

import subprocess
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.demonstration.pacs import answers
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")


def images(folder: Path, count: int) -> list[str]:
    """So many images of one study, with a series each."""
    files = []
    for number in range(count):
        path = folder / f"{number}.dcm"
        write_instance(path, new_uid())
        dataset = dcmread(path)
        dataset.SeriesInstanceUID = new_uid()
        dataset.save_as(path)
        files.append(str(path))
    return files


def send(port: int, files: list[str], called: str = "STELLWERK") -> None:
    """DCMTK's storescu: one association, released at its end."""
    subprocess.run(["storescu", "-aec", called, "127.0.0.1", str(port), *files], check=True, timeout=60)


def test_a_released_study_goes_on_long_before_its_quiet_time_and_duplicates_are_dropped(tmp_path: Path) -> None:
    port = free_port()
    rules = f"on port {port} → collect study quiet 1 hour released late add → store by PatientID\n"
    line = Running(tmp_path, rules, port)
    files = images(tmp_path, 5)
    send(port, files[:4])
    line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 4, "it waits for quiet")
    send(port, files)
    line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 5, "the late one does not go on")
    line.settle()
    history = list(line.spool.history.lines())
    assert sum(event["event"] == "duplicate" for event in history) == 4
    collected = [event["why"] for event in history if event["event"] == "collected"]
    assert set(collected) == {"4 came, and the association has ended", "it came after the rest had gone on"}
    line.stop()


def test_an_archive_that_has_as_many_completes_the_study(tmp_path: Path) -> None:
    port, pacs_port = free_port(), free_port()
    (tmp_path / "db").mkdir()
    (tmp_path / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {pacs_port}\nMaxPDUSize = 16384\nMaxAssociations = 16\nHostTable BEGIN\nHostTable END\n"
        f"VendorTable BEGIN\nVendorTable END\nAETable BEGIN\nPACS {tmp_path / 'db'} RW (100, 1024mb) ANY\nAETable END\n"
    )
    pacs = subprocess.Popen(["dcmqrscp", "-c", str(tmp_path / "dcmqrscp.cfg")], cwd=tmp_path)
    try:
        rules = (
            f'destination PACS = dicom "PACS@127.0.0.1:{pacs_port}"\n'
            f"on port {port} → collect study quiet 30 seconds ask PACS → store by PatientID\n"
        )
        line = Running(tmp_path, rules, port)
        line.wait_for(lambda: answers(pacs_port), "dcmqrscp does not start")
        files = images(tmp_path, 3)
        send(pacs_port, files, "PACS")
        begun = time.monotonic()
        send(port, files)
        line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 3, "the study does not go on", 60)
        assert 10 < time.monotonic() - begun < 28, "it is asked when half of the quiet time is over"
        line.settle()
        whys = {event["why"] for event in line.spool.history.lines() if event["event"] == "collected"}
        assert whys == {"all 3 came"}
        line.stop()
    finally:
        pacs.terminate()
        pacs.wait(10)
