"""The firewall: what it is made of, that nft takes it, and that in a network of its own nothing else gets through."""

import argparse
import hashlib
import json
import shutil
import subprocess
import threading
import time
from contextlib import suppress
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from appliance.machine import firewall, letters
from appliance.machine.ruleset import CLOSED, Address, House, Openings, gone, ruleset
from appliance.machine.wanted import Names, Unfit, Wanted
from appliance.network import wanted as wanted_by
from appliance.settings import Settings
from tests.appliance.test_network import ONE_OF_EACH, program
from tests.house.test_docs import BLOCKS

HOUSE = House((ip_address("10.0.0.53"), ip_address("fd00::53")), {"systemd-resolve": 991, "systemd-timesync": 990})

PRACTICE = """\
table inet stellwerk
delete table inet stellwerk
table inet stellwerk {
  chain in {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    ct state invalid drop
    iif "lo" accept
    icmp type { destination-unreachable, time-exceeded, parameter-problem } accept
    icmp type echo-request limit rate 20/second accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept
    icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept
    icmpv6 type { mld-listener-query, mld-listener-report } ip6 saddr fe80::/10 accept
    icmpv6 type echo-request limit rate 20/second accept
    udp sport 67 udp dport 68 accept
    ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept
    ip saddr { 10.1.0.0/16 } tcp dport 11112 accept
    ip6 saddr { fd00::/8 } tcp dport 11112 accept
    tcp dport 26131 accept
    tcp dport 26180 accept
    tcp dport 22 accept
    limit rate 6/minute log prefix "stellwerk refused in: "
  }
  chain through {
    type filter hook forward priority filter; policy drop;
  }
  chain out {
    type filter hook output priority filter; policy drop;
    ct state established,related accept
    oif "lo" accept
    meta l4proto { icmp, ipv6-icmp } accept
    udp sport 68 udp dport 67 accept
    udp sport 546 udp dport 547 accept
    ip daddr { 10.0.0.53 } udp dport 53 accept
    ip daddr { 10.0.0.53 } tcp dport { 53, 853 } accept
    ip6 daddr { fd00::53 } udp dport 53 accept
    ip6 daddr { fd00::53 } tcp dport { 53, 853 } accept
    meta skuid 991 udp dport 53 accept
    meta skuid 991 tcp dport { 53, 853 } accept
    meta skuid 990 udp dport 123 accept
    ip daddr { 10.0.0.5, 10.0.0.6 } tcp dport 104 accept
    ip6 daddr { fd00::5 } tcp dport 104 accept
    ip daddr { 10.0.0.7 } tcp dport 587 accept
    limit rate 6/minute log prefix "stellwerk refused out: "
    reject with icmpx admin-prohibited
  }
  chain console {
    type nat hook prerouting priority dstnat; policy accept;
    tcp dport 443 redirect to :26180
  }
}
"""

LETTER = {
    "inbound": [
        {"port": 11112, "networks": ["10.1.0.0/16", "10.1.7.0/24", "fd00::/8"]},
        {"port": 26131, "networks": []},
        {"port": 26180, "networks": []},
    ],
    "outbound": [
        {"name": "PACS_A", "host": "pacs.example", "port": 104},
        {"name": "PACS_B", "host": "10.0.0.6", "port": 104},
        {"name": "mail", "host": "10.0.0.7", "port": 587},
    ],
    "console": 26180,
}


def nft_works() -> bool:
    """Whether there is nft, and a network of its own to try it in."""
    if shutil.which("nft", path="/usr/sbin:/usr/bin") is None:
        return False
    tried = "nft add table inet t && nft 'add chain inet t c { type nat hook prerouting priority -100; }'"
    return subprocess.run(["unshare", "-n", "sh", "-c", tried], capture_output=True, check=False).returncode == 0


nft = pytest.mark.skipif(not nft_works(), reason="there is no nft here, or no network of its own to try it in")


def alone(*words: str, text: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command in a network of its own."""
    return subprocess.run(["unshare", "-n", *words], input=text, capture_output=True, text=True, check=False)


# --- the text


def test_the_ruleset_of_a_practice(tmp_path: Path) -> None:
    names = Names(tmp_path / "known", {"pacs.example": ["10.0.0.5", "fd00::5", "10.0.0.5"]}.__getitem__)
    wanted = Wanted.of(LETTER)
    openings = firewall._opened(wanted, names.look_up(wanted.hosts, 0.0))
    own = House(HOUSE.resolvers, HOUSE.accounts, "\n  tcp dport 22 accept\n", "")
    assert ruleset(openings, own) == PRACTICE


def test_a_port_of_the_rules_goes_before_the_redirect_of_the_console() -> None:
    assert "redirect" in ruleset(Openings(((26180, ()),), (), 26180), House())
    assert "redirect" not in ruleset(Openings(((443, ()), (26180, ())), (), 26180), House())
    assert "redirect" not in ruleset(CLOSED, House())


def test_without_systemd_the_clock_may_be_asked_by_anybody() -> None:
    assert "    udp dport 123 accept" in ruleset(CLOSED, House()).splitlines()


def test_networks_are_put_together() -> None:
    networks = (ip_network("10.0.0.0/8"), ip_network("10.1.0.0/16"), ip_network("10.0.0.5"))
    assert "ip saddr { 10.0.0.0/8 } tcp dport 104 accept" in ruleset(Openings(((104, networks),)), House())


@nft
def test_nft_takes_the_rules_of_every_page(tmp_path: Path) -> None:
    rulesets = [ruleset(CLOSED, House()), ruleset(CLOSED, HOUSE), PRACTICE, gone()]
    tried = 0
    for block in (ONE_OF_EACH, *(str(one.values[1]) for one in BLOCKS)):
        with suppress(AssertionError):  # some show a piece, which stands in a rule file with others
            letter = wanted_by(program(block), Settings(mail_host="mail.example")).letter()
            asked = Wanted.of(json.loads(json.dumps(letter)))
            names = Names(tmp_path / "known", lambda _: ["192.0.2.1", "2001:db8::1"])
            rulesets.append(ruleset(firewall._opened(asked, names.look_up(asked.hosts, 0.0)), HOUSE))
            tried += 1
    assert tried > 20
    done = alone("nft", "-c", "-f", "-", text="\n".join(rulesets))
    assert done.returncode == 0, done.stderr[:2000]


# --- what is asked for is judged

SOUND = {"inbound": [], "outbound": [], "console": 0}


@pytest.mark.parametrize(
    "letter",
    [
        {},
        {**SOUND, "inbound": {}},
        {**SOUND, "inbound": [1]},
        {**SOUND, "inbound": [{"port": 0, "networks": []}]},
        {**SOUND, "inbound": [{"port": 65536, "networks": []}]},
        {**SOUND, "inbound": [{"port": True, "networks": []}]},
        {**SOUND, "inbound": [{"port": "22", "networks": []}]},
        {**SOUND, "inbound": [{"port": 22}]},
        {**SOUND, "inbound": [{"port": 22, "networks": ["0.0.0.0/0 accept; drop"]}]},
        {**SOUND, "inbound": [{"port": 22, "networks": [1]}]},
        {**SOUND, "inbound": [{"port": 22, "networks": ["10.0.0.0/8"] * 3000}]},
        {**SOUND, "inbound": [{"port": 22, "networks": [], "also": "accept"}]},
        {**SOUND, "outbound": [{"name": "A", "host": "a;b", "port": 1}]},
        {**SOUND, "outbound": [{"name": "A", "host": "a\nb", "port": 1}]},
        {**SOUND, "outbound": [{"name": "A\n}", "host": "a", "port": 1}]},
        {**SOUND, "outbound": [{"name": "A", "host": "ä", "port": 1}]},
        {**SOUND, "outbound": [{"name": "A", "host": "", "port": 1}]},
        {**SOUND, "outbound": [{"name": "A", "host": "a", "port": 1}] * 3000},
        {**SOUND, "console": -1},
        {**SOUND, "console": None},
        {**SOUND, "more": 1},
    ],
)
def test_what_no_firewall_has_is_refused(letter: dict[str, object]) -> None:
    with pytest.raises(Unfit):
        Wanted.of(letter)


def test_a_name_keeps_its_addresses_while_nobody_can_be_asked_and_loses_old_ones_otherwise(tmp_path: Path) -> None:
    answers = [["10.0.0.5"], [], ["10.0.0.6"], ["10.0.0.6"]]
    seen = []
    for day, answer in enumerate(answers):
        names = Names(tmp_path / "known", lambda _, answer=answer: answer)  # type: ignore[misc]
        seen.append({str(one) for one in names.look_up({"pacs.example"}, day * 80_000.0)["pacs.example"]})
        names.keep()
    assert seen == [{"10.0.0.5"}, {"10.0.0.5"}, {"10.0.0.6"}, {"10.0.0.6"}]


def test_addresses_that_change_quickly_are_remembered_for_a_day(tmp_path: Path) -> None:
    for minute, answer in enumerate(("10.0.0.1", "10.0.0.2", "10.0.0.3")):
        names = Names(tmp_path / "known", lambda _, answer=answer: [answer])  # type: ignore[misc]
        found = names.look_up({"store.example"}, minute * 60.0)
        names.keep()
    assert len(found["store.example"]) == 3


def test_a_name_service_that_hangs_is_not_waited_for(tmp_path: Path) -> None:
    go_on = threading.Event()

    def resolve(_: str) -> list[str]:
        go_on.wait(20)
        return []

    begun = time.monotonic()
    found = Names(tmp_path / "known", resolve, patience=0.1).look_up({"a.example", "10.0.0.1"}, 0.0)
    go_on.set()
    assert time.monotonic() - begun < 5
    assert found == {"a.example": set(), "10.0.0.1": {ip_address("10.0.0.1")}}


# --- the command


class Nft:
    """Stands in for nft(8): what it was told, and what it says."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses = ""

    def __call__(self, words: tuple[str, ...], text: str) -> None:
        if self.refuses and self.refuses in text:
            raise firewall.Refused(f"nft says: {self.refuses} is not sound")
        if "-c" not in words:
            self.taken.append(text)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Nft:
    one = Nft()
    monkeypatch.setattr(firewall, "_nft", one)
    monkeypatch.setattr(firewall, "WAIT", 0.0)
    monkeypatch.setattr("appliance.machine.wanted.resolved", lambda _: [])
    return one


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    for name in ("service", "machine", "own"):
        (tmp_path / name).mkdir()
    return tmp_path


def command(folders: Path, *words: str) -> int:
    parser = argparse.ArgumentParser()
    firewall.add(parser)
    places = [word for name in ("service", "machine", "own") for word in (f"--{name}", str(folders / name))]
    return firewall.run(parser.parse_args([*words, *places]))


def ask(folders: Path, **changed: object) -> None:
    outbound = [{"name": "A", "host": "10.0.0.5", "port": 104}]
    letter: dict[str, object] = {"inbound": [{"port": 26131, "networks": []}], "outbound": outbound, "console": 0}
    letters.write(folders / "service" / "network.json", letter | changed)


def answer(folders: Path) -> dict[str, object]:
    return letters.read(folders / "machine" / "firewall.json")


def test_before_anything_is_asked_for_all_is_closed(folders: Path, told: Nft) -> None:
    assert command(folders, "--closed") == 0
    assert told.taken == [ruleset(CLOSED, firewall.house(folders / "own"))]
    assert answer(folders)["asked"] == ""
    assert command(folders) == 0
    assert len(told.taken) == 1


def test_what_is_asked_for_is_let_through_and_answered(folders: Path, told: Nft) -> None:
    ask(folders)
    assert command(folders) == 0
    assert "tcp dport 26131 accept" in told.taken[-1]
    assert "ip daddr { 10.0.0.5 } tcp dport 104 accept" in told.taken[-1]
    assert "no" not in answer(folders)


def test_what_nft_does_not_take_leaves_the_ruleset_before_and_is_told(folders: Path, told: Nft) -> None:
    ask(folders)
    assert command(folders) == 0
    (folders / "own" / "firewall-in.nft").write_text("tcp dport twenty accept\n", "utf-8")
    told.refuses, before = "twenty", list(told.taken)
    assert command(folders) == 1
    assert told.taken == before
    assert "twenty" in str(answer(folders)["no"])


def test_an_administrators_wrong_lines_do_not_open_the_machine_at_its_start(folders: Path, told: Nft) -> None:
    (folders / "own" / "firewall-in.nft").write_text("tcp dport twenty accept\n", "utf-8")
    told.refuses = "twenty"
    assert command(folders, "--closed") == 0
    assert "twenty" not in told.taken[-1]
    assert "policy drop" in told.taken[-1]


@pytest.mark.parametrize("text", ["{", "[]", '{"inbound": 1}'])
def test_a_letter_that_cannot_be_believed_changes_nothing(folders: Path, told: Nft, text: str) -> None:
    (folders / "service" / "network.json").write_text(text, "utf-8")
    assert command(folders) == 1
    assert told.taken == []
    assert answer(folders)["no"]


def test_a_name_that_nobody_knows_is_told_and_the_rest_is_let_through(folders: Path, told: Nft) -> None:
    ask(folders, outbound=[{"name": "A", "host": "nobody.invalid", "port": 104}])
    assert command(folders) == 0
    assert "tcp dport 26131 accept" in told.taken[-1]
    assert answer(folders)["unknown"] == ["nobody.invalid (A)"]


def test_ports_do_not_wait_for_the_name_service(folders: Path, told: Nft, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def look_up(names: Names, hosts: set[str], _: float) -> dict[str, set[Address]]:
        seen.append((told.taken[-1], answer(folders)["asked"]))
        return names.known(hosts)

    monkeypatch.setattr(Names, "look_up", look_up)
    ask(folders, outbound=[{"name": "A", "host": "pacs.example", "port": 104}])
    assert command(folders) == 0
    ((text, asked),) = seen  # type: ignore[misc]
    assert "tcp dport 26131 accept" in text
    assert asked == hashlib.sha256((folders / "service" / "network.json").read_bytes()).hexdigest()


def test_after_a_refusal_the_same_letter_is_taken_as_new(folders: Path, told: Nft) -> None:
    told.refuses = "26131"
    ask(folders)
    assert command(folders) == 1
    told.refuses = ""
    assert command(folders) == 0
    assert "no" not in answer(folders)


def test_switched_off_nothing_of_it_is_left(folders: Path, told: Nft) -> None:
    assert command(folders, "--closed") == 0
    assert command(folders, "--off") == 0
    assert told.taken[-1] == gone()
    assert not (folders / "machine" / "firewall.json").exists()
