"""What the machine is asked to let through, and whether it has: a letter in the folder `machine`, and its answer.

The letter is network.json; the firewall of the machine is made anew of it (appliance/machine/firewall.py), and the
answer lies in a folder beside ours that we cannot write to. Where the machine has no such firewall, nothing is waited
for. It must not know what firewalls are made of.
"""

import hashlib
import logging
import threading
import time
from pathlib import Path

from appliance.machine import letters
from appliance.network import Wanted
from engine.trouble import Trouble

log = logging.getLogger("stellwerk")

LETTER, ANSWER = "network.json", "firewall.json"
AT_START, AT_CHANGE = 20.0, 5.0
"""Seconds for which the machine is waited for, before ports open. Later it goes on by itself, and is told of."""
AGAIN = 2.0
"""Seconds after which the letter is put there anew: whoever watches the folder may have missed it."""
LOOK = 0.05
NOT_FOLLOWING = Trouble(
    "the firewall of this machine does not follow the rules: journalctl -u stellwerk-firewall says why",
    "die Firewall dieses Geräts folgt den Regeln nicht: journalctl -u stellwerk-firewall sagt, warum",
)


def beside(machine: Path) -> Path:
    """Where the machine writes what it tells us of its firewall: /run/stellwerk-machine/firewall for /run/stellwerk."""
    return machine.with_name(f"{machine.name}-machine") / "firewall"


class Openings:
    """The line to the machine's firewall; without a folder `machine` there is none."""

    def __init__(self, machine: Path | None) -> None:
        self._machine = machine
        self._stopping = threading.Event()
        self._asked = ""
        self._text, self._put_at = b"", 0.0
        self._since = 0.0

    def ask(self, wanted: Wanted, seconds: float = AT_CHANGE) -> bool:
        """Have this let through, and wait for it, where there is a firewall; whether it is so by then."""
        if self._machine is None:
            return True
        text = letters.text(wanted.letter())
        self._asked, self._since = hashlib.sha256(text).hexdigest(), time.monotonic()
        self._text = text
        end = self._since + seconds
        if not self._put():
            return False
        while not self._is_answered():
            now = time.monotonic()
            if now >= end or self._stopping.wait(LOOK):
                if seconds:
                    log.warning("the machine's firewall has not answered yet; it lets through what it did before")
                return False
            if now - self._put_at >= AGAIN:
                self._put()
        return True

    def stop(self) -> None:
        """Wait for nothing any more."""
        self._stopping.set()

    def trouble(self) -> Trouble | str:
        """What is wrong with the firewall; empty where all is well, and where there is none."""
        answer = self._answer()
        if answer is None or not self._asked:
            return ""
        if isinstance(answer, str):
            return Trouble(
                f"what the firewall of this machine says cannot be read: {answer}",
                f"was die Firewall dieses Geräts sagt, ist nicht lesbar: {answer}",
            )
        if words := str(answer.get("no", "")):
            return Trouble(
                f"the firewall of this machine could not be changed, and stays as it was: {words}",
                f"die Firewall dieses Geräts konnte nicht geändert werden und bleibt, wie sie war: {words}",
            )
        if answer.get("asked") != self._asked:
            self._put()
            return NOT_FOLLOWING if time.monotonic() - self._since > AT_START else ""
        unknown = answer.get("unknown")
        if isinstance(unknown, list) and unknown:
            names = ", ".join(str(name) for name in unknown)
            return Trouble(
                f"the name service does not know {names}: what goes there waits. Look at the name in the rules or"
                " settings, and at the name server",
                f"der Namensdienst kennt {names} nicht: was dorthin geht, wartet. Prüfen Sie den Namen in Regeln oder "
                "Einstellungen und den Nameserver",
            )
        return ""

    def _put(self) -> bool:
        """Put the letter there, perhaps once more; whether it lies there."""
        self._put_at = time.monotonic()
        try:
            if self._machine is not None:
                letters.put(self._machine / LETTER, self._text, 0o640)
        except OSError as error:
            log.error("the machine cannot be asked to open ports: %s cannot be written (%s)", LETTER, error.strerror)
            return False
        return True

    def _is_answered(self) -> bool:
        answer = self._answer()
        return answer is None or (isinstance(answer, dict) and answer.get("asked") == self._asked)

    def _answer(self) -> dict[str, object] | str | None:
        """What the machine says; as text why that cannot be read; None where there is no firewall."""
        if self._machine is None:
            return None
        try:
            return letters.read(beside(self._machine) / ANSWER)
        except FileNotFoundError:
            return None
        except letters.Unreadable as why:
            return str(why)
