"""What a word of a rule file means, in a few lines: a tag, a step, a declared name, a fact.

Pure, and never raises. The lines are Markdown, as editors show it. Manual pages of steps are handed in.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from dsl import ast, scan
from dsl.build import Places
from dsl.phrases import say
from dsl.place import Place, places
from dsl.resolve import Rules
from dsl.symbols import Occurrence, said
from dsl.terms import TERMS
from dsl.wanted import signature_of
from engine.signature import Signature, Vocabulary
from engine.tags import ALIASES, FACTS, UnknownTag, multiplicity_of, path_of, tag_of, title_of, vr_of

_FACTS = {
    "sender": ("the AE title that the sender calls itself", "der AE-Titel, mit dem sich der Absender meldet"),
    "called": ("the AE title that the sender calls us", "der AE-Titel, mit dem der Absender uns anspricht"),
    "address": ("the address that the connection comes from", "die Adresse, von der die Verbindung kommt"),
    "port": ("the port that the object came in at", "der Port, an dem das Objekt ankam"),
    "user": ("the account that sent it over HTTPS", "das Konto, das es über HTTPS gesendet hat"),
}
_DUPLICATE = {
    "duplicate": (
        "what happens with an object that came before: `keep`, `replace` or `drop`; without it, the same bytes are "
        "dropped, and other bytes under its UID are held",
        "was mit einem Objekt geschieht, das schon einmal kam: `keep`, `replace` oder `drop`; ohne das entfallen "
        "dieselben Bytes, und andere Bytes unter seiner UID werden angehalten",
    ),
    "keep": (
        "every arrival is done in full; other bytes are stored beside the first",
        "jede Ankunft wird ganz ausgeführt; andere Bytes werden neben die ersten gelegt",
    ),
    "replace": ("other bytes take the place of what came before", "andere Bytes treten an die Stelle der früheren"),
    "drop": (
        "the first wins: what comes later is dropped, even with other bytes",
        "das erste gilt: was später kommt, entfällt, auch mit anderen Bytes",
    ),
}
_UNMATCHED = ("no other route takes the object", "keine andere Route nimmt das Objekt")


@dataclass(frozen=True, slots=True)
class Hover:
    """Lines of Markdown, and the word they are about."""

    span: ast.Span
    lines: tuple[str, ...]


def hover(
    text: str,
    offset: int,
    *,
    rules: Rules,
    vocabulary: Vocabulary,
    symbol: Occurrence | None = None,
    manuals: Mapping[str, str] | None = None,
    name: str = "",
    language: str = "en",
) -> Hover | None:
    """What stands at an offset of a `plain` text; `symbol` is the declared name there, as dsl.symbols finds it."""
    if symbol is not None:
        return Hover(symbol.span, _declared(symbol, rules))
    start = scan.beginnings(text[:offset])[-1]
    line_end = text.find("\n", offset)
    found: tuple[scan.Word, Place] | None = None
    for word, place in places(text, start, len(text) if line_end < 0 else line_end):
        if word.start <= offset <= word.end and word.kind in ("name", "tag", "string", "number"):
            found = word, place
        if word.start > offset:
            break
    if found is None:
        return None
    word, place = found
    lines = _lines(word, place, vocabulary, manuals or {}, language)
    return Hover(Places(name, text).span(word.start, word.end), lines) if lines else None


def _declared(symbol: Occurrence, rules: Rules) -> tuple[str, ...]:
    if symbol.kind == "route":
        return (f"route **{symbol.name}**",)
    statement = rules.declared(symbol.kind).get(symbol.name)
    where = "" if statement is None else f"{statement.span.file.rpartition('/')[2]}:{statement.span.line}"
    return (f"```\n{said(statement, rules)}\n```", *([where] if where else []))


def _lines(
    word: scan.Word, place: Place, vocabulary: Vocabulary, manuals: Mapping[str, str], language: str
) -> tuple[str, ...]:
    german = language == "de"
    text = word.text
    if text in _DUPLICATE and (place.kind == "policy" or (place.kind == "source" and text == "duplicate")):
        return (f"**{text}**: {_DUPLICATE[text][german]}",)
    if place.kind in ("step", "expect", "source", "component"):
        what = place.about if place.kind == "component" else place.kind
        signature = signature_of(what, text, vocabulary)
        return _component(signature, manuals.get(text, "") if what in ("step", "expect") else "", language)
    if place.kind in ("field", "compare") and text in FACTS:
        return (f"**{text}**: {_FACTS[text][german]}",)
    if place.kind == "field" and text == "unmatched":
        return (f"**unmatched**: {_UNMATCHED[german]}",)
    if place.kind == "operand":
        meaning = TERMS.get(ALIASES.get(place.about, place.about), {}).get(text.strip('"'))
        return (f"**{text}**: {meaning}",) if meaning else ()
    if place.kind in ("field", "value") and word.kind in ("name", "tag"):
        return _tag(text, language)
    return ()


def _component(signature: Signature | None, manual: str, language: str) -> tuple[str, ...]:
    if signature is None:
        return ()
    lines = [f"```\n{signature.line}\n```"]
    if not signature.built:
        lines.append("noch nicht gebaut" if language == "de" else "not built yet")
    body = [line.strip() for line in manual.strip().splitlines()]
    if body:
        lines.append("\n".join(f"    {line}" if line.startswith("on ") else line for line in body))
    return tuple(lines)


def _tag(text: str, language: str) -> tuple[str, ...]:
    try:
        tag, kind = tag_of(text), path_of(text).kind
    except UnknownTag:
        return ()
    number = str(tag) if tag.creator else f"({tag.group:04x},{tag.element:04x})"
    keyword = str(tag)
    title, many = title_of(tag), multiplicity_of(tag)
    facts = [f"VR {vr_of(tag)}: {say(f'@kind {kind}', language)}", *([f"VM {many}"] if many else [])]
    alias = f" (= {keyword})" if text in ALIASES else ""
    heading = f"**{text if text in ALIASES or keyword.startswith('(') else keyword}**{alias}"
    return (heading + (f": {title}" if title else ""), f"{number}, {', '.join(facts)}")
