"""The machine's own network, time and name as files below /run, from what `stellwerk.conf` says of them.

Their syntax is that of systemd.network(5), systemd.netdev(5), timesyncd.conf(5) and sysctl.d(5). They are made anew at
each boot, as /etc cannot be written. Nothing here touches a disk: it is text from values that were checked
(appliance.machine.conf).
"""

import re
from collections.abc import Iterable

from appliance.machine.conf import Conf, Network

_MAC = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
_HEAD = "# Made at each boot from stellwerk.conf: what is changed here is gone at the next.\n"


def files(conf: Conf) -> dict[str, str]:
    """Every file by its path below /run; none for what the image's own defaults (DHCP on each card) do already."""
    found = {f"systemd/network/{name}": text for name, text in network_files(conf.network).items()}
    if conf.time_servers:
        found["systemd/timesyncd.conf.d/50-stellwerk.conf"] = _text(
            ("Time", [("NTP", " ".join(conf.time_servers)), ("FallbackNTP", "")])
        )
    if conf.timezone:
        found["stellwerk-machine/environment"] = f"TZ={conf.timezone}\n"
    if conf.hostname:
        # systemd-sysctl comes after the set-up, and has the right that this takes.
        found["sysctl.d/50-stellwerk.conf"] = f"kernel.hostname = {conf.hostname}\n"
    return found


def network_files(network: Network) -> dict[str, str]:
    """Those for systemd-networkd, by name. A VLAN is a card of its own on the real one, which has no address then."""
    if network == Network():
        return {}
    card = [("MACAddress" if _MAC.fullmatch(network.interface) else "Name", network.interface)]
    # `Kind=!*`: no card that is made by software, as a VLAN is, which would match by its type or its MAC address, too.
    match = ("Match", [*(card if network.interface else [("Type", "ether")]), ("Kind", "!*")])
    if not network.vlan:
        return {"10-stellwerk.network": _text(match, *_addresses(network))}
    name = f"vlan{network.vlan}"
    bare = [("VLAN", name), ("LinkLocalAddressing", "no"), ("IPv6AcceptRA", "no"), ("DHCP", "no")]
    return {
        "10-stellwerk.network": _text(match, ("Network", bare)),
        "10-stellwerk-vlan.netdev": _text(
            ("NetDev", [("Name", name), ("Kind", "vlan")]), ("VLAN", [("Id", str(network.vlan))])
        ),
        "10-stellwerk-vlan.network": _text(("Match", [("Name", name)]), *_addresses(network)),
    }


Section = tuple[str, list[tuple[str, str]]]


def _addresses(network: Network) -> list[Section]:
    own = [("DNS", server) for server in network.dns]
    if network.domains:
        own.append(("Domains", " ".join(network.domains)))
    if network.address:
        own = [("DHCP", "no"), *(("Address", one) for one in network.address), *own]
        own += [("Gateway", one) for one in network.gateway]
        return [("Network", own)]
    # Whoever names servers means these and no others.
    uses = "no" if network.dns else "yes"
    dhcp = [("UseDNS", uses), ("UseHostname", "no")]
    return [("Network", [("DHCP", "yes"), *own]), ("DHCPv4", dhcp), ("DHCPv6", dhcp)]


def _text(*sections: Section) -> str:
    return _HEAD + "".join(f"\n[{name}]\n{_lines(values)}" for name, values in sections)


def _lines(values: Iterable[tuple[str, str]]) -> str:
    return "".join(f"{name}={value}\n" for name, value in values)
