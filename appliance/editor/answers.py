"""What an editor in a browser asks about a rule text, as the JSON that `appliance/console/static/editor.js` takes.

It converts: questions to those of dsl and of the desk, spans to offsets, which count characters from the start of the
`plain` text. Each question brings its text, so that nothing is kept between two; it must not know HTTP.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from appliance.editor import names
from appliance.editor.desk import Desk
from dsl.ast import Span
from dsl.build import Places
from dsl.complete import complete
from dsl.finding import Finding
from dsl.hover import hover
from dsl.mend import mends
from dsl.parse import plain
from engine.signature import Vocabulary

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answers:
    """Answers about files of the rules that the appliance runs; `manuals` are the pages of steps, by name."""

    vocabulary: Vocabulary
    rules: Path | None
    manuals: Mapping[str, str]

    def findings(self, name: str, text: str, language: str = "en") -> list[Json]:
        """What is wrong: [{from, to, severity, code, title, label, help, fixes}].

        What is wrong in other files that belong to it stands at the very start, with file and line before its title.
        """
        found = self._desk(name, text).findings()
        here = [_finding(one, plain(text), language) for one in found.get(name, ())]
        return here + [_elsewhere(one, language) for file, ones in found.items() if file != name for one in ones]

    def completion(self, name: str, text: str, offset: int) -> Json:
        """What may be typed at an offset: {from, to, all, words: [{text, kind, detail, rank}]}."""
        desk, text = self._desk(name, text), plain(text)
        rules = desk.resolved(desk.books(name)[0])
        offers = complete(text, offset, rules=rules, vocabulary=self.vocabulary, name=name)
        words = [{"text": one.text, "kind": one.kind, "detail": one.detail, "rank": one.rank} for one in offers.words]
        return {**_stretch(offers.span, text), "all": offers.all, "words": words}

    def explanation(self, name: str, text: str, offset: int, language: str = "en") -> Json | None:
        """What the word at an offset means: {from, to, lines} in Markdown; nothing where there is no such word."""
        desk, text = self._desk(name, text), plain(text)
        found = names.find(desk, name, offset)
        answer = hover(
            text,
            offset,
            rules=found.rules if found is not None else desk.resolved(desk.books(name)[0]),
            vocabulary=self.vocabulary,
            symbol=found.symbol if found is not None else None,
            manuals=self.manuals,
            name=name,
            language=language,
        )
        return None if answer is None else {**_stretch(answer.span, text), "lines": list(answer.lines)}

    def _desk(self, name: str, text: str) -> Desk:
        return Desk(self.vocabulary, self.rules, {name: text})


def _stretch(span: Span, text: str) -> Json:
    where = Places(span.file, text)
    return {"from": where.offset(span.line, span.column), "to": where.offset(span.end_line, span.end_column)}


def _finding(finding: Finding, text: str, language: str) -> Json:
    said = finding.texts(language)
    fixes = [
        {"label": mend.title, "edits": [{**_stretch(mend.edit.span, text), "text": mend.edit.text}]}
        for mend in mends(finding, text, language)
    ]
    return {
        **_stretch(finding.span, text),
        "severity": "error" if finding.is_error else "warning",
        "code": finding.code,
        "title": said.title,
        "label": said.label,
        "help": said.help,
        "fixes": fixes,
    }


def _elsewhere(finding: Finding, language: str) -> Json:
    said = finding.texts(language)
    where = f"{Path(finding.span.file).name}:{finding.span.line}"
    severity = "error" if finding.is_error else "warning"
    words = {"title": f"{where}: {said.title}", "label": said.label, "help": said.help}
    return {"from": 0, "to": 0, "severity": severity, "code": finding.code, **words, "fixes": []}
