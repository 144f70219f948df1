"""fmt: put rule files into their one layout; what they mean, and every comment, stays."""

import argparse
import contextlib
import difflib
import os
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

from appliance.rulebook import RuleBook
from dsl.finding import Finding
from dsl.format import format_text
from dsl.parse import plain
from dsl.render import printable, render
from engine import files
from engine.vocabulary import vocabulary

STANDARD_INPUT = "-"


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("paths", nargs="+", metavar="FILE|FOLDER", help="rule files, or - for standard input to output")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a file would change")
    parser.add_argument("--diff", action="store_true", help="write nothing; show what would change")
    parser.add_argument("--language", choices=("en", "de"), default="en", help="what the findings are said in")


def run(arguments: argparse.Namespace) -> int:
    """0 when all is laid out; 1 where a file cannot be read or, with --check, would change."""
    ways = [_one(name, arguments) for name in _names(arguments.paths)]
    if not ways:
        print("there is no rule file (its name would end in .rules)", file=sys.stderr)
        return 1
    if not arguments.diff and STANDARD_INPUT not in arguments.paths and not any(ways):
        print("nothing to change")
    failed = "failed" in ways or (arguments.check and "changed" in ways)
    return int(failed)


def _names(paths: list[str]) -> Iterator[str]:
    for path in dict.fromkeys(paths):
        if path == STANDARD_INPUT:
            yield path
        else:
            yield from map(str, RuleBook(Path(path)).files())


def _one(name: str, arguments: argparse.Namespace) -> str:
    """What became of one file: changed, failed, or nothing."""
    try:
        data = sys.stdin.buffer.read() if name == STANDARD_INPUT else Path(name).read_bytes()
        text = data.decode("utf-8")
    except OSError as error:
        return _failed(f"{name} cannot be read ({error.strerror})")
    except UnicodeDecodeError:
        return _failed(f"{name} cannot be read (it is not UTF-8; save it as UTF-8)")
    said = "standard input" if name == STANDARD_INPUT else name
    result = format_text(text, name=said, steps=vocabulary().steps)
    if not isinstance(result, str):
        return _show(result, said, text, arguments.language)
    changed = result != text
    if arguments.diff:
        _show_difference(said, text, result)
    elif arguments.check:
        if changed:
            print(f"{said}: would change")
    elif name == STANDARD_INPUT:
        sys.stdout.write(result)
    elif changed:
        try:
            replace(Path(name), result.encode("utf-8"))
        except OSError as error:
            return _failed(f"{name} cannot be written ({error.strerror})")
        print(f"{name}: changed")
    return "changed" if changed else ""


def _failed(why: str) -> str:
    print(f"stellwerk: {why}", file=sys.stderr)
    return "failed"


def _show(findings: tuple[Finding, ...], name: str, text: str, language: str) -> str:
    print(render(findings, {name: plain(text)}, language=language), file=sys.stderr)
    return _failed(f"{name} is left as it is")


def _show_difference(name: str, text: str, result: str) -> None:
    old, new = plain(text), result
    lines = difflib.unified_diff(old.splitlines(True), new.splitlines(True), name, f"{name}, laid out")
    for line in lines:
        sys.stdout.write(printable(line.rstrip("\n")) + "\n")
    if old == new and text != new:
        print(f"{name}: only its line ends or its byte order mark would change")


def replace(path: Path, data: bytes) -> None:
    """Put a text in a file's place, whole or not at all; its mode and, where we may, its owner stay."""
    path = path.resolve()  # a link stays a link
    was = path.stat()
    draft = path.with_name(f".{path.name}.draft")
    try:
        with draft.open("wb") as stream:
            stream.write(data)
            os.fchmod(stream.fileno(), stat.S_IMODE(was.st_mode))
            with contextlib.suppress(PermissionError):
                os.fchown(stream.fileno(), was.st_uid, was.st_gid)
            stream.flush()
            os.fsync(stream.fileno())
        draft.rename(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    files.sync(path.parent)
