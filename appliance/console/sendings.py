"""Sending by the browser: uploads, what is in them, and their way into the spool, each object once for a destination.

The spool gets an object under a number that was written down before, by one rename: after a crash what is still there
goes, and what is gone has gone. One thread does what takes long, and goes on after a restart. It must not know the web.
"""

import contextlib
import logging
import re
import secrets
import shutil
import threading
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from appliance.console.facts.house import House
from appliance.console.sending_book import ENDED, GOING, GONE, OPEN, READ, READING, Book, State
from appliance.console.sending_found import Finding, Found, Item, Upload
from appliance.console.words import Refusal
from appliance.folders import ways
from appliance.supervise import where
from engine import files
from engine.object import Origin
from engine.sources.fates import Fate, Fates
from engine.spool import Spool

log = logging.getLogger("stellwerk.console")

CHUNK = 1 << 20
"""Bytes of a file that come at once, at most."""
LARGEST = 64 << 30
MOST_FILES = 200_000
MOST = 200
"""Sendings that are kept."""
DAY = 86400.0
ABANDONED, KEPT = 2 * DAY, 30 * DAY
"""An upload that nobody has sent goes after so long; so does what is known of one that was sent."""
AGAIN = 20.0
"""Seconds until it is tried again where the disk has failed."""
FRESH = 1.5
"""Seconds for which the fates of a sending are not asked for anew."""

FAULT = "a fault of the software: the log says where"

_ID = re.compile(r"[0-9a-f]{16}")
_HANDED = "by-hand"
"""The folder of the spool in which files lie ready to be accepted."""


@dataclass(slots=True)
class _Followed:
    """The fates of one sending. over: it seemed to be over when it was asked last."""

    fates: Fates
    lock: threading.Lock
    at: float = 0.0
    over: bool = False
    known: dict[str, list[list[object]]] | None = None


@dataclass(slots=True)
class _Coming:
    """The files of an upload that goes on, by path, and the highest number among them."""

    files: dict[str, Upload]
    last: int


class Sendings:
    """All of one data folder. Threads may share it."""

    def __init__(self, house: House, root: Path) -> None:
        self._house, self._root = house, root
        self._lock = threading.RLock()
        self._reading: dict[str, Finding] = {}
        self._followed: dict[str, _Followed] = {}
        self._trouble: dict[str, str] = {}
        self._uploads: dict[str, _Coming] = {}
        self._work = threading.Event()
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    # --- the one that works

    def begin(self) -> None:
        """Go on with what was begun."""
        self._thread = threading.Thread(target=self._run, name="sendings", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop after the file that is in hand."""
        self._stopped.set()
        self._work.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._work.clear()
            for state in self.all():
                if self._stopped.is_set():
                    return
                try:
                    self._go_on(state)
                except OSError as error:
                    self._trouble[state.id] = error.strerror or type(error).__name__
                    log.warning("a sending cannot go on (%s); it is tried again", error.strerror)
                except Exception as error:
                    # Of one upload; those of others must not wait for it. The text of it may quote an image.
                    self._trouble[state.id] = FAULT
                    what = f"{type(error).__name__} at {where(error)}"
                    log.error("a sending cannot go on; a fault of the software: %s", what)
                else:
                    self._trouble.pop(state.id, None)
            self._work.wait(AGAIN)

    def _go_on(self, state: State) -> None:
        book = self._book(state.id)
        if state.state == READING:
            self._read(book, state)
        elif state.state == GOING:
            self._hand_over(book, state)
        else:
            self._tidy(book, state)

    def _read(self, book: Book, state: State) -> None:
        finding = self._reading[state.id] = Finding(book.home, stop=self._stopped.is_set)
        try:
            found = finding.run(book.uploads().values())
        finally:
            del self._reading[state.id]
        if not self._stopped.is_set():
            book.keep_found(found)
            with self._lock:
                book.write(state, state=READ)

    def _hand_over(self, book: Book, state: State) -> None:
        spool, items = self._house.spool, book.found().items
        if not state.numbers:
            numbers = {to: [spool.new_number(f"outbox {to}") for _ in items] for to in state.to}
            now = datetime.now().astimezone().isoformat(timespec="milliseconds")
            state = book.write(state, numbers=numbers, received=now)
        for place, to in enumerate(state.to):
            room = spool.root / _HANDED / f"{state.id}-{place}"
            if to not in state.staged:
                files.remove_folder(room)
                files.make_folder(room)
                for number, item in zip(state.numbers[to], items, strict=True):
                    _stage(book.home / item.file, room / f"{number}.dcm")
                    if self._stopped.is_set():
                        return
                files.sync(room)
                state = book.write(state, staged=(*state.staged, to))
            # Kept just now: of one that was kept before a crash, nothing may be left.
            spool.take_over(_ready(room, to, state, items), self._program(spool))
            files.remove_folder(room)
        book.write(state, state=GONE)
        book.drop_bytes()

    def _program(self, spool: Spool) -> str:
        program = self._house.program()
        if program is None:
            raise OSError(2, "no rules have run here yet")
        return spool.keep_program(program)

    def _tidy(self, book: Book, state: State) -> None:
        now = time.time()
        if state.state == GONE:
            book.drop_bytes()  # after a crash
            self.ends(state)
        abandoned = state.state in (OPEN, READ) and now - _changed(book, state) > ABANDONED
        if abandoned or (state.state in (GONE, ENDED) and now - state.at > KEPT):
            with self._lock:
                # Somebody may just have said that it is to be sent.
                if book.read() == state:
                    self._remove(book)

    # --- what people do

    def all(self) -> list[State]:
        """Every sending, newest first."""
        found = [Book(self._root / name).read() for name in _names(self._root)]
        return sorted((one for one in found if one is not None), key=lambda one: -one.at)

    def find(self, number: str) -> State:
        """One of them. Raises Refusal."""
        state = self._book(number).read() if _ID.fullmatch(number) else None
        if state is None:
            raise Refusal(404, "This sending is not known any more.")
        return state

    def new(self, by: str) -> State:
        """An empty one. Raises Refusal, OSError."""
        if len(_names(self._root)) >= MOST:
            raise Refusal(409, "There are too many sendings. Remove some that have ended.")
        book = self._book(secrets.token_hex(8))
        files.make_folder(book.home)
        self._root.chmod(0o700)
        return book.write(State(book.home.name, by, time.time()))

    def put(self, number: str, path: str, size: int, offset: int, data: bytes) -> int:
        """Some bytes of a file; answers how many are there now: other bytes than the next ones are not taken.

        Raises Refusal, OSError.
        """
        if not 0 <= size <= LARGEST or not path or len(path) > 2000:
            raise Refusal(422, "The request is not as it should be.")
        with self._lock:
            self._must_be(self.find(number), OPEN)
            self._must_have_room(len(data))
            book = self._book(number)
            if number not in self._uploads:
                known = book.uploads()
                self._uploads[number] = _Coming(known, max((int(one.file.name) for one in known.values()), default=0))
            coming = self._uploads[number]
            upload = coming.files.get(path)
            if upload is None or upload.size != size:
                if coming.last >= MOST_FILES:
                    raise Refusal(422, "These are too few or too many.")
                coming.last += 1
                upload = coming.files[path] = book.add(coming.last, path, size)
            file = upload.file
            have = file.stat().st_size if file.exists() else 0
            if offset != have or (not data and size):
                return have
            if have + len(data) > size:
                raise Refusal(422, "This file is longer than was said.")
            with file.open("ab") as stream:
                stream.write(data)
            if have + len(data) == size:
                files.sync(file)
            return have + len(data)

    def there(self, number: str) -> list[tuple[str, int, int]]:
        """The files of an upload: path, size, and how much is there. Raises Refusal."""
        self.find(number)
        found = self._book(number).uploads().values()
        return [(one.path, one.size, one.file.stat().st_size if one.file.exists() else 0) for one in found]

    def read(self, number: str) -> None:
        """The upload is whole: look what is in it. Raises Refusal, OSError."""
        with self._lock:
            state = self.find(number)
            self._must_be(state, OPEN)
            book = self._book(number)
            if not book.uploads():
                raise Refusal(409, "Nothing has been uploaded yet.")
            book.write(state, state=READING)
            self._uploads.pop(number, None)
        self._work.set()

    def send(self, number: str, to: Sequence[str]) -> None:
        """Send it there. Raises Refusal, OSError."""
        known, wanted = self.destinations(), tuple(dict.fromkeys(to))
        if not wanted:
            raise Refusal(422, "Choose at least one destination.")
        for name in wanted:
            if name not in known:
                raise Refusal(404, "There is no destination {name}.", name=name)
        with self._lock:
            state = self.find(number)
            self._must_be(state, READ)
            book = self._book(number)
            if not book.found().items:
                raise Refusal(409, "There is no image in it that could be sent.")
            book.write(state, state=GOING, to=wanted)
        self._work.set()

    def remove(self, number: str) -> None:
        """Forget it, with its upload. Raises Refusal: what is being handed over goes to its end."""
        with self._lock:
            state = self.find(number)
            if state.state in (READING, GOING):
                raise Refusal(409, "It is being worked on. Wait a moment, then try again.")
            self._remove(self._book(number))

    def destinations(self) -> dict[str, str]:
        """Where things can be sent: the folders of the rules that run, each with its kind of destination."""
        program = self._house.program()
        if program is None:
            return {}
        kinds = {one.name: one.kind for one in program.destinations}
        found = [way.name for way in ways(program, self._house.settings) if way.kind == "outbox"]
        return {name: kinds.get(name, "") for name in sorted(found)}

    # --- what is known

    def found(self, number: str) -> Found:
        """What is in it."""
        return self._book(number).found()

    def looked(self, number: str) -> int:
        """Of one that is just being looked at, how many files were."""
        finding = self._reading.get(number)
        return finding.looked if finding else 0

    def trouble(self, number: str) -> str:
        """Why it cannot go on just now, in English; empty where it can."""
        return self._trouble.get(number, "")

    def ends(self, state: State) -> Mapping[str, list[list[object]]]:
        """What became of each study: [state, destination, why, count] each. Once all is over it is written down."""
        if state.state != GONE:
            return state.ends
        with self._lock:
            followed = self._followed.setdefault(state.id, _Followed(Fates(self._house.spool), threading.Lock()))
        with followed.lock:
            if followed.known is None or time.monotonic() - followed.at >= FRESH:
                numbers = {number for some in state.numbers.values() for number in some}
                fates = followed.fates.of(numbers)
                items = self.found(state.id).items
                over = all(fate.is_final for some in fates.values() for fate in some)
                followed.known, followed.at = _by_study(state, items, fates), time.monotonic()
                # One may just have been on its way between two places: it is looked at twice.
                if over and followed.over:
                    with self._lock:
                        book = self._book(state.id)
                        if book.read() is not None:
                            book.write(state, state=ENDED, ends=followed.known, ended_at=time.time())
                        self._followed.pop(state.id, None)
                followed.over = over
            return followed.known

    # --- inside

    def _book(self, number: str) -> Book:
        return Book(self._root / number)

    def _remove(self, book: Book) -> None:
        with self._lock:
            self._uploads.pop(book.home.name, None)
            self._followed.pop(book.home.name, None)
            # Without this it is none any more, whatever a crash leaves.
            files.remove(book.home / "state.json")
            files.remove_folder(book.home)

    @staticmethod
    def _must_be(state: State, wanted: str) -> None:
        if state.state != wanted:
            raise Refusal(409, "This was done already. Load the page again.")

    def _must_have_room(self, more: int) -> None:
        free = shutil.disk_usage(self._root).free - more
        if free >> 20 < self._house.settings.min_free_mb:
            raise Refusal(507, "The disk of the appliance is full.")


def _ready(room: Path, to: str, state: State, items: Sequence[Item]) -> Iterator[tuple[Path, Origin, str]]:
    for number, item in zip(state.numbers[to], items, strict=True):
        origin = Origin("outbox", received=state.received, folder=to, file=item.name)
        yield room / f"{number}.dcm", origin, number


def _stage(file: Path, target: Path) -> None:
    """As a second name where the file system can do it."""
    try:
        files.link(file, target)
    except FileNotFoundError:
        raise
    except OSError:
        files.copy(file, target)


def _by_study(
    state: State, items: Sequence[Item], fates: Mapping[str, Sequence[Fate]]
) -> dict[str, list[list[object]]]:
    counts: dict[str, Counter[tuple[str, str, str]]] = {}
    for to, numbers in state.numbers.items():
        for number, item in zip(numbers, items, strict=True):
            one = counts.setdefault(item.subject.study, Counter())
            for fate in fates.get(number) or (Fate("unseen", to),):
                one[fate.state, fate.outbox or to, fate.why] += 1
    return {study: [[*what, count] for what, count in sorted(one.items())] for study, one in counts.items()}


def _changed(book: Book, state: State) -> float:
    with contextlib.suppress(OSError):
        return (book.home / "files.jsonl").stat().st_mtime
    return state.at


def _names(root: Path) -> Collection[str]:
    try:
        return [one.name for one in root.iterdir() if _ID.fullmatch(one.name)]
    except FileNotFoundError:
        return []
