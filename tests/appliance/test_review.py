"""`review` in the running appliance, and what commands, a console and the history know of it."""

import json
import subprocess
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread

from appliance.cli import main
from appliance.reviewing import Reviewing
from appliance.rulebook import RuleBook
from engine import review
from engine.errors import Unclean
from engine.pixels import Box
from engine.program import Call
from engine.step import HOLD, REVIEW
from tests.appliance.running import Running, dcmtk_missing
from tests.appliance.test_line import ultrasound
from tests.data.make import number, store
from tests.engine.spool.crash_kit import Line, Pacs
from tests.engine.spool.test_collect import rules
from tests.engine.spool.test_review import settled
from tests.ports import free_port

pytestmark = pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")

RULES = """
regions banner for ManufacturerModelName = "Ours"
  blank (0, 0, 96, 32)
on port {port} → anonymize-pixels → review → store by PatientID
"""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Running:
    """An appliance, stopped again, in which three images wait: one of a known model, and one that cannot be cleaned."""
    root, port = tmp_path_factory.mktemp("review"), free_port()
    line = Running(root, RULES.format(port=port), port)
    images = [ultrasound(root / f"{number}.dcm") for number in range(4)]
    known, unknown = dcmread(images[0]), dcmread(images[1])
    known.ManufacturerModelName = "Ours"
    known.save_as(images[0])
    del unknown.SequenceOfUltrasoundRegions
    unknown.save_as(images[1])
    subprocess.run(["storescu", "127.0.0.1", str(port), *map(str, images)], check=True, timeout=60)
    line.wait_for(lambda: len(line.spool.outbox(HOLD).all()) == 4, "not all is held")
    line.wait_for(lambda: len(list(line.spool.previews.iterdir())) == 4, "not all can be seen")
    line.stop()
    return line


def said(capsys: pytest.CaptureFixture[str], line: Running, *words: str, code: int = 0) -> str:
    """What a command prints."""
    assert main([*words, "--data", str(line.data)]) == code
    return capsys.readouterr().out


def test_it_says_who_said_where_and_what_was_proved_and_names_nobody(
    waiting: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, waiting, "review")
    assert "3 waiting for a review" in text
    assert "regions banner, 1 box (defined in " in text
    assert "test.rules:2), in 1 frame; read again: one value inside, every sample outside as it was" in text
    assert text.count("the regions that the device declares, 3 boxes, in 1 frame") == 2
    assert not [name for name in ("Müller", "Änne", "4711") if name in text]


def test_the_history_tells_it_too(waiting: Running, capsys: pytest.CaptureFixture[str]) -> None:
    [entry] = [one for one in waiting.spool.outbox(HOLD).all() if "banner" in one.note["pixels"]]
    shown = said(capsys, waiting, "journal", "show", entry.object)
    assert "regions banner, 1 box (defined in " in shown
    assert REVIEW in shown
    history = "".join(path.read_text("utf-8") for path in (waiting.spool.root / "history").iterdir())
    assert not [name for name in ("Müller", "Änne", "4711") if name in history]


def test_show_leads_to_the_pictures(waiting: Running, capsys: pytest.CaptureFixture[str]) -> None:
    [entry] = [one for one in waiting.spool.outbox(HOLD).all() if "banner" in one.note["pixels"]]
    text = said(capsys, waiting, "review", "show", entry.id)
    assert "box (0, 0, 96, 32)" in text
    folder = waiting.spool.previews / entry.id
    before, after = (imagecodecs.png_decode((folder / f"{side}-1.png").read_bytes()) for side in ("before", "after"))
    assert (np.ptp(before[:32]) > 100, after[:32].any(), (before[32:] == after[32:]).all()) == (True, False, True)
    facts = json.loads((folder / "facts.json").read_text("utf-8"))
    assert facts["cleaning"]["boxes"] == [[0, 0, 96, 32]]


def test_explain_says_who_would_say_where(waiting: Running, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("explain", str(waiting.root / "0.dcm"), "--on", f"port {waiting.port}")
    text = said(capsys, waiting, *words)
    assert "pixels cleared (regions banner, 1 box), with" in text
    assert "once its image has been approved by a person" in text


def test_a_region_editor_tries_boxes_and_gets_rule_text(waiting: Running, tmp_path: Path) -> None:
    reviewing = Reviewing(waiting.spool.root)
    try:
        [unknown] = [one.id for one in waiting.spool.outbox(HOLD).all() if not one.waits_for_review]
        found = reviewing.pictures(unknown)
        assert found is not None
        assert (len(found.before), found.after) == (1, ())
        tried = reviewing.try_boxes(unknown, [Box(10, 20, 30, 40)])
        [(_, png)] = tried.shown.frames
        drawn = imagecodecs.png_decode(png)
        assert (tried.boxes, tried.method) == ((Box(10, 20, 30, 40),), "native")
        assert not drawn[20:60, 10:40].any()
        assert np.ptp(drawn[60:]) > 100
        with pytest.raises(Unclean):
            reviewing.try_boxes(unknown, [Box(500, 500, 10, 10)])
        with pytest.raises(KeyError):
            reviewing.try_boxes("nothing", [Box(0, 0, 1, 1)])
        assert list(waiting.spool.work.glob("*.dcm")) == []
        text = reviewing.definition(unknown, "room-2", [Box(10, 20, 30, 40)], keep=True)
        (tmp_path / "a.rules").write_text(f"on port 11112 → anonymize-pixels → store by PatientID\n\n{text}", "utf-8")
        compiled = RuleBook(tmp_path / "a.rules").compile()
        assert not compiled.findings
        assert compiled.program is not None
        [regions] = compiled.program.regions
        [box] = regions.boxes
        assert (regions.name, regions.keep, box.x, box.y, box.width, box.height) == ("room-2", True, 10, 20, 30, 40)
        with pytest.raises(ValueError, match="no definition can be called"):
            reviewing.definition(unknown, "room 2 → hold", [Box(10, 20, 30, 40)], keep=True)
    finally:
        reviewing.close()


def test_wrong_words_change_nothing(waiting: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert "does not wait" not in said(capsys, waiting, "review", "approve", "nothing", code=1)
    for words in (("approve",), ("reject", "--all"), ("approve", "x", "--all")):
        said(capsys, waiting, "review", *words, code=2)
    said(capsys, waiting, "spool", "release", "all", code=1)
    assert len(list(Reviewing(waiting.spool.root).waiting())) == 3


def test_through_kills_each_is_stored_once_when_it_was_approved_and_not_before(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, RULES.format(port=port), port)
    images = [ultrasound(tmp_path / f"{number}.dcm") for number in range(6)]
    try:
        subprocess.run(["storescu", "127.0.0.1", str(port), *map(str, images)], check=True, timeout=60)
        line.wait_for(lambda: len(_waiting(line)) > 2, "nothing waits")
        line.kill()
        line.start()
        line.wait_for(lambda: len(_waiting(line)) == 6, "not all waits")
        assert list(line.archive.rglob("*.dcm")) == []
        rejected, *approved = _waiting(line)
        reviewing = Reviewing(line.spool.root)
        reviewing.reject(rejected, "no")
        for number, one in enumerate(approved):
            reviewing.approve(one)
            if number == 2:
                line.kill()
        line.start()
        line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == 5, "what was approved is not stored")
        assert [entry.id for entry in line.spool.outbox(HOLD).all()] == [rejected]
        assert line.spool.unfinished() == 0
        for path in line.archive.rglob("*.dcm"):
            assert not dcmread(path).pixel_array[:32].any()
        with pytest.raises(KeyError):
            reviewing.approve(rejected)
        line.wait_for(lambda: [one.name for one in line.spool.previews.iterdir()] == [rejected], "pictures are left")
    finally:
        line.stop()


def _waiting(line: Running) -> list[str]:
    return [entry.id for entry in line.spool.outbox(HOLD).all() if entry.waits_for_review]


def test_the_devices_that_are_counted_are_listed_and_begun_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = Line(tmp_path, rules(Call("review", {"number": number("2")}), store("PatientID")), Pacs())
    line.receive("1.2.1", Manufacturer="Philips", ManufacturerModelName="CX50", StationName="ROOM1")
    settled(line)
    [one] = review.waiting(line.spool)
    review.approve(line.spool, one.id)
    assert main(["review", "devices", "--data", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "1 approved  Philips CX50, ROOM1\n" in text
    assert "1 device of which images were approved" in text
    assert not [name for name in ("Müller", "Änne", "4711") if name in text]
    device = text.split()[0]
    for words, code in ((("0" * 16,), 1), (("../hold",), 1), ((), 2), ((device, "--all"), 2), ((device,), 0)):
        assert main(["review", "anew", *words, "--data", str(tmp_path)]) == code
    capsys.readouterr()
    assert main(["review", "devices", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "0 devices of which images were approved\n"
