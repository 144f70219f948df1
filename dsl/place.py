"""What stands at a place of a text, finished or not: a step, a tag, a value, a new name.

Pure, and never raises. It reads words, not grammar, so that the half-written statement under the cursor has places,
too. It knows no step: which words one takes, its signature says.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dsl import ast, scan
from engine.signature import Argument

_UNIT = re.compile(r"(seconds?|minutes?|min|hours?|days?|weeks?|months?|years?)")
_BRIDGES = {",": "list", "/": "path", ".": "tag"}
_COMPARISONS = ("=", "!", "<", ">", "≠", "≤", "≥")


@dataclass(frozen=True, slots=True)
class Place:
    """What a word would be.

    kind: statement, new (a name that is declared here), equals, component (the kind of a destination or listener),
    source, step, value (of what `call` names), field (a condition begins), compare (something is asked of `about`),
    operand (a value of `about`), joint (a condition is complete), policy (what is done with duplicates), file, text,
    expect, other.
    about: what is declared, or the tag; of a step the source that brings no object, of a source `test` in one.
    call: step, source, destination, listener, contact or expect, and its name.
    """

    kind: str
    about: str = ""
    call: tuple[str, str] = ("", "")
    values: tuple[scan.Word, ...] = ()


def places(text: str, start: int, end: int) -> Iterator[tuple[scan.Word, Place]]:
    """Each word of one statement with its place."""
    reading = _Reading()
    for word in scan.words(text, start, end):
        yield word, reading.place
        reading.feed(word)


def place_at(text: str, offset: int) -> tuple[int, Place]:
    """Where the statement around an offset begins, and the place of a word that would stand there."""
    start = scan.beginnings(text[:offset])[-1]
    reading = _Reading()
    for word in scan.words(text, start, offset):
        reading.feed(word)
    return start, reading.place


def included_at(text: str, offset: int) -> str | None:
    """The path of the include that an offset stands in; None elsewhere."""
    line_end = text.find("\n", offset)
    start = scan.beginnings(text[:offset])[-1]
    for word, place in places(text, start, len(text) if line_end < 0 else line_end):
        if place.kind == "file" and word.kind == "string" and word.start <= offset <= word.end:
            return word.text.strip('"')
    return None


def arguments(words: Sequence[scan.Word]) -> tuple[list[Argument], bool]:
    """Words as the arguments they make, roughly; and whether the last one waits for more after `,`, `/` or `.`."""
    found: list[Argument] = []
    bridge = ""
    for word in words:
        if word.text in _BRIDGES:
            bridge = bridge if bridge == "list" and word.text != "," else _BRIDGES[word.text]
            continue
        kind = {"string": "text", "name": "word"}.get(word.kind, word.kind)
        if bridge and found:
            found[-1] = Argument(bridge, "", (*(found[-1].items or found[-1:]), Argument(kind, word.text)))
        elif found and found[-1].kind == "number" and _UNIT.fullmatch(word.text):
            found[-1] = Argument("duration", f"{found[-1].text} {word.text}")
        elif kind != "sign":
            found.append(Argument(kind, word.text.strip('"')))
        bridge = ""
    return found, bool(bridge)


class _Reading:
    """One statement, word by word. Each method is told a word that stands at a place of its kind."""

    def __init__(self) -> None:
        self.place = Place("statement")
        self._test = False
        self._bare = ""  # the source that brings no object, where it is one
        self._bracket = False  # inside `in (…)`
        self._slashes = 0

    def feed(self, word: scan.Word) -> None:
        """Go on by one word."""
        if word.kind == "arrow":
            self.place = Place("step", self._bare)
        elif (
            word.text == "on" and word.kind == "name" and self.place.kind in ("other", "joint", "text", "new", "equals")
        ):
            self.place = Place("source", "test" if self._test else "")
        elif word.text == "choose" and self.place.kind == "step":
            self.place = Place("other")
        elif self.place.kind not in ("statement", "new") and not self._literal() and self._inner(word):
            pass
        else:
            getattr(self, f"_{self.place.kind}")(word)

    def _literal(self) -> bool:
        return self.place.kind in ("operand", "text") or bool(self._slashes)

    def _inner(self, word: scan.Word) -> bool:
        """Words that open a part of a statement wherever they stand."""
        if word.kind != "name":
            return False
        match word.text:
            case "where" | "when":
                self.place = Place("field")
            case "given" if self._test:
                self.place = Place("field")
            case "expect" if self._test:
                self.place = Place("expect")
            case "otherwise" | "end":
                self.place = Place("other")
            case _:
                return False
        return True

    def _statement(self, word: scan.Word) -> None:
        match word.text:
            case "destination" | "listener" | "contact" | "schedule" | "condition" | "regions" | "steps":
                self.place = Place("new", word.text)
            case "route":
                self.place = Place("new", "route")
            case "include":
                self.place = Place("file")
            case "test":
                self._test = True
                self.place = Place("text")
            case "on":
                self.place = Place("source", "test" if self._test else "")
            case _:
                self.place = Place("other")

    def _new(self, word: scan.Word) -> None:
        self.place = Place("equals", self.place.about, ("", word.text))

    def _equals(self, word: scan.Word) -> None:
        about, name = self.place.about, self.place.call[1]
        if about == "regions":
            self.place = Place("field") if word.text == "for" else Place("other")
        elif word.text != "=":
            self.place = Place("other")
        elif about in ("destination", "listener"):
            self.place = Place("component", about)
        elif about == "contact":
            self.place = Place("value", "", ("contact", name))
        else:
            self.place = Place({"condition": "field", "steps": "step"}.get(about, "other"))

    def _component(self, word: scan.Word) -> None:
        self.place = Place("value", "", (self.place.about, word.text))

    def _source(self, word: scan.Word) -> None:
        if word.text in ("failure", "duplicate"):
            self.place = Place("other" if word.text == "failure" else "policy")
            return
        self._bare = word.text if word.text in ast.BARE else ""
        self.place = Place("value", "", ("source", word.text))

    def _step(self, word: scan.Word) -> None:
        self.place = Place("value", "", ("step", word.text))

    def _expect(self, word: scan.Word) -> None:
        if word.text != "no":
            self.place = Place("value", "", ("expect", word.text))

    def _value(self, word: scan.Word) -> None:
        if word.text == "on" and not self._days():
            self.place = Place("source", "test" if self._test else "")
            return
        self.place = Place("value", "", self.place.call, (*self.place.values, word))

    def _days(self) -> bool:
        return self.place.call == ("source", "every")

    # --- conditions

    def _field(self, word: scan.Word) -> None:
        if word.text not in ("not", "("):
            self.place = Place("compare", self.place.about + word.text)

    def _compare(self, word: scan.Word) -> None:
        about = self.place.about
        if self._slashes:
            self._slashes += word.text == "/"
            if self._slashes > 2:
                self._slashes = 0
                self.place = Place("joint")
        elif word.text == ".":
            self.place = Place("field", f"{about}.")
        elif word.text in _COMPARISONS or word.text in ("contains", "with"):
            self.place = Place("operand", about)
        elif word.text == "in":
            self._bracket = True
            self.place = Place("operand", about)
        elif word.text == "matches":
            self._slashes = 1
        elif word.text in ("present", "missing"):
            self.place = Place("joint")
        elif word.text in ("and", "or", ")", ",", "blank", "keep"):
            self._joint(word)

    def _operand(self, word: scan.Word) -> None:
        if word.text not in (*_COMPARISONS, "("):
            self.place = Place("joint", self.place.about)

    def _joint(self, word: scan.Word) -> None:
        if word.text in ("and", "or"):
            self.place = Place("field")
        elif word.text == "," and self._bracket:
            self.place = Place("operand", self.place.about)
        elif word.text == "," and self._test:
            self.place = Place("field")
        elif word.text == ")":
            self._bracket = False
        elif word.text in ("blank", "keep"):
            self.place = Place("other")

    # --- places that nothing is known of

    def _file(self, word: scan.Word) -> None:
        self.place = Place("other")

    _text = _other = _policy = _file
