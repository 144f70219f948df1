"""health: whether the appliance does what it is for: its services run, its console answers, and so does each open port.

The boot loader is told that a new version is good only after this. What is broken outside the machine (a destination,
a mail relay) says nothing of a version, and is not looked at. A service that ends again and again is not waited for, as
the version before could serve meanwhile. It must not know what is done where it is not healthy.
"""

import argparse
import http.client
import socket
import ssl
import struct
import time
from collections.abc import Callable, Iterator

from appliance.machine import letters, system
from appliance.machine.places import Places

UNITS = ("stellwerk.service", "stellwerk-console.service")
CONSOLE_PORT = 26180
PATIENCE = 300.0
"""Seconds for all to come up; a slow machine needs two minutes."""
ANSWER = 15.0
"""Seconds for one answer."""
PAUSE = 3.0
HOPELESS = 10
"""Ends of one service in this start, after which nobody waits for it: half a minute, at two seconds between them."""
_ABORT = b"\x07\x00\x00\x00\x00\x04\x00\x00\x00\x00"
"""A-ABORT (PS3.8 section 9.3.8)."""
REPORT = "health.json"
"""What was found last, in the folder of what the machine says."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--seconds", type=float, default=PATIENCE, help="how long it may take to come up")


def run(arguments: argparse.Namespace) -> int:
    """Wait until all is well; 1 where it does not come to that."""
    places = Places()
    found = wait(lambda: list(look(places, system.call)), arguments.seconds, hopeless=lambda: list(ending(system.call)))
    letters.write(places.told / REPORT, {"healthy": not found, "found": found})
    for line in found:
        print(f"stellwerk: {line}")
    return 1 if found else 0


def wait(
    look: Callable[[], list[str]],
    seconds: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
    hopeless: Callable[[], list[str]] = list,
) -> list[str]:
    """Look until nothing is wrong; answers what still was when the time was over, or waiting longer was of no use."""
    end = clock() + seconds
    while (found := look()) and clock() < end:
        if given_up := hopeless():
            return given_up + found
        sleep(PAUSE)
    return found


def ending(call: system.Call) -> Iterator[str]:
    """The services that cannot come up, in words: each has ended, and was started again, so often (NRestarts)."""
    for unit in UNITS:
        said = call(["systemctl", "show", "--property=NRestarts", "--value", unit])
        if said.code == 0 and said.last.isdecimal() and int(said.last) >= HOPELESS:
            yield f"{unit} has ended {said.last} times"


def look(places: Places, call: system.Call) -> Iterator[str]:
    """What is wrong just now, in words."""
    down = False
    for unit in UNITS:
        state = call(["systemctl", "is-active", unit]).last
        if state != "active":
            down = True
            yield f"{unit} is {state}"
    if down:
        return
    if not console_answers(CONSOLE_PORT):
        yield "the console does not answer, or finds no appliance"
    for port in open_ports(places):
        if not port_answers(port):
            yield f"port {port} is to be open and does not answer"


def open_ports(places: Places) -> list[int]:
    """Those that the rules open, as the service says. Raises nothing: what is no port is none."""
    try:
        inbound = letters.read(places.service / "network.json").get("inbound")
    except (OSError, letters.Unreadable):
        return []
    ports = [one.get("port") for one in inbound if isinstance(one, dict)] if isinstance(inbound, list) else []
    return sorted({port for port in ports if type(port) is int and 0 < port < 65536 and port != CONSOLE_PORT})


def console_answers(port: int) -> bool:
    """Whether the console says that the appliance answers it. On this machine itself nobody stands between us."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    line = http.client.HTTPSConnection("127.0.0.1", port, timeout=ANSWER, context=context)
    try:
        line.request("GET", "/healthz")
        return line.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def port_answers(port: int) -> bool:
    """Whether somebody takes notice: a DICOM listener answers or refuses, any other says something or hangs up.

    A program that hangs does neither: its connections are taken by the system, and then nothing comes.
    """
    try:
        line = socket.create_connection(("127.0.0.1", port), timeout=ANSWER)
    except OSError:
        return False
    with line:
        try:
            line.sendall(_association())
            line.recv(1)
            line.sendall(_ABORT)
        except TimeoutError:
            return False
        except OSError:
            return True  # it has hung up
    return True


def _association() -> bytes:
    """A-ASSOCIATE-RQ for Verification (PS3.8 section 9.3.2), as a monitor sends it."""

    def item(kind: int, data: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(data)) + data

    syntaxes = item(0x30, b"1.2.840.10008.1.1") + item(0x40, b"1.2.840.10008.1.2")
    user = item(0x51, struct.pack(">I", 16384)) + item(0x52, b"1.2.826.0.1.3680043.8.498.1")
    items = item(0x10, b"1.2.840.10008.3.1.1.1") + item(0x20, b"\x01\0\0\0" + syntaxes) + item(0x50, user)
    titles = b"STELLWERK".ljust(16) + b"HEALTH".ljust(16)
    body = struct.pack(">H2x", 1) + titles + bytes(32) + items
    return struct.pack(">BxI", 1, len(body)) + body
