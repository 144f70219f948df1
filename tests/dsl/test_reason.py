"""What the reasoning proves is true: nothing that it rules out is ever seen among objects of every kind."""

from datetime import date
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from dsl.reason import LIMIT, implies, never, terms
from engine.condition import (
    All,
    Among,
    Any,
    Compare,
    Condition,
    Contains,
    Field,
    Literal,
    Matches,
    Named,
    Not,
    Present,
    StartsWith,
    Unmatched,
    holds,
)
from tests.data.make import Seen

# --- every object of a small world ------------------------------------------------------------------------------------

AGES = ("", "002Y", "005Y", "060M", "007Y", "010Y", "011Y", "old")
MODALITIES = ("", "US", "us ", "CT", "CTX", "other")
TYPES = ((), ("",), ("ORIGINAL",), ("original", "PRIMARY"), ("", "DERIVED"), ("PRIMARY", "DERIVED", "ORIGINAL"))
DATES = ("", "20251231", "20260101", "20260227", "20260301", "20260302", "20260331", "20260401", "never")
NAMES = ("", "Doe^Jane", "Yamada^Tarou=Doe^Jane", "Doe")
WORLD = {
    "Modality": (Field("Modality"), MODALITIES),
    "PatientAge": (Field("PatientAge"), AGES),
    "ImageType": (Field("ImageType"), TYPES),
    "StudyDate": (Field("StudyDate"), DATES),
    "PatientName": (Field("PatientName"), NAMES),
}


def objects(names: tuple[str, ...]) -> list[Seen]:
    """Every object with every value of these tags, taken by another route or not."""
    return [
        Seen(dict(zip(names, found, strict=True)), today=date(2026, 3, 31), matched=matched)
        for found in product(*(WORLD[name][1] for name in names))
        for matched in (False, True)
    ]


def texts(name: str, *some: str) -> st.SearchStrategy[Condition]:
    field = st.just(WORLD[name][0])
    text = st.sampled_from(some)
    value = text.map(lambda one: Literal("text", one))
    return st.one_of(
        st.builds(Compare, field, st.just("="), value),
        st.builds(Compare, field, st.just("="), value),
        st.builds(Among, field, st.lists(value, min_size=1, max_size=3).map(tuple)),
        st.builds(Contains, field, st.sampled_from([*some, "R", "T", "o", ""])),
        st.builds(StartsWith, field, st.sampled_from([*some, "C", "D", "DE"])),
        st.builds(Matches, field, st.sampled_from(["^U", "T$", ".*", "R"])),
        st.builds(Present, field),
    )


def ordered(name: str, *some: Literal) -> st.SearchStrategy[Condition]:
    field = st.just(WORLD[name][0])
    value = st.sampled_from(some)
    return st.one_of(
        st.builds(Compare, field, st.sampled_from(["=", "<", "<=", ">", ">="]), value),
        st.builds(Among, field, st.lists(value, min_size=1, max_size=3).map(tuple)),
        st.builds(Contains, field, st.sampled_from(["0", "Y", "2026"])),
        st.builds(Present, field),
    )


DAYS = [Literal("date", day) for day in ("2025-12-31", "2026-01-01", "2026-03-01")]
DAYS += [Literal("today", shift) for shift in ("", "- 30 days", "- 1 month", "+ 1 day", "- 90 days")]
clauses = st.one_of(
    texts("Modality", "US", "us", "CT", "MR", "CTX"),
    texts("ImageType", "ORIGINAL", "PRIMARY", "DERIVED"),
    texts("PatientName", "Doe^Jane", "Yamada^Tarou", "doe"),
    ordered("PatientAge", *(Literal("duration", f"{years} years") for years in (2, 5, 10)), Literal("text", "060M")),
    ordered("StudyDate", *DAYS),
    st.just(Unmatched()),
)
conditions = st.recursive(
    clauses,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(All, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Any, st.lists(inner, min_size=2, max_size=3).map(tuple)),
        st.builds(Not, inner),
        st.builds(Named, st.just("named"), inner),
    ),
    max_leaves=6,
)


def fields(condition: Condition) -> set[str]:
    """The tags it looks at."""
    match condition:
        case All(parts) | Any(parts):
            return set().union(*map(fields, parts))
        case Not(term) | Named(_, term):
            return fields(term)
        case Unmatched():
            return set()
    return {condition.field.name}


@given(conditions)
@settings(max_examples=1500, deadline=None)
def test_what_can_never_hold_holds_for_no_object(condition: Condition) -> None:
    if never(condition):
        assert not any(holds(condition, seen) for seen in objects(tuple(fields(condition))))


@given(conditions, conditions)
@settings(max_examples=1500, deadline=None)
def test_what_implies_another_has_no_counterexample(first: Condition, second: Condition) -> None:
    if implies(first, second):
        for seen in objects(tuple(fields(first) | fields(second))):
            assert holds(second, seen) or not holds(first, seen)


@given(conditions)
@settings(max_examples=300, deadline=None)
def test_a_condition_and_its_opposite_never_hold_together(condition: Condition) -> None:
    assert holds(condition, Seen()) or holds(Not(condition), Seen())
    assert not never(condition) or not never(Not(condition))


# --- the limits -------------------------------------------------------------------------------------------------------


def test_beyond_the_limit_nothing_is_claimed() -> None:
    def one_of(tag: str, count: int) -> Condition:
        return Any(tuple(Compare(Field(tag), "=", Literal("text", str(n))) for n in range(count)))

    wide = one_of("PatientID", LIMIT + 1)
    impossible = All((wide, Compare(Field("PatientID"), "=", Literal("text", "x"))))
    assert terms(wide) is None
    assert not never(impossible)
    assert not implies(impossible, impossible)
    assert never(All((one_of("PatientID", LIMIT), Compare(Field("PatientID"), "=", Literal("text", "x")))))
