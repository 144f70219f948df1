"""The firewall at work: in a network of its own, nothing gets through but what rules open and name."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.image.test_firewall import answer, ask, folders, nft

__all__ = ["folders"]

# --- for real: two machines in networks of their own, with a cable between them

MACHINE = """
import argparse, sys
from pathlib import Path
from appliance.machine import firewall
firewall.RESOLVERS = ()
firewall.WAIT = 0.0
parser = argparse.ArgumentParser()
firewall.add(parser)
sys.exit(firewall.run(parser.parse_args(sys.argv[1:])))
"""


class Net:
    """A network namespace, in which commands run."""

    def __init__(self) -> None:
        self._keeper = subprocess.Popen(["unshare", "-n", "sleep", "600"])
        self.pid = self._keeper.pid
        end = time.monotonic() + 10
        while self._is_ours() and time.monotonic() < end:
            time.sleep(0.02)
        self("ip", "link", "set", "lo", "up")

    def _is_ours(self) -> bool:
        return Path(f"/proc/{self.pid}/ns/net").readlink() == Path("/proc/self/ns/net").readlink()

    def __call__(self, *words: str, text: str = "") -> str:
        done = self.run(*words, text=text)
        assert done.returncode == 0, f"{words}: {done.stderr}"
        return done.stdout

    def run(self, *words: str, text: str = "") -> subprocess.CompletedProcess[str]:
        inside = ["nsenter", "-t", str(self.pid), "-n", *words]
        return subprocess.run(inside, input=text, capture_output=True, text=True, check=False)

    def serve(self, *ports: int) -> subprocess.Popen[bytes]:
        """Answer on these ports, on every address."""
        program = (
            "import selectors, socket, sys\n"
            "found = selectors.DefaultSelector()\n"
            "for port in sys.argv[1:]:\n"
            "    door = socket.create_server(('::', int(port)), family=socket.AF_INET6, dualstack_ipv6=True)\n"
            "    found.register(door, selectors.EVENT_READ)\n"
            "print('ready', flush=True)\n"
            "while True:\n"
            "    for key, _ in found.select():\n"
            "        key.fileobj.accept()[0].close()\n"
        )
        inside = ["nsenter", "-t", str(self.pid), "-n", sys.executable, "-c", program, *map(str, ports)]
        serving = subprocess.Popen(inside, stdout=subprocess.PIPE)
        assert serving.stdout is not None
        assert serving.stdout.readline() == b"ready\n"
        return serving

    def reaches(self, *places: tuple[str, int]) -> list[tuple[str, int]]:
        """Those of the places that a connection can be made to."""
        program = (
            "import json, socket, sys\n"
            "def reached(place):\n"
            "    try:\n"
            "        socket.create_connection(tuple(place), 0.7).close()\n"
            "        return True\n"
            "    except OSError: return False\n"
            "print(json.dumps([one for one in json.loads(sys.argv[1]) if reached(one)]))"
        )
        return [(host, port) for host, port in json.loads(self(sys.executable, "-c", program, json.dumps(places)))]

    def close(self) -> None:
        self._keeper.kill()
        self._keeper.wait()


@pytest.fixture
def nets() -> Iterator[tuple[Net, Net]]:
    """The machine, and the house around it: 10.9.0.1 and 10.9.0.2, fd09::1 and fd09::2."""
    machine, outside = Net(), Net()
    machine("ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", str(outside.pid))
    for net, end in ((machine, 1), (outside, 2)):
        net("ip", "address", "add", f"10.9.0.{end}/24", "dev", "cable")
        net("ip", "address", "add", f"fd09::{end}/64", "dev", "cable", "nodad")
        net("ip", "link", "set", "cable", "up")
    outside("ip", "address", "add", "10.9.0.3/24", "dev", "cable")
    yield machine, outside
    machine.close()
    outside.close()


@nft
def test_nothing_gets_through_but_what_rules_name(nets: tuple[Net, Net], folders: Path) -> None:
    machine, outside = nets
    places = [word for name in ("service", "machine", "own") for word in (f"--{name}", str(folders / name))]

    def run(*words: str) -> None:
        machine(sys.executable, "-c", MACHINE, *words, *places)

    inside = machine.serve(26131, 26180, 26230, 22)
    elsewhere = outside.serve(104, 105, 25)
    try:
        all_in = [(host, port) for port in (26131, 26180, 26230, 22) for host in ("10.9.0.1", "fd09::1")]
        all_out = [(host, port) for port in (104, 105, 25) for host in ("10.9.0.2", "10.9.0.3", "fd09::2")]
        assert outside.reaches(*all_in) == all_in
        assert machine.reaches(*all_out) == all_out

        run("--closed")
        assert outside.reaches(*all_in, ("10.9.0.1", 443)) == []
        assert machine.reaches(*all_out) == []
        assert machine.reaches(("127.0.0.1", 26131)) == [("127.0.0.1", 26131)]

        inbound = [
            {"port": 26131, "networks": []},
            {"port": 26180, "networks": []},
            {"port": 26230, "networks": ["10.9.0.3/32"]},
        ]
        named = [
            {"name": "PACS_A", "host": "10.9.0.2", "port": 104},
            {"name": "PACS_B", "host": "fd09::2", "port": 104},
            {"name": "mail", "host": "10.9.0.3", "port": 25},
        ]
        ask(folders, inbound=inbound, outbound=named, console=26180)
        run()
        open_now = [(host, port) for port in (26131, 26180) for host in ("10.9.0.1", "fd09::1")]
        # 443 leads to the console; 26230 is for another sender, and 22 for nobody.
        assert outside.reaches(*all_in, ("10.9.0.1", 443)) == [*open_now, ("10.9.0.1", 443)]
        assert machine.reaches(*all_out) == [("10.9.0.2", 104), ("fd09::2", 104), ("10.9.0.3", 25)]
        begun = time.monotonic()
        assert machine.reaches(("10.9.0.2", 105)) == []
        assert time.monotonic() - begun < 0.7 + 1.5, "whoever is not let out should hear so at once"

        # What nft does not take changes nothing.
        (folders / "own" / "firewall-out.nft").write_text("tcp dport everything accept\n", "utf-8")
        ask(folders, inbound=[], outbound=[], console=0)
        assert machine.run(sys.executable, "-c", MACHINE, *places).returncode == 1
        assert "nft says" in str(answer(folders)["no"])
        assert outside.reaches(*open_now) == open_now

        # An administrator's own lines count, and what rules no longer open is closed.
        (folders / "own" / "firewall-out.nft").write_text("tcp dport 105 accept\n", "utf-8")
        (folders / "own" / "firewall-in.nft").write_text("tcp dport 22 accept\n", "utf-8")
        run()
        assert outside.reaches(*all_in) == [("10.9.0.1", 22), ("fd09::1", 22)]
        assert machine.reaches(*all_out) == [("10.9.0.2", 105), ("10.9.0.3", 105), ("fd09::2", 105)]

        run("--off")
        assert outside.reaches(*all_in) == all_in
    finally:
        inside.kill()
        elsewhere.kill()
