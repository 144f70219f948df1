"""People who have a page of the console open, in a process of its own: each listens, and now and then loads a page.

    python -m tests.benchmarks._lookers PORT FILE        FILE has a session's secret in each line, for each page one

Every page keeps two lines to the console, as browsers do: one for its events, one for what it asks for. Every ten
seconds it loads another page, whole. It says "open" when all lines stand, and at its end (SIGTERM) how much it got. It
stands back as far as it can (nice 19): people look from other machines.
"""

import http.client
import itertools
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from pathlib import Path

from tests.benchmarks.__main__ import say
from tests.console.serving import trusting

EVERY = 10.0
PAGES = ("/", "/studies", "/outbox", "/hold", "/review", "/destinations", "/send", "/rules")
"""What they look at in turn."""

_COOKIE = "__Host-session"


class Looker:
    """One page that is open."""

    def __init__(self, port: int, secret: str, got: Counter[str]) -> None:
        self._port, self._got = port, got
        self._cookie = {"Cookie": f"{_COOKIE}={secret}", "Accept-Encoding": "gzip", "Accept-Language": "de"}
        self.is_open = threading.Event()

    def listen(self) -> None:
        """Until the process ends."""
        line = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=60, context=trusting())
        line.request("GET", "/api/v1/events", headers={**self._cookie, "Accept": "text/event-stream"})
        answer = line.getresponse()
        if answer.status != 200:
            raise RuntimeError(f"the events answer {answer.status}")
        self.is_open.set()
        while said := answer.readline():
            if said.startswith(b"event:"):
                self._got[said[6:].decode().strip()] += 1
        raise RuntimeError("the line of the events has ended")

    def look(self, first: int) -> None:
        """One page after the other; `first` spreads them over the ten seconds."""
        line = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=60, context=trusting())
        time.sleep(first % 50 * EVERY / 50)
        for path in itertools.islice(itertools.cycle(PAGES), first, None):
            began = time.monotonic()
            line.request("GET", path, headers=self._cookie)
            answer = line.getresponse()
            answer.read()
            if answer.status != 200:
                raise RuntimeError(f"{path} answers {answer.status}")
            self._got["pages"] += 1
            self._got["ms"] += round(1000 * (time.monotonic() - began))
            time.sleep(max(0.0, EVERY - (time.monotonic() - began)))


def main(port: int, secrets: list[str]) -> None:
    """Look, until somebody ends us."""
    os.nice(19)
    got: Counter[str] = Counter()
    lookers = [Looker(port, secret, got) for secret in secrets]
    threading.excepthook = lambda failed: (say(f"failed: {failed.exc_value}"), os._exit(1))  # type: ignore[func-returns-value]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    for number, one in enumerate(lookers):
        threading.Thread(target=one.listen, daemon=True).start()
        threading.Thread(target=one.look, args=(number,), daemon=True).start()
    for one in lookers:
        one.is_open.wait(60)
    say("open")
    signal.sigwait({signal.SIGTERM})
    spent = os.times()
    say(json.dumps({**got, "cpu": spent.user + spent.system}))
    os._exit(0)  # threads are in the midst of reading


if __name__ == "__main__":
    main(int(sys.argv[1]), Path(sys.argv[2]).read_text().split())
