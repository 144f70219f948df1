"""The machine under the console: what it says of itself, and what is asked of it, which is never more than a wish.

Letters go into the folder of the setting `machine`; what the machine says lies in the one beside it, where only root
may write. Without the setting there is no such machine. It must not know the web.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.console.words import Refusal
from appliance.machine import letters
from appliance.machine.words import known
from engine import files

NONE, PACKAGE, IMAGE = "none", "package", "image"
"""A program in a folder; a package on somebody's machine; a machine that is all the appliance's."""

SHUT_WORDS = "This machine does not let the console restart it or switch it off."


@dataclass(frozen=True, slots=True)
class Answered:
    """What the machine has said to a request last. kind: ok, no or going; sentence: to be said in any language."""

    kind: str
    sentence: str
    facts: Mapping[str, object]
    at: str

    @property
    def badge(self) -> str:
        """As what it is shown."""
        return {"ok": "good", "no": "bad"}.get(self.kind, "note")


class Machine:
    """One machine's letters. folder: of the setting `machine`."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it is and how it stands (appliance.machine.facts); empty where nobody says."""
        return self._read("facts.json")

    @property
    def kind(self) -> str:
        """NONE, PACKAGE or IMAGE."""
        if self._folder is None:
            return NONE
        return IMAGE if self.facts.get("image") is True else PACKAGE

    def answered(self, verb: str) -> Answered | None:
        """What it has said to a request of this kind last; None where nothing was asked since it was started."""
        told = self._read(f"answers/{verb}.json")
        kind = next((one for one in ("ok", "no", "going") if one in told), "")
        facts = told.get("facts")
        sentence = known(told.get("word"))
        if not kind or not sentence or not isinstance(facts, dict):
            return None
        return Answered(kind, sentence, facts, str(told.get("at", "")))

    def ask(self, verb: str, **request: object) -> None:
        """Ask for something. Raises Refusal where nobody would hear it, OSError."""
        if self._folder is None or self.kind != IMAGE:
            raise Refusal(409, SHUT_WORDS)
        folder = self._folder / "requests"
        try:
            letters.write(folder / f"{verb}.json", dict(request), 0o600)
            files.sync(folder)
        except FileNotFoundError:
            raise Refusal(409, SHUT_WORDS) from None

    def _read(self, name: str) -> Mapping[str, Any]:
        if self._folder is None:
            return {}
        try:
            return letters.read(self._folder.with_name(f"{self._folder.name}-machine") / name)
        except (OSError, letters.Unreadable):
            return {}
