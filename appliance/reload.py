"""Reload: a rule file changes; compile; change over, or keep the old program and say why.

Watchdog's events make it look sooner; that it finds every change comes from comparing the files' bytes (network
mounts and editors that swap files under the name send no reliable events).
"""

import logging
import threading
from collections.abc import Callable
from pathlib import Path

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from appliance.appliance import CannotChange
from appliance.rulebook import NoRules, RuleBook
from dsl.compile import Compiled
from dsl.render import render
from engine.program import Program

log = logging.getLogger("stellwerk.rules")

SETTLE = 0.3
"""Seconds to wait after an event: editors write in several steps."""

LOOK_AGAIN = 5.0

NOT_YET = "the new rules cannot take over yet; the old ones run on"
"""What is said of good rules while something is owed to what they drop."""


class Reloader:
    """Watches the rule book and hands programs over to `use`, which raises CannotChange to refuse one."""

    def __init__(
        self,
        book: RuleBook,
        first: Compiled,
        seen: dict[str, str],
        use: Callable[[Program], None],
        judge: Callable[[Compiled], Compiled] = lambda new: new,
        trouble: str = "",
        waiting: Compiled | None = None,
    ) -> None:
        """`first` was compiled from files in the state `seen`: they may have changed since.

        judge: adds what is found in changing over from what runs; without a program where that must not be.
        trouble: why other rules run than `first`, and waiting: rules that may take over later (appliance.beginning).
        """
        self.book = book
        self.last = first
        """What the files compiled to at the last look, whether it was taken or not."""
        self.trouble = trouble
        """Why the rules on disk are not the ones that run; empty when they are."""
        self._use, self._judge = use, judge
        self._refused = waiting
        """Good rules that could not take over at the last look: nothing but time may have to pass."""
        self._seen = seen
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._observer = Observer()
        self._watched: set[str] = set()

    def loop(self) -> None:
        """Watch until stopped."""
        if not self._observer.is_alive():
            self._observer.start()  # first, or a folder that cannot be watched would keep it from starting
        self._watch()
        while not self._stopping.is_set():
            if self._wake.wait(LOOK_AGAIN):
                self._stopping.wait(SETTLE)
            self._wake.clear()
            self.look()

    def look(self) -> bool:
        """Compile if a file has changed; whether a new program runs now."""
        now = self.book.state(self._seen)
        if now == self._seen:
            return self._refused is not None and self._change_over(self._refused)
        self._refused = None
        seen: dict[str, str] = {}
        try:
            self.last = self.book.compile_to_run(seen)
        except NoRules as missing:
            self._seen = {**now, **seen}
            self.trouble = f"{missing}; the old rules run on"
            log.error("%s", self.trouble)
            return False
        self._seen = seen
        self._watch()
        if self.last.program is None:
            self._say("the rule files have errors; the old rules run on", self.last)
            return False
        return self._change_over(self.last)

    def _change_over(self, rules: Compiled) -> bool:
        """Let good rules take over; where they cannot yet, they are tried again at every look."""
        self._refused = rules
        self.last = self._judge(rules)
        if self.last.program is None:
            self._say(NOT_YET, self.last)
            return False
        try:
            self._use(self.last.program)
        except CannotChange as refusal:
            self._say(f"the new rules cannot take over: {refusal}; the old rules run on")
            return False
        self._refused, self.trouble = None, ""
        log.info("new rules run (%s)", self.last.program.digest)
        changes = self.last.findings[len(rules.findings) :]
        if changes:
            log.warning("\n%s", render(changes, self.last.sources))
        return True

    def _say(self, trouble: str, why: Compiled | None = None) -> None:
        """Once: the same trouble at the next look is no news."""
        if trouble != self.trouble:
            said = "" if why is None else "\n" + render(why.findings, why.sources)
            log.error("%s%s", trouble, said)
        self.trouble = trouble

    def wake(self) -> None:
        """Look at once."""
        self._wake.set()

    def stop(self) -> None:
        """End the watch."""
        self._stopping.set()
        self._wake.set()
        if self._observer.is_alive():
            self._observer.stop()

    def _watch(self) -> None:
        """Watch the folders of all files, since editors replace files instead of writing into them.

        A folder that is not there (`lib`, where that of the software is used) is seen coming in the one above it.
        """
        folders = {str(Path(name).resolve().parent) for name in (*self._seen, *map(str, self.book.files()))}
        if self.book.path.is_dir():
            folders.add(str(self.book.path.resolve()))
        for folder in (one for one in folders - self._watched if Path(one).is_dir()):
            try:
                self._observer.schedule(_Touched(self._wake), folder)
                self._watched.add(folder)
            except OSError as error:
                log.warning("%s cannot be watched (%s); looking every %.0f s", folder, error.strerror, LOOK_AGAIN)


class _Touched(FileSystemEventHandler):
    def __init__(self, wake: threading.Event) -> None:
        self._wake = wake

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Something in a rule folder changed; reading it is no change."""
        if event.event_type not in ("opened", "closed_no_write"):
            self._wake.set()
