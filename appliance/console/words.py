"""The console's sentences: English in the code, German beside it in locale/de.csv (Tornado's catalogues).

A sentence is its own key. `{facts}` in it are filled in after it was translated; a page escapes what it is told.
Where a sentence stands in a table, the table's name ends in WORDS, so that tests find it.
"""

from dataclasses import dataclass, field
from pathlib import Path

import tornado.locale

FOLDER = Path(__file__).parent / "locale"
LANGUAGES = ("de", "en")


@dataclass(frozen=True, slots=True)
class Sentence:
    """One that is said later, in a language that is not known yet."""

    text: str
    facts: dict[str, object] = field(default_factory=dict)

    def said(self, language: str) -> str:
        """In this language."""
        return say(language, self.text, **self.facts)


class Refusal(Exception):
    """What somebody wanted is not done: the status of HTTP, and why, as a sentence."""

    def __init__(self, status: int, text: str, **facts: object) -> None:
        super().__init__(text)
        self.status, self.sentence = status, Sentence(text, facts)


def load() -> None:
    """Read the catalogues, once in a process."""
    tornado.locale.set_default_locale("en")
    tornado.locale.load_translations(str(FOLDER), encoding="utf-8")


def say(language: str, text: str, **facts: object) -> str:
    """A sentence in this language."""
    translated = tornado.locale.get(language).translate(text)
    return translated.format(**facts) if facts else translated


def preferred(accepted: str, otherwise: str) -> str:
    """The language that a browser asks for (Accept-Language, RFC 9110 section 12.5.4), of those that we have."""
    found: list[tuple[float, int, str]] = []
    for place, part in enumerate(accepted.split(",")[:20]):
        name, _, quality = part.strip().partition(";q=")
        language = name.strip().lower().partition("-")[0]
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and weight > 0:
            found.append((-weight, place, language))
    return min(found)[2] if found else otherwise
