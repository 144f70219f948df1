"""`stellwerk journal` as an admin types it, beside a running appliance."""

import json
from pathlib import Path

import pytest

from appliance.cli import main
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import write_instance
from tests.ports import free_port

Captured = pytest.CaptureFixture[str]


def said(line: Running, capsys: Captured, *words: str) -> tuple[int, str]:
    capsys.readouterr()
    code = main(["journal", *words, "--data", str(line.data)])
    told = capsys.readouterr()
    return code, told.out + told.err


def test_what_came_can_be_searched_and_followed(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    rules = (
        f"on port {port} where Modality = US → store by PatientName\n"
        f'on port {port} where Modality = OT → discard "no"\n'
    )
    line = Running(tmp_path, rules, port)
    for number, (modality, patient) in enumerate(
        (("US", "Müller^Änne"), ("OT", "Meier^[b]ert"), ("XA", "Huber^Cäsar"))
    ):
        write_instance(tmp_path / f"{number}.in", f"1.2.{number}", modality, patient)
    line.deliver(*tmp_path.glob("*.in"))
    # The appliance keeps the journal by itself.
    line.wait_for((line.data / "spool" / "journal.sqlite").exists, "no journal")

    code, text = said(line, capsys, "search", "mueller")
    assert code == 0
    assert "Müller Änne (4711)" in text
    assert "delivered" in text
    assert "Huber" not in text
    code, text = said(line, capsys, "search", "--name", "meier")
    assert "Meier [b]ert" in text
    assert "discarded" in text
    assert said(line, capsys, "search", "Schmidt") == (1, "nothing was found\n")
    assert said(line, capsys, "search", "--to", "2020-01-01")[0] == 1

    code, text = said(line, capsys, "search", "--json", "--from", "2020-01-01")
    found = json.loads(text)
    assert found["count"] == 3
    numbers = {hit["state"]: hit["number"] for hit in found["objects"]}
    code, text = said(line, capsys, "show", numbers["delivered"])
    assert code == 0
    assert "stored:    archive/Müller^Änne/1.2.0.dcm" in text
    for word in ("received", f"by dicom {port} from TEST", "promised", "archive.store", "delivered"):
        assert word in text
    code, text = said(line, capsys, "show", numbers["held"][:18])
    assert "no route takes it" in text or "several begin so" in text
    assert said(line, capsys, "show", "ffff") == (1, "stellwerk: no object has that number\n")
    assert said(line, capsys, "show")[0] == 2

    for folder in ("history", "keys"):
        for path in (line.data / "spool" / folder).iterdir():
            path.unlink()
    code, text = said(line, capsys, "rebuild")
    assert (code, text) == (0, "0 lines of history and keys; found besides: 1 in the spool, 1 in the archive\n")
    assert "delivered" in said(line, capsys, "search", "mueller")[1]
    assert "held" in said(line, capsys, "search", "huber")[1]
    assert line.stop() == 0
