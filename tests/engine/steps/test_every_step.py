"""What is demanded of every step there is, and of every step that will be: parametrised over the registry."""

import re
from collections.abc import Mapping, Sequence
from datetime import time
from keyword import iskeyword
from pathlib import Path

import pytest

import engine.steps
from engine.object import Object
from engine.profile.policy import Policy
from engine.program import CLEAN, Call, Program
from engine.schedule import Since
from engine.signature import Argument, Signature
from engine.step import Deliver, Drop, Gather, Hold, Wait, step
from engine.steps import CHORES, STEPS
from engine.vocabulary import PLANNED_STEPS, vocabulary
from tests.data.make import (
    FakeBench,
    clean,
    discard,
    forward,
    hold,
    mail,
    names,
    obj,
    put,
    remove,
    store,
    word,
)

MANUALS = {name: declared.manual for name, declared in (*STEPS.items(), *CHORES.items())}
SIGNATURES = {name: declared.signature for name, declared in (*STEPS.items(), *CHORES.items())}
ALL = sorted(MANUALS)
ARROW = "→"
HEADER = {
    **{"PatientName": "Müller^Änne", "PatientID": "4711", "Modality": "US"},
    **{"StudyInstanceUID": "1.2", "SOPInstanceUID": "1.2.3"},
}
CALLS = [
    *(store(), store("Institution", "PatientName", folder="teaching"), forward("PACS", "READER"), hold(), hold("why")),
    *(mail("admin", subject="New"), discard("no"), put("Modality", "CT"), remove("PatientName"), clean()),
    *(Call("await", {}), Call("notify", {"webhooks": Argument("word", "DASHBOARD")})),
    Call("transcode", {"syntax": Argument("word", "deflated-little-endian")}),
    Call("compress", {"syntax": Argument("word", "RLE-lossless")}),
    Call("decompress", {}),
    Call("anonymize", {"keep": names("institution", "StudyDescription")}),
    *(Call("pseudonymize", {}), Call("pseudonymize", {"table": word("register")})),
    Call("map", {"tag": word("PatientID"), "table": word("register")}),
    Call("collect", {"unit": Argument("word", "study"), "quiet": Argument("duration", "2 minutes")}),
    *(Call("review", {}), Call("review", {"count": Argument("number", "20")})),
]
"""Each step at least once: whoever builds one adds a line."""

SURROUNDINGS = """version 1
destination PACS = dicom "PACS@192.168.10.5:104"
destination READER = dicom "READER@192.168.10.6:104"
destination DASHBOARD = webhook "https://dashboard.example/studies"
contact admin = "it@praxis.example"
schedule nights = 20:00 until 06:00
"""


def manual(name: str) -> str:
    """The manual page of a step."""
    return MANUALS[name]


def examples(name: str) -> list[str]:
    """The lines of its manual page that are rules."""
    return [line.strip() for line in manual(name).splitlines()[1:] if re.match(r"\s+on\s", line)]


def apply(call: Call, received: Object, refuses: str = "") -> object:
    """What a step answers."""
    return STEPS[call.step].of(call.arguments).apply(received, FakeBench(Program(), refuses))


def test_the_steps_of_the_first_milestone_are_built() -> None:
    assert {"anonymize-pixels", "discard", "forward", "hold", "mail", "remove", "set", "store"} <= set(STEPS)


def test_each_step_is_tried_here() -> None:
    assert {call.step for call in CALLS} == set(STEPS)


@pytest.mark.parametrize("name", ALL)
def test_a_step_has_a_signature_that_reads_back_and_a_file_of_its_name(name: str) -> None:
    signature = SIGNATURES[name]
    assert signature.name == name
    again = Signature.of(
        signature.line,
        signature.kinds,
        clears=tuple(signature.clears),
        behind=tuple(signature.behind),
        needs=signature.needs,
    )
    assert again == signature
    parameters = {item.lower() for group in signature.groups for item in group.items if item.isupper()}
    assert parameters <= set(signature.kinds)
    file = name.replace("-", "_") + "_" * iskeyword(name)
    assert (Path(engine.steps.__path__[0]) / f"{file}.py").exists()


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_step_clears_what_it_declares_and_nothing_else(call: Call) -> None:
    answer = apply(call, obj(HEADER))
    after = answer.obj if isinstance(answer, Deliver) else answer
    assert isinstance(after, Object | Drop | Wait | Gather)
    cleared = after.cleared if isinstance(after, Object) else frozenset()
    assert cleared == STEPS[call.step].signature.clears


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_no_step_makes_unclean_again_what_was_clean(call: Call) -> None:
    answer = apply(call, obj(HEADER).with_cleared(*CLEAN))
    after = answer.obj if isinstance(answer, Deliver) else answer
    assert isinstance(after, Drop | Wait | Gather) or (isinstance(after, Object) and after.cleared == set(CLEAN))


def test_a_step_clears_only_what_a_sender_asks_for() -> None:
    clears = vocabulary().clears
    assert set().union(*clears.values()) == set(CLEAN)
    assert clears == {"anonymize": {"header"}, "pseudonymize": {"header"}, "anonymize-pixels": {"pixels"}}


@pytest.mark.parametrize("name", ALL)
def test_a_manual_page_begins_with_one_sentence(name: str) -> None:
    first = manual(name).strip().splitlines()[0]
    assert re.match(r"[A-Z][^\n]{10,}\.", first)


@pytest.mark.parametrize("name", ALL)
def test_a_manual_page_has_two_examples_that_use_the_step(name: str) -> None:
    assert len(examples(name)) >= 2
    for example in examples(name):
        assert re.search(rf"{ARROW} {re.escape(name)}( |$)", example), example


@pytest.mark.parametrize(("name", "example"), [(name, example) for name in ALL for example in examples(name)])
def test_an_example_compiles(name: str, example: str) -> None:
    # Here, so that the language may be broken while steps are not.
    from dsl.compile import compile_text

    compiled = compile_text(SURROUNDINGS + example, name="a.rules", vocabulary=vocabulary(), read=Path.read_text)
    assert compiled.errors == ()
    assert compiled.program is not None
    [route] = (*compiled.program.routes, *compiled.program.chores)
    assert name in [call.step for call in route.chain if isinstance(call, Call)]


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_step_gives_the_same_answer_every_time_and_leaves_the_object_alone(call: Call) -> None:
    received = obj(HEADER)
    answers = [apply(call, received), apply(call, received), apply(call, obj(HEADER))]
    shown = [outline(answer) for answer in answers]
    assert shown[0] == shown[1] == shown[2]
    assert outline(received) == outline(obj(HEADER))


def outline(answer: object) -> object:
    """An answer as plain values: two headers of the same values are two things."""
    match answer:
        case Object():
            return (answer.id, answer.payload, answer.changes, answer.cleared, answer.header.dataset.to_json())
        case Deliver():
            return (outline(answer.obj), answer.to, answer.place, answer.note, answer.reports)
        case _:
            return answer


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_step_answers_with_an_object_a_promise_a_hold_or_an_end(call: Call) -> None:
    answer = apply(call, obj(HEADER))
    assert isinstance(answer, Object | Deliver | Hold | Drop | Wait | Gather)
    if isinstance(answer, Deliver):
        assert answer.to
        assert outline(answer.obj) == outline(obj(HEADER)), "an effect changes nothing"


@pytest.mark.parametrize("call", CALLS, ids=str)
def test_a_step_copes_with_an_object_that_has_no_tags(call: Call) -> None:
    assert isinstance(apply(call, obj({})), Object | Deliver | Hold | Drop | Wait | Gather)


# --- single steps -----------------------------------------------------------------------------------------------------


def delivered(call: Call, header: dict[str, str]) -> Deliver:
    """The promise of a step that delivers."""
    answer = apply(call, obj(header))
    assert isinstance(answer, Deliver)
    return answer


def test_store_names_the_file_after_the_sop_instance_uid() -> None:
    assert delivered(store(), HEADER).note == {"file": "1.2.3"}
    assert delivered(store(), HEADER).to == ("archive.store",)
    assert delivered(store(folder="teaching"), HEADER).to == ("teaching.store",)


def test_store_keeps_patients_of_one_name_apart_unless_the_layout_does() -> None:
    literal = Argument("text", "PatientName")
    one = delivered(store("Institution", "PatientName"), HEADER).note
    other = delivered(store("Institution", "PatientName"), {**HEADER, "PatientID": "4712"}).note
    assert one["person"] == other["person"] == "1"
    assert one["patient"] != other["patient"]
    assert "4711" not in one["patient"]
    assert "person" not in delivered(store("PatientID", "PatientName"), HEADER).note
    assert "person" not in delivered(store(literal, "StudyDate"), HEADER).note
    assert delivered(store(literal, "PatientName"), HEADER).note["person"] == "1"


def test_mail_carries_what_a_report_may_need_and_reports() -> None:
    answer = delivered(mail("admin", "doctor", subject="New"), HEADER)
    assert answer.to == ("admin.mail", "doctor.mail")
    assert answer.reports
    assert (answer.note["subject"], answer.note["PatientID"]) == ("New", "4711")


def test_notify_carries_and_reports_the_same_as_mail() -> None:
    answer = delivered(Call("notify", {"webhooks": Argument("word", "DASHBOARD")}), HEADER)
    assert (answer.to, answer.reports) == (("DASHBOARD.notify",), True)
    assert {**answer.note, "subject": ""} == delivered(mail("admin"), HEADER).note


def test_discard_and_hold_say_why() -> None:
    assert apply(discard("localizers"), obj(HEADER)) == Drop("localizers")
    assert delivered(hold("no ID"), HEADER).note == {"why": "no ID"}


def test_cleaning_pixels_marks_them_clean_and_a_refusal_is_held() -> None:
    answer = apply(clean(), obj(HEADER))
    assert isinstance(answer, Object)
    assert answer.cleared == {"pixels"}
    assert answer.changes == {"BurnedInAnnotation": "NO", "IconImageSequence": None}
    assert apply(clean(), obj(HEADER), refuses="no regions") == Hold("no regions")


def test_set_and_remove_change_the_header_and_say_so() -> None:
    answer = apply(put("Institution", "Nord"), obj(HEADER))
    assert isinstance(answer, Object)
    assert answer.header.first("InstitutionName") == "Nord"
    assert answer.changes == {"InstitutionName": "Nord"}
    assert answer.cleared == frozenset()
    gone = apply(remove("PatientName"), answer)
    assert isinstance(gone, Object)
    assert gone.changes == {"InstitutionName": "Nord", "PatientName": None}
    assert gone.header.first("PatientName") == ""


def test_a_pseudonym_is_id_and_name_and_needs_an_id() -> None:
    for table, said in (({}, "by key"), ({"table": word("register")}, "by register")):
        answer = apply(Call("pseudonymize", table), obj(HEADER))
        assert isinstance(answer, Object)
        assert answer.header.first("PatientName") == answer.header.first("PatientID") == said
        assert answer.cleared == {"header"}
    nobody = apply(Call("pseudonymize", {}), obj({**HEADER, "PatientID": ""}))
    assert isinstance(nobody, Hold)
    assert "no PatientID" in nobody.why


def test_what_cannot_be_anonymized_pseudonymized_or_looked_up_is_held_with_the_reason() -> None:
    for call in CALLS:
        if call.step in ("anonymize", "pseudonymize", "map"):
            assert apply(call, obj(HEADER), refuses="a name is left") == Hold("a name is left")


def test_anonymizing_hands_over_what_may_stay() -> None:
    asked = []

    class Bench(FakeBench):
        def anonymize(self, obj: Object, policy: Policy, names: Mapping[str, str]) -> Object:
            asked.append((policy.options, policy.keep, dict(names)))
            return obj

    keeps = Argument("list", "", (word("modified-dates"), word("Institution"), Argument("tag", "(0008,1030)")))
    for step_name in ("anonymize", "pseudonymize"):
        STEPS[step_name].of({"keep": keeps}).apply(obj(HEADER), Bench())
    kept = (frozenset({"modified-dates"}), frozenset({"InstitutionName", "StudyDescription"}))
    assert asked == [(*kept, {}), (*kept, {"PatientID": "by key", "PatientName": "by key"})]


def test_map_looks_up_each_of_several_values_and_holds_what_has_none() -> None:
    call = Call("map", {"tag": word("ImageType"), "table": word("kinds")})
    answer = apply(call, obj({"ImageType": "DERIVED\\SECONDARY"}))
    assert isinstance(answer, Object)
    assert answer.changes == {"ImageType": "ImageType by kinds\\ImageType by kinds"}
    without = apply(call, obj({}))
    assert isinstance(without, Hold)
    assert "no ImageType" in without.why


def test_one_of_so_many_is_reviewed_always_the_same_ones() -> None:
    call = Call("review", {"count": Argument("number", "5")})
    images = [obj({"SOPInstanceUID": f"1.2.{number}"}) for number in range(1000)]
    first, second = ([isinstance(apply(call, image), Gather) for image in images] for _ in range(2))
    assert first == second
    assert 150 < sum(first) < 250
    answers = [apply(call, image) for image in images]
    assert all(answer is image for answer, image in zip(answers, images, strict=True) if isinstance(answer, Object))


# --- the registry -----------------------------------------------------------------------------------------------------


def test_no_planned_step_is_built_already() -> None:
    assert {line.split()[0] for line in PLANNED_STEPS} & set(MANUALS) == set()


def test_two_steps_of_one_name_are_a_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="two steps are called hold"):
        step("hold [WHY]")(type("Other", (), {}))


# --- by the clock -----------------------------------------------------------------------------------------------------


class Desk:
    """A caretaker that only writes down what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[object] = []

    def purge(self, folder: str, older: float) -> str:
        self.asked.append((folder, older))
        return "2 copies"

    def report(self, contacts: Sequence[str]) -> str:
        self.asked.append(contacts)
        return "mailed admin"

    def alarm(self, contacts: Sequence[str]) -> str:
        self.asked.append(contacts)
        return ""

    def alarm_unless(self, contacts: Sequence[str], senders: Sequence[str], since: Since) -> str:
        self.asked.append((contacts, senders, since))
        return ""


def test_purge_names_the_folder_and_the_age_and_says_what_was_done() -> None:
    desk = Desk()
    made = CHORES["purge"].of({"folder": Argument("text", "teaching"), "age": Argument("duration", "90 days")})
    assert made.work(desk) == "2 copies removed from teaching, older than 90 days"
    assert desk.asked == [("teaching", 90 * 86400)]


def test_report_and_alarm_name_whom_to_tell_and_whose_silence_counts() -> None:
    desk = Desk()
    admin, both = word("admin"), Argument("list", "", (word("CT1"), Argument("text", "CT 2")))
    assert CHORES["report"].of({"contacts": admin}).work(desk) == "mailed admin"
    assert CHORES["alarm"].of({"contacts": admin}).work(desk) == ""
    silence = {"contacts": admin, "senders": both, "since": Argument("clock", "06:00")}
    assert CHORES["alarm"].of(silence).work(desk) == ""
    assert desk.asked == [("admin",), ("admin",), (("admin",), ("CT1", "CT 2"), Since(time(6)))]


def test_a_step_without_an_object_says_so_in_its_signature_and_no_other_does() -> None:
    assert {name for name, signature in SIGNATURES.items() if signature.bare and signature.behind} == set(CHORES)
    assert not set(CHORES) & set(STEPS)


def test_the_language_knows_which_sources_bring_no_object() -> None:
    from dsl.ast import BARE

    bare = {name for name, signature in vocabulary().sources.items() if signature.bare}
    assert bare == set(BARE)
    assert {source for signature in SIGNATURES.values() for source in signature.behind} == bare
