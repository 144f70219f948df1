"""`stellwerk.conf`: how a machine without a keyboard is set up, read from text, whole or with all that is wrong in it.

    language = "de"                     # of the screen and of mails
    hostname = "stellwerk"
    timezone = "Europe/Berlin"
    time_servers = ["ptbtime1.ptb.de"]

    [network]                           # nothing here: DHCP
    address = "192.168.10.20/24"
    gateway = "192.168.10.1"
    dns = ["192.168.10.1"]

    [mail]                              # settings, as in stellwerk.toml
    host = "smtp.praxis.example"
    password = "…"                      # goes into a file of its own

All else are settings (docs/operations.md, appliance.machine.conf_settings). It is written in TOML, with
Notepad: a byte order mark, Windows' line ends and its old encodings are taken as they come. It must not know where the
text came from, nor what becomes of it.
"""

import ipaddress
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from appliance.machine import conf_values as values
from appliance.machine.conf_settings import FIXED, SETTINGS, Value
from appliance.machine.said import Mistake, Said, Wrong

MOST_BYTES = 64 << 10
"""A longer file is none."""


@dataclass(frozen=True, slots=True)
class Network:
    """How the machine is in the network. Without an address, DHCP says so. interface: a name or a MAC address."""

    address: tuple[str, ...] = ()
    gateway: tuple[str, ...] = ()
    dns: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    vlan: int = 0
    interface: str = ""


@dataclass(frozen=True, slots=True)
class Conf:
    """What a file says. settings: by their names, as they stand in stellwerk.toml. Empty is what it does not say."""

    language: str = "de"
    hostname: str = ""
    timezone: str = ""
    time_servers: tuple[str, ...] = ()
    network: Network = Network()
    settings: Mapping[str, Value] = field(default_factory=dict)
    mail_password: str = field(default="", repr=False)
    rules_git_token: str = field(default="", repr=False)


class Broken(Exception):
    """A file that cannot be taken: every mistake, by line, and the language in which to tell of them."""

    def __init__(self, mistakes: list[Mistake], language: str) -> None:
        super().__init__("; ".join(mistake.by("en") for mistake in mistakes))
        self.mistakes, self.language = sorted(mistakes), language


_READERS: dict[str, Callable[[object], Any]] = {
    "language": values.language,
    "hostname": values.hostname,
    "timezone": values.timezone,
    "time_servers": values.several(values.host),
    "network.address": values.several(values.address),
    "network.gateway": values.several(values.plain_address),
    "network.dns": values.several(values.plain_address),
    "network.domains": values.several(values.host),
    "network.vlan": values.vlan,
    "network.interface": values.interface,
    "mail.password": values.password,
    "rules_git_token": values.password,
}
_LANGUAGE = re.compile(r"""^\s*language\s*=\s*["'](de|en)["']""", re.MULTILINE)
_AT_LINE = re.compile(r"\(at line (\d+), column \d+\)")
_TYPOGRAPHIC = re.compile("[“”„‟‘’‚«»]")


def decoded(raw: bytes) -> str:
    """The text of a file that any editor of Windows has written. Raises Broken."""
    if len(raw) > MOST_BYTES:
        said = Said(f"it is longer than {MOST_BYTES >> 10} KB", f"sie ist länger als {MOST_BYTES >> 10} KB")
        raise Broken([Mistake(0, said)], "de")
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return raw.decode("utf-16", "replace").replace("\r\n", "\n")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        # "ANSI". Where a byte has no character even there, TOML will say in which line.
        text = raw.decode("cp1252", "replace")
    return text.replace("\r\n", "\n")


def read(raw: bytes, cards: tuple[str, ...] = ()) -> Conf:
    """What it says. Raises Broken with every mistake at once.

    cards: the machine's network cards, by name; with several, a fixed address must say which.
    """
    text = decoded(raw)
    spoken = _LANGUAGE.search(text)
    language = spoken[1] if spoken else "de"
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Broken([_not_toml(text, str(error))], language) from None
    reading = _Reading(text)
    reading.take(found)
    if not reading.mistakes:
        reading.together(cards)
    if reading.mistakes:
        raise Broken(reading.mistakes, language)
    return reading.conf()


class _Reading:
    """One file while it is read: what was understood, and what was not."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._found: dict[str, Any] = {}
        self._settings: dict[str, Value] = {}
        self.mistakes: list[Mistake] = []

    def take(self, tables: Mapping[str, object]) -> None:
        for name, value in tables.items():
            if isinstance(value, dict):
                for inner, deeper in value.items():
                    self._one(f"{name}.{inner}", deeper)
            else:
                self._one(name, value)

    def together(self, cards: tuple[str, ...]) -> None:
        """What is right by itself and wrong with the rest."""
        network = self._network()
        reach = [ipaddress.ip_interface(one).network for one in network.address]
        for gateway in network.gateway:
            if not reach:
                self._wrong("network.gateway", *_NO_ADDRESS)
            elif not any(ipaddress.ip_address(gateway) in one for one in reach):
                self._wrong(
                    "network.gateway",
                    f"{gateway} does not lie in the network of the address",
                    f"{gateway} liegt nicht im Netz der Adresse",
                )
        if len(cards) > 1 and not network.interface and (network.address or network.vlan):
            has = ", ".join(cards)
            self._wrong(
                "network.address" if network.address else "network.vlan",
                f"this machine has several network cards ({has}): interface says which one is meant",
                f"dieser Rechner hat mehrere Netzwerkkarten ({has}): interface sagt, welche gemeint ist",
            )
        if self._found.get("mail.password") and not self._settings.get("mail_user"):
            self._wrong("mail.password", "a password needs a user", "zu einem Passwort gehört user")
        if self._found.get("rules_git_token") and not self._settings.get("rules_git"):
            self._wrong("rules_git_token", "a token needs rules_git", "zu einem Token gehört rules_git")

    def conf(self) -> Conf:
        plain = {name: self._found[name] for name in ("hostname", "timezone", "time_servers") if name in self._found}
        language = self._found.get("language", "de")
        settings = {"language": language, **self._settings}
        return Conf(
            language,
            **plain,
            network=self._network(),
            settings=settings,
            mail_password=self._found.get("mail.password", ""),
            rules_git_token=self._found.get("rules_git_token", ""),
        )

    def _network(self) -> Network:
        names = [name for name in self._found if name.startswith("network.")]
        return Network(**{name.partition(".")[2]: self._found[name] for name in names})

    def _one(self, name: str, value: object) -> None:
        setting = name.replace(".", "_")
        try:
            if name in _READERS:
                self._found[name] = _READERS[name](value)
            elif setting in FIXED:
                raise Wrong(*FIXED[setting])
            elif setting in SETTINGS:
                self._settings[setting] = SETTINGS[setting](value)
            else:
                raise Wrong(*self._unknown(name))
        except Wrong as wrong:
            self._wrong(name, *wrong.said)

    def _wrong(self, name: str, en: str, de: str) -> None:
        self.mistakes.append(Mistake(line_of(self._text, name), Said(f"{name}: {en}", f"{name}: {de}")))

    def _unknown(self, name: str) -> tuple[str, str]:
        # Loaded where somebody has made a mistake, and not at each start.
        from difflib import get_close_matches

        known = [*_READERS, *map(_spelled, SETTINGS)]
        near = get_close_matches(name, known, 1, 0.5) or get_close_matches(
            name.rpartition(".")[2], [one.rpartition(".")[2] for one in known], 1, 0.7
        )
        if not near:
            return "this is not known here", "das ist hier nicht bekannt"
        return f"this is not known here; did you mean {near[0]}?", f"das ist hier nicht bekannt; meinten Sie {near[0]}?"


def line_of(text: str, name: str) -> int:
    """The line in which a value stands, by its name with its table; 0 where it is not found."""
    table = name.rpartition(".")[0]
    now = ""
    for number, line in enumerate(text.splitlines(), 1):
        heading = re.match(r"\s*\[\s*([\w-]+)\s*\]", line)
        if heading:
            now = heading[1]
            continue
        said = re.match(r"""\s*(["']?)([\w.-]+)\1\s*=""", line)
        if said and f"{now}.{said[2]}".strip(".") == name:
            return number
    # A table in one line: network = { address = "…" }.
    return line_of(text, table) if table else 0


def _spelled(setting: str) -> str:
    """A setting as it is written here: what belongs to mail has a table."""
    return setting.replace("_", ".", 1) if setting.startswith("mail_") else setting


def _not_toml(text: str, why: str) -> Mistake:
    place = _AT_LINE.search(why)
    line = int(place[1]) if place else len(text.splitlines())
    said = text.splitlines()[line - 1] if 0 < line <= len(text.splitlines()) else ""
    if _TYPOGRAPHIC.search(said):
        return Mistake(line, _TYPOGRAPHIC_WORDS)
    if "overwrite" in why or "twice" in why:
        return Mistake(line, _TWICE_WORDS)
    return Mistake(line, _NOT_TOML_WORDS)


_NO_ADDRESS = "a gateway needs an address", "zu gateway gehört address"
_TYPOGRAPHIC_WORDS = Said(
    'these quotes are typographic: the plain one " is needed, as Notepad writes it',
    'das sind typografische Anführungszeichen: gebraucht wird das gerade ", wie der Editor von Windows es schreibt',
)
_TWICE_WORDS = Said("this stands here for the second time", "das steht hier zum zweiten Mal")
_NOT_TOML_WORDS = Said(
    'this cannot be read. A line is: name = "text", name = number, or [table]; a comment begins with #',
    'das ist nicht lesbar. Eine Zeile heißt: name = "Text", name = Zahl oder [Tabelle]; ein Kommentar beginnt mit #',
)
