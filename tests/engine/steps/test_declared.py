"""`anonymize-pixels keep ultrasound-regions`, and who is said to have said where."""

from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread

from engine.bench import DryBench, boxes_for
from engine.cleaning import PIXELS, Cleaning
from engine.condition import Compare, Field, Literal
from engine.errors import Unclean
from engine.header import Header
from engine.object import Object, Origin
from engine.outcome import Delivery
from engine.pixels import Box
from engine.plan import prepare
from engine.program import Call, Program, Rectangle, Regions
from engine.run import run
from engine.signature import Argument
from tests.appliance.test_line import ultrasound
from tests.data.make import FakeBench, names, obj, program, route, store

ULTRASOUND = obj({"Modality": "US", "PatientID": "4711"})
BANNER, MIDDLE = Rectangle(0, 0, 96, 16), Rectangle(32, 48, 32, 32)
REGIONS = (Regions("banner", None, False, (BANNER,), "our.rules:7"), Regions("middle", None, True, (MIDDLE,)))
DECLARED = (Box(0, 0, 96, 32), Box(0, 32, 16, 64), Box(80, 32, 16, 64))
"""What lies outside the region that `ultrasound` declares."""


def rules(*regions: str, keep: bool = True) -> Program:
    """One route that cleans pixels, with these regions and `keep ultrasound-regions`."""
    arguments = {"regions": names(*regions)} if regions else {}
    arguments |= {"keep": Argument("word", "keep")} if keep else {}
    return replace(program(route("r", Call("anonymize-pixels", arguments), store())), regions=REGIONS)


def image(path: Path, *, declares: bool = True) -> Object:
    """An ultrasound image of 96 × 96."""
    ultrasound(path)
    if not declares:
        made = dcmread(path)
        del made.SequenceOfUltrasoundRegions
        made.save_as(path)
    return Object("1", path, Header.read(path), Origin("dicom", 11112))


def only(some: Program, received: Object) -> Delivery:
    """What becomes of it, for show."""
    [delivery] = run(prepare(some), received, DryBench(some)).deliveries
    return delivery


def test_the_bench_is_told_that_what_is_declared_counts() -> None:
    for some, asked in ((rules(), ((), ())), (rules("banner"), ((BANNER,), ())), (rules("middle"), ((), (MIDDLE,)))):
        bench = FakeBench(some)
        run(prepare(some), ULTRASOUND, bench)
        assert (bench.asked, bench.declared) == ([asked], [True])


def test_no_definition_is_asked_where_the_declared_regions_are_named_alone() -> None:
    fits = Compare(Field("Modality"), "=", Literal("text", "US"))
    known = replace(rules(), regions=(Regions("known", fits, False, (BANNER,)),))
    bench = FakeBench(known)
    run(prepare(known), ULTRASOUND, bench)
    assert bench.asked == [((), ())]
    without = replace(known, routes=rules(keep=False).routes)
    bench = FakeBench(without)
    run(prepare(without), ULTRASOUND, bench)
    assert (bench.asked, bench.declared) == ([((BANNER,), ())], [False])


def test_all_outside_what_is_declared_goes_and_the_boxes_too(tmp_path: Path) -> None:
    received = image(tmp_path / "in")
    assert boxes_for(received, (), (), declared=True) == DECLARED
    assert boxes_for(received, (BANNER,), (), declared=True) == (*DECLARED, Box(0, 0, 96, 16))
    outside = (Box(0, 0, 96, 48), Box(0, 48, 32, 32), Box(64, 48, 32, 32), Box(0, 80, 96, 16))
    assert boxes_for(received, (), (MIDDLE,), declared=True) == (*outside, *DECLARED)
    assert boxes_for(received, (BANNER,), ()) == (Box(0, 0, 96, 16),), "without the word the definition alone counts"


@pytest.mark.parametrize("regions", [(), ("banner",)])
def test_what_declares_nothing_is_held(tmp_path: Path, regions: tuple[str, ...]) -> None:
    delivery = only(rules(*regions), image(tmp_path / "in", declares=False))
    assert delivery.outbox == "hold"
    assert "it declares no ultrasound regions (0018,6011), and the rule goes by those" in delivery.note["why"]
    assert Cleaning.of_text(delivery.note[PIXELS]).boxes == ()


def test_regions_outside_the_image_are_not_believed(tmp_path: Path) -> None:
    image(tmp_path / "in")
    made = dcmread(tmp_path / "in")
    made.SequenceOfUltrasoundRegions[0].RegionLocationMaxX1 = 200
    made.save_as(tmp_path / "in")
    received = Object("1", tmp_path / "in", Header.read(tmp_path / "in"), Origin("dicom", 11112))
    with pytest.raises(Unclean, match="outside the image"):
        boxes_for(received, (BANNER,), (), declared=True)


@pytest.mark.parametrize(
    ("some", "brief"),
    [
        (rules(), "the regions that the device declares, 3 boxes"),
        (rules(keep=False), "the regions that the device declares, 3 boxes"),
        (rules("banner", keep=False), "regions banner, 1 box"),
        (rules("banner"), "regions banner and the regions that the device declares, 4 boxes"),
        (rules("banner", "text", keep=False), "regions banner and text that was seen"),
        (rules("text"), "the regions that the device declares and text that was seen"),
    ],
)
def test_who_said_where_is_told(tmp_path: Path, some: Program, brief: str) -> None:
    cleaning = only(some, image(tmp_path / "in")).obj.cleaning
    assert cleaning is not None
    assert cleaning.brief == brief
    assert ("(defined in our.rules:7)" in cleaning.words) is ("banner" in brief)


def test_what_was_done_is_written_and_read() -> None:
    done = Cleaning(("regions ä",), "a.rules:1", ((0, 0, 8, 8), (8, 0, 8, 8)), 40, "native", ("Overlay Data",))
    assert Cleaning.of_text(done.to_text()) == done
    assert done.words == (
        "regions ä, 2 boxes (defined in a.rules:1), in 40 frames; "
        "read again: one value inside, every sample outside as it was; removed besides: Overlay Data"
    )
    assert (Cleaning().words, Cleaning.of_text(Cleaning().to_text())) == ("", Cleaning())
    for torn in ("", "{}", '{"boxes": [[1]], "sources": [], "removed": [], "written": "", "frames": 0, "method": ""}'):
        with pytest.raises((ValueError, KeyError, TypeError)):
            Cleaning.of_text(torn)
