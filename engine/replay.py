"""Replay: stored copies, and what is held, through a set of rules once more, each as if it came by its own way again.

It can be repeated, and interrupted, as often as one likes. The number of a replayed copy ends in a digest of the file
and of the rules: one that the journal or the spool knows by that digest has been replayed. Accepting it is the spool's,
so from there on it is as safe as what has just come in. It must not know rule files or settings.
"""

import errno
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from engine import files
from engine.bench import DryBench
from engine.entry import Entry
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.journal import Journal
from engine.journal_tables import came
from engine.numbers import is_replayed
from engine.object import Object, Origin
from engine.outcome import Outcome
from engine.plan import Plan
from engine.run import run
from engine.spool import Spool
from engine.step import HOLD
from engine.whereabouts import Whereabouts

ALREADY = "it has been replayed already"

_NO_LINKS = {errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS}


@dataclass(frozen=True, slots=True)
class Copy:
    """What may be replayed: a file of an archive, or an entry of the hold."""

    file: Path
    came: str
    """When it was received, ISO 8601 in UTC; of a file that nobody knows, when it was last written."""
    number: str
    """Its number; empty for a file that the journal does not know."""
    origin: Origin
    """How it came in; of kind `unknown` where nobody knows."""
    identity: str
    """What tells this file from every other one, and from what may lie there later."""
    entry: Entry | None = None
    """Its entry in the hold."""


@dataclass(frozen=True, slots=True)
class Judged:
    """Where the rules would send a copy, and whether it is to be replayed: `skipped` says why not."""

    copy: Copy
    outboxes: tuple[str, ...] = ()
    skipped: str = ""


def stored(journal: Journal, outbox: str, root: Path, since: str, until: str) -> list[Copy]:
    """The copies in one archive that were received within this time, oldest first; of each object one."""
    found: dict[str, Copy] = {}
    for folder, folders, names in os.walk(root):
        folders.sort()
        for name in sorted(names):
            if name.endswith(".dcm"):
                copy = _stored(journal, outbox, root, Path(folder, name))
                if copy is not None and since <= copy.came and (not until or copy.came < until):
                    found.setdefault(copy.number or copy.identity, copy)
    return sorted(found.values(), key=lambda copy: (copy.came, copy.identity))


def stored_of(journal: Journal, roots: Mapping[str, Path], numbers: Sequence[str]) -> list[Copy]:
    """The copies of these objects, each by the number that it had first; of each object one, oldest first.

    roots: of each outbox of an archive its folder; of an object that lies in several, the copy in the first.
    """
    found: dict[str, Copy] = {}
    for number in numbers:
        rows = journal.db.execute(
            "SELECT c.outbox, c.place FROM copies c JOIN objects o ON o.number = c.number WHERE o.family = ?", (number,)
        ).fetchall()
        for outbox, root in roots.items():
            places = sorted(str(place) for of, place in rows if of == outbox)
            copies = (_stored(journal, outbox, root, root / place) for place in places)
            copy = next((one for one in copies if one is not None), None)
            if copy is not None:
                found[number] = copy
                break
    return [found[number] for number in sorted(found)]


def _stored(journal: Journal, outbox: str, root: Path, file: Path) -> Copy | None:
    place = str(file.relative_to(root))
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    identity = "\0".join((outbox, place, str(status.st_size), str(status.st_mtime_ns)))
    row = journal.db.execute(
        "SELECT o.number, o.came, o.source, o.sender, o.called, o.address FROM copies c"
        " JOIN objects o ON o.number = c.number WHERE c.outbox = ? AND c.place = ?",
        (outbox, place),
    ).fetchone()
    written = datetime.fromtimestamp(status.st_mtime, UTC).isoformat(timespec="milliseconds")
    if row is None:
        return Copy(file, written, "", Origin("unknown", received=written), identity)
    number, came, source, sender, called, address = map(str, row)
    kind, _, where = source.partition(" ")
    # By the name of the port, and the day by this machine's clock, as it was noted when it came.
    received = datetime.fromisoformat(came).astimezone().isoformat(timespec="milliseconds")
    if kind in ("outbox", "folder") and where:
        return Copy(file, came, number, Origin(kind, received=received, folder=where), identity)
    if kind and where.isdecimal():
        return Copy(file, came, number, Origin(kind, int(where), sender, called, address, received), identity)
    return Copy(file, came, number, Origin(source or "unknown", None, sender, called, address, received), identity)


def held(spool: Spool, since: str, until: str) -> list[Copy]:
    """What lies in the hold and was received within this time, oldest first; what is reviewed stays aside."""
    found = []
    for entry in spool.outbox(HOLD).all():
        at = came(entry.object)
        if since <= at and (not until or at < until) and not entry.waits_for_review:
            found.append(Copy(entry.file, at, entry.object, entry.origin, entry.id, entry))
    return found


class Replay:
    """One replay: these rules, on these copies, under this name."""

    def __init__(self, spool: Spool, journal: Journal, plan: Plan, only: str = "", name: str = "") -> None:
        """only: the one destination to which the rules are narrowed already. name: tells it from an earlier one."""
        self._spool, self._journal, self._plan, self._only = spool, journal, plan, only
        self._scope = f"{plan.digest}\0{only}\0{name}"
        self._bench = DryBench(plan.program, Identities.of(spool.root.parent))
        self._there = Whereabouts()
        self._replayed: set[str] = set()

    def look(self, there: Whereabouts) -> None:
        """What lies in the spool at this moment. The journal must be read on after this, not before.

        What has left the spool since then has been told of by that time, so that one of the two knows it.
        """
        self._there = there
        self._replayed = {_tail(number) for number in there.objects}
        self._journal.catch_up()

    def judge(self, copy: Copy, port: int | None = None) -> Judged:
        """What would become of a copy. port: by which one counts as come in of which nobody knows."""
        origin = copy.origin
        if origin.kind == "unknown" and port is not None:
            origin = replace(origin, kind="dicom", port=port)
        if origin.kind == "unknown":
            return Judged(copy, skipped='nobody knows how it came in: say it with --on, as in --on "port 26131"')
        if self._plan.listener(origin) is None and self._plan.unwritten_for(origin) is None:
            return Judged(copy, skipped=f"it came in by {_way(origin)}, where these rules do not listen")
        copy = replace(copy, origin=origin)
        if copy.entry is None and self._is_known(self.tail(copy)):
            return Judged(copy, skipped=ALREADY)
        if copy.entry is not None and copy.entry.opens:
            return Judged(copy, skipped="others wait for it where it was refused: release it with `stellwerk spool`")
        if self._only and self._is_owed(copy.number):
            return Judged(copy, skipped=f"it is still owed to {self._only}")
        obj = Object(copy.number or "replayed", copy.file, Header.read(copy.file), origin)
        try:
            outcome = run(self._plan, obj, self._bench, through=True)
        except Never as refusal:
            return Judged(copy, skipped=f"these rules would hold it: {refusal.reason}")
        outboxes = tuple(sorted({delivery.outbox for delivery in outcome.deliveries}))
        return Judged(copy, outboxes, _against(outcome, self._only))

    def accept(self, judged: Judged, program: str) -> None:
        """Take the copy in, under a kept program. Raises OSError: nothing was taken in then."""
        copy = judged.copy
        if copy.entry is not None:
            self._spool.release(copy.entry.id, program)
            return
        work = self._spool.new_work_file()
        try:
            try:
                files.link(copy.file, work)
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                files.copy(copy.file, work)
            tail = self.tail(copy)
            number = self._spool.new_number()[:16] + tail
            if copy.number:
                # Written ahead, or a crash would let the two count as two.
                self._spool.history.record("replayed", copy.number, **{"as": number})
                self._spool.history.sync()
            self._spool.accept(work, copy.origin, program, number, copy.number)
            self._replayed.add(tail)
        except BaseException:
            files.remove(work)
            raise

    def tail(self, copy: Copy) -> str:
        """By what a copy is known again that these rules have had."""
        text = f"{copy.identity}\0{self._scope}".encode("utf-8", "surrogateescape")
        return hashlib.blake2b(text, digest_size=8).hexdigest()

    def _is_known(self, tail: str) -> bool:
        if tail in self._replayed:
            return True
        found = self._journal.db.execute(
            "SELECT 1 FROM objects WHERE length(number) = 32 AND substr(number, 17) = ? AND told", (tail,)
        ).fetchone()
        return found is not None

    def _is_owed(self, number: str) -> bool:
        rows = self._journal.db.execute(
            "SELECT p.entry FROM promises p JOIN objects o ON o.number = p.number"
            " WHERE o.family = (SELECT family FROM objects WHERE number = ?) AND p.outbox = ? AND p.ending = ''",
            (number, self._only),
        )
        return any(entry in self._there.promises for (entry,) in rows)


def promised(judged: Sequence[Judged]) -> Mapping[str, int]:
    """How many objects would go to each outbox."""
    count: dict[str, int] = {}
    for one in judged:
        for outbox in () if one.skipped else one.outboxes:
            count[outbox] = count.get(outbox, 0) + 1
    return count


def skipped(judged: Sequence[Judged]) -> Mapping[str, int]:
    """How many are skipped, by reason."""
    count: dict[str, int] = {}
    for one in judged:
        if one.skipped:
            count[one.skipped] = count.get(one.skipped, 0) + 1
    return count


def _against(outcome: Outcome, only: str) -> str:
    """Why there is no use in it: nobody would have the object by it."""
    whys = [delivery.note.get("why", "") for delivery in outcome.deliveries if delivery.outbox == HOLD]
    if whys:
        return f"these rules would hold it: {whys[0] or 'one of them says so'}"
    if all(delivery.reports for delivery in outcome.deliveries):
        if only:
            return f"these rules do not send it to {only}"
        return "these rules send it nowhere" if not outcome.discarded else "these rules discard it"
    return ""


def _way(origin: Origin) -> str:
    return f"port {origin.port}" if origin.port is not None else f"{origin.kind} {origin.folder}".rstrip()


def _tail(number: str) -> str:
    return number[16:] if is_replayed(number) else ""
