"""Rule files: their versions with author and reason, the difference of two, activation and roll back.

    rules-history/<number>.json     one version: all rule files as they were, who wrote them, when and why
                 /.lock             one activation at a time

The files are the truth: what somebody has changed with an editor is noted as a version of its own, before anything is
written over it. A version is durable before its files are written, each in one rename; the running appliance finds them
and changes over, or keeps the old rules (appliance.reload). Several files are not changed at one instant; should the
appliance look in between, it refuses what does not fit together and looks again.
"""

import contextlib
import difflib
import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from appliance.alone import alone
from appliance.rulebook import RuleBook, read
from dsl.compile import Compiled
from engine import files

FOUND = "(on the disk)"
"""The author of what somebody has changed without the console."""

_MOST_VERSIONS = 100_000
_LONGEST = 100


class Conflict(Exception):
    """Somebody else has changed the rules meanwhile; the text says what to do."""

    def __init__(self) -> None:
        super().__init__("the rules were changed meanwhile: look at them as they are now, and make your change again")


@dataclass(frozen=True, slots=True)
class Version:
    """One version. number: counts from 1. files: text by name, names as they stand in the folder of the rules."""

    number: int
    at: str
    author: str
    why: str
    files: Mapping[str, str]

    @property
    def digest(self) -> str:
        """By what it is known whether files are still the same."""
        return digest(self.files)


@dataclass(frozen=True, slots=True)
class VersionLine:
    """A version in a list."""

    number: int
    at: str
    author: str
    why: str
    files: tuple[str, ...]
    is_current: bool


@dataclass(frozen=True, slots=True)
class Activation:
    """What became of it: the version, or, where the rules have errors, none; and what the compiler has found."""

    version: Version | None
    compiled: Compiled


def digest(texts: Mapping[str, str]) -> str:
    """Of all rule files together."""
    said = json.dumps(dict(sorted(texts.items())), ensure_ascii=False)
    return hashlib.blake2b(said.encode(), digest_size=8).hexdigest()


class RuleFiles:
    """The rule files of one house, with their versions. Threads and processes may share the folder."""

    def __init__(self, book: RuleBook, data: Path, now: Callable[[], float] = time.time) -> None:
        self.book, self._folder, self._now = book, data / "rules-history", now

    def current(self) -> dict[str, str]:
        """What stands in the files now, by name. Raises OSError, also for one that is not UTF-8."""
        return {path.name: read(str(path)) for path in self.book.files() if path.is_file()}

    def path(self, name: str) -> Path:
        """Where a file of this name lies, or would. Raises KeyError for what can be none of the rule files."""
        if not name.isprintable() or len(name) > _LONGEST or Path(name).name != name or not name:
            raise KeyError(name)
        path = self.book.path / name if self.book.path.is_dir() else self.book.path.with_name(name)
        if not self.book.has(path):
            raise KeyError(name)
        return path

    def instead(self, texts: Mapping[str, str]) -> dict[str, str | None]:
        """The same as the compiler is given it: texts by paths, None for each file that would be gone.

        Raises KeyError, OSError.
        """
        gone = {str(self.path(name)): None for name in self.current() if name not in texts}
        return {**gone, **{str(self.path(name)): text for name, text in texts.items()}}

    def versions(self) -> list[VersionLine]:
        """All there are, the newest first."""
        now = digest(self.current())
        found = [self._read(number) for number in sorted(self._numbers(), reverse=True)]
        lines = [
            VersionLine(one.number, one.at, one.author, one.why, tuple(sorted(one.files)), one.digest == now)
            for one in found
            if one is not None
        ]
        # Only the last of those that are the same is the one that counts.
        seen = False
        for place, line in enumerate(lines):
            if line.is_current and seen:
                lines[place] = VersionLine(line.number, line.at, line.author, line.why, line.files, False)
            seen = seen or line.is_current
        return lines

    def version(self, number: int) -> Version | None:
        """One of them."""
        return self._read(number)

    def activate(
        self,
        texts: Mapping[str, str],
        author: str,
        why: str,
        expected: str,
        judge: Callable[[dict[str, str | None]], Compiled],
    ) -> Activation:
        """Make these the rule files: all of them, by name. judge: compiles them as they would be.

        expected: the `digest` of the files that were changed; raises Conflict where they are others by now. Raises
        KeyError for a name that no rule file can have, and OSError where the disk does not take it: then some files may
        be new, which the next activation finds on the disk.
        """
        with alone(self._folder / ".lock"):
            now = self.current()
            if digest(now) != expected:
                raise Conflict
            result = judge(self.instead(texts))
            if result.program is None:
                return Activation(None, result)
            last = self.last()
            if last is None or last.digest != expected:
                self._keep(now, FOUND, "")
            version = self._keep(texts, author, why)
            self._write(now, texts)
            return Activation(version, result)

    def complete(self, texts: Mapping[str, str]) -> None:
        """End an activation of these that was broken off; they are a version already. Raises KeyError, OSError."""
        with alone(self._folder / ".lock"):
            self._write(self.current(), texts)

    def difference(self, old: int, new: int | None = None) -> str:
        """What differs between two versions, as a unified diff; None: the files as they are. Raises KeyError."""
        first = self._read(old)
        second = self.current() if new is None else getattr(self._read(new), "files", None)
        if first is None or second is None:
            raise KeyError(new if first is not None else old)
        return differing(first.files, second)

    def _write(self, now: Mapping[str, str], texts: Mapping[str, str]) -> None:
        """In one go what can be: drafts first, then the names."""
        folders = set()
        for name, text in texts.items():
            if now.get(name) != text:
                path = self.path(name)
                files.write(path, text.encode())
                folders.add(path.parent)
        for name in now.keys() - texts.keys():
            path = self.path(name)
            files.remove(path)
            folders.add(path.parent)
        for folder in folders:
            files.sync(folder)

    def _keep(self, texts: Mapping[str, str], author: str, why: str) -> Version:
        files.make_folder(self._folder)
        number = max(self._numbers(), default=0) + 1
        at = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds")
        version = Version(number, at, author, why, dict(texts))
        said = {"number": number, "at": at, "author": author, "why": why, "files": dict(texts)}
        files.write(self._folder / f"{number:06d}.json", json.dumps(said, ensure_ascii=False, indent=1).encode())
        files.sync(self._folder)
        return version

    def last(self) -> Version | None:
        """The newest of them; None where there is none."""
        numbers = self._numbers()
        return self._read(max(numbers)) if numbers else None

    def _numbers(self) -> list[int]:
        return [int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdecimal()]

    def _read(self, number: int) -> Version | None:
        if not 0 < number < _MOST_VERSIONS:
            return None
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
            said = json.loads((self._folder / f"{number:06d}.json").read_bytes())
            texts = {str(name): str(text) for name, text in said["files"].items()}
            return Version(int(said["number"]), str(said["at"]), str(said["author"]), str(said["why"]), texts)
        return None


def differing(old: Mapping[str, str], new: Mapping[str, str]) -> str:
    """A unified diff of several files, those that are the same left out."""
    parts = []
    for name in sorted({*old, *new}):
        before, after = (texts.get(name, "").splitlines(keepends=True) for texts in (old, new))
        first, second = (name if name in texts else "/dev/null" for texts in (old, new))
        lines = difflib.unified_diff(before, after, first, second)
        parts += [line if line.endswith("\n") else f"{line}\n" for line in lines]
    return "".join(parts)
