"""Out of the house without a patient: received, cleaned, stored and sent to DCMTK's storescp; and the way back."""

import json
import subprocess
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.cli import main
from appliance.demonstration.mailbox import Mailbox
from appliance.demonstration.pacs import Pacs, free_port
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.appliance.test_line import storescu, ultrasound

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")

Captured = pytest.CaptureFixture[str]

WHO = ("ller", "nne", "PID-4711", "19620331", "Praxis", "1.2.3.77")
"""Of the name, the ID, the birth date, the institution and the study."""

RULES = """
destination UNI = dicom "UNI@127.0.0.1:{uni}" outside retry every 1 second for 1 day
contact admin = "it@praxis.example"
route study
  on port {port} where Modality = US
  → anonymize-pixels
  → pseudonymize {how}
  → set ClinicalTrialProtocolID to "T-17"
  → store in "study" by Institution/PatientName/PatientID/StudyDate
  → forward UNI
  → mail admin
route header
  on port {port} where Modality = OT → pseudonymize {how} → store in "study" by PatientID
"""


def patient(path: Path, study: str = "1.2.3.77") -> Path:
    """An ultrasound image of the patient WHO is."""
    ultrasound(path, study)
    dataset = dcmread(path)
    dataset.SpecificCharacterSet = "ISO_IR 100"
    dataset.PatientName, dataset.PatientID, dataset.PatientBirthDate = "Müller^Änne", "PID-4711", "19620331"
    dataset.StudyDate, dataset.StudyDescription = "20260301", "Frau Müller, Schulter"
    dataset.preamble = b"Mueller".ljust(128)
    dataset.save_as(path)
    return path


def torn(path: Path) -> Path:
    """With a sequence in its header that says to be longer than all that follows, and no ultrasound any more."""
    dataset = dcmread(path)
    dataset.Modality = "OT"
    dataset.save_as(path)
    data = path.read_bytes()
    at = data.index(b"\x18\x00\x11\x60SQ")
    path.write_bytes(data[: at + 8] + b"\xf0\xff\xff\x0f" + data[at + 12 :])
    return path


def shown(path: Path) -> str:
    """What DCMTK's dcmdump says of a file."""
    return subprocess.run(["dcmdump", "+L", str(path)], check=True, capture_output=True, timeout=60).stdout.decode(
        "latin-1"
    )


def told(capsys: Captured, *words: str) -> tuple[int, str]:
    """A command as an admin types it: how it ended, and what it said."""
    capsys.readouterr()
    code = main(list(words))
    said = capsys.readouterr()
    return code, said.out + said.err


def test_what_leaves_names_nobody_the_same_patient_stays_the_same_and_the_way_back_is_found(
    tmp_path: Path, capsys: Captured
) -> None:
    uni, mailbox = Pacs(tmp_path / "uni"), Mailbox()
    port = free_port()
    mail = {"mail_host": "127.0.0.1", "mail_port": str(mailbox.port), "mail_security": "none"}
    rules = RULES.format(uni=uni.port, port=port, how="keep modified-dates")
    line = Running(tmp_path, rules, port, mail_quiet_seconds="1", **mail)
    try:
        first, second = patient(tmp_path / "1.dcm"), patient(tmp_path / "2.dcm")
        storescu(port, first)
        line.wait_for(lambda: len(list(uni.folder.iterdir())) == 1, "it does not arrive")
        line.kill()
        line.start()
        # Other rules, saved while it runs, and the same key.
        line.rules_file.write_text(rules.replace("T-17", "T-18"), encoding="utf-8")
        line.wait_for(lambda: "new rules run" in line.said(), "they do not take over")
        storescu(port, second)
        line.wait_for(lambda: len(list(uni.folder.iterdir())) == 2, "the second does not arrive")
        line.wait_for(lambda: bool(mailbox.messages) and not line.spool.unfinished(), "no mail")
    finally:
        assert line.stop() == 0
        uni.close()
        mailbox.close()
    arrived = [dcmread(path) for path in sorted(uni.folder.iterdir())]
    stored = sorted((line.data / "study").rglob("*.dcm"))
    assert len(stored) == 2
    for path in (*uni.folder.iterdir(), *stored):
        text = shown(path) + path.read_bytes().decode("latin-1")
        assert [who for who in WHO if who in text] == []
        assert "M\xfcller" not in text
        assert "Mueller" not in text
    for where in (*(str(path.relative_to(line.data)) for path in stored), line.said(), *map(str, mailbox.messages)):
        assert [who for who in WHO if who in where] == []
    assert {str(one.PatientID) for one in arrived} == {str(one.PatientName) for one in arrived}
    [pseudonym], [study] = {str(one.PatientID) for one in arrived}, {str(one.StudyInstanceUID) for one in arrived}
    assert len({str(one.SOPInstanceUID) for one in arrived}) == 2
    assert {str(one.StudyDate) for one in arrived} != {"20260301"}
    assert all(one.StudyDate == arrived[0].StudyDate for one in arrived)
    assert [one.PatientIdentityRemoved for one in arrived] == ["YES", "YES"]
    assert {str(one.ClinicalTrialProtocolID) for one in arrived} == {"T-17", "T-18"}

    at = ("--data", str(line.data))
    code, text = told(capsys, "reidentify", pseudonym, study, *map(str, stored), "--json", *at)
    found = json.loads(text)
    assert (code, found["missing"]) == (0, [])
    originals = {one["asked"]: one for one in found["found"]}
    assert originals[pseudonym]["value"] == "PID-4711"
    assert originals[study]["value"] == "1.2.3.77"
    images = [originals[str(dcmread(path).SOPInstanceUID)] for path in stored]
    assert {one["kind"] for one in images} == {"image"}
    assert {one["value"] for one in images} == {str(dcmread(path).SOPInstanceUID) for path in (first, second)}
    code, text = told(capsys, "reidentify", pseudonym, "2.25.1", *at)
    assert code == 1
    assert "Müller Änne (PID-4711)" in text
    assert "2.25.1: not known" in text
    code, text = told(capsys, "key", *at)
    old = text.split()[0]
    assert (code, text) == (0, f"{old}  in use\n")
    code, text = told(capsys, "key", "renew", *at)
    assert code == 0
    assert told(capsys, "key", *at)[1].splitlines() == [f"{text.split()[0]}  in use", f"{old}  of before"]
    assert told(capsys, "reidentify", pseudonym, *at)[0] == 0, "by the key of before"
    # Without the key nobody can tell, and nothing is made in its place.
    (line.data / "secrets" / "deid").unlink()
    assert told(capsys, "reidentify", pseudonym, *at)[0] == 2
    assert told(capsys, "key", *at) == (1, "no key: one is made when the first header is anonymized\n")


def test_who_is_not_in_the_table_is_held_until_he_is_and_so_is_for_good_what_cannot_be_cleaned(
    tmp_path: Path, capsys: Captured
) -> None:
    uni, port = Pacs(tmp_path / "uni"), free_port()
    line = Running(tmp_path, RULES.format(uni=uni.port, port=port, how="with register"), port)
    tables = line.data / "tables"
    try:
        storescu(port, patient(tmp_path / "1.dcm"))
        line.wait_for(lambda: line.spool.outbox(HOLD).count()["held"] == 1, "it is not held")
        [entry] = line.spool.outbox(HOLD).all()
        assert "the table register cannot be read" in entry.note["why"]
        assert "the table register cannot be read" in line.said(), "and it was said at the start"
        assert list(uni.folder.iterdir()) == []
        assert not (line.data / "study").exists()
        tables.mkdir()
        (tables / "register.csv").write_text("PID-4711;STUDY-1\n")
        assert told(capsys, "spool", "release", entry.id, "--data", str(line.data))[0] == 0
        line.wait_for(lambda: len(list(uni.folder.iterdir())) == 1, "it does not go on")
        line.wait_for(lambda: len(list((line.data / "study").rglob("*.dcm"))) == 1, "it is not stored")
        line.send(torn(patient(tmp_path / "2.dcm")))
        line.wait_for(lambda: line.spool.outbox(HOLD).count()["held"] == 1, "what cannot be read is not held")
        [entry] = line.spool.outbox(HOLD).all()
    finally:
        line.stop()
        uni.close()
    assert entry.note["why"]
    assert [who for who in WHO if who in entry.note["why"]] == []
    [arrived] = (dcmread(path) for path in uni.folder.iterdir())
    assert (str(arrived.PatientID), str(arrived.PatientName)) == ("STUDY-1", "STUDY-1")
    [stored] = (line.data / "study").rglob("*.dcm")
    assert stored.parts[-4:-1] == ("STUDY-1", "STUDY-1", "unknown")
    assert "PID-4711" not in line.said()
    code, text = told(capsys, "reidentify", "STUDY-1", "--data", str(line.data))
    assert code == 0
    assert "table register" in text
    assert "PID-4711" in text
