"""firewall: let through what the rules open and name, and nothing else.

It is run when the machine starts (`--closed`), whenever the service has written network.json, and every few minutes,
since names get other addresses; on an account of its own, which may do nothing else. What nft(8) does not take changes
nothing: the ruleset before stays, and the answer in firewall.json says why.
"""

import argparse
import contextlib
import hashlib
import logging
import pwd
import shutil
import subprocess
import time
from collections.abc import Collection, Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

from appliance.machine import letters
from appliance.machine.ruleset import CLOSED, Address, House, Openings, gone, ruleset
from appliance.machine.wanted import Names, Unfit, Wanted

log = logging.getLogger("stellwerk")

LETTER, ANSWER, KNOWN = "network.json", "firewall.json", "addresses.json"
RESOLVERS = (Path("/run/systemd/resolve/resolv.conf"), Path("/etc/resolv.conf"))
"""Where the name servers stand, the first that there is: with systemd-resolved, the second names only itself."""
ACCOUNTS = ("systemd-resolve", "systemd-timesync")
OWN_LINES = 1 << 16
"""Bytes of what an administrator has written."""
WAIT, PAUSE = 20.0, 1.0
"""Seconds for names that have no address yet, in all and between two tries: after a start the network comes up late."""


class Refused(Exception):
    """nft(8) does not take it; the text is what it says."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--closed", action="store_true", help="let nothing through yet: before the service starts")
    parser.add_argument("--off", action="store_true", help="take all of it away again")
    parser.add_argument("--show", action="store_true", help="only print the ruleset")
    parser.add_argument("--service", type=Path, default=Path("/run/stellwerk"), help=argparse.SUPPRESS)
    parser.add_argument("--machine", type=Path, default=Path("/run/stellwerk-machine/firewall"), help=argparse.SUPPRESS)
    parser.add_argument("--own", type=Path, default=Path("/etc/stellwerk"), help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Make the ruleset and have nft take it."""
    own: Path = arguments.own
    try:
        if arguments.off:
            apply(gone())
            (arguments.machine / ANSWER).unlink(missing_ok=True)
            return 0
        if arguments.closed:
            return _close(own, arguments.machine)
        return _follow(arguments.service, arguments.machine, own, arguments.show)
    except (Refused, OSError) as error:
        log.error("the firewall is not as it should be: %s", error)
        return 1


def _close(own: Path, machine: Path) -> int:
    """All closed, before anything runs. Where an administrator's own lines are wrong, without them."""
    try:
        apply(ruleset(CLOSED, house(own)))
    except Refused as why:
        log.error("the lines in %s are left out: %s", own, why)
        apply(ruleset(CLOSED, House(_resolvers(), _accounts())))
    _answer(machine, "", set())
    return 0


def _follow(service: Path, machine: Path, own: Path, show: bool) -> int:
    """As the service asks. A letter that comes meanwhile is followed as well."""
    asked, told = _answered(machine)
    end = 0.0
    while True:
        try:
            written = letters.take(service / LETTER)
        except FileNotFoundError:
            log.info("the service has asked for nothing yet")
            return 0
        except letters.Unreadable as why:
            return _refuse(machine, b"", str(why))
        digest = hashlib.sha256(written).hexdigest()
        names = Names(machine / KNOWN)
        try:
            wanted = Wanted.of(letters.understood(LETTER, written))
            if digest != asked and not show:
                # Ports do not wait for the name service, which may take its time or be away.
                openings = _opened(wanted, names.known(wanted.hosts))
                apply(ruleset(openings, house(own)))
                _answer(machine, digest, set())
                log.info("open: %s", ", ".join(str(port) for port, _ in openings.inbound) or "nothing")
                asked, told, end = digest, set(), time.monotonic() + WAIT
            found = names.look_up(wanted.hosts, time.time())
            text = ruleset(_opened(wanted, found), house(own))
            if show:
                print(text, end="")
                return 0
            apply(text)
        except (Unfit, letters.Unreadable, Refused) as why:
            return _refuse(machine, written, str(why))
        with contextlib.suppress(OSError):
            names.keep()
        unknown = {f"{host} ({name})" for name, host, _ in wanted.outbound if not found[host]}
        _answer(machine, digest, unknown)
        if unknown and time.monotonic() < end:
            time.sleep(PAUSE)
        elif _is_still(service, written):
            for name in sorted(unknown - told):
                log.warning("the name service does not know %s: nothing goes there", name)
            return 0


def _opened(wanted: Wanted, found: Mapping[str, Collection[Address]]) -> Openings:
    """With addresses in the place of names."""
    outbound = {(address, port) for _, host, port in wanted.outbound for address in found[host]}
    ordered = tuple(sorted(outbound, key=lambda one: (one[1], one[0].version, int(one[0]))))
    return Openings(wanted.inbound, ordered, wanted.console)


def _is_still(service: Path, written: bytes) -> bool:
    try:
        return letters.take(service / LETTER) == written
    except (FileNotFoundError, letters.Unreadable):
        return True


def _answered(machine: Path) -> tuple[str, set[str]]:
    """Which letter was answered last, and what was unknown then."""
    try:
        before = letters.read(machine / ANSWER)
    except (FileNotFoundError, letters.Unreadable):
        return "", set()
    unknown = before.get("unknown")
    failed = "no" in before
    return "" if failed else str(before.get("asked")), set(unknown) if isinstance(unknown, list) else set()


def _answer(machine: Path, asked: str, unknown: set[str], **more: str) -> None:
    letters.write(machine / ANSWER, {"asked": asked, "at": time.time(), "unknown": sorted(unknown), **more})


def _refuse(machine: Path, written: bytes, why: str) -> int:
    """Leave the ruleset as it is, and say so."""
    log.error("the ruleset before stays: %s", why)
    _answer(machine, hashlib.sha256(written).hexdigest(), set(), no=why)
    return 1


def house(own: Path) -> House:
    """What this machine needs by itself, with the lines in `own`, which an administrator may have written."""
    return House(_resolvers(), _accounts(), _own(own / "firewall-in.nft"), _own(own / "firewall-out.nft"))


def apply(text: str) -> None:
    """Have nft take a ruleset, as a whole or not at all. Raises Refused, OSError."""
    _nft(("-c", "-f", "-"), text)
    _nft(("-f", "-"), text)


def _nft(words: Sequence[str], text: str) -> None:
    program = shutil.which("nft", path="/usr/sbin:/usr/bin:/sbin:/bin")
    if program is None:
        raise Refused("nft is not installed; it comes with the package nftables")
    try:
        done = subprocess.run([program, *words], input=text, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        raise Refused("nft does not answer") from None
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no words"]
        raise Refused(f"nft says: {said[0][:300]}")


def _own(file: Path) -> str:
    try:
        return letters.take(file, OWN_LINES).decode("utf-8", "replace")
    except FileNotFoundError:
        return ""
    except letters.Unreadable as why:
        log.error("%s", why)
        return ""


def _resolvers() -> tuple[Address, ...]:
    found: list[Address] = []
    file = next((one for one in RESOLVERS if one.exists()), None)
    for line in file.read_text("utf-8", "replace").splitlines() if file else ():
        words = line.split()
        if len(words) > 1 and words[0] == "nameserver":
            with contextlib.suppress(ValueError):
                found.append(ip_address(words[1].partition("%")[0]))
    return tuple(found[:10])


def _accounts() -> dict[str, int]:
    found = {}
    for name in ACCOUNTS:
        with contextlib.suppress(KeyError):
            found[name] = pwd.getpwnam(name).pw_uid
    return found
