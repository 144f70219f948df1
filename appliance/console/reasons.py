"""What the engine says of an object, in German: it writes its reasons in English, into log and history.

The sentences stand in reasons.csv: the English one, with {} for what differs, and the German one, whose {} take that in
turn (or by number). Of several that fit the first counts, so the longer ones come first. What is not there is shown as
it was written. A reason of a group (facts.advice.group_of) has … for numbers.
"""

import csv
import re
from functools import lru_cache
from pathlib import Path

WAITS = "waits for a person to look at it: `stellwerk review`"
"""As engine.reviewer says it."""

FILE = Path(__file__).with_name("reasons.csv")

_STATUS = {
    "processing failure": "ein Fehler bei der Verarbeitung",
    "there is such an object already": "ein solches Objekt gibt es schon",
    "SOP class not supported": "diese SOP-Klasse wird nicht unterstützt",
    "not authorized": "keine Berechtigung",
    "resource limitation": "die Mittel reichen nicht",
    "out of resources": "kein Platz mehr",
    "the data set does not match its SOP class": "der Inhalt passt nicht zu seiner SOP-Klasse",
    "it cannot be understood": "es versteht das Objekt nicht",
    "duplicate invocation": "doppelter Aufruf",
    "unknown status": "unbekannter Status",
}
"""What a DICOM node answers (engine.dicom.status.words), before its number."""

LONGEST = 1000
"""Characters of a reason that is looked at."""


@lru_cache(1)
def _sentences() -> tuple[dict[str, str], list[tuple[re.Pattern[str], str]]]:
    """Those without anything that differs, and the others with an expression for all of a reason."""
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = [(english, german) for english, german in csv.reader(stream)]
    fixed = {english: german for english, german in rows if "{}" not in english}
    others = [(english, german) for english, german in rows if "{}" in english]
    return fixed, [(_expression(one), other) for one, other in others]


@lru_cache(1)
def sentences() -> tuple[frozenset[str], list[tuple[str, re.Pattern[str]]]]:
    """The English ones: those without anything that differs; and the others, each with an expression for all of it."""
    fixed, _ = _sentences()
    with FILE.open(encoding="utf-8", newline="") as stream:
        others = [english for english, _ in csv.reader(stream) if "{}" in english]
    return frozenset(fixed), [(one, _expression(one)) for one in others]


def _expression(sentence: str) -> re.Pattern[str]:
    return re.compile(re.escape(sentence).replace(r"\{\}", "(.+)"), re.DOTALL)


@lru_cache(4096)
def german(why: str) -> str:
    """The reason in German; empty where we have no words for it."""
    if len(why) > LONGEST:
        return ""
    fixed, others = _sentences()
    if why in fixed:
        return fixed[why]
    for expression, sentence in others:
        found = expression.fullmatch(why)
        if found:
            return sentence.format(*map(_part, found.groups()))
    return ""


def _part(text: str) -> str:
    """A status of DICOM or another of the reasons in German; anything else as it is."""
    said, space, number = text.rpartition(" (")
    if said in _STATUS:
        return f"{_STATUS[said]}{space}{number}"
    return _sentences()[0].get(text, text).removesuffix(".")
