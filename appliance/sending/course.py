"""The course of one sending: look at each piece, leave out what was sent before, send the rest, remember it.

In portions, so that a ZIP of any size needs little room, and an interruption loses little. It must not know how
progress is shown, nor which kind of destination it is.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from appliance.sending.account import BEFORE, DELIVERED, FAILED, LATER, REPEATED, Account, Subject
from appliance.sending.gather import Piece, Survey, Unsendable, opened
from appliance.sending.memory import Mark, Memory, content_of, place_of
from appliance.sending.subjects import subject_of
from appliance.sending.ways import Way
from engine.dicom import Done, Outcome
from engine.errors import Later
from engine.sources.wholeness import look_into
from engine.sources.zips import Limits

PORTION_FILES = 500
PORTION_BYTES = 1 << 30
MOST_IN_VAIN = 2
NOT_TRIED = "not tried: the destination has taken nothing of what was tried last"


class Show(Protocol):
    """Whoever looks on."""

    def passed(self, size: int, account: Account) -> None:
        """One more object, of so many bytes, has come to its end."""

    def trouble(self, name: str, why: str) -> None:
        """One was not delivered."""


@dataclass(frozen=True, slots=True)
class _Ready:
    """A piece that is to be sent, and what is known of it."""

    piece: Piece
    subject: Subject
    mark: Mark


@dataclass
class Course:
    """One sending. `way` is None where nothing is to be sent: then it is only said what would be."""

    way: Way | None
    memory: Memory | None
    scratch: Path
    show: Show
    stop: Callable[[], bool]
    again: bool = False
    skip_duplicates: bool = False
    limits: Limits = field(default_factory=Limits)
    account: Account = field(default_factory=Account)
    _seen: set[str] = field(default_factory=set)
    """SOP Instance UIDs of this run."""
    _in_vain: int = 0
    """So many portions in a row of which nothing was taken, and all of which might be another time."""

    def run(self, found: Survey) -> Account:
        """Send everything that was found. Does not raise for what is wrong with a file or a destination."""
        begun = time.monotonic()
        self.account.left_out = found.left_out
        for one in found.unsendable:
            self._unsendable(one)
        try:
            for portion in self._portions(found):
                self._send(portion)
        finally:
            self.account.seconds = time.monotonic() - begun
            self.account.interrupted = self.stop()
            if self.memory is not None:
                self.memory.close()
        return self.account

    def _portions(self, found: Survey) -> Iterator[list[_Ready]]:
        portion: list[_Ready] = []
        size = 0
        for number, piece in enumerate(found.pieces):
            if self._in_vain >= MOST_IN_VAIN:
                self._give_up(found.pieces[number:])
                return
            for one in opened(piece, self.scratch, self.limits):
                if self.stop():
                    return
                if isinstance(one, Unsendable):
                    self._unsendable(one)
                    continue
                ready = self._look(one)
                if ready is None:
                    _tidy(one)
                    continue
                portion.append(ready)
                size += one.size
                if len(portion) >= PORTION_FILES or size >= PORTION_BYTES:
                    yield portion
                    portion, size = [], 0
        if portion:
            yield portion

    def _look(self, piece: Piece) -> _Ready | None:
        """What is known of it, or None where it is not to be sent."""
        try:
            place = place_of(piece.file)
            known = self.memory is not None and not self.again
            sent = known and self.memory is not None and self.memory.has_place(place)
            lacks = "" if sent else look_into(piece.file).lacks
            subject = subject_of(piece.file)
            if lacks:
                self._end(piece, subject, FAILED, lacks)
                return None
            content = "" if sent else content_of(piece.file)
            if sent or (known and self.memory is not None and self.memory.has_content(content)):
                self._seen.add(subject.instance)
                self._end(piece, subject, BEFORE)
                return None
        except OSError as error:
            self._end(piece, Subject(), FAILED, f"the file cannot be read ({error.strerror or error})")
            return None
        if self.skip_duplicates and subject.instance and subject.instance in self._seen:
            self._end(piece, subject, REPEATED)
            return None
        self._seen.add(subject.instance)
        return _Ready(piece, subject, Mark(place, content))

    def _send(self, portion: list[_Ready]) -> None:
        if self.way is None:
            for one in portion:
                self._end(one.piece, one.subject, DELIVERED)
                _tidy(one.piece)
            return
        by_file = {one.piece.file: one for one in portion}
        before = self.account.counts[DELIVERED], self.account.counts[FAILED]

        def report(file: Path, outcome: Outcome) -> None:
            one = by_file.pop(file)
            if isinstance(outcome, Done):
                self._remember(one)
                if outcome.warning:
                    self.account.warnings[outcome.warning] += 1
                self._end(one.piece, one.subject, DELIVERED)
            else:
                state = LATER if isinstance(outcome, Later) else FAILED
                self._end(one.piece, one.subject, state, outcome.reason)

        try:
            self.way.send([one.piece.file for one in portion], report, self.stop)
        finally:
            for one in portion:
                _tidy(one.piece)
        for one in [] if self.stop() else list(by_file.values()):
            self._end(one.piece, one.subject, LATER, NOT_TRIED)
        in_vain = before == (self.account.counts[DELIVERED], self.account.counts[FAILED])
        self._in_vain = self._in_vain + 1 if in_vain else 0

    def _give_up(self, pieces: Sequence[Piece]) -> None:
        """The destination is away: to knock for each of a hundred thousand helps nobody."""
        for piece in pieces:
            self._end(piece, Subject(), LATER, NOT_TRIED)

    def _remember(self, one: _Ready) -> None:
        """A full disk is no reason to stop: at worst it is sent once more."""
        with suppress(OSError):
            # What was changed while it was being sent is not what was looked at.
            if self.memory is not None and place_of(one.piece.file) == one.mark.place:
                self.memory.add(one.mark)

    def _end(self, piece: Piece, subject: Subject, state: str, why: str = "") -> None:
        self.account.add(piece.name, subject, state, piece.size, why)
        if why:
            self.show.trouble(piece.name, why)
        self.show.passed(piece.size, self.account)

    def _unsendable(self, one: Unsendable) -> None:
        self.account.unsendable(one.name, one.why)
        self.show.trouble(one.name, one.why)


def _tidy(piece: Piece) -> None:
    if piece.scratch:
        with suppress(OSError):
            piece.file.unlink()
