"""What is known of the repository between two looks: `DATA/rules-git.json`, the truth for log, trouble and console.

It must not know Git, nor rules.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from engine import files
from engine.trouble import Trouble

FILE = "rules-git.json"


class NotTaken(Exception):
    """Nothing was taken over; the old rules run on. In words of both languages, that say what to do."""

    def __init__(self, words: str, german: str) -> None:
        super().__init__(words)
        self.trouble = Trouble(words, german)


@dataclass(frozen=True, slots=True)
class Doing:
    """A commit whose files are being put in place: what stood there before, and what is to, by names of files."""

    commit: str
    old: Mapping[str, str]
    new: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Note:
    """place: address, branch and folder. commit: the last one that was taken from there. words, german: trouble."""

    place: str = ""
    commit: str = ""
    words: str = ""
    german: str = ""
    doing: Doing | None = None

    @property
    def trouble(self) -> Trouble | str:
        """What a person is told; empty where all is well."""
        return Trouble(self.words, self.german) if self.words else ""


def read(data: Path) -> Note:
    """The one of this data folder; an empty one where there is none, or none that can be read."""
    try:
        said = json.loads((data / FILE).read_bytes())
        doing = said.pop("doing")
        return Note(**said, doing=None if doing is None else Doing(**doing))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Note()


def write(data: Path, note: Note) -> None:
    """Durable when it returns. Raises OSError."""
    files.write(data / FILE, json.dumps(asdict(note), ensure_ascii=False, indent=1).encode())
    files.sync(data)
