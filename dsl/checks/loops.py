"""Is a destination this appliance itself? E202: what is sent there would come back for ever."""

import re
from collections.abc import Iterator
from ipaddress import IPv6Address, ip_address

from dsl import ast, walk
from dsl.finding import Also, Finding, finding
from dsl.resolve import Rules

_HERE = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"})
_NODE = re.compile(r"[^@]+@(?P<host>\[[^\]]+\]|[^:\[\]]+):(?P<port>\d{1,5})")
_URL = re.compile(r"(?P<scheme>https?)://(?:[^@/]*@)?(?P<host>\[[^\]]+\]|[^:/\[\]]+)(?::(?P<port>\d{1,5}))?(?:/.*)?")
_USUAL = {"http": "80", "https": "443"}


def check(rules: Rules) -> Iterator[Finding]:
    """Every destination."""
    own: dict[int, ast.Span] = {}
    for _, value, _ in walk.ports(rules.statements):
        if value.text.isdecimal() and len(value.text) < 8:
            own.setdefault(int(value.text), value.span)
    for statement in rules.statements:
        if isinstance(statement, ast.Declaration) and statement.kind == "destination":
            for value in statement.values[1:2]:
                port = _port_here(value)
                if port in own:
                    also = (Also(own[port], "own port"),)
                    yield finding("E202", value.span, also=also, word=statement.name.text, port=str(port))


def _port_here(value: ast.Value) -> int | None:
    """The port of an address on this machine; None for any other address."""
    match = _URL.fullmatch(value.text) or _NODE.fullmatch(value.text)
    if value.kind != "text" or match is None or not _is_here(match["host"]):
        return None
    return int(match["port"] or _USUAL[match["scheme"]])


def _is_here(host: str) -> bool:
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ip_address(name)
    except ValueError:
        return name in _HERE
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_loopback or address.is_unspecified
