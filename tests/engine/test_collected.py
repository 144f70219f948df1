"""`collect` in the heart (semantics 1): where a run ends, and how tests and explanations pass it."""

from appliance.wording import effect
from engine.object import Object
from engine.outcome import Outcome
from engine.plan import prepare
from engine.program import Call, Program
from engine.run import run
from engine.signature import Argument
from tests.data.make import FakeBench, forward, obj, program, put, route, store

COLLECT = Call("collect", {"unit": Argument("word", "study"), "quiet": Argument("duration", "2 minutes")})


def ran(some: Program, received: Object, **options: bool) -> Outcome:
    """What becomes of an object under these rules."""
    return run(prepare(some), received, FakeBench(some, ""), **options)


def test_a_collect_ends_the_run_and_promises_what_stands_in_front_of_it() -> None:
    received = obj({"PatientID": "4711", "StudyInstanceUID": "1.2.3"})
    found = ran(program(route("us", store("PatientID"), COLLECT, forward("PACS"))), received)
    assert [delivery.outbox for delivery in found.deliveries] == ["archive.store", "study.collect"]
    note = {"uid": "1.2.3", "quiet": "120", "quiet words": "2 minutes", "kept": "yes", "sop": ""}
    assert found.deliveries[1].note == note


def test_a_test_or_an_explanation_passes_a_collect_and_says_so() -> None:
    study = Call("collect", {"unit": Argument("word", "series"), "quiet": Argument("duration", "2 minutes")})
    wait = Call("await", {})
    received = obj({"PatientID": "4711", "SeriesInstanceUID": "1.2.3"})
    some = program(route("us", store("PatientID"), study, forward("PACS"), wait, forward("READER")))
    found = ran(some, received, through=True)
    assert [effect(delivery) for delivery in found.deliveries] == [
        "store in archive/4711",
        "forward to PACS, once its series has been quiet for 2 minutes",
        "forward to READER, once its series has been quiet for 2 minutes, once all before it is delivered",
    ]
    assert found.deliveries[2].gates == (found.deliveries[1].id,), "it waits for what stands behind the collect only"


def test_what_stands_in_front_is_done_though_the_rest_fails() -> None:
    some = program(route("us", store("PatientID"), COLLECT, put("NumberOfFrames", "many"), forward("PACS")))
    found = ran(some, obj({"PatientID": "4711", "StudyInstanceUID": "1.2.3"}), through=True)
    assert [delivery.outbox for delivery in found.deliveries] == ["archive.store", "hold"]
