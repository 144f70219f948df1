"""Every reason that the engine may write of an object has German words: read from its source, none is forgotten."""

import ast
import csv
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.console.reasons import FILE, german
from tests.house.tree import ROOT

ANSWERS = {"Never", "Later"}
"""What is raised with a reason (engine.errors); what is derived from them is found."""

ANY = {"7", "7: 7"}
"""Reasons that consist of what somebody else has said, and of no words of ours."""


def sources() -> dict[Path, ast.Module]:
    return {path: ast.parse(path.read_text("utf-8")) for path in sorted((ROOT / "engine").rglob("*.py"))}


def raised(trees: dict[Path, ast.Module]) -> set[str]:
    """The names of all that is raised with a reason."""
    names = set(ANSWERS)
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    while more := {one.name for one in classes if {_name(base) for base in one.bases} & names} - names:
        names |= more
    return names


def reasons() -> Iterator[tuple[str, str]]:
    """Where one stands, and how it may read: with a 7 for whatever is filled in."""
    trees = sources()
    names = raised(trees)
    for path, tree in trees.items():
        known = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _name(node.func) in names and node.args:
                for text in _texts(node.args[0], known):
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", text


def _name(node: ast.expr) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _texts(node: ast.expr, known: dict[str, ast.expr]) -> list[str]:
    """What an expression may be as a text; nothing where only the running program knows."""
    match node:
        case ast.Constant(value=str(text)):
            return [text]
        case ast.Name(id=name) if name in known:
            return _texts(known[name], known)
        case ast.IfExp(body=one, orelse=other):
            return _texts(one, known) + _texts(other, known)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return [one + other for one in _texts(left, known) for other in _texts(right, known)]
        case ast.Call(func=ast.Attribute(value=value, attr="format"), args=args):
            filled = [_texts(one, known) or ["7"] for one in args]
            return [text.format(*(one[0] for one in filled)) for text in _texts(value, known)]
        case ast.JoinedStr(values=parts):
            return ["".join(_part(one, known) for one in parts)]
    return []


def _part(node: ast.expr, known: dict[str, ast.expr]) -> str:
    if isinstance(node, ast.FormattedValue):
        return (_texts(node.value, known) or ["7"])[0] if isinstance(node.value, ast.Name) else "7"
    return str(node.value) if isinstance(node, ast.Constant) else "7"


def test_every_reason_has_german_words() -> None:
    found = list(reasons())
    assert len(found) > 250, "they are not found any more"
    missing = [f"{where}: {text}" for where, text in found if text not in ANY and not german(text)]
    assert not missing, "write these into appliance/console/reasons.csv:\n" + "\n".join(missing)


def test_every_sentence_takes_what_differs() -> None:
    with FILE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    assert len({english for english, _ in rows}) == len(rows)
    for english, sentence in rows:
        marks = [f"<{number}>" for number in range(english.count("{}"))]
        told = german(english.format(*marks))
        assert told == sentence.format(*marks), f"another sentence comes before it: {english}"
        assert english != sentence
        assert not re.search(r"[{}]", told), english


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        (
            "the object is damaged: an item does not end; its sender should mend it, or discard it",
            "Das Objekt ist beschädigt (ein Eintrag endet nicht). Der Absender muss es in Ordnung bringen, oder "
            "verwerfen Sie es.",
        ),
        ("PACS (1.2.3.4:104) cannot be sent", ""),
        ("this ZIP has more than 5 files", "Dieses ZIP hat mehr als 5 Dateien."),
        (
            "text cannot be looked for in this transfer syntax: <b>",
            "In dieser Transfersyntax kann nicht nach Text gesucht werden: <b>",
        ),
        ("PACS refuses the image: no (HTTP 400)", "PACS lehnt das Bild ab: no (HTTP 400)."),
    ],
)
def test_what_differs_is_kept_in_its_place(why: str, expected: str) -> None:
    assert german(why) == expected
