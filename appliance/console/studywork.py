"""What pages and operations do with studies: look for them, find one by its number, release, send again.

It must not know the web.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from appliance.console.context import Context
from appliance.console.facts import studies
from appliance.console.facts.house import House, NoSpool
from appliance.console.facts.journals import Progress
from appliance.console.facts.standing import STANDINGS
from appliance.console.facts.studies import StudyPage
from appliance.console.hands import Hands, Told
from appliance.console.resendings import Resending
from appliance.console.words import Refusal
from engine.journal import JournalTrouble
from engine.study_search import Asked, Study, day_of

T = TypeVar("T")

FIELDS = ("words", "first_day", "last_day", "referring", "sender", "modality")
"""What may be looked for (Asked), beside how it stands."""

NUMBER = "[0-9a-f]{19,32}[0-9a-f-]{0,13}"
"""An object of ours, or one of its promises."""

_PLACE = re.compile(r"[0-9]{1,19}")


def search(house: House, asked: Mapping[str, str], after: str = "", most: int = studies.PAGE) -> StudyPage:
    """The newest that fit. asked: Asked's fields, and `standing`. Raises Refusal."""
    for name in ("first_day", "last_day", "birth"):
        text = asked.get(name, "").strip()
        if text and not day_of(text) and not (name == "birth" and re.fullmatch("[0-9]{4}", text)):
            raise Refusal(422, "There is no such day: {day}.", day=text)
    standing = asked.get("standing", "")
    if standing not in ("", *STANDINGS) or not _PLACE.fullmatch(after or "0"):
        raise Refusal(422, "The request is not as it should be.")
    wanted = {name: value for name, value in asked.items() if name != "standing"}
    try:
        return looked(lambda: studies.search(house, Asked(**wanted), after, most, standing))
    except NoSpool:
        return StudyPage((), "", True, "", Progress(0, 0))
    except (ValueError, OverflowError):
        raise Refusal(422, "The request is not as it should be.") from None


def study_at(house: House, number: str) -> Study:
    """A study by its number. Raises Refusal."""
    found = None
    if _PLACE.fullmatch(number):
        try:
            found = looked(lambda: studies.study_at(house, int(number)))
        except NoSpool:
            found = None
    if found is None:
        raise Refusal(404, "This study is not known here (any more). Please search for it again.")
    return found


def looked(work: Callable[[], T]) -> T:
    """Look something up in the journal. Raises NoSpool, and Refusal where it cannot be read now."""
    try:
        return work()
    except JournalTrouble:
        raise Refusal(503, "What has happened cannot be read just now. Wait a moment, then try again.") from None
    except FileNotFoundError:
        # Its folder is made at the appliance's first start.
        raise NoSpool from None


class Work:
    """What one person does with one study. Every method may raise Refusal and OSError."""

    def __init__(self, context: Context, who: str, note: Callable[..., None], number: str) -> None:
        """note: (act, *on, detail="") → written into the audit."""
        self._context, self._who, self._note = context, who, note
        self.study = study_at(context.house, number)

    def release(self) -> Told:
        """Send on what is held of it."""
        facts = looked(lambda: studies.study_facts(self._context.house, self.study.uid))
        if facts is None or not facts.held:
            raise Refusal(404, "Nothing of this study is held any more.")
        told = Hands(self._context, self._note).release(list(facts.held))
        self._context.house.forget("open studies")
        return told

    def send_again(self, to: str, name: str = "") -> Resending:
        """Send its stored copies to a destination, in the background.

        name: once more, also what was sent again before.
        """
        made, new = self._context.resendings.start(self._who, self.study, to, name)
        if new:
            self._note("send-again", str(self.study.id), to, detail=made.id)
        return made
