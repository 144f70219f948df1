"""Which regions `anonymize-pixels` asks the workbench to clean, and whether the UID is to stay."""

from dataclasses import replace

import pytest

from engine.plan import prepare
from engine.program import Call, Rectangle, Regions
from engine.run import run
from engine.signature import Argument
from tests.data.make import FakeBench, clean, equals, obj, program, route, store

US, CT = equals("Modality", "US"), equals("Modality", "CT")
ULTRASOUND = obj({"Modality": "US", "PatientID": "4711"})
BLANK, KEEP = Rectangle(0, 0, 9, 9), Rectangle(1, 1, 2, 2)
REGIONS = (
    Regions("ct", CT, False, (KEEP,)),
    Regions("us", US, False, (BLANK,)),
    Regions("us again", US, False, (KEEP,)),
    Regions("named", None, True, (KEEP,)),
)


@pytest.mark.parametrize(
    ("step", "regions", "asked"),
    [
        (clean(), REGIONS, ((BLANK,), ())),
        (clean("named"), REGIONS, ((), (KEEP,))),
        (clean("ct"), REGIONS, ((KEEP,), ())),
        (clean(), REGIONS[:1], ((), ())),
        (clean(), (), ((), ())),
    ],
)
def test_the_first_regions_that_fit_are_blanked_or_those_that_are_named(
    step: Call, regions: tuple[Regions, ...], asked: object
) -> None:
    some = replace(program(route("r", step, store())), regions=regions)
    bench = FakeBench(some)
    [delivery] = run(prepare(some), ULTRASOUND, bench).deliveries
    assert delivery.outbox == "archive.store"
    assert bench.asked == [asked]


@pytest.mark.parametrize(("arguments", "same"), [({}, False), ({"same": Argument("word", "same")}, True)])
def test_the_uid_is_kept_where_the_rule_says_so(arguments: dict[str, Argument], same: bool) -> None:
    some = program(route("r", Call("anonymize-pixels", arguments), store()))
    bench = FakeBench(some)
    run(prepare(some), ULTRASOUND, bench)
    assert bench.same_uid == [same]
