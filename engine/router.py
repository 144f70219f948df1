"""The router: takes accepted objects through the rules, in the order of their arrival, and promises what follows.

One thread. Each object is run under the program that took it in. It must not know how anything is sent.
"""

import logging
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from engine.bench import PixelBench
from engine.entry import Entry
from engine.errors import Never
from engine.object import Object
from engine.rewrite import rewrite
from engine.run import Outcome, Plan, fail, held, prepare, run
from engine.spool import Promise, Spool
from engine.worker import PixelWorker

log = logging.getLogger("stellwerk.router")

BATCH = 32
"""Objects that are promised together: they share the flushes of the disk."""


class Router:
    """Routes what is in `incoming`. `promised` is told the names of outboxes that have got something."""

    def __init__(self, spool: Spool, current: Callable[[], Plan], promised: Callable[[Iterable[str]], None]) -> None:
        self._spool, self._current, self._promised = spool, current, promised
        self._plans: dict[str, Plan] = {}
        self._worker = PixelWorker()
        self.wake = threading.Event()

    def turn(self) -> bool:
        """Route one batch; whether there was any. Raises OSError when the disk does not let it: try again later."""
        # What an interrupted turn has promised must be settled first, or its objects would be routed twice.
        self._spool.settle()
        waiting = self._spool.waiting()[:BATCH]
        if not waiting:
            return False
        scratch: list[Path] = []
        promises = [self._route(number, scratch) for number in waiting]
        try:
            self._promise(promises)
        finally:
            for path in scratch:
                path.unlink(missing_ok=True)
        return True

    def refuse(self, entry: Entry, why: str) -> None:
        """A delivery has failed for good: its route's `on failure`, or the hold."""
        home = self._spool.outbox(entry.outbox)
        plan = self._plan(entry.program)
        received = home.received_object(entry)
        scratch: list[Path] = []
        deliveries = None
        if not entry.position.startswith("f"):
            # A failure chain that fails in its turn ends in the hold.
            try:
                deliveries = fail(plan, entry.route, received, why, self._bench(plan, scratch))
            except Never:
                deliveries = None
        if deliveries is None:
            home.hold(entry, why)
            return
        home.tell_reports(entry, "failed", why)
        promise = Promise(entry.object, deliveries, home.files_of(entry), plan.program.digest, received.payload)
        self._promise([promise])
        for path in scratch:
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the pixel worker."""
        self._worker.close()

    def keeps_received(self, program: str, route: str) -> bool:
        """Whether a route of this program has a written `on failure`, which would see the object as received."""
        found = self._plan(program).program.route(route)
        return found is not None and found.failure is not None

    def _route(self, number: str, scratch: list[Path]) -> Promise:
        obj, digest = self._spool.load(number)
        plan = self._plan(digest)
        try:
            outcome = run(plan, obj, self._bench(plan, scratch))
        except Never as refusal:
            outcome = Outcome((), (held(obj, "", refusal.reason),))
        finished = self._spool.accepted_files(number)
        return Promise(number, outcome.deliveries, finished, plan.program.digest, obj.payload, outcome.discarded)

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
        """The program that took an object in, ready to run; the current one where it is no longer kept."""
        plan = self._plans.get(digest)
        if plan is None:
            program = self._spool.program(digest)
            if program is None:
                return self._current()
            plan = self._plans[digest] = prepare(program)
        return plan

    def _bench(self, plan: Plan, scratch: list[Path]) -> PixelBench:
        def new_file() -> Path:
            path = self._spool.new_work_file()
            scratch.append(path)
            return path

        return PixelBench(plan.program, new_file, self._worker)
