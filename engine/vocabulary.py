"""The vocabulary: every component that a rule may name, built or planned, for the compiler.

A word that is planned is refused with a finding that says so; it is never mistaken for a misspelling.
"""

from dataclasses import replace
from functools import lru_cache

from engine.destinations import DESTINATIONS
from engine.keeping import AS_THEY_ARE, RETAINED
from engine.parameters import Addresses
from engine.profile.table import ROWS
from engine.signature import Signature, Vocabulary
from engine.sources import LISTENERS, SOURCES
from engine.steps import CHORES, STEPS
from engine.tags import Tag
from engine.text import installed

PLANNED_STEPS: tuple[str, ...] = ()


def vocabulary() -> Vocabulary:
    """All there is."""
    steps = {name: declared.signature for name, declared in STEPS.items()}
    steps |= {name: declared.signature for name, declared in CHORES.items()}
    for line in PLANNED_STEPS:
        steps[line.split()[0]] = Signature.of(line, built=False)
    if installed.missing():
        steps["anonymize-pixels"] = replace(steps["anonymize-pixels"], lacks={"text": installed.EXTRA})
    contact = Signature.of("contact ADDRESSES [may see names]", {"addresses": Addresses})
    retained = {word: _rows(RETAINED[word]) for word in AS_THEY_ARE}
    return Vocabulary(steps, SOURCES, LISTENERS, DESTINATIONS, contact, _rows(), retained)


@lru_cache
def _rows(option: str = "") -> frozenset[str]:
    """The attributes of the profile's table; with an option, those that stay as they are by it."""
    tags = [tag for tag, row in ROWS.items() if not option or row.options.get(option) == "K"]
    return frozenset(str(Tag(tag >> 16, tag & 0xFFFF)) for tag in tags)
