"""Two appliances: one forwards with `confirm`, the other answers for what it has; and what it does not answer for."""

import subprocess
import time
from pathlib import Path

import pytest
from pydicom import Dataset, dcmread
from pynetdicom import AE, evt

from engine.dicom.commitment import INSTANCE
from engine.dicom.negotiate import STORAGE_COMMITMENT
from tests.appliance.running import Running, dcmtk_missing
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

US = "1.2.840.10008.5.1.4.1.1.6.1"


def image(path: Path, modality: str = "US") -> Path:
    """One object."""
    write_instance(path, new_uid(), modality)
    return path


def uid_of(path: Path) -> str:
    return str(dcmread(path).SOPInstanceUID)


def ask(port: int, *uids: str, sop_class: str = US) -> dict[str, int | None]:
    """Ask for commitment as a modality does: None for each that is committed, else the failure reason."""
    told: list[Dataset] = []

    def hear(event: evt.Event) -> tuple[int, None]:
        told.append(event.event_information)
        return 0, None

    ae = AE("MODALITY")
    ae.add_requested_context(STORAGE_COMMITMENT)
    association = ae.associate("127.0.0.1", port, ae_title="STELLWERK", evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)])
    assert association.is_established
    asked = Dataset()
    asked.TransactionUID = "1.2.9"
    asked.ReferencedSOPSequence = []
    for uid in uids:
        item = Dataset()
        item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, uid
        asked.ReferencedSOPSequence.append(item)
    status, _ = association.send_n_action(asked, 1, STORAGE_COMMITMENT, INSTANCE)
    assert status.Status == 0
    end = time.monotonic() + 20
    while not told and time.monotonic() < end:
        time.sleep(0.02)
    association.release()
    [results] = told
    committed = {str(item.ReferencedSOPInstanceUID): None for item in results.get("ReferencedSOPSequence", [])}
    failed = {str(one.ReferencedSOPInstanceUID): int(one.FailureReason) for one in results.get("FailedSOPSequence", [])}
    return committed | failed


def test_what_is_stored_held_or_waits_is_answered_for_and_what_is_discarded_or_unknown_is_not(tmp_path: Path) -> None:
    port = free_port()
    rules = (
        'destination AWAY = dicom "AWAY@127.0.0.1:1"\n'
        f"on port {port} where Modality=US → store by PatientID\n"
        f'on port {port} where Modality=OT → discard "not wanted"\n'
        f'on port {port} where Modality=CT → hold "look at it"\n'
        f"on port {port} where Modality=MR → forward AWAY\n"
    )
    line = Running(tmp_path, rules, port)
    files = {modality: image(tmp_path / f"{modality}.dcm", modality) for modality in ("US", "OT", "CT", "MR")}
    line.send(*files.values())
    uids = {modality: uid_of(file) for modality, file in files.items()}
    answers = ask(port, *uids.values(), "1.2.3.4.5")
    assert answers == {
        uids["US"]: None,
        uids["OT"]: 0x0112,
        uids["CT"]: None,
        uids["MR"]: None,
        "1.2.3.4.5": 0x0112,
    }
    assert ask(port, uids["US"], sop_class="1.2.840.10008.5.1.4.1.1.2") == {uids["US"]: 0x0119}
    [copy] = (line.data / "archive").rglob("*.dcm")
    copy.unlink()  # as a purge does
    assert ask(port, uids["US"]) == {uids["US"]: 0x0112}
    assert line.stop() == 0


def test_one_appliance_sends_to_another_and_each_object_is_confirmed_whatever_is_killed(tmp_path: Path) -> None:
    there, here = free_port(), free_port()
    far = Running(tmp_path / "far", f"on port {there} → store by PatientID\n", there)
    rules = (
        f'destination FAR = dicom "FAR@127.0.0.1:{there}" retry every 1 second for 1 day confirm within 5 seconds\n'
        f"on port {here} → forward FAR\n"
    )
    near = Running(tmp_path / "near", rules, here)
    files = [image(tmp_path / f"{n}.dcm") for n in range(60)]
    near.send(*files[:20])
    near.kill()
    near.start()
    near.send(*files[20:40])
    far.kill()
    near.send(*files[40:])
    far.start()
    near.wait_for(lambda: not near.spool.unfinished(), "it is not delivered")
    far.wait_for(lambda: not far.spool.unfinished(), "it is not stored")
    stored = {uid_of(path) for path in (far.data / "archive").rglob("*.dcm")}
    assert stored == {uid_of(path) for path in files}
    assert near.spool.outbox("hold").all() == []
    assert near.stop() == 0
    assert far.stop() == 0


def test_results_find_a_modality_that_has_gone_where_the_rules_know_its_address(tmp_path: Path) -> None:
    told: list[Dataset] = []

    def hear(event: evt.Event) -> tuple[int, None]:
        told.append(event.event_information)
        return 0, None

    waiting = AE("MODALITY")
    waiting.add_supported_context(STORAGE_COMMITMENT, scu_role=False, scp_role=True)
    server = waiting.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_N_EVENT_REPORT, hear)])
    assert server is not None
    port = free_port()
    rules = (
        f'destination MODALITY = dicom "MODALITY@127.0.0.1:{server.server_address[1]}"\n'
        f"on port {port} where Modality=US → store by PatientID\n"
        f"on port {port} where Modality=OT → forward MODALITY\n"
    )
    line = Running(tmp_path, rules, port)
    file = image(tmp_path / "one.dcm")
    line.deliver(file)
    ae = AE("MODALITY")
    ae.add_requested_context(STORAGE_COMMITMENT)

    def deaf(event: evt.Event) -> tuple[int, None]:
        event.assoc.abort()
        return 0xC000, None

    association = ae.associate("127.0.0.1", port, ae_title="STELLWERK", evt_handlers=[(evt.EVT_N_EVENT_REPORT, deaf)])
    asked = Dataset()
    asked.TransactionUID = "1.2.9"
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = US, uid_of(file)
    asked.ReferencedSOPSequence = [item]
    association.send_n_action(asked, 1, STORAGE_COMMITMENT, INSTANCE)
    line.wait_for(lambda: len(told) == 1, "nobody was told")
    assert [str(one.ReferencedSOPInstanceUID) for one in told[0].ReferencedSOPSequence] == [uid_of(file)]
    server.shutdown()
    assert line.stop() == 0


@pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")
def test_an_object_in_doubt_is_looked_for_in_dcmqrscp_before_it_is_sent_again(tmp_path: Path) -> None:
    pacs, port = free_port(), free_port()
    (tmp_path / "db").mkdir()
    configuration = tmp_path / "dcmqrscp.cfg"
    configuration.write_text(
        f"NetworkTCPPort = {pacs}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        "HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nQR {tmp_path / 'db'} RW (200, 1024mb) ANY\nAETable END\n"
    )
    with subprocess.Popen(
        ["dcmqrscp", "-v", "-c", str(configuration)], stdout=(tmp_path / "qr.log").open("wb"), stderr=subprocess.STDOUT
    ) as server:
        try:
            file = image(tmp_path / "one.dcm")
            dataset = dcmread(file)
            dataset.SeriesInstanceUID, dataset.StudyDate, dataset.StudyTime = "1.2.3.4", "20260101", "1200"
            dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "1", "1", "1"
            dataset.AccessionNumber = "1"
            dataset.save_as(file)
            time.sleep(1)
            subprocess.run(["storescu", "-aec", "QR", "127.0.0.1", str(pacs), str(file)], check=True, timeout=20)
            rules = f'destination QR = dicom "QR@127.0.0.1:{pacs}"\non port {port} → forward QR\n'
            line = Running(tmp_path / "line", rules.replace(f":{pacs}", ":1"), port)
            line.send(file)
            line.wait_for(lambda: line.spool.outbox("QR").count()["later"] == 1, "not tried")
            line.kill()
            outbox = line.spool.outbox("QR")
            [entry] = outbox.all()
            entry.file.rename(outbox.active / entry.file.name)  # as if it had been under way when the power was cut
            line.rules_file.write_text(rules, encoding="utf-8")
            line.start()
            line.wait_for(lambda: not line.spool.unfinished(), "not delivered")
            said = (tmp_path / "qr.log").read_text(errors="replace")
            assert said.count("Received Store SCP") == 1, "the first one, with storescu"
            assert said.count("Received Find SCP") == 1
            assert line.stop() == 0
        finally:
            server.terminate()
