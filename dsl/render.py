"""Findings for people and programs: caret text as a compiler prints it, and JSON values.

Pure. Control characters of a rule file never reach a terminal.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping

from dsl.ast import Span
from dsl.finding import Finding

_SEVERITY = {"en": ("error", "warning"), "de": ("Fehler", "Warnung")}
_HELP = {"en": "help", "de": "Hilfe"}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")


def one(finding: Finding, sources: Mapping[str, str], language: str = "en") -> str:
    """The finding with its line of text and a caret under the place, as docs/language.md shows it."""
    said = finding.texts(language)
    severity = _SEVERITY[language][not finding.is_error]
    span = finding.span
    gutter = len(str(max([span.line, *(also.span.line for also in finding.also)])))
    lines = [
        f"{severity}[{finding.code}]: {said.title}",
        f"{' ' * (gutter + 1)}--> {span.file}:{span.line}:{span.column}",
    ]
    if span.file in sources:
        lines += _excerpt(span, said.label, "^", gutter, sources)
    for also in finding.also:
        if also.span.file != span.file:
            lines.append(f"{' ' * (gutter + 1)}--> {also.span.file}:{also.span.line}:{also.span.column}")
        lines += _excerpt(also.span, also.label(language), "-", gutter, sources)
    if said.help:
        lines.append(f"{' ' * (gutter + 1)}= {_HELP[language]}: {said.help}")
    return printable("\n".join(lines))


def render(findings: Iterable[Finding], sources: Mapping[str, str], language: str = "en") -> str:
    """All of them, an empty line between."""
    return "\n\n".join(one(finding, sources, language) for finding in findings)


def as_json(finding: Finding, language: str = "en") -> dict[str, object]:
    """The finding as JSON values."""
    said = finding.texts(language)
    return {
        "code": finding.code,
        "severity": "error" if finding.is_error else "warning",
        "title": said.title,
        "label": said.label,
        "help": said.help,
        "place": _place(finding.span),
        "also": [{"label": also.label(language), "place": _place(also.span)} for also in finding.also],
    }


def _place(span: Span) -> dict[str, object]:
    return {
        "file": span.file,
        "line": span.line,
        "column": span.column,
        "end_line": span.end_line,
        "end_column": span.end_column,
    }


def _excerpt(span: Span, label: str, mark: str, gutter: int, sources: Mapping[str, str]) -> list[str]:
    lines = sources.get(span.file, "").split("\n")
    line = lines[span.line - 1] if span.line <= len(lines) else ""
    end = span.end_column if span.end_line == span.line else len(line.rstrip()) + 1
    before, marked = line[: span.column - 1], line[span.column - 1 : end - 1]
    pad = "".join("\t" if sign == "\t" else " " * _width(sign) for sign in before)
    carets = mark * max(1, sum(map(_width, marked)))
    bar = f"{' ' * (gutter + 2)}|"
    return [bar, f" {span.line:>{gutter}} | {line.rstrip()}", f"{bar} {pad}{carets} {label}".rstrip()]


def _width(sign: str) -> int:
    """Columns that a character takes in a terminal."""
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1


def printable(said: str) -> str:
    """Text of a rule file as it may go to a terminal."""
    return _UNPRINTABLE.sub("\ufffd", said)
