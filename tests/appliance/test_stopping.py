"""What systemd's stop does, a SIGTERM amid a transfer: whatever was answered "success" is kept, and once."""

import signal
import threading
import time
from pathlib import Path

from engine.dicom import Done, Outcome, Peer, send
from engine.errors import Later
from tests.appliance.running import Running
from tests.data.make import instance
from tests.ports import free_port

IMAGES = 60


def test_a_stop_amid_a_transfer_keeps_what_was_acknowledged_and_nothing_else_is_taken_for_sent(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by SOPInstanceUID\n", port)
    images = {
        f"1.2.3.4.{number}": instance(tmp_path, name=f"{number}.dcm", SOPInstanceUID=f"1.2.3.4.{number}", PatientID="1")
        for number in range(IMAGES)
    }
    results: dict[Path, Outcome] = {}
    some = threading.Event()

    def note(path: Path, outcome: Outcome) -> None:
        results[path] = outcome
        if len(results) == 5:
            some.set()
        time.sleep(0.01)  # a sender that takes its time, so that the stop comes amid

    def transfer() -> None:
        # One association after the other, as a modality sends that is told to stop now and then.
        for path in images.values():
            try:
                send(Peer("STELLWERK", "127.0.0.1", port, "TEST"), [path], note)
            except Later:
                return

    sending = threading.Thread(target=transfer)
    sending.start()
    assert some.wait(30)
    line.process.send_signal(signal.SIGTERM)
    assert line.process.wait(30) == 0
    sending.join(60)
    taken = {uid for uid, path in images.items() if isinstance(results.get(path), Done)}
    assert 5 <= len(taken) < IMAGES
    line.start()
    line.settle()
    line.stop()
    stored = [path.name for path in line.archive.rglob("*.dcm")]
    assert sorted(stored) == sorted(set(stored))
    assert len(stored) == len(taken) or len(stored) == len(taken) + 1  # one may be kept whose answer came too late
    there = {path.parent.name for path in line.archive.rglob("*.dcm")}
    assert taken <= there
