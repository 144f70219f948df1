"""What `stellwerk.conf` says of the network becomes files for systemd-networkd, which understands every line."""

import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.machine.conf import Conf, Network
from appliance.machine.networkd import files

HEAD = "# Made at each boot from stellwerk.conf: what is changed here is gone at the next.\n"

FIXED = Network(("192.168.10.20/24", "2001:db8::20/64"), ("192.168.10.1",), ("192.168.10.1",), ("praxis.example",))

GOLDEN = {
    "nothing": (Conf(), {}),
    "fixed": (
        Conf(network=FIXED),
        {
            "systemd/network/10-stellwerk.network": """
[Match]
Type=ether
Kind=!*

[Network]
DHCP=no
Address=192.168.10.20/24
Address=2001:db8::20/64
DNS=192.168.10.1
Domains=praxis.example
Gateway=192.168.10.1
"""
        },
    ),
    "dhcp with other name servers": (
        Conf(network=Network(dns=("9.9.9.9",), interface="52:54:00:12:34:56")),
        {
            "systemd/network/10-stellwerk.network": """
[Match]
MACAddress=52:54:00:12:34:56
Kind=!*

[Network]
DHCP=yes
DNS=9.9.9.9

[DHCPv4]
UseDNS=no
UseHostname=no

[DHCPv6]
UseDNS=no
UseHostname=no
"""
        },
    ),
    "vlan": (
        Conf(network=Network(("10.20.0.5/16",), ("10.20.0.1",), vlan=20, interface="enp1s0")),
        {
            "systemd/network/10-stellwerk.network": """
[Match]
Name=enp1s0
Kind=!*

[Network]
VLAN=vlan20
LinkLocalAddressing=no
IPv6AcceptRA=no
DHCP=no
""",
            "systemd/network/10-stellwerk-vlan.netdev": """
[NetDev]
Name=vlan20
Kind=vlan

[VLAN]
Id=20
""",
            "systemd/network/10-stellwerk-vlan.network": """
[Match]
Name=vlan20

[Network]
DHCP=no
Address=10.20.0.5/16
Gateway=10.20.0.1
""",
        },
    ),
    "name and time": (
        Conf(hostname="praxis", timezone="Europe/Berlin", time_servers=("ptbtime1.ptb.de", "10.0.0.1")),
        {
            "systemd/timesyncd.conf.d/50-stellwerk.conf": """
[Time]
NTP=ptbtime1.ptb.de 10.0.0.1
FallbackNTP=
""",
            "sysctl.d/50-stellwerk.conf": "kernel.hostname = praxis\n",
            "stellwerk-machine/environment": "TZ=Europe/Berlin\n",
        },
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_every_file_line_by_line(case: str) -> None:
    conf, expected = GOLDEN[case]
    made = {name: text.removeprefix(HEAD) for name, text in files(conf).items()}
    assert made == expected


NETWORKD = Path("/lib/systemd/systemd-networkd")
TRYING = """
set -e
mount --make-rprivate /
mount -t tmpfs tmpfs /run
mount -t sysfs -o ro sysfs /sys
mkdir -p /run/systemd
cp -r "$1" /run/systemd/network
chmod -R a+rX /run/systemd/network
for folder in "" /links /leases /lldp; do
  install -d -o systemd-network -g systemd-network "/run/systemd/netif$folder"
done
ip link add enp9s0 type veth peer name other
ip link set other up
SYSTEMD_LOG_TARGET=console "$2" & trap 'kill $!' EXIT
for _ in $(seq 100); do ip -4 -o addr show enp9s0 | grep -q inet && break; sleep 0.1; done
ip -o addr show enp9s0
ip route
"""
ROOMS = ["unshare", "--net", "--mount", "true"]


@pytest.mark.skipif(not (NETWORKD.exists() and shutil.which("ip")), reason="systemd-networkd or ip is not here")
def test_systemd_networkd_understands_every_line_and_gives_the_address(tmp_path: Path) -> None:
    if subprocess.run(ROOMS, capture_output=True, check=False).returncode:
        pytest.skip("this account may not make a network of its own")
    cases = [conf for conf, _ in GOLDEN.values()]
    own = Network(("192.168.10.20/24",), ("192.168.10.1",), ("192.168.10.1",), interface="enp9s0")
    for number, conf in enumerate([Conf(network=own), *cases]):
        for name, text in files(conf).items():
            if name.startswith("systemd/network/"):
                # The card here is one of software; in a network of its own there is no other.
                text = text.replace("Kind=!*\n", "") if number == 0 else text
                (tmp_path / name.rpartition("/")[2].replace("10-", f"1{number}-")).write_text(text)
    assert len(list(tmp_path.iterdir())) == 6
    script = [*ROOMS[:-1], "bash", "-c", TRYING, "bash", str(tmp_path), str(NETWORKD)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=60, check=False)
    said = done.stdout + done.stderr
    assert "192.168.10.20/24" in said, said
    assert "default via 192.168.10.1 dev enp9s0" in said
    assert not [line for line in said.splitlines() if "nknown key" in line or "ignoring" in line or "nvalid" in line]
