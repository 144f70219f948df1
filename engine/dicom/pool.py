"""Associations with one peer that stay open between batches: to ask for one anew costs more than to send an object.

Idle ones are watched: results of a storage commitment may come over them, and one that the peer ends is let go of at
once. Must not know what is sent over them, nor for whom.
"""

import contextlib
import os
import selectors
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from engine.dicom.associate import MOST_OPERATIONS
from engine.dicom.negotiate import MOST_CONTEXTS, Context
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.peer import Peer
from engine.dicom.requestor import USUAL_PATIENCE, Association, Event, Patience, unwanted

IDLE_SECONDS = 3.0
"""How long one may be idle. Peers count associations, and many have room for ten: they must not be kept for nothing."""

Pair = tuple[str, str]
"""A SOP class and a transfer syntax."""


@dataclass(frozen=True, slots=True)
class _Idle:
    association: Association
    until: float


class Pool:
    """The associations with one peer. Threads may share it; each association is one thread's at a time."""

    def __init__(
        self,
        peer: Peer,
        patience: Patience = USUAL_PATIENCE,
        *,
        operations: int = MOST_OPERATIONS,
        event: Event = unwanted,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self.peer, self.patience = peer, patience
        self._operations, self._event, self._idle_seconds = operations, event, idle_seconds
        self._lock = threading.Lock()  # guards all below
        self._idle: list[_Idle] = []
        self._keeper: threading.Thread | None = None
        self._bell: int | None = None
        self._closed = False
        self._seen: dict[Pair, None] = {}

    def take(self, pairs: Sequence[Pair], *, fresh: bool = False) -> tuple[Association, bool]:
        """An association for which all of these pairs were proposed, and whether it has been idle. Raises Later.

        fresh: none that has been idle; those are closed, for what is wrong with one may be wrong with all.
        """
        with self._lock:
            found = None
            if not fresh:
                found = next((one for one in reversed(self._idle) if one.association.covers(pairs)), None)
            # Where none fits, one makes room for the new one: a peer counts them.
            leaving = [found] if found else self._idle[:] if fresh else self._idle[:1]
            self._idle = [one for one in self._idle if one not in leaving]
            proposed = self._proposal(pairs)
        if found is not None:
            return found.association, True
        for one in leaving:
            one.association.release()
        contexts = tuple(Context(2 * n + 1, *_context(pair)) for n, pair in enumerate(proposed))
        return Association(self.peer, contexts, self.patience, operations=self._operations, event=self._event), False

    def give(self, association: Association) -> None:
        """It is not needed at the moment; everything on it has been answered."""
        with self._lock:
            kept = not self._closed and self._idle_seconds > 0
            if kept:
                self._idle.append(_Idle(association, time.monotonic() + self._idle_seconds))
                self._watch()
        if not kept:
            association.release()

    def close(self) -> None:
        """Release what is idle, and what is given back from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
            self._ring()
        for one in idle:
            one.association.release()

    @property
    def idle(self) -> int:
        """How many are open and not in use."""
        return len(self._idle)

    def _proposal(self, pairs: Sequence[Pair]) -> list[Pair]:
        """What is wanted now, and what was wanted lately: so that mixed images share associations before long."""
        for pair in pairs:
            self._seen.pop(pair, None)
        lately = list(reversed(self._seen))[: max(0, MOST_CONTEXTS - len(pairs))]
        self._seen = dict.fromkeys([*reversed(lately), *pairs])
        return [*pairs, *lately]

    # --- the keeper --------------------------------------------------------------------------------------

    def _watch(self) -> None:
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, name=f"idle {self.peer.called_ae}", daemon=True)
            self._keeper.start()
        else:
            self._ring()

    def _ring(self) -> None:
        if self._bell is not None:
            os.write(self._bell, b"!")

    def _keep(self) -> None:
        """Until nothing is idle: let go of those whose time is over, and hear what peers have to say."""
        heard, bell = os.pipe()
        with self._lock:
            self._bell = bell
        try:
            while True:
                with self._lock:
                    idle = list(self._idle)
                    if not idle:
                        self._keeper = self._bell = None
                        return
                self._listen(idle, heard)
        finally:
            with self._lock:
                if self._bell == bell:
                    self._keeper = self._bell = None
            os.close(heard)
            os.close(bell)

    def _listen(self, idle: list[_Idle], heard: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(heard, selectors.EVENT_READ)
            for one in idle:
                with contextlib.suppress(OSError, ValueError, KeyError):  # somebody has just taken and closed it
                    selector.register(one.association.fileno(), selectors.EVENT_READ, one)
            soonest = min(one.until for one in idle)
            ready = selector.select(max(0.0, soonest - time.monotonic()))
        for key, _ in ready:
            if key.data is None:
                os.read(heard, 4096)
        speaking = [key.data for key, _ in ready if key.data is not None]
        now = time.monotonic()
        for one in idle:
            if one in speaking or one.until <= now:
                self._attend(one, is_over=one.until <= now)

    def _attend(self, one: _Idle, *, is_over: bool) -> None:
        with self._lock:
            if one not in self._idle:
                return
            self._idle.remove(one)
        if is_over:
            one.association.release()
            return
        try:
            one.association.listen(0)
        except (LostError, ViolationError) as error:
            one.association.drop(error)
            return
        with self._lock:
            if not self._closed:
                self._idle.append(one)
                return
        one.association.release()


def _context(pair: Pair) -> tuple[str, tuple[str, ...]]:
    return pair[0], (pair[1],)
