"""The desk: rule files as they lie open in an editor, unsaved, over those on disk; and which belong together.

It reads rule files, and knows nothing of an editor's protocol. Files are named by their whole path.

What is checked as one: the rules that the server was given, where the file is among them. Otherwise a file that
others of its folder (or open ones) include is checked as part of those; and where no file of the folder includes
another, the folder is one rule book, as the appliance reads it.
"""

import posixpath
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from appliance.rulebook import RuleBook, read
from appliance.trying import tried
from dsl.compile import Compiled, compile_files
from dsl.finding import Finding
from dsl.parse import plain
from dsl.resolve import Rules, resolve
from engine.signature import Vocabulary

Book = tuple[str, ...]
_INCLUDE = re.compile(r'^[ \t]*include[ \t]+"([^"\n]+)"', re.MULTILINE)


@dataclass
class Desk:
    """Open texts by file; `rules` is the file or folder that the appliance runs, if the server was told."""

    vocabulary: Vocabulary
    rules: Path | None = None
    open: dict[str, str] = field(default_factory=dict)
    _known: dict[Book, tuple[dict[str, str], Compiled]] = field(default_factory=dict)

    def read(self, name: str) -> str:
        """What stands in a file: as it is on the desk, otherwise as it is on disk. Raises OSError."""
        if name in self.open:
            return self.open[name]
        return read(name)

    def findings(self) -> dict[str, tuple[Finding, ...]]:
        """What is wrong in every file that belongs to an open one; an empty answer for those that are fine."""
        found: dict[str, dict[Finding, None]] = {name: {} for name in self.open}
        for book in dict.fromkeys(book for name in self.open for book in self.books(name)):
            compiled = self.compile(book)
            for name in compiled.files:
                found.setdefault(name, {})
            for one in compiled.findings:
                found.setdefault(one.span.file, {})[one] = None
        return {name: tuple(ones) for name, ones in found.items() if name}

    def compile(self, book: Book) -> Compiled:
        """What the compiler says of files that belong together; anew only where one of them has changed."""
        known = self._known.get(book)
        if known is not None and all(self._text(name) == text for name, text in known[0].items()):
            return known[1]
        texts: dict[str, str] = {}

        def note(name: str) -> str:
            texts[name] = ""
            texts[name] = self.read(name)
            return texts[name]

        compiled = tried(compile_files(book, vocabulary=self.vocabulary, read=note))
        self._known = {one: kept for one, kept in self._known.items() if one != book}
        self._known[book] = texts, compiled
        return compiled

    def resolved(self, book: Book) -> Rules:
        """The statements and names of files that belong together."""
        given = {name: self._text(name) for name in book}
        return resolve(given, self.read, frozenset(self.vocabulary.steps))[0]

    def books(self, name: str) -> tuple[Book, ...]:
        """The rule books that a file belongs to: each is checked as one."""
        if not posixpath.isabs(name):
            return ((name,),)
        given = self._given()
        if name in self._reach(given):
            return (given,)
        folder = posixpath.dirname(name)
        here = {str(path) for path in Path(folder).glob("*.rules") if path.is_file()}
        here |= {one for one in self.open if posixpath.dirname(one) == folder} | {name}
        others = sorted(here | {one for one in self.open if posixpath.isabs(one)})
        reach = {one: self._reach(self._includes(one)) for one in others}
        through = [one for one in others if one != name and name in reach[one]]
        roots = [one for one in through if not any(one in reach[other] for other in through)]
        if through:
            return tuple((one,) for one in roots) or ((name,),)
        if any(reach[one] & here for one in here):
            return ((name,),)
        return (tuple(sorted(here)),)

    def _given(self) -> Book:
        if self.rules is None:
            return ()
        return tuple(posixpath.normpath(str(path.absolute())) for path in RuleBook(self.rules).files())

    def _reach(self, names: Iterable[str]) -> set[str]:
        """These files and all that they include, in turn."""
        found: set[str] = set()
        todo = list(names)
        while todo:
            name = todo.pop()
            if name not in found:
                found.add(name)
                todo += self._includes(name)
        return found

    def _includes(self, name: str) -> list[str]:
        folder = posixpath.dirname(name)
        paths = _INCLUDE.findall(plain(self._text(name)))
        return [posixpath.normpath(posixpath.join(folder, path)) for path in paths]

    def _text(self, name: str) -> str:
        try:
            return self.read(name)
        except (OSError, ValueError):
            return ""
