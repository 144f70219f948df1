"""Needles: what would give a patient away if it were found somewhere else, and looking for it in text and in bytes.

Made from the values of the identifying attributes of one object: names by component, identifiers, dates in the ways
that people write them, UIDs. It must not know where in an object they stood, nor what is done when one is found.
"""

import re
import unicodedata
import warnings
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from pydicom.charset import decode_bytes, encode_string
from pydicom.valuerep import PN_DELIMS, TEXT_VR_DELIMS

from engine.errors import Unclean
from engine.scan_values import DEFAULT, Unsure, encodings_of, is_plain

SHORTEST = 3
"""Signs. Two of them are found everywhere."""

SURE = 6
"""From so many signs on, no value has a needle in it by chance. A shorter one must stand alone, in a text."""

_TITLES = frozenset(
    [
        *("dr", "med", "prof", "dipl", "ing", "von", "van", "der", "den", "del", "les", "san", "mrs", "mme", "herr"),
        *("frau", "phd", "junior"),
    ]
)
_LOST = "\N{REPLACEMENT CHARACTER}"
_BETWEEN = re.compile(r"[\^=\s,;/]+")
_ESCAPE = re.compile(rb"\x1b[$()\-./]*[@-~]")
_MONTHS = (
    ("jan", "january", "januar"), ("feb", "february", "februar"), ("mar", "march", "märz"), ("apr", "april"),
    ("may", "mai"), ("jun", "june", "juni"), ("jul", "july", "juli"), ("aug", "august"), ("sep", "september"),
    ("oct", "october", "okt", "oktober"), ("nov", "november"), ("dec", "december", "dez", "dezember"),
)  # fmt: skip
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe", "æ": "ae"})


class Value(NamedTuple):
    """The value of an identifying attribute as it was encoded. kind: name, id, birth, date or uid."""

    kind: str
    raw: bytes
    charset: bytes = b""
    """Specific Character Set where it stood."""


class Needle(NamedTuple):
    """What is looked for. patterns: how it may be encoded, in lower case and without zeros."""

    kind: str
    text: str
    patterns: tuple[bytes, ...]

    @property
    def sort(self) -> tuple[str, str]:
        """What makes it the same as another: the day of an examination may be the day of birth."""
        return "date" if self.kind == "birth" else self.kind, self.text

    @property
    def sure(self) -> bool:
        """Whether it is long enough to be no coincidence."""
        return len(self.text) >= SURE or not self.text.isascii()


class Search(NamedTuple):
    """How the needles of one value are looked for.

    digits: no number among them is there without one of these in a row, where all but digits is left out. That spares
    most searches: a date is written in ten ways, with the same digits in three orders. words: what has letters in it.
    """

    needles: tuple[Needle, ...]
    digits: tuple[bytes, ...]
    numbers: tuple[tuple[Needle, bytes], ...]
    words: tuple[tuple[Needle, bytes], ...]


class Needles:
    """All that is looked for in one object."""

    def __init__(self, found: Mapping[Value, int], kept: Iterable[Value] = ()) -> None:
        """found: values, and the tag of an attribute that has it. kept: what may be found, as it is kept on purpose."""
        self.found = found
        self._searches = [search_of(value) for value in found]
        if allowed := {needle.sort for value in kept for needle in needles_of(value)}:
            self._searches = [_without(search, allowed) for search in self._searches]

    @property
    def all(self) -> list[Needle]:
        """Each needle, as often as a value makes it."""
        return [needle for search in self._searches for needle in search.needles]

    def tag_of(self, needle: Needle) -> int:
        """The attribute that it is from, where several have it the first."""
        return next(tag for value, tag in self.found.items() if needle in needles_of(value))

    def within(self, text: str) -> bool:
        """Whether any is in this text, in whatever case, with accents or without."""
        texts = foldings(text)
        return any(_is_in(folded, texts) for needle in self.all for folded in _folded_needle(needle))

    def candidates(self, data: bytes) -> list[tuple[Needle, bytes]]:
        """Needles that may be in these bytes, with the pattern that was seen; empty: none is, in no encoding."""
        thin = thinned(data)
        digits = thin.translate(None, _NO_DIGITS)
        found: list[tuple[Needle, bytes]] = []
        for search in self._searches:
            for row in search.digits:
                if row in digits:
                    found += [one for one in search.numbers if one[1] in thin]
                    break
            for one in search.words:
                if one[1] in thin:
                    found.append(one)
        return found


_SMALL = bytes(range(256)).lower()
_NO_DIGITS = bytes(set(range(256)) - set(b"0123456789"))


def thinned(data: bytes) -> bytes:
    """In lower case, and without zeros: text in UTF-16 becomes what it is in UTF-8."""
    return data.translate(_SMALL, b"\0")


def stands_alone(pattern: bytes, data: bytes) -> bool:
    """Whether it is in these thinned bytes as a word, or a number, of its own."""
    return _alone(pattern).search(data) is not None


@lru_cache(maxsize=1 << 10)
def _alone(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?<![0-9a-z.])" + re.escape(pattern) + rb"(?!\.?[0-9a-z])")


def text_of(raw: bytes, charset: bytes, *, name: bool = False) -> str:
    """The text that these bytes are; name: of a PN. Where they are not in their character set, as Latin-1 has them.

    Raises Unclean where the character set is not known.
    """
    if is_plain(raw):
        return raw.decode("ascii")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        text = decode_bytes(raw, _encodings(charset), PN_DELIMS if name else TEXT_VR_DELIMS)
    return raw.decode("latin-1") if _LOST in text else text


def _readings(value: Value) -> list[str]:
    """The texts that a value may be: many a modality writes another encoding than it declares."""
    found = [text_of(value.raw, value.charset, name=value.kind == "name")]
    if not value.raw.isascii():
        with suppress(UnicodeDecodeError):
            found.append(value.raw.decode("utf-8"))
    return list(dict.fromkeys(found))


def bytes_of(text: str, charset: bytes) -> bytes:
    """The text encoded. Raises Unclean where the character set is not known, ValueError where it cannot be in it."""
    if text.isascii():
        return text.encode()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it says that something was lost, and so do we
        data = encode_string(text, _encodings(charset))
    if text_of(data, charset) != text:
        raise ValueError("not in this character set")
    return data


def _encodings(charset: bytes) -> list[str]:
    try:
        found = encodings_of(charset) if charset.strip(b" \0") else DEFAULT
        return [found] if isinstance(found, str) else found
    except Unsure:
        raise Unclean(
            "its Specific Character Set is not one that is known, so its names cannot be looked for: mend the header, "
            "or discard the object"
        ) from None


def needles_of(value: Value) -> tuple[Needle, ...]:
    """The needles that one value makes. Raises Unclean where it cannot be read as text."""
    return search_of(value).needles


@lru_cache(maxsize=1 << 14)
def search_of(value: Value) -> Search:
    """How one value is looked for. Raises Unclean where it cannot be read as text."""
    if value.kind == "uid" and _UID.fullmatch(value.raw):
        text = value.raw.rstrip(b"\0 ")
        needle = Needle("uid", text.decode("ascii"), (text,))
        return Search((needle,), (text.replace(b".", b""),), ((needle, text),), ())
    needles = dict.fromkeys(one for text in _readings(value) for one in _needles_in(value, text.strip(" \0")))
    return _search(tuple(needles))


def _search(needles: tuple[Needle, ...]) -> Search:
    every = [(needle, pattern) for needle in needles for pattern in needle.patterns]
    numbers = tuple(one for one in every if _NUMBER.fullmatch(one[1]))
    digits = dict.fromkeys(pattern.translate(None, _NO_DIGITS) for _, pattern in numbers)
    return Search(needles, tuple(digits), numbers, tuple(one for one in every if one not in numbers))


def _without(search: Search, allowed: set[tuple[str, str]]) -> Search:
    if not any(needle.sort in allowed for needle in search.needles):
        return search
    return _search(tuple(needle for needle in search.needles if needle.sort not in allowed))


_UID = re.compile(rb"(?!1\.2\.840\.10008\.)[0-9][0-9.]{8,63}[\0 ]?")
_NUMBER = re.compile(rb"[-./ ]*[0-9][-./ 0-9]*")


def _needles_in(value: Value, text: str) -> list[Needle]:
    texts: Iterable[str]
    if value.kind in ("birth", "date"):
        texts = chain.from_iterable(_dates(one.strip()) for one in text.split("\\"))
    elif value.kind == "name":
        words = (word.strip(".'\"()-\0") for word in _BETWEEN.split(text.replace("\\", "^")))
        texts = (word for word in words if word.casefold() not in _TITLES)
    elif value.kind == "uid":
        texts = (one.strip(" \0") for one in text.split("\\"))
        texts = (one for one in texts if not one.startswith("1.2.840.10008."))
    else:
        texts = (one.strip() for one in re.split(r"[\\\r\n\f]", text))
    found = []
    for one in dict.fromkeys(texts):
        shortest = 2 if not one.isascii() else SHORTEST
        if len(one) >= shortest and any(sign.isalnum() for sign in one):
            found.append(Needle(value.kind, one, _patterns(one, value.charset)))
    return found


def _dates(text: str) -> tuple[str, ...]:
    """The ways in which a date is written with digits, for a DA or DT."""
    digits = text.replace(".", "")[:8] if re.fullmatch(r"\d{4}\.\d\d\.\d\d", text) else text[:8]
    if not re.fullmatch(r"\d{8}", digits):
        return ()
    year, month, day = digits[:4], digits[4:6], digits[6:]
    orders = ((year, month, day), (day, month, year), (month, day, year))
    return (digits, *(sign.join(order) for order in orders for sign in "-./"))


def _patterns(text: str, charset: bytes) -> tuple[bytes, ...]:
    if text.isascii():
        pattern = thinned(text.encode())
        return (pattern,) if len(pattern) >= SHORTEST else ()
    names = ["utf-8", "utf-16-le", "utf-16-be", "latin-1", *_encodings(charset)]
    found: dict[bytes, None] = {}
    for form in {text, text.lower(), text.upper(), unicodedata.normalize("NFD", text)}:
        for name in names:
            try:
                data = form.encode(name)
            except (UnicodeError, LookupError):
                continue
            pattern = thinned(max(_ESCAPE.split(data), key=len))
            if len(pattern) >= SHORTEST:
                found[pattern] = None
    return tuple(sorted(found))


def foldings(text: str) -> tuple[str, ...]:
    """A text in small letters, without accents, and with its umlauts as two letters."""
    small = unicodedata.normalize("NFC", text).casefold()
    plain = "".join(sign for sign in unicodedata.normalize("NFKD", small) if not unicodedata.combining(sign))
    long = unicodedata.normalize("NFKD", small.translate(_UMLAUTS))
    long = "".join(sign for sign in long if not unicodedata.combining(sign))
    return tuple(dict.fromkeys((plain, long)))


@lru_cache(maxsize=1 << 13)
def _folded_needle(needle: Needle) -> tuple[str, ...]:
    found = list(foldings(needle.text))
    if needle.kind in ("birth", "date") and needle.text.isdigit():
        year, month, day = needle.text[:4], int(needle.text[4:6] or 0), int(needle.text[6:] or 0)
        found += [f"{day}.{month}.{year}", f"{month}/{day}/{year}", f"{day:02}.{month:02}.{year[2:]}"]
        for name in _MONTHS[month - 1] if 1 <= month <= 12 else ():
            name = foldings(name)[0]
            found += [f"{day}{dot} {name} {year}" for dot in ("", ".")] + [
                f"{name} {day}, {year}",
                f"{day}-{name}-{year}",
            ]
    return tuple(found)


def _is_in(needle: str, texts: tuple[str, ...]) -> bool:
    if (len(needle) > SHORTEST and not needle.isdigit()) or not needle.isascii():
        bare = _bare(needle) if any(sign.isdigit() for sign in needle) and len(needle) >= SURE else ""
        return any(needle in text or (bare and bare in _bare(text)) for text in texts)
    sign = r"\d" if needle.isdigit() else r"\w"
    return any(re.search(rf"(?<!{sign}){re.escape(needle)}(?!{sign})", text) for text in texts)


def _bare(text: str) -> str:
    return "".join(sign for sign in text if sign.isalnum())
