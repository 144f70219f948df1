"""The commands, beside a real appliance: a backup while images come in, a restore elsewhere, and the next start."""

import json
import stat
import threading
from pathlib import Path

import pytest

from appliance.backup.restoring import decide, stage
from appliance.cli import main
from engine.dicom import Done
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import disk, write_instance
from tests.ports import free_port

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def passphrase(tmp_path: Path) -> Path:
    file = tmp_path / "passphrase"
    file.write_text("korrekt pferd batterie\n", "utf-8")
    file.chmod(0o600)
    return file


def line_at(root: Path) -> Running:
    port = free_port()
    rules = (
        f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}" retry every 1 second for 1 day\n'
        f"on port {port} where Modality = US → store by PatientID\n"
        f"on port {port} where Modality = MR → store by PatientID → forward PACS\n"
    )
    return Running(root, rules, port)


def test_a_backup_while_images_come_in_is_even_on_another_machine(
    tmp_path: Path, passphrase: Path, capsys: Captured
) -> None:
    line = line_at(tmp_path / "old")
    files = []
    for number in range(60):
        path = tmp_path / f"{number}.in"
        write_instance(path, f"1.2.{number + 1}", "US" if number % 2 else "MR")
        files.append(path)
    results: dict[Path, object] = {}
    sending = threading.Thread(target=lambda: results.update(line.send(*files)))
    sending.start()
    made = []
    while sending.is_alive() or not made:
        target = tmp_path / f"{len(made)}.backup"
        words = ["--to", str(target), "--passphrase-file", str(passphrase)]
        assert main(["backup", *words, "--data", str(line.data)]) == 0
        made.append(target)
    sending.join()
    assert all(isinstance(result, Done) for result in results.values())
    told = capsys.readouterr().err
    assert "THE IMAGES in" in told
    assert "Nobody can open it without the passphrase" in told
    for number, file in enumerate(made):
        data = tmp_path / f"new-{number}"
        assert main(["restore", str(file), "--passphrase-file", str(passphrase), "--data", str(data)]) == 0
        capsys.readouterr()
        assert main(["ledger", "--json", "--data", str(data)]) == 0, "nothing is missing"
        count = json.loads(capsys.readouterr().out)
        assert count["waiting"] == count["held"] == count["difference"] == 0
        assert count["received"] == count["delivered"] + count["elsewhere"]
    assert stat.S_IMODE(made[0].stat().st_mode) == 0o600
    assert line.stop() == 0


def test_what_was_decided_is_in_place_before_the_next_start_does_anything(
    tmp_path: Path, passphrase: Path, capsys: Captured
) -> None:
    old = line_at(tmp_path / "old")
    rules = old.rules_file.read_text("utf-8")
    file = tmp_path / "a.backup"
    assert main(["backup", "--to", str(file), "--passphrase-file", str(passphrase), "--data", str(old.data)]) == 0
    assert old.stop() == 0
    new = Running(tmp_path / "new", f'on port {old.port} → discard "no"\n', old.port)
    words = ["restore", str(file), "--passphrase-file", str(passphrase), "--data", str(new.data)]
    assert main(words) == 2
    assert "an appliance runs" in capsys.readouterr().err
    with file.open("rb") as stream:
        stage(new.data, stream, "korrekt pferd batterie")
    decide(new.data)
    assert new.stop() == 0
    assert new.rules_file.read_text("utf-8") != rules
    new.start()
    assert new.rules_file.read_text("utf-8") == rules
    assert "is restored; what was here before: replaced-" in new.said()
    path = tmp_path / "one.in"
    write_instance(path, "1.2.9")
    new.deliver(path)
    assert list(new.archive.rglob("*.dcm")), "it works by the restored rules"
    assert new.stop() == 0


def test_what_is_there_already_is_replaced_only_where_that_is_said(
    tmp_path: Path, passphrase: Path, capsys: Captured
) -> None:
    for name in ("old", "new"):
        (tmp_path / name / "rules").mkdir(parents=True)
        (tmp_path / name / "rules" / "house.rules").write_text(f"# {name}", "utf-8")
    file = tmp_path / "a.backup"
    key = ["--passphrase-file", str(passphrase)]
    assert main(["backup", "--to", str(file), *key, "--data", str(tmp_path / "old")]) == 0
    assert main(["backup", "--to", str(file), *key, "--data", str(tmp_path / "old")]) == 1, "it is there already"
    to = ["--data", str(tmp_path / "new")]
    assert main(["restore", str(file), *key, *to]) == 2
    assert "With --replace" in capsys.readouterr().err
    assert (tmp_path / "new" / "rules" / "house.rules").read_text("utf-8") == "# new"
    assert main(["restore", str(file), *key, *to, "--replace"]) == 0
    assert (tmp_path / "new" / "rules" / "house.rules").read_text("utf-8") == "# old"
    [aside] = (tmp_path / "new").glob("replaced-*/rules/house.rules")
    assert aside.read_text("utf-8") == "# new"


@pytest.mark.parametrize(
    ("said", "mode", "why"),
    [
        ("short", 0o600, "at least 12 characters"),
        ("korrekt pferd batterie", 0o644, "others may read"),
        ("", 0o600, "is empty"),
    ],
)
def test_a_passphrase_that_will_not_do_makes_no_backup(
    tmp_path: Path, passphrase: Path, capsys: Captured, said: str, mode: int, why: str
) -> None:
    passphrase.write_text(said, "utf-8")
    passphrase.chmod(mode)
    (tmp_path / "data").mkdir()
    words = ["--to", str(tmp_path / "a.backup"), "--passphrase-file", str(passphrase), "--data", str(tmp_path / "data")]
    assert main(["backup", *words]) == 2
    assert why in capsys.readouterr().err
    assert not list(tmp_path.glob("*.backup*"))


def test_where_nothing_can_be_written_there_is_no_half_backup(
    tmp_path: Path, passphrase: Path, capsys: Captured
) -> None:
    (tmp_path / "data").mkdir()
    words = ["--passphrase-file", str(passphrase), "--data", str(tmp_path / "data")]
    with disk(error_at=1):
        assert main(["backup", "--to", str(tmp_path / "a.backup"), *words]) == 1
    assert "no backup was made" in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if "backup" in path.name]
