"""Transfer syntaxes as rules name them (PS3.5 section 10, PS3.6 Annex A). The one table of words and UIDs."""

import difflib
from dataclasses import dataclass
from typing import ClassVar, Self

from engine.signature import Argument, Misfit

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"

NATIVE_WORDS = {
    "implicit-little-endian": "1.2.840.10008.1.2",
    "explicit-little-endian": EXPLICIT_LITTLE,
    "deflated-little-endian": "1.2.840.10008.1.2.1.99",
}
"""Without compressed pixels. Big endian is taken and never written: it was retired in 2006."""

COMPRESSED_WORDS = {
    "RLE-lossless": "1.2.840.10008.1.2.5",
    "JPEG-lossless": "1.2.840.10008.1.2.4.70",
    "JPEG-LS-lossless": "1.2.840.10008.1.2.4.80",
    "JPEG-2000-lossless": "1.2.840.10008.1.2.4.90",
    "HTJ2K-lossless": "1.2.840.10008.1.2.4.201",
}


@dataclass(frozen=True, slots=True)
class AnySyntax:
    """A transfer syntax that images can be brought into without loss, by its word."""

    uid: str
    choices: ClassVar[dict[str, str]] = NATIVE_WORDS | COMPRESSED_WORDS

    @classmethod
    def of(cls, argument: Argument) -> Self:
        """One of the words, however it is capitalised and hyphenated."""
        known = {_bare(word): word for word in cls.choices}
        written = _bare(argument.text)
        if argument.kind == "word" and written in known:
            return cls(cls.choices[known[written]])
        close = difflib.get_close_matches(written, known, 1)
        words = ", ".join(cls.choices)
        raise Misfit(argument, f"{known[close[0]]}; there are {words}" if close else f"one of {words}")


def _bare(word: str) -> str:
    return word.replace("-", "").casefold()


class CompressedSyntax(AnySyntax):
    """One of those with compressed pixels."""

    choices = COMPRESSED_WORDS
