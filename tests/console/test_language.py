"""What the browser knows of the language and of sentences is what the rest knows."""

import json
import re

import pytest

from dsl import scan
from engine.tags import FACTS
from tests.console.modules import STATIC, Modules


def words(name: str) -> set[str]:
    """The strings of an exported list in language.js; another list that is spread in it is looked up, too."""
    text = (STATIC / "language.js").read_text("utf-8")
    body = re.search(rf"export const {name} = \[(.*?)\];", text, re.DOTALL)[1]
    return set(re.findall(r'"([^"]+)"', body)).union(*(words(other) for other in re.findall(r"\.\.\.(\w+)", body)))


def test_the_words_are_those_of_the_language() -> None:
    assert words("STATEMENTS") == set(scan.STATEMENTS)
    assert words("DECLARES") == set(scan.DECLARES)
    assert words("INNER") == set(scan.INNER)
    assert words("FACTS") == set(FACTS)


SENTENCES = json.loads(
    re.search(r"export const SENTENCES = (\{.*\});", (STATIC / "sentences.js").read_text("utf-8"), re.DOTALL)[1]
)


def flat(sentences: dict[str, object], stem: str = "") -> dict[str, str]:
    """Nested sentences by their whole name; CodeMirror's phrases are English by themselves."""
    found: dict[str, str] = {}
    for name, value in sentences.items():
        if isinstance(value, dict):
            found |= {} if name == "phrases" else flat(value, f"{stem}{name}.")
        else:
            found[stem + name] = str(value)
    return found


def test_every_sentence_is_there_in_both_languages_with_the_same_facts() -> None:
    english, german = flat(SENTENCES["en"]), flat(SENTENCES["de"])
    assert english.keys() == german.keys()
    assert {name: set(re.findall(r"\{\w+\}", text)) for name, text in english.items()} == {
        name: set(re.findall(r"\{\w+\}", text)) for name, text in german.items()
    }
    assert all(english.values())
    assert all(german.values())


def test_every_sentence_is_used() -> None:
    for module, sentences in SENTENCES["en"].items():
        text = (STATIC / f"{module}.js").read_text("utf-8")
        unused = [name for name in sentences if name not in text]
        assert not unused, f"{module}.js says none of {unused}"


def test_every_phrase_of_the_editor_that_is_translated_is_one() -> None:
    code = (STATIC / "vendor/codemirror.js").read_text("utf-8")
    strange = [
        phrase for phrase in SENTENCES["de"]["editor"]["phrases"] if not re.search(f'["`]{re.escape(phrase)}["`]', code)
    ]
    assert not strange


COLOURED = [
    ("# on port", ["comment"]),
    (
        "route us on port 26131 where Modality = US",
        ["keyword", "definition", "keyword", "type", "number", "keyword", "tag", "operator", "name"],
    ),
    ('→ store by Institution/PatientName "x y"', ["operator", "step", "name", "tag", "tag", "string"]),
    (
        "-> choose when PatientAge < 18 years → hold",
        ["operator", "keyword", "keyword", "tag", "operator", "number", "operator", "step"],
    ),
    ('(0009,"A B",01) is missing', ["tag", "keyword", "keyword"]),
    (
        "where SeriesDescription matches /a b\\/c/ and sender = X",
        ["keyword", "tag", "keyword", "regexp", "keyword", "tag", "operator", "name"],
    ),
]


@pytest.mark.parametrize(("line", "kinds"), COLOURED, ids=[line for line, _ in COLOURED])
def test_words_get_their_colours(modules: Modules, line: str, kinds: list[str]) -> None:
    page = modules(
        """
        import { StreamLanguage } from "/static/vendor/codemirror.js";
        import { rules } from "/static/language.js";
        const short = { propertyName: "tag", "variableName.function": "step", variableName: "name", typeName: "type",
                        "variableName.definition": "definition" };
        window.made = (line) => {
          const found = [], state = rules.startState();
          const kept = { ...rules, token(stream, s) {
            const kind = rules.token(stream, s);
            if (kind) found.push(short[kind] ?? kind);
            return kind;
          } };
          StreamLanguage.define(kept).parser.parse(line);
          return found;
        };
        """
    )
    assert page.evaluate("line => made(line)", line) == kinds
