"""What the house tests share: the checkout's Python files, and what `ast` sees in them. It judges nothing."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("engine", "dsl", "appliance")


@dataclass(frozen=True)
class Source:
    """One Python file: its path from the root, and its text."""

    path: str
    text: str

    @property
    def tree(self) -> ast.Module:
        """Its syntax tree."""
        return ast.parse(self.text, self.path)

    @property
    def package(self) -> list[str]:
        """The names of the package it is in, outermost first."""
        return list(Path(self.path).parent.parts)

    def within(self, places: tuple[str, ...]) -> bool:
        """Is it one of these files, or in one of these folders?"""
        return any(self.path == place or self.path.startswith(place.rstrip("/") + "/") for place in places)


def sources(*folders: str) -> list[Source]:
    """Every Python file in these folders of the checkout."""
    paths = sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    return [Source(path.relative_to(ROOT).as_posix(), path.read_text("utf-8")) for path in paths]


def imports(source: Source) -> Iterator[tuple[int, str]]:
    """Line and full dotted name of all that a file imports, wherever in it: `from a import b` is `a.b`."""
    for node in ast.walk(source.tree):
        match node:
            case ast.Import(names=names):
                yield from ((node.lineno, name.name) for name in names)
            case ast.ImportFrom(module=module, names=names, level=level):
                above = source.package[: len(source.package) - level + 1] if level else []
                stem = ".".join([*above, *([module] if module else [])])
                yield from ((node.lineno, f"{stem}.{name.name}") for name in names)
            case ast.Call(args=[ast.Constant(value=str(name)), *_]) if dotted(node.func).split(".")[-1] in (
                "import_module",
                "__import__",
            ):
                yield node.lineno, name


def calls(source: Source) -> Iterator[tuple[int, str, ast.Call]]:
    """Line, dotted name and node of every call: `os.rename(a, b)` is `os.rename`, `where().rename(b)` is `.rename`."""
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call):
            yield node.lineno, dotted(node.func), node


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an expression; what is no name becomes nothing."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=name):
            return f"{dotted(value)}.{name}"
    return ""


def under(name: str, *stems: str) -> bool:
    """Is this dotted name one of the stems or inside one?"""
    return any(name == stem or name.startswith(stem + ".") for stem in stems)
