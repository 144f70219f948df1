"""`stellwerk.conf`: what an admin writes in Notepad is understood, or every mistake is told with its line."""

import re
from dataclasses import fields

import pytest

from appliance.machine.conf import Broken, Network, read
from appliance.machine.conf_settings import FIXED, SETTINGS
from appliance.settings import Settings
from tests.house.tree import ROOT

MANUALS = ("first-boot.md", "first-boot.de.md")

WHOLE = """\
language = "de"
hostname = "stellwerk-praxis"
timezone = "Europe/Berlin"
time_servers = ["ptbtime1.ptb.de", "192.168.10.1"]
warn_free_mb = 4096

[network]
address = "192.168.10.20/24"
gateway = "192.168.10.1"
dns = ["192.168.10.1", "192.168.10.2"]
domains = "praxis.example"
vlan = 20
interface = "52-54-00-12-34-56"

[mail]
host = "smtp.praxis.example"
user = "stellwerk"
password = "grün & \\"geheim\\""
"""


def mistakes(text: str, language: str = "en", cards: tuple[str, ...] = ()) -> list[str]:
    with pytest.raises(Broken) as broken:
        read(text.encode(), cards)
    return [one.by(language) for one in broken.value.mistakes]


def test_all_that_may_be_said() -> None:
    conf = read(WHOLE.encode())
    assert (conf.language, conf.hostname, conf.timezone) == ("de", "stellwerk-praxis", "Europe/Berlin")
    assert conf.time_servers == ("ptbtime1.ptb.de", "192.168.10.1")
    assert conf.network == Network(
        ("192.168.10.20/24",),
        ("192.168.10.1",),
        ("192.168.10.1", "192.168.10.2"),
        ("praxis.example",),
        20,
        "52:54:00:12:34:56",
    )
    assert conf.settings == {
        "language": "de",
        "warn_free_mb": 4096,
        "mail_host": "smtp.praxis.example",
        "mail_user": "stellwerk",
    }
    assert conf.mail_password == 'grün & "geheim"'
    assert "geheim" not in repr(conf)


def test_an_empty_file_is_a_machine_with_dhcp() -> None:
    conf = read(b"")
    assert conf.network == Network()
    assert conf.hostname == ""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_however_an_editor_of_windows_saves_it(encoding: str, end: str) -> None:
    assert read(WHOLE.replace("\n", end).encode(encoding)) == read(WHOLE.encode())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('hostname = "a b"', "line 1: hostname: a name has letters a-z"),
        ('hostnam = "a"', "line 1: hostnam: this is not known here; did you mean hostname?"),
        (
            '\n[network]\nadress = "10.0.0.2/8"',
            "line 3: network.adress: this is not known here; did you mean network.address?",
        ),
        (
            '[netzwerk]\naddress = "10.0.0.2/8"',
            "line 2: netzwerk.address: this is not known here; did you mean network.address?",
        ),
        ('address = "10.0.0.2/8"', "line 1: address: the machine's own address belongs under [network]"),
        ('mail_pasword = "x"', "line 1: mail_pasword: this is not known here; did you mean mail.password?"),
        ('[network]\naddress = "10.0.0.2"', "line 2: network.address: the length of the network is missing"),
        ('[network]\naddress = "10.0.0.255/24"', "line 2: network.address: a machine cannot have the address"),
        (
            '[network]\naddress = "10.0.300.2/24"',
            "line 2: network.address: '10.0.300.2/24' is no address with a network",
        ),
        ('[network]\ngateway = "10.0.0.1"', "line 2: network.gateway: a gateway needs an address"),
        (
            '[network]\naddress = "10.0.0.2/24"\ngateway = "10.0.1.1"',
            "line 3: network.gateway: 10.0.1.1 does not lie in the network of the address",
        ),
        ("[network]\nvlan = 4095", "line 2: network.vlan: a VLAN is a number from 1 to 4094"),
        ("[network]\nvlan = true", "line 2: network.vlan: a VLAN is a number from 1 to 4094"),
        ('timezone = "Europe/Bonn"', "line 1: timezone: 'Europe/Bonn' is no time zone"),
        ('timezone = "../../etc/passwd"', "line 1: timezone: '../../etc/passwd' is no time zone"),
        ('[mail]\npassword = "x"', "line 2: mail.password: a password needs a user"),
        ('[mail]\nsecurity = "ssl"', "line 2: mail.security: one of these belongs here"),
        ('min_free_mb = "many"', "line 1: min_free_mb: a number belongs here, without quotes"),
        ("min_free_mb = 1.5", "line 1: min_free_mb: a whole number belongs here"),
        ('data = "/srv"', "line 1: data: this is fixed on an appliance"),
        ("hostname = stellwerk", "line 1: this cannot be read. A line is:"),
        ("\n\nhostname = „stellwerk“", "line 3: these quotes are typographic"),
        ('hostname = "a"\nhostname = "b"', "line 2: this stands here for the second time"),
        ("time_servers = []", "line 1: time_servers: 1 to 16 entries belong here"),
        ('hostname = "a\\u001b[2J"', "line 1: hostname: a text of one line belongs here"),
    ],
)
def test_a_mistake_is_told_with_its_line(text: str, said: str) -> None:
    (told,) = mistakes(text)
    assert told.startswith(said)


def test_all_mistakes_are_told_at_once_in_the_file_s_language() -> None:
    text = 'language = "de"\nhostname = ""\ntimezone = "Berlin"\n[mail]\nport = "25"'
    assert mistakes(text, "de") == [
        "Zeile 2: hostname: ein Name besteht aus Buchstaben a-z, Ziffern und Bindestrichen, höchstens 64 Zeichen, etwa"
        " stellwerk",
        "Zeile 3: timezone: 'Berlin' ist keine Zeitzone; eine heißt Europe/Berlin",
        "Zeile 5: mail.port: hier gehört eine Zahl hin, ohne Anführungszeichen",
    ]


def test_a_broken_file_still_says_in_which_language() -> None:
    with pytest.raises(Broken) as broken:
        read(b'language = "en"\nhostname = oops\n')
    assert broken.value.language == "en"


def test_a_password_is_in_no_message() -> None:
    assert "geheim" not in "".join(mistakes("[mail]\nuser = 'a'\npassword = geheim"))
    assert "geheim" not in "".join(mistakes("[mail]\nuser = 'a'\npassword = ['geheim']"))


def test_with_several_cards_a_fixed_address_says_which() -> None:
    text = '[network]\naddress = "10.0.0.2/24"\n'
    (told,) = mistakes(text, cards=("enp1s0", "enp2s0"))
    assert told.startswith("line 2: network.address: this machine has several network cards (enp1s0, enp2s0)")
    assert read(f'{text}interface = "enp2s0"'.encode(), ("enp1s0", "enp2s0")).network.interface == "enp2s0"


def test_every_setting_can_be_set_here_or_is_fixed() -> None:
    assert set(SETTINGS) | set(FIXED) == {field.name for field in fields(Settings)}
    assert not set(SETTINGS) & set(FIXED)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_taken_here_is_taken_by_the_service(name: str) -> None:
    value = getattr(Settings(), name)
    text = f"{name} = {value}" if isinstance(value, int | float) else f'{name} = "{value or "host"}"'
    conf = read(text.encode())
    loaded = Settings.load(None, {f"STELLWERK_{name.upper()}": str(conf.settings[name])})
    assert getattr(loaded, name) == conf.settings[name]


def test_a_huge_file_is_none() -> None:
    assert mistakes("#" * 70_000) == ["it is longer than 64 KB"]


PAGES = sorted((ROOT / "docs").rglob("*.md"))
SHOWN = [
    pytest.param(block, id=f"{page.name}:{text[: text.index(block)].count(chr(10)) + 1}")
    for page in PAGES
    for text in [page.read_text("utf-8")]
    for block in re.findall(r"^```conf\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]


@pytest.mark.parametrize("block", SHOWN)
def test_every_file_that_the_manual_shows_is_taken(block: str) -> None:
    assert read(block.encode(), ("enp1s0",)).language in ("de", "en")


def test_the_manual_shows_both_languages_the_same_files() -> None:
    shown = [[str(parameter.id).partition(":")[0] for parameter in SHOWN].count(name) for name in MANUALS]
    assert shown == [2, 2]


@pytest.mark.parametrize("page", MANUALS)
def test_what_the_manual_says_of_a_mistake_is_what_is_said(page: str) -> None:
    language = "de" if page.endswith(".de.md") else "en"
    (told,) = mistakes("\n\n\n\n\n\n[network]\nadress = '10.0.0.2/8'", language)
    assert f"    {told}\n" in (ROOT / "docs" / page).read_text("utf-8")
