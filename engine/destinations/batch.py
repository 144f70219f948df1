"""One batch for a DICOM node: store, and where the rule says `confirm`, ask for commitment (PS3.4 Annex J).

What may have arrived already is asked about before its bytes are sent again: by commitment where the rule wants that
anyway, otherwise by a query. Must not know folders: what becomes of an entry is reported.
"""

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

from engine.commitments import Commitments
from engine.dicom import Done, Outcome, Peer, Pool, Whereabouts, commitment, part10, send, which_are_there
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.send import Decoder
from engine.enough import Enough
from engine.entry import IN_DOUBT, STORED, TRANSCODED, Entry
from engine.errors import Later, Never, Unknown
from engine.header import Header
from engine.pump import Interrupted, Report, Sent, Stored


class Target(Protocol):
    """What a batch must know of its destination."""

    name: str
    peer: Peer
    pool: Pool
    confirm: bool
    within: float
    """Seconds after which it is asked again."""
    linger: float
    """Seconds for which its answer is waited for on the association it was asked on."""
    commitments: Commitments

    @property
    def decoder(self) -> Decoder | None:
        """For what is compressed in a way that it does not take."""


class Batch:
    """Entries that are sent together. Each is reported once."""

    def __init__(self, target: Target, report: Report, stopping: Callable[[], bool]) -> None:
        self._target, self._report, self._stopping = target, report, stopping
        self._stored: list[Entry] = []
        """Sent, or perhaps sent: to be asked about."""
        self._enough = Enough()
        self._unsure: set[str] = set()
        """The ids of those that perhaps were not."""

    def send(self, entries: Sequence[Entry]) -> None:
        """Send what is to be sent, ask about what may be there; once more for what turns out not to be."""
        target = self._target
        words = target.commitments.words(target.name)
        owed: list[Entry] = []
        for entry in entries:
            if entry.id in words:
                owed += self._take_word(entry, words[entry.id])
            elif target.confirm and entry.sent:
                self._may_be_there(entry)
            elif entry.sent == STORED:
                self._report(entry, Sent(target.name))  # the rules want no more than that by now
            else:
                owed.append(entry)
        target.commitments.forget(target.name, words.keys() & {entry.id for entry in entries})
        self._store(self._not_there(owed))
        again = self._confirm()
        if again:
            self._store(again)
            for entry in self._confirm():
                self._report(entry, commitment.outcome(commitment.NO_SUCH_INSTANCE, str(target.peer)))

    def _may_be_there(self, entry: Entry) -> None:
        self._stored.append(entry)
        if entry.sent != STORED:
            self._unsure.add(entry.id)

    def _take_word(self, entry: Entry, reason: int | None) -> list[Entry]:
        """Report what the destination has said of an entry, unless that is to be sent now."""
        if reason is None:
            self._report(entry, Sent(self._target.name))
        elif reason == commitment.NO_SUCH_INSTANCE and (entry.id in self._unsure or entry.sent == IN_DOUBT):
            return [entry]  # it never arrived, and nothing has failed that was not known before
        else:
            self._report(entry, commitment.outcome(reason, str(self._target.peer)))
        return []

    def _not_there(self, owed: Sequence[Entry]) -> list[Entry]:
        """Of these, those that are to be sent: what was in doubt and has arrived is reported."""
        doubtful = {entry.file: entry for entry in owed if entry.sent == IN_DOUBT}
        try:
            arrived = self._ask_for(list(doubtful)) if doubtful else ()
        except Later as reason:
            for entry in doubtful.values():
                self._report(entry, Unknown(reason.reason))
            return [entry for entry in owed if entry.file not in doubtful]
        for file in arrived:
            self._report(doubtful[file], Sent(self._target.name))
        return [entry for entry in owed if entry.file not in arrived]

    # --- storing -----------------------------------------------------------------------------------------

    def _store(self, entries: Sequence[Entry]) -> None:
        if not entries:
            return
        by_file = {entry.file: entry for entry in entries}

        def take_down(file: Path, result: Outcome) -> None:
            entry = by_file[file]
            if not isinstance(result, Done):
                self._report(entry, result)
                return
            # In its note, so that it is still known when the destination commits to it, perhaps after a restart.
            note = {name: words for name, words in entry.note.items() if name != TRANSCODED}
            entry = replace(entry, note=note | ({TRANSCODED: result.transcoded} if result.transcoded else {}))
            if self._target.confirm:
                self._stored.append(entry)
            else:
                self._report(entry, Sent(self._target.name))

        def settle(files: Sequence[Path]) -> Collection[Path]:
            if not self._target.confirm:
                return self._ask_for(files)
            self._unsure.update(by_file[file].id for file in files)
            return files  # they are asked about with the others

        self._unsure -= {entry.id for entry in entries}
        send(
            self._target.peer,
            list(by_file),
            take_down,
            stop=self._stopping,
            pool=self._target.pool,
            settle=settle,
            in_doubt=lambda file: self._report(by_file[file], Interrupted()),
            commitment=self._target.confirm,
            enough=self._enough,
            decoder=self._target.decoder,
        )

    def _ask_for(self, files: Sequence[Path]) -> Collection[Path]:
        """Those of these files that the destination lists. Raises Later where it cannot be asked now."""
        known = {file: found for file in files if (found := _whereabouts(file)) is not None}
        there = which_are_there(self._target.pool, list(known.values())) if known else []
        return {file for file, is_there in zip(known, there, strict=True) if is_there}

    # --- confirming --------------------------------------------------------------------------------------

    def _confirm(self) -> list[Entry]:
        """Ask for commitment of all that was stored; answers those that never arrived."""
        target = self._target
        entries, self._stored = self._stored, []
        instances = {entry.id: found for entry in entries if (found := self._instance(entry)) is not None}
        entries = [entry for entry in entries if entry.id in instances]
        if not entries:
            return []
        transaction = target.commitments.open(target.name, [(e.id, instances[e.id][1]) for e in entries])
        if not self._stopping():
            try:
                self._ask(transaction, [instances[entry.id] for entry in entries])
            except Later as reason:
                for entry in entries:
                    self._report(entry, Unknown(reason.reason))
                return []
        words = target.commitments.words(target.name)
        target.commitments.forget(target.name, words.keys() & instances.keys())
        due, why = time.time() + target.within, f"{target.peer} has it, and has not committed to it yet"
        again: list[Entry] = []
        for entry in entries:
            if entry.id in words:
                again += self._take_word(entry, words[entry.id])
            else:
                self._report(entry, Stored(due, why, sure=entry.id not in self._unsure))
        return again

    def _ask(self, transaction: str, instances: Sequence[commitment.Instance]) -> None:
        """Ask, and wait a moment for the answer. Raises Later where it cannot be asked."""
        target = self._target
        for fresh in (False, True):
            association, was_idle = target.pool.take(commitment.PAIRS, fresh=fresh)
            asked = False
            try:
                commitment.ask(association, transaction, instances)
                asked = True
                association.listen(target.linger, lambda: not target.commitments.is_open(transaction))
            except Later:
                target.pool.give(association)
                raise
            except (LostError, ViolationError) as error:
                association.drop(error)
                if not asked and was_idle:
                    continue  # it had ended before, and only now it shows
                if not asked:
                    raise Later(f"{target.peer}: the association was lost: {error}") from None
            else:
                target.pool.give(association)
            if target.commitments.is_open(transaction):
                target.linger = 0.0  # it answers on an association of its own, or much later
            return

    def _instance(self, entry: Entry) -> commitment.Instance | None:
        try:
            meta = part10.read_meta(entry.file)
        except OSError as error:
            self._report(entry, Unknown(f"the file cannot be read: {error.strerror or error}"))
        except ValueError as error:
            self._report(entry, Never(f"cannot be asked about: {error}"))
        else:
            return meta.sop_class_uid, meta.sop_instance_uid
        return None


def _whereabouts(file: Path) -> Whereabouts | None:
    """By what an object is asked for; None where its header does not say it."""
    try:
        header = Header.read(file)
        keys = [header.first(name) for name in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")]
    except (Never, OSError):
        return None
    return Whereabouts(*keys) if all(keys) else None
