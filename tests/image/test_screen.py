"""The machine's screen: golden pictures in both languages; nothing that was read can do more than stand there."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import termios
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.machine import letters, screen_text
from appliance.machine.said import Mistake, Said
from appliance.machine.screen import Screen
from appliance.machine.screen_facts import Card, Facts, Service, gateway, gather, read_states, secret, seen_cards
from appliance.machine.screen_text import HEIGHT, WIDTH, drawn
from tests.house.tree import ROOT

HERE = Path(__file__).parent
PRINT = ":".join(f"{number:02X}" for number in range(160, 192))

FRESH = Facts(
    version="0.1.0",
    hostname="stellwerk",
    cards=(Card("enp1s0", True, ("192.168.10.20/24",)), Card("enp2s0", False)),
    gateway="192.168.10.1",
    synchronized=True,
    receiver=Service("active", "open ports: 26130, 26131, 26230"),
    console=Service("active"),
    fingerprint=PRINT,
    secret="abcde-fghij-kmnpq-rstuv-wxyz2",
    key="-".join(["cbdefghi"] * 8),
    setup="STELLWERK",
    taken=True,
)
USED = replace(FRESH, secret="", key="", setup="", taken=False, on_trial=True)
LOST = replace(
    USED,
    cards=(Card("enp1s0", True),),
    gateway="",
    synchronized=False,
    receiver=Service("failed", "the rules have errors"),
    console=Service("activating"),
    fingerprint="",
    setup="STELLWERK",
    mistakes=(
        Mistake(2, Said("network.adress: not known; did you mean network.address?", "network.adress: nicht bekannt")),
        *(Mistake(line, Said("hostname: no", "hostname: nein")) for line in range(3, 11)),
    ),
    on_trial=False,
)


def picture(facts: Facts) -> str:
    return "\n".join(line for page in drawn(facts) for line in page) + "\n"


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("name", ["fresh", "used", "lost"])
def test_pictures(name: str, language: str) -> None:
    facts = replace({"fresh": FRESH, "used": USED, "lost": LOST}[name], language=language)
    golden = HERE / "screens" / f"{name}.{language}.txt"
    if os.environ.get("GOLDEN"):
        golden.parent.mkdir(exist_ok=True)
        golden.write_text(picture(facts))
    assert picture(facts) == golden.read_text()


@pytest.mark.parametrize("language", ["de", "en"])
@pytest.mark.parametrize("facts", [FRESH, USED, LOST, Facts()])
def test_it_fits_every_screen(facts: Facts, language: str) -> None:
    for lines in drawn(replace(facts, language=language)):
        assert len(lines) <= HEIGHT
        assert all(len(line) <= WIDTH for line in lines)


def test_the_link_and_the_recovery_key_are_never_cut() -> None:
    six = replace(FRESH, cards=(Card("enp1s0", True, ("2001:db8:1111:2222:3333:4444:5555:6666/64",)),))
    link = "https://[2001:db8:1111:2222:3333:4444:5555:6666]/start/abcde-fghij-kmnpq-rstuv-wxyz2"
    assert link in picture(six).replace("/start/\n   ", "/start/")
    all_at_once = replace(FRESH, rules=("a.rules:1: E101",) * 9, mistakes=LOST.mistakes)
    assert FRESH.key in "".join(drawn(all_at_once)[0])
    assert "network.adress" in "".join(drawn(all_at_once)[1])
    assert "a.rules:1: E101" in picture(all_at_once)


def test_what_was_read_cannot_move_the_cursor() -> None:
    evil = replace(FRESH, hostname="a\x1b[2J", receiver=Service("active", "\x1b]0;x\x07\r\nfalse"), rules=("\x9b1A",))
    assert all(line.isprintable() for page in drawn(evil) for line in page)


def test_with_a_user_there_is_neither_link_nor_key(tmp_path: Path) -> None:
    (tmp_path / "stellwerk").mkdir()
    (tmp_path / "stellwerk-machine").mkdir()
    (tmp_path / "stellwerk/first-admin").write_text("abcde-fghij-kmnpq-rstuv-wxyz2\n")
    letters.write(tmp_path / "stellwerk-machine/recovery.json", {"key": "c" * 71})
    letters.write(tmp_path / "stellwerk/console.json", {"fingerprint": PRINT})
    letters.write(tmp_path / "stellwerk/rules.json", {"trouble": ["a.rules:1: E101 no", 3]})
    gone = {"version": "0.2.0", "why": "no answer", "at": ""}
    letters.write(tmp_path / "stellwerk-machine/facts.json", {"trial": True, "rolled_back": gone})
    letters.write(tmp_path / "stellwerk-machine/setup.json", {"language": "en", "mistakes": [[1, "a", "b"], "?"]})
    before = gather(tmp_path, has_users=False)
    assert (before.secret, before.key) == ("abcde-fghij-kmnpq-rstuv-wxyz2", "c" * 71)
    assert (before.fingerprint, before.rules, before.language) == (PRINT, ("a.rules:1: E101 no",), "en")
    assert before.mistakes == (Mistake(1, Said("a", "b")),)
    assert (before.on_trial, before.gone_back) == (True, ("0.2.0", "no answer"))
    assert "Version 0.2.0 did not come up well" in picture(before)
    after = gather(tmp_path, has_users=True)
    assert (after.secret, after.key) == ("", "")


@pytest.mark.parametrize("said", ["", "short", "a" * 30 + "\x1b[2J", "x" * 300, "with a blank and more"])
def test_a_secret_has_a_form_or_is_none(tmp_path: Path, said: str) -> None:
    (tmp_path / "first-admin").write_text(said)
    assert secret(tmp_path / "first-admin") == ""


def test_a_link_in_its_place_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("a" * 40)
    (tmp_path / "first-admin").symlink_to(tmp_path / "elsewhere")
    assert secret(tmp_path / "first-admin") == ""
    os.mkfifo(tmp_path / "pipe")
    assert secret(tmp_path / "pipe") == ""


def test_units_as_systemd_tells_of_them() -> None:
    said = (
        "Id=stellwerk.service\nActiveState=active\nSubState=running\nStatusText=ready=yes\n\n"
        "Id=stellwerk-console.service\nActiveState=activating\nSubState=auto-restart\nStatusText=\n"
    )
    assert read_states(said) == {
        "stellwerk.service": Service("active", "ready=yes"),
        "stellwerk-console.service": Service("failed", ""),
    }


LOOKING = """
set -e
ip link add enp9s0 type veth peer name other
ip link set other up
ip link set enp9s0 up
ip addr add 192.168.10.20/24 dev enp9s0
ip addr add 10.1.2.3/16 dev enp9s0
ip addr add 2001:db8::20/64 dev enp9s0 nodad
ip route add default via 192.168.10.1
mkdir -p "$1/enp9s0/device" "$1/lo"
echo 1 >"$1/enp9s0/carrier"
exec "$2" -c "
from pathlib import Path; from appliance.machine.screen_facts import gateway, seen_cards
print(list(seen_cards(Path('$1'))), gateway())"
"""


def test_addresses_and_gateway_are_those_of_the_kernel(tmp_path: Path) -> None:
    rooms = ["unshare", "--net"]
    if not shutil.which("ip") or subprocess.run([*rooms, "true"], capture_output=True, check=False).returncode:
        pytest.skip("ip is not here, or this account may not make a network of its own")
    script = [*rooms, "bash", "-c", LOOKING, "bash", str(tmp_path), sys.executable]
    said = subprocess.run(script, capture_output=True, text=True, check=True, cwd=HERE.parents[1]).stdout
    card = Card("enp9s0", True, ("10.1.2.3/16", "192.168.10.20/24", "2001:db8::20/64"))
    assert said == f"{[card]} 192.168.10.1\n"


def test_without_a_network_there_is_neither(tmp_path: Path) -> None:
    assert gateway(tmp_path) == ""
    assert list(seen_cards(tmp_path, tmp_path)) == []


def read_all(handle: int) -> bytes:
    found = b""
    while select.select([handle], [], [], 0.2)[0]:
        found += os.read(handle, 65536)
    return found


def test_a_terminal_shows_it_and_hears_nothing() -> None:
    monitor, terminal = pty.openpty()
    now = [0.0]
    screen = Screen(Path(os.ttyname(terminal)), lambda: now[0])
    screen.show([["first", "zweite ä"]])
    assert read_all(monitor).decode().replace("\r", "").endswith("first\nzweite ä\n")
    screen.show([["first", "zweite ä"]])
    assert read_all(monitor) == b""
    now[0] = 61.0
    screen.show([["first", "zweite ä"]])
    assert b"first" in read_all(monitor)
    screen.show([["first"], ["second"]])
    now[0] = 73.0
    screen.show([["first"], ["second"]])
    said = read_all(monitor)
    assert b"first" in said
    assert b"second" in said
    os.write(monitor, b"\x03root\r")
    assert read_all(monitor) == b"", "what is typed is echoed"
    assert not termios.tcgetattr(terminal)[3] & (termios.ECHO | termios.ISIG)
    os.close(monitor)
    os.close(terminal)


def test_a_terminal_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    Screen(tmp_path / "tty1").show([["x"]])
    assert not (tmp_path / "tty1").exists()


@pytest.mark.parametrize("file", ["run.py", "console.py"])
def test_what_a_service_says_of_itself_is_known_in_german(file: str) -> None:
    text = (ROOT / "appliance/commands" / file).read_text("utf-8")
    said = re.findall(r'notify\.(?:status|ready)\(f?"([^":{]+)', text) + re.findall(r'return f"(open ports):', text)
    assert said
    assert not set(said) - set(screen_text._TOLD)
