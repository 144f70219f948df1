"""The route index: it finds what asking every route would find, whatever the conditions and the object are."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from hypothesis import given
from hypothesis import strategies as st

from engine.condition import All, Among, Any, Condition, Field, Literal, Named, Not, Present, Unmatched, holds
from engine.errors import Never
from engine.index import Index, asks_unmatched
from engine.program import Route
from engine.tags import Path
from tests.data.make import Seen, equals, forward, route

UNREADABLE = "?"
"""A value that cannot be decoded."""


@dataclass(frozen=True)
class Damaged(Seen):
    """A view in which some values cannot be read."""

    asked: list[str] = field(default_factory=list)

    def values(self, path: Path) -> tuple[str, ...]:
        """The attribute's values, or Never."""
        self.asked.append(str(path))
        found = super().values(path)
        if UNREADABLE in found:
            raise Never("it cannot be read")
        return found


def among(tag: str, *options: str) -> Condition:
    """`tag in (…)`."""
    return Among(Field(tag), tuple(Literal("text", option) for option in options))


TAGS = ("Modality", "InstitutionName", "ImageType", "PatientName", "Rows")
VALUES = ("US", "us ", "CT", "Praxis Süd", "1", "")
leaves = st.one_of(
    st.builds(equals, st.sampled_from(TAGS), st.sampled_from(VALUES)),
    st.builds(
        # At least one, as the language has it: `in ()` cannot be written.
        lambda tag, options: among(tag, *options),
        st.sampled_from(TAGS),
        st.lists(st.sampled_from(VALUES), min_size=1),
    ),
    st.builds(lambda tag: Present(Field(tag)), st.sampled_from(TAGS)),
    st.just(Unmatched()),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(lambda term: Named("some", term), inner),
        st.builds(lambda terms: All(tuple(terms)), st.lists(inner, min_size=1, max_size=3)),
        st.builds(lambda terms: Any(tuple(terms)), st.lists(inner, min_size=1, max_size=3)),
    ),
    max_leaves=6,
)
views = st.builds(
    Damaged, st.dictionaries(st.sampled_from(TAGS), st.lists(st.sampled_from((*VALUES, UNREADABLE)), max_size=2))
)


def answer(where: Condition | None, view: Seen) -> bool | None:
    """Whether it holds; None where what it asks for cannot be read."""
    try:
        return where is None or holds(where, view)
    except Never:
        return None


@given(st.lists(st.none() | conditions, max_size=8), views)
def test_what_the_index_leaves_out_no_condition_would_have_taken(wheres: list[Condition | None], view: Damaged) -> None:
    routes = [route(f"r{place}", where=where) for place, where in enumerate(wheres)]
    found = Index.of(routes).candidates(view)
    assert found == [one for one in routes if one in found], "they stand in file order"
    assert {answer(one.where, view) for one in routes if one not in found} <= {False}


@given(conditions, views)
def test_the_order_of_the_clauses_changes_no_answer(where: Condition, view: Damaged) -> None:
    assert answer(where, view) == answer(turned(where), view)


def turned(where: Condition) -> Condition:
    """The same with the terms of each `and` and `or` in the other order."""
    match where:
        case All(terms) | Any(terms):
            return type(where)(tuple(turned(term) for term in reversed(terms)))
        case Not(term):
            return Not(turned(term))
        case Named(name, term):
            return Named(name, turned(term))
    return where


def test_a_false_clause_settles_what_an_unreadable_one_beside_it_cannot() -> None:
    view = Damaged({"PatientName": UNREADABLE, "Modality": "CT"})
    doe = equals("PatientName", "Doe")
    assert answer(All((doe, equals("Modality", "US"))), view) is False
    assert answer(Any((doe, equals("Modality", "CT"))), view) is True
    assert answer(All((doe, equals("Modality", "CT"))), view) is None
    assert answer(Any((doe, equals("Modality", "US"))), view) is None


def many(institutions: int) -> list[Route]:
    """A route for each of so many senders, as a hub writes them."""
    return [
        route(
            f"r{number}",
            forward("PACS"),
            where=All((equals("Modality", "US"), equals("InstitutionName", f"Praxis {number}"))),
        )
        for number in range(institutions)
    ]


def test_of_a_thousand_routes_only_those_for_its_institution_are_asked() -> None:
    index = Index.of(many(1000))
    view = Damaged({"Modality": "US", "InstitutionName": "PRAXIS 7 "})
    assert [found.name for found in index.candidates(view)] == ["r7"]
    assert view.asked == ["InstitutionName"]


def test_a_route_without_an_equality_is_always_asked() -> None:
    index = Index.of([*many(3), route("all"), route("not", where=Not(equals("Modality", "CT")))])
    assert [found.name for found in index.candidates(Damaged())] == ["all", "not"]


def test_where_the_value_cannot_be_read_each_route_that_needs_it_is_asked() -> None:
    index = Index.of(many(3))
    assert len(index.candidates(Damaged({"InstitutionName": UNREADABLE}))) == 3


def test_a_catch_all_is_known_through_names_and_brackets() -> None:
    known: Mapping[bool, tuple[Condition | None, ...]] = {
        True: (Unmatched(), Not(Unmatched()), Named("rest", Any((equals("Modality", "US"), Unmatched())))),
        False: (None, equals("Modality", "US"), Present(Field("Modality")), All((among("Modality", "US"),))),
    }
    for expected, wheres in known.items():
        assert [asks_unmatched(where) for where in wheres] == [expected] * len(wheres)
