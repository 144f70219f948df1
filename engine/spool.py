"""The spool: durable folders whose names are the state of what is in them. The only file that changes them.

    incoming/<id>.dcm + .json     accepted, not yet routed; the sender has been told "success"
            /<id>.<seal>.arriving the same, or on its way there (engine.seal); after a crash engine.arriving finds out
    routed/<batch>/               promised in one rename, being moved into the outboxes
    outbox/<name>/entries/        one .json per promise; those promised together are names of one file (engine.promised)
                 /ready/ /urgent/ /again/     its bytes: owed; tried before
                 /active/ /later/             claimed by a pump, waiting for its time
                 /waiting/        its bytes: others must be delivered first
                 /gates/          word of those others
                 /received/       the bytes as they came, where a route's `on failure` may want them
                 /receipts/       outcomes that a report waits for
    hold/<id>.dcm + .json         needs a person; .received: as it came, where `on failure` may want it again
    previews/<id>/                pictures of what is held for its pixels (engine.previews); may be lost
    approvals/<key>.json          what people have approved of a device (engine.approvals)
    work/                         scratch, and the notes that objects share (engine.intake); emptied at start
    drops/                        what is being taken out of folders (engine.drops)
    by-hand/<id>/                 uploads of the console, about to be taken over (appliance.console.sendings)
    programs/<digest>.json        programs that objects still refer to (engine.tidy removes the others)
    arrivals.sqlite               what has come, so that duplicates are known; derived, nothing is lost without it
    history/, keys/               what happened, and to whose image (engine.history)

The rules that make it safe: bytes are durable before they get a name that counts; a change of state is one rename;
an object's promises become valid together, by the rename of work/<batch> to routed/<batch>; everything after that
rename can be done again. `recover` finishes what a crash interrupted and is safe to run at any time before start.
"""

import contextlib
import fcntl
import functools
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from engine import files
from engine.approvals import Approvals
from engine.arrivals import Arrivals
from engine.arriving import accepted, name_arriving
from engine.entry import Entry
from engine.errors import Never
from engine.gates import find_lost, leave_word
from engine.header import Header
from engine.history import History
from engine.intake import Intake, Notes
from engine.numbers import Numbers, moment
from engine.object import Object, Origin
from engine.outbox import Outbox, names
from engine.program import Program
from engine.promised import settle
from engine.seal import Seal, arriving
from engine.staging import Materialise, Promise, Stage, cleanings, told
from engine.step import HOLD
from engine.tidy import remove_outbox
from engine.window import MOST, Window, entries, unhurried

log = logging.getLogger("stellwerk.spool")


@dataclass(frozen=True, slots=True)
class Accepted:
    """An accepted object, the digest of the program that took it in, and whether a person sends it once more.

    digest: of its data set as engine.likeness computes it, where whoever received it has noted it; else empty.
    """

    obj: Object
    program: str
    again: bool
    digest: bytes = b""


class Spool:
    """One spool folder. Threads may share it; only one process may route and pump in it (`lock`)."""

    def __init__(
        self,
        root: Path,
        keeps_received: Callable[[str, str], bool] = lambda _program, _route: False,
        wake: Callable[[str], None] = lambda _outbox: None,
    ) -> None:
        """wake: told the name of an outbox in which something may go now that could not before."""
        self.root = root
        self.wake = wake
        self.incoming = root / "incoming"
        self.routed = root / "routed"
        self.held = root / HOLD
        self.work = root / "work"
        self.programs = root / "programs"
        self.previews = root / "previews"
        self._keeps_received = keeps_received
        self.history = History(root)
        self._numbers = Numbers(os.getpid(), time.time_ns)
        self._numbering = threading.Lock()
        self._intake, self._notes = Intake(self.incoming), Notes(self.work)
        self._unrouted = Window(self.incoming, counts=self._intake.counts)
        self.arrivals, self.approvals = Arrivals(root), Approvals(root)
        self._outboxes: dict[str, Outbox] = {}
        # Two threads must not settle one batch; nothing else in the spool needs a lock, a rename has one winner.
        self._settling = threading.Lock()
        for folder in (self.incoming, self.routed, self.held, self.work, self.programs, self.previews, root / "outbox"):
            files.make_folder(folder)

    def lock(self) -> None:
        """Make this process the only one that routes and pumps here. Raises BlockingIOError if another one does."""
        self._lock_file = (self.root / ".lock").open("w")
        fcntl.flock(self._lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)

    # --- accepting ---------------------------------------------------------------------------------------

    def accept(
        self,
        file: Path,
        origin: Origin,
        program: str,
        number: str = "",
        again: str = "",
        seal: Seal | None = None,
        handle: int | None = None,
    ) -> str:
        """Take over a received file. When this returns the object survives a power cut and may be acknowledged.

        `file` lies in `work` and is moved. number: which it is to have (`new_number`); again: the number it had before.
        seal: of the file, where whoever wrote it has it; then the disk is waited for once, and not twice.
        handle: of the file, where it is open; it stays so.
        An origin that does not say when it was received has been now: so all of an association share one note.
        Raises OSError (disk full …): nothing was accepted then.
        """
        number = number or self.new_number(origin.sender or origin.address)
        # As text, since every object comes this way.
        named, text, template = f"{self.incoming}/{number}.dcm", _note(origin, program, again), None
        try:
            if origin.received:
                # A note counts for nothing before there are bytes of its name, so it may be there in half till then.
                files.put(Path(named).with_suffix(".json"), text)
            else:
                template = self._notes.template(text)
            try:
                self._intake.take(file, named, template, seal, handle)
            except FileNotFoundError:
                if template is None or template.exists():
                    raise
                self._notes.forget(text)
                self._intake.take(file, named, self._notes.template(text), seal, handle)
        except OSError:
            self._notes.forget(text)
            # Its sender hears that it was not taken, and keeps it. Had the router it already, it would come twice.
            with contextlib.suppress(OSError):
                files.remove(Path(named))
            # And when it comes then, it must not be taken for a duplicate of what is not here.
            self.arrivals.disown(number)
            raise
        self._tell_received(number, origin, program, again)
        return number

    def take_over(self, written_down: Iterable[tuple[Path, Origin, str]], program: str) -> None:
        """Take over files that nobody will send again, with the numbers that are written down for them (engine.drops).

        Safe to repeat, and to be repeated where it raises OSError: a file that is gone has been taken over.
        """
        for file, origin, number in written_down:
            if file.exists():
                self._put_in(file, origin, program, number, "")
                self._tell_received(number, origin, program, "")
        files.sync(self.incoming)

    def _put_in(self, file: Path, origin: Origin, program: str, number: str, again: str) -> None:
        files.sync(file)
        files.write(self.incoming / f"{number}.json", _note(origin, program, again))
        files.move(file, self.incoming / f"{number}.dcm")  # the name that counts

    def _tell_received(self, number: str, origin: Origin, program: str, again: str) -> None:
        source = f"{origin.kind} {origin.folder if origin.port is None else origin.port}".rstrip()
        way = {"source": source, "sender": origin.sender, "called": origin.called, "address": origin.address}
        self.history.tell("received", number, **way, program=program, again=again)

    def waiting(self) -> Iterator[str]:
        """Ids of accepted objects that are not routed yet, and of what is just being taken in; in no order."""
        return (number for number, _ in accepted(self.incoming))

    def oldest_waiting(self, besides: Container[str]) -> str | None:
        """The id of the oldest of them, these aside; None where there is none. It looks at names only."""
        oldest: str | None = None
        counts = self._intake.counts
        with os.scandir(self.incoming) as found:
            for one in found:
                name = one.name
                if (oldest is None or name < oldest) and counts(name) and name[0] != ".":
                    oldest = oldest if name.partition(".")[0] in besides else name
        return None if oldest is None else oldest.partition(".")[0]

    def next_waiting(self) -> Iterator[str]:
        """A few of them, fairly between senders and oldest first for each. Only for the one that routes."""
        return (name.partition(".")[0] for name in self._unrouted.take(MOST))

    def load(self, number: str) -> Accepted:
        """An accepted object, with all that is noted of it. Raises OSError, ValueError, KeyError or TypeError."""
        file, note = self.accepted_files(number)
        origin, program, again, digest = _noted(files.read(note))
        if not origin.received:
            origin = replace(origin, received=moment(number))
        return Accepted(Object(number, file, Header.read(file), origin), program, again, digest)

    def accepted_files(self, number: str) -> tuple[Path, ...]:
        """The files of an accepted object, the one that counts first."""
        return self.incoming / (self._intake.sealed(number) or f"{number}.dcm"), self.incoming / f"{number}.json"

    def new_work_file(self, ending: str = ".dcm") -> Path:
        """A name in `work` that nobody else has."""
        return self.work / f"{self.new_number()}{ending}"

    # --- promising ---------------------------------------------------------------------------------------

    def promise(self, promises: Sequence[Promise], materialise: Materialise) -> None:
        """Make promises valid, all in one rename, and move them into their outboxes.

        `materialise(source, target, changes)` writes a file with changed attributes. Raises Never (with nothing
        promised) when an object's changes cannot be written, OSError when the disk cannot hold it.
        """
        batch = self.new_number()
        stage = Stage(self.work / batch, self.incoming, self._keeps_received, materialise)
        try:
            for promise in promises:
                for delivery in promise.deliveries:
                    stage.add(promise, delivery)
            finished = [path for promise in promises for path in (*promise.finished, *promise.replaced)]
            made = stage.seal(self.root, finished)
            for promise in promises:
                if promise.discarded is not None:
                    self.history.record("discarded", promise.object, why=promise.discarded, rule=promise.rule)
                elif promise.duplicate:
                    why = "the same bytes came before, the same way and under the same rules"
                    self.history.record("duplicate", promise.object, first=promise.duplicate, why=why)
            self.history.sync()
        except (OSError, Never):
            files.remove_folder(stage.folder)
            raise
        with self._settling:
            files.move(stage.folder, self.routed / batch)  # from here on it is promised
            self._intake.let_go(promise.object for promise in promises)
            files.sync(self.routed)
            settle(self, self.routed / batch, made)
        self.history.tell_all(
            line
            for promise in promises
            for line in (*cleanings(promise), *(told(promise.object, one) for one in promise.deliveries))
        )

    def settle(self) -> None:
        """Finish every promised batch, so that nothing it came from is routed again. Raises OSError."""
        with self._settling:
            for batch in sorted(self.routed.iterdir()):
                settle(self, batch)

    # --- outboxes ----------------------------------------------------------------------------------------

    def outbox(self, name: str) -> Outbox:
        """The folders of one destination, made when first asked for; `hold` is the one that people empty."""
        found = self._outboxes.get(name)
        if found is None:
            root = self.held if name == HOLD else self.root / "outbox" / name
            found = self._outboxes[name] = Outbox(name, root, self)
        return found

    def outboxes(self) -> list[str]:
        """The names of all outboxes, and `hold`."""
        return [HOLD, *sorted(names(self.root / "outbox"))]

    def drop_outbox(self, name: str) -> bool:
        """Remove an empty outbox that nothing can be promised to any more; whether it is gone. No pump may be at it."""
        with self._settling:
            gone = remove_outbox(self.root / "outbox" / name)
            # Whoever asks for it again gets its folders anew.
            self._outboxes.pop(name, None)
        return gone

    def unfinished(self) -> int:
        """How many things are left to route and to deliver; the hold does not count. Safe beside a running appliance.

        It looks in the order in which objects travel, so that one that moves on meanwhile is still counted.
        """
        count = sum(1 for _ in accepted(self.incoming)) + len(names(self.routed))
        return count + sum(sum(self.outbox(name).count().values()) for name in self.outboxes() if name != HOLD)

    def recover(self) -> None:
        """Finish what a crash interrupted. Call once at start, before anything else runs in this spool."""
        for path in self.work.iterdir():
            files.remove_folder(path) if path.is_dir() else files.remove(path)
        # First: a batch may know what it has come from by a last name that a power cut has undone.
        self._intake.let_go(name_arriving(self.incoming))
        self.settle()
        for name in self.outboxes():
            self.outbox(name).recover()

    def tidy(self, before: float, rest: Callable[[], bool] = lambda: False) -> None:
        """Remove the notes that a crash has left without bytes, from before that time (seconds since 1970).

        Nothing depends on it but room, and gates that wait to hear what became of an entry: where nobody can say it any
        more, they hear that. Safe at any time. rest: called after each hundred notes; answers whether to break it off.
        """
        for name in self.outboxes():
            self.outbox(name).tidy(before, rest)
        for name in self.outboxes():
            if name != HOLD and (lost := find_lost(self.outbox(name), self, before, rest)):
                log.warning("%s: %d waited for what is gone without a word: a person is asked", name, lost)
        unnamed = {found[0] for name in entries(self.incoming) if (found := arriving(name))}
        for name in unhurried(entries(self.incoming), rest):
            note = self.incoming / name
            if not name.endswith(".json") or note.stem in unnamed:
                continue
            if not note.with_suffix(".dcm").exists() and note.stat().st_ctime < before:
                files.remove(note)

    # --- the hold ----------------------------------------------------------------------------------------

    def release(self, number: str, program: str | None = None) -> None:
        """Send a held object on: to the destination that refused it, or else through the rules again.

        program: the digest of a kept one; it goes through these rules, whoever has refused it. Raises Never for what
        no rule can be asked about, as there is nothing to send, and for what a person has to look at first.
        """
        with self.alone():
            entry = self.outbox(HOLD).entry(number)
            if entry is None:
                raise KeyError(number)
            if entry.origin.flaw:
                raise Never(f"there is nothing to send: {entry.origin.flaw}; look at it, then delete it")
            if entry.waits_for_review:
                raise Never("it waits for a review: `stellwerk review` shows, approves and rejects it")
            if program is None and entry.note.get("refused by"):
                self.send_back(entry)
            else:
                self._send_through(entry, program or "")

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else takes anything out of the hold meanwhile, in this process or another."""
        # Open for reading, or a disk that fails could not be made read-only meanwhile.
        lock = os.open(self.root / ".hold.lock", os.O_RDONLY | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def send_back(self, entry: Entry) -> None:
        """Send a held entry to where it was refused. Only while `alone`. Raises OSError; safe to repeat."""
        number, home = entry.id, self.outbox(entry.note["refused by"])
        kept = self.held / f"{number}.received"
        again = replace(entry, outbox=home.name, tries=0, why="", since=time.time())
        files.write(home.entries / f"{number}.json", again.to_bytes())
        files.sync(home.entries)
        if kept.exists():
            files.link(kept, home.received / f"{number}.dcm")
            files.sync(home.received)
        owed = home.place_for(again)
        files.move(entry.file, owed / f"{number}.dcm")
        files.sync(owed)
        self._forget_held(number)
        self.tell("released", entry.object, home.name, number)
        self.wake(home.name)

    def _send_through(self, entry: Entry, program: str) -> None:
        """Send a held entry through these rules; without a program, through those that run now, perhaps mended."""
        if not entry.note.get("refused by"):
            self._put_received(entry)
        # A new id: under the old one a crash might take it for something that is routed already.
        fresh = self.new_number(entry.origin.sender or entry.origin.address)
        files.write(self.incoming / f"{fresh}.json", _note(entry.origin, program, entry.object))
        # Nobody would send it again, so its note must be there for good before its bytes may be there.
        files.sync(self.incoming)
        self.arrivals.strike_out(entry.object)
        self.history.record("released", entry.object, entry=entry.id, **{"as": fresh})
        self.history.sync()
        files.move(entry.file, self.incoming / f"{fresh}.dcm")
        files.sync(self.incoming)
        self._tell_received(fresh, entry.origin, program, entry.object)
        self._forget_held(entry.id)

    def keep_as_received(self, entry: Entry, why: str) -> None:
        """Leave a held entry in the hold for good: as it was received, and owed to nobody. Only while `alone`."""
        note = {name: value for name, value in entry.note.items() if name != "refused by"} | {"why": why}
        kept = replace(entry, note=note, why=why, cleared=(), received=False)
        files.write(self.held / f"{entry.id}.json", kept.to_bytes())
        # Before the bytes: never may what was received go on as if it were clean.
        files.sync(self.held)
        self._put_received(entry)
        self.tell("held", entry.object, HOLD, entry.id, why)

    def _put_received(self, entry: Entry) -> None:
        """Of a held entry that is owed to nobody: its bytes are those that were received, where they were kept."""
        kept = self.held / f"{entry.id}.received"
        if kept.exists():
            files.move(kept, entry.file)
            files.sync(self.held)

    def _forget_held(self, number: str) -> None:
        files.remove(self.held / f"{number}.json")
        files.remove(self.held / f"{number}.received")
        files.sync(self.held)
        self.forget_preview(number)

    def forget_preview(self, number: str) -> None:
        """Remove the pictures of what is held no longer."""
        files.remove_folder(self.previews / number)

    def delete(self, number: str) -> None:
        """Remove a held object for good, because a person says so."""
        with self.alone():
            self._delete(number)

    def _delete(self, number: str) -> None:
        entry = self.outbox(HOLD).entry(number)
        if entry is None:
            raise KeyError(number)
        self.arrivals.strike_out(entry.object)
        self.history.record("deleted", entry.object, outbox=HOLD, entry=number, why="a person deleted it")
        self.history.sync()
        leave_word(self, replace(entry, outbox=entry.note.get("refused by", HOLD)), "deleted")
        files.remove(entry.file)
        # Bytes that a power cut has brought back without their note would be in the hold, and nobody would see them.
        files.sync(self.held)
        self._forget_held(number)

    # --- programs, what happened -------------------------------------------------------------------------

    def keep_program(self, program: Program) -> str:
        """Store a program so that objects can refer to it; answers its digest."""
        digest = program.digest
        path, text = self.programs / f"{digest}.json", json.dumps(program.to_json(), ensure_ascii=False).encode()
        if _has(path, text):
            os.utime(path)  # seen in use, for engine.tidy
        else:
            files.write(path, text)
        # Also where it was there: a crash may have come before this, and objects are about to refer to it.
        files.sync(self.programs)
        return digest

    def program(self, digest: str) -> Program | None:
        """A stored program. Raises OSError, and ValueError, KeyError, TypeError or AttributeError where it is torn."""
        path = self.programs / f"{digest}.json"
        return Program.from_json(json.loads(path.read_bytes())) if path.exists() else None

    def tell(self, event: str, obj: str, outbox: str = "", entry: str = "", why: str = "", **more: str) -> None:
        """Note in the history what happened, as far as the disk lets it: for what the spool itself still shows."""
        if event == "held":
            log.warning("held: %s: %s", entry or obj, why or "a rule says so")
        self.history.tell(event, obj, outbox=outbox, entry=entry, why=why, **more)

    def new_number(self, sender: str = "") -> str:
        """A number for an object that nobody else has, sortable by time (engine.numbers)."""
        with self._numbering:
            return self._numbers.new(sender)


def _has(path: Path, text: bytes) -> bool:
    """Whether a file is as it was written; where a disk that lied has torn it, it is written anew."""
    with contextlib.suppress(OSError):
        return path.read_bytes() == text
    return False


@functools.lru_cache(256)
def _noted(note: bytes) -> tuple[Origin, str, bool, bytes]:
    """What a note says: the origin, the program, whether a person sends it once more, and the digest; kept, as those
    of an association are the same. Raises ValueError, KeyError or TypeError.
    """
    said = json.loads(note)
    origin, program = Origin.from_json(said["origin"]), str(said["program"])
    # Without a program it was released, and goes by the rules that run now.
    return origin, program, bool(said.get("again")) or not program, bytes.fromhex(said.get("digest", ""))


@functools.lru_cache(256)
def _note(origin: Origin, program: str, again: str) -> bytes:
    """What stands beside the bytes of an accepted object."""
    return json.dumps({"origin": origin.to_json(), "program": program, "again": again}).encode()
