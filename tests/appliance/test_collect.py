"""`collect` in the running appliance: a study that is quiet goes to the PACS, whatever is pulled meanwhile."""

import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.demonstration.pacs import answers
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")


def test_a_study_is_collected_through_a_pulled_plug_and_forwarded_whole(tmp_path: Path) -> None:
    port, pacs_port = free_port(), free_port()
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{pacs_port}" retry every 1 second for 1 day\n'
        f"on port {port} → store by PatientID → collect study quiet 4 seconds → forward PACS\n"
    )
    line = Running(tmp_path, rules, port)
    images = [tmp_path / f"{number}.dcm" for number in range(5)]
    for image in images:
        write_instance(image, new_uid())
    subprocess.run(["storescu", "127.0.0.1", str(port), *map(str, images[:3])], check=True, timeout=60)
    line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 3, "what stands in front does not wait")
    assert line.spool.outbox("study.collect").count()["ready"] == 3
    line.kill()
    line.start()
    subprocess.run(["storescu", "127.0.0.1", str(port), *map(str, images[3:])], check=True, timeout=60)
    line.wait_for(lambda: line.spool.outbox("study.collect").count()["ready"] == 5, "they are not collected")
    assert sum(line.spool.outbox("PACS").count().values()) == 0
    line.wait_for(lambda: sum(line.spool.outbox("PACS").count().values()) == 5, "the study does not go on")
    folder = tmp_path / "pacs"
    folder.mkdir()
    storescp = subprocess.Popen(["storescp", "+xa", "-aet", "PACS", "-od", str(folder), str(pacs_port)])
    try:
        line.wait_for(lambda: answers(pacs_port), "storescp does not start")
        line.settle()
        sent = {str(dcmread(path).SOPInstanceUID) for path in folder.iterdir()}
        assert sent == {str(dcmread(path).SOPInstanceUID) for path in images}
        assert line.spool.outbox("hold").all() == []
    finally:
        storescp.terminate()
        storescp.wait()
        line.stop()
