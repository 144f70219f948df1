"""Hot reload: a changed rule file takes over, a wrong one changes nothing and says why."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.demonstration.pacs import answers
from appliance.reload import Reloader
from appliance.rulebook import RuleBook
from appliance.supervise import Supervised
from engine.program import Program
from engine.step import HOLD
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port


def image(folder: Path) -> Path:
    """A new object."""
    uid = new_uid()
    path = folder / f"{uid}.in"
    write_instance(path, uid)
    return path


def test_a_changed_rule_file_takes_over(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    line.deliver(image(tmp_path))
    line.rules_file.write_text(f'on port {port} → store by "new"/Modality\n')
    line.wait_for(lambda: "new rules run" in line.said(), "the rules were not read again")
    line.deliver(image(tmp_path))
    line.stop()
    assert len(list((line.archive / "US").glob("*.dcm"))) == 1
    assert len(list((line.archive / "new" / "US").glob("*.dcm"))) == 1


def test_a_misspelt_tag_keeps_the_old_rules_and_shows_a_caret_and_a_suggestion(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    line.rules_file.write_text(f"on port {port} where Modalty=US → store by Modality\n")
    line.wait_for(lambda: "E101" in line.said(), "nothing was said")
    line.deliver(image(tmp_path))
    line.stop()
    assert "did you mean Modality?" in line.said()
    assert "^^^^^^^" in line.said()
    assert len(list(line.archive.rglob("*.dcm"))) == 1


def test_a_library_that_is_not_in_the_folder_is_no_trouble_and_is_seen_when_it_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    book = RuleBook(tmp_path / "rules")
    book.path.mkdir()
    (book.path / "my.rules").write_text('include "lib/us-regions.rules"\non port 26199 → store by Institution\n')
    used: list[Program] = []
    seen: dict[str, str] = {}
    reloader = Reloader(book, book.compile_to_run(seen), seen, used.append)
    watching = Supervised("rules", reloader.loop)
    watching.start()
    try:
        (book.path / "lib").mkdir()
        (book.path / "lib" / "us-regions.rules").write_text("on port 26198 → hold\n")
        end = time.monotonic() + 10
        while not used and time.monotonic() < end:
            time.sleep(0.05)
        assert [listener.port for listener in used[0].listeners] == [26198, 26199]
        assert [record.message for record in caplog.records if record.levelname == "ERROR"] == []
    finally:
        reloader.stop()
        watching.stop()
        watching.join(10)


def test_an_emptied_rule_file_closes_no_port(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    line.rules_file.write_text("")
    line.wait_for(lambda: "has no route" in line.said(), "nothing was said")
    line.deliver(image(tmp_path))
    line.kill()
    line.start()
    line.deliver(image(tmp_path))
    line.stop()
    assert len(list(line.archive.rglob("*.dcm"))) == 2


def test_a_rule_file_that_is_not_utf_8_is_refused_in_words(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    line.rules_file.write_bytes(
        f'on port {port} where Institution = "München" -> store by Modality\n'.encode("latin-1")
    )
    line.wait_for(lambda: "UTF-8" in line.said(), "nothing was said")
    line.deliver(image(tmp_path))
    line.stop()
    assert len(list(line.archive.rglob("*.dcm"))) == 1


def test_what_it_makes_is_for_its_own_account_alone(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Institution/PatientName\n", port)
    line.deliver(image(tmp_path))
    line.stop()
    made = [path for folder in ("archive", "spool") for path in (line.data / folder).rglob("*")]
    assert len(made) > 10
    assert [path for path in made if path.stat().st_mode & 0o077] == []


def test_a_new_port_opens_and_a_removed_one_closes(tmp_path: Path) -> None:
    port, new = free_port(), free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    line.rules_file.write_text(f"on port {new} → store by Modality\n")
    line.wait_for(lambda: answers(new) and not answers(port), "the ports have not changed")
    assert line.stop() == 0


def test_a_change_made_while_it_starts_is_not_missed(tmp_path: Path) -> None:
    """Between the reading of the rules and the first look at them there is time to save a file."""
    rules, sites = tmp_path / "a.rules", tmp_path / "sites.rules"
    rules.write_text('include "sites.rules"\non port 26131 → forward PACS\n')
    sites.write_text('destination PACS = dicom "PACS@127.0.0.1:104"\n')
    book, seen, used = RuleBook(rules), dict[str, str](), list[Program]()
    first = book.compile_to_run(seen)
    sites.write_text('destination PACS = dicom "PACS@127.0.0.1:105"\n')
    reloader = Reloader(book, first, seen, used.append)
    assert reloader.look()
    assert not reloader.look()
    assert [program.destinations[0].arguments["address"].text for program in used] == ["PACS@127.0.0.1:105"]


def test_a_port_that_is_taken_keeps_the_old_rules(tmp_path: Path) -> None:
    port, taken = free_port(), free_port()
    line = Running(tmp_path / "one", f"on port {port} → store by Modality\n", port)
    other = Running(tmp_path / "two", f"on port {taken} → store by Modality\n", taken)
    line.rules_file.write_text(f"on port {port} → store by Modality\non port {taken} → store by Modality\n")
    line.wait_for(lambda: "cannot take over" in line.said(), "nothing was said")
    line.deliver(image(tmp_path))
    line.stop()
    other.stop()
    assert len(list(line.archive.rglob("*.dcm"))) == 1


def test_a_destination_that_is_still_owed_something_is_not_forgotten(tmp_path: Path) -> None:
    port = free_port()
    rules = f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}"\non port {port} → forward PACS\n'
    line = Running(tmp_path, rules, port)
    line.send(image(tmp_path))
    line.wait_for(lambda: bool(line.spool.outbox("PACS").all()), "nothing is owed")
    line.rules_file.write_text(f"on port {port} → store by Modality\n")
    line.wait_for(lambda: "objects still wait for it: 1" in line.said(), "nothing was said")
    assert "[E501]" in line.said()
    assert len(line.spool.outbox("PACS").all()) == 1
    # A person takes out what waits; the new rules then take over, and nobody touches the file again.
    held = subprocess.run(
        [sys.executable, "-m", "appliance", "spool", "hold", "PACS", "--data", str(line.data)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert held.stdout == "PACS: 1 held\n"
    line.wait_for(lambda: "new rules run" in line.said(), "they do not take over", seconds=20)
    line.deliver(image(tmp_path))
    line.stop()
    assert line.said().count("objects still wait for it") == 1
    assert [entry.why for entry in line.spool.outbox(HOLD).all()] == ["a person took it out of the outbox of PACS"]
    assert len(list(line.archive.rglob("*.dcm"))) == 1


def test_a_destination_that_was_dropped_while_it_was_off_is_not_forgotten_at_a_start(tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    rules = f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}"\non port {port} → forward PACS\n'
    line = Running(tmp_path, rules, port)
    line.send(image(tmp_path))
    line.wait_for(lambda: bool(line.spool.outbox("PACS").all()), "nothing is owed")
    line.stop()
    line.rules_file.write_text(f"on port {port} → store by Modality\non port {other} → store by Modality\n")
    line.start()
    assert "error[E501]: PACS is no longer declared, but objects still wait for it: 1" in line.said()
    assert "stellwerk spool hold PACS" in line.said()
    assert "the last good ones run until nothing does" in line.said()
    line.send(image(tmp_path))
    line.wait_for(lambda: len(line.spool.outbox("PACS").all()) == 2, "it does not receive by the last good rules")
    assert not answers(other)
    held = [sys.executable, "-m", "appliance", "spool", "hold", "PACS", "--data", str(line.data)]
    subprocess.run(held, check=True, capture_output=True)
    line.wait_for(lambda: "new rules run" in line.said(), "they do not take over", seconds=20)
    line.deliver(image(tmp_path))
    line.stop()
    assert len(line.spool.outbox(HOLD).all()) == 2
    assert len(list(line.archive.rglob("*.dcm"))) == 1
    line.start()
    line.wait_for(lambda: answers(other), "the new rules do not run after another start")
    assert line.stop() == 0
    assert line.said().count("[E501]") == 1


def test_reports_to_a_contact_that_is_no_longer_declared_wait_and_that_is_said(tmp_path: Path) -> None:
    port = free_port()
    line = Running(
        tmp_path, f'contact admin = "it@praxis.example"\non port {port} → store by Modality → mail admin\n', port
    )
    line.send(image(tmp_path))
    line.wait_for(lambda: bool(line.spool.outbox("admin.mail").all()), "no report is owed")
    line.rules_file.write_text(f"on port {port} → store by Modality\n")
    line.wait_for(lambda: "1 reports are owed to admin.mail, which the rules do not declare" in line.said(), "silence")
    line.stop()


def test_rules_that_close_a_port_take_over_with_a_warning(tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\non port {other} → store by Modality\n", port)
    line.rules_file.write_text(f"on port {port} → store by Modality\n")
    line.wait_for(lambda: "new rules run" in line.said(), "they do not take over")
    line.wait_for(lambda: f"port {other} is closed by this change" in line.said(), "nothing was said")
    line.stop()


def test_an_object_finishes_under_the_program_that_took_it_in(tmp_path: Path) -> None:
    """Ten objects are taken in, the plug is pulled, the rules change: the ten still go by the old ones."""
    port = free_port()
    line = Running(tmp_path, f'on port {port} → store by "old"\n', port)
    line.send(*(image(tmp_path) for _ in range(10)))
    line.kill()
    stored = len(list(line.archive.rglob("*.dcm")))
    line.rules_file.write_text(f'on port {port} → store by "new"\n')
    line.start()
    line.settle()
    line.stop()
    assert len(list((line.archive / "old").glob("*.dcm"))) == 10 >= stored
    assert not (line.archive / "new").exists()


def test_a_start_with_broken_rules_runs_the_last_good_ones_and_says_so(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by Modality\n", port)
    line.stop()
    line.rules_file.write_text("on port where →\n")
    line.start()
    line.deliver(image(tmp_path))
    line.stop()
    assert "the last good ones run instead" in line.said()
    assert len(list(line.archive.rglob("*.dcm"))) == 1


def test_a_rule_held_object_says_so_and_no_route_holds_too(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f'on port {port} where Modality = US → hold "look at this"\n', port)
    other = tmp_path / "other.in"
    write_instance(other, new_uid(), modality="CT")
    line.send(image(tmp_path), other)
    line.wait_for(lambda: len(line.spool.outbox(HOLD).all()) == 2, "they are not held")
    line.stop()
    reasons = {str(dcmread(entry.file).Modality): entry.why for entry in line.spool.outbox(HOLD).all()}
    assert reasons == {"US": "look at this", "CT": "no route takes it"}
    events = [json.dumps(line) for line in line.spool.history.lines()]
    assert not [event for event in events if "ller" in event], "no name in the history"
