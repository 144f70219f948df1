"""What a machine says of itself from inside: a unit and a program that it takes as credentials from its firmware.

The image under test stays as it is: whoever owns the hypervisor may add units by SMBIOS (systemd.extra-unit.*). An
image that takes no credentials is not probed. The program is run by the machine's own Python and prints one line of
JSON to the serial line. It must use nothing but Python's standard library.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

MARK = "STELLWERK-PROBE "

UNIT = """\
[Unit]
Description=What the machine says of itself, for its test
After=stellwerk.service stellwerk-console.service
[Service]
Type=oneshot
ImportCredential=probe.py
ExecStart=/usr/bin/python3 -I ${CREDENTIALS_DIRECTORY}/probe.py
StandardOutput=tty
TTYPath=/dev/ttyS0
"""

WANTED = "[Unit]\nWants=probe.service\n"

PROGRAM = r"""
import json, os, re, subprocess, time
def run(*words):
    try:
        return subprocess.run(words, capture_output=True, text=True, timeout=200).stdout
    except Exception as error:
        return repr(error)
def listening(name):
    found = []
    for line in open("/proc/net/" + name).read().splitlines()[1:]:
        part = line.split()
        if name.startswith("tcp") and part[3] != "0A":
            continue
        address, port = part[1].split(":")
        found.append([name, int(port, 16), address.strip("0") in ("", "F") , address])
    return found
def kb(name):
    return int(re.search(name + r":\s+(\d+)", open("/proc/meminfo").read())[1])
time.sleep(@PAUSE@)
said = {"failed": run("systemctl", "--failed", "--plain", "--no-legend").splitlines()}
said["memory used, MB"] = round((kb("MemTotal") - kb("MemAvailable")) / 1024)
said["units"] = {}
for unit in @UNITS@:
    shown = run("systemctl", "show", unit, "-p", "ActiveState,MemoryCurrent,MemoryPeak,NRestarts")
    said["units"][unit] = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
said["boot"] = run("systemd-analyze", "time").strip().splitlines()[:1]
if @SCORES@:
    table = json.loads(run("systemd-analyze", "security", "--json=short") or "[]")
    said["security"] = {one["unit"]: float(one["exposure"]) for one in table if one.get("exposure")}
said["set-id"] = []
for top, _, names in os.walk("/usr"):
    for path in (os.path.join(top, name) for name in names):
        if os.path.isfile(path) and os.stat(path).st_mode & 0o6000:
            said["set-id"].append(path)
release = open("/etc/os-release").read().splitlines()
said["os"] = dict(line.split("=", 1) for line in release if line.startswith("IMAGE_"))
said["secure boot"] = False
for name in os.listdir("/sys/firmware/efi/efivars") if os.path.isdir("/sys/firmware/efi/efivars") else ():
    if name.startswith("SecureBoot-"):
        said["secure boot"] = open("/sys/firmware/efi/efivars/" + name, "rb").read()[4:5] == b"\1"
said["link"] = run("cat", "/run/stellwerk/first-admin").strip()
if not said["link"]:
    link = re.search(r"/start/([\w-]+)", run("stellwerk", "console", "link", "--data", "/var/lib/stellwerk"))
    said["link"] = link[1] if link else ""
said["journal"] = run("journalctl", "-b", "-p", "warning", "-n", "25", "--no-pager", "-o", "cat").splitlines()
kinds = [name for name in ("tcp", "tcp6", "udp", "udp6") if os.path.exists("/proc/net/" + name)]
said["listening"] = [one for name in kinds for one in listening(name)]
print("\n@MARK@" + json.dumps(said), flush=True)
"""


@dataclass(frozen=True)
class Found:
    """What it has said. security: exposure (0 to 10) by unit. listening: protocol, port, whether on every address."""

    failed: tuple[str, ...] = ()
    memory: int = 0
    security: Mapping[str, float] = field(default_factory=dict)
    listening: tuple[tuple[str, int, bool], ...] = ()
    said: Mapping[str, Any] = field(default_factory=dict)


def credentials(units: tuple[str, ...], pause: float = 20, *, scores: bool = True) -> dict[str, str]:
    """What the firmware is to hand over. pause: seconds after the units have started, to let them come to rest."""
    program = PROGRAM.replace("@PAUSE@", str(pause)).replace("@UNITS@", repr(list(units)))
    program = program.replace("@SCORES@", str(scores)).replace("@MARK@", MARK)
    return {
        "systemd.extra-unit.probe.service": UNIT,
        "systemd.unit-dropin.multi-user.target~probe": WANTED,
        "probe.py": program,
    }


def read(serial: str) -> Found | None:
    """The last that was printed; None: nothing yet."""
    lines = [line for line in serial.splitlines() if line.startswith(MARK) and line.endswith("}")]
    if not lines:
        return None
    said = json.loads(lines[-1].removeprefix(MARK))
    listening = tuple((one[0], one[1], one[2]) for one in said["listening"])
    return Found(tuple(said["failed"]), said["memory used, MB"], said.get("security", {}), listening, said)
