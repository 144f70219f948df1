"""The repository is looked at every few minutes, for one appliance.

It only watches the clock. The work is done by a process of its own (`stellwerk rules-git`), which may be killed: so a
server that hangs, or sends what is far too large, costs nobody who sends images anything. It must not know Git.
"""

import logging
from collections.abc import Callable, Sequence

from appliance.beside import Beside
from appliance.rules_git.note import read
from appliance.settings import Settings
from engine.trouble import Trouble

log = logging.getLogger("stellwerk.rules")

FIRST = 2.0
"""Seconds after a start."""
WHOLE = 600.0
"""Seconds after which a look is broken off that has not ended by itself."""

TOLD = 3
"""The command's code where nothing was taken, and the note says why."""


class Watching:
    """Watches the clock for one appliance."""

    def __init__(
        self,
        settings: Settings,
        arguments: Sequence[str],
        run: Callable[[Sequence[str]], tuple[int, str]] | None = None,
    ) -> None:
        """arguments: those for settings and rules that we were given ourselves. run: a command; its code, its words."""
        self._settings, self._arguments = settings, arguments
        self._beside = Beside(WHOLE)
        self._run = run or self._beside.stellwerk
        self._trouble: Trouble | str = ""

    @property
    def trouble(self) -> Trouble | str:
        """Why nothing could be taken at the last look; empty when all is well."""
        return self._trouble

    def loop(self) -> None:
        """Until it is stopped."""
        wait = FIRST
        while not self._beside.stopping.wait(wait):
            self.turn()
            wait = 60.0 * max(1, self._settings.rules_git_minutes)

    def turn(self) -> None:
        """Look now. The same trouble at the next look is no news."""
        code, said = self._run(["rules-git", "--watched", *self._arguments])
        if self._beside.stopping.is_set():
            return
        now: Trouble | str = ""
        if code == TOLD:
            now = read(self._settings.data).trouble
        elif code != 0:
            words, german = said or f"it has ended with {code}", said or f"es endete mit {code}"
            now = Trouble(
                f"the Git repository of the rules cannot be looked at: {words}; it is tried again",
                f"das Git-Repository der Regeln kann nicht angesehen werden: {german}; es wird wieder versucht",
            )
        if isinstance(now, Trouble) and now != self._trouble:
            log.error("rules from Git: %s", now.words)
        elif not now and (self._trouble or said):
            log.info("rules from Git: %s", said or "all is well again")
        self._trouble = now

    def stop(self) -> None:
        """End it, also in the middle of one."""
        self._beside.stop()
