"""The firewall of the machine as text for nft(8): closed, but for what is asked for.

Pure: the same in gives the same text. What comes in was judged before (appliance/machine/wanted.py), so that no text of
the service's stands in a ruleset but as a port, an address or a network.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, collapse_addresses

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

TABLE = "stellwerk"
HTTPS = 443


@dataclass(frozen=True)
class House:
    """What a machine needs by itself, whatever the rules say.

    resolvers: name servers that anybody may ask. accounts: the numbers of systemd's accounts that are there; they may
    ask for names, and for the time, wherever it is. inward, outward: lines that an administrator has written.
    """

    resolvers: tuple[Address, ...] = ()
    accounts: Mapping[str, int] = field(default_factory=dict)
    inward: str = ""
    outward: str = ""


@dataclass(frozen=True)
class Openings:
    """What rules and settings ask for. inbound: ports, with networks (none: from everywhere); outbound: addresses."""

    inbound: tuple[tuple[int, tuple[Network, ...]], ...] = ()
    outbound: tuple[tuple[Address, int], ...] = ()
    console: int = 0


CLOSED = Openings()


def ruleset(openings: Openings, house: House) -> str:
    """All of our table, in one go: nft(8) takes it as a whole or not at all. Other tables stay as they are."""
    lines = [
        f"table inet {TABLE}",
        f"delete table inet {TABLE}",
        f"table inet {TABLE} {{",
        *_chain("in", "filter hook input priority filter; policy drop", _inward(openings, house)),
        *_chain("through", "filter hook forward priority filter; policy drop", []),
        *_chain("out", "filter hook output priority filter; policy drop", _outward(openings, house)),
    ]
    # The console at the usual port, so that nobody need type one; unless rules have that port themselves.
    if openings.console and all(port != HTTPS for port, _ in openings.inbound):
        redirect = f"tcp dport {HTTPS} redirect to :{openings.console}"
        lines += _chain("console", "nat hook prerouting priority dstnat; policy accept", [redirect])
    return "\n".join([*lines, "}", ""])


def gone() -> str:
    """No table of ours any more: all is open, as far as we are concerned."""
    return f"table inet {TABLE}\ndelete table inet {TABLE}\n"


def _chain(name: str, kind: str, rules: Iterable[str]) -> list[str]:
    return [f"  chain {name} {{", f"    type {kind};", *(f"    {rule}" for rule in rules), "  }"]


def _inward(openings: Openings, house: House) -> list[str]:
    return [
        "ct state established,related accept",
        "ct state invalid drop",
        'iif "lo" accept',
        "icmp type { destination-unreachable, time-exceeded, parameter-problem } accept",
        "icmp type echo-request limit rate 20/second accept",
        "icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem } accept",
        "icmpv6 type { nd-router-advert, nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept",
        "icmpv6 type { mld-listener-query, mld-listener-report } ip6 saddr fe80::/10 accept",
        "icmpv6 type echo-request limit rate 20/second accept",
        "udp sport 67 udp dport 68 accept",
        "ip6 saddr fe80::/10 udp sport 547 udp dport 546 accept",
        *(rule for port, networks in openings.inbound for rule in _open(port, networks)),
        *_lines(house.inward),
        'limit rate 6/minute log prefix "stellwerk refused in: "',
    ]


def _outward(openings: Openings, house: House) -> list[str]:
    rules = [
        "ct state established,related accept",
        'oif "lo" accept',
        "meta l4proto { icmp, ipv6-icmp } accept",
        "udp sport 68 udp dport 67 accept",
        "udp sport 546 udp dport 547 accept",
    ]
    for family, addresses in _by_family(house.resolvers):
        several = _set(addresses)
        rules += [
            f"{family} daddr {several} udp dport 53 accept",
            f"{family} daddr {several} tcp dport {{ 53, 853 }} accept",
        ]
    # Which name servers there are it hears by DHCP, at any time: it may ask wherever it was told to.
    if (resolver := house.accounts.get("systemd-resolve")) is not None:
        rules += [f"meta skuid {resolver} udp dport 53 accept", f"meta skuid {resolver} tcp dport {{ 53, 853 }} accept"]
    clock = house.accounts.get("systemd-timesync")
    rules.append("udp dport 123 accept" if clock is None else f"meta skuid {clock} udp dport 123 accept")
    ports = sorted({port for _, port in openings.outbound})
    for port in ports:
        there = {address for address, other in openings.outbound if other == port}
        rules += [f"{family} daddr {_set(some)} tcp dport {port} accept" for family, some in _by_family(there)]
    return [
        *rules,
        *_lines(house.outward),
        'limit rate 6/minute log prefix "stellwerk refused out: "',
        # Whoever asks hears at once that it is not allowed; a packet that is only dropped would cost it a minute.
        "reject with icmpx admin-prohibited",
    ]


def _open(port: int, networks: tuple[Network, ...]) -> list[str]:
    if not networks:
        return [f"tcp dport {port} accept"]
    four = collapse_addresses(one for one in networks if isinstance(one, IPv4Network))
    six = collapse_addresses(one for one in networks if isinstance(one, IPv6Network))
    families = (("ip", [str(one) for one in four]), ("ip6", [str(one) for one in six]))
    return [f"{family} saddr {_set(some)} tcp dport {port} accept" for family, some in families if some]


def _by_family(addresses: Iterable[Address]) -> list[tuple[str, list[str]]]:
    four = sorted(one for one in set(addresses) if isinstance(one, IPv4Address))
    six = sorted(one for one in set(addresses) if isinstance(one, IPv6Address))
    return [(family, list(map(str, some))) for family, some in (("ip", four), ("ip6", six)) if some]


def _set(several: Iterable[str]) -> str:
    return f"{{ {', '.join(several)} }}"


def _lines(written: str) -> list[str]:
    return [line.strip() for line in written.splitlines() if line.strip()]
