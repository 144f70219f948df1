"""What a person does by hand to what waits and what is held: release, delete, take back, try again.

For the command line and the console alike. Each works beside a running appliance: every change is one rename, and what
has gone on by itself meanwhile is left alone. It must not know how it is asked for, nor how it is told.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from engine import files, review
from engine.entry import ID, Entry
from engine.errors import Never
from engine.outbox import Outbox
from engine.spool import Spool
from engine.step import HOLD


@dataclass(slots=True)
class Done:
    """What became of what was asked for: ids of entries. `unfit`: by id, why it cannot be."""

    done: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    """Not there: a pump, or somebody else, was quicker."""
    unfit: dict[str, str] = field(default_factory=dict)


def never() -> bool:
    """Nobody asks to break it off."""
    return False


def release(spool: Spool, chosen: Iterable[str], stop: Callable[[], bool] = never) -> Done:
    """Send held objects on: to where they were refused, else through the rules again."""
    return _each(chosen, spool.release, stop)


def delete(spool: Spool, chosen: Iterable[str], stop: Callable[[], bool] = never) -> Done:
    """Remove held objects for good."""
    return _each(chosen, spool.delete, stop)


def approve(spool: Spool, chosen: Iterable[str], by: str) -> Done:
    """Let what waits for a review go on. by: who says so, for the history."""
    return _each(chosen, lambda number: review.approve(spool, number, by), never)


def reject(spool: Spool, chosen: Iterable[str], why: str, by: str) -> Done:
    """Leave what waits for a review in the hold for good, as it was received."""
    return _each(chosen, lambda number: review.reject(spool, number, why, by), never)


def review_again(spool: Spool, chosen: Iterable[str], by: str) -> Done:
    """Take what waits for a review through the rules that run now, as it was received."""
    return _each(chosen, lambda number: review.again(spool, number, by), never)


def _each(chosen: Iterable[str], do: Callable[[str], None], stop: Callable[[], bool]) -> Done:
    told = Done()
    for number in chosen:
        if stop():
            break
        try:
            if not ID.fullmatch(number):
                raise KeyError(number)
            do(number)
        except (KeyError, FileNotFoundError):
            told.missing.append(number)
        except Never as refusal:
            told.unfit[number] = refusal.reason
        else:
            told.done.append(number)
    return told


def take_back(
    spool: Spool, name: str, chosen: Iterable[str] | None = None, stop: Callable[[], bool] = never, why: str = ""
) -> Done:
    """Put what waits for a destination into the hold: these entries, or (None) all; not what is just being sent.

    why: where no person does it.
    """
    home = spool.outbox(name)
    told = Done()
    for number, waiting in _waiting(home, chosen):
        if stop():
            break
        # One by one: a pump beside us gives back what is claimed for long and nobody has in hand.
        claimed = home.claim_these([waiting] if waiting is not None and waiting.file.parent != home.active else [])
        for entry in claimed:
            home.hold(entry, why or f"a person took it out of the outbox of {name}")
        (told.done if claimed else told.missing).append(number)
    return told


def try_again(spool: Spool, name: str, chosen: Iterable[str]) -> Done:
    """Let these go now that were tried before and wait for their time."""
    home = spool.outbox(name)
    told = Done()
    for number, waiting in _waiting(home, chosen):
        if waiting is None or waiting.file.parent not in (home.later, home.stored):
            told.missing.append(number)
            continue
        try:
            files.move(waiting.file, home.place_for(waiting) / waiting.file.name)
        except FileNotFoundError:
            told.missing.append(number)
        else:
            told.done.append(number)
    return told


def _waiting(home: Outbox, chosen: Iterable[str] | None) -> Iterator[tuple[str, Entry | None]]:
    if home.name == HOLD:
        raise ValueError("the hold is no destination")
    if chosen is None:
        yield from ((entry.id, entry) for entry in home.each())
    else:
        yield from ((number, home.entry(number) if ID.fullmatch(number) else None) for number in chosen)
