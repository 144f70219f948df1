"""A day in short: 500 objects, and the plug pulled ten times in the middle."""

import random
import threading
from collections import Counter
from pathlib import Path

from pydicom import dcmread

from engine.dicom import Done
from engine.step import HOLD
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import write_instance
from tests.ports import free_port

OBJECTS = 500
KILLS = 10


def test_after_ten_kills_every_acknowledged_object_is_in_exactly_one_place(tmp_path: Path) -> None:
    port = free_port()
    rules = f"on port {port} where Modality = US → store by Institution/PatientName\n"
    line = Running(tmp_path, rules, port)
    files = []
    for number in range(OBJECTS):
        path = tmp_path / f"{number}.in"
        # Every tenth has no route, so that the hold gets its share.
        write_instance(path, f"1.2.{number + 1}", "XA" if number % 10 == 0 else "US", f"Patient{number % 7}^Änne")
        files.append(path)
    acknowledged: set[str] = set()
    chance = random.Random(11)
    for kill in range(KILLS + 1):
        missing = [path for path in files if path.stem not in acknowledged]
        assert missing or kill > 0
        if kill < KILLS:
            # Early enough to hit the middle of what is left, whatever this machine's speed.
            plug = threading.Timer(chance.uniform(0.05, 0.6), line.kill)
            plug.start()
            results = line.send(*missing)
            plug.join()
        else:
            results = line.send(*missing)
        acknowledged |= {path.stem for path, result in results.items() if isinstance(result, Done)}
        if kill < KILLS:
            line.start()
    assert len(acknowledged) == OBJECTS
    line.settle()
    line.stop()
    stored = Counter(str(dcmread(path).SOPInstanceUID) for path in line.archive.rglob("*.dcm"))
    held = Counter(str(dcmread(entry.file).SOPInstanceUID) for entry in line.spool.outbox(HOLD).all())
    assert max(stored.values()) == 1, "nothing is twice in the archive"
    assert set(stored) == {f"1.2.{number + 1}" for number in range(OBJECTS) if number % 10}
    assert set(held) == {f"1.2.{number + 1}" for number in range(OBJECTS) if number % 10 == 0}
    # An object may be held twice only if its first acknowledgement died with a kill and its sender sent it again.
    assert sum(held.values()) - len(held) <= KILLS
    assert not list((line.data / "spool" / "work").iterdir())
    assert not list((line.data / "spool" / "routed").iterdir())


def test_an_object_that_was_being_sent_when_the_plug_was_pulled_is_sent_after_the_restart(tmp_path: Path) -> None:
    port, pacs = free_port(), free_port()
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{pacs}" retry every 1 second for 1 day\n'
        f"on port {port} → forward PACS\n"
    )
    line = Running(tmp_path, rules, port)
    path = tmp_path / "one.in"
    write_instance(path, "1.2.3")
    line.send(path)
    line.wait_for(lambda: bool(line.spool.outbox("PACS").all()), "not owed")
    line.kill()
    other = Running(tmp_path / "pacs", f"on port {pacs} → store by Modality\n", pacs)
    line.start()
    other.wait_for(lambda: len(list(other.archive.rglob("*.dcm"))) == 1, "it has not arrived")
    line.settle()
    assert line.stop() == 0
    assert other.stop() == 0
