"""The ledger beside a real appliance: the plug is pulled, and all is accounted for; what is taken away is missed."""

import json
import random
import threading
from pathlib import Path

import pytest

from appliance.cli import main
from engine.dicom import Done
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import write_instance
from tests.ports import free_port

Captured = pytest.CaptureFixture[str]
OBJECTS = 60


def ledger(line: Running, capsys: Captured) -> tuple[int, dict[str, int]]:
    capsys.readouterr()
    code = main(["ledger", "--json", "--data", str(line.data)])
    return code, json.loads(capsys.readouterr().out)


def test_after_kills_in_the_middle_the_ledger_is_even_at_every_moment(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}" retry every 1 second for 1 day\n'
        f"on port {port} where Modality = US → store by Institution/PatientName\n"
        f"on port {port} where Modality = MR → store by PatientID → forward PACS\n"
        f'on port {port} where Modality = OT → discard "not wanted"\n'
    )
    line = Running(tmp_path, rules, port)
    files = []
    for number in range(OBJECTS):
        path = tmp_path / f"{number}.in"
        write_instance(path, f"1.2.{number + 1}", ("US", "MR", "OT", "XA")[number % 4])
        files.append(path)
    acknowledged: set[str] = set()
    chance = random.Random(7)
    counts = []
    for _ in range(4):
        plug = threading.Timer(chance.uniform(0.1, 0.5), line.kill)
        plug.start()
        results = line.send(*[path for path in files if path.stem not in acknowledged])
        acknowledged |= {path.stem for path, result in results.items() if isinstance(result, Done)}
        while plug.is_alive():
            counts.append(ledger(line, capsys))
        plug.join()
        counts.append(ledger(line, capsys))
        line.start()
        counts.append(ledger(line, capsys))
    results = line.send(*[path for path in files if path.stem not in acknowledged])
    assert all(isinstance(result, Done) for result in results.values())
    # Only what goes to the PACS, which is not there, is left.
    line.wait_for(lambda: line.spool.unfinished() == sum(line.spool.outbox("PACS").count().values()), "still busy")
    code, last = ledger(line, capsys)
    assert line.stop() == 0
    assert {code for code, _ in counts} == {code} == {0}
    assert {count["difference"] for _, count in counts} == {last["difference"]} == {0}
    assert last["received"] >= OBJECTS
    assert (last["waiting"], last["discarded"]) >= (OBJECTS // 4, OBJECTS // 4)
    # One that was taken in when the plug was pulled, before its sender heard of it, has come twice.
    ended = last["delivered"] + last["waiting"] + last["held"] + last["discarded"] + last["duplicate"]
    assert ended == last["received"]


def test_an_image_that_somebody_takes_out_of_the_spool_is_named(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} where Modality = US → store by Modality\n", port)
    paths = [tmp_path / f"{number}.in" for number in range(3)]
    for number, path in enumerate(paths):
        write_instance(path, f"1.2.{number + 1}", "US" if number else "XA")
    line.deliver(*paths)
    assert main(["ledger", "--data", str(line.data)]) == 0
    assert "3 received = 2 delivered + 0 waiting + 1 held + 0 discarded\nnothing is missing" in capsys.readouterr().out
    [held] = (line.data / "spool" / "hold").glob("*.dcm")
    held.unlink()
    assert main(["ledger", "--data", str(line.data)]) == 1
    said = capsys.readouterr().out
    assert "3 received = 2 delivered + 0 waiting + 0 held + 0 discarded + 1 missing" in said
    assert f"    {held.name.partition('-')[0]}  last: held (hold), 20" in said
    line.stop()


def test_where_there_is_no_spool_there_is_nothing_to_count(tmp_path: Path, capsys: Captured) -> None:
    assert main(["ledger", "--data", str(tmp_path / "none")]) == 2
    assert "there is no spool" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["ledger", "--since", "yesterday"])
    assert "a day is written like 2026-03-01" in capsys.readouterr().err
