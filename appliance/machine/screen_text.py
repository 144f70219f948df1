"""The screen as lines of text: what somebody who stands before the machine needs, and nothing else.

80 columns and at most 24 lines a page, in one language, with characters that the kernel's own font has. Nothing that
was read can move the cursor: what is no printable character is shown as a question mark. It must not know where facts
come from.
"""

import textwrap
from collections.abc import Iterator

from appliance.machine.said import Said
from appliance.machine.screen_facts import Card, Facts, Service

WIDTH, HEIGHT = 79, 24
_MOST_MISTAKES = 6
_LABEL = 18


def drawn(facts: Facts) -> list[list[str]]:
    """The lines of each page; more than one where it does not all fit. What is shown once stands before troubles."""
    head = list(_head(facts))
    pages = [[*head, *_body(facts)]]
    for block in (*_once(facts), *_troubles(facts)):
        if len(pages[-1]) + len(block) > HEIGHT:
            pages.append(head.copy())
        pages[-1] += block
    return [[_plain(line) for line in page[:HEIGHT]] for page in pages]


def _head(facts: Facts) -> Iterator[str]:
    name = f"Stellwerk {facts.version}".strip()
    yield f" {name}{facts.hostname:>{max(1, WIDTH - len(name) - 2)}}"
    yield " " + "─" * (WIDTH - 2)


def _body(facts: Facts) -> Iterator[str]:
    language = facts.language

    def row(label: Said, *values: str) -> Iterator[str]:
        shown = label.by(language)
        for value in values:
            for line in textwrap.wrap(value, WIDTH - _LABEL - 1) or [""]:
                yield f" {shown:<{_LABEL}}{line}"
                shown = ""

    links = [f"https://{_in_link(one)}/" for one in facts.addresses]
    yield from row(_CONSOLE, *(links[:2] or [_NO_LINK.by(language)]))
    if facts.fingerprint:
        yield from row(_FINGERPRINT, facts.fingerprint[:48], facts.fingerprint[48:])
    yield from row(_RECEIVER, _state(facts.receiver, language))
    if facts.console.state != "active":
        yield from row(_CONSOLE_STATE, _state(facts.console, language))
    yield from row(_NETWORK, *(_card(card, language) for card in facts.cards[:4]))
    if facts.gateway:
        yield from row(_GATEWAY, facts.gateway)
    yield from row(_CLOCK, (_IN_TIME if facts.synchronized else _NOT_IN_TIME).by(language))
    yield from row(_SETUP, _setup(facts).by(language))
    if facts.on_trial:
        yield from row(_VERSION, _ON_TRIAL.by(language))


def _troubles(facts: Facts) -> Iterator[list[str]]:
    language = facts.language
    if not facts.cards:
        yield _paragraph(_NO_CARD.by(language))
    elif not any(card.plugged for card in facts.cards):
        yield _paragraph(_NO_CABLE.by(language))
    elif not facts.addresses:
        yield _paragraph(_NO_ADDRESS.by(language))
    version, why = facts.gone_back
    if version:
        yield [*_paragraph(_GONE_BACK.by(language).format(version=version)), *_listed([why] if why else [], language)]
    if facts.mistakes:
        listed = _listed([one.by(language) for one in facts.mistakes], language)
        yield [*_paragraph(_MISTAKES.by(language).format(where=facts.setup or "?")), *listed]
    if facts.rules:
        yield [*_paragraph(_RULES.by(language)), *_listed(list(facts.rules), language)]


def _once(facts: Facts) -> Iterator[list[str]]:
    """What is shown until there is a first user."""
    language = facts.language
    if facts.secret and facts.addresses:
        link = f"   https://{_in_link(facts.addresses[0])}/start/"
        fits = len(link) + len(facts.secret) <= WIDTH
        # An address of IPv6 may leave no room: the link goes on in the next line, as one types it.
        yield [*_paragraph(_FIRST.by(language)), *([link + facts.secret] if fits else [link, f"   {facts.secret}"])]
    if facts.key:
        yield [*_paragraph(_KEY.by(language)), f"   {facts.key}"]
    elif facts.no_key:
        yield _paragraph(_NO_KEY.by(language).format(why=facts.no_key))


def _paragraph(text: str) -> list[str]:
    return ["", *(f" {line}" for line in textwrap.wrap(text, WIDTH - 2))]


def _listed(texts: list[str], language: str) -> Iterator[str]:
    for text in texts[:_MOST_MISTAKES]:
        yield from textwrap.wrap(text, WIDTH - 2, initial_indent="   ", subsequent_indent="     ", max_lines=2)
    if len(texts) > _MOST_MISTAKES:
        yield "   " + _MORE.by(language).format(count=len(texts) - _MOST_MISTAKES)


def _setup(facts: Facts) -> Said:
    if facts.mistakes:
        return _SETUP_WRONG
    if facts.rules_left:
        return _RULES_LEFT
    if not facts.taken:
        return _SETUP_NONE
    return Said(_SETUP_TAKEN.en.format(where=facts.setup), _SETUP_TAKEN.de.format(where=facts.setup))


def _state(service: Service, language: str) -> str:
    said = _STATES.get(service.state, _STATES[""]).by(language)
    return f"{said}: {_words(service.words, language)}" if service.words else said


def _words(words: str, language: str) -> str:
    """What a service tells systemd of itself (sd_notify(3), STATUS=) is English; its own sentences are said anew."""
    what, colon, rest = words.partition(":")
    known = _TOLD.get(what)
    return words if known is None else known.by(language) + colon + rest


def _card(card: Card, language: str) -> str:
    if card.addresses:
        return f"{card.name}  {', '.join(card.addresses)}"
    return f"{card.name}  {(_WAITS if card.plugged else _UNPLUGGED).by(language)}"


def _in_link(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _plain(line: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in line)[:WIDTH].rstrip()


_CONSOLE = Said("Console", "Konsole")
_NO_LINK = Said("as soon as the network has an address", "sobald das Netz eine Adresse hat")
_FINGERPRINT = Said("Fingerprint", "Fingerabdruck")
_CONSOLE_STATE = Said("Console's state", "Stand der Konsole")
_RECEIVER = Said("Receiver", "Empfang")
_NETWORK = Said("Network", "Netz")
_GATEWAY = Said("Gateway", "Gateway")
_CLOCK = Said("Clock", "Uhr")
_SETUP = Said("Set-up", "Einrichtung")
_VERSION = Said("Version", "Version")
_IN_TIME = Said("set by a time server", "nach einem Zeitserver gestellt")
_NOT_IN_TIME = Said("not yet set by a time server", "noch nach keinem Zeitserver gestellt")
_WAITS = Said("no address yet", "noch keine Adresse")
_UNPLUGGED = Said("no cable", "kein Kabel")
_SETUP_NONE = Said("no stellwerk.conf: network by DHCP", "keine stellwerk.conf: Netz per DHCP")
_SETUP_TAKEN = Said("by stellwerk.conf ({where})", "nach stellwerk.conf ({where})")
_SETUP_WRONG = Said("stellwerk.conf cannot be taken, see below", "stellwerk.conf ist nicht brauchbar, siehe unten")
_RULES_LEFT = Said(
    "by stellwerk.conf; its rules are not taken any more: change rules in the console",
    "nach stellwerk.conf; Regeln von dort gelten nicht mehr: Regeln in der Konsole ändern",
)
_ON_TRIAL = Said("on trial until it has come up whole", "auf Probe, bis alles läuft")
_GONE_BACK = Said(
    "Version {version} did not come up well: the machine has gone back to this one.",
    "Version {version} lief nicht gut an: Das Gerät ist zu dieser zurückgekehrt.",
)
_STATES = {
    "active": Said("runs", "läuft"),
    "activating": Said("starts", "startet"),
    "reloading": Said("runs", "läuft"),
    "deactivating": Said("stops", "hält an"),
    "failed": Said("does not run, and is started again", "läuft nicht und wird neu gestartet"),
    "": Said("does not run", "läuft nicht"),
}
_TOLD = {
    "open ports": Said("open ports", "offene Ports"),
    "open port": Said("open port", "offener Port"),
    "looks through what is in the spool": Said(
        "looks through what is in the spool", "sieht durch, was noch zu tun ist"
    ),
}
_NO_CARD = Said(
    "There is no network card that this system knows. In a virtual machine, choose virtio or vmxnet3.",
    "Es gibt keine Netzwerkkarte, die dieses System kennt. In einer virtuellen Maschine virtio oder vmxnet3 wählen.",
)
_NO_CABLE = Said("No network cable is plugged in.", "Es steckt kein Netzwerkkabel.")
_NO_ADDRESS = Said(
    "The network gives no address (DHCP). Either it has no DHCP server, or the cable leads elsewhere. A fixed address "
    "belongs into stellwerk.conf on a USB stick, under [network].",
    "Das Netz vergibt keine Adresse (DHCP). Entweder hat es keinen DHCP-Server, oder das Kabel führt woandershin. Eine "
    "feste Adresse gehört in die stellwerk.conf auf einem USB-Stick, unter [network].",
)
_MISTAKES = Said(
    "Nothing of stellwerk.conf ({where}) was taken; all is as it was. Mend this, and restart:",
    "Von stellwerk.conf ({where}) gilt nichts; alles ist, wie es war. Dies ändern, dann neu starten:",
)
_MORE = Said("and {count} more", "und {count} weitere")
_RULES = Said(
    "The rules beside stellwerk.conf have errors, and were not taken:",
    "Die Regeln neben stellwerk.conf haben Fehler und gelten nicht:",
)
_FIRST = Said(
    "Nobody may use the console yet. Whoever opens this link first becomes its admin. Compare the certificate's "
    "fingerprint in the browser. The link is good for a day.",
    "Noch darf niemand an die Konsole. Wer diesen Link zuerst öffnet, wird Admin. Vergleichen Sie im Browser den "
    "Fingerabdruck des Zertifikats. Der Link gilt einen Tag.",
)
_KEY = Said(
    "Recovery key of the encrypted data. Write it down now: it is kept nowhere, and not shown any more once there is "
    "an admin. Without it and without this machine, nobody can read the data.",
    "Wiederherstellungsschlüssel der verschlüsselten Daten. Schreiben Sie ihn jetzt ab: Er steht nirgends und wird "
    "nicht mehr gezeigt, sobald es einen Admin gibt. Ohne ihn und ohne dieses Gerät kann niemand die Daten lesen.",
)
_NO_KEY = Said(
    "No recovery key could be made ({why}). Without this machine's TPM the data cannot be read: keep backups.",
    "Es ließ sich kein Wiederherstellungsschlüssel anlegen ({why}). Ohne das TPM dieses Geräts sind die Daten nicht "
    "lesbar: Machen Sie Sicherungen.",
)
