"""Studies by how they stand: of which something waits or is held, or nothing of both.

Seen from the spool, not by asking each study: what has no end yet is little, and what has one almost everything.
"""

from collections.abc import Container
from dataclasses import replace

from engine.journal import Journal, portions
from engine.journal_tables import came
from engine.study_search import FEW_STUDIES, Asked, Found, Study, find
from engine.whereabouts import HELD, WAITING, whereabouts

from .house import House

OPEN, ENDED = "open", "ended"
STANDINGS = (HELD, WAITING, OPEN, ENDED)
"""Something is held; something waits; one of both; nothing of either."""

ROUNDS = 20
"""Pages of a search that are looked through for studies of which nothing is open."""


def find_standing(house: House, journal: Journal, asked: Asked, before: int, most: int, standing: str) -> Found:
    """A page of a search as engine.study_search.find answers it, of the studies alone that stand so; empty: of all.

    Raises ValueError for what is none of STANDINGS.
    """
    if not standing:
        return find(journal, asked, before, most)
    if standing not in STANDINGS:
        raise ValueError(standing)
    open_ones: dict[int, set[str]] = house.keep("open studies", lambda: _open(house))
    if standing == ENDED:
        return _others(journal, asked, before, most, open_ones)
    wanted = sorted(
        (
            one
            for one, where in open_ones.items()
            if (standing == OPEN or standing in where) and (not before or one < before)
        ),
        reverse=True,
    )
    found = find(journal, asked, before, most, only=wanted[:FEW_STUDIES])
    if len(wanted) > FEW_STUDIES and found.whole and not found.next:
        last = wanted[FEW_STUDIES - 1]
        return replace(found, next=last, whole=False, back_to=came(f"{last:016x}"))
    return found


def _others(journal: Journal, asked: Asked, before: int, most: int, open_ones: Container[int]) -> Found:
    """A page without these. It goes on over several pages of the search, as long as one may wait for that."""
    chosen: list[Study] = []
    for _ in range(ROUNDS):
        found = find(journal, asked, before, most)
        chosen += [one for one in found.studies if one.id not in open_ones]
        before = found.next
        if len(chosen) > most:
            return Found(tuple(chosen[:most]), chosen[most - 1].id, True)
        if not before or not found.whole or len(chosen) == most:
            return replace(found, studies=tuple(chosen))
    return replace(found, studies=tuple(chosen), whole=False, back_to=found.studies[-1].first if found.studies else "")


def _open(house: House) -> dict[int, set[str]]:
    """The number of each study of which something lies in the spool, and whether that waits, is held, or both."""
    there = whereabouts(house.settings.spool)
    numbers, found = sorted(there.objects), dict[int, set[str]]()
    with house.journals.open() as journal:
        for some, marks in portions(numbers):
            rows = journal.db.execute(
                "SELECT o.number, s.id FROM objects o JOIN studies s ON s.uid = iif(o.study = '', o.family, o.study)"
                f" WHERE o.number IN {marks}",
                some,
            )
            for number, study in rows:
                found.setdefault(int(study), set()).add(there.objects[str(number)])
    return found
