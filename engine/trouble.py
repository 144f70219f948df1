"""Trouble: something that does not work at the moment; and when a person is told of it. Pure.

What is told must last: neither what has ended nor what has come back before that time counts. So a destination that is
restarted rings nobody, and one that comes and goes rings once.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace

HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong, in words that say what to do. newest: when the newest of several came, where it is several."""

    words: str
    german: str = ""
    """The same in German, where the words are our own; otherwise what a peer or the system has said."""
    newest: float = 0.0

    def said(self, language: str) -> str:
        """In this language, as far as we can."""
        return (self.german or self.words) if language == "de" else self.words


@dataclass(frozen=True, slots=True)
class Known:
    """One trouble over time; all moments in seconds since 1970."""

    trouble: Trouble
    since: float
    gone: float = 0.0
    """Since when it is no longer there; 0 while it is."""
    told: float = 0.0
    """When it was told last; 0 while nobody knows."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What one contact is told of, and when it was told last: what has to outlive a restart."""

    known: Mapping[str, Known] = field(default_factory=dict)
    rang: Mapping[str, float] = field(default_factory=dict)
    """When each trouble was told last, also of those that are over."""
    mailed: float = 0.0

    def to_json(self) -> dict[str, object]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> "Watched":
        """What `to_json` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        known, rang = data["known"], data["rang"]
        if not isinstance(known, dict) or not isinstance(rang, dict):
            raise TypeError("expected objects")
        read = {name: Known(**{**one, "trouble": Trouble(**one["trouble"])}) for name, one in known.items()}
        return cls(read, {name: float(at) for name, at in rang.items()}, float(str(data["mailed"])))


@dataclass(frozen=True, slots=True)
class News:
    """What a mail tells: what has begun (or lasts, or has become more), what is over, what was told and is still so."""

    begun: Mapping[str, Known]
    over: Mapping[str, Known]
    still: Mapping[str, Known]


def seen(before: Watched, there: Mapping[str, Trouble], now: float, lasting: float) -> Watched:
    """What is known after a look."""
    known = {}
    for name in {**before.known, **there}:
        was = before.known.get(name)
        trouble = there.get(name)
        if was is None and trouble is not None:
            known[name] = Known(trouble, now)
        elif was is not None and trouble is not None:
            known[name] = replace(was, trouble=trouble, gone=0.0)
        elif was is not None:
            left = replace(was, gone=was.gone or now)
            if left.told or now - left.gone < lasting:
                known[name] = left
    rang = {name: at for name, at in before.rang.items() if now - at < HOUR}
    return replace(before, known=known, rang=rang)


def news(watched: Watched, now: float, lasting: float) -> News | None:
    """What is to be told now, in one mail; None where there is nothing, or where more may come in a moment."""
    here = {name: one for name, one in watched.known.items() if not one.gone}
    begun = {name: one for name, one in here.items() if _is_due(one, watched.rang.get(name, 0.0), now, lasting)}
    over = {name: one for name, one in watched.known.items() if one.gone and one.told and now - one.gone >= lasting}
    still = {name: one for name, one in watched.known.items() if one.told and name not in {**begun, **over}}
    all_clear = bool(over) and not begun and not still
    if not (begun or over) or (now - watched.mailed < lasting and not all_clear):
        return None
    return News(begun, over, still)


def told(watched: Watched, mail: News, now: float) -> Watched:
    """What is known once a mail has gone."""
    known = {name: one for name, one in watched.known.items() if name not in mail.over}
    known |= {name: replace(one, told=now) for name, one in mail.begun.items()}
    return Watched(known, {**watched.rang, **dict.fromkeys(mail.begun, now)}, now)


def _is_due(one: Known, rang: float, now: float, lasting: float) -> bool:
    if now - one.since < lasting or now - rang < HOUR:
        return False
    # Once a day it is told again; sooner only where more of it has come since.
    return not one.told or now - one.told >= DAY or one.trouble.newest > one.told
