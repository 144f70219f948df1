"""The vocabulary: every component that a rule may name, built or planned, for the compiler.

A word that is planned is refused with a finding that says so; it is never mistaken for a misspelling.
"""

from dataclasses import replace

from engine.destinations import DESTINATIONS
from engine.parameters import Addresses
from engine.signature import Signature, Vocabulary
from engine.sources import LISTENERS, SOURCES
from engine.steps import CHORES, STEPS
from engine.text import installed

PLANNED_STEPS = (
    "anonymize [profile PROFILE] [keep KEEP]",
    "pseudonymize [with TABLE]",
    "map TAG with TABLE",
    "review",
)
PLANNED_CLEARS = {"anonymize": ("header",)}
"""What a planned step will clean. Not `pseudonymize`: new names leave the birth date and the rest as they are."""


def vocabulary() -> Vocabulary:
    """All there is."""
    steps = {name: declared.signature for name, declared in STEPS.items()}
    steps |= {name: declared.signature for name, declared in CHORES.items()}
    for line in PLANNED_STEPS:
        name = line.split()[0]
        steps[name] = Signature.of(line, built=False, clears=PLANNED_CLEARS.get(name, ()))
    if installed.missing():
        steps["anonymize-pixels"] = replace(steps["anonymize-pixels"], lacks={"text": installed.EXTRA})
    contact = Signature.of("contact ADDRESSES [may see names]", {"addresses": Addresses})
    return Vocabulary(steps, SOURCES, LISTENERS, DESTINATIONS, contact)
