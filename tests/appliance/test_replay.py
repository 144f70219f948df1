"""`stellwerk replay` beside a running appliance: a PACS that has lost its disk gets back what it had."""

import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.cli import main
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import write_instance
from tests.ports import free_port

Captured = pytest.CaptureFixture[str]
OBJECTS = 30


def said(line: Running, capsys: Captured, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["replay", "--since", "2020-01-01", *words, "--data", str(line.data)])
    told = capsys.readouterr()
    return code, told.out + told.err


@pytest.fixture
def ports() -> tuple[int, int]:
    """Of the appliance and of the PACS."""
    return free_port(), free_port()


@pytest.fixture
def pacs(tmp_path: Path, ports: tuple[int, int]) -> Running:
    """A PACS: another appliance, that stores."""
    return Running(tmp_path / "pacs", f"on port {ports[1]} → store by PatientID\n", ports[1])


@pytest.fixture
def line(tmp_path: Path, ports: tuple[int, int], pacs: Running) -> Running:
    """An appliance that stores and sends to the PACS, and what it has had."""
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{ports[1]}" retry every 1 second for 1 day\n'
        f"on port {ports[0]} where Modality = US → store by PatientName → forward PACS\n"
    )
    line = Running(tmp_path / "line", rules, ports[0])
    for number in range(OBJECTS):
        write_instance(tmp_path / f"{number}.in", f"1.2.{number}", "XA" if number == 0 else "US")
    line.deliver(*tmp_path.glob("*.in"))
    pacs.settle()
    assert len(uids(pacs)) == OBJECTS - 1
    return line


def uids(running: Running) -> Counter[str]:
    return Counter(str(dcmread(path).SOPInstanceUID) for path in running.archive.rglob("*.dcm"))


def test_a_pacs_that_has_lost_its_disk_gets_back_what_it_had(line: Running, pacs: Running, capsys: Captured) -> None:
    had = uids(pacs)
    pacs.stop()
    for folder in ("archive", "spool"):
        shutil.rmtree(pacs.data / folder)
    pacs.start()
    code, text = said(line, capsys, "--to", "PACS", "--dry")
    assert code == 0
    assert f"{OBJECTS - 1} of {OBJECTS - 1} would be replayed" in text
    assert f"    {OBJECTS - 1} to PACS\n" in text
    assert "They go as they were stored" in text
    assert not uids(pacs)

    # Both are killed in the middle of it; to repeat it brings the rest.
    command = [sys.executable, "-m", "appliance", "replay", "--since", "2020-01-01", "--to", "PACS"]
    replaying = subprocess.Popen([*command, "--data", str(line.data)])
    end = time.monotonic() + 30
    while time.monotonic() < end and not list((line.data / "spool/programs").glob("*.json"))[1:]:
        time.sleep(0.01)
    time.sleep(0.05)
    line.kill()
    replaying.kill()
    replaying.wait(10)
    line.start()
    code, text = said(line, capsys, "--to", "PACS")
    assert code == 0, text
    line.settle()
    pacs.settle()
    assert uids(pacs) == had
    assert f"0 of {OBJECTS - 1} to replay" in said(line, capsys, "--to", "PACS")[1]
    assert uids(line) == had, "one copy each"
    assert main(["ledger", "--data", str(line.data)]) == 0
    assert f"{OBJECTS} received = {OBJECTS - 1} delivered + 0 waiting + 1 held" in capsys.readouterr().out
    # Under a name, all of it once more.
    assert said(line, capsys, "--to", "PACS", "--as", "second fire")[0] == 0
    line.settle()
    assert line.stop() == 0
    assert pacs.stop() == 0


def test_what_is_held_goes_by_mended_rules(tmp_path: Path, line: Running, pacs: Running, capsys: Captured) -> None:
    other = tmp_path / "other.rules"
    text = line.rules_file.read_text("utf-8")
    other.write_text(text.replace("where Modality = US", "where Modality = XA"), "utf-8")
    code, told = said(line, capsys, "--held", "--rules", str(other))
    assert code == 0
    assert f"1 of {OBJECTS} to replay" in told
    assert f"    {OBJECTS - 1} left as they are: these rules would hold it: no route takes it" in told
    line.settle()
    pacs.settle()
    assert "1.2.0" in uids(line)
    assert "1.2.0" in uids(pacs)
    assert line.stop() == 0

    other.write_text(text.replace("PACS", "READER"), "utf-8")
    code, told = said(line, capsys, "--rules", str(other))
    assert code == 2
    assert "the rules that run do not declare READER" in told
    assert (
        said(line, capsys, "--to", "READER")[1]
        == "stellwerk: these rules declare no destination READER; they have: PACS\n"
    )
    assert said(line, capsys, "--on", "the left")[0] == 2
    code, told = said(line, capsys)
    assert "they go on when the appliance is started" in told
    assert pacs.stop() == 0
