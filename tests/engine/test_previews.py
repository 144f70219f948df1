"""Previews of what is held: what they show, who may read them, and that nothing hangs on them."""

import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread

from engine import previews, review
from engine.object import Origin
from engine.pixels import show
from engine.previews import Previews, pictures
from engine.program import Call, Program, Rectangle, Regions
from engine.seal import Seal
from engine.signature import Argument
from engine.step import HOLD, REVIEW
from engine.worker import PixelWorker
from tests.appliance.test_line import ultrasound
from tests.data.make import forward, store
from tests.engine.pixels.samples import native
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk
from tests.engine.spool.test_collect import rules

CLEAN, LOOK = Call("anonymize-pixels", {}), Call("review", {})


@pytest.fixture(scope="module")
def worker() -> Iterator[PixelWorker]:
    one = PixelWorker(60)
    yield one
    one.close()


def program(*chain: Call) -> Program:
    return rules(*(chain or (CLEAN, LOOK, store("Modality"))))


def taken_in(root: Path, some: Program, *, declares: bool = True) -> Line:
    """A line that has taken in an ultrasound image, 96 × 96, which declares (16, 32) to (79, 95), or nothing."""
    line = Line(root, some, Pacs())
    path = line.spool.new_work_file()
    ultrasound(path)
    if not declares:
        image = dcmread(path)
        del image.SequenceOfUltrasoundRegions
        image.save_as(path)
    line.spool.accept(path, Origin("dicom", 1, "SONO1"), line.digest, seal=Seal.of(path))
    for _ in range(3):
        line.turn(time.time())
    line.router.close()
    return line


def look(line: Line) -> None:
    """One look into the hold, as the thread does it."""
    drawing = Previews(line.spool)
    drawing.turn()
    drawing.stop()


def test_what_waits_for_a_review_is_shown_before_and_after_with_its_boxes(tmp_path: Path) -> None:
    line = taken_in(tmp_path, program())
    look(line)
    [one] = review.waiting(line.spool)
    assert one.cleaning.sources == ("the regions that the device declares",)
    assert one.cleaning.boxes == ((0, 0, 96, 32), (0, 32, 16, 64), (80, 32, 16, 64))
    assert (one.cleaning.frames, one.cleaning.method) == (1, "native")
    found = pictures(line.spool, one.id)
    assert found is not None
    assert (found.columns, found.rows, found.frames, found.of, found.why) == (96, 96, (1,), 1, "")
    assert found.cleaning == one.cleaning
    before, after = (imagecodecs.png_decode(path.read_bytes()) for path in (*found.before, *found.after))
    for x, y, width, height in found.cleaning.boxes:
        assert np.ptp(before[y : y + height, x : x + width]) > 100
        assert not after[y : y + height, x : x + width].any()
    assert (before[32:96, 16:80] == after[32:96, 16:80]).all()


def test_they_are_for_this_account_alone_and_go_with_the_object(tmp_path: Path) -> None:
    line = taken_in(tmp_path, program())
    look(line)
    [one] = review.waiting(line.spool)
    folder = line.spool.previews / one.id
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    review.approve(line.spool, one.id)
    assert not folder.exists()
    assert pictures(line.spool, one.id) is None


def test_what_was_cleaned_in_front_of_it_is_clean_behind_it(tmp_path: Path) -> None:
    line = taken_in(tmp_path, program(CLEAN, LOOK, forward("PACS")))
    [waiting] = review.waiting(line.spool)
    review.approve(line.spool, waiting.id)
    again = Line(tmp_path, program(CLEAN, LOOK, forward("PACS")), Pacs())
    again.pacs.away = {str(dcmread(entry.file).SOPInstanceUID) for entry in again.spool.outbox(REVIEW).all()}
    for _ in range(2):
        again.turn(time.time())
    [entry] = again.spool.outbox("PACS").all()
    assert entry.cleared == ("pixels",)
    assert not dcmread(entry.file).pixel_array[:32].any()
    again.router.close()


def test_what_is_left_over_is_removed_at_the_next_look(tmp_path: Path) -> None:
    line = Line(tmp_path, program(), Pacs())
    left = line.spool.previews / "18af0b5cf0a1c2d3abc-aaaaaaaaaaaa"
    left.mkdir()
    left.joinpath("before-1.png").write_bytes(b"")
    look(line)
    assert not left.exists()


def test_what_could_not_be_cleaned_is_shown_as_it_came(tmp_path: Path) -> None:
    line = taken_in(tmp_path, program(CLEAN, store("Modality")), declares=False)
    look(line)
    [entry] = line.spool.outbox(HOLD).all()
    found = pictures(line.spool, entry.id)
    assert found is not None
    assert (len(found.before), found.after, found.cleaning.boxes) == (1, (), ())
    assert list(review.waiting(line.spool)) == []


def test_where_it_was_to_be_blanked_is_told_though_the_file_could_not_be_cleaned(tmp_path: Path) -> None:
    known = Regions("banner", None, False, (Rectangle(0, 0, 96, 16),), "my.rules:3")
    step = Call("anonymize-pixels", {"regions": Argument("word", "banner")})
    line = Line(tmp_path, replace(program(step, store("Modality")), regions=(known,)), Pacs())
    path = line.spool.new_work_file()
    ultrasound(path)
    image = dcmread(path)
    image.PixelData = image.PixelData[:-100]
    image.save_as(path)
    line.spool.accept(path, Origin("dicom", 1, "SONO1"), line.digest, seal=Seal.of(path))
    line.turn(time.time())
    line.router.close()
    [entry] = line.spool.outbox(HOLD).all()
    said = review.cleaning_of(entry)
    assert (said.sources, said.written, said.boxes) == (("regions banner",), "my.rules:3", ((0, 0, 96, 16),))
    assert said.method == ""


def test_where_there_is_nothing_to_show_it_says_why_and_is_not_tried_again(tmp_path: Path, worker: PixelWorker) -> None:
    line = taken_in(tmp_path, program())
    [entry] = line.spool.outbox(HOLD).all()
    entry.file.write_bytes(b"no image")
    look(line)
    found = pictures(line.spool, entry.id, worker)
    assert found is not None
    assert (found.before, found.after) == ((), ())
    assert found.why
    assert list(line.spool.work.glob("*.dcm")) == []


def test_one_that_is_missing_is_made_when_it_is_asked_for(tmp_path: Path, worker: PixelWorker) -> None:
    line = taken_in(tmp_path, program())
    [one] = review.waiting(line.spool)
    assert pictures(line.spool, one.id) is None
    found = pictures(line.spool, one.id, worker)
    assert found is not None
    assert found.before[0].exists()


def test_only_so_many_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    line = taken_in(tmp_path, program())
    monkeypatch.setattr(previews, "MOST", 0)
    look(line)
    assert list(line.spool.previews.iterdir()) == []


def test_what_is_held_for_another_reason_has_none(tmp_path: Path) -> None:
    line = taken_in(tmp_path, program(Call("hold", {})))
    look(line)
    assert len(line.held()) == 1
    assert list(line.spool.previews.iterdir()) == []


def test_a_crash_while_one_is_made_loses_nothing_else_and_the_next_look_makes_it(
    tmp_path: Path, worker: PixelWorker
) -> None:
    line = taken_in(tmp_path, program())
    [entry] = line.spool.outbox(HOLD).all()
    point = 0
    while True:
        point += 1
        with disk(crash_at=point) as done, suppress(Crash):
            previews.make(line.spool, entry, worker)
        if len(done) < point:
            break
        again = Line(tmp_path, program(), Pacs())
        assert [waiting.id for waiting in review.waiting(again.spool)] == [entry.id]
        found = pictures(again.spool, entry.id, worker)
        assert found is not None
        assert [imagecodecs.png_decode(path.read_bytes()).shape for path in (*found.before, *found.after)] == [
            (96, 96),
            (96, 96),
        ]
        again.spool.forget_preview(entry.id)
    assert point > 3


def test_large_pictures_become_smaller_and_a_cine_is_shown_by_three_frames(tmp_path: Path) -> None:
    found = show(native(tmp_path / "in", "MONOCHROME2", (8, 8), frames=9, rows=16, columns=2100), tmp_path / "scratch")
    assert (found.columns, found.rows, found.of) == (2100, 16, 9)
    assert [number for number, _ in found.frames] == [1, 5, 9]
    shapes = {imagecodecs.png_decode(png).shape for _, png in found.frames}
    assert shapes == {(6, 700)}
