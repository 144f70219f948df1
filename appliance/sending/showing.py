"""How a sending is shown: a bar on a terminal, plain lines elsewhere, and the account at the end.

Patients' names are shown where a person looks on, or asks for them; a file that it is written to gets none.
"""

import time
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from appliance.sending.account import BEFORE, DELIVERED, FAILED, LATER, REPEATED, Account, Failure, Study
from dsl.render import printable
from engine.sources.taking import shown

EVERY = 10.0
"""Seconds between two plain lines."""


class Bar:
    """On a terminal: files, megabytes, speed, the time that is left."""

    def __init__(self, console: Console, files: int, size: int) -> None:
        self._files = files
        self._progress = Progress(
            TextColumn("{task.fields[done]} of {task.fields[files]}"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._bar = self._progress.add_task("send", total=size, done=0, files=files)

    def __enter__(self) -> "Bar":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def passed(self, size: int, account: Account) -> None:
        """One more."""
        done = sum(account.counts.values())
        # What is in a ZIP is counted as it is unpacked.
        self._progress.update(self._bar, advance=size, done=done, files=max(self._files, done))

    def trouble(self, name: str, why: str) -> None:
        """Told at once, above the bar: whoever looks on may want to stop."""
        self._progress.console.print(f"{shown(name)}: {printable(why)}", markup=False, highlight=False)


class Lines:
    """Elsewhere: a line every few seconds."""

    def __init__(self, console: Console, files: int, size: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._console, self._files, self._size, self._clock = console, files, size, clock
        self._last = self._begun = clock()
        self._passed = 0

    def __enter__(self) -> "Lines":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def passed(self, size: int, account: Account) -> None:
        """One more."""
        self._passed += size
        now = self._clock()
        if now - self._last < EVERY:
            return
        self._last = now
        done, seconds = sum(account.counts.values()), now - self._begun
        speed = self._passed / seconds
        left = max(0, self._size - self._passed) / speed if speed else 0
        self._console.print(
            f"{done} of {max(self._files, done)} files, {megabytes(self._passed)} of {megabytes(self._size)}, "
            f"{megabytes(int(speed))}/s, {int(left)} s left",
            highlight=False,
        )

    def trouble(self, name: str, why: str) -> None:
        """It is in the account at the end."""


class Silence:
    """Nothing is shown: programs read the end."""

    def __enter__(self) -> "Silence":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def passed(self, size: int, account: Account) -> None:
        """One more."""

    def trouble(self, name: str, why: str) -> None:
        """One less."""


def summary(account: Account, to: str, *, dry: bool, names: bool, by_study: bool = False) -> Iterator[str]:
    """The account, in lines."""
    total = sum(account.counts.values())
    new = account.counts[DELIVERED]
    did = f"{new} of {total} would be sent to {to}" if dry else f"{new} of {total} delivered to {to}"
    speed = ""
    if new and account.seconds and not dry:
        speed = f" in {account.seconds:.0f} s, {megabytes(int(account.sent_bytes / account.seconds))}/s"
    yield f"{did} ({megabytes(account.sent_bytes)}{speed}); {account.left_out} other files left out"
    if before := account.counts[BEFORE]:
        yield f"{before} had been sent before, and were left out (--again sends them once more)"
    if repeated := account.counts[REPEATED]:
        yield f"{repeated} had come earlier in this run under the same SOP Instance UID, and were left out"
    for warning, count in account.warnings.most_common():
        yield f"{count} taken with a warning: {printable(warning)}"
    if account.interrupted:
        yield "interrupted: the same command again sends what is missing"
    patient = None
    for number, study in enumerate(_sorted(account), 1):
        if names and _patient(study) != patient:
            patient = _patient(study)
            yield printable(patient)
        yield "  " + printable(_study(study, number, names=names, dry=dry))
        if by_study:
            for why, count in study.reasons.most_common():
                yield f"      {count} not delivered: {printable(why)}"


def failures(account: Account) -> Iterator[str]:
    """What was not delivered, why, and what to do about it."""
    groups: dict[tuple[str, bool], list[Failure]] = {}
    for one in account.failures:
        groups.setdefault((one.why, one.later), []).append(one)
    for (why, later), some in sorted(groups.items(), key=lambda group: -len(group[1])):
        yield f"{len(some)} failed: {printable(why)}"
        for one in some:
            yield f"    {shown(one.name)}"
        if later:
            yield "  this may pass: the same command again sends what is missing, and nothing else"
        else:
            yield "  this will not pass by itself: the file or the destination's settings must be looked at"


def megabytes(size: int) -> str:
    """A size for people."""
    return f"{size / 1e6:.1f} MB"


def _sorted(account: Account) -> list[Study]:
    return sorted(account.studies.values(), key=lambda one: (_patient(one), one.subject.date, one.subject.study))


def _patient(study: Study) -> str:
    name, number = study.subject.patient or "no name", study.subject.patient_id
    return f"{name} ({number})" if number else name


def _study(study: Study, number: int, *, names: bool, dry: bool) -> str:
    about = [
        study.subject.date or "no date",
        "/".join(sorted(study.modalities)),
        study.subject.description if names else "",
    ]
    counts = study.counts
    words = [f"{counts[DELIVERED]} {'to send' if dry else 'sent'}"]
    words += [f"{counts[BEFORE]} sent before"] * bool(counts[BEFORE])
    words += [f"{counts[REPEATED]} repeated"] * bool(counts[REPEATED])
    words += [f"{counts[FAILED] + counts[LATER]} failed"] * bool(counts[FAILED] + counts[LATER])
    shown = " ".join(part for part in about if part) if names else f"study {number}"
    return f"{shown}: {', '.join(words)}"
