"""From a finding to the text that does away with it: what "did you mean" and "write: →" would have to type.

Pure, and never raises. Only what is certain to be meant by the help of the finding is offered; it must not guess more.
"""

import re
from dataclasses import dataclass

from dsl.build import Places
from dsl.finding import Finding
from dsl.symbols import Edit


@dataclass(frozen=True, slots=True)
class Mend:
    """One way to mend a finding; `title` in the language that was asked for. `sure`: it is the only one."""

    title: str
    edit: Edit
    sure: bool = True


_TITLES = {
    "put": ("write {}", "{} schreiben"),
    "guess": ("change it to {}", "in {} ändern"),
    "out": ("take {} out", "{} herausnehmen"),
}


def mends(finding: Finding, text: str, language: str = "en") -> tuple[Mend, ...]:
    """The ways to mend it in its `plain` text, the likeliest first; none where a person has to think."""
    said = dict(finding.words)
    span = finding.span
    where = Places(span.file, text)
    start, end = where.offset(span.line, span.column), where.offset(span.end_line, span.end_column)
    written = text[start:end]

    def put(new: str, at: int = start, to: int = end, title: str = "put", show: str = "", sure: bool = True) -> Mend:
        words = _TITLES[title][language == "de"].format(show or new)
        return Mend(words, Edit(where.span(at, to), new), sure)

    if finding.advice == "guess" and said.get("guess"):
        return (put(said["guess"], title="guess"),)
    match finding.message:
        case "E106":
            arrow = put("→ ", start, start, show=f"→ {said['word']}", sure=finding.advice != "arrow or quotes")
            quotes = (put(f'"{written}"', sure=False),) if finding.advice == "arrow or quotes" else ()
            return (arrow, *quotes)
        case "E001/equals":
            return (put("", title="out", show="="),)
        case "E002":
            return (put('"', end, end),)
        case "E003" if finding.advice == "plain quotes":
            return (put('"'),)
        case "E003" if not finding.advice:
            return (put("", title="out", show=said["sign"]),)
        case "E102/unit":
            return (put(f"{written} years"),)
        case "E102" if finding.advice == "ago" and re.fullmatch(r"\d+\s+\w+", written):
            return (put(f"today - {written}"),)
        case "E105/instead" if said["word"].islower():
            return (put(f"{said['word']} ", start, start, show=f"{said['word']} {written}"),)
        case "E117":
            return (put("1", show="version 1"),)
        case "W210" if "!=" in written or "≠" in written:
            return (put(f" and {said['tag']} is present", end, end, show=f"and {said['tag']} is present"),)
    return ()


def apply(text: str, edits: tuple[Edit, ...]) -> str:
    """The `plain` text of one file with these edits; the last first, so that none moves another's place."""
    for edit in sorted(edits, key=lambda one: one.span, reverse=True):
        where = Places(edit.span.file, text)
        start = where.offset(edit.span.line, edit.span.column)
        text = text[:start] + edit.text + text[where.offset(edit.span.end_line, edit.span.end_column) :]
    return text
