"""Send DICOM files to a peer, and say of each what became of it.

Must not know outboxes, retries or schedules: it tries each file once. A dataset's bytes are sent as they are in the
file; one is re-encoded only for a peer that does not take it as it is: native ones here, compressed ones by whoever
can (`Decoder`).

What was sent to its end and not answered is in doubt: it may have arrived. `settle` is asked about it before it is
sent once more.
"""

import re
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from pydicom.config import IGNORE
from pydicom.uid import UID

from engine.dicom import native, part10, status
from engine.dicom.negotiate import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    ALTERNATIVES,
    DEFLATED_LITTLE,
    IMPLICIT_LITTLE,
    MOST_CONTEXTS,
    NATIVE,
    STORAGE_COMMITMENT,
    VERIFICATION,
    Context,
    batches,
    offered,
)
from engine.dicom.part10 import Meta
from engine.dicom.pdu import AbortedError, LostError, SilentError, ViolationError
from engine.dicom.peer import Peer
from engine.dicom.pool import Pool
from engine.dicom.requestor import USUAL_PATIENCE, Association, Patience, Stopped, accepted
from engine.dicom.status import Outcome
from engine.dicom.stream import BytesContent, Content, FileContent
from engine.enough import Enough
from engine.errors import Later, Never, Unknown

Report = Callable[[Path, Outcome], None]
Settle = Callable[[Sequence[Path]], Collection[Path]]
"""Files in doubt → those that have arrived after all. Raises Later where nobody can be asked now."""

# One object that makes a peer hang up must not block the next, so each loss is followed by a fresh association. But
# a peer that stays silent for this many objects in a row costs minutes for each: the others wait for the next round.
_MOST_SILENCES = 3

_UID = re.compile(r"[0-9.]{1,64}")

_File = tuple[Path, Meta]


class Decoder(Protocol):
    """Brings compressed objects into a native transfer syntax, for peers that take nothing else."""

    @property
    def syntaxes(self) -> Collection[str]:
        """The transfer syntaxes (UIDs) that it can decode."""

    def decode(self, path: Path, syntax: str, stop: Callable[[], bool]) -> Path:
        """A new file in this transfer syntax, deleted once it is open. Raises Never, or Later (also at a stop)."""


def nobody_knows(_files: Sequence[Path]) -> Collection[Path]:
    """The Settle of whoever can ask nobody: what is in doubt is sent again."""
    return ()


def send(
    peer: Peer,
    files: Sequence[Path],
    report: Report,
    *,
    stop: Callable[[], bool] = lambda: False,
    patience: Patience = USUAL_PATIENCE,
    pool: Pool | None = None,
    settle: Settle = nobody_knows,
    in_doubt: Callable[[Path], None] = lambda _: None,
    commitment: bool = False,
    enough: Enough | None = None,
    decoder: Decoder | None = None,
) -> None:
    """C-STORE each file and report it as soon as its result is known.

    When `stop` says so, the objects under way are aborted; they and those not yet begun are not reported, since
    nothing is known about them that was not known before, but `in_doubt` is told of those that may have arrived.
    pool: where associations come from, and are left open; otherwise they are released at the end. commitment: send
    only to a peer that offers storage commitment. enough: when it is reached, nothing more is begun, what is under
    way is waited for, and the rest is not reported. Where `report` raises OSError it is the same, and that is raised
    at the end. decoder: for what is compressed in a way that the peer does not take; without one, that is refused.
    """
    own = Pool(peer, patience, idle_seconds=60) if pool is None else None
    sending = _Sending(peer, pool or own or Pool(peer), report, stop, settle, in_doubt, commitment, enough, decoder)
    try:
        sending.send(list(_readable(files, report)))
    finally:
        if own is not None:
            own.close()


def echo(peer: Peer, patience: Patience = USUAL_PATIENCE) -> None:
    """C-ECHO; returns if the peer answers it, else raises Later or Never with the reason."""
    try:
        with Association(peer, (Context(1, VERIFICATION, (IMPLICIT_LITTLE,)),), patience) as association:
            offers = accepted(association, VERIFICATION, (IMPLICIT_LITTLE,)) is not None
            code = association.echo(VERIFICATION, IMPLICIT_LITTLE) if offers else None
    except (LostError, ViolationError) as error:
        raise Later(f"{peer}: the association was lost: {error}") from None
    if code is None:
        raise Never(f"{peer} takes associations, but does not offer verification (C-ECHO)")
    if code != status.SUCCESS:
        raise Never(f"{peer} answers C-ECHO with {status.words(code)}")


def _readable(files: Sequence[Path], report: Report) -> Iterator[_File]:
    """The files that can be sent; the others are reported."""
    for path in files:
        try:
            meta = part10.read_meta(path)
        except ValueError as error:
            report(path, Never(f"cannot be sent: {error}"))
        except OSError as error:
            report(path, _unreadable(error))
        else:
            if _UID.fullmatch(meta.sop_class_uid) and _UID.fullmatch(meta.transfer_syntax_uid):
                yield path, meta
            else:  # it could not even be proposed, and would take all others of its association with it
                report(path, Never("cannot be sent: its SOP class or transfer syntax is not a UID"))


class _Lost(Exception):
    """The association ended over these: sent to their end and unanswered, and perhaps one that was just being sent."""

    def __init__(self, error: Exception, unanswered: list[_File], current: _File | None, *, answered: bool) -> None:
        super().__init__(str(error))
        self.error, self.unanswered, self.current, self.answered = error, unanswered, current, answered


@dataclass
class _Sending:
    """The sending of some files, batch after batch."""

    peer: Peer
    pool: Pool
    report: Report
    stop: Callable[[], bool]
    settle: Settle
    in_doubt: Callable[[Path], None]
    commitment: bool
    enough: Enough | None
    decoder: Decoder | None = None
    changed: dict[Path, str] = field(default_factory=dict)
    """What had to be transcoded, and into which transfer syntax."""
    doubtful: list[_File] = field(default_factory=list)
    silences: int = 0
    failed: OSError | None = None
    """Why our own disk could not take down what was reported; nothing more is begun then."""
    why: Later = field(init=False)
    decodable: Collection[str] = field(init=False)

    def __post_init__(self) -> None:
        self.why = Later(f"{self.peer} takes associations, but answers nothing")
        self.decodable = self.decoder.syntaxes if self.decoder else ()

    def send(self, files: Sequence[_File]) -> None:
        """All of them, as many over one association as its presentation contexts allow."""
        also = [(STORAGE_COMMITMENT, syntax) for syntax in ALTERNATIVES] if self.commitment else []
        kinds = [(meta.sop_class_uid, meta.transfer_syntax_uid) for _, meta in files]
        for batch in batches(kinds, MOST_CONTEXTS - len(also), self.decodable):
            pairs = [(context.abstract_syntax, context.transfer_syntaxes[0]) for context in batch.contexts]
            try:
                self._batch(deque(files[position] for position in batch.entries), [*also, *pairs])
            except Stopped:
                self._doubt()
                return
            finally:
                if self.failed is not None:
                    self._doubt()
                    raise self.failed

    def _doubt(self) -> None:
        doubtful, self.doubtful = self.doubtful, []
        for path, _ in doubtful:
            try:
                self.in_doubt(path)
            except OSError as error:
                self.failed = self.failed or error

    def _batch(self, waiting: deque[_File], pairs: Sequence[tuple[str, str]]) -> None:
        fresh = one_by_one = False
        while (self.doubtful or (waiting and not self._is_enough())) and not self.failed and not self.stop():
            try:
                self._resolve(waiting)
                if not waiting or self._is_enough():
                    return
                if self.silences >= _MOST_SILENCES:
                    raise self.why
                association, was_idle = self.pool.take(pairs, fresh=fresh)
            except Later as reason:
                # There is none for the batches after this one either.
                self.why, self.silences = reason, _MOST_SILENCES
                self._give_up(waiting, reason)
                return
            try:
                self._over(association, waiting, one_by_one=one_by_one, was_idle=was_idle)
            except _Lost as lost:
                association.drop(lost.error)
                self.silences += isinstance(lost.error, SilentError)
                # Where more than one may be what it ended over, nobody is to blame until each has been tried alone.
                one_by_one |= self._blame(lost, waiting, was_idle=was_idle)
                fresh = True
            except BaseException as error:
                association.drop(error)
                raise
            else:
                self.pool.give(association)
                fresh = bool(waiting)

    def _resolve(self, waiting: deque[_File]) -> None:
        """Ask about what is in doubt: what has arrived is reported, the rest waits to be sent, first of all."""
        if self.doubtful:
            arrived = set(self.settle([path for path, _ in self.doubtful]))
            doubtful, self.doubtful = self.doubtful, []
            for path, _ in doubtful:
                if path in arrived:
                    self._tell(path, status.Done())
            waiting.extendleft(one for one in reversed(doubtful) if one[0] not in arrived)

    def _give_up(self, waiting: deque[_File], reason: Later) -> None:
        doubtful, self.doubtful = self.doubtful, []
        for path, _ in doubtful:
            self._tell(path, Unknown(reason.reason))
        while waiting:
            self._tell(waiting.popleft()[0], reason)

    def _over(self, association: Association, waiting: deque[_File], *, one_by_one: bool, was_idle: bool) -> None:
        """Send what waits over this association: until all is answered, or it is lost, or does not fit."""
        if self.commitment and accepted(association, STORAGE_COMMITMENT, ALTERNATIVES) is None:
            if not was_idle:
                self._without_commitment(waiting)
            return
        under_way: dict[int, _File] = {}
        most = 1 if one_by_one else association.operations
        current: _File | None = None
        answered = False
        try:
            while (waiting or under_way) and not (self._is_over() and not under_way):
                may_begin = bool(waiting) and len(under_way) < most and not self._is_over()
                if may_begin and was_idle and self._is_refused(association, waiting[0]):
                    # What it was told when the association began may no longer be so: ask anew.
                    if not under_way:
                        return
                    may_begin = False
                if may_begin:
                    current = waiting.popleft()
                    number = self._begin(association, *current)
                    if number is not None:
                        under_way[number] = current
                    current = None
                if under_way and (not may_begin or len(under_way) >= most or not waiting or association.has_answer()):
                    number, code = association.answer(self.stop)
                    self._answered(under_way.pop(number), code)
                    answered = True
        except Stopped:
            self.doubtful += under_way.values()
            raise
        except (LostError, ViolationError, OSError) as error:
            for answer in association.late:
                if answer.message_id in under_way:
                    self._answered(under_way.pop(answer.message_id), answer.status or 0)
                    answered = True
            raise _Lost(error, list(under_way.values()), current, answered=answered) from None

    def _answered(self, file: _File, code: int) -> None:
        self.silences = 0
        outcome = status.outcome(code, str(self.peer))
        into = self.changed.pop(file[0], "")
        if into and isinstance(outcome, status.Done):
            outcome = replace(outcome, transcoded=_name(into))
        self._report(file[0], outcome)

    def _report(self, path: Path, outcome: Outcome) -> None:
        if self.enough is not None:
            self.enough.note(outcome)
        self._tell(path, outcome)

    def _tell(self, path: Path, outcome: Outcome) -> None:
        """Report it. That our disk fails is not the peer's doing: the association goes on for what is under way."""
        try:
            self.report(path, outcome)
        except OSError as error:
            self.failed = self.failed or error

    def _is_over(self) -> bool:
        """Whether nothing more is begun; what is under way is waited for, unless we are to stop."""
        return self._is_enough() or self.failed is not None or self.stop()

    def _is_enough(self) -> bool:
        return self.enough is not None and self.enough.reached

    def _without_commitment(self, waiting: deque[_File]) -> None:
        why = Later(
            f"{self.peer} does not offer storage commitment: nothing is sent there until it does, or until `confirm`"
            " is taken out of the rules"
        )
        while waiting:
            self._tell(waiting.popleft()[0], why)

    def _is_refused(self, association: Association, file: _File) -> bool:
        return (
            accepted(association, file[1].sop_class_uid, offered(file[1].transfer_syntax_uid, self.decodable)) is None
        )

    def _begin(self, association: Association, path: Path, meta: Meta) -> int | None:
        """Begin to store one object; the number it is answered under, or None where it has been reported already."""
        syntax = accepted(association, meta.sop_class_uid, offered(meta.transfer_syntax_uid, self.decodable))
        if syntax is None:
            self._report(path, _refused(association, meta))
            return None
        try:
            content = self._content(path, meta, syntax)
        except Never as refusal:
            why = f"{self.peer} takes it only as {_name(syntax)}, and it cannot be brought into that: {refusal.reason}"
            self._tell(path, Never(why))
            return None
        except ValueError as error:
            why = f"{self.peer} takes it only as {_name(syntax)}, and it cannot be written so: {error}"
            self._tell(path, Never(why))
            return None
        except Later as reason:  # of our own disk, not of the peer
            if self.stop():
                raise Stopped from None
            self._tell(path, reason)
            return None
        except OSError as error:
            self._tell(path, _unreadable(error))
            return None
        try:
            if content.length <= 0:
                self._tell(path, Never("cannot be sent: the file has no dataset"))
                return None
            return association.store(meta.sop_class_uid, meta.sop_instance_uid, syntax, content, self.stop)
        finally:
            content.close()

    def _content(self, path: Path, meta: Meta, syntax: str) -> Content:
        if syntax == meta.transfer_syntax_uid or meta.transfer_syntax_uid in NATIVE or self.decoder is None:
            return _content(path, meta, syntax)
        decoded = self.decoder.decode(path, syntax, self.stop)
        try:
            meta = part10.read_meta(decoded)
            self.changed[path] = syntax
            return FileContent(decoded, meta.offset, meta.length)
        finally:
            decoded.unlink(missing_ok=True)  # what is open can still be read

    def _blame(self, lost: _Lost, waiting: deque[_File], *, was_idle: bool) -> bool:
        """Report what the association ended over, where that is clear; whether it is not."""
        if isinstance(lost.error, OSError) and lost.current:
            self._tell(lost.current[0], _unreadable(lost.error))
            self.doubtful += lost.unanswered
            return False
        suspects = [*lost.unanswered, *([lost.current] if lost.current else [])]
        # One that had been idle may have ended before anything was sent over it, and only now it shows.
        was_dead = was_idle and not lost.answered
        if len(suspects) != 1 or was_dead:
            self.doubtful += lost.unanswered
            if lost.current:
                waiting.appendleft(lost.current)
            return not was_dead
        [(path, meta)] = suspects
        outcome = _outcome(self.peer, meta, lost.error)
        if lost.unanswered and isinstance(outcome, Later):
            outcome = Unknown(outcome.reason)
        self._tell(path, outcome)
        return False


def _content(path: Path, meta: Meta, syntax: str) -> Content:
    """The dataset to send."""
    if syntax != meta.transfer_syntax_uid:
        return BytesContent(native.reencode(path, meta, syntax))
    if syntax == DEFLATED_LITTLE and meta.length % 2:
        # The standard wants a NUL behind an odd deflated stream (PS3.5 A.5). pydicom forgets it, and DCMTK aborts.
        return BytesContent(path.read_bytes()[meta.offset :] + b"\0")
    return FileContent(path, meta.offset, meta.length)


def _outcome(peer: Peer, meta: Meta, error: Exception) -> Later | Never:
    """What it means for the object under way that the association ended over it."""
    if isinstance(error, AbortedError) and meta.length % 2:
        # No valid dataset has an odd length (PS3.5 7.1.1). Some peers take it nevertheless, so it is tried; DCMTK
        # aborts, and would each time.
        return Never(f"{peer} aborts over the object: its dataset has an odd length, so the file is damaged")
    return Later(f"{peer}: the association was lost: {error}")


def _unreadable(error: OSError) -> Later:
    return Later(f"the file cannot be read: {error.strerror or error}")


def _refused(association: Association, meta: Meta) -> Never:
    """Why no context for this object was accepted, in words."""
    sop_class, syntax = meta.sop_class_uid, meta.transfer_syntax_uid
    if association.result(sop_class, syntax) == ABSTRACT_SYNTAX_NOT_SUPPORTED:
        return Never(f"{association.peer} does not take objects of the class {_name(sop_class)}")
    return Never(f"{association.peer} does not take {_name(syntax)} for {_name(sop_class)}")


def _name(uid: str) -> str:
    """A UID in words, or itself if it has none."""
    return UID(uid, validation_mode=IGNORE).name or uid
