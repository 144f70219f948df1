"""`await` in the running appliance: the PACS is down, so the archive waits, whatever is pulled meanwhile."""

import subprocess
import time
from pathlib import Path

import pytest

from appliance.demonstration.pacs import answers
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")


def test_the_archive_waits_for_the_pacs_through_a_pulled_plug_and_gets_it_at_once_then(tmp_path: Path) -> None:
    port, pacs_port = free_port(), free_port()
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{pacs_port}" retry every 1 second for 1 day\n'
        f"on port {port} → forward PACS → await → store by PatientID\n"
    )
    line = Running(tmp_path, rules, port)
    images = [tmp_path / f"{number}.dcm" for number in range(3)]
    for image in images:
        write_instance(image, new_uid())
    subprocess.run(["storescu", "127.0.0.1", str(port), *map(str, images)], check=True, timeout=60)
    archive = line.spool.outbox("archive.store")
    line.wait_for(lambda: archive.count()["waiting"] == 3, "they do not wait")
    line.kill()
    line.start()
    assert not list(line.archive.rglob("*.dcm"))
    folder = tmp_path / "pacs"
    folder.mkdir()
    storescp = subprocess.Popen(["storescp", "+xa", "-aet", "PACS", "-od", str(folder), str(pacs_port)])
    try:
        line.wait_for(lambda: answers(pacs_port), "storescp does not start")
        line.wait_for(lambda: len(list(folder.iterdir())) == 3, "not forwarded")
        forwarded = time.monotonic()
        line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 3, "not stored")
        # Woken, not found at the next look, which comes every 30 s.
        assert time.monotonic() - forwarded < 15
        line.wait_for(lambda: not line.spool.unfinished(), "something is left")
    finally:
        storescp.terminate()
        storescp.wait()
        line.stop()
