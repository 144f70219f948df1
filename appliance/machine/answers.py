"""What the machine says to the service: small JSON files in a folder where only root may write, for everybody to read.

An answer has `ok`, `no` or `going` with words, their short name and facts (appliance.machine.words), and `at`. It must
not know what was asked.
"""

from datetime import UTC, datetime

from appliance.machine import letters
from appliance.machine.places import Places
from appliance.machine.words import Refused, sentence


def answer(places: Places, verb: str, kind: str, word: str, **facts: object) -> None:
    """Say how a request stands. kind: ok, no, or going where it takes a while. Raises OSError."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    told: dict[str, object] = {kind: sentence(word, facts), "word": word, "facts": facts, "at": now}
    letters.write(places.told / "answers" / f"{verb}.json", told)


def refuse(places: Places, verb: str, refused: Refused) -> None:
    """Say why not. Raises OSError."""
    answer(places, verb, "no", refused.word, **refused.facts)
