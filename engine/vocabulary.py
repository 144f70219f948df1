"""The vocabulary: every component that a rule may name, built or planned, for the compiler.

A word that is planned is refused with a finding that says so; it is never mistaken for a misspelling.
"""

from engine.destinations import DESTINATIONS
from engine.parameters import Addresses
from engine.signature import Signature, Vocabulary
from engine.sources import LISTENERS, SOURCES
from engine.steps import STEPS

PLANNED_STEPS = (
    "anonymize [profile PROFILE] [keep KEEP]",
    "pseudonymize [with TABLE]",
    "map TAG with TABLE",
    "transcode SYNTAX",
    "compress SYNTAX",
    "decompress",
    "collect UNIT quiet QUIET",
    "notify URLS",
    "review",
    "await",
    "purge FOLDER older AGE",
)


def vocabulary() -> Vocabulary:
    """All there is."""
    steps = {name: declared.signature for name, declared in STEPS.items()}
    steps |= {line.split()[0]: Signature.of(line, built=False) for line in PLANNED_STEPS}
    contact = Signature.of("contact ADDRESSES [may see names]", {"addresses": Addresses})
    return Vocabulary(steps, SOURCES, LISTENERS, DESTINATIONS, contact)
