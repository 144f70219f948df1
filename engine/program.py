"""The Program: what a rule file means, as plain immutable data. The narrow waist of the house.

The compiler lowers text to it, the engine runs it, the console draws it, tests snapshot it and reload compares it.
Pure; it must not know how a step works, nor where a rule stands in a text (`written` is a label for people).
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from engine import condition as conditions
from engine.condition import Condition
from engine.schedule import Daily, OnTrouble, Schedule, Window, occasion
from engine.signature import Argument

CLEAN = ("header", "pixels")
"""What must be clean in an object that leaves the house: its attributes (PS3.15 Annex E) and the text in its image."""

KEEP, REPLACE, DROP = DUPLICATES = ("keep", "replace", "drop")
"""What may stand behind `on duplicate`."""


@dataclass(frozen=True, slots=True)
class Call:
    """One step of a chain: its name and its bound arguments by parameter."""

    step: str
    arguments: Mapping[str, Argument] = field(default_factory=dict, hash=False)

    def __str__(self) -> str:
        return " ".join([self.step, *(str(argument) for argument in self.arguments.values())])


@dataclass(frozen=True, slots=True)
class Case:
    """`when CONDITION → chain` inside a choose."""

    where: Condition
    chain: "Chain"


@dataclass(frozen=True, slots=True)
class Choose:
    """The first case that holds is taken; then `otherwise`; without it the object passes unchanged."""

    cases: tuple[Case, ...]
    otherwise: "Chain | None" = None


Chain = tuple["Call | Choose", ...]


@dataclass(frozen=True, slots=True)
class Listener:
    """A way in, by kind (dicom, folder, outbox). `name` is what routes refer to; `port N` where it is not declared."""

    name: str
    kind: str
    arguments: Mapping[str, Argument] = field(default_factory=dict, hash=False)

    @property
    def port(self) -> int | None:
        """Its TCP port, where it has one."""
        found = self.arguments.get("port")
        return int(found.text) if found else None

    @property
    def folder(self) -> str:
        """What is put where comes in here: the name of an outbox, or the path of a watched folder; else nothing."""
        found = self.arguments.get("name") or self.arguments.get("path")
        return found.text if found else ""


@dataclass(frozen=True, slots=True)
class Destination:
    """A way out, by kind (dicom, https, folder …)."""

    name: str
    kind: str
    arguments: Mapping[str, Argument] = field(default_factory=dict, hash=False)

    @property
    def outside(self) -> bool:
        """Whether what is sent there leaves the house and must be clean."""
        return "outside" in self.arguments and "trusted" not in self.arguments

    @property
    def takes_objects(self) -> bool:
        """Whether objects are sent there; a webhook is only told of them."""
        return self.kind != "webhook"


@dataclass(frozen=True, slots=True)
class Contact:
    """A person or an address list that gets mail."""

    name: str
    addresses: tuple[str, ...]
    may_see_names: bool = False


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A box of a region definition, in pixels from the left and top, or from the right and bottom edge."""

    x: int
    y: int
    width: int
    height: int
    from_right: bool = False
    from_bottom: bool = False


@dataclass(frozen=True, slots=True)
class Regions:
    """Where a device burns text in: boxes to blank, or (`keep`) the only ones to keep. `where` None: by name only."""

    name: str
    where: Condition | None
    keep: bool
    boxes: tuple[Rectangle, ...]
    written: str = ""

    @property
    def blank_and_keep(self) -> tuple[tuple[Rectangle, ...], tuple[Rectangle, ...]]:
        """What to blank, and what alone to keep: one of the two is empty."""
        return ((), self.boxes) if self.keep else (self.boxes, ())


@dataclass(frozen=True, slots=True)
class Route:
    """`route NAME on SOURCE where CONDITION → chain on failure → chain on duplicate keep`."""

    name: str
    source: str
    where: Condition | None
    chain: Chain
    failure: Chain | None = None
    written: str = ""
    duplicate: str = ""
    """What stands behind `on duplicate`: keep, replace or drop; empty where nothing is said."""


@dataclass(frozen=True, slots=True)
class Chore:
    """`route NAME on every day at 03:00 → …`, `on trouble → …`: what is done without an object."""

    name: str
    when: Daily | OnTrouble
    chain: tuple[Call, ...]
    written: str = ""


@dataclass(frozen=True, slots=True)
class Program:
    """Everything that a rule file says."""

    listeners: tuple[Listener, ...] = ()
    destinations: tuple[Destination, ...] = ()
    contacts: tuple[Contact, ...] = ()
    regions: tuple[Regions, ...] = ()
    routes: tuple[Route, ...] = ()
    schedules: tuple[Schedule, ...] = ()
    chores: tuple[Chore, ...] = ()

    @property
    def digest(self) -> str:
        """Sixteen hex digits over what the program does; the same for texts that differ only in layout."""
        data = self.to_json()
        for entry in (*_list(data["regions"]), *_list(data["routes"]), *_list(data["chores"])):
            entry.pop("written")  # type: ignore[attr-defined]  # to_json made them dicts
        canonical = json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        return hashlib.blake2b(canonical.encode(), digest_size=8).hexdigest()

    def destination(self, name: str) -> Destination | None:
        """The destination of that name."""
        return next((found for found in self.destinations if found.name == name), None)

    def contact(self, name: str) -> Contact | None:
        """The contact of that name."""
        return next((found for found in self.contacts if found.name == name), None)

    def schedule(self, name: str) -> Schedule | None:
        """The schedule of that name."""
        return next((found for found in self.schedules if found.name == name), None)

    def route(self, name: str) -> Route | None:
        """The route of that name."""
        return next((found for found in self.routes if found.name == name), None)

    def listener_at(self, kind: str, port: int | None, folder: str = "") -> Listener | None:
        """The listener that takes what arrives in this way."""
        way = (kind, port, folder)
        return next((found for found in self.listeners if (found.kind, found.port, found.folder) == way), None)

    def to_json(self) -> dict[str, object]:
        """As JSON values, in the order of the text."""
        return {
            "version": 1,
            "listeners": [_way_json(listener) for listener in self.listeners],
            "destinations": [_way_json(destination) for destination in self.destinations],
            "contacts": [
                {"name": c.name, "addresses": list(c.addresses), "may_see_names": c.may_see_names}
                for c in self.contacts
            ],
            "regions": [
                {
                    "name": regions.name,
                    "where": _where_json(regions.where),
                    "keep": regions.keep,
                    "boxes": [[b.x, b.y, b.width, b.height, b.from_right, b.from_bottom] for b in regions.boxes],
                    "written": regions.written,
                }
                for regions in self.regions
            ],
            "schedules": [{"name": s.name, "window": str(s.window)} for s in self.schedules],
            "routes": [
                {
                    "name": route.name,
                    "source": route.source,
                    "where": _where_json(route.where),
                    "chain": _chain_json(route.chain),
                    "failure": None if route.failure is None else _chain_json(route.failure),
                    "written": route.written,
                    # Only where it is said: the digest of what says nothing of it stays as it was.
                    **({"duplicate": route.duplicate} if route.duplicate else {}),
                }
                for route in self.routes
            ],
            "chores": [
                {"name": c.name, "when": str(c.when), "chain": _chain_json(c.chain), "written": c.written}
                for c in self.chores
            ],
        }

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Program":
        """What `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        if data["version"] != 1:
            raise ValueError("a program of another version")
        return cls(
            tuple(Listener(*_way(entry)) for entry in _list(data["listeners"])),
            tuple(Destination(*_way(entry)) for entry in _list(data["destinations"])),
            tuple(
                Contact(str(c["name"]), tuple(map(str, _raw(c["addresses"]))), bool(c["may_see_names"]))
                for c in _list(data["contacts"])
            ),
            tuple(
                Regions(
                    str(r["name"]),
                    _where(r["where"]),
                    bool(r["keep"]),
                    tuple(_rectangle(box) for box in _raw(r["boxes"])),
                    str(r.get("written", "")),
                )
                for r in _list(data["regions"])
            ),
            tuple(
                Route(
                    str(r["name"]),
                    str(r["source"]),
                    _where(r["where"]),
                    _chain(r["chain"]),
                    None if r["failure"] is None else _chain(r["failure"]),
                    str(r["written"]),
                    str(r.get("duplicate", "")),
                )
                for r in _list(data["routes"])
            ),
            # A program that an earlier version kept on disk has none.
            tuple(Schedule(str(s["name"]), Window.of(str(s["window"]))) for s in _list(data.get("schedules", []))),
            tuple(
                Chore(str(c["name"]), occasion(str(c["when"])), _calls(c["chain"]), str(c["written"]))
                for c in _list(data.get("chores", []))
            ),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two programs in one kind of thing, by name."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    changed: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed)


def difference(old: Program, new: Program) -> dict[str, Change]:
    """What a reload must open, close and replace: per kind (listeners, destinations …) the names that differ."""
    result = {}
    for kind in ("listeners", "destinations", "contacts", "regions", "schedules", "routes", "chores"):
        before = {entry["name"]: entry for entry in _list(old.to_json()[kind])}
        after = {entry["name"]: entry for entry in _list(new.to_json()[kind])}
        result[kind] = Change(
            tuple(str(name) for name in after if name not in before),
            tuple(str(name) for name in before if name not in after),
            tuple(str(name) for name in after if name in before and not _same(before[name], after[name])),
        )
    return result


def calls(chain: Chain) -> Iterator[Call]:
    """Every step of a chain, cases included, in the order of the text."""
    for node in chain:
        if isinstance(node, Call):
            yield node
        else:
            for case in node.cases:
                yield from calls(case.chain)
            if node.otherwise is not None:
                yield from calls(node.otherwise)


def _same(before: Mapping[str, object], after: Mapping[str, object]) -> bool:
    return {**before, "written": ""} == {**after, "written": ""}


def _way_json(way: Listener | Destination) -> dict[str, object]:
    return {"name": way.name, "kind": way.kind, "arguments": {k: a.to_json() for k, a in way.arguments.items()}}


def _way(entry: Mapping[str, object]) -> tuple[str, str, dict[str, Argument]]:
    return str(entry["name"]), str(entry["kind"]), _arguments(entry["arguments"])


def _arguments(data: object) -> dict[str, Argument]:
    if not isinstance(data, Mapping):
        raise ValueError("expected arguments")
    return {str(name): Argument.from_json(value) for name, value in data.items()}


def _where_json(where: Condition | None) -> object:
    return None if where is None else conditions.to_json(where)


def _where(data: object) -> Condition | None:
    if data is None:
        return None
    if not isinstance(data, Mapping):
        raise ValueError("expected a condition")
    return conditions.from_json(data)


def _chain_json(chain: Chain) -> list[object]:
    return [_node_json(node) for node in chain]


def _node_json(node: Call | Choose) -> object:
    if isinstance(node, Call):
        return {"step": node.step, "arguments": {k: a.to_json() for k, a in node.arguments.items()}}
    return {
        "choose": [{"where": conditions.to_json(c.where), "chain": _chain_json(c.chain)} for c in node.cases],
        "otherwise": None if node.otherwise is None else _chain_json(node.otherwise),
    }


def _chain(data: object) -> Chain:
    return tuple(_node(entry) for entry in _list(data))


def _calls(data: object) -> tuple[Call, ...]:
    return tuple(Call(str(entry["step"]), _arguments(entry["arguments"])) for entry in _list(data))


def _node(entry: Mapping[str, object]) -> Call | Choose:
    if "step" in entry:
        return Call(str(entry["step"]), _arguments(entry["arguments"]))
    cases = []
    for case in _list(entry["choose"]):
        where = _where(case["where"])
        if where is None:
            raise ValueError("a case needs a condition")
        cases.append(Case(where, _chain(case["chain"])))
    otherwise = entry["otherwise"]
    return Choose(tuple(cases), None if otherwise is None else _chain(otherwise))


def _rectangle(data: object) -> Rectangle:
    x, y, width, height, right, bottom = _raw(data)
    return Rectangle(int(str(x)), int(str(y)), int(str(width)), int(str(height)), bool(right), bool(bottom))


def _raw(data: object) -> list[object]:
    if not isinstance(data, list):
        raise ValueError("expected a list")
    return data


def _list(data: object) -> list[Mapping[str, object]]:
    entries = []
    for entry in _raw(data):
        if not isinstance(entry, Mapping):
            raise ValueError("expected objects")
        entries.append(entry)
    return entries
