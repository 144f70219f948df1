"""AST → Program: named steps in place, conditions with their meaning, listeners by port, routes with a lasting name.

Pure. It is only asked for rules without errors and may trust every name. It must not know the text.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar, cast

from dsl import ast
from dsl.bind import Arguments
from dsl.resolve import Rules
from engine import condition as conditions
from engine.condition import Condition, Field, Literal
from engine.parameters import WatchedFolder
from engine.program import (
    Call,
    Case,
    Chain,
    Choose,
    Chore,
    Contact,
    Destination,
    Listener,
    Program,
    Rectangle,
    Regions,
    Route,
)
from engine.schedule import Daily, OnTrouble, Schedule
from engine.signature import Argument

Named = TypeVar("Named", Route, Chore)


def lower(rules: Rules, arguments: Mapping[ast.Span, Arguments]) -> Program:
    """The program that the rules mean."""
    return _Lowering(rules, arguments).program()


def meaning(rules: Rules, expr: ast.Expr) -> Condition:
    """What one condition means, the named ones in it in their place."""
    return _Lowering(rules, {}).condition(expr)


def boxes(regions: ast.Regions) -> tuple[Rectangle, ...]:
    """The boxes of a regions statement."""
    found = []
    for box in regions.boxes:
        x, y, width, height = (int(edge.number.text) for edge in box.edges)
        found.append(Rectangle(x, y, width, height, box.edges[0].side == "right", box.edges[1].side == "bottom"))
    return tuple(found)


class _Lowering:
    def __init__(self, rules: Rules, arguments: Mapping[ast.Span, Arguments]) -> None:
        self.rules = rules
        self.arguments = arguments
        self.listeners: dict[str, Listener] = {}

    def program(self) -> Program:
        destinations, contacts, regions, routes, schedules, chores = [], [], [], [], [], []
        for statement in self.rules.statements:  # every declared listener first: routes look for its port
            if isinstance(statement, ast.Declaration) and statement.kind == "listener":
                name = statement.name
                kind = statement.values[0].text
                self.listeners[name.text] = _listener(name.text, kind, self._bound(name.span))
        for statement in self.rules.statements:
            match statement:
                case ast.Declaration(kind="destination", name=name, values=values):
                    destinations.append(Destination(name.text, values[0].text, self._bound(name.span)))
                case ast.Declaration(kind="contact", name=name):
                    contacts.append(_contact(name.text, self._bound(name.span)))
                case ast.Declaration(kind="schedule", name=name):
                    schedules.append(Schedule.of(name.text, self._bound(name.span)))
                case ast.Regions(name=name, where=where, keep=keep):
                    fits = None if where is None else self.condition(where)
                    at = f"{statement.span.file}:{statement.span.line}"
                    regions.append(Regions(name.text, fits, keep, boxes(statement), at))
                case ast.Route(bare=True):
                    chores.append(self._chore(statement))
                case ast.Route():
                    routes.append(self._route(statement))
        taken = {route.name for route in routes} | {chore.name for chore in chores}
        return Program(
            tuple(self.listeners.values()),
            tuple(destinations),
            tuple(contacts),
            tuple(regions),
            _with_names(routes, taken, _what_it_does),
            tuple(schedules),
            _with_names(chores, taken, _what_is_done),
        )

    def _bound(self, at: ast.Span) -> Arguments:
        return self.arguments.get(at, {})

    # --- routes

    def _route(self, route: ast.Route) -> Route:
        return Route(
            "" if route.label is None else route.label.text,
            self._source(route.source),
            None if route.where is None else self.condition(route.where),
            self._chain(route.chain),
            None if route.failure is None else self._chain(route.failure),
            f"{route.span.file}:{route.span.line}",
            "" if route.duplicate is None else route.duplicate.text,
        )

    def _chore(self, route: ast.Route) -> Chore:
        when = OnTrouble if route.source.name.text == "trouble" else Daily
        return Chore(
            "" if route.label is None else route.label.text,
            when.bound(self._bound(route.source.span)),
            tuple(node for node in self._chain(route.chain) if isinstance(node, Call)),
            f"{route.span.file}:{route.span.line}",
        )

    def _source(self, call: ast.Call) -> str:
        bound = self._bound(call.span)
        if call.name.text in self.listeners and not call.values:
            return call.name.text
        way_in = way(call.name.text, bound)
        for listener in self.listeners.values():
            if (listener.kind, listener.port, listener.folder) == (way_in.kind, way_in.port, way_in.folder):
                return listener.name
        self.listeners[way_in.name] = way_in
        return way_in.name

    def _chain(self, chain: ast.Chain) -> Chain:
        nodes: list[Call | Choose] = []
        for node in chain:
            if isinstance(node, ast.Choose):
                cases = tuple(Case(self.condition(case.where), self._chain(case.chain)) for case in node.cases)
                nodes.append(Choose(cases, None if node.otherwise is None else self._chain(node.otherwise)))
                continue
            steps = self.rules.declared("steps").get(node.name.text)
            if isinstance(steps, ast.Steps):
                nodes += self._chain(steps.chain)
            else:
                nodes.append(Call(node.name.text, self._bound(node.span)))
        return tuple(nodes)

    # --- conditions

    def condition(self, expr: ast.Expr) -> Condition:
        """One condition."""
        match expr:
            case ast.Both(every=every, terms=terms):
                lowered = tuple(self.condition(term) for term in terms)
                return conditions.All(lowered) if every else conditions.Any(lowered)
            case ast.Negation(term=term):
                return conditions.Not(self.condition(term))
            case ast.Reference(name=name):
                return self._named(name.text)
            case ast.Presence(field=field, present=present):
                there = conditions.Present(Field(field.text))
                return there if present else conditions.Not(there)
            case ast.Pattern(field=field, expression=expression):
                return conditions.Matches(Field(field.text), expression.text)
            case ast.Membership(field=field, options=options):
                return conditions.Among(Field(field.text), tuple(literal(option) for option in options))
            case ast.Comparison(field=field, operator="contains", operand=operand):
                return conditions.Contains(Field(field.text), operand.text)
            case ast.Comparison(field=field, operator="starts", operand=operand):
                return conditions.StartsWith(Field(field.text), operand.text)
            case ast.Comparison(field=field, operator="!=", operand=operand):
                return conditions.Not(conditions.Compare(Field(field.text), "=", literal(operand)))
            case ast.Comparison(field=field, operator=operator, operand=operand):
                return conditions.Compare(Field(field.text), operator, literal(operand))

    def _named(self, name: str) -> Condition:
        declared = self.rules.declared("condition").get(name)
        if isinstance(declared, ast.Condition):
            return conditions.Named(name, self.condition(declared.where))
        return conditions.Unmatched()


def way(source: str, bound: Arguments) -> Listener:
    """A way in that is not declared, as a route names it: `port 11112`, `https port 443`, `folder "/srv/export"`."""
    if source == "port":
        port = int(bound["port"].text)
        return Listener(f"port {port}", "dicom", {"port": Argument("number", str(port))})
    if source in ("http", "https"):
        port = int(bound["port"].text)
        return Listener(f"{source} port {port}", source, {"port": Argument("number", str(port))})
    listener = _listener("", source, bound)
    return replace(listener, name=f"{source} {listener.arguments['name' if source == 'outbox' else 'path']}")


def _listener(name: str, kind: str, bound: Arguments) -> Listener:
    if "path" in bound:
        # However it is spelt, one folder is one way in.
        bound = {**bound, "path": Argument("text", WatchedFolder.of(bound["path"]).path)}
    return Listener(name, kind, bound)


def literal(operand: ast.Operand) -> Literal:
    """A value of a condition as the engine keeps it."""
    text = operand.text
    if operand.kind == "clock":
        text = text.zfill(5)
    return Literal(operand.kind, text)


def _contact(name: str, bound: Arguments) -> Contact:
    addresses = bound["addresses"]
    return Contact(name, tuple(item.text for item in addresses.items or (addresses,)), "may" in bound)


def _with_names(routes: Sequence[Named], taken: set[str], essence: Callable[[Named], object]) -> tuple[Named, ...]:
    """Routes that were given no name get one from their `essence`, so that a reload knows them again."""
    named = []
    for route in routes:
        name = route.name
        if not name:
            canonical = json.dumps([essence(route)], sort_keys=True, ensure_ascii=False)
            stem = name = f"route-{hashlib.blake2b(canonical.encode(errors='replace'), digest_size=4).hexdigest()}"
            repeat = 2
            while name in taken:
                name = f"{stem}-{repeat}"
                repeat += 1
            taken.add(name)
        named.append(replace(route, name=name))
    return tuple(named)


def _what_it_does(route: Route) -> object:
    """What the name of a route comes from: not what happens on failure or with duplicates, nor where it is written."""
    bare = Route("", route.source, route.where, route.chain)
    return _json(Program(routes=(bare,)), "routes")


def _what_is_done(chore: Chore) -> object:
    return _json(Program(chores=(replace(chore, written=""),)), "chores")


def _json(program: Program, kind: str) -> object:
    [only] = cast(list[object], program.to_json()[kind])
    return only
