"""Numbers: how objects are called here. Sortable by the time of arrival, and showing which sender an object is from.

    18c2f0a1b2c3d4e5 0f3 9a      nanoseconds since 1970 (UTC) · process · sender, all hexadecimal

The sender's part is a digest of one byte: enough to be fair between senders without opening a file. Pure.
"""

import functools
import hashlib
from collections.abc import Callable
from datetime import datetime


class Numbers:
    """Makes numbers that differ, also from those of other processes. Not safe between threads by itself."""

    def __init__(self, process: int, clock: Callable[[], int]) -> None:
        """clock: answers nanoseconds since 1970."""
        self._process, self._clock, self._last = process, clock, 0

    def new(self, sender: str = "") -> str:
        """The next one; later ones sort behind it, even if the clock is set back while we run."""
        self._last = max(self._last + 1, self._clock())
        return f"{self._last:016x}{self._process & 0xFFF:03x}{bucket_of(sender)}"


@functools.lru_cache(1024)
def bucket_of(sender: str) -> str:
    """Two hexadecimal digits, the same for the same sender."""
    return hashlib.blake2b(sender.encode(), digest_size=1).hexdigest()


def bucket(name: str) -> str:
    """The sender's part of a number, or of a file name that begins with one; empty where it has none."""
    number = name.partition("-")[0].partition(".")[0]
    return number[19:21] if len(number) == 21 else ""


def is_replayed(number: str) -> bool:
    """Whether it is that of a replayed copy: it ends in a digest then (engine.replay)."""
    return len(number) == 32


def arrival(number: str) -> float:
    """When the object was taken in; seconds since 1970 (UTC). Raises ValueError where it is no number of ours."""
    return int(number[:16], 16) / 1e9


def arrival_ns(number: str) -> int:
    """The same in nanoseconds; 0 where it is no number of ours."""
    try:
        return int(number[:16], 16)
    except ValueError:
        return 0


def moment(number: str) -> str:
    """The same in words (ISO 8601), in the time of this machine; empty where it is no number of ours."""
    try:
        return datetime.fromtimestamp(arrival(number)).astimezone().isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        return ""
