"""What alarms say: that something does not work, that it works again, that a sender is silent, that it sends. Pure.

Names of destinations, reasons and AE titles only: it names no patient.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from engine.destinations.letter import plain
from engine.step import REVIEW
from engine.trouble import Known, News, Trouble

_TEXTS = {
    "en": {
        "trouble": "Stellwerk: trouble: {what}",
        "well": "Stellwerk: all clear: {what}",
        "more": "{what} and {count} more",
        "begun": "TROUBLE:",
        "still": "Not over yet, as told before:",
        "over": "Over:",
        "one": "{what}, since {since}: {why}",
        "now": "{what}: {why}",
        "was": "{what}, since {gone}; it had begun {since}",
        "again": "You will be told when it is over; until then, once a day.",
        "once": "This was asked at the time that the rule names; it is not told again before the next.",
        "hint": "What is to go there waits, and is tried again by itself. Is the other side on, and can it be reached "
        "from here? `stellwerk spool` shows what waits.",
        "held": "What is held, and why:",
        "by rule": "a rule holds it",
        "silent subject": "Stellwerk: nothing from {who} since {since}",
        "silent": "{who} has sent nothing since {since}; the last came {last}.",
        "never": "{who} has sent nothing since {since}; nothing of it is known here.",
        "check": "Is the machine on, does it reach this appliance, and is anything stuck in its own queue?",
        "later": "You will be told when it sends again.",
        "sounds subject": "Stellwerk: {who} sends again",
        "sounds": "{who} sends again, since {at}.",
        "day": "%Y-%m-%d %H:%M",
    },
    "de": {
        "trouble": "Stellwerk: Störung: {what}",
        "well": "Stellwerk: Entwarnung: {what}",
        "more": "{what} und {count} weitere",
        "begun": "STÖRUNG:",
        "still": "Noch nicht vorbei, wie schon gemeldet:",
        "over": "Vorbei:",
        "one": "{what}, seit {since}: {why}",
        "now": "{what}: {why}",
        "was": "{what}, seit {gone}; begonnen hatte es {since}",
        "again": "Sie erfahren, wenn es vorbei ist; bis dahin einmal am Tag.",
        "once": "Gefragt wurde zu der Zeit, die die Regel nennt; vor dem nächsten Mal wird es nicht wieder gemeldet.",
        "hint": "Was dorthin soll, wartet und wird von selbst wieder versucht. Ist die Gegenstelle an, und ist sie von "
        "hier erreichbar? `stellwerk spool` zeigt, was wartet.",
        "held": "Was angehalten ist, und warum:",
        "by rule": "eine Regel hält es an",
        "silent subject": "Stellwerk: nichts von {who} seit {since}",
        "silent": "{who} hat seit {since} nichts gesendet; das Letzte kam {last}.",
        "never": "{who} hat seit {since} nichts gesendet; hier ist nichts davon bekannt.",
        "check": "Ist das Gerät an, erreicht es diese Anlage, und hängt etwas in seiner eigenen Warteschlange?",
        "later": "Sie erfahren, wenn es wieder sendet.",
        "sounds subject": "Stellwerk: {who} sendet wieder",
        "sounds": "{who} sendet wieder, seit {at}.",
        "day": "%d.%m.%Y %H:%M",
    },
}

_TITLES = {
    "en": {
        "store": "keeping copies in {name}",
        "mail": "mail to {name}",
        "notify": "telling the webhook {name}",
        "collect": "collecting a {name}",
        "review": "what waits for a review",
        "disk": "disk of {name}",
        "outbox": "folder for sending to {name}",
        "folder": "watched folder {name}",
        "hold": "held objects",
        "the disk": "disk of the spool",
        "taking in": "taking images in",
        "rules by the clock": "rules by the clock",
        "the router": "routing",
        "the journal": "keeping the journal",
        "the watch": "keeping watch",
        "the rules": "taking over changed rules",
        "new rules": "new rules",
        "given rules": "rules beside stellwerk.conf",
        "rules from Git": "rules from Git",
        "the certificate": "our certificate (TLS)",
        "the console": "the console",
        "the firewall": "the machine's firewall",
        "the backup": "the nightly backup",
        "destination": "sending to {name}",
    },
    "de": {
        "store": "Ablage in {name}",
        "mail": "Mail an {name}",
        "notify": "Mitteilung an den Webhook {name}",
        "collect": "Sammeln ({name})",
        "review": "was auf eine Freigabe wartet",
        "disk": "Datenträger von {name}",
        "outbox": "Ordner zum Versand an {name}",
        "folder": "beobachteter Ordner {name}",
        "hold": "Angehaltenes",
        "the disk": "Datenträger des Spools",
        "taking in": "Annahme von Bildern",
        "rules by the clock": "Regeln nach der Uhr",
        "the router": "Verteilung",
        "the journal": "Verzeichnis der Bilder",
        "the watch": "Überwachung",
        "the rules": "Übernahme geänderter Regeln",
        "new rules": "neue Regeln",
        "given rules": "Regeln neben der stellwerk.conf",
        "rules from Git": "Regeln aus Git",
        "the certificate": "unser Zertifikat (TLS)",
        "the console": "die Konsole",
        "the firewall": "die Firewall des Geräts",
        "the backup": "die nächtliche Sicherung",
        "destination": "Versand an {name}",
    },
}

OWN = (
    *("hold", "the disk", "taking in", "rules by the clock", "the router", "the journal", "the watch", "the rules"),
    *("the certificate", "the console", "the firewall", "new rules", "given rules", "rules from Git", "the backup"),
)
"""What is in trouble under a name of our own: no destination can have one of these."""


_KINDS = ("disk", "outbox", "folder")
"""Of what there are several, each in trouble under `KIND NAME`."""


def title(name: str, language: str) -> str:
    """What an outbox, a disk or a part of the appliance is to a reader."""
    titles = _TITLES[language]
    if name == REVIEW:
        return titles["review"]
    stem, dot, kind = name.rpartition(".")
    if dot and kind in ("store", "mail", "notify", "collect"):
        return titles[kind].format(name=stem)
    kind, blank, stem = name.partition(" ")
    if blank and kind in _KINDS:
        return titles[kind].format(name=stem)
    return titles[name] if name in OWN else titles["destination"].format(name=name)


def trouble(news: News, held: Mapping[str, int], language: str) -> tuple[str, str]:
    """Subject and body of what `on trouble` tells. held: how many are held for which reason, if that is of it."""
    texts = _TEXTS[language]
    what = _list([title(name, language) for name in (news.begun or news.over)], texts)
    subject = texts["trouble" if news.begun else "well"].format(what=what)
    parts = [
        _section("begun", [_line(name, one, texts, language) for name, one in news.begun.items()], texts),
        _section("over", [_over(name, one, texts, language) for name, one in news.over.items()], texts),
        _section("still", [_line(name, one, texts, language) for name, one in news.still.items()], texts),
        _section("held", _reasons(held, texts), texts),
        [texts["hint"]] if any(_is_outbox(name) for name in news.begun) else [],
        [texts["again"]] if news.begun or news.still else [],
    ]
    return subject, _body(parts)


def at_a_time(troubles: Mapping[str, Trouble], held: Mapping[str, int], language: str) -> tuple[str, str]:
    """Subject and body of what `on every … → alarm` tells."""
    texts = _TEXTS[language]
    lines = [
        texts["now"].format(what=title(name, language), why=plain(one.said(language))) for name, one in troubles.items()
    ]
    parts = [
        _section("begun", lines, texts),
        _section("held", _reasons(held, texts), texts),
        [texts["hint"]] if any(_is_outbox(name) for name in troubles) else [],
        [texts["once"]],
    ]
    return texts["trouble"].format(what=_list([title(name, language) for name in troubles], texts)), _body(parts)


def silence(last: Mapping[str, float | None], since: float, language: str) -> tuple[str, str]:
    """Subject and body where senders are silent. last: when each was heard last, where that is known."""
    texts = _TEXTS[language]
    words = {"since": _moment(since, texts)}
    lines = [
        texts["never"].format(who=plain(who), **words)
        if at is None
        else texts["silent"].format(who=plain(who), last=_moment(at, texts), **words)
        for who, at in last.items()
    ]
    subject = texts["silent subject"].format(who=_list([plain(who) for who in last], texts), **words)
    return subject, _body([lines, [texts["check"], texts["later"]]])


def sounds(heard: Mapping[str, float], language: str) -> tuple[str, str]:
    """Subject and body where senders that were silent send again."""
    texts = _TEXTS[language]
    lines = [texts["sounds"].format(who=plain(who), at=_moment(at, texts)) for who, at in heard.items()]
    return texts["sounds subject"].format(who=_list([plain(who) for who in heard], texts)), _body([lines])


def _line(name: str, one: Known, texts: Mapping[str, str], language: str) -> str:
    what, why = title(name, language), plain(one.trouble.said(language))
    return texts["one"].format(what=what, since=_moment(one.since, texts), why=why)


def _over(name: str, one: Known, texts: Mapping[str, str], language: str) -> str:
    what = title(name, language)
    return texts["was"].format(what=what, gone=_moment(one.gone, texts), since=_moment(one.since, texts))


def _is_outbox(name: str) -> bool:
    return name not in OWN and not name.startswith(tuple(f"{kind} " for kind in _KINDS))


def _reasons(held: Mapping[str, int], texts: Mapping[str, str]) -> list[str]:
    return [f"{plain(why) or texts['by rule']}: {count}" for why, count in held.items()]


def _section(key: str, lines: Sequence[str], texts: Mapping[str, str]) -> list[str]:
    return [texts[key], *(f"  {line}" for line in lines)] if lines else []


def _body(parts: Sequence[Sequence[str]]) -> str:
    return "\n\n".join("\n".join(part) for part in parts if part) + "\n"


def _list(names: Sequence[str], texts: Mapping[str, str]) -> str:
    return names[0] if len(names) == 1 else texts["more"].format(what=names[0], count=len(names) - 1)


def _moment(at: float, texts: Mapping[str, str]) -> str:
    return datetime.fromtimestamp(at).strftime(texts["day"])
