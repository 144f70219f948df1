"""What every part of a migration shares: names, declarations, notes, and the question whether a text compiles."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache

from appliance.migration.names import Names
from appliance.migration.words import Note, words
from dsl.compile import compile_text
from engine.vocabulary import vocabulary


@dataclass
class Desk:
    """One migration. script: the text of a file that the configuration names, or None."""

    script: Callable[[str], str | None]
    language: str = "en"
    names: Names = field(default_factory=Names)
    notes: list[Note] = field(default_factory=list)
    declarations: list[str] = field(default_factory=list)
    known: dict[str, str] = field(default_factory=dict)
    """What was declared before, by what it is."""

    def note(self, kind: str, key: str, /, **facts: str) -> None:
        """Say it, once."""
        note = Note(kind, key, **facts)
        if note not in self.notes:
            self.notes.append(note)

    def words(self, key: str, **facts: str) -> str:
        """For the rule file."""
        return words(key, self.language, **facts)

    def declare(self, line: str) -> None:
        """One more declaration."""
        self.declarations.append(line)


@cache
def trouble(text: str) -> str:
    """The code of the first thing that keeps a text from being rules; empty where it is fine."""
    result = compile_text(text, name="migrated.rules", vocabulary=vocabulary(), read=_nothing)
    return result.errors[0].code if result.errors else ""


def compiles(text: str) -> bool:
    """Whether these are rules as they stand."""
    return not trouble(text)


def _nothing(name: str) -> str:
    raise OSError(name)
