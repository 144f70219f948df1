"""The rules' own tests: each example goes through the rules on a made-up object, and what becomes of it is compared.

It runs engine.run itself, on a bench that cleans nothing; so a test can never say something else than the appliance
does. What is made up has the given values and no others, and no pixels: cleaning them is taken to succeed.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

from engine import values
from engine.bench import FOR_SHOW, as_anonymized
from engine.condition import Literal, folded
from engine.coverage import Coverage, Footsteps
from engine.errors import Never
from engine.header import Header
from engine.object import Object, Origin
from engine.outcome import Outcome
from engine.parameters import Destinations, Names, TagName, Text
from engine.plan import Plan
from engine.profile.policy import Policy
from engine.program import Call, Program, Rectangle
from engine.run import run
from engine.signature import Signature
from engine.step import AS_CLEANED, HOLD, Answer, Step, Workbench
from engine.steps import STEPS
from engine.tags import FACTS, path_of
from engine.trial import TAG, Trial, Wanted

_TAG = Signature.of(TAG, {"tag": TagName, "value": Text, "destinations": Destinations})
_GIVEN_FACTS = ("sender", "called", "address")


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one test went. `unmet` counts its expectations; `happened` is what the rules did, in their own words.

    trouble: why it could not be tried at all: `where` (it does not say where the object comes in) or `given` (no
    object can have the value of `word`); empty where it was.
    """

    trial: Trial
    unmet: tuple[int, ...] = ()
    happened: tuple[str, ...] = ()
    trouble: str = ""
    word: str = ""

    @property
    def passed(self) -> bool:
        """Whether everything is as expected."""
        return not self.unmet and not self.trouble


@dataclass(frozen=True, slots=True)
class _Pretending:
    """The bench of a test: there are no pixels, and cleaning them succeeds; so does looking things up."""

    program: Program

    def boxes(
        self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
    ) -> tuple[Rectangle, ...]:
        """None: there is no image to blank anything in."""
        return ()

    def clean(
        self,
        obj: Object,
        blank: Sequence[Rectangle],
        keep: Sequence[Rectangle],
        *,
        same_uid: bool,
        declared: bool = False,
    ) -> Object:
        """The object as if it were cleaned."""
        return obj.with_header(AS_CLEANED)

    def text(self, obj: Object) -> tuple[Rectangle, ...]:
        """Some place, as if text were seen there."""
        return (Rectangle(0, 0, 1, 1),)

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Nothing is left."""

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object as it is."""
        return obj

    def anonymize(self, obj: Object, policy: Policy, names: Mapping[str, str]) -> Object:
        """The object with the header that it would have, with a key for show."""
        return as_anonymized(obj, policy, names, FOR_SHOW)

    def pseudonym(self, patient: str, table: str) -> str:
        """One by the key for show, whatever a table says: a test must not depend on who is in it."""
        return FOR_SHOW.pseudonym(patient)

    def looked_up(self, tag: str, value: str, table: str) -> str:
        """The value itself."""
        return value

    def approved(self, device: str) -> int:
        """None: no test depends on what people have done."""
        return 0


@dataclass(frozen=True, slots=True)
class _Watched:
    """A step, and a note of every answer that it gives."""

    step: Step
    noted: Callable[[Answer], None]

    def apply(self, obj: Object, bench: Workbench) -> Answer:
        """What the step answers."""
        answer = self.step.apply(obj, bench)
        self.noted(answer)
        return answer


class _CannotBeTried(Exception):
    def __init__(self, trouble: str, word: str = "") -> None:
        super().__init__(trouble)
        self.trouble, self.word = trouble, word


def rehearse(plan: Plan, trials: Iterable[Trial], now: datetime) -> tuple[tuple[Verdict, ...], Coverage]:
    """Run every test; how each went, and what of the rules all of them together have reached.

    now: the moment at which the made-up objects arrive, with time zone; `today` of the rules is its day.
    """
    coverage = Coverage(plan)
    return tuple(_verdict(plan, trial, now, coverage) for trial in trials), coverage


def _verdict(plan: Plan, trial: Trial, now: datetime, coverage: Coverage) -> Verdict:
    try:
        obj = _made_up(plan.program, trial, now)
    except _CannotBeTried as error:
        return Verdict(trial, trouble=error.trouble, word=error.word)
    answers: dict[int, list[Answer]] = {}

    def watched(call: int, step: Step) -> Step:
        return _Watched(step, answers.setdefault(call, []).append)

    seen = replace(plan, steps={call: watched(call, step) for call, step in plan.steps.items()})
    try:
        outcome = run(seen, obj, _Pretending(plan.program), through=True)
    except Never as refusal:
        return Verdict(trial, tuple(range(len(trial.expects))), (f'{HOLD} "{refusal.reason}"',))
    footsteps = coverage.follow(outcome, obj, answers)
    unmet = tuple(n for n, wanted in enumerate(trial.expects) if not _met(plan, wanted, outcome, footsteps))
    return Verdict(trial, unmet, tuple(_happened(outcome, footsteps)))


# --- what is made up


_ALWAYS = {"StudyInstanceUID": "2.25.1", "SeriesInstanceUID": "2.25.2", "SOPInstanceUID": "2.25.3"}
"""What no object is without (PS3.3, Type 1), and no rule should need a test to give."""


def _made_up(program: Program, trial: Trial, now: datetime) -> Object:
    facts: dict[str, str] = {}
    tags = dict(_ALWAYS)
    for field, literal in trial.given:
        if field.name not in FACTS:
            tags[field.name] = written(field.kind, literal, now.date())
        elif field.name in (*_GIVEN_FACTS, "port", "user"):
            facts[field.name] = literal.text
        else:
            raise _CannotBeTried("given", field.name)
    header = Header.of({name: value for name, value in tags.items() if value})
    for name, value in tags.items():
        try:
            if value:
                header.values(path_of(name))
        except Never:
            raise _CannotBeTried("given", name) from None
    kind, port, folder = _way_in(program, trial, facts)
    received = now.isoformat(timespec="milliseconds")
    sender, called, address = (facts.get(name, "") for name in _GIVEN_FACTS)
    origin = Origin(kind, port, sender, called, address, received, folder=folder, user=facts.get("user", ""))
    return Object("test", Path("test"), header, origin)


def _way_in(program: Program, trial: Trial, facts: Mapping[str, str]) -> tuple[str, int | None, str]:
    """Where it comes in: as the test says, or the only way there is."""
    if trial.source is None and "port" in facts:
        return "dicom", int(facts["port"]), ""
    if trial.source is None and len(program.listeners) != 1:
        raise _CannotBeTried("where")
    source = trial.source or program.listeners[0]
    if facts.get("port") not in (None, str(source.port)):
        raise _CannotBeTried("given", "port")
    return source.kind, source.port, source.folder


def written(kind: str, literal: Literal, today: date) -> str:
    """A value as an object would have it; `today` is a day like any other."""
    day = literal.day(today) if literal.kind == "today" else None
    return values.as_dicom(kind, literal.text) if day is None else f"{day:%Y%m%d}"


# --- what is compared


def _met(plan: Plan, wanted: Wanted, outcome: Outcome, footsteps: Footsteps) -> bool:
    hits = [_hits(plan, call, outcome, footsteps) for call in wanted.calls]
    if len(hits) == 1 and not wanted.wanted:
        return hits[0] is not None and not any(hits[0])
    all_hit = all(hit is not None and all(hit) for hit in hits)
    return all_hit is wanted.wanted


def _hits(plan: Plan, wanted: Call, outcome: Outcome, footsteps: Footsteps) -> list[bool] | None:
    """Whether it was done, for each name that the expectation lists; None where there is nothing to ask."""
    if wanted.step == _TAG.name:
        return _tag_hits(wanted, outcome)
    asked = STEPS[wanted.step].signature.read(wanted.arguments)
    if wanted.step == HOLD:
        # Held is held, by a step or because nothing else could be done.
        why = asked.get("why")
        held = [one.note.get("why", "") for one in outcome.deliveries if one.outbox == HOLD]
        return [any(not isinstance(why, Text) or folded(why.text) == folded(said) for said in held)]
    done = [plan.steps[id(call)] for call in footsteps.done if call.step == wanted.step]
    names = next((value.names for value in asked.values() if isinstance(value, Names)), (None,))
    return [any(_fits(step, asked, name) for step in done) for name in names]


def _fits(step: Step, asked: Mapping[str, object], name: str | None) -> bool:
    for parameter, value in asked.items():
        has = getattr(step, parameter, None)
        if isinstance(value, Names):
            wanted = {name} if name in value.names else set(value.names)
            if not isinstance(has, Names) or not wanted <= set(has.names):
                return False
        elif has != value:
            return False
    return True


def _tag_hits(wanted: Call, outcome: Outcome) -> list[bool] | None:
    asked = _TAG.read(wanted.arguments)
    tag, value, to = asked["tag"], asked.get("value"), asked.get("destinations")
    if not isinstance(tag, TagName):
        raise TypeError(f"not a tag: {tag}")  # the binder has seen to it
    outboxes = to.names if isinstance(to, Destinations) else None
    reached = [
        one.obj
        for one in outcome.deliveries
        if not one.reports and one.outbox != HOLD and (outboxes is None or one.outbox in outboxes)
    ]
    if not reached:
        return None
    found = [obj.header.values(tag.path) for obj in reached]
    return [bool(has) if not isinstance(value, Text) else value.text in has for has in found]


def _happened(outcome: Outcome, footsteps: Footsteps) -> Iterator[str]:
    """What became of it, in the words of the rules, each once."""
    said = [str(call) for call in footsteps.done]
    if any(delivery.outbox == HOLD for delivery in outcome.deliveries) and not any(s.startswith(HOLD) for s in said):
        why = next(delivery.note.get("why", "") for delivery in outcome.deliveries if delivery.outbox == HOLD)
        said.append(f'{HOLD} "{why}"')
    said += [f"({passage.route.name}: {passage.failed})" for passage in outcome.passages if passage.failed]
    yield from dict.fromkeys(said)
