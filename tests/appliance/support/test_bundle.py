"""A patient goes through the whole line, in every way that leaves words behind; the bundle knows nothing of it."""

import base64
import io
import json
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from appliance.cli import main
from engine.dicom import Listener, Reception
from engine.errors import Never
from engine.step import HOLD
from tests.appliance.running import Running, started
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

NAME, PATIENT, ACCESSION = "Zyxwicz^Jörgen-Maria", "QX471190", "ACC-8812377"
BIRTH, INSTITUTION, PHYSICIAN = "19530412", "Klinik Überlingen", "Quastenflosser^Ilse"
STUDY = new_uid()
PARTS = ("Zyxwicz", "Jörgen", "Maria", PATIENT, ACCESSION, BIRTH, "Überlingen", "Quastenflosser", "Ilse", STUDY)
TITLE = "SONO_ZYXW"

RULES = """\
# The house of Doktor Quastenflosser
destination PACS = dicom "PACS@127.0.0.1:{pacs}"
destination AWAY = dicom "AWAY@127.0.0.1:1" retry every 1 hour for 1 day
on port {port} where Modality = CT → store by InstitutionName/PatientName → forward PACS
on port {port} where Modality = US → forward AWAY
on port {port} where Modality = NM → store by PatientID/AdmissionID
on port {port} where Modality = MR → hold "the study of Zyxwicz is for Quastenflosser"
on port {port} where Modality = RTPLAN → anonymize → review → forward PACS
"""


def forms(text: str) -> Iterator[bytes]:
    """Every form in which it might stand in a file."""
    for said in {text, text.lower(), text.upper(), text.casefold()}:
        for encoding in ("utf-8", "latin-1", "utf-16-le", "utf-16-be", "cp437"):
            yield said.encode(encoding)
        yield json.dumps(said)[1:-1].encode()
        yield quote(said).encode()
        yield said.encode().hex().encode()
        for shift in range(3):
            # The letters of base64 that come of this text alone, wherever it begins in what was encoded.
            coded = base64.b64encode(b"\0" * shift + said.encode())
            yield coded[{0: 0, 1: 2, 2: 3}[shift] : len(coded) // 4 * 4 - 4]


def found_in(bundle: bytes, text: str) -> list[str]:
    """The members, or names of members, in which it stands in some form."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        members = {name: name.encode() + b"\n" + packed.read(name) for name in packed.namelist()}
    members["(the file itself)"] = bundle
    return [name for name, data in members.items() for form in forms(text) if len(form) > 4 and form in data]


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A line on which all that can happen to a patient has happened."""
    root = tmp_path_factory.mktemp("line")
    port, pacs_port = free_port(), free_port()

    def take(reception: Reception) -> object:
        if reception.path.stat().st_size % 2:
            raise Never(f"no room for {NAME} ({PATIENT})")
        reception.path.unlink()
        return None

    (root / "pacs").mkdir()
    pacs = Listener(pacs_port, take, folder=root / "pacs", ae_title="PACS", address="127.0.0.1")
    pacs.start()
    line = Running(root, RULES.format(port=port, pacs=pacs_port), port)
    started.remove(line.process)  # it lives as long as this file
    files = []
    for number, modality in enumerate(("CT", "CT", "US", "NM", "MR", "RTPLAN", "XA")):
        path = root / f"{NAME}-{number}.dcm"
        tags = {"AccessionNumber": ACCESSION, "PatientBirthDate": BIRTH, "ReferringPhysicianName": PHYSICIAN}
        write_instance(
            path,
            new_uid(),
            modality,
            NAME,
            PatientID=PATIENT,
            StudyInstanceUID=STUDY,
            InstitutionName=INSTITUTION,
            StudyDescription="x" * (1 + number % 2),
            **tags,
        )
        files.append(path)
    broken = root / f"{PATIENT}.dcm"
    broken.write_bytes(files[0].read_bytes()[:-20])
    line.send(*files, broken)
    watched = line.data / "outbox" / "PACS"
    line.wait_for(watched.is_dir, "there is no folder for PACS")
    (watched / f"{NAME}.dcm").write_bytes(b"no image of Zyxwicz")
    line.wait_for(lambda: len(list((line.spool.outbox(HOLD)).all())) >= 4, "not all is held that will be")
    line.wait_for(lambda: line.spool.outbox("AWAY").count().get("later", 0) == 1, "AWAY was not tried")
    assert main(["journal", "search", "zyxwicz", "--data", str(line.data)]) == 0
    yield line
    line.stop()
    pacs.stop()


@pytest.fixture(autouse=True)
def _journalctl(line: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A journalctl that has the log of this line, and one more in which everything is quoted that can be."""
    more = tmp_path / "more"
    entry = "18ebdc550284711-0"
    number = "18ebdc5502847113c5c3b"
    stamp = "2026-11-27 09:00:00,000"
    more.write_text(
        f"{stamp} WARNING held: {number}-371310686dd2: it refuses {NAME} ({PATIENT})\n"
        f"{stamp} WARNING held: {NAME}: no route takes it\n"
        f"{stamp} ERROR the router: {NAME} at engine/router.py:12; going on in 3 s\n"
        f"{stamp} ERROR {NAME}: {PATIENT}; going on in 3 s\n"
        f"{stamp} INFO {NAME} {PATIENT} {ACCESSION} {entry}\n"
        f"Traceback of {NAME}\n"
        f"{stamp} WARNING port 104: {INSTITUTION} is in none of the networks that may send\n"
        "stellwerk.service: Main process exited, code=exited, status=1/FAILURE\n"
        f"stellwerk.service: {NAME}\n",
        "utf-8",
    )
    program = tmp_path / "bin" / "journalctl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec cat "{line.log}" "{more}"\n', "utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def made(line: Running, tmp_path: Path, *words: str) -> bytes:
    file = tmp_path / "bundle.zip"
    assert main(["support", str(file), *words, "--data", str(line.data)]) == 0
    assert file.stat().st_mode & 0o077 == 0
    return file.read_bytes()


def members(bundle: bytes) -> dict[str, str]:
    with zipfile.ZipFile(io.BytesIO(bundle)) as packed:
        return {name: packed.read(name).decode() for name in packed.namelist()}


def test_nothing_of_the_patient_is_in_the_bundle(line: Running, tmp_path: Path) -> None:
    bundle = made(line, tmp_path)
    for text in (*PARTS, TITLE, "PACS@", "127.0.0.1", str(line.data)):
        assert found_in(bundle, text) == [], text
    assert not re.findall(r"\b[0-2](?:\.\d+){6,}", "".join(members(bundle).values())), "no UID at all"
    # Else this would have looked for what was never there.
    assert found_in(_zipped(line.data), "Zyxwicz")
    assert "Zyxwicz" in line.said() or "held:" in line.said()


def test_it_says_how_the_appliance_is_doing(line: Running, tmp_path: Path) -> None:
    said = members(made(line, tmp_path))
    running, spool, counts = (json.loads(said[f"{name}.json"]) for name in ("running", "spool", "counts"))
    assert running["runs"] is True
    assert spool["outboxes"]["hold"]["hold"] >= 4
    assert "no route takes it" in spool["outboxes"]["hold"]["why"]
    assert sum(one.get("later", 0) for one in spool["outboxes"].values()) >= 1
    assert counts["ledger"]["difference"] == 0
    assert counts["ledger"]["received"] >= 7
    assert json.loads(said["program.json"])["steps"]["forward"] == 3
    assert "pydicom" in json.loads(said["software.json"])["packages"]
    assert json.loads(said["machine.json"])["disks"]["data"]["free MB"] > 0
    assert json.loads(said["settings.json"])["data"] == "set"
    assert json.loads(said["settings.json"])["min_free_mb"] == 512
    assert set(said) - {"README.txt", "log.txt"} == {name for name in said if name in said["README.txt"]} - {"log.txt"}
    log_lines = said["log.txt"].splitlines()
    assert any("INFO ready: ports …; rules …; archive …" in one for one in log_lines)
    assert any("held: 18ebdc5502847113c5c3b-371310686dd2: " in one for one in log_lines)
    assert "stellwerk.service: Main process exited, code=exited, status=1/FAILURE" in log_lines


def test_rule_files_are_in_it_only_where_that_is_asked_for(
    line: Running, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = members(made(line, tmp_path, "--with-rules"))
    assert "Quastenflosser" in said["rules/test.rules"]
    assert "AS IT IS" in said["README.txt"]
    assert "addresses" in capsys.readouterr().err


def test_a_broken_data_folder_has_a_bundle_too(tmp_path: Path) -> None:
    spool = tmp_path / "data" / "spool"
    spool.mkdir(parents=True)
    (spool / "history").write_text("not a folder", "utf-8")
    (tmp_path / "data" / "last-good.json").write_text('{"routes": "Zyxwicz"}', "utf-8")
    file = tmp_path / "bundle.zip"
    assert main(["support", str(file), "--data", str(tmp_path / "data")]) == 0
    said = members(file.read_bytes())
    assert json.loads(said["running.json"])["runs"] is False
    assert found_in(file.read_bytes(), "Zyxwicz") == []


def _zipped(folder: Path) -> bytes:
    into = io.BytesIO()
    with zipfile.ZipFile(into, "w") as packed:
        for path in folder.rglob("*"):
            if path.is_file():
                packed.write(path, "member")
    return into.getvalue()
