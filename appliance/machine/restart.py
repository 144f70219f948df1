"""Restart the machine, now or at night, or switch it off; by systemd. It must not know why."""

from datetime import datetime, timedelta
from pathlib import Path

from appliance.machine.system import Call
from appliance.machine.words import Refused

HOUR = 3
"""When it is night: a machine that receives images has least to do then."""


def at_once(call: Call) -> None:
    """Restart. Raises Refused."""
    _do(call, "reboot")


def off(call: Call) -> None:
    """Switch off. Raises Refused."""
    _do(call, "poweroff")


def tonight(call: Call, now: datetime | None = None) -> str:
    """Restart at the next HOUR of this machine's clock; answers when, as people write it. Raises Refused."""
    now = now or datetime.now()
    then = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    if then <= now:
        then += timedelta(days=1)
    _do(call, "reboot", f"--when={then:%Y-%m-%d %H:%M:%S}")
    return f"{then:%Y-%m-%d %H:%M}"


def not_at_all(call: Call) -> None:
    """Call a planned restart off. Raises Refused."""
    _do(call, "reboot", "--when=cancel")


def planned(scheduled: Path) -> str:
    """When a restart is planned for (ISO 8601, this machine's clock); empty where none is."""
    try:
        lines = scheduled.read_text("utf-8").splitlines()
    except OSError:
        return ""
    told = dict(line.partition("=")[::2] for line in lines)
    try:
        if told.get("MODE") != "reboot":
            return ""
        return datetime.fromtimestamp(int(told["USEC"]) / 1e6).astimezone().isoformat(timespec="minutes")
    except (KeyError, ValueError, OverflowError):
        return ""


def _do(call: Call, *words: str) -> None:
    said = call(["systemctl", *words])
    if said.code != 0:
        raise Refused("no-restart", why=said.last)
