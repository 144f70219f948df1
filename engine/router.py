"""The router: takes accepted objects through the rules, in the order of their arrival, and promises what follows.

One thread. Each object is run under the program that took it in. It must not know how anything is sent.
"""

import errno
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from pathlib import Path

from engine.bench import PixelBench
from engine.completeness import Complete
from engine.entry import Entry
from engine.errors import Later, Never
from engine.header import Header
from engine.identities import Identities
from engine.keys import keys_of
from engine.numbers import arrival
from engine.object import Object, Origin
from engine.outbox import Outbox
from engine.outcome import Collected, Outcome, held
from engine.plan import Plan, prepare
from engine.repeats import Repeats
from engine.rewrite import rewrite
from engine.run import fail, resume, run
from engine.spool import Accepted, Spool
from engine.staging import Promise
from engine.step import HOLD
from engine.worker import PixelWorker

log = logging.getLogger("stellwerk.router")

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
"""What may stand in the way of a large object alone. When a second one does not fit either, the whole router waits."""

REST = 30.0
"""Seconds until an object that the machine could not route is tried again."""

GATHER, QUIET = 0.05, 0.01
"""Seconds in which objects come together after a turn that was not full; fewer, once none comes."""

BATCH = 32
"""Objects that are promised together: they share the flushes of the disk."""


class Router:
    """Routes what is in `incoming`. `promised` is told the names of outboxes that have got something."""

    def __init__(self, spool: Spool, current: Callable[[], Plan], promised: Callable[[Iterable[str]], None]) -> None:
        self._spool, self._current, self._promised = spool, current, promised
        self._plans: dict[str, Plan] = {}
        self._not_before: dict[str, float] = {}
        self._did_not_fit = False
        """Whether there was no room for an object in this turn."""
        self._worker = PixelWorker()
        self._identities = Identities.of(spool.root.parent)
        self._repeats = Repeats(spool)
        self._keys: list[tuple[str, dict[str, str]]] = []
        """What the objects of this turn are searched by."""
        self.full = False
        """Whether the last turn has had as many objects as it takes, so that there may be more."""
        self.wake = threading.Event()
        self._moved = time.monotonic()
        self.started = time.time()

    def turn(self) -> bool:
        """Route one batch; whether there was any. Raises OSError when the disk does not let it: try again later."""
        self._moved = time.monotonic()
        # What an interrupted turn has promised must be settled first, or its objects would be routed twice.
        self._spool.settle()
        self._did_not_fit = False
        self._keys.clear()
        now = time.monotonic()
        due = (number for number in self._spool.next_waiting() if self._not_before.get(number, 0.0) <= now)
        waiting = list(islice(due, BATCH))
        self.full = len(waiting) == BATCH
        if not waiting:
            return False
        scratch: list[Path] = []
        promises = []
        try:
            for number in waiting:
                self._moved = time.monotonic()
                try:
                    promises.append(self._route(number, scratch))
                except (OSError, MemoryError, Later) as error:
                    self._rest(number, error)
                else:
                    self._not_before.pop(number, None)
            self._spool.history.record_keys(self._keys)
            # Before the promises: once they are valid, a duplicate of theirs must be known as one.
            self._spool.arrivals.commit(time.time())
            if promises:
                self._promise_all(promises)
        finally:
            self._repeats.settled()
            for path in scratch:
                path.unlink(missing_ok=True)
        return True

    def gather(self) -> None:
        """Wait a moment for more: it shares the flushes of one turn, and nobody waits for us, as it is accepted."""
        end = time.monotonic() + GATHER
        while time.monotonic() < end and self.wake.wait(QUIET):
            self.wake.clear()

    def still(self) -> float:
        """Seconds since a turn has begun or come to its next object. Work on pixels has a limit of its own: then 0."""
        if self._worker.is_busy:
            self._moved = time.monotonic()
        return time.monotonic() - self._moved

    def refuse(self, refused: Sequence[tuple[Entry, str]]) -> None:
        """Deliveries of one outbox have failed for good, each with its reason: their routes' `on failure`, or the hold.

        All share the flushes of the disk. Where it fails one of them, each is taken down by itself. Raises OSError,
        MemoryError or Later of those for which that is not possible now either.
        """
        try:
            self._refuse(refused)
        except (OSError, MemoryError, Later):
            if len(refused) == 1:
                raise
            # It may have failed after the promises had become valid: then they are gone once it is settled.
            self._spool.settle()
            trouble: OSError | MemoryError | Later | None = None
            for entry, why in refused:
                if entry.file.exists():
                    try:
                        self._refuse([(entry, why)])
                    except (OSError, MemoryError, Later) as error:
                        trouble = error
            if trouble is not None:
                raise trouble from None

    def _refuse(self, refused: Sequence[tuple[Entry, str]]) -> None:
        scratch: list[Path] = []
        held: list[tuple[Entry, str]] = []
        promises: list[Promise] = []
        opened: set[str] = set()
        home = self._spool.outbox(refused[0][0].outbox)
        try:
            for entry, why in refused:
                try:
                    promise = self._instead(home, entry, why, scratch)
                except (OSError, MemoryError, Later):
                    raise
                except Never as torn:
                    promise = None
                    why = f"{why}; whether its route has an `on failure`, nobody knows: {torn.reason}"
                except Exception as error:
                    # It would break on it again and again, and the others of its batch with it.
                    promise = None
                    why = f"{why}; its `on failure` could not be run ({type(error).__name__}), a fault of the software"
                if promise is None:
                    held.append((entry, why))
                    continue
                promises.append(promise)
                opened |= {outbox for outbox, _ in entry.opens}
                self._spool.arrivals.no_longer_stands(entry.object)
                home.tell_reports(entry, "failed", why)
                home.ending(entry, "failed", why)
            if held:
                home.hold_all(held)
            if promises:
                self._promise(promises)
                self._promised(opened)
        finally:
            for path in scratch:
                path.unlink(missing_ok=True)

    def _instead(self, home: Outbox, entry: Entry, why: str, scratch: list[Path]) -> Promise | None:
        """What its route's `on failure` promises for it; None where it has none, and where that fails in its turn.

        Raises Never where its rules cannot be read.
        """
        if entry.position.startswith("f") or not self.keeps_received(entry.program, entry.route):
            return None
        plan = self._plan(entry.program)
        try:
            received = home.received_object(entry)
            deliveries = fail(plan, entry.route, received, why, self._bench(plan, scratch))
        except Never:
            return None
        if deliveries is None:
            return None
        ended, rule = None, plan.program.route(entry.route)
        if rule is not None and all(delivery.reports for delivery in deliveries):
            ended = f"{rule.name}: its `on failure` discards what {entry.outbox} has refused"
        return Promise(
            entry.object,
            deliveries,
            home.whole_of(entry),
            plan.digest,
            received.payload,
            ended,
            rule.written if rule is not None else "",
        )

    def oldest_unrouted(self) -> float | None:
        """When the oldest object was accepted that is still to be routed; what rests does not count."""
        oldest = self._spool.oldest_waiting(self._not_before)
        return None if oldest is None else arrival(oldest)

    def heard(self, uid: str) -> float:
        """When something of this study or series last came that was dropped for having come before; 0 where nothing."""
        return self._repeats.heard(uid)

    def go_on(self, home: Outbox, study: Sequence[Entry], why: Complete) -> None:
        """What was collected is complete: the rest of its chain, in one promise. Raises OSError, MemoryError."""
        scratch: list[Path] = []
        promises: list[Promise] = []
        wanted: dict[str, set[str]] = {}
        try:
            for program in sorted({entry.program for entry in study}):
                some = [entry for entry in study if entry.program == program]
                try:
                    plan = self._plan(program)
                except Never as torn:
                    for entry in some:
                        home.ending(entry, "collected", why.words)
                        self._spool.arrivals.no_longer_stands(entry.object)
                        received, finished = home.received_object(entry), home.whole_of(entry)
                        promises.append(self._by_unread_rules(received, entry.route, torn, finished))
                    continue
                objects = [_collected(home, entry, why) for entry in some]
                outcomes = resume(plan, some[0].route, some[0].position, objects, self._bench(plan, scratch))
                for entry, one, outcome in zip(some, objects, outcomes, strict=True):
                    home.ending(entry, "collected", why.words)
                    if not any(delivery.outbox == HOLD for delivery in outcome.deliveries) and (
                        outcome.discarded is not None or any(passage.failed for passage in outcome.passages)
                    ):
                        # That was for the sake of the others, perhaps: sent again, it may go on with what is sound.
                        self._spool.arrivals.no_longer_stands(entry.object)
                    for delivery in outcome.deliveries:
                        for number in {*entry.awaits} & {*delivery.awaits}:
                            wanted.setdefault(number, set()).add(delivery.outbox)
                    # Wherever it is by the time that the promise is settled, it must be gone then.
                    finished = home.whole_of(entry)
                    promises.append(
                        Promise(
                            entry.object,
                            outcome.deliveries,
                            finished,
                            plan.digest,
                            one.received.payload,
                            outcome.discarded,
                            outcome.discarded_by,
                        )
                    )
            home.redirect(wanted)
            self._promise(promises)
        finally:
            for path in scratch:
                path.unlink(missing_ok=True)

    def stop(self) -> None:
        """Work on no more pixels: whatever needs it stays where it is, and is routed at the next start."""
        self._worker.close()

    def close(self) -> None:
        """End the pixel worker, and let go of the index of arrivals."""
        self._spool.arrivals.close()
        self._worker.close()

    def keeps_received(self, program: str, route: str) -> bool:
        """Whether a route of this program has a written `on failure`, which would see the object as received.

        Raises Never where the program cannot be read.
        """
        found = self._plan(program).program.route(route)
        return found is not None and found.failure is not None

    def _route(self, number: str, scratch: list[Path]) -> Promise:
        try:
            accepted = self._spool.load(number)
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return self._without_note(number)
        try:
            plan = self._plan(accepted.program)
        except Never as torn:
            self._spool.arrivals.strike_out(number)
            return self._by_unread_rules(accepted.obj, "", torn, self._spool.accepted_files(number))
        try:
            return self._judged(plan, accepted, scratch)
        except (OSError, MemoryError, Later):
            raise
        except Exception as error:
            # It would break on it again and again, and nothing else would ever be routed. The text of the exception
            # may quote the object's values, so only its type is told.
            self._spool.arrivals.strike_out(number)
            why = f"the rules could not be asked about it ({type(error).__name__}); this is a fault of the software"
            instead = held(accepted.obj, "", why)
            finished = self._spool.accepted_files(number)
            return Promise(number, (instead,), finished, plan.digest, accepted.obj.payload)

    def _judged(self, plan: Plan, accepted: Accepted, scratch: list[Path]) -> Promise:
        """What the rules make of an accepted object."""
        obj, number = accepted.obj, accepted.obj.id
        seen, arrival = self._repeats.look(plan, accepted)
        try:
            outcome = run(plan, obj, self._bench(plan, scratch), seen=seen)
        except Never as refusal:
            outcome = Outcome((), (held(obj, "", refusal.reason),))
        self._keys.append((number, keys_of(obj.header, obj.origin)))
        replaced = self._repeats.note(obj, arrival, outcome)
        return Promise(
            number,
            outcome.deliveries,
            self._spool.accepted_files(number),
            plan.digest,
            obj.payload,
            outcome.discarded,
            outcome.discarded_by,
            outcome.duplicate,
            replaced,
        )

    def _without_note(self, number: str) -> Promise:
        """For an object whose note is gone or torn: nothing says how it came, so a person must see it."""
        finished = self._spool.accepted_files(number)
        obj = Object(number, finished[0], Header.read(finished[0]), Origin("unknown"))
        instead = held(obj, "", "the note beside this object cannot be read, so no rule can be asked")
        return Promise(number, (instead,), finished, self._current().digest, finished[0])

    def _by_unread_rules(self, obj: Object, route: str, torn: Never, finished: tuple[Path, ...]) -> Promise:
        """For an object whose rules cannot be read. Held without a destination, so that a release asks the rules."""
        why = f"{torn.reason}; released, it goes by the rules that run then"
        return Promise(obj.id, (held(obj, route, why),), finished, self._current().digest, obj.payload)

    def _promise_all(self, promises: list[Promise]) -> None:
        """Promise a batch together; where the disk fails one of them, each by itself."""
        try:
            self._promise(promises)
        except OSError as error:
            if error.errno == errno.EROFS:
                raise
            # It may have failed after the promises had become valid: then their sources are gone once it is settled.
            self._spool.settle()
            for promise in promises:
                # A duplicate waits for the next turn: its first may be what the disk has failed.
                if promise.finished[0].exists() and not promise.duplicate:
                    try:
                        self._promise([promise])
                    except OSError as again:
                        self._rest(promise.object, again)

    def _rest(self, number: str, error: OSError | MemoryError | Later) -> None:
        """The machine's trouble: the object stays where it is, and those behind it must not wait for it.

        Raises the error again where it stands in the way of every object alike.
        """
        code = error.errno if isinstance(error, OSError) else None
        if code == errno.EROFS or (code in _NO_ROOM and self._did_not_fit):
            raise error
        self._did_not_fit |= code in _NO_ROOM
        self._spool.arrivals.strike_out(number)
        self._not_before[number] = time.monotonic() + REST
        log.error("%s cannot be routed now (%s); again in %.0f s", number, _words(error), REST)

    def _promise(self, promises: list[Promise]) -> None:
        try:
            self._spool.promise(promises, rewrite)
        except Never as refusal:
            if len(promises) > 1:
                for promise in promises:
                    self._promise([promise])
                return
            [promise] = promises
            obj = promise.deliveries[0].obj
            origin = Object(obj.id, promise.received, obj.header, obj.origin)
            instead = held(origin, promise.deliveries[0].route, refusal.reason)
            self._spool.promise(
                [Promise(promise.object, (instead,), promise.finished, promise.program, promise.received)], rewrite
            )
        self._promised({delivery.outbox for promise in promises for delivery in promise.deliveries})

    def _plan(self, digest: str) -> Plan:
        """The program that took an object in, ready to run; the current one where it is no longer kept.

        Raises Never where it cannot be read: only a disk that lied can have torn it.
        """
        plan = self._plans.get(digest)
        if plan is None:
            current = self._current()
            if current.digest == digest:
                return current
            try:
                program = self._spool.program(digest)
                if program is None:
                    return current
                plan = self._plans[digest] = prepare(program)
            except (ValueError, KeyError, TypeError, AttributeError):
                raise Never("the rules by which it came in can no longer be read: the disk has not kept them") from None
        return plan

    def _bench(self, plan: Plan, scratch: list[Path]) -> PixelBench:
        def new_file() -> Path:
            path = self._spool.new_work_file()
            scratch.append(path)
            return path

        def cleaned(number: str, instance: str) -> None:
            self._spool.history.record_keys([(number, {"cleaned": instance})])

        approved = self._spool.approvals.count
        return PixelBench(plan.program, new_file, self._worker, self._identities, cleaned=cleaned, counted=approved)


def _collected(home: Outbox, entry: Entry, complete: Complete) -> Collected:
    why, policy = entry.note.get("failure", ""), entry.note.get("duplicate", "")
    received, cleared = home.received_object(entry), frozenset(entry.cleared)
    header = Header.read(entry.file)
    obj = Object(entry.object, entry.file, header, entry.origin, cleared=cleared, received=received.header)
    return Collected(obj, received, entry.awaits, bool(entry.note["kept"]), why, policy, complete.note)


def _words(error: OSError | MemoryError | Later) -> str:
    """What the machine says; of an exception's text only the system's own part, which quotes no value."""
    if isinstance(error, Later):
        return error.reason
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else "out of memory"
