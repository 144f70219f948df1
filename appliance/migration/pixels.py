"""CTP's pixel scripts as `regions`: sections with a signature and boxes, in their order. Pure.

The first section that fits an image decides, here as there. So one that cannot be said in rules makes all of it
unsafe: an image that it was for might meet a later one, which blanks too little.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from appliance.migration.conditions import Untranslatable, written
from appliance.migration.script import All, BadScript, Expression, Question, parse
from appliance.migration.words import Note

_BOX = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True, slots=True)
class Section:
    """What CTP does with the images of one kind of device. boxes: left, top, width, height."""

    expression: str
    boxes: tuple[tuple[int, int, int, int], ...]
    odd: int = 0
    """So many parentheses that are no box."""


@dataclass
class Regions:
    """The definitions in their order, and whether all of the script is in them."""

    lines: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    complete: bool = True


def sections(text: str) -> Iterator[Section]:
    """The sections of a script, whatever stands between them."""
    at = 0
    while (begin := text.find("{", at)) >= 0 and (end := text.find("}", begin)) >= 0:
        following = text.find("{", end)
        body = text[end + 1 : following if following >= 0 else len(text)]
        boxes, odd = [], 0
        for found in _BOX.finditer(body):
            numbers = [part.strip() for part in found[1].split(",")]
            if len(numbers) == 4 and all(re.fullmatch(r"[+-]?\d{1,6}", one) for one in numbers):
                left, top, width, height = map(int, numbers)
                boxes.append((left, top, width, height))
            else:
                odd += 1
        yield Section(text[begin + 1 : end], tuple(boxes), odd)
        at = end + 1


def regions(text: str, prefix: str, compiles: Callable[[str], bool]) -> Regions:
    """The definitions for one script; each is tried by itself."""
    made = Regions()
    for number, section in enumerate(sections(text), 1):
        name = f"{prefix}-{number}"
        try:
            line = _definition(name, section)
        except BadScript as bad:
            # CTP took it for false, too, and went on to the next.
            made.notes.append(Note("gap", "section broken", number=str(number), why=bad.key, word=bad.word))
            continue
        except Untranslatable as odd:
            if odd.key == "never":
                continue
            if odd.key == "meta":
                # What CTP receives by DICOM never fits such a signature: its file meta information is its own.
                made.notes.append(Note("gap", "section meta", number=str(number), word=odd.word))
                continue
            made.notes.append(Note("gap", "section odd", number=str(number), why=odd.key, word=odd.word))
            made.complete = False
            continue
        if section.odd:
            made.notes.append(Note("do", "section boxes", number=str(number)))
        if line is None:
            made.notes.append(Note("gap", "section empty", number=str(number)))
        elif compiles(f"{line}\non port 1 → anonymize-pixels → store by PatientID"):
            made.lines.append(line)
        else:
            made.notes.append(Note("gap", "section odd", number=str(number), why="value", word=""))
            made.complete = False
    if not made.lines:
        made.notes.append(Note("do", "no sections"))
    return made


def _definition(name: str, section: Section) -> str | None:
    """One definition; None where nothing is to be blanked, and it is not known how large the image is."""
    expression = parse(section.expression)
    columns, rows = _pinned(expression, "Columns"), _pinned(expression, "Rows")
    boxes = [box for box in (_box(one, columns, rows) for one in section.boxes) if box]
    condition = written(expression)
    if boxes:
        return f"regions {name} for {condition} blank {', '.join(boxes)}"
    if columns and rows:
        return f"regions {name} for {condition} keep (0, 0, {columns}, {rows})"
    return None


def _pinned(expression: Expression, keyword: str) -> int:
    """The size that every image of this signature has, or 0."""
    parts = expression.parts if isinstance(expression, All) else (expression,)
    for part in parts:
        if isinstance(part, Question) and part.element == keyword and part.method == "equals" and part.text.isdecimal():
            return int(part.text[:6])
    return 0


def _box(box: tuple[int, int, int, int], columns: int, rows: int) -> str:
    """As a box of a rule; empty where CTP blanks nothing."""
    left, top, width, height = box
    if width <= 0 or height <= 0:
        return ""
    x, width = _edge(left, width, columns, "right")
    y, height = _edge(top, height, rows, "bottom")
    return f"({x}, {y}, {width}, {height})" if width > 0 and height > 0 else ""


def _edge(start: int, length: int, size: int, word: str) -> tuple[str, int]:
    """Where it begins and how long it is. CTP blanks one pixel more than is written, and cuts off what sticks out."""
    if start < 0:
        return f"{word} {-start}", min(length + 1, -start)
    return str(start), min(length + 1, size - start) if size else length
