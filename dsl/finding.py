"""Findings: what is wrong in a rule file, where, and what to type instead. Values, never exceptions.

Pure. A finding keeps the facts; its sentences are made from dsl.messages when they are shown, in either language.
"""

from dataclasses import dataclass

from dsl import messages
from dsl.ast import Span

Words = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Also:
    """Another place that belongs to the finding; `note` is a key of messages.NOTES.

    `way` is told by notes that lead somewhere: each stop is a key of messages.STOPS with its facts.
    """

    span: Span
    note: str
    way: tuple[tuple[str, ...], ...] = ()

    def label(self, language: str = "en") -> str:
        """What stands there."""
        return messages.note(self.note, language, self.way)


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding. `message` is a key of messages.MESSAGES, `advice` one of messages.ADVICE instead of its help."""

    message: str
    span: Span
    words: Words = ()
    advice: str = ""
    also: tuple[Also, ...] = ()

    @property
    def code(self) -> str:
        """E101, W120 …; see dsl.codes."""
        return self.message.partition("/")[0]

    @property
    def is_error(self) -> bool:
        """Whether it keeps the program from running; the others are warnings."""
        return self.code.startswith("E")

    @property
    def title(self) -> str:
        """What is wrong, in English."""
        return self.texts().title

    @property
    def label(self) -> str:
        """What stands at the place, in English."""
        return self.texts().label

    @property
    def help(self) -> str:
        """What to type, in English; may be empty."""
        return self.texts().help

    def texts(self, language: str = "en") -> messages.Text:
        """Title, label and help in `en` or `de`."""
        return messages.texts(self.message, self.advice, dict(self.words), language)


def finding(message: str, span: Span, advice: str = "", also: tuple[Also, ...] = (), **words: str) -> Finding:
    """A finding about a place; `words` are the facts that its sentences name."""
    return Finding(message, span, tuple(words.items()), advice, also)
