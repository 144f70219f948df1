"""When may a file be taken that somebody is putting into a folder? Pure: what was seen, and when, is given.

A file is looked into once its size and its time of change have stood still for a while, as we have seen ourselves.
What is then still not whole may have stalled on its way, and gets longer. It must not know files, nor clocks.
"""

from dataclasses import dataclass

PATIENCE = 60.0
"""So many seconds after its last change, half a file is half a file."""
DOUBT = 15.0
"""So many seconds after its last change, an object without pixels is one that has none."""

_UNFINISHED = (".part", ".partial", ".filepart", ".tmp", ".temp", ".crdownload", ".download", ".swp", ".lock", "~")
_LITTER = (
    "thumbs.db",
    "desktop.ini",
    "ehthumbs.db",
    "$recycle.bin",
    "system volume information",
    "__macosx",
    ".ds_store",
)

STATUS = ".status"
DONE = "done"


@dataclass(frozen=True, slots=True)
class Look:
    """What a file looked like: its size, and when it was changed (ns)."""

    size: int
    mtime: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """A file that may be taken some time: how it looks, and since when it has looked so."""

    look: Look
    since: float
    again: float = 0.0
    """Not to be looked into before."""


def is_left_alone(name: str) -> bool:
    """Whether a file or folder of this name is none of ours: hidden, unfinished, or litter of some system."""
    low = name.casefold()
    return low.startswith((".", "~")) or low.endswith(_UNFINISHED) or is_litter(name)


def is_litter(name: str) -> bool:
    """Whether some system has left it behind, and nobody wants it sent."""
    return name.casefold() in _LITTER or name.startswith("._")


def is_ours(name: str, at_the_top: bool) -> bool:
    """Whether we have put it there ourselves: what is done, and what is told of it."""
    return name.casefold().endswith(STATUS) or (at_the_top and name.casefold() == DONE)


def seen(known: Candidate | None, look: Look, now: float) -> Candidate:
    """What is known of a file once it has been seen so: a change begins the wait anew."""
    return known if known is not None and known.look == look else Candidate(look, now)


def may_be_opened(candidate: Candidate, now: float, quiet: float) -> bool:
    """Whether to look into it: it has not changed for long enough."""
    return now >= max(candidate.since + quiet, candidate.again)


def may_be_taken(candidate: Candidate, now: float, *, whole: bool, doubtful: bool = False) -> bool:
    """Whether to take it, by what was found in it: what is not whole only once nobody will bring the rest."""
    patience = PATIENCE if not whole else DOUBT if doubtful else 0.0
    return now >= candidate.since + patience


def numbered(name: str, count: int) -> str:
    """The name for the second, third … file of one name: `a.dcm`, `a (2).dcm`."""
    stem, dot, ending = name.rpartition(".")
    if count < 2:
        return name
    return f"{stem} ({count}){dot}{ending}" if stem else f"{name} ({count})"
