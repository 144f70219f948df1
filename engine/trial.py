"""Trial: an example of the rule file (`test "…"`), as plain immutable data beside the Program.

What is given, where it comes in, and what must become of it. Pure; engine.rehearsal runs it, dsl.trials writes it.
"""

from dataclasses import dataclass

from engine.condition import Field, Literal
from engine.program import Call, Listener
from engine.signature import Signature

TAG = "tag TAG [VALUE] [to DESTINATIONS]"
"""What a test may expect beside the steps: an attribute of what is stored or sent, with this value if one is said."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """`expect forward PACS`, or with `wanted` false `expect no forward PACS`.

    calls: one step, with as many of its arguments as the test says; the steps of a named piece of chain; or `tag`.
    """

    wanted: bool
    calls: tuple[Call, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Trial:
    """`test "…" given … on … expect …`. `source` is the way in, None where the test does not say it."""

    title: str
    given: tuple[tuple[Field, Literal], ...]
    source: Listener | None
    expects: tuple[Wanted, ...]
    written: str = ""


def loose(signature: Signature) -> Signature:
    """The signature of a step in an expectation: all of its words may be left out."""
    groups = tuple(type(group)(group.items, True) for group in signature.groups)
    return Signature(
        signature.line, signature.name, groups, signature.kinds, signature.built, signature.later, signature.clears
    )
