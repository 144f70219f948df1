"""Turns: under one name in one place, one at a time. Two connections would both find it free, and the second overwrite.

For places whose servers cannot be asked to refuse a name that is taken.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_taken: set[tuple[str, str]] = set()
_freed = threading.Condition()
# For all senders of this process: behind changed rules, one that goes may still be sending where the new one begins.


@contextmanager
def turn(place: str, name: str) -> Iterator[None]:
    """Wait until nobody else is at this name, and be there alone."""
    with _freed:
        _freed.wait_for(lambda: (place, name) not in _taken)
        _taken.add((place, name))
    try:
        yield
    finally:
        with _freed:
            _taken.discard((place, name))
            _freed.notify_all()
