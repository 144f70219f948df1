"""The spool against a dict: whatever is done to it, and wherever it crashes, it holds what the dict says."""

import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from engine.destinations.archive import Archive
from engine.header import Header
from engine.plan import prepare
from engine.program import Call, Destination, Program, Route
from engine.pump import Pump, Sender
from engine.signature import Argument
from engine.step import HOLD
from tests.engine.spool.crash_kit import DISCARD, STORE, Crash, Line, Pacs, disk, program

State = dict[tuple[str, str], str]
"""By SOP Instance UID and place, in which state it is there. A place: an outbox, `incoming`, `archive` or `hold`."""

PLACES = ("archive.store", "PACS", "OTHER")


def rules(destination: str) -> Program:
    """US is stored and forwarded, OT discarded, and what else comes is held."""
    base = program()
    forward = Call("forward", {"destinations": Argument("word", destination)})
    address = {"address": Argument("text", f"{destination}@127.0.0.1:104")}
    return Program(
        listeners=base.listeners,
        destinations=(Destination(destination, "dicom", address),),
        routes=(
            Route("main", "port 1", base.routes[0].where, (STORE, forward)),
            Route("rest", "port 1", base.routes[1].where, (DISCARD,)),
        ),
    )


RULES = {name: rules(name) for name in ("PACS", "OTHER")}


class Modelled(RuleBasedStateMachine):
    """Each rule does one thing to the spool and to the dict."""

    def __init__(self) -> None:
        super().__init__()
        memory = Path("/dev/shm")
        self.root = Path(tempfile.mkdtemp(prefix="stellwerk-", dir=memory if memory.is_dir() else None))
        self.unsynced = patch("os.fsync", lambda _: None)
        self.unsynced.start()
        self.state: State = {}
        self.modality: dict[str, str] = {}
        self.under: dict[str, str] = {}
        """By whose rules an object goes that is not routed yet; none after a release: those that run then."""
        self.pacs = {name: Pacs() for name in ("PACS", "OTHER")}
        self.current = "PACS"
        self.number = 0

    def teardown(self) -> None:
        """Leave nothing behind."""
        self.line.router.close()
        self.unsynced.stop()
        shutil.rmtree(self.root, ignore_errors=True)

    @initialize()
    def start(self) -> None:
        """Start, for the first time or after a crash."""
        self.line = Line(self.root, RULES[self.current], Pacs())

    # --- what is done, each with what must follow ------------------------------------------------------------

    @rule(modality=st.sampled_from(["US", "US", "OT", "XA"]), sealed=st.booleans(), crash=st.integers(0, 12))
    def receive(self, modality: str, sealed: bool, crash: int) -> None:
        """An object comes in."""
        self.number += 1
        uid = f"1.2.{self.number}"
        self.modality[uid] = modality
        self.under[uid] = self.current
        after = {**self.state, (uid, "incoming"): "there"}
        self.does(lambda: self.line.receive(uid, modality, sealed=sealed), after, crash)

    @rule(crash=st.integers(0, 90))
    def route(self, crash: int) -> None:
        """Everything is routed."""
        after = dict(self.state)
        for uid, place in self.state:
            if place != "incoming":
                continue
            del after[uid, "incoming"]
            if self.modality[uid] == "US":
                after[uid, "archive.store"] = "ready"
                after[uid, self.under[uid] or self.current] = "ready"
            elif self.modality[uid] == "XA":
                after[uid, HOLD] = ""
        self.does(lambda: self.line.router.turn(), after, crash, whole=True)

    @rule(
        place=st.sampled_from(PLACES),
        answer=st.sampled_from(["takes", "takes", "refuses", "is away"]),
        later=st.booleans(),
        crash=st.integers(0, 60),
    )
    def deliver(self, place: str, answer: str, later: bool, crash: int) -> None:
        """A pump turns once, now or when all that waits is due."""
        after = dict(self.state)
        for (uid, where), how in self.state.items():
            if where != place or (how == "later" and not later):
                continue
            del after[uid, where]
            if place == "archive.store":
                after[uid, "archive"] = "there"
            elif answer == "refuses":
                after[uid, HOLD] = place
            elif answer == "is away":
                after[uid, where] = "later"
        uids = set(self.modality)
        sender: Sender = Archive(self.root / "archive")
        if place != "archive.store":
            pacs = self.pacs[place]
            pacs.refuse, pacs.away = uids if answer == "refuses" else set(), uids if answer == "is away" else set()
            sender = pacs
        now = time.time() + (4000 if later else 0)
        pump = Pump(self.line.spool.outbox(place), lambda: sender, self.line.router.refuse)
        self.does(lambda: pump.turn(now), after, crash)

    @rule(place=st.sampled_from(PLACES), crash=st.integers(0, 8))
    def postpone(self, place: str, crash: int) -> None:
        """The window of time of the oldest is closed."""
        home = self.line.spool.outbox(place)
        ready = sorted(path.stem for path in home.ready.glob("*.dcm"))
        if not ready:
            return
        entry = home.entry(ready[0])
        assert entry is not None
        after = {**self.state, (uid_of(entry.file), place): "later"}

        def closed() -> None:
            [claimed] = home.claim_these([entry])
            home.postpone([(claimed, time.time() + 1000, "not now")])

        self.does(closed, after, crash)

    @precondition(lambda self: any(place == HOLD for _, place in self.state))
    @rule(data=st.data(), crash=st.integers(0, 16))
    def release(self, data: st.DataObject, crash: int) -> None:
        """A person lets something go on."""
        number, uid, refused = self.choose(data)
        after = {key: value for key, value in self.state.items() if key != (uid, HOLD)}
        if refused:
            held = self.line.spool.outbox(HOLD).entry(number)
            # In doubt since a crash had broken off what was claimed, it is owed as what was tried.
            after[uid, refused] = "again" if held and held.sent else "ready"
        else:
            after[uid, "incoming"] = "there"
            self.under[uid] = ""
        self.does(lambda: self.line.spool.release(number), after, crash)

    @precondition(lambda self: any(place == HOLD for _, place in self.state))
    @rule(data=st.data(), crash=st.integers(0, 8))
    def delete(self, data: st.DataObject, crash: int) -> None:
        """A person removes something for good."""
        number, uid, _ = self.choose(data)
        after = {key: value for key, value in self.state.items() if key != (uid, HOLD)}
        self.does(lambda: self.line.spool.delete(number), after, crash)

    @rule(place=st.sampled_from(PLACES[1:]), crash=st.integers(0, 30))
    def take_out(self, place: str, crash: int) -> None:
        """A person takes everything out of an outbox (`stellwerk spool hold`)."""
        after = {key: value for key, value in self.state.items() if key[1] != place}
        after |= {(uid, HOLD): place for uid, where in self.state if where == place}
        home = self.line.spool.outbox(place)

        def hold() -> None:
            for entry in home.claim_these(home.all()):
                home.hold(entry, "a person took it out")

        self.does(hold, after, crash)

    @rule()
    def change_rules(self) -> None:
        """Other rules take over; what was taken in goes by its own."""
        self.current = "OTHER" if self.current == "PACS" else "PACS"
        self.line.plan = prepare(RULES[self.current])
        self.line.digest = self.line.spool.keep_program(RULES[self.current])

    # --- doing it, and comparing -----------------------------------------------------------------------------

    def choose(self, data: st.DataObject) -> tuple[str, str, str]:
        """Something held: its number, its UID, and who refused it."""
        held = self.line.spool.outbox(HOLD).all()
        entry = data.draw(st.sampled_from(held), "held")
        return entry.id, uid_of(entry.file), entry.note.get("refused by", "")

    def does(self, work: Callable[[], object], after: State, crash: int, *, whole: bool = False) -> None:
        """Do it; where it crashes on the way, each thing is where it was or where it was going.

        whole: and what concerns one object has happened all of it or not at all.
        """
        before = self.state
        try:
            with disk(crash_at=crash):
                work()
        except Crash:
            self.line.router.close()
            self.start()
            found = contents(self.root, self.line)
            for key in {*before, *after, *found}:
                # What had been claimed already is owed at once, wherever it was claimed from, as tried or as fresh.
                claimed = {"ready", "again"} if before.get(key) in ("ready", "again", "later") else set()
                assert found.get(key) in {before.get(key), after.get(key), *claimed}, f"{key}: {found.get(key)}"
            for uid in {key[0] for key in (*before, *after)} if whole else ():
                assert only(found, uid) in (only(before, uid), only(after, uid))
            self.state = found
        else:
            self.state = after

    @invariant()
    def the_spool_holds_what_the_dict_says(self) -> None:
        """The comparison, after each rule."""
        if self.number:
            assert contents(self.root, self.line) == self.state

    @invariant()
    def nothing_is_between_two_places(self) -> None:
        """No batch is half settled, and no claim is left over."""
        if self.number:
            assert not any((self.root / "spool" / "routed").iterdir())
            assert not any((self.root / "spool" / "work").glob("*.dcm"))
            for left in (self.root / "spool" / "incoming").glob("*.arriving"):
                assert self.line.spool.accepted_files(left.name.partition(".")[0])[0] == left
            assert all(not any(self.line.spool.outbox(place).active.iterdir()) for place in PLACES)


def contents(root: Path, line: Line) -> State:
    """What lies where. Nothing may lie at one place twice."""
    found: list[tuple[tuple[str, str], str]] = []
    for number in line.spool.waiting():
        found.append(((uid_of(line.spool.accepted_files(number)[0]), "incoming"), "there"))
    for place in PLACES:
        home = line.spool.outbox(place)
        assert len(home.all()) == sum(home.count().values()), f"{place}: bytes without a note"
        found += [((uid_of(entry.file), place), entry.file.parent.name) for entry in home.all()]
    for entry in line.spool.outbox(HOLD).all():
        found.append(((uid_of(entry.file), HOLD), entry.note.get("refused by", "")))
    found += [((uid_of(path), "archive"), "there") for path in (root / "archive").rglob("*.dcm")]
    assert len({key for key, _ in found}) == len(found), "something is there twice"
    return dict(found)


def only(state: State, uid: str) -> State:
    """What concerns one object."""
    return {key: value for key, value in state.items() if key[0] == uid}


def uid_of(path: Path) -> str:
    """Whose bytes they are."""
    return Header.read(path).first("SOPInstanceUID") or ""


TestTheSpoolIsADict = Modelled.TestCase
TestTheSpoolIsADict.settings = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)
