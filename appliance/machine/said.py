"""What the machine says on its screen, in English and in German. It must not know a terminal, nor what is wrong."""

from typing import NamedTuple

LANGUAGES = ("de", "en")


class Said(NamedTuple):
    """The same in both languages."""

    en: str
    de: str

    def by(self, language: str) -> str:
        """In one of them; German, where it is none of ours."""
        return self.en if language == "en" else self.de


class Mistake(NamedTuple):
    """What is wrong in a file, and in which line; 0 where it is none in particular."""

    line: int
    said: Said

    def by(self, language: str) -> str:
        """With the line before it."""
        words = self.said.by(language)
        if not self.line:
            return words
        return f"line {self.line}: {words}" if language == "en" else f"Zeile {self.line}: {words}"


class Wrong(ValueError):
    """A value that cannot be, with what would do."""

    def __init__(self, en: str, de: str) -> None:
        super().__init__(en)
        self.said = Said(en, de)
