"""The leak check against a referee that knows nothing of it, and against the machine that would send.

Programs are drawn as trees and written as text. The referee enumerates every way through them, straight from the
semantics of the language, and walks each with a set of what is clean. It must not use anything of dsl or engine.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice, product

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dsl.compile import compile_text
from engine.entry import Entry
from engine.outcome import Delivery
from engine.plan import prepare
from engine.pump import Pump, Sent
from engine.run import fail, run
from engine.signature import Signature
from engine.vocabulary import vocabulary
from tests.data.make import FakeBench, obj

# --- programs as trees ------------------------------------------------------------------------------------------------


@dataclass
class Step:
    """One step as written; `line` is where it stands once the program is written."""

    text: str
    line: int = 0


@dataclass
class Choice:
    """`choose`, its cases, and its `otherwise` where it has one; each with the line and number of its condition."""

    cases: list["Chain"]
    otherwise: "Chain | None"
    line: int = 0
    asks: list[tuple[int, int]] = field(default_factory=list)


Chain = list[Step | Choice]
OUTSIDE = {"UNI": "outside", "CLOUD": "outside", "READER": "outside trusted", "PACS": ""}
NAMED = ("first", "second")
THINGS = {"header": "E401", "pixels": "E402"}


@dataclass
class House:
    """A whole program: named steps, of which a later one may use an earlier one, and routes with failure chains."""

    named: dict[str, Chain]
    routes: list[tuple[Chain, Chain | None]]
    lines: list[str] = field(default_factory=list)
    cases: int = 0

    def text(self, outside: bool = True) -> str:
        """The program as an admin writes it, one thing a line; without `outside` it leads to the same places."""
        self.lines, self.cases = [], 0
        for name, options in OUTSIDE.items():
            self._line(f'destination {name} = dicom "{name}@10.0.0.5:104" {options if outside else ""}')
        for name, chain in self.named.items():
            self._line(f"steps {name} =")
            self._chain(chain)
        for number, (chain, failure) in enumerate(self.routes):
            self._line(f"route r{number}")
            self._line("on port 11112")
            self._chain(chain)
            if failure is not None:
                self._line("on failure")
                self._chain(failure)
        return "\n".join(self.lines) + "\n"

    def _line(self, text: str) -> int:
        self.lines.append(text)
        return len(self.lines)

    def _chain(self, chain: Chain) -> None:
        for node in chain:
            if isinstance(node, Step):
                node.line = self._line(f"→ {node.text}")
                continue
            node.line = self._line("→ choose")
            node.asks = []
            for case in node.cases:
                self.cases += 1
                line = self._line(f'when StudyDescription contains "<{self.cases}>"')
                node.asks.append((line, self.cases))
                self._chain(case)
            if node.otherwise is not None:
                self._line("otherwise")
                self._chain(node.otherwise)
            self._line("end")


def chains(plain: Sequence[str], named: Sequence[str]) -> st.SearchStrategy[Chain]:
    """Chains of these steps, with chooses in each other, and with uses of named steps."""
    places = st.lists(st.sampled_from([*OUTSIDE, "UNI"]), min_size=1, max_size=2)
    forward = places.map(lambda names: "forward " + ", ".join(names))
    cleaning = st.sampled_from(["anonymize", "anonymize-pixels"])
    step = st.one_of(forward, cleaning, cleaning, st.sampled_from([*plain, *named])).map(Step)

    def wider(inner: st.SearchStrategy[Chain]) -> st.SearchStrategy[Chain]:
        choice = st.builds(Choice, st.lists(inner, min_size=1, max_size=2), st.none() | inner)
        return st.lists(st.one_of(step, step, choice), min_size=1, max_size=5)

    return st.recursive(st.lists(step, min_size=1, max_size=4), wider, max_leaves=5)


@st.composite
def houses(draw: st.DrawFn, plain: Sequence[str]) -> House:
    """Programs of one to three routes."""
    named: dict[str, Chain] = {}
    for name in NAMED:
        named[name] = draw(chains(plain, list(named)))
    routes = st.tuples(chains(plain, NAMED), st.none() | chains(plain, NAMED))
    return House(named, draw(st.lists(routes, min_size=1, max_size=3)))


BUILT = ('discard "x"', "store by PatientID", "hold", 'set PatientName to "X"', "pseudonymize", "map Modality with T")
ALL = (*BUILT, "mystery", "review")

# --- the referee ------------------------------------------------------------------------------------------------------

Stop = tuple[str, ...]
"""A turn of the way, as the note tells it."""
Event = Step | Stop | tuple[int, bool]
"""A step, a turn, or an answer that the object must give: number of the case, and whether it fits."""


def ways(house: House, chain: Sequence[Step | Choice]) -> Iterator[list[Event]]:
    """Every way through a chain. A way that ends in a discard goes no further."""
    if not chain:
        yield []
        return
    for head in _through(house, chain[0]):
        if any(isinstance(event, Step) and event.text.startswith("discard") for event in head):
            yield head
            continue
        for tail in ways(house, chain[1:]):
            yield [*head, *tail]


def _through(house: House, node: Step | Choice) -> Iterator[list[Event]]:
    if isinstance(node, Step):
        if node.text not in house.named:
            yield [node]
            return
        for way in ways(house, house.named[node.text]):
            yield [("steps", node.text, str(node.line)), *way]
        return
    denied: list[Event] = []
    for case, (line, number) in zip(node.cases, node.asks, strict=True):
        for way in ways(house, case):
            yield [*denied, (number, True), ("case", str(line)), *way]
        denied.append((number, False))
    if node.otherwise is None:
        yield [*denied, ("no case", str(node.line))]
        return
    for way in ways(house, node.otherwise):
        yield [*denied, ("otherwise", str(node.otherwise[0].line)), *way]


@dataclass(frozen=True)
class Leak:
    """Somewhere on some way, something leaves that is not clean."""

    route: str
    line: int
    destination: str
    thing: str
    turns: tuple[Stop, ...] = ()
    answers: tuple[tuple[int, bool], ...] = ()

    @property
    def possible(self) -> bool:
        """Whether one object can give all the answers: named steps that are used twice ask twice."""
        return not any((number, not fits) in self.answers for number, fits in self.answers)


def referee(house: House) -> list[Leak]:
    """Every leak of every way, in the order of the routes."""
    return [leak for route, way, before in every_way(house) for leak in _walk(route, way, before)]


def every_way(house: House) -> Iterator[tuple[str, list[Event], tuple[Stop, ...]]]:
    """Every way through every route, its name before and the turn that leads there."""
    for number, (chain, failure) in enumerate(house.routes):
        for way in ways(house, chain):
            yield f"r{number}", way, ()
        for way in ways(house, failure or []):
            yield f"r{number}", way, (("failure",),)


def few_ways(house: House) -> bool:
    """Whether the referee can walk them all in a test's time."""
    return len(list(islice(every_way(house), 3000))) < 3000


def _walk(route: str, way: Sequence[Event], before: tuple[Stop, ...]) -> Iterator[Leak]:
    clean: set[str] = set()
    turns, answers = list(before), []
    for event in way:
        if not isinstance(event, Step):
            (turns if isinstance(event[0], str) else answers).append(event)
        elif event.text in ("anonymize", "pseudonymize"):
            clean.add("header")
        elif event.text == "anonymize-pixels":
            clean.add("pixels")
        elif event.text == "mystery":
            clean |= set(THINGS)  # nobody knows what it was meant to do, and another finding asks
        elif event.text.startswith("forward"):
            for destination in event.text.removeprefix("forward ").split(", "):
                if OUTSIDE[destination] == "outside":
                    for thing in set(THINGS) - clean:
                        yield Leak(route, event.line, destination, thing, tuple(turns), tuple(answers))


def is_part_of(some: Sequence[Stop], whole: Sequence[Stop]) -> bool:
    """Whether all of it comes in the other, in this order."""
    rest = iter(whole)
    return all(stop in rest for stop in some)


# --- the check agrees with the referee --------------------------------------------------------------------------------

common = settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))


@dataclass(frozen=True)
class Told:
    """One finding, as far as the referee can know it."""

    line: int
    destination: str
    thing: str
    way: tuple[Stop, ...]


def told(text: str, words: Mapping[str, Signature]) -> list[Told]:
    """What the compiler says of a text that it can read."""
    ours = replace(vocabulary(), steps=words)
    result = compile_text(text, name="house.rules", vocabulary=ours, read=lambda _: "")
    assert not {one.code for one in result.errors} - {"E103", "E108", *THINGS.values()}
    things = {code: thing for thing, code in THINGS.items()}
    return [
        Told(one.span.line, dict(one.words)["word"], things[one.code], one.also[0].way if one.also else ())
        for one in result.findings
        if one.code in things
    ]


@common
@given(houses(ALL))
def test_the_check_finds_exactly_the_leaks_that_some_way_has(house):
    text = house.text()
    assume(few_ways(house))
    leaks = referee(house)
    found = told(text, vocabulary().steps)
    expected = {}
    for leak in leaks:
        expected.setdefault((leak.line, leak.destination, leak.thing), leak.route)
    assert sorted((one.line, one.destination, one.thing) for one in found) == sorted(expected)
    for one in found:
        what = (one.line, one.destination, one.thing)
        route = expected[what]
        same = [leak for leak in leaks if (leak.line, leak.destination, leak.thing) == what]
        if one.way:
            assert one.way[0] == ("as written", f"route {route}"), "the first route that does it is named"
            assert one.way[-1] == ("as written", f"forward {one.destination}")
        turns = one.way[1:-1]
        assert any(leak.route == route and is_part_of(turns, leak.turns) for leak in same), "it is a way that leaks"


# --- and the machine agrees with both ---------------------------------------------------------------------------------


class Door:
    """One destination and its outbox, for a single promise; `passed` says whether it went out."""

    every, patience, look_again, name = None, 1.0, 1.0, "door"

    def __init__(self, entry: Entry, outside: bool) -> None:
        self.entry, self.outside = entry, outside
        self.passed: bool | None = None

    def open_gates(self):
        pass

    def wake_due(self, _now):
        return None

    def give_back_stale(self, _in_hand):
        pass

    def pick(self, _outbox, _now):
        return [self.entry]

    def send(self, entries, report, _stopping):
        for entry in entries:
            report(entry, Sent())

    def done(self, delivered):
        self.passed = bool(delivered)

    def refuse(self, refused):
        [(_, why)] = refused
        assert "is not cleared to leave it" in why
        self.passed = False


def goes_out(delivery: Delivery) -> bool:
    """Whether the pump of its destination sends it."""
    obj = delivery.obj
    entry = Entry(delivery.id, obj.id, delivery.outbox, delivery.route, "1", "", obj.origin, cleared=tuple(obj.cleared))
    door = Door(entry, OUTSIDE.get(delivery.outbox) == "outside")
    Pump(door, lambda: door, door.refuse).turn(0.0)
    assert door.passed is not None
    return door.passed


def deliveries(house: House, words: Mapping[str, Signature]) -> Iterator[Delivery]:
    """Every promise for every object that the program can tell apart, and for each when its route has failed."""
    ours = replace(vocabulary(), steps=words)
    program = compile_text(house.text(outside=False), name="h.rules", vocabulary=ours, read=lambda _: "").program
    assert program is not None
    plan = prepare(program)
    for fits in product((False, True), repeat=house.cases):
        said = " ".join(f"<{number}>" for number, yes in enumerate(fits, 1) if yes)
        received = obj({"Modality": "US", "PatientID": "1", "SOPInstanceUID": "1.2", "StudyDescription": said})
        yield from run(plan, received, FakeBench(program)).deliveries
        for route in program.routes:
            yield from fail(plan, route.name, received, "it failed", FakeBench(program)) or ()


@common
@given(houses(BUILT))
def test_what_the_compiler_lets_through_the_pump_sends_and_what_it_tells_the_pump_refuses(house):
    words = vocabulary().steps
    found = told(house.text(), words)
    assume(house.cases <= 6 and few_ways(house))
    refused = set()
    for delivery in deliveries(house, words):
        if not goes_out(delivery):
            refused |= {(delivery.route, delivery.outbox, thing) for thing in set(THINGS) - delivery.obj.cleared}
    leaks = referee(house)
    assert refused == {(leak.route, leak.destination, leak.thing) for leak in leaks if leak.possible}
    assert {(place, thing) for _, place, thing in refused} <= {(one.destination, one.thing) for one in found}


def test_the_proof_is_about_something():
    """One program in which each kind of way leaks, so that the two above do not agree about nothing."""
    house = House(
        {"first": [Choice([[Step("anonymize-pixels")]], None)], "second": [Step("first"), Step("forward UNI")]},
        [([Step("anonymize"), Step("second")], [Step("forward CLOUD, READER")])],
    )
    text = house.text()
    found = [(one.destination, one.thing, one.way[1:-1]) for one in told(text, vocabulary().steps)]
    assert found == [
        ("UNI", "pixels", (("steps", "second", "16"), ("steps", "first", "11"), ("no case", "6"))),
        ("CLOUD", "header", (("failure",),)),
        ("CLOUD", "pixels", (("failure",),)),
    ]
    assert {(leak.destination, leak.thing) for leak in referee(house)} == {(a, b) for a, b, _ in found}
