"""The rule book: the files behind the program, compiled, and whether they have changed since.

It reads rule files and nothing else; what to do with a new program is for appliance.reload.
"""

import errno
import hashlib
from dataclasses import dataclass
from importlib.resources import files as resources
from pathlib import Path

from dsl.compile import Compiled, compile_files
from engine.vocabulary import vocabulary


class NoRules(Exception):
    """There are no rules to compile; the text says where they were looked for."""


@dataclass(frozen=True, slots=True)
class RuleBook:
    """A rule file, or a folder whose `*.rules` are read together in the order of their names."""

    path: Path

    def compile(self) -> Compiled:
        """Compile what stands there now. Raises NoRules where nothing stands there."""
        names = [str(path) for path in self.files()]
        if not names:
            raise NoRules(f"there is no rule file in {self.path} (its name would end in .rules)")
        try:
            texts = {name: read(name) for name in names}
        except OSError as error:
            raise NoRules(f"{error.filename or self.path} cannot be read ({error.strerror})") from None
        return compile_files(names, vocabulary=vocabulary(), read=lambda name: texts.get(name) or read(name))

    def compile_to_run(self) -> Compiled:
        """Like `compile`, but rules without a route are no rules: an emptied file must not close every port."""
        result = self.compile()
        if result.program is not None and not result.program.routes:
            raise NoRules(f"{self.path} has no route, so nothing would be received")
        return result

    def files(self) -> list[Path]:
        """The rule files, before includes."""
        if self.path.is_dir():
            return sorted(path for path in self.path.glob("*.rules") if path.is_file())
        return [self.path]

    def state(self, also: tuple[str, ...] = ()) -> str:
        """A digest of the bytes of all files, includes too: it changes when, and only when, a rule file does."""
        digest = hashlib.blake2b(digest_size=16)
        for path in sorted({*map(str, self.files()), *also}):
            digest.update(path.encode())
            try:
                digest.update(Path(path).read_bytes())
            except OSError:
                digest.update(b"missing")
        return digest.hexdigest()


def read(name: str) -> str:
    """A rule file's text. Raises OSError, also for a file that is not UTF-8: a condition on `München` would be lost."""
    try:
        return Path(name).read_text(encoding="utf-8-sig")
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
