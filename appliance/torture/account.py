"""The reckoning: is each object that was acknowledged where the rules want it, once, and whole?

It looks at the data folder of an appliance that does not run, and at what the destinations have taken. It must not know
how the objects came, or what was done to the appliance meanwhile.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from appliance.torture.objects import ARCHIVES, NEW_NAME, Kind, Made, digest, refuses
from engine.arriving import accepted
from engine.entry import Entry
from engine.errors import Never
from engine.header import Header
from engine.seal import Seal, arriving
from engine.spool import Spool
from engine.step import HOLD

Got = Mapping[str, Mapping[str, Sequence[str]]]
"""What each destination has taken: digests by SOP Instance UID, by destination."""

_FORWARDS = {
    Kind.EVERYWHERE: ("FINE", "REFUSING", "HANGING"),
    Kind.STUDY: ("FINE",),
    Kind.FAILING: ("REFUSING",),
    Kind.CHANGED: ("FINE",),
}


@dataclass(slots=True)
class Tally:
    """What was found. `words` says which object, and what is wrong with it."""

    total: int = 0
    lost: int = 0
    doubled: int = 0
    torn: int = 0
    words: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return f"lost {self.lost}, doubled {self.doubled}, torn {self.torn} of {self.total} objects"

    @property
    def good(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.lost or self.doubled or self.torn)


@dataclass(frozen=True, slots=True)
class Folder:
    """What lies in a data folder, by SOP Instance UID."""

    stored: Mapping[tuple[str, str], Sequence[Path]]
    """By archive and UID."""
    owed: Mapping[tuple[str, str], Sequence[Entry]]
    """By outbox and UID."""
    held: Mapping[str, Sequence[Entry]]
    unrouted: Mapping[str, int]


def look(data: Path) -> Folder:
    """Everything in it."""
    stored: defaultdict[tuple[str, str], list[Path]] = defaultdict(list)
    for archive in {*ARCHIVES.values(), "failed"}:
        for path in (data / archive).rglob("*.dcm"):
            stored[archive, _uid(path)].append(path)
    spool = Spool(data / "spool")
    owed: defaultdict[tuple[str, str], list[Entry]] = defaultdict(list)
    held: defaultdict[str, list[Entry]] = defaultdict(list)
    for name in spool.outboxes():
        for entry in spool.outbox(name).all():
            (held[_uid(entry.file)] if name == HOLD else owed[name, _uid(entry.file)]).append(entry)
    unrouted = Counter(_uid(spool.incoming / name) for _, name in accepted(spool.incoming) if _is_there(spool, name))
    return Folder(stored, owed, held, unrouted)


def _is_there(spool: Spool, name: str) -> bool:
    """Whether a start would take it for an object that was accepted."""
    found = arriving(name)
    return found is None or Seal.of(spool.incoming / name) == found[1]


def reckon(data: Path, made: Iterable[Made], attempts: Mapping[str, int], got: Got, deleted: Collection[str]) -> Tally:
    """Account for every acknowledged object.

    attempts: how often each was sent: what came whole but was not acknowledged may be there as well.
    deleted: what a person has deleted out of the hold.
    """
    folder, tally = look(data), Tally()
    for one in made:
        tally.total += 1
        before = len(tally.words)
        if not folder.unrouted.get(one.uid):
            absent = missing(one, folder, got, one.uid in deleted)
            tally.words += [f"lost: {one.uid} ({one.kind.name}): {what}" for what in absent]
        tally.lost += len(tally.words) > before
        twice = list(_twice(one, folder, attempts.get(one.uid, 1)))
        torn = list(_torn(one, folder, got))
        tally.words += [f"doubled: {one.uid} ({one.kind.name}): {what}" for what in twice]
        tally.words += [f"torn: {one.uid} ({one.kind.name}): {what}" for what in torn]
        tally.doubled += bool(twice)
        tally.torn += bool(torn)
    return tally


def missing(one: Made, folder: Folder, got: Got, deleted: bool) -> Iterable[str]:
    """What the rules promise of this object, and nothing has kept, owes or holds."""
    uid, held = one.uid, folder.held.get(one.uid, ())
    if one.kind is Kind.UNWANTED:
        return
    if one.kind is Kind.NOWHERE:
        if not held and not deleted:
            yield "no route takes it, and it is not held"
        return
    refused_by = {entry.note.get("refused by", "") for entry in held}
    if "" in refused_by or folder.owed.get(("study.collect", uid)):
        return  # all of it is still to come, or needs a person
    archive = ARCHIVES[one.kind]
    store = f"{archive}.store"
    if not (folder.stored.get((archive, uid)) or folder.owed.get((store, uid)) or store in refused_by):
        yield f"it is not in {archive}"
    for name in _FORWARDS[one.kind]:
        there = bool(got.get(name, {}).get(uid) or folder.owed.get((name, uid))) or name in refused_by
        if name == "REFUSING" and refuses(uid):
            instead = folder.stored.get(("failed", uid)) or folder.owed.get(("failed.store", uid))
            there = there or (bool(instead) if one.kind is Kind.FAILING else deleted)
        if not there:
            yield f"{name} has not got it, and nothing owes it"


def _twice(one: Made, folder: Folder, attempts: int) -> Iterable[str]:
    for (archive, uid), paths in folder.stored.items():
        if uid == one.uid and len(paths) > 1:
            yield f"{len(paths)} copies in {archive}"
    wheres = Counter((entry.note.get("refused by", ""), entry.route) for entry in folder.held.get(one.uid, ()))
    for (outbox, _), count in wheres.items():
        if count > attempts:
            yield f"held {count} times {f'for {outbox} ' if outbox else ''}although it was sent {attempts} times"
    for (outbox, uid), entries in folder.owed.items():
        if uid == one.uid and len(entries) > attempts:
            yield f"owed to {outbox} {len(entries)} times although it was sent {attempts} times"


def _torn(one: Made, folder: Folder, got: Got) -> Iterable[str]:
    files = [(archive, path) for (archive, uid), paths in folder.stored.items() if uid == one.uid for path in paths]
    files += [("the hold", entry.file) for entry in folder.held.get(one.uid, ())]
    files += [(box, entry.file) for (box, uid), entries in folder.owed.items() if uid == one.uid for entry in entries]
    for where, path in files:
        if not _whole(one, path):
            yield f"in {where} it is not what was sent"
    for entry in folder.held.get(one.uid, ()):
        if "cannot be read" in entry.why:
            yield f"it is held because {entry.why}"
    if one.kind is not Kind.CHANGED:
        for name, taken in got.items():
            if any(came != one.digest for came in taken.get(one.uid, ())):
                yield f"{name} got something else"


def _whole(one: Made, path: Path) -> bool:
    """Whether a file holds what was sent, but for the one attribute that the rules may have changed."""
    if digest(path) == one.digest:
        return True
    changed = one.kind is Kind.CHANGED and Header.read(path).first("InstitutionName") == NEW_NAME
    return changed and path.read_bytes().endswith(one.tail)


def _uid(path: Path) -> str:
    try:
        return Header.read(path).first("SOPInstanceUID") or ""
    except Never:  # torn beyond recognition: the one that it was will be missed
        return ""
