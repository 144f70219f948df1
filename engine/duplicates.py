"""Duplicates: what is known of earlier arrivals of an object, and what a route does with it then.

Pure. A part of engine.run: the rules are asked with it, and it must not know where it was looked up.
"""

from dataclasses import dataclass

from engine.program import DROP, KEEP, REPLACE, Route


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of earlier arrivals under this SOP Instance UID. Nothing, for what is new and for dry runs.

    same: the earlier object with the same bytes, the same way in and the same rules, where what was promised then
    still stands; others: whether other bytes have been routed under this UID after it. first: the first object with
    other bytes, and `difference` what tells the two apart, without values. overtaken: other bytes that came later have
    been routed already. taken: the routes that have had an object of this UID. asked: a person has sent it through the
    rules again, and so wants it done.
    """

    same: str = ""
    others: bool = False
    first: str = ""
    difference: str = ""
    overtaken: bool = False
    taken: frozenset[str] = frozenset()
    asked: bool = False


NEW = Seen()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a route does with an object: `go`, with `policy` for what is stored; `drop`, `discard` or `hold`."""

    what: str
    policy: str = ""
    why: str = ""


def verdict(route: Route, seen: Seen) -> Verdict:
    """What this route does with an object of which so much is known."""
    policy = route.duplicate
    if seen.asked:
        # A person has looked at it and sent it on: it is neither dropped nor held a second time.
        return Verdict("go", stored(route) or (KEEP if seen.first else ""))
    if policy == KEEP:
        return Verdict("go", KEEP)
    if policy == DROP and route.name in seen.taken and not seen.same:
        return Verdict("discard", why="it has come before, and the rule says: on duplicate drop")
    if seen.same and not (policy == REPLACE and seen.others):
        return Verdict("drop")
    if policy == REPLACE and not seen.overtaken:
        return Verdict("go", REPLACE)
    if seen.first and policy != DROP:
        # Also what would replace, but has been overtaken: it must not take the place of what is newer.
        return Verdict("hold", why=held_because(seen))
    return Verdict("go")


def stored(route: Route) -> str:
    """What the archive does where it has other bytes under the same UID: keep both, replace, or (empty) refuse."""
    return "" if route.duplicate == DROP else route.duplicate


def held_because(seen: Seen) -> str:
    """The reason for the hold of other bytes under a known UID."""
    return (
        f"it has the SOP Instance UID of {seen.first}, which went before it, but other content: {seen.difference}; "
        "compare the two, then release or delete this one"
    )
