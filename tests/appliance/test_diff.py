"""`stellwerk diff OLD NEW`: what other rules would change, before they do."""

from pathlib import Path

import pytest

from appliance.cli import main
from tests.appliance.running import Running
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

PACS = 'destination PACS = dicom "PACS@127.0.0.1:104"\n'

Captured = pytest.CaptureFixture[str]


def written(folder: Path, name: str, text: str) -> str:
    """A rule file; answers its path."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """An ultrasound and two CTs."""
    folder = tmp_path / "images"
    folder.mkdir()
    for number, modality in enumerate(("US", "CT", "CT")):
        write_instance(folder / f"{modality}{number}.dcm", new_uid(), modality=modality)
    return folder


def test_layout_alone_changes_nothing(tmp_path: Path, capsys: Captured) -> None:
    old = written(tmp_path, "old.rules", "on port 26131 where Modality=US -> store by Modality\n")
    new = written(tmp_path, "new.rules", "# the same\non port 26131\n  where Modality = US\n  → store by Modality\n")
    assert main(["diff", old, new]) == 0
    assert capsys.readouterr().out == "both rules mean the same\n"


def test_it_names_what_is_added_and_removed_with_its_line(tmp_path: Path, capsys: Captured) -> None:
    old = written(tmp_path, "old.rules", PACS + "route house on port 26131 → forward PACS\n")
    new = written(tmp_path, "new.rules", "route house on port 26131 → hold\n\nroute second on port 26132 → hold\n")
    assert main(["diff", old, new]) == 0
    said = capsys.readouterr().out
    assert "listeners added: port 26132" in said
    assert "destinations removed: PACS" in said
    assert f"routes added: second ({new}:3)" in said
    assert f"routes changed: house ({new}:1)" in said


def test_what_works_by_the_clock_is_named_too(tmp_path: Path, capsys: Captured) -> None:
    old = written(tmp_path, "old.rules", 'on port 26131 → store in "teaching" by Modality\n')
    rule = 'route tidy on every day at 03:00 → purge "teaching" older 90 days\n'
    new = written(tmp_path, "new.rules", 'on port 26131 → store in "teaching" by Modality\n' + rule)
    assert main(["diff", old, new]) == 0
    assert f"routes without an object added: tidy ({new}:2)" in capsys.readouterr().out


def test_it_tries_both_on_images_and_shows_only_those_that_go_elsewhere(
    tmp_path: Path, images: Path, capsys: Captured
) -> None:
    old = written(tmp_path, "old.rules", PACS + "on port 26131 → store by Modality → forward PACS\n")
    new = written(
        tmp_path,
        "new.rules",
        PACS + "on port 26131 → store by Modality\non port 26131 where Modality = CT → forward PACS\n",
    )
    assert main(["diff", old, new, "--on", str(images)]) == 0
    said = capsys.readouterr().out
    assert "1 of 3 would be treated differently" in said
    assert f"on port 26131: {images / 'US0.dcm'}\n    - forward to PACS\n" in said
    assert "CT1.dcm" not in said


def test_past_traffic_is_tried_by_the_port_it_came_in_on(tmp_path: Path, capsys: Captured) -> None:
    port = free_port()
    line = Running(tmp_path / "line", f'on port {port} → hold "all"\non port {free_port()} → hold\n', port)
    image = tmp_path / "image.dcm"
    write_instance(image, new_uid())
    line.deliver(image)
    line.stop()
    old = str(line.rules_file)
    new = written(tmp_path, "new.rules", f"on port {port} → store by Modality\n")
    assert main(["diff", old, new, "--on", str(line.data / "spool")]) == 0
    said = capsys.readouterr().out
    assert "1 of 1 would be treated differently" in said
    assert "    - hold it: all\n    + store in archive/US\n" in said


def test_it_says_what_changing_over_would_do_to_ports_and_to_what_is_owed(tmp_path: Path, capsys: Captured) -> None:
    port, other = free_port(), free_port()
    down = f'destination PACS = dicom "PACS@127.0.0.1:{free_port()}"\n'
    line = Running(tmp_path / "line", f"{down}on port {port} → forward PACS\non port {other} → hold\n", port)
    image = tmp_path / "image.dcm"
    write_instance(image, new_uid())
    line.send(image)
    line.wait_for(lambda: bool(line.spool.outbox("PACS").all()), "nothing is owed")
    line.stop()
    new = written(tmp_path, "new.rules", f"on port {port} → store by Modality\n")
    assert main(["diff", str(line.rules_file), new]) == 0
    said = capsys.readouterr().out
    assert f"warning[W502]: port {other} is closed by this change" in said
    assert "E501" not in said
    assert main(["diff", str(line.rules_file), new, "--on", str(line.data / "spool")]) == 0
    assert "error[E501]: PACS is no longer declared, but objects still wait for it: 1" in capsys.readouterr().out


def test_rules_with_a_mistake_cannot_be_compared(tmp_path: Path, capsys: Captured) -> None:
    old = written(tmp_path, "old.rules", "on port 26131 → hold\n")
    new = written(tmp_path, "new.rules", "on port 26131 → hodl\n")
    assert main(["diff", old, new]) == 1
    assert "did you mean hold?" in capsys.readouterr().err


def test_images_that_are_not_there_are_wrong_usage(tmp_path: Path) -> None:
    rules = written(tmp_path, "old.rules", "on port 26131 → hold\n")
    assert main(["diff", rules, rules, "--on", str(tmp_path / "none")]) == 2
