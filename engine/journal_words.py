"""Words as they are looked up: case and accents do not count. Pure."""

import re
import unicodedata
from collections.abc import Iterable


def spellings(text: str) -> Iterable[tuple[str, ...]]:
    """Each word of a text as it is looked up: case and accents do not count, and `ü` is `u` and `ue` alike."""
    for word in re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold()):
        plain = _without_marks(word.translate(_PLAIN))
        long = _without_marks(word.translate(_LONG))
        yield (plain,) if long == plain else (plain, long)


_PLAIN = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ı": "i"})
_LONG = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe", "å": "aa", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d"})


def _without_marks(text: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", text) if not unicodedata.combining(sign))
