"""Commitments that destinations have been asked for, and what they have answered, until a pump has taken it down.

In memory only, as hints are: which objects are owed and wait for word is in the spool, and after a restart they are
asked about again. Must not know associations or outboxes.
"""

import secrets
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from engine.dicom.commitment import Results
from engine.dicom.status import PROCESSING_FAILURE

MOST = 10_000
"""Requests that are remembered. Of older ones an answer means nothing any more: they have been asked again."""


@dataclass(frozen=True, slots=True)
class _Asked:
    outbox: str
    entries: Mapping[str, tuple[str, ...]]
    """The entries by their SOP instance UID: one may be owed twice."""


class Commitments:
    """All that has been asked. `heard` is called with the name of an outbox for which word has come."""

    def __init__(self, heard: Callable[[str], None] = lambda _: None) -> None:
        self._heard = heard
        self._lock = threading.Lock()
        self._asked: dict[str, _Asked] = {}
        self._words: dict[str, dict[str, int | None]] = {}

    def open(self, outbox: str, entries: Iterable[tuple[str, str]]) -> str:
        """Begin a request for these entries, each with its SOP instance UID; its Transaction UID."""
        by_instance: dict[str, tuple[str, ...]] = {}
        for number, instance in entries:
            by_instance[instance] = (*by_instance.get(instance, ()), number)
        # PS3.5 B.2. By chance, as nobody else must be able to name it: whoever does is believed.
        transaction = f"2.25.{secrets.randbits(122)}"
        with self._lock:
            while len(self._asked) >= MOST:
                self._asked.pop(next(iter(self._asked)))
            self._asked[transaction] = _Asked(outbox, by_instance)
        return transaction

    def is_open(self, transaction: str) -> bool:
        """Whether no answer to it has come."""
        return transaction in self._asked

    def hear(self, results: Results) -> bool:
        """A destination has answered; whether it was asked."""
        with self._lock:
            asked = self._asked.pop(results.transaction, None)
            if asked is None:
                return False
            words = self._words.setdefault(asked.outbox, {})
            reasons: dict[str, int | None] = {instance: None for _, instance in results.committed}
            reasons |= {instance: reason for (_, instance), reason in results.failed.items()}
            for instance, numbers in asked.entries.items():
                # Of what it does not mention, nothing has been promised.
                words |= dict.fromkeys(numbers, reasons.get(instance, PROCESSING_FAILURE))
        self._heard(asked.outbox)
        return True

    def words(self, outbox: str) -> dict[str, int | None]:
        """What has been heard of its entries: None where one is committed, otherwise the failure reason."""
        with self._lock:
            return dict(self._words.get(outbox, {}))

    def forget(self, outbox: str, numbers: Iterable[str]) -> None:
        """What was heard of these has been taken down, or means nothing any more."""
        with self._lock:
            words = self._words.get(outbox, {})
            for number in numbers:
                words.pop(number, None)
