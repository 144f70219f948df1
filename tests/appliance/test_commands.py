"""The commands as an admin types them: what they say and how they exit."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from appliance.cli import main
from engine.entry import Entry
from engine.object import Origin
from engine.outbox import Outbox
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import Line, Pacs, new_uid, program, write_instance
from tests.ports import free_port

RULES = """
destination PACS_A = dicom "PACS_A@127.0.0.1:104"
contact admin = "it@praxis.example"
on port 26131 where Modality=US → anonymize-pixels → store by Institution/PatientName → forward PACS_A → mail admin
"""


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """The mandated line in a file."""
    path = tmp_path / "house.rules"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """An ultrasound object without pixels."""
    path = tmp_path / "image.dcm"
    write_instance(path, new_uid())
    return path


Captured = pytest.CaptureFixture[str]


def test_check_is_content_with_the_mandated_line(rules: Path, capsys: Captured) -> None:
    assert main(["check", str(rules)]) == 0
    assert "fine; 1 route, ports 26131" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("right", "wrong", "advice"),
    [
        ("Modality", "Modalty", "did you mean Modality?"),
        ("forward PACS_A", "forward PACS_B", "did you mean PACS_A?"),
        ("→ mail admin", "mail admin", "→"),
        ("anonymize-pixels", "anonymise-pixels", "did you mean anonymize-pixels?"),
    ],
)
def test_check_shows_a_caret_and_a_suggestion(
    rules: Path, capsys: Captured, right: str, wrong: str, advice: str
) -> None:
    rules.write_text(RULES.replace(right, wrong), encoding="utf-8")
    assert main(["check", str(rules)]) == 1
    said = capsys.readouterr().err
    assert "^^^" in said
    assert advice in said
    assert "house.rules:4:" in said


def test_check_of_a_missing_file_says_so_in_words(tmp_path: Path, capsys: Captured) -> None:
    assert main(["check", str(tmp_path / "none.rules")]) in (1, 2)
    assert "none.rules" in capsys.readouterr().err


def test_a_word_that_is_no_command_is_wrong_usage(capsys: Captured) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["chekc"])
    assert ended.value.code == 2
    assert "chekc" in capsys.readouterr().err


def test_explain_tells_each_clause_and_what_would_happen(rules: Path, image: Path, capsys: Captured) -> None:
    assert main(["explain", str(image), "--on", "port 26131", "--rules", str(rules)]) == 0
    said = capsys.readouterr().out
    assert "takes it" in said
    assert "yes: Modality = US (it is US)" in said
    assert "fails: it has no pixels" in said
    assert "would hold it" in said


def test_explain_takes_a_bare_port_and_says_when_nothing_listens_there(
    rules: Path, image: Path, capsys: Captured
) -> None:
    assert main(["explain", str(image), "--on", "26131", "--rules", str(rules)]) == 0
    assert "nothing listens" not in capsys.readouterr().out
    assert main(["explain", str(image), "--on", "port 999", "--rules", str(rules)]) == 0
    assert "nothing listens on port 999" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("outbox READER", "would forward to READER"),
        ("outbox PACS_A", "would store in archive/4711"),
        ('folder "/srv/export/"', "would discard it: exported"),
        ("folder /srv/export", "would discard it: exported"),
        ("EXPORT", "would discard it: exported"),
        ("outbox NOBODY", "nothing watches outbox NOBODY"),
        ('folder "/srv/other"', "nothing watches folder"),
    ],
)
def test_explain_knows_what_is_put_into_folders(
    rules: Path, image: Path, capsys: Captured, way: str, says: str
) -> None:
    more = """
        destination READER = dicom "READER@127.0.0.1:105"
        listener EXPORT = folder "/srv/export"
        on EXPORT → discard "exported"
        on outbox PACS_A → store by PatientID
    """
    rules.write_text(RULES + more, encoding="utf-8")
    assert main(["explain", str(image), "--on", way, "--rules", str(rules)]) == 0
    assert says in capsys.readouterr().out
    assert main(["check", str(rules)]) == 0
    assert "ports 26131; folder /srv/export, outbox PACS_A" in capsys.readouterr().out


def test_explain_knows_what_is_posted_and_by_whom(tmp_path: Path, image: Path, capsys: Captured) -> None:
    path = tmp_path / "web.rules"
    path.write_text("on https port 26130 where user = nord → store by PatientID\non http port 7777 → hold\n")
    assert main(["explain", str(image), "--rules", str(path), "--on", "https port 26130", "--user", "nord"]) == 0
    assert "would store" in capsys.readouterr().out
    assert main(["explain", str(image), "--rules", str(path), "--on", "https port 26130"]) == 0
    assert "no: user = nord (it is missing)" in capsys.readouterr().out
    assert main(["explain", str(image), "--rules", str(path), "--on", "http port 7778"]) == 0
    assert "nothing listens on port 7778" in capsys.readouterr().out


def test_explain_says_which_ways_in_there_are(rules: Path, image: Path, capsys: Captured) -> None:
    for way in ("somewhere", "folder export", "outbox"):
        assert main(["explain", str(image), "--on", way, "--rules", str(rules)]) == 2
        assert '"outbox NAME"' in capsys.readouterr().err


def test_no_rule_may_watch_what_the_appliance_writes_itself(rules: Path, tmp_path: Path, capsys: Captured) -> None:
    data = tmp_path / "data"
    rules.write_text(f'on folder "{data}/archive" → store by PatientID\n', encoding="utf-8")
    assert main(["check", str(rules), "--data", str(data)]) == 1
    assert "E206" in capsys.readouterr().err


def test_explain_tells_why_a_route_does_not_match(rules: Path, image: Path, capsys: Captured) -> None:
    write_instance(image, new_uid(), modality="CT")
    assert main(["explain", str(image), "--rules", str(rules)]) == 0
    said = capsys.readouterr().out
    assert "no: Modality = US (it is CT)" in said
    assert "no route takes it" in said


def test_send_finds_dicom_by_content_and_tells_how_many_arrived(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    line = Running(tmp_path / "line", f"on port {port} → store by Modality\n", port)
    folder = tmp_path / "export" / "deep"
    folder.mkdir(parents=True)
    for name in ("a", "b.img", "c.dcm"):
        write_instance(folder / name, new_uid())
    (folder / "readme.txt").write_text("no image")
    assert main(["send", str(tmp_path / "export"), "--to", f"dicom://STELLWERK:ME@127.0.0.1:{port}"]) == 0
    line.settle()
    line.stop()
    said = capsys.readouterr().out
    assert "3 of 3 delivered" in said
    assert "1 other files left out" in said
    assert len(list(line.archive.rglob("*.dcm"))) == 3


def test_send_to_nobody_fails_in_words(image: Path, capsys: Captured) -> None:
    assert main(["send", str(image), "--to", f"dicom://A:B@127.0.0.1:{free_port()}"]) == 1
    said = capsys.readouterr()
    assert "0 of 1 delivered" in said.out
    assert "refuses the connection" in said.err


def test_send_to_an_undeclared_destination_names_the_declared_ones(rules: Path, image: Path, capsys: Captured) -> None:
    assert main(["send", str(image), "--to", "PACS_X", "--rules", str(rules)]) == 2
    assert "PACS_A" in capsys.readouterr().err


def test_spool_lists_what_is_held_releases_and_deletes(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    line = Running(tmp_path, f'on port {port} where Modality = US → hold "look at this"\n', port)
    for number in range(2):
        path = tmp_path / f"{number}.in"
        write_instance(path, new_uid())
        line.send(path)
    line.wait_for(lambda: len(line.spool.outbox("hold").all()) == 2, "not held")
    data = str(line.data)
    assert main(["spool", "--data", data]) == 0
    said = capsys.readouterr().out
    assert said.count("look at this") == 2
    assert "ller" not in said
    first, second = (entry.id for entry in line.spool.outbox("hold").all())
    assert main(["spool", "delete", first, "--data", data]) == 0
    line.rules_file.write_text(f"on port {port} → store by Modality\n")
    line.wait_for(lambda: "new rules run" in line.said(), "the rules were not read again")
    assert main(["spool", "release", second, "--data", data]) == 0
    line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 1, "what was released is not stored")
    line.stop()
    assert main(["spool", "release", "nonsense", "--data", data]) == 1
    assert main(["spool", "release", "--data", data]) == 2


def test_spool_hold_takes_them_one_by_one_so_that_none_waits_claimed_for_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = Line(tmp_path, program(), Pacs())
    for uid in ("1.1", "1.2", "1.3"):
        line.receive(uid)
    while line.router.turn():
        pass
    claimed: list[int] = []
    really = Outbox.hold

    def hold(home: Outbox, entry: Entry, why: str) -> None:
        claimed.append(home.count()["active"])
        really(home, entry, why)

    monkeypatch.setattr(Outbox, "hold", hold)
    assert main(["spool", "hold", "PACS", "--data", str(tmp_path)]) == 0
    assert claimed == [1, 1, 1], "a pump beside it gives back what stays claimed for a minute"
    assert line.held() == ["1.1", "1.2", "1.3"]


def test_an_outbox_of_which_nobody_was_told_is_emptied_all_the_same(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    home = line.spool.outbox("archive.store")
    number = "18eb78bb2a48a28498e3b-b49ea15e180c"
    write_instance(home.active / f"{number}.dcm", new_uid())
    origin = Origin("dicom", port)
    entry = Entry(number, number.partition("-")[0], "archive.store", "main", "1", "", origin, since=time.time())
    (home.entries / f"{number}.json").write_bytes(entry.to_bytes())
    # As a turn of the router leaves it that the disk breaks behind the promise, and the next one settles.
    (home.active / f"{number}.dcm").rename(home.ready / f"{number}.dcm")
    line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 1, "it is not stored", 10)
    line.stop()


def test_a_second_appliance_on_the_same_data_says_so_and_ends(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    words = [sys.executable, "-m", "appliance", "run", "--data", str(line.data)]
    second = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    line.stop()
    assert second.returncode == 1
    assert "another one runs in" in second.stderr


def test_the_first_start_lays_down_the_default_rules(tmp_path: Path) -> None:
    from appliance.rulebook import install_default_rules

    install_default_rules(tmp_path / "rules")
    assert main(["check", str(tmp_path / "rules")]) == 0


def test_a_setting_that_does_not_exist_is_wrong_usage(
    rules: Path, monkeypatch: pytest.MonkeyPatch, capsys: Captured
) -> None:
    monkeypatch.setenv("STELLWERK_MAILHOST", "x")
    assert main(["check", "--rules", str(rules)]) == 2
    assert "STELLWERK_MAIL_HOST" in capsys.readouterr().err


def test_the_demo_accounts_for_every_image(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "appliance", "demo", "--data", str(tmp_path)]
    result = subprocess.run(words, capture_output=True, text=True, timeout=200, check=False)
    assert result.returncode == 0, result.stdout[-2000:] + result.stderr[-2000:]
    assert "difference 0" in result.stdout.replace("\n", " ")
    assert len(list(tmp_path.rglob("*-after.png"))) >= 3
    shutil.rmtree(tmp_path)
