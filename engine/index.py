"""The route index: of many routes, which may take an object at all? By source, then by the clauses they share.

Pure. Most routes begin with an equality (`Modality = US`, `Institution = "Praxis Nord"`). Those are found by the
object's value instead of being asked one by one, so that a route costs only the objects it may be for. The index
never decides that a route takes an object; it only leaves out those whose condition is false whatever else it says.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from engine.condition import All, Among, Any, Compare, Condition, Field, Named, Unmatched, View, folded
from engine.errors import Never
from engine.program import Route

Clause = tuple[Field, frozenset[str]]
"""A field and the folded values of which it must have one, or the condition is false."""


@dataclass(frozen=True, slots=True)
class Index:
    """The routes of one source. Places count them in file order.

    clauses: by field, by folded value, the routes that need that value. others: the routes that must be asked.
    """

    routes: tuple[Route, ...]
    clauses: Mapping[Field, Mapping[str, tuple[int, ...]]]
    others: tuple[int, ...]

    @classmethod
    def of(cls, routes: Sequence[Route]) -> "Index":
        """Put each route under the one of its clauses that tells the most routes apart."""
        needed = [() if route.where is None else tuple(_clauses(route.where)) for route in routes]
        told = Counter(field for field, _ in {(f, value) for some in needed for f, vs in some for value in vs})
        clauses: dict[Field, dict[str, list[int]]] = {}
        others = []
        for place, some in enumerate(needed):
            if not some:
                others.append(place)
                continue
            field, texts = max(some, key=lambda clause: told[clause[0]] / max(len(clause[1]), 1))
            for text in texts:
                clauses.setdefault(field, {}).setdefault(text, []).append(place)
        frozen = {f: {text: tuple(places) for text, places in by.items()} for f, by in clauses.items()}
        return cls(tuple(routes), frozen, tuple(others))

    def candidates(self, view: View) -> list[Route]:
        """The routes that may take what the view shows, in file order; all others are sure not to.

        Where a value cannot be read, every route that needs it is a candidate: what to do then is for `holds`.
        """
        places = set(self.others)
        for field, by_text in self.clauses.items():
            try:
                for text in field.read(view):
                    places.update(by_text.get(folded(text), ()))
            except Never:
                places.update(place for some in by_text.values() for place in some)
        return [self.routes[place] for place in sorted(places)]


def by_source(routes: Iterable[Route]) -> dict[str, Index]:
    """An index for each source."""
    sorted_out: dict[str, list[Route]] = {}
    for route in routes:
        sorted_out.setdefault(route.source, []).append(route)
    return {source: Index.of(some) for source, some in sorted_out.items()}


def asks_unmatched(where: Condition | None) -> bool:
    """Whether the condition depends on what the other routes do."""
    match where:
        case Unmatched():
            return True
        case All(terms) | Any(terms):
            return any(asks_unmatched(term) for term in terms)
        case None | Compare() | Among():
            return False
        case _:
            term = getattr(where, "term", None)
            return term is not None and asks_unmatched(term)


def _clauses(where: Condition) -> Iterator[Clause]:
    """What must be so for the condition to be true, as far as it is an equality of text."""
    match where:
        case Compare(field, "=", value) if field.kind in ("text", "uid"):
            yield field, frozenset({folded(value.text)})
        case Among(field, options) if field.kind in ("text", "uid"):
            yield field, frozenset(folded(option.text) for option in options)
        case Named(_, term):
            yield from _clauses(term)
        case All(terms):
            for term in terms:
                yield from _clauses(term)
        case Any(terms):
            ways = [dict(_clauses(term)) for term in terms]
            for field in ways[0]:
                if all(field in way for way in ways):
                    yield field, frozenset().union(*(way[field] for way in ways))
