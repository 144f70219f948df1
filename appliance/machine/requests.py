"""requests: what the console asks of the machine: an update, a restart, to switch off.

The service may write anything into the folder of requests. Each is read once, removed before it is acted on, and acted
on only where it is one of these, in exactly these words; everything else in the folder goes.
"""

import argparse
import json
import re
from collections.abc import Callable
from typing import Any

from appliance.machine import answers, letters, restart, system
from appliance.machine.places import Places
from appliance.machine.untrusted import drop, names_in, take
from appliance.machine.update import NAME, ORDER
from appliance.machine.words import Refused

LONGEST = 4096
"""Bytes of a request."""
MOST = 100
"""Files that are looked at in one go."""


def add(parser: argparse.ArgumentParser) -> None:
    """No arguments: systemd starts it when there is something in the folder."""


def run(_: argparse.Namespace) -> int:
    """Do what was asked for."""
    return serve(Places(), system.call)


def serve(places: Places, call: system.Call) -> int:
    """Each request once; the exit code."""
    where = (places.service, "requests")
    try:
        names = names_in(*where)
    except FileNotFoundError:
        return 0
    for name in names[:MOST]:
        verb = name.removesuffix(".json")
        if verb not in VERBS or name == verb:
            if not name.startswith("."):  # what is still being written
                drop(*where, name)
            continue
        try:
            VERBS[verb](places, call, _read(take(LONGEST, *where, name)))
        except Refused as refused:
            answers.refuse(places, verb, refused)
            print(f"stellwerk: {verb}: {refused}")
        except (OSError, ValueError):
            answers.refuse(places, verb, Refused("odd-request"))
            print(f"stellwerk: {verb}: {Refused('odd-request')}")
    return 0


def _read(data: bytes) -> dict[str, Any]:
    try:
        told = json.loads(data)
    except RecursionError:
        raise ValueError("no request") from None
    if not isinstance(told, dict):
        raise ValueError("no request")
    return told


def _update(places: Places, call: system.Call, told: dict[str, Any]) -> None:
    """Hand it to the installer, a service with rights of its own: it reads the file, and this one never does."""
    if not system.image(places)[1]:
        raise Refused("not-here")
    file, when = told.get("file"), told.get("restart", "later")
    if set(told) - {"file", "restart"} or not isinstance(file, str) or when not in ("now", "night", "later"):
        raise Refused("odd-request")
    folder, _, name = file.rpartition("/")
    if folder != str(places.data / "updates") or not re.fullmatch(NAME, name):
        raise Refused("other-file")
    letters.write(places.told / ORDER, {"name": name, "restart": when})
    said = call(["systemctl", "start", "--no-block", "stellwerk-update.service"])
    if said.code != 0:
        raise Refused("no-slot", why=said.last)


def _restart(places: Places, call: system.Call, told: dict[str, Any]) -> None:
    when = told.get("when", "now")
    if set(told) - {"when"} or when not in ("now", "night", "never"):
        raise Refused("odd-request")
    if when == "night":
        answers.answer(places, "restart", "ok", "restart-at", at=restart.tonight(call))
    elif when == "never":
        restart.not_at_all(call)
        answers.answer(places, "restart", "ok", "not-restarting")
    else:
        answers.answer(places, "restart", "ok", "restarting")
        restart.at_once(call)


def _power_off(places: Places, call: system.Call, told: dict[str, Any]) -> None:
    if told:
        raise Refused("odd-request")
    answers.answer(places, "power-off", "ok", "off")
    restart.off(call)


VERBS: dict[str, Callable[[Places, system.Call, dict[str, Any]], None]] = {
    "update": _update,
    "restart": _restart,
    "power-off": _power_off,
}
"""What can be asked for."""
