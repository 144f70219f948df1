"""Sending again: the stored copies of a study through the rules that run, to one destination, in the background.

A replay (appliance.replaying) in portions that are written down: DATA/console/resendings, a file for each, with our own
numbers and nothing of a patient. After a restart it goes on, under the same name and the same rules: what was taken in
before is known by that, and is not taken in twice. One thread does it. It must not know the web.
"""

import json
import logging
import re
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from appliance.console.facts.house import House
from appliance.console.words import Refusal
from appliance.replaying import Stopped, alone, refused, taken_in
from appliance.supervise import Supervised
from engine import files
from engine.errors import Never
from engine.journal import Journal, portions
from engine.narrow import narrowed
from engine.plan import prepare
from engine.program import Program
from engine.replay import ALREADY, Copy, Judged, Replay, promised, skipped, stored_of
from engine.study_search import Study, objects_of
from engine.whereabouts import whereabouts

log = logging.getLogger("stellwerk.console")

GOING, DONE, STOPPED = "going", "done", "stopped"
STATES = (GOING, DONE, STOPPED)

NO_COPY = "no copy of it is stored here"

MOST = 5000
"""Objects of a study that are sent again at once."""
LOOKED = 15.0
"""Seconds for which it is found out what would go, while somebody waits."""
KEPT, MOST_KEPT = 30 * 86400.0, 500
"""Seconds for which one that has ended is remembered, and how many are."""
AGAIN = 3.0
"""Seconds until the next look where another replay runs, or a disk has failed."""
PORTION = 20
"""So many are taken in between two notes of how far it is."""

_ID = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True, slots=True)
class Would:
    """What would become of a study's copies. objects: of how many it was found out, of `all`; go: that would be sent.

    already: that were sent again before, under the same rules and name; skipped: by reason, how many do not go.
    """

    all: int
    objects: int
    go: int
    already: int
    skipped: dict[str, int]
    without: int
    """Of which no copy is stored here."""


@dataclass(frozen=True, slots=True)
class Resending:
    """One. study: its number; at: seconds since 1970; objects: of the study; digest: of the rules by which they go.

    chosen: how many go; left: the numbers of those that have not gone yet, None until it is known which go; taken: how
    many were taken in; skipped: by reason, how many do not go.
    """

    id: str
    study: int
    to: str
    name: str
    by: str
    at: float
    objects: tuple[str, ...]
    state: str = GOING
    digest: str = ""
    chosen: int = 0
    left: tuple[str, ...] | None = None
    taken: int = 0
    skipped: dict[str, int] = field(default_factory=dict)
    why: str = ""
    ended: float = 0.0


class Resendings:
    """All of one data folder. Threads may share it."""

    def __init__(self, house: House, root: Path) -> None:
        self._house, self._root = house, root
        self._lock = threading.Lock()
        self._work = threading.Event()
        self._stopped = threading.Event()
        self._waits: dict[str, str] = {}
        self._thread = Supervised("sending again", self._run)

    def begin(self) -> None:
        """Go on with what was begun."""
        self._thread.start()

    def end(self) -> None:
        """Stop after the object that is in hand."""
        self._thread.stop()
        self._stopped.set()
        self._work.set()

    # --- what people do

    def destinations(self) -> list[str]:
        """To where something may be sent again: the destinations to which a route of the rules that run leads."""
        program = self._house.program()
        if program is None:
            return []
        return [one.name for one in program.destinations if not refused(program, program, one.name)]

    def would(self, study: Study, to: str, name: str = "") -> Would:
        """What would go there. name: under which it was sent again before, or not. Raises Refusal, OSError."""
        program = self._program(to)
        end = time.monotonic() + LOOKED
        with self._house.journals.open() as journal:
            self._must_be_whole()
            objects = objects_of(journal, study.uid, MOST)
            copies = self._copies(journal, objects)
            replay = self._replay(journal, program, to, name)
            judged: list[Judged] = []
            for copy in copies:
                judged.append(_judge(replay, copy))
                if time.monotonic() > end:
                    break
        why_not = dict(skipped(judged))
        already = why_not.pop(ALREADY, 0)
        go = promised([one for one in judged if not one.skipped]).get(to, 0)
        return Would(len(copies), len(judged), go, already, why_not, len(objects) - len(copies))

    def start(self, by: str, study: Study, to: str, name: str = "") -> tuple[Resending, bool]:
        """Send it there; and whether that is new: where the same is just being done, or was under this name, it is not.

        name: tells it from an earlier one; without a name, what was sent again before is not sent once more.
        Raises Refusal, OSError.
        """
        self._program(to)
        with self._lock:
            for one in self._all():
                same = one.study == study.id and one.to == to
                if same and (one.state == GOING or (name and one.name == name)):
                    return one, False
            with self._house.journals.open() as journal:
                self._must_be_whole()
                objects = tuple(objects_of(journal, study.uid, MOST))
            files.make_folder(self._root)
            self._root.chmod(0o700)
            made = Resending(secrets.token_hex(8), study.id, to, name, by, time.time(), objects)
            self._write(made)
        self._work.set()
        return made, True

    def of(self, study: int) -> list[Resending]:
        """Those of a study, newest first."""
        return [one for one in self._all() if one.study == study]

    def waits(self, one: Resending) -> str:
        """Why one that goes on does not move just now, in English; empty where it does."""
        return self._waits.get(one.id, "")

    # --- the one that works

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._work.clear()
            going = False
            for place, one in enumerate(self._all()):
                if self._stopped.is_set():
                    return
                if one.state == GOING:
                    going = True
                    self._try(one)
                elif place >= MOST_KEPT or time.time() - one.ended > KEPT:
                    files.remove(self._file(one.id))
            self._work.wait(AGAIN if going else None)

    def _try(self, one: Resending) -> None:
        try:
            self._go_on(one)
        except BlockingIOError:
            self._waits[one.id] = "another replay runs here"
        except OSError as error:
            self._waits[one.id] = error.strerror or type(error).__name__
            log.warning("sending again cannot go on (%s); it is tried again", error.strerror)
        else:
            self._waits.pop(one.id, None)

    def _go_on(self, one: Resending) -> None:
        house = self._house
        whole = house.kept(one.digest) if one.digest else house.program()
        if whole is None:
            self._write(replace(one, state=STOPPED, why="the rules by which it went are not kept", ended=time.time()))
            return
        program = whole if one.digest else narrowed(whole, one.to)
        with alone(house.settings), house.journals.open() as journal:
            replay = self._replay(journal, program, one.to, one.name)
            digest = house.spool.keep_program(program)
            copies = self._copies(journal, one.objects)
            if one.left is None:
                judged = [_judge(replay, copy) for copy in copies]
                why_not = dict(skipped(judged))
                if len(judged) < len(one.objects):
                    why_not[NO_COPY] = why_not.get(NO_COPY, 0) + len(one.objects) - len(judged)
                go = [found for found in judged if not found.skipped]
                one = self._write(replace(one, digest=digest, chosen=len(go), left=_numbers(go), skipped=why_not))
            else:
                wanted = set(one.left)
                judged = [_judge(replay, copy) for copy in copies if copy.number in wanted]
                # Those were taken in just before we were stopped.
                before = sum(found.skipped == ALREADY for found in judged)
                go = [found for found in judged if not found.skipped]
                one = self._write(replace(one, left=_numbers(go), taken=one.taken + before))
            self._take(replay, one, go)

    def _take(self, replay: Replay, one: Resending, go: Sequence[Judged]) -> None:
        house, why, place = self._house, "", 0
        try:
            for taken in taken_in(house.settings, house.spool, replay, one.digest, go, self._stopped.is_set):
                place, one = place + 1, replace(one, taken=one.taken + taken)
                if place % PORTION == 0:
                    one = self._write(replace(one, left=_numbers(go[place:])))
        except Stopped as stopped:
            why = str(stopped)
            if not why:
                self._write(replace(one, left=_numbers(go[place:])))
                return  # it goes on after the restart
        state = STOPPED if why else DONE
        self._write(replace(one, state=state, why=why, left=_numbers(go[place:]), ended=time.time()))

    # --- inside

    def _program(self, to: str) -> Program:
        """The rules that run, as far as this destination gets something by them. Raises Refusal."""
        program = self._house.program()
        if program is None:
            raise Refusal(409, "No rules have ever run here. Start the appliance, then try again.")
        if program.destination(to) is None:
            raise Refusal(404, "There is no destination {name}.", name=to)
        if refused(program, program, to):
            raise Refusal(409, "No route of the rules leads to {name}.", name=to)
        return narrowed(program, to)

    def _must_be_whole(self) -> None:
        """What was sent again before is only known where nothing is missing. Raises Refusal."""
        if not self._house.journals.progress.is_whole:
            raise Refusal(503, "What has happened is still being read in. Wait until that is done, then try again.")

    def _replay(self, journal: Journal, program: Program, to: str, name: str) -> Replay:
        replay = Replay(self._house.spool, journal, prepare(program), to, name)
        replay.look(whereabouts(self._house.settings.spool))
        return replay

    def _copies(self, journal: Journal, objects: Sequence[str]) -> list[Copy]:
        """The stored copies of these; those of the plain archive before those of others."""
        return stored_of(journal, _archives(self._house, journal, objects), objects)

    def _file(self, number: str) -> Path:
        return self._root / f"{number}.json"

    def _write(self, one: Resending) -> Resending:
        files.write(self._file(one.id), json.dumps(asdict(one)).encode())
        files.sync(self._root)
        return one

    def _all(self) -> list[Resending]:
        """Every one, newest first."""
        found = []
        with suppress(FileNotFoundError):
            for path in self._root.iterdir():
                if path.suffix == ".json" and _ID.fullmatch(path.stem):
                    with suppress(OSError, ValueError, KeyError, TypeError):
                        found.append(_read(json.loads(path.read_bytes())))
        return sorted(found, key=lambda one: -one.at)


def _read(data: Mapping[str, object]) -> Resending:
    one = Resending(**data)  # type: ignore[arg-type]
    return replace(one, objects=tuple(one.objects), left=None if one.left is None else tuple(one.left))


def _numbers(judged: Sequence[Judged]) -> tuple[str, ...]:
    return tuple(one.copy.number for one in judged)


def _judge(replay: Replay, copy: Copy) -> Judged:
    """What would become of it; a copy that cannot be read stays as it is."""
    try:
        return replay.judge(copy)
    except Never as refusal:
        return Judged(copy, skipped=refusal.reason)
    except FileNotFoundError:
        return Judged(copy, skipped=NO_COPY)


def _archives(house: House, journal: Journal, objects: Sequence[str]) -> Mapping[str, Path]:
    """Outbox → folder of each archive that has got a copy of any of these."""
    found: set[str] = set()
    for some, marks in portions(objects):
        rows = journal.db.execute(
            f"SELECT DISTINCT c.outbox FROM objects o JOIN copies c ON c.number = o.number WHERE o.family IN {marks}",
            some,
        )
        found |= {str(name) for (name,) in rows}
    names = sorted(found, key=lambda name: (name != "archive.store", name))
    return {name: house.settings.archive_folder(name.removesuffix(".store")) for name in names}
