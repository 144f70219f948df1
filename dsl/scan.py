"""Where statements begin: a rough look at a text that could not be read, so that one bad statement stays alone.

Pure. It is only asked after an error; a text without errors is read by the grammar alone. It must not know lark.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

STATEMENTS = (
    "version", "include", "destination", "listener", "contact", "schedule",
    "condition", "regions", "steps", "route", "on", "test",
)  # fmt: skip
DECLARES = ("destination", "listener", "contact", "schedule", "condition", "regions", "steps")
INNER = (
    "where", "and", "or", "not", "in", "contains", "starts", "with", "matches", "is", "present", "missing", "choose",
    "when", "otherwise", "end", "given", "expect", "no", "for", "blank", "keep", "failure", "duplicate",
)  # fmt: skip
CLAUSES = ("failure", "duplicate")
"""What may stand behind the `on` at the end of a route."""
RESERVED = frozenset({*STATEMENTS, *INNER, "today", "unmatched", "failure", "right", "bottom"})
"""Words of the language: a name like these could not be told from them where it is used."""

_WORD = re.compile(
    r"""(?P<space>\s+|\#[^\n]*)
      | (?P<string>"[^"\n]*"?)
      | (?P<arrow>→|->)
      | (?P<name>[^\W\d][\w\u0300-\u036f]*(?:-\w[\w\u0300-\u036f]*)*)
      | (?P<number>\d[\w.:]*)
      | (?P<tag>\([ ]*[0-9A-Fa-f]{4}[ ]*,[ ]*[^()\n]*\))
      | (?P<sign>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the text. kind: string, arrow, name, number, tag, sign. `first`: it opens its line."""

    kind: str
    text: str
    start: int
    first: bool

    @property
    def end(self) -> int:
        """Where it ends."""
        return self.start + len(self.text)


def words(text: str, start: int = 0, end: int | None = None) -> Iterator[Word]:
    """The words of a stretch of text."""
    line_start = True
    for match in _WORD.finditer(text, start, len(text) if end is None else end):
        kind = str(match.lastgroup)
        if kind == "space":
            line_start = line_start or "\n" in match[0]
            continue
        yield Word(kind, match[0], match.start(), line_start)
        line_start = False


def beginnings(text: str) -> list[int]:
    """Where a new statement seems to begin, in order; the first is where the text begins."""
    found = [0]
    all_words = list(words(text))
    head = ""  # a statement whose own `on` is still to come: route or test
    for at, word in enumerate(all_words):
        following = [w.text for w in all_words[at + 1 : at + 3]]
        if not _begins(word, following, all_words[at - 1] if at else None):
            if word.text == "expect":
                head = ""
            continue
        if word.text == "on":
            if following[:1] and following[0] in CLAUSES:
                continue
            if head:
                head = ""
                continue
        else:
            head = word.text if word.text in ("route", "test") else ""
        found.append(word.start)
    return sorted(set(found))


def _begins(word: Word, following: list[str], before: Word | None) -> bool:
    if word.kind != "name":
        return False
    declares = len(following) == 2 and following[1] == "="
    quoted = bool(following) and following[0].startswith('"')
    if word.text in STATEMENTS:
        if word.text == "regions" and before is not None and before.text == "anonymize-pixels":
            return False
        if word.first:
            return True
        if before is not None and before.kind == "arrow":
            return False
        if word.text == "on":
            return following[:1] in (["port"], ["https"], ["http"], ["folder"], ["every"], ["trouble"])
        return (declares and word.text in DECLARES) or (word.text in ("include", "test") and quoted)
    if not word.first or word.text in INNER:
        return False
    close = closest(word.text, STATEMENTS)
    return bool(close) and (declares or quoted or close == "route")


def closest(word: str, options: Sequence[str]) -> str:
    """The option that a hasty hand may have meant, or nothing."""
    found = get_close_matches(word.lower(), options, 1, 0.7) if len(word) > 2 else []
    return found[0] if found else ""


def declared(text: str, start: int, end: int) -> tuple[str, str, frozenset[str]]:
    """What a statement that cannot be read would declare: kind, name, and every word in it."""
    found = list(words(text, start, end))
    names = frozenset(word.text for word in found if word.kind == "name")
    if len(found) > 1 and found[0].kind == found[1].kind == "name":
        kind = found[0].text if found[0].text in STATEMENTS else closest(found[0].text, STATEMENTS)
        if kind in DECLARES:
            return kind, found[1].text, names
    return "", "", names
