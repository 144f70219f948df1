"""What a reader may have meant: the nearest of the names there are. Pure."""

from collections.abc import Iterable
from difflib import SequenceMatcher
from functools import lru_cache

from engine.tags import FACTS, all_names


def nearest(word: str, options: Iterable[str], near: float = 0.59) -> str:
    """The most similar option, capitals aside; nothing if none is near."""
    wanted = word.casefold()
    if not 1 < len(wanted) <= 80:
        return ""
    best, score = "", near
    matcher = SequenceMatcher(autojunk=False)
    matcher.set_seq2(wanted)
    for option in options:
        if abs(len(option) - len(wanted)) > max(2, len(wanted) // 2):
            continue
        matcher.set_seq1(option.casefold())
        if matcher.real_quick_ratio() <= score or matcher.quick_ratio() <= score:
            continue
        ratio = max(matcher.ratio(), 1 - slips(wanted, option.casefold()) / max(len(wanted), len(option)))
        if ratio > score:
            best, score = option, ratio
    return best


def slips(one: str, other: str) -> int:
    """How many slips of the hand lie between two words: a letter too many, too few, wrong, or two swapped."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        row = [i]
        for j, b in enumerate(other, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and b == one[i - 2]:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


@lru_cache(maxsize=256)
def nearest_tag(word: str) -> str:
    """The nearest keyword, alias or fact."""
    return nearest(word, _tag_names(), 0.65)


@lru_cache(maxsize=1)
def _tag_names() -> tuple[str, ...]:
    return (*FACTS, *(name for name in all_names() if name))
