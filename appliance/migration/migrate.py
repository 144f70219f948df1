"""A configuration of CTP as a rule file and a report. Pure: any bytes make a report, never an exception.

What it writes compiles. What does not go together with the rest stands there as a comment, and is told.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from appliance.migration.configuration import Configuration, Pipeline, configuration
from appliance.migration.desk import Desk, trouble
from appliance.migration.markup import Unreadable
from appliance.migration.stages import Work, chain
from appliance.migration.ways_in import IMPORTS, Source, source
from appliance.migration.words import KINDS, Note, heading, words
from dsl.format import format_text
from engine.vocabulary import vocabulary


@dataclass(frozen=True, slots=True)
class Migrated:
    """The rules, or why there are none; and what is to be said."""

    text: str
    notes: tuple[Note, ...] = ()
    refusal: str = ""

    def report(self, language: str) -> list[str]:
        """In lines."""
        if self.refusal:
            return [self.refusal]
        lines: list[str] = []
        for kind in KINDS:
            some = [note for note in self.notes if note.kind == kind]
            if some:
                lines += ["", f"{heading(kind, language)}:", *(f"  * {note.said(language)}" for note in some)]
        return lines[1:]


@dataclass(frozen=True, slots=True)
class _Piece:
    """Some lines that are one statement, or only remarks."""

    lines: tuple[str, ...]
    name: str = ""
    head: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "\n".join((*self.head, *self.lines))


def migrate(data: bytes, script: Callable[[str], str | None], language: str = "en") -> Migrated:
    """What a configuration becomes. script: the text of a file that it names, or None where there is none."""
    try:
        found = configuration(data)
    except Unreadable as unreadable:
        return Migrated("", refusal=words(unreadable.key, language, place=unreadable.place))
    desk = Desk(script, language)
    pieces = [piece for pipeline in found.pipelines for piece in _routes(pipeline, desk)]
    _in_general(found, desk)
    declared = [_Piece((line,), line.split(" ")[1]) for line in desk.declarations]
    body = _together([*declared, *pieces], desk)
    text = "\n".join((f"# {desk.words('title')}", "", body, ""))
    laid_out = format_text(text, name="migrated.rules", steps=vocabulary().steps)
    return Migrated(laid_out if isinstance(laid_out, str) else text, tuple(desk.notes))


def _in_general(found: Configuration, desk: Desk) -> None:
    desk.note("gap", "server", port=found.port)
    desk.note("better", "better reload")


def _routes(pipeline: Pipeline, desk: Desk) -> list[_Piece]:
    """One route for each way in; all of one pipeline do the same."""
    sources = [one for stage in pipeline.stages if stage.kind in IMPORTS and (one := source(stage, desk)) is not None]
    work = chain(pipeline, desk)
    if not sources:
        desk.note("do", "no way in", name=pipeline.name)
        sources = [Source("port 11112", missing=True)]
    steps = tuple(work.outer.lines())
    shared: list[_Piece] = []
    here = [one for one in sources if not one.missing and not one.blocked]
    if len(here) > 1 and pipeline.enabled and len(steps) > 1:
        name = desk.names.new(pipeline.name, "pipeline")
        shared = [_Piece((f"steps {name} =", *steps), name)]
        steps = (f"  → {name}",)
    pieces = [_route(one, pipeline, work, steps, desk, number) for number, one in enumerate(sources)]
    return [*shared, *pieces]


def _route(one: Source, pipeline: Pipeline, work: Work, steps: Sequence[str], desk: Desk, number: int) -> _Piece:
    name = desk.names.new(pipeline.name, "route")
    where = [*one.where, *work.where]
    lines = [f"route {name}", f"  on {one.on}"]
    if where:
        lines[-1] += f" where {' and '.join(f'({part})' if len(where) > 1 else part for part in where)}"
    if one.blocked:
        lines += [f'  → hold "{desk.words("hold filter")}"', *(f"  # {line.strip().lstrip('# ')}" for line in steps)]
    else:
        lines += steps
    head = () if number else (f"# {desk.words('pipeline', name=pipeline.name)}",)
    if one.missing:
        lines = [f"# {line}" for line in (desk.words("not yet"), *lines)]
    elif not pipeline.enabled:
        lines = [f"# {line}" for line in (desk.words("pipeline off", name=pipeline.name), *lines)]
    return _Piece(tuple(lines), name, head)


def _together(pieces: Sequence[_Piece], desk: Desk) -> str:
    """All of them as one text that compiles. What breaks it is made a comment."""
    text = _joined(pieces)
    if not trouble(text):
        return text
    # Declarations may be used by what comes later, so what is unknown yet is no reason; a route uses what was taken.
    taken: list[_Piece] = []
    for piece in pieces:
        code = trouble(_joined([*taken, piece]))
        if code:
            desk.note("do", "conflict", name=piece.name, code=code)
            remarks = (desk.words("cannot"), *piece.lines)
            piece = _Piece(tuple(f"# {line}" for line in remarks), piece.name, piece.head)
        taken.append(piece)
    return _joined(taken)


def _joined(pieces: Sequence[_Piece]) -> str:
    lines: list[str] = []
    kind = ""
    for piece in pieces:
        first = piece.lines[0].split(" ")[0]
        if lines and (first != kind or len(piece.lines) > 1 or piece.head):
            lines.append("")
        kind = first
        lines.append(piece.text)
    return "\n".join(lines)
