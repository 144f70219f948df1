"""What the daily report says: subject and text of the mail behind `report to …`. Pure.

Numbers, names of destinations and reasons only: reasons never hold values from an image, so it names no patient.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from engine.destinations.alarms import title
from engine.destinations.letter import plain
from engine.step import GATHERING, TELLING
from engine.tally import Standing, Tally
from engine.trouble import Trouble

MOST = 20
"""So many reasons are listed; the rest is counted."""

_TEXTS = {
    "en": {
        "subject": "Stellwerk: {how}; {received} received",
        "well": "all is well",
        "held": "{count} held",
        "troubles": "{count} in trouble",
        "span": "From {since} to {until}.",
        "received": "Received: {count}",
        "stored": "Stored in {box}: {count}",
        "forwarded": "Forwarded to {box}: {count}",
        "nothing": "Nothing was received.",
        "discarded": "Discarded by a rule: {count}",
        "duplicates": "Received once more, and dropped as duplicates: {count}",
        "failed": "Refused for good by {box}, and taken over by `on failure`: {count}",
        "deleted": "Deleted by a person: {count}",
        "newly held": "Held: {count} in this time",
        "done": "Nothing waits, and nothing is held.",
        "unrouted": "Accepted and not yet routed: {count}",
        "waiting": "Waiting:",
        "owed": "{box}: {count}, the oldest since {since}{why}",
        "holding": "HELD: {count}",
        "look": "What is held waits for a person: `stellwerk spool` shows it, `stellwerk spool release NUMBER` sends "
        "it on.",
        "trouble": "DOES NOT WORK at the moment:",
        "disk": "Disk:",
        "free": "{name}: {free} free",
        "by rule": "a rule holds it",
        "more": "and {count} for other reasons",
        "day": "%Y-%m-%d %H:%M",
    },
    "de": {
        "subject": "Stellwerk: {how}; {received} empfangen",
        "well": "alles in Ordnung",
        "held": "{count} angehalten",
        "troubles": "{count} gestört",
        "span": "Von {since} bis {until}.",
        "received": "Empfangen: {count}",
        "stored": "Abgelegt in {box}: {count}",
        "forwarded": "Weitergeleitet an {box}: {count}",
        "nothing": "Es wurde nichts empfangen.",
        "discarded": "Durch eine Regel verworfen: {count}",
        "duplicates": "Noch einmal empfangen und als doppelt verworfen: {count}",
        "failed": "Von {box} endgültig abgelehnt und von `on failure` übernommen: {count}",
        "deleted": "Von einem Menschen gelöscht: {count}",
        "newly held": "Angehalten: {count} in dieser Zeit",
        "done": "Nichts wartet, und nichts ist angehalten.",
        "unrouted": "Angenommen und noch nicht verteilt: {count}",
        "waiting": "Es wartet:",
        "owed": "{box}: {count}, das älteste seit {since}{why}",
        "holding": "ANGEHALTEN: {count}",
        "look": "Angehaltenes wartet auf einen Menschen: `stellwerk spool` zeigt es, `stellwerk spool release NUMMER` "
        "schickt es weiter.",
        "trouble": "ES GEHT NICHT im Augenblick:",
        "disk": "Speicherplatz:",
        "free": "{name}: {free} frei",
        "by rule": "eine Regel hält es an",
        "more": "und {count} aus anderen Gründen",
        "day": "%d.%m.%Y %H:%M",
    },
}


@dataclass(frozen=True, slots=True)
class Report:
    """All that one report tells. disks: free MB by the name of what lies there."""

    since: float
    until: float
    tally: Tally
    standing: Standing
    troubles: Mapping[str, Trouble]
    disks: Mapping[str, int]


def compose(report: Report, language: str) -> tuple[str, str]:
    """Subject and body."""
    texts, tally, standing = _TEXTS[language], report.tally, report.standing
    held = sum(standing.held.values())
    troubles = {name: trouble for name, trouble in report.troubles.items() if name != "hold"}
    bad = [texts["troubles"].format(count=len(troubles))] * bool(troubles) + [texts["held"].format(count=held)] * bool(
        held
    )
    subject = texts["subject"].format(how=", ".join(bad) or texts["well"], received=tally.received)
    span = texts["span"].format(since=_moment(report.since, texts), until=_moment(report.until, texts))
    parts = [[span], _happened(tally, texts), _waiting(standing, held, texts, language)]
    if troubles:
        lines = [f"{title(name, language)}: {plain(trouble.said(language))}" for name, trouble in troubles.items()]
        parts.append([texts["trouble"], *_indented(lines)])
    if report.disks:
        disks = [texts["free"].format(name=name, free=_size(free)) for name, free in report.disks.items()]
        parts.append([texts["disk"], *_indented(disks)])
    return subject, "\n\n".join("\n".join(part) for part in parts) + "\n"


def _happened(tally: Tally, texts: Mapping[str, str]) -> list[str]:
    lines = [texts["received"].format(count=tally.received)] if tally.received else [texts["nothing"]]
    for box, count in sorted(tally.delivered.items()):
        # What was collected has not gone anywhere, and reports are not what was received.
        if not box.endswith((*TELLING, GATHERING)):
            key = "stored" if box.endswith(".store") else "forwarded"
            lines.append(texts[key].format(box=box.removesuffix(".store"), count=count))
    lines += [texts["failed"].format(box=box, count=count) for box, count in sorted(tally.failed.items())]
    if tally.discarded:
        lines += [texts["discarded"].format(count=sum(tally.discarded.values()))]
        lines += _indented(_reasons(dict(tally.discarded.most_common()), texts))
    for key, count in (("duplicates", tally.duplicates), ("newly held", tally.held), ("deleted", tally.deleted)):
        lines += [texts[key].format(count=count)] * bool(count)
    return lines


def _waiting(standing: Standing, held: int, texts: Mapping[str, str], language: str) -> list[str]:
    if not (standing.unrouted or standing.waiting or held):
        return [texts["done"]]
    lines = [texts["unrouted"].format(count=standing.unrouted)] * bool(standing.unrouted)
    if standing.waiting:
        owed = [
            texts["owed"].format(
                box=title(one.outbox, language),
                count=one.count,
                since=_moment(one.since, texts),
                why=f" ({plain(one.why)})" if one.why else "",
            )
            for one in standing.waiting
        ]
        lines += [texts["waiting"], *_indented(owed)]
    if held:
        lines += [texts["holding"].format(count=held), *_indented(_reasons(standing.held, texts)), texts["look"]]
    return lines


def _reasons(counts: Mapping[str, int], texts: Mapping[str, str]) -> list[str]:
    shown = [f"{plain(why) or texts['by rule']}: {count}" for why, count in list(counts.items())[:MOST]]
    rest = sum(list(counts.values())[MOST:])
    return shown + [texts["more"].format(count=rest)] * bool(rest)


def _indented(lines: Sequence[str]) -> list[str]:
    return [f"  {line}" for line in lines]


def _moment(at: float, texts: Mapping[str, str]) -> str:
    return datetime.fromtimestamp(at).strftime(texts["day"])


def _size(mb: int) -> str:
    if mb < 10 << 10:
        return f"{mb} MB"
    return f"{mb >> 10} GB"
