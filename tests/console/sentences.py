"""Every sentence of the console, found where it stands: in templates and in the code."""

import ast
import re
from collections.abc import Iterator

from tests.house.tree import ROOT, dotted, sources

CONSOLE = ROOT / "appliance/console"

_IN_TEMPLATES = re.compile(r"""\b(?:_|say)\(\s*(?:"([^"]+)"|'([^']+)')""")
ROLES = {"viewer", "operator", "admin"}

_SAYING = {"say": (0, 1), "Sentence": (0,), "Refusal": (1,)}
"""Calls, and the place of the sentence among their arguments."""


def in_templates() -> set[str]:
    """Those of the pages."""
    texts = [path.read_text("utf-8") for path in (CONSOLE / "templates").rglob("*.html")]
    return {first or second for text in texts for first, second in _IN_TEMPLATES.findall(text)}


def in_code() -> set[str]:
    """Those of the code: said, declared as a title, or in a table."""
    found = sources("appliance/console", "appliance/machine")  # the machine's answers are said by the console
    return ROLES | {sentence for source in found for sentence in _of(source.tree)}


def _of(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = dotted(node.func).rpartition(".")[2]
            for place in _SAYING.get(name, ()):
                if place < len(node.args):
                    yield from _texts(node.args[place])
            if name in ("page", "Page"):
                yield from (
                    text for one in node.keywords if one.arg in ("title", "place") for text in _texts(one.value)
                )
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name = node.targets[0].id
            if name in ("ACTS", "PLACES") or name.endswith("WORDS"):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from (text for value in values for text in _texts(value))


def _texts(node: ast.expr) -> Iterator[str]:
    """A text, or those between which it is chosen here."""
    if isinstance(node, ast.IfExp):
        yield from (*_texts(node.body), *_texts(node.orelse))
    elif isinstance(node, ast.Starred):
        yield from _texts(node.value)
    elif isinstance(node, ast.List | ast.Tuple):
        yield from (text for one in node.elts for text in _texts(one))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value:
        yield node.value
