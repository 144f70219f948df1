"""Telling whoever put something into a folder what became of it: `NAME.status` beside it, until all of it has an end.

One text for each drop, that is for each file, folder or ZIP that was put in. It names what was put in by the name that
it had, and nothing else that is in the images. It must not know how it is found out what became of an object.
"""

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from engine import files
from engine.drops import Drops, Piece
from engine.numbers import arrival
from engine.sources.fates import HELD, ROUTING, WAITING, Fate
from engine.sources.settling import STATUS
from engine.sources.taking import shown
from engine.step import GATHERING

NAMED = 20
"""So many files are named for each thing that is said; the others are counted."""
EVERY = 5.0
AT_REST = 15.0
"""Seconds until it is told again: while something happens, and while nothing does."""

FateOf = Callable[[Collection[str]], Mapping[str, Sequence[Fate]]]

_WORDS = {
    "accepted": ("taken in on {at}: {count}", "angenommen am {at}: {count}"),
    "object": ("1 object", "1 Objekt"),
    "objects": ("{n} objects", "{n} Objekte"),
    "not needed": ("not needed, and not sent: {names}", "nicht nötig und nicht gesendet: {names}"),
    "nothing": ("nothing in it is to be sent", "nichts darin ist zu senden"),
    "routing": ("{count}: about to go through the rules", "{count}: gleich durch die Regeln"),
    "waiting": ("{count}: waiting for {outbox}", "{count}: wartet auf {outbox}"),
    "gathering": ("{count}: waiting for the rest of the study", "{count}: wartet auf den Rest der Studie"),
    "held": ("{count}: held, a person must look at it", "{count}: angehalten, jemand muss es ansehen"),
    "delivered": ("{count}: sent to {outbox}, the last on {at}", "{count}: an {outbox} gesendet, zuletzt am {at}"),
    "stored": ("{count}: stored, the last on {at}", "{count}: abgelegt, zuletzt am {at}"),
    "discarded": ("{count}: discarded by a rule", "{count}: nach einer Regel verworfen"),
    "deleted": ("{count}: deleted from the hold by a person", "{count}: von jemandem aus dem Halt gelöscht"),
    "released": (
        "{count}: released from the hold, through the rules once more",
        "{count}: aus dem Halt freigegeben, noch einmal durch die Regeln",
    ),
    "failed": ("{count}: refused by {outbox}, as the rules foresee", "{count}: von {outbox} abgelehnt, wie vorgesehen"),
    "left out": ("{count}: not sent to {outbox}", "{count}: nicht an {outbox} gesendet"),
    "duplicate": ("{count}: known already", "{count}: schon bekannt"),
    "unseen": ("{count}: done; the history no longer says how", "{count}: erledigt; der Verlauf sagt nicht mehr, wie"),
    "more": ("and {n} more", "und {n} weitere"),
    "look": ("`stellwerk spool` shows what is held", "`stellwerk spool` zeigt, was angehalten ist"),
    "done": ("All of it is done.", "Alles ist erledigt."),
}


@dataclass
class _Drop:
    id: str
    top: str
    records: set[str] = field(default_factory=set)
    """Under which ids something is written down of it: after a crash there may be two."""
    names: dict[str, str] = field(default_factory=dict)
    """Of its objects, by number."""
    not_needed: list[str] = field(default_factory=list)
    ended: dict[str, tuple[Fate, ...]] = field(default_factory=dict)
    """The objects to which nothing more will happen."""
    text: str = ""
    once: set[str] = field(default_factory=set)
    """The objects that seem to have ended: looked at once, one may just have been on its way between two places."""


class Telling:
    """The drops of one folder of which is still to be told. One thread uses it."""

    def __init__(self, drops: Drops, root: Path, fate_of: FateOf, language: str, done: str) -> None:
        """done: the folder below `root` in which the texts lie; none for `root` itself."""
        self._drops, self._fate_of, self._language = drops, fate_of, language
        self._folder = root / done if done else root
        self._open: dict[str, _Drop] = {}
        self._last, self._due, self._soon = 0.0, 0.0, True
        for number in drops.telling():
            lines = drops.told(number)
            if not lines:
                drops.all_told(number)
                continue
            drop = self._open.setdefault(lines[0]["top"], _Drop(number, lines[0]["top"]))
            for line in lines:
                self._add(drop, number, line["object"], line["name"])

    def drop_of(self, top: str) -> str:
        """The id of the drop that a file belongs to, by what was put in: a new one, once all was told of the last."""
        if top not in self._open:
            self._open[top] = _Drop(self._drops.new_number(), top)
        return self._open[top].id

    def added(self, pieces: Sequence[Piece]) -> None:
        """These have been accepted."""
        for piece in pieces:
            if piece.drop:
                drop = self._open.setdefault(piece.top, _Drop(piece.drop, piece.top))
                self._add(drop, piece.drop, piece.number, piece.name)
                self._soon = True

    def turn(self, now: float, is_there: Callable[[str], bool]) -> None:
        """Tell anew what has changed, if it is time. is_there: whether some of a drop is still to be taken."""
        if now < (min(self._due, self._last + EVERY) if self._soon else self._due) or not self._open:
            return
        begun = time.monotonic()
        fates = self._fate_of([n for drop in self._open.values() for n in drop.names if n not in drop.ended])
        self._soon = False
        for drop in list(self._open.values()):
            if not drop.names and not drop.not_needed:
                continue
            self._soon |= self._tell(drop, fates)
            if len(drop.ended) == len(drop.names) and not is_there(drop.top):
                for record in drop.records:
                    self._drops.all_told(record)
                del self._open[drop.top]
        # What costs much is not asked often.
        rest = 20 * (time.monotonic() - begun)
        self._last, self._due = now + rest, now + rest + AT_REST

    def _add(self, drop: _Drop, record: str, number: str, name: str) -> None:
        drop.records.add(record)
        if number:
            drop.names[number] = name
        elif name not in drop.not_needed:
            drop.not_needed.append(name)

    def _tell(self, drop: _Drop, fates: Mapping[str, Sequence[Fate]]) -> bool:
        """Write what is to be said now; whether it is to be asked again soon."""
        now = {number: drop.ended.get(number) or tuple(fates.get(number, ())) for number in drop.names}
        text = told(drop.top, {n: (drop.names[n], now[n]) for n in drop.names}, drop.not_needed, self._language)
        over = {number for number, some in now.items() if all(fate.is_final for fate in some)}
        drop.ended = {number: now[number] or (Fate("unseen"),) for number in over & (drop.once | drop.ended.keys())}
        settling, drop.once = bool(over - drop.once), over
        if text == drop.text:
            return settling
        with suppress(OSError):
            self._folder.mkdir(exist_ok=True)
            files.write(self._folder / f"{_short(drop.top)}{STATUS}", text.encode())
            drop.text = text
        return True


def told(top: str, objects: Mapping[str, tuple[str, Sequence[Fate]]], not_needed: Sequence[str], language: str) -> str:
    """What is said of a drop. objects: name and fates, by number."""
    say = _Saying(language)
    lines = [shown(top)]
    if objects:
        first = min(objects)
        lines.append(say("accepted", at=_moment(arrival(first)), count=say.count(len(objects))))
    else:
        lines.append(say("nothing"))
    if not_needed:
        lines.append(say("not needed", names=", ".join(say.names(not_needed))))
    lines.append("")
    groups: dict[tuple[str, str, str], list[tuple[str, str]]] = {}
    for name, fates in objects.values():
        for fate in fates or (Fate("unseen"),):
            why = fate.why if not fate.is_final or fate.state in ("discarded", "left out", "failed") else ""
            groups.setdefault((fate.state, fate.outbox, why), []).append((name, fate.at))
    for (state, outbox, why), some in sorted(groups.items()):
        lines += say.group(state, outbox, why, some)
    states = {state for state, _, _ in groups}
    if HELD in states:
        lines += ["", say("look")]
    if not states & {HELD, WAITING, ROUTING}:
        lines += ["", say("done")] if objects else []
    return "\n".join(lines) + "\n"


_UNDER_WAY = tuple(
    words.partition("{count}")[2].partition("{")[0]
    for name in ("routing", "waiting", "gathering")
    for words in _WORDS[name]
)


def verdict(text: str) -> str:
    """What a text tells of the whole drop: `done`, `held` where a person must look, or empty while it goes on."""
    if any(words in text for words in _UNDER_WAY):
        return ""
    if any(words in text for words in _WORDS["look"]):
        return "held"
    return "done" if any(words in text for words in (*_WORDS["done"], *_WORDS["nothing"])) else ""


@dataclass(frozen=True)
class _Saying:
    language: str

    def __call__(self, word: str, **facts: object) -> str:
        return _WORDS[word][self.language == "de"].format(**facts)

    def count(self, number: int) -> str:
        return self("object") if number == 1 else self("objects", n=number)

    def names(self, names: Sequence[str]) -> Iterator[str]:
        yield from names[:NAMED]
        if len(names) > NAMED:
            yield self("more", n=len(names) - NAMED)

    def group(self, state: str, outbox: str, why: str, some: Sequence[tuple[str, str]]) -> Iterator[str]:
        """What is said of all that fared alike; those that wait or are held are named, in case they are few."""
        word, place = state, outbox
        if outbox.endswith(GATHERING):
            word = "gathering"
        elif outbox.endswith(".store"):
            word, place = ("stored" if state == "delivered" else state), outbox.removesuffix(".store")
        last = max((at for _, at in some), default="")
        at = _moment(datetime.fromisoformat(last).timestamp()) if last else ""
        yield self(word, count=self.count(len(some)), outbox=place, at=at) + (f": {why}" if why else "")
        if state in (HELD, WAITING, "discarded", "left out", "failed"):
            for name in self.names([name for name, _ in some]):
                yield f"    {name}"


def _short(name: str) -> str:
    """The name, as far as ours, which is longer, is still the name of a file."""
    return os.fsdecode(os.fsencode(name)[:230])


def _moment(at: float) -> str:
    return f"{datetime.fromtimestamp(at):%Y-%m-%d %H:%M}"
