"""What is in a backup, and what becomes of each part at a restore. One table, for both ways.

What can be made anew is left out (journal, previews, what is known of duplicates), and what is on its way: the spool of
a machine is that machine's. It must not know how a backup is written or read.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Way(Enum):
    """What a restore does with a part."""

    REPLACE = "replace"
    """It becomes what it was; what this machine had is moved aside."""
    JOIN = "join"
    """Lines that are only ever added: those of the backup, and behind them those that only this machine has."""
    LACKING = "lacking"
    """It is taken where this machine has none of its own: its own is newer."""


@dataclass(frozen=True, slots=True)
class Part:
    """path: below the data folder; a folder where it is one, with all that is in it, else a file.

    without: names in it that are left out. history: only with the history. what: in words.
    """

    path: str
    what: str
    way: Way = Way.REPLACE
    without: tuple[str, ...] = ()
    history: bool = False


KEY = "secrets/deid"
USED = "spool/deid.used"
RULES = "rules"

PARTS: Sequence[Part] = (
    # A key is there before it is noted as used: noted first here, and so never ahead of the keys.
    Part(USED, "which keys of pseudonyms were used", Way.JOIN),
    Part(RULES, "the rule files"),
    Part("rules-history", "all their versions"),
    Part("console/changeover.json", "rules on trial and on probation"),
    Part("console/withdrawn.json", "word of rules that were taken back"),
    Part("rules-git.json", "which commit of their Git repository they are"),
    Part("last-good.json", "the program that ran"),
    # A link that was used since then would be good once more.
    Part("secrets", "secrets, users, accounts of the console, the key of pseudonyms", without=("console-links.json",)),
    Part("tls", "our certificate with its key, and whom we trust"),
    Part("tables", "the tables that rules look up"),
    Part("paused", "what is paused"),
    Part("spool/approvals", "what was approved of each device", Way.LACKING),
    Part("audit", "who has done what in the console", Way.JOIN),
    Part("spool/history", "what became of each image", Way.JOIN, history=True),
    Part("spool/keys", "whose image each was", Way.JOIN, history=True),
)

MANIFEST, SETTINGS, LAY, END = "manifest.json", "settings.toml", "lay.txt", "end.json"
"""Members of their own: what this is; the settings of then; which objects lay in the spool, by number; the last one."""

DATA, ELSEWHERE = "data/", "elsewhere/"
"""Where in it the parts are; and files that settings name, which lay outside of the data folder."""

NOT_IN_IT = (
    "images in the archive",
    "images in the spool: what waits, what is held, what is being sent",
    "the journal and the record of duplicates, which are made anew",
    "who is signed in, open links for new users, uploads of the console",
)
"""What a backup has not, for whoever reads it."""

_NAME = re.compile(r"[^/\x00-\x1f\x7f]{1,255}")


def part_of(path: str) -> Part | None:
    """The part that a file below the data folder belongs to; None where it belongs to none, or goes astray."""
    names = path.split("/")
    if not all(_NAME.fullmatch(name) and not name.startswith(".") for name in names):
        return None
    for part in PARTS:
        if path == part.path or path.startswith(f"{part.path}/"):
            inner = path[len(part.path) + 1 :].split("/")[0]
            return None if inner in part.without else part
    return None
