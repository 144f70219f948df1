"""The rule book: the files behind the program, compiled, and whether they have changed since.

It reads rule files and nothing else; what to do with a new program is for appliance.reload.
"""

import errno
import hashlib
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from appliance.trying import tried
from dsl.changeover import at_home
from dsl.compile import Compiled, compile_files
from engine.vocabulary import vocabulary


class NoRules(Exception):
    """There are no rules to compile; the text says where they were looked for."""


MISSING = "missing"
"""The state of a file that cannot be read."""

Instead = Mapping[str, str | None]
"""Texts by the paths of rule files, as they would be; None for a file that would be gone."""

LIBRARY = "lib"
"""The folder of rule files to include that the software brings along."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A rule file, or a folder whose `*.rules` are read together in the order of their names."""

    path: Path
    own: tuple[str, ...] = ()
    """The folders that the appliance writes to: no rule may watch them. By their paths from the root on."""

    def compile(self, seen: dict[str, str] | None = None, instead: Instead | None = None) -> Compiled:
        """Compile what stands there now. Raises NoRules where nothing stands there.

        `seen` is filled with the state of each file as it was read, so that no change after that moment is missed.
        instead: texts that are tried in place of those of these files, by their paths; nothing is written.
        """
        given = instead or {}
        there = {str(path) for path in self.files()} | {name for name in given if self.has(Path(name))}
        names = sorted(name for name in there if given.get(name, "") is not None)
        if not names:
            raise NoRules(f"there is no rule file in {self.path} (its name would end in .rules)")
        noted: dict[str, str] = {} if seen is None else seen

        def text(name: str) -> str:
            if name not in given:
                return _read_noting(name, noted)
            if (said := given[name]) is None:
                raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
            return said

        try:
            texts = {name: text(name) for name in names}
        except OSError as error:
            raise NoRules(f"{error.filename or self.path} cannot be read ({error.strerror})") from None
        result = compile_files(
            names,
            vocabulary=vocabulary(),
            read=lambda name: texts[name] if name in texts else text(name),
        )
        return at_home(result, self.own)

    def compile_and_try(self, seen: dict[str, str] | None = None, instead: Instead | None = None) -> Compiled:
        """Like `compile`, and the tests in the rules are run: there is no program where one of them fails."""
        return tried(self.compile(seen, instead))

    def compile_to_run(self, seen: dict[str, str] | None = None, instead: Instead | None = None) -> Compiled:
        """The same, but rules without a route are no rules: an emptied file must not close every port.

        With a destination they are: what is put into its folder goes there.
        """
        result = self.compile_and_try(seen, instead)
        if result.program is not None and not result.program.routes and not result.program.destinations:
            raise NoRules(f"{self.path} has no route, so nothing would be received")
        return result

    def files(self) -> list[Path]:
        """The rule files, before includes."""
        if self.path.is_dir():
            return sorted(path for path in self.path.glob("*.rules") if path.is_file())
        return [self.path]

    def has(self, path: Path) -> bool:
        """Whether a file of this path is, or would be, one of the rule files."""
        if self.path.is_dir():
            return path.parent == self.path and path.suffix == ".rules" and not path.name.startswith(".")
        return path == self.path

    def state(self, also: Iterable[str] = ()) -> dict[str, str]:
        """What stands in each file, includes too, as digests: it changes when, and only when, a rule file does."""
        return {name: _state(name) for name in {*map(str, self.files()), *also}}


def _state(name: str) -> str:
    try:
        return _digest(_bytes(name))
    except OSError:
        return MISSING


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def _read_noting(name: str, seen: dict[str, str]) -> str:
    seen[name] = MISSING
    data = _bytes(name)
    seen[name] = _digest(data)
    return _text(data, name)


def read(name: str) -> str:
    """A rule file's text. Raises OSError, also for a file that is not UTF-8: a condition on `München` would be lost."""
    return _text(_bytes(name), name)


def _bytes(name: str) -> bytes:
    """What stands in a rule file; for one of a folder `lib` that is not there, in that of the software."""
    path = Path(name)
    try:
        return path.read_bytes()
    except FileNotFoundError:
        if path.parent.name != LIBRARY:
            raise
        return (shipped_rules() / LIBRARY / path.name).read_bytes()


def _text(data: bytes, name: str) -> str:
    try:
        return io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig").read()
    except UnicodeDecodeError:
        raise OSError(errno.EILSEQ, "it is not UTF-8; save it as UTF-8", name) from None


def shipped_rules() -> Path:
    """The rule files that come with the software: in the wheel beside this package, in a checkout at its top."""
    packaged = Path(str(resources("appliance"))) / "rules"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parent.parent / "rules"


def install_default_rules(folder: Path) -> None:
    """At the first start: give the admin a rule file of their own to edit."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    (folder / "house.rules").write_bytes((shipped_rules() / "house.rules").read_bytes())
