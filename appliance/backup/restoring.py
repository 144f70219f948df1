"""Restoring, in three steps: staged (read, verified, durable), decided, and done; all of it or nothing.

    DATA/restore/staged/        the backup, unpacked
                /staged.json    it is whole, and what it says of itself; nothing has happened yet
                /plan.json      it is decided: from here on it is done, however often the machine stops meanwhile
                /.lock          one at a time
    DATA/replaced-<moment>/     what stood in its place before; never removed by us
    DATA/restored/              settings of then, for a person to look at

What is decided is done at once by the command, or by the next start before anything else runs. Each step can be done
again: what is no longer staged has its place. It must not know how a backup is read, nor what the console shows.
"""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from appliance.alone import alone
from appliance.backup.contents import KEY, LAY, PARTS, SETTINGS, USED, Part, Way
from appliance.backup.joining import join, join_lines
from appliance.backup.sealed import Source
from appliance.backup.unpacking import Unpacked, unpack
from engine import files
from engine.elsewhere import tell_elsewhere
from engine.history import History
from engine.journal import remove_journal
from engine.whereabouts import whereabouts

FOLDER = "restore"
RESTORED = "restored"
_STAGED, _DRAFT, _TOLD, _PLAN = "staged", "staged.draft", "staged.json", "plan.json"
_SECRETS = KEY.partition("/")[0]
_SIGNED_IN = "console/sessions.json"
"""Who is signed in would be signed in to accounts that are others now."""
_SOME = 1000


@dataclass(frozen=True, slots=True)
class Done:
    """aside: the folder with what was replaced, empty where nothing was. elsewhere: objects that lay in the other
    machine's spool, and do not lie in this one's.
    """

    backup: Unpacked
    aside: str
    elsewhere: int


def stage(data: Path, source: Source, passphrase: str) -> Unpacked:
    """Read and verify a backup. Raises NoBackup; BlockingIOError where one is decided, or being read; OSError."""
    with _alone(data) as folder:
        _clear(folder)
        draft = folder / _DRAFT
        try:
            unpacked = unpack(source, passphrase, draft)
            files.move(draft, folder / _STAGED)
            files.sync(folder)
            files.write(folder / _TOLD, json.dumps(asdict(unpacked)).encode())
            files.sync(folder)
        except Exception:
            files.remove_folder(draft)
            raise
        return unpacked


def staged(data: Path) -> Unpacked | None:
    """What is staged and not decided yet."""
    return _read(data / FOLDER / _TOLD)


def decided(data: Path) -> Unpacked | None:
    """What the next start restores."""
    return _read(data / FOLDER / _PLAN)


def discard(data: Path) -> bool:
    """Forget what is staged; whether there was something. Raises BlockingIOError where it is decided; OSError."""
    with _alone(data) as folder:
        there = (folder / _TOLD).exists()
        _clear(folder)
        return there


def decide(data: Path, now: Callable[[], float] = time.time) -> Unpacked:
    """Have what is staged restored. Raises KeyError where nothing is; BlockingIOError, OSError."""
    with _alone(data) as folder:
        unpacked = _read(folder / _TOLD)
        if unpacked is None:
            raise KeyError(_STAGED)
        aside = f"replaced-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now()))}"
        while (data / aside).exists():
            aside += "-again"
        files.write(folder / _PLAN, json.dumps({**asdict(unpacked), "aside": aside}).encode())
        files.sync(folder)
        files.remove(folder / _TOLD)
        files.sync(folder)
        return unpacked


def complete(data: Path) -> Done | None:
    """Do what is decided; None where nothing is. Before anything else works in this data folder.

    Raises BlockingIOError where an appliance runs there; OSError: it is not done, and has to be tried again.
    """
    folder = data / FOLDER
    if not folder.is_dir():
        return None
    if not (folder / _PLAN).exists():
        _tidy(folder)
        return None
    with alone(folder / ".lock"):
        backup = _read(folder / _PLAN)
        if backup is None:
            return None
        aside = str(json.loads((folder / _PLAN).read_bytes())["aside"])
        with _nobody_works(data / "spool"):
            count = _Doing(data, folder / _STAGED, data / aside, backup).do()
            files.remove(folder / _PLAN)
            files.sync(folder)
        files.remove_folder(folder / _STAGED)
        return Done(backup, aside if (data / aside).exists() else "", count)


def is_empty(data: Path) -> bool:
    """Whether there is nothing here yet that a restore would replace."""
    return not any((data / part.path).exists() for part in PARTS if part.way is Way.REPLACE)


class _Doing:
    """One restore, from wherever the last try has come to."""

    def __init__(self, data: Path, staged: Path, aside: Path, backup: Unpacked) -> None:
        self._data, self._staged, self._aside, self._backup = data, staged, aside, backup

    def do(self) -> int:
        """All of it; how many objects are elsewhere."""
        self._keep_keys()
        for part in PARTS:
            there = part.path in self._backup.parts
            if part.way is Way.REPLACE:
                staged = self._staged / "data" / part.path
                self._replace(part.path, staged, there or staged.exists())
            elif part.way is Way.LACKING:
                if there and not (self._data / part.path).exists():
                    self._move(self._staged / "data" / part.path, self._data / part.path)
            elif there:
                self._join(part)
        self._replace(_SIGNED_IN, self._staged / "none", False)
        for name, path in (("settings.toml", SETTINGS), ("elsewhere", "elsewhere")):
            if (self._staged / path).exists():
                self._replace(f"{RESTORED}/{name}", self._staged / path, True)
        return self._tell_what_is_elsewhere() if self._backup.history else 0

    def _keep_keys(self) -> None:
        """The keys of pseudonyms that this machine had stand below those that come: none is ever lost."""
        staged = self._staged / "data" / KEY
        if not (self._data / KEY).exists():
            return
        if not staged.parent.is_dir() and (_SECRETS in self._backup.parts or (self._aside / _SECRETS).exists()):
            return  # a try before this one has come further
        joined = join_lines(staged, self._data / KEY, mine_first=False)
        files.make_folder(staged.parent)
        files.write(staged, joined)
        staged.chmod(0o600)
        files.sync(staged.parent)

    def _replace(self, path: str, staged: Path, there: bool) -> None:
        """Put what is staged in its place; what stands there goes aside."""
        target, aside = self._data / path, self._aside / path
        if there and not staged.exists():
            return  # a try before this one has put it there
        if target.exists() and (there or not aside.exists()):
            while aside.exists():
                aside = aside.with_name(f"{aside.name}.again")
            self._move(target, aside)
        if there:
            self._move(staged, target)

    def _move(self, source: Path, target: Path) -> None:
        if not source.exists():
            return
        files.make_folder(target.parent)
        if self._aside in target.parents:
            self._aside.chmod(0o700)
        files.move(source, target)
        files.sync(target.parent)
        files.sync(source.parent)

    def _join(self, part: Part) -> None:
        staged = self._staged / "data" / part.path
        if part.path == USED:
            self._join_used(staged)
            return
        for theirs in sorted(staged.glob("*")):
            join(theirs, self._data / part.path / theirs.name)
        if part.history and staged.is_dir():
            remove_journal(self._data / "spool")  # it is made anew
            files.sync(self._data / "spool")

    def _join_used(self, staged: Path) -> None:
        if not staged.exists():
            return
        mine = self._data / USED
        joined = join_lines(staged, mine, mine_first=True)
        files.make_folder(mine.parent)
        files.write(mine, joined)
        files.sync(mine.parent)

    def _tell_what_is_elsewhere(self) -> int:
        """Of what lay in the spool that was backed up and lies in this one: nothing. Of the others: where they are."""
        lay = self._staged / LAY
        if not lay.exists():
            return 0
        spool = self._data / "spool"
        here = whereabouts(spool).objects
        with lay.open(encoding="utf-8") as lines:
            gone = [number for line in lines if (number := line.strip()) not in here]
        history = History(spool)
        for start in range(0, len(gone), _SOME):
            tell_elsewhere(history, gone[start : start + _SOME], self._backup.made)
        why = f"the backup of {self._backup.made} was restored"
        history.record("restored", "", why=why)
        history.sync()
        return len(gone)


@contextlib.contextmanager
def _alone(data: Path) -> Iterator[Path]:
    """Nobody else stages or decides, and nothing is decided."""
    folder = data / FOLDER
    files.make_folder(folder)
    folder.chmod(0o700)
    with alone(folder / ".lock", wait=False) as mine:
        if not mine or (folder / _PLAN).exists():
            raise BlockingIOError(0, "another backup is being restored")
        yield folder


@contextlib.contextmanager
def _nobody_works(spool: Path) -> Iterator[None]:
    """No appliance runs in this spool, and nobody takes anything out of the hold. Raises BlockingIOError, OSError."""
    files.make_folder(spool)
    with contextlib.ExitStack() as locks:
        for name, more in ((".lock", fcntl.LOCK_NB), (".hold.lock", 0)):
            handle = os.open(spool / name, os.O_RDWR | os.O_CREAT, 0o600)
            locks.callback(os.close, handle)
            fcntl.flock(handle, fcntl.LOCK_EX | more)
        yield


def _clear(folder: Path) -> None:
    """Nothing is staged any more."""
    files.remove(folder / _TOLD)
    files.sync(folder)
    for name in (_STAGED, _DRAFT):
        files.remove_folder(folder / name)


def _tidy(folder: Path) -> None:
    """What was staged and is neither told nor decided is left by a crash."""
    with alone(folder / ".lock", wait=False) as mine:
        if mine and not (folder / _TOLD).exists() and not (folder / _PLAN).exists():
            _clear(folder)


def _read(path: Path) -> Unpacked | None:
    try:
        said = json.loads(path.read_bytes())
        values = {field.name: said[field.name] for field in fields(Unpacked)}
        return Unpacked(**{**values, "parts": tuple(values["parts"])})
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise OSError(0, f"{path} is not as we have written it: remove it, and restore once more") from None
