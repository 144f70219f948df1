"""Every Python file says what it is for and stays small, and the top of the checkout holds nothing unforeseen."""

import ast
import fnmatch
import warnings
from collections.abc import Iterator, Sequence

from tests.house.tree import PACKAGES, ROOT, Source, sources

SMELL, LIMIT = 300, 500

TOP = {
    *("pyproject.toml", "README.md", "LICENSE", "Makefile"),
    *("engine", "rules", "dsl", "tests", "appliance", "docs"),
}
MADE = ("build", "dist", "data", "demo", "*.egg-info", "__pycache__", "htmlcov")
"""What running things leaves behind; .gitignore has each of them."""


def too_long(source: Source) -> Iterator[str]:
    """More lines than one file may have."""
    length = len(source.text.splitlines())
    if length > LIMIT:
        yield f"{source.path} has {length} lines; {LIMIT} is the limit"


def mute(source: Source) -> Iterator[str]:
    """No docstring at the top."""
    if not (ast.get_docstring(source.tree) or "").strip():
        yield f"{source.path} does not begin with a docstring: what is it for, what must it not know?"


def unforeseen(names: Sequence[str]) -> list[str]:
    """Names at the top of the checkout that are neither planned, nor hidden, nor left by a tool."""
    return sorted(
        name
        for name in names
        if name not in TOP and not name.startswith(".") and not any(fnmatch.fnmatch(name, made) for made in MADE)
    )


def test_no_file_is_too_long() -> None:
    files = sources(*PACKAGES, "tests")
    long = sorted(
        ((length, file.path) for file in files if (length := len(file.text.splitlines())) > SMELL), reverse=True
    )
    if long:
        listing = "".join(f"\n  {length} {path}" for length, path in long)
        warnings.warn(f"more than {SMELL} lines is a smell:{listing}", stacklevel=1)
    wrong = [line for file in files for line in too_long(file)]
    assert not wrong, "\n".join(wrong)


def test_every_file_begins_with_a_docstring() -> None:
    wrong = [line for file in sources(*PACKAGES, "tests") for line in mute(file)]
    assert not wrong, "\n".join(wrong)


def test_the_top_of_the_checkout_holds_what_is_planned() -> None:
    there = [path.name for path in ROOT.iterdir()]
    assert not unforeseen(there)
    assert set(there) >= TOP


def test_a_long_file_is_caught() -> None:
    assert not list(too_long(Source("engine/a.py", "x\n" * LIMIT)))
    assert list(too_long(Source("engine/a.py", "x\n" * (LIMIT + 1))))


def test_a_mute_file_is_caught() -> None:
    assert not list(mute(Source("engine/a.py", '"""Why."""\n')))
    assert list(mute(Source("engine/a.py", "x = 1\n")))
    assert list(mute(Source("engine/a.py", '""" """\n')))
    assert list(mute(Source("engine/a.py", "")))


def test_an_unforeseen_name_is_caught() -> None:
    assert unforeseen(["engine", ".git", "stellwerk.egg-info", "data", "setup.py", "utils"]) == ["setup.py", "utils"]
