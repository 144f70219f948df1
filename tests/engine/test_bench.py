"""What the workbench answers once an object was cleaned, really and only for show."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import BasicTextSRStorage, EncapsulatedPDFStorage

from engine.bench import DryBench, PixelBench
from engine.cleaning import Cleaning
from engine.errors import Unclean
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.program import Program, Rectangle
from engine.worker import PixelWorker
from tests.engine.pixels.samples import dataset, frame_with, save

BANNER = (Rectangle(0, 0, 128, 16),)


@pytest.fixture(scope="module")
def worker() -> Iterator[PixelWorker]:
    """One for all tests."""
    one = PixelWorker()
    yield one
    one.close()


@pytest.fixture
def bench(tmp_path: Path, worker: PixelWorker) -> PixelBench:
    """One whose files are called 0, 1, …"""
    names = count()
    return PixelBench(Program(), lambda: tmp_path / str(next(names)), worker, Identities.of(tmp_path))


def received(folder: Path) -> Object:
    made = dataset(96, 128, 1, "MONOCHROME2", (8, 8))
    made.PixelData = frame_with("ANNA").tobytes()
    made["PixelData"].VR = "OW"
    return as_object(save(made, folder / "in"))


def as_object(path: Path) -> Object:
    return Object("1", path, Header.read(path), Origin("dicom"))


def bare(folder: Path, sop_class: str) -> Object:
    made = Dataset()
    made.SOPClassUID, made.SOPInstanceUID = sop_class, "1.2.3.4"
    return as_object(save(made, folder / "in"))


@pytest.mark.parametrize("same_uid", [False, True])
def test_the_header_is_that_of_the_cleaned_file_and_for_show_the_same(
    tmp_path: Path, bench: PixelBench, same_uid: bool
) -> None:
    obj = received(tmp_path)
    after = bench.clean(obj, BANNER, (), same_uid=same_uid)
    shown = DryBench(Program()).clean(obj, BANNER, (), same_uid=same_uid)
    for tag in ("SOPInstanceUID", "BurnedInAnnotation"):
        assert after.header.first(tag) == shown.header.first(tag) == str(dcmread(after.payload)[tag].value)
    assert (after.header.first("SOPInstanceUID") == "1.2.3.4") is same_uid
    assert shown.payload == obj.payload
    again = DryBench(Program()).clean(after, BANNER, (), same_uid=same_uid)
    assert again.header.first("SOPInstanceUID") == after.header.first("SOPInstanceUID")


def test_what_a_rule_has_changed_before_is_in_the_cleaned_file(tmp_path: Path, bench: PixelBench) -> None:
    obj = received(tmp_path).with_header({"BurnedInAnnotation": "YES", "InstitutionName": "Nord", "PatientName": None})
    after = bench.clean(obj, BANNER, (), same_uid=False)
    written = dcmread(after.payload)
    assert (written.BurnedInAnnotation, written.InstitutionName, "PatientName" in written) == ("NO", "Nord", False)
    assert after.changes == {}
    assert after.cleaning == Cleaning(boxes=((0, 0, 128, 16),), frames=1, method="native")
    assert replace(after, header=obj.header, payload=obj.payload, changes=obj.changes, cleaning=None) == obj


def test_what_has_no_pixels_needs_no_boxes_and_stays_as_it_is(tmp_path: Path, bench: PixelBench) -> None:
    obj = bare(tmp_path, BasicTextSRStorage)
    assert bench.clean(obj, (), (), same_uid=False) is obj
    assert DryBench(Program()).clean(obj, (), (), same_uid=False) is obj


@pytest.mark.parametrize("sop_class", ["1.2.3", EncapsulatedPDFStorage])
def test_what_is_held_for_its_class_is_held_for_show_too(tmp_path: Path, bench: PixelBench, sop_class: str) -> None:
    obj = bare(tmp_path, sop_class)
    for one in (bench, DryBench(Program())):
        with pytest.raises(Unclean):
            one.clean(obj, BANNER, (), same_uid=False)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_an_image_of_which_all_is_kept_is_held_for_show_too(tmp_path: Path, bench: PixelBench) -> None:
    obj = received(tmp_path)
    for one in (bench, DryBench(Program())):
        with pytest.raises(Unclean, match="whole image"):
            one.clean(obj, (), (Rectangle(0, 0, 128, 96),), same_uid=False)
