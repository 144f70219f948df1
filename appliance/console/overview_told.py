"""What is told of the overview, for page and live events: whether all runs, and each row, in words of one language.

static/overview.js puts the same texts into the same places. It must not know the web.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from appliance.console import told
from appliance.console.context import Context
from appliance.console.facts.advice import ON_PURPOSE, TO_REVIEW
from appliance.console.facts.holds import Groups
from appliance.console.facts.house import NoSpool
from appliance.console.facts.outboxes import OutboxLine, outboxes
from appliance.console.facts.overview import DiskFacts, OutboxFacts, Overview, SenderFacts, nothing
from appliance.console.facts.rates import Series
from appliance.console.facts.silence import Silent
from appliance.console.running import State
from appliance.console.words import LANGUAGES, say
from engine.destinations.alarms import title

ROWS = 100
"""Senders that are shown, and outboxes: those that were heard of last. All are in the API."""

TONE_WORDS = {"good": "all well", "warn": "to do", "bad": "in trouble"}
HEADLINE_WORDS = {
    "good": "Everything runs. Nobody has to do anything.",
    "warn": "Everything runs. Somebody has to look at something:",
    "bad": "Something does not work:",
    "stopped": "The appliance stands still:",
}
WAY_WORDS = {
    "folder": "folder {place}",
    "outbox": "put in by hand for {place}",
    "dicom": "DICOM, port {place}",
    "https": "HTTPS, port {place}",
    "http": "HTTP, port {place}",
}
"""Of whom comes without an AE title, the way in."""

TERMS = ("received", "delivered", "waiting", "held", "discarded", "duplicates", "deleted", "elsewhere")
"""Of the ledger, in the order of the equation."""


@dataclass(frozen=True, slots=True)
class Seen:
    """All facts that the page is made of, at one moment (`now`, seconds since 1970)."""

    now: float
    facts: Overview
    lines: Mapping[str, OutboxLine]
    held: Groups
    state: State
    relay: bool


def seen(context: Context) -> Seen:
    """As things stand. Raises OSError."""
    now, state = time.time(), context.running.state()
    asked = state.data if state.is_running else None
    relay = bool(context.settings.mail_host)
    try:
        facts = context.overviews.get(asked)
        lines = {one.name: one for one in outboxes(context.house, asked)}
        return Seen(now, facts, lines, context.holds.groups(), state, relay)
    except NoSpool:
        return Seen(now, nothing(now), {}, Groups((), 0, 0), state, relay)


def live(context: Context, places: Mapping[str, str]) -> dict[str, object]:
    """In every language, for all pages that are open."""
    found = seen(context)
    return {**rates(found), **{language: told_of(found, language, places) for language in LANGUAGES}}


def rates(found: Seen) -> dict[str, object]:
    """What the charts are drawn from. `hour`: the hour, since 1970, in which the last of each row's hours ends."""
    senders, boxes = shown(found)
    return {
        "minute": int(found.now // 60),
        "rates": {
            **{f"sender {one.name}": list(one.rate.hours) for one in senders if any(one.rate.hours)},
            **{f"outbox {one.name}": list(one.rate.hours) for one in boxes if any(one.rate.hours)},
        },
    }


def shown(found: Seen) -> tuple[Sequence[SenderFacts], Sequence[OutboxFacts]]:
    """The rows of the two tables."""
    lately = sorted(found.facts.senders, key=lambda one: one.last, reverse=True)[:ROWS]
    names = {one.name for one in lately}
    return [one for one in found.facts.senders if one.name in names], found.facts.outboxes[:ROWS]


def told_of(found: Seen, language: str, places: Mapping[str, str]) -> dict[str, Any]:
    """Texts by the place where they go; lists of rows, each with its `key`. places: of the navigation, with paths."""
    facts = found.facts
    needs = list(_needs(found, language, places))
    tone = "bad" if any(one["tone"] == "bad" for one in needs) else "warn" if needs else "good"
    senders, boxes = shown(found)
    purpose = sum(one.count for one in found.held.groups if one.kind == ON_PURPOSE)
    silence = {one.sender for one in facts.silent}
    return {
        "tone": tone,
        "state": say(language, TONE_WORDS[tone]),
        "headline": say(language, HEADLINE_WORDS[tone if found.state.is_running else "stopped"]),
        "needs": needs,
        "purpose": say(language, "Held on purpose, as rules say: {count}.", count=told.count(language, purpose))
        if purpose
        else "",
        "fresh": facts.fresh,
        "begun": not facts.fresh,
        **_ledger(facts, language),
        "senders": [_sender(one, language, found.now, one.name in silence) for one in senders],
        "no_senders": not senders,
        "more": say(language, "The {count} that sent last are shown.", count=ROWS) if len(facts.senders) > ROWS else "",
        "outboxes": [_outbox(one, found, language) for one in boxes],
        "no_outboxes": not boxes,
        "reading": "" if facts.rates_whole else say(language, "The last 24 hours are still being read."),
        "disks": [_disk(one, language) for one in facts.disks],
    }


def _ledger(facts: Overview, language: str) -> dict[str, Any]:
    today = facts.ledger
    missing = told.count(language, today.difference)
    return {
        **{name: told.count(language, getattr(today, name)) for name in TERMS},
        "any_elsewhere": bool(today.elsewhere),
        "counted": facts.counted,
        "counting": _counting(facts, language),
        "sum": say(language, "Difference: {count}. That many are neither there nor done.", count=missing)
        if today.difference
        else say(language, "It adds up: none is missing."),
        "sum_tone": "bad" if today.difference else "good",
        "found": say(language, "{count} of them lie here without a note of how they came.", count=facts.found)
        if facts.found
        else "",
    }


def _counting(facts: Overview, language: str) -> str:
    """Why there is no sum."""
    if facts.broken:
        return say(language, "Nothing can be counted: the list of all images cannot be read or written at the moment.")
    if facts.counted:
        return ""
    percent = 100 * facts.journal.read // facts.journal.whole if facts.journal.whole else 0
    return say(language, "Counting, {percent} %. The list of all images is being built anew.", percent=percent)


def _needs(found: Seen, language: str, places: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """What a person has to see to, the worst first."""
    facts, state = found.facts, found.state

    def need(key: str, tone: str, words: str, to: str = "", go: str = "", lang: str = language) -> dict[str, Any]:
        state_words = say(language, TONE_WORDS[tone])
        return {"key": key, "tone": tone, "state": state_words, "words": words, "lang": lang, "to": to, "go": go}

    if state.why is not None:
        since = told.ago(language, facts.noted, found.now)
        said = say(language, "The last that it noted was {ago}.", ago=since) if since else ""
        yield need("stopped", "bad", f"{state.why.said(language)} {said}".strip())
    if facts.ledger.difference:
        count = told.count(language, facts.ledger.difference)
        words = say(language, "Images of today are missing: {count}. `stellwerk ledger` names them.", count=count)
        yield need("difference", "bad", words)
    waits = say(language, "Show what waits")
    for one in facts.troubles:
        if one.name == "hold":
            continue  # told below, by what is to be done about it
        is_box = one.name in found.lines
        words = one.german if language == "de" and one.german else told.reason(language, one.words)
        lang = language if words != one.words or language == "en" else "en"
        name = told.box_words(language, one.name, found.lines[one.name].kind) if is_box else title(one.name, language)
        to, go = (told.outbox_path(one.name), waits) if is_box else ("", "")
        if one.name in ("the rules", "new rules", "given rules", "rules from Git"):
            to, go = places.get("Rules", ""), say(language, "Rules")
        yield need(f"trouble {one.name}", "bad", f"{name}: {words}", to, go, lang)
    known = {one.words for one in facts.troubles}
    for disk in facts.disks:
        if disk.words and disk.words not in known:
            yield need(f"disk {disk.names[0]}", "bad", disk.german if language == "de" else disk.words)
    yield from _to_do(found, language, places, need)


def _to_do(found: Seen, language: str, places: Mapping[str, str], need: Any) -> Iterator[dict[str, Any]]:
    troubled = {one.name for one in found.facts.troubles}
    reviews = sum(one.count for one in found.held.groups if one.kind == TO_REVIEW)
    held = found.held.count - reviews - sum(one.count for one in found.held.groups if one.kind == ON_PURPOSE)
    if held:
        words = say(language, "Images are held and wait for a decision: {count}.", count=told.count(language, held))
        yield need("held", "warn", words, places.get("Hold", ""), say(language, "Hold"))
    if reviews:
        words = say(language, "Images wait for a review: {count}.", count=told.count(language, reviews))
        place = "Review" if "Review" in places else "Hold"
        yield need("reviews", "warn", words, places.get(place, ""), say(language, place))
    for line in found.lines.values():
        fares = told.fares(line, language, found.state.is_running, found.now, found.relay)
        if fares["note"] and line.name not in troubled and told.owed(line) | bool(line.paused_since):
            words = f"{told.box_words(language, line.name, line.kind)}: {fares['note']}"
            yield need(f"box {line.name}", "warn", words, told.outbox_path(line.name), say(language, "Outbox"))
    for one in found.facts.silent:
        yield need(f"silent {one.sender}", "warn", silence_words(one, language, found.now))


def silence_words(one: Silent, language: str, now: float) -> str:
    """Who is silent since when, and what would be usual."""
    last = told.moment(language, one.last, now)
    facts = {
        "who": one.sender,
        "since": last or told.moment(language, one.since, now),
        "count": "" if one.usually is None else told.count(language, one.usually),
    }
    if one.usually:
        if last:
            return say(language, "{who} is silent since {since}, usually {count} studies by now.", **facts)
        return say(language, "{who} has sent nothing since {since}, usually {count} studies by now.", **facts)
    if last:
        return say(language, "{who} is silent since {since}; a rule expects it.", **facts)
    return say(language, "{who} has sent nothing since {since}; a rule expects it.", **facts)


def way_words(language: str, name: str) -> str:
    """What a sender is called: its AE title, or the way in."""
    way, _, place = name.partition(" ")
    if not name:
        return say(language, "unknown")
    return say(language, WAY_WORDS[way], place=place) if way in WAY_WORDS and place else name


def _sender(one: SenderFacts, language: str, now: float, silent: bool) -> dict[str, Any]:
    waiting, held = (told.count(language, count) for count in (one.today.waiting, one.today.held))
    usually = round(one.usually or 0.0)
    rest = [
        *([say(language, "{count} waiting", count=waiting)] if one.today.waiting else []),
        *([say(language, "{count} held", count=held)] if one.today.held else []),
    ]
    return {
        "key": f"sender {one.name}",
        "name": way_words(language, one.name),
        # Studies are looked for by the AE title; it stands in no address.
        "sender": one.name if way_words("en", one.name) == one.name else "",
        "silent": say(language, "silent") if silent else "",
        **_since("last", one.last, language, now),
        "received": told.count(language, one.today.received),
        "rest": ", ".join(rest),
        "usually": told.count(language, usually) if usually else "–",
        **_day(one.rate, language),
    }


def _outbox(one: OutboxFacts, found: Seen, language: str) -> dict[str, Any]:
    line = found.lines.get(one.name)
    fares = told.fares(line, language, found.state.is_running, found.now, found.relay) if line else {}
    # What is brought to a review is held there, and has not failed.
    failed, why = ("", "") if one.kind == "review" else (one.failed, one.why)
    return {
        "key": f"outbox {one.name}",
        "name": told.box_words(language, one.name, one.kind),
        "to": told.outbox_path(one.name),
        "kind": told.kind_words(language, one.kind) if one.kind not in told.BOX_WORDS else "",
        "tone": fares.get("badge", ""),
        "state": fares.get("state", ""),
        "note": fares.get("note", ""),
        **_since("last", one.last, language, found.now),
        "delivered": told.count(language, one.delivered),
        "queue": told.count(language, one.queue),
        **_since("oldest", one.oldest, language, found.now, none=""),
        **_since("failed", failed, language, found.now),
        "why": told.reason(language, why) if why else "",
        "lang": told.tongue(language, why),
        **_day(one.rate, language),
    }


def _since(place: str, at: str, language: str, now: float, none: str = "–") -> dict[str, str]:
    """How long ago, and beside it when that was."""
    return {place: told.ago(language, at, now) or none, f"{place}_at": told.exact(language, at)}


def _day(rate: Series, language: str) -> dict[str, Any]:
    """The last 24 hours in words; the chart says the same."""
    whole, most = sum(rate.hours), max(rate.hours, default=0)
    facts = {"count": told.count(language, whole), "most": told.count(language, most)}
    if not whole:
        return {"day": say(language, "none in 24 hours"), "some": False}
    return {"day": say(language, "{count} in 24 hours, at most {most} an hour", **facts), "some": True}


def _disk(one: DiskFacts, language: str) -> dict[str, Any]:
    free, whole = (told.size(language, megabytes << 20) for megabytes in (one.free_mb, one.whole_mb))
    names = [
        say(language, "what is under way") if name == "spool" else told.box_words(language, f"{name}.store", "store")
        for name in one.names
    ]
    return {
        "key": "disk " + " ".join(one.names),
        "name": ", ".join(names),
        "words": say(language, "{free} of {whole} free", free=free, whole=whole),
        "used": one.whole_mb - one.free_mb,
        "whole": one.whole_mb or 1,
        "tone": "bad" if one.words else "good",
        "state": say(language, "almost full") if one.words else say(language, "enough room"),
        "trouble": (one.german if language == "de" else one.words) if one.words else "",
    }
