"""What contacts are told by the clock and on trouble: reports, alarms, all clear; one mail for each occasion.

What was told is kept in `spool/told`, a small file for each contact and rule, written after the mail has gone: a crash
in between sends it a second time, under the same Message-ID. It must not know a step; `engine.step.Caretaker` asks.
"""

import contextlib
import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Protocol

from engine import files
from engine.destinations import alarms, digest
from engine.destinations.relay import Relay, post
from engine.errors import Later
from engine.heard import Heard
from engine.program import Program
from engine.schedule import Since
from engine.spool import Spool
from engine.tally import held, standing, tally
from engine.trouble import DAY, Trouble, Watched, news, seen, told

SETTLED = 2.0
"""Seconds that a report stays behind the clock: what has just happened may not have been noted yet."""


class Health(Protocol):
    """What a mail may ask of the appliance's health."""

    def trouble(self) -> Mapping[str, Trouble]:
        """What does not work at the moment, by name."""

    def free(self) -> Mapping[str, int]:
        """Free megabytes by disk."""


class Telling:
    """Tells contacts of this appliance. `program` answers what runs."""

    def __init__(
        self,
        spool: Spool,
        heard: Heard,
        relay: Relay | None,
        language: str,
        program: Callable[[], Program],
        health: Health,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._spool, self._heard, self._relay, self._language = spool, heard, relay, language
        self._program, self._health, self._now = program, health, now
        self._folder = spool.root / "told"
        self._kept: dict[Path, Mapping[str, object]] = {}
        self._started = now()

    # --- by the clock ------------------------------------------------------------------------------------

    def report(self, contacts: Sequence[str], due: datetime) -> str:
        """What has happened since the last report, to each contact that has had none for this time. Raises Later."""
        return self._each(contacts, lambda contact: self._report(contact, due))

    def _report(self, contact: str, due: datetime) -> str:
        # One for each contact, not for each rule: a second rule tells what has happened since the first.
        path = self._path("report", contact)
        until = self._now() - SETTLED
        had = self._read(path)
        before, for_then = _number(had.get("until")), _number(had.get("due"))
        if for_then is not None and for_then >= due.timestamp():
            return ""
        since = min(until - DAY if before is None else before, until)
        counted = tally(self._spool.history.events, since, until)
        facts = digest.Report(since, until, counted, standing(self._spool), self._health.trouble(), self._health.free())
        self._mail(contact, *digest.compose(facts, self._language), f"report {contact} {due}")
        self._write(path, {"until": until, "due": due.timestamp()})
        return contact

    def alarm(self, contacts: Sequence[str], rule: str, due: datetime) -> str:
        """What does not work now, to each contact that was not told at this time. Raises Later."""
        troubles = self._health.trouble()
        if not troubles:
            return "all is well"

        reasons_there = functools.cache(lambda: held(self._spool))

        def one(contact: str) -> str:
            path = self._path("alarm", rule, contact)
            if self._read(path).get("due") == due.isoformat():
                return ""
            reasons = reasons_there() if "hold" in troubles else {}
            self._mail(contact, *alarms.at_a_time(troubles, reasons, self._language), f"alarm {rule} {contact} {due}")
            self._write(path, {"due": due.isoformat()})
            return contact

        return self._each(contacts, one)

    def alarm_unless(
        self, contacts: Sequence[str], senders: Sequence[str], since: Since, rule: str, due: datetime
    ) -> str:
        """Which of the senders are silent, to each contact that was not told at this time. Raises Later."""
        begin = since.before(due).timestamp()
        last = {sender: self._heard.last(sender) for sender in senders}
        silent = {sender: at for sender, at in last.items() if at is None or at < begin}
        if not silent:
            return "all have sent"

        def one(contact: str) -> str:
            path = self._path("silence", rule, ",".join(senders), contact)
            was = self._read(path)
            if was.get("due") == due.isoformat() and was.get("told"):
                return ""
            if was.get("due") != due.isoformat() and self._started > due.timestamp():
                # Nobody could have sent: the alarm would be about us, and comes hours late.
                return ""
            note: dict[str, object] = {"due": due.isoformat(), "contact": contact, "silent": sorted(silent)}
            self._write(path, note)  # so that a restart before the mail has gone does not forget it
            self._mail(contact, *alarms.silence(silent, begin, self._language), f"silence {path.stem} {due}")
            self._write(path, {**note, "told": self._now()})
            return contact

        return f"{', '.join(silent)} silent since {since.before(due):%Y-%m-%d %H:%M}; {self._each(contacts, one)}"

    def all_clear(self) -> None:
        """Tell of senders that were silent and send again. Raises Later."""
        for path in sorted(self._folder.glob("silence-*.json")):
            note = self._read(path)
            rang, contact, silent = _number(note.get("told")), str(note.get("contact", "")), note.get("silent")
            if rang is None or not isinstance(silent, list) or not silent:
                continue
            last = {str(sender): self._heard.last(str(sender)) for sender in silent}
            sounds = {sender: at for sender, at in last.items() if at is not None and at > rang}
            if sounds:
                if self._program().contact(contact) is not None:
                    names = ",".join(sorted(sounds))
                    self._mail(contact, *alarms.sounds(sounds, self._language), f"sounds {path.stem} {rang} {names}")
                self._write(path, {**note, "silent": [sender for sender in silent if sender not in sounds]})

    # --- on trouble --------------------------------------------------------------------------------------

    def trouble(self, contacts: Sequence[str], rule: str, lasting: float) -> str:
        """What has begun and what is over, to each contact that does not know it yet. Raises Later."""
        there = self._health.trouble()
        reasons_there = functools.cache(lambda: held(self._spool))

        def one(contact: str) -> str:
            now = self._now()
            path = self._path("trouble", rule, contact)
            try:
                before = Watched.from_json(self._read(path))
            except (ValueError, KeyError, TypeError):
                before = Watched()
            watched = seen(before, there, now, lasting)
            mail = news(watched, now, lasting)
            if mail is not None:
                reasons = reasons_there() if "hold" in mail.begun else {}
                known_by = f"trouble {rule} {contact} {watched.mailed} {sorted(mail.begun)} {sorted(mail.over)}"
                try:
                    self._mail(contact, *alarms.trouble(mail, reasons, self._language), known_by)
                except Later:
                    self._keep(path, before, watched)
                    raise
                watched = told(watched, mail, now)
            self._keep(path, before, watched)
            return "" if mail is None else contact

        return self._each(contacts, one)

    def _keep(self, path: Path, before: Watched, watched: Watched) -> None:
        if watched != before:
            self._write(path, watched.to_json())

    # --- mail, and what was told -------------------------------------------------------------------------

    def _each(self, contacts: Sequence[str], one: Callable[[str], str]) -> str:
        """Each contact, though another cannot be told; who was."""
        mailed, refused = [], []
        for contact in contacts:
            try:
                mailed.append(one(contact))
            except Later as refusal:
                refused.append(refusal)
        if refused:
            raise refused[0]
        return f"mailed {', '.join(filter(None, mailed))}" if any(mailed) else ""

    def _mail(self, contact: str, subject: str, body: str, known_by: str) -> None:
        declared = self._program().contact(contact)
        if declared is None:
            return
        if self._relay is None:
            raise Later("no mail relay is set (mail_host)")
        refusal = post(self._relay, declared.addresses, subject, body, known_by)
        if refusal is not None:
            # Even what is refused for good is tried again: there is nothing here that could be held instead.
            raise Later(refusal.reason)

    def _path(self, kind: str, *known: str) -> Path:
        stem = hashlib.blake2b("\0".join(known).encode(), digest_size=8).hexdigest()
        return self._folder / f"{kind}-{stem}.json"

    def _read(self, path: Path) -> Mapping[str, object]:
        if path in self._kept:
            return self._kept[path]
        try:
            found = json.loads(path.read_bytes())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, path: Path, note: Mapping[str, object]) -> None:
        # A disk that cannot be written is what is told of, and must not make the same mail go again and again.
        self._kept[path] = note
        with contextlib.suppress(OSError):
            files.make_folder(self._folder)
            files.write(path, json.dumps(note, ensure_ascii=False).encode())
            files.sync(self._folder)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) else None
