"""Guarding: what new rules clean, change or hold that the rules before do not.

Where there is any, going back lets out what the new rules would have stopped. Pure. Whether a step guards anything is
judged by its name: `set` may be harmless, but who knows.
"""

from collections import Counter

from engine.program import Program, calls
from engine.vocabulary import vocabulary

_CHANGING = frozenset({"remove", "map", "set"})
_HOLDING = frozenset({"review", "hold"})


def guards(old: Program | None, new: Program) -> list[str]:
    """Steps of the new rules, as they are written there, that the old ones do not have, or not as often."""
    return sorted((_guards(new) - (Counter() if old is None else _guards(old))).elements())


def _guards(program: Program) -> Counter[str]:
    names = {name for name, step in vocabulary().steps.items() if step.clears} | _CHANGING | _HOLDING
    return Counter(
        str(call)
        for route in program.routes
        for call in calls((*route.chain, *(route.failure or ())))
        if call.step in names
    )
