"""`make package-test`: the life of the package on a clean Debian 12 and 13, and of the OCI image.

    python -m tests.image.packages [bookworm] [trixie] [oci]

Install, work, upgrade while a device sends, remove, purge; then nothing may be left but the data. It prints what it
sees, and ends with an AssertionError at the first thing that is not as promised. It needs root, and takes some minutes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from appliance.image.building import deb, oci
from appliance.image.building.chroots import RELEASES, CannotBuild, cache
from appliance.image.building.places import DIST, version
from tests.image import oci_life
from tests.image.debian import Debian, Entry, debian, entries
from tests.image.sending import Device, missing

SERVICES = ("stellwerk.service", "stellwerk-console.service")
PORTS = (26130, 26131, 26180, 26230)
DATA = "var/lib/stellwerk"
EXPOSURE = 1.6
"""What `systemd-analyze security` may say at most of a unit of ours while it runs."""
DEVICES = 2

VOLATILE = (
    *("proc", "sys", "dev", "run", "tmp", "var/tmp", "var/log", "var/cache", "root/.*"),
    *(
        "var/lib/apt*",
        "var/lib/systemd/random-seed",
        "var/lib/systemd/timers*",
        "var/lib/systemd/rfkill",
        "etc/machine-id",
    ),
    *(
        "var/lib/dpkg/status*",
        "var/lib/dpkg/available*",
        "var/lib/dpkg/lock*",
        "var/lib/dpkg/triggers*",
        "etc/ld.so.cache",
    ),
    *("var/lib/dpkg/diversions*", "var/lib/dpkg/statoverride*", "etc/mtab", "etc/.updated", "var/.updated"),
)
"""What any package, or time alone, changes on a disk."""

ACCOUNT = ("etc/passwd", "etc/group", "etc/shadow", "etc/gshadow", "etc/.pwd.lock")
"""Where the accounts stand, one of which the data belong to. The copies that end in `-` go with them."""


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def newer(package: Path, into: Path) -> Path:
    """The same package with the next version: what an upgrade does to a machine hangs on that alone."""
    work = into / "repacked"
    subprocess.run(["dpkg-deb", "--raw-extract", str(package), str(work)], check=True)
    control = work / "DEBIAN/control"
    text, changed = re.subn(r"^Version: (\S+?)\+", r"Version: \1.1+", control.read_text("utf-8"), count=1, flags=re.M)
    assert changed == 1
    control.write_text(text, "utf-8")
    made = into / "newer.deb"
    subprocess.run(["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", str(work), str(made)], check=True)
    shutil.rmtree(work)
    return made


def put(machine: Debian, package: Path) -> str:
    """Copy a package into a machine and install it as an admin would, without the network; return what was said."""
    # Not in /tmp: there the machine has a file system of its own, which is not seen from outside.
    there = machine.place / "opt/package.deb"
    shutil.copy(package, there)
    said = machine.run("apt-get", "install", "--yes", "/opt/package.deb", timeout=600)
    there.unlink()
    return said


def ready(machine: Debian) -> float:
    """Wait until the images' port answers to C-ECHO and the console to a browser; return the seconds it took."""
    begun = time.monotonic()
    echo = machine.beside("echoscu", "-to", "5", "-aec", "STELLWERK", "127.0.0.1", "26131")
    page = machine.beside(
        "curl", "--silent", "--insecure", "--location", "--max-time", "10", "https://127.0.0.1:26180/"
    )
    while True:
        answers = subprocess.run(echo, capture_output=True, check=False).returncode == 0
        shown = subprocess.run(page, capture_output=True, text=True, check=False).stdout
        if answers and "Stellwerk" in shown:
            return time.monotonic() - begun
        states = [machine.unit(name, "NRestarts")["NRestarts"] for name in SERVICES]
        assert states == ["0", "0"], f"Restarted by systemd, {' and '.join(states)} times.\n{journal(machine)}"
        assert time.monotonic() - begun < 240, f"Not ready after four minutes.\n{journal(machine)}"
        time.sleep(0.5)


def journal(machine: Debian) -> str:
    """What the units have said."""
    words = [word for name in SERVICES for word in ("--unit", name)]
    return machine.run("journalctl", "--no-pager", "--lines=60", *words, check=False)


def listening(machine: Debian) -> set[int]:
    """The TCP ports on which something listens, as the machine's kernel says."""
    rows = [
        line.split() for name in ("tcp", "tcp6") for line in machine.run("cat", f"/proc/net/{name}").splitlines()[1:]
    ]
    return {int(row[1].rpartition(":")[2], 16) for row in rows if row[3] == "0A"}


def looked_at(machine: Debian) -> None:
    """The service runs as itself, with the ports that the rules open and no others, and in its sandbox."""
    for name in SERVICES:
        state = machine.unit(name, "ActiveState", "User", "NRestarts", "UnitFileState", "MainPID")
        assert (state["ActiveState"], state["User"]) == ("active", "stellwerk"), f"{name}: {state}\n{journal(machine)}"
        assert (state["UnitFileState"], state["NRestarts"]) == ("enabled", "0"), f"{name}: {state}\n{journal(machine)}"
        line = machine.run("systemd-analyze", "security", "--no-pager", name).strip().splitlines()[-1]
        exposure = float(re.findall(r"\d+\.\d+", line)[0])
        assert exposure <= EXPOSURE, f"{name}: {line}"
        say(f"  {name}: active as stellwerk, exposure {exposure}")
    opened = listening(machine)
    assert opened == set(PORTS), f"open are {sorted(opened)}"
    mode = (machine.place / DATA).stat().st_mode & 0o777
    assert mode == 0o700, f"the data folder has mode {mode:o}"
    say(f"  listening: {', '.join(map(str, sorted(opened)))}; data folder: {mode:o}")
    codecs = (
        "import imagecodecs, numpy, importlib, pkgutil\n"
        "names = [m.name for m in pkgutil.iter_modules(imagecodecs.__path__) if m.name[0] == '_' != m.name[1]]\n"
        "broken = {}\n"
        "for name in names:\n"
        "    try: importlib.import_module('imagecodecs.' + name)\n"
        "    except ImportError as error: broken[name] = str(error)\n"
        "import engine.pixels._jpeg, engine.pixels._jpeg_proof, engine.pixels._jpeg_ls\n"
        "assert not broken, broken\n"
        "print(len(names))"
    )
    loaded = machine.run("/usr/lib/stellwerk/venv/bin/python3", "-I", "-c", codecs).strip()
    say(f"  all {loaded} compiled codecs and our own C parts load with what the package depends on")


def changed(before: dict[str, Entry], after: dict[str, Entry]) -> tuple[list[str], list[str]]:
    """The names that are new or gone, and those that stand for something else than before."""
    names = sorted(before.keys() ^ after.keys())
    return names, sorted(name for name in before.keys() & after.keys() if before[name] != after[name])


def only_data_is_left(machine: Debian, before: dict[str, Entry]) -> None:
    """Compare the disk with what it was before: the data and the account of their owner, and nothing else."""
    machine.run("systemctl", "daemon-reload")
    after = entries(machine.place, VOLATILE)
    names, others = changed(before, after)
    left = [name for name in names if not (name == DATA or name.startswith(DATA + "/"))]
    account = {*ACCOUNT, *(f"{name}-" for name in ACCOUNT)}
    strange = [name for name in (*left, *others) if name not in account]
    assert not strange, f"Left on the disk, or changed: {', '.join(strange[:40])}"
    for name in ACCOUNT[:4]:
        lines = (machine.place / name).read_text("utf-8").splitlines()
        assert sum(line.startswith("stellwerk:") for line in lines) == 1, name
    kept = [name for name in after if name.startswith(DATA + "/")]
    say(f"  after purge: {len(kept)} entries in /{DATA}, the accounts in {len(set(others) & account)} files; no other")


def life(release: str, package: Path, work: Path) -> None:
    """The whole life of the package on a clean Debian."""
    say(f"Debian {RELEASES[release].removeprefix('deb')} ({release}), {package.name}")
    second = newer(package, work)
    with debian(release, work) as machine:
        failed = machine.run("systemctl", "--failed", "--no-legend", "--plain")
        before = entries(machine.place, VOLATILE)
        begun = time.monotonic()
        said = put(machine, package)
        assert "stellwerk console link" in said, said
        installed = time.monotonic() - begun
        say(f"  installed in {installed:.0f} s; C-ECHO and the console answer after {ready(machine):.0f} s more")
        looked_at(machine)
        assert "start/" in machine.run("stellwerk", "console", "link"), "no link for a first admin"

        devices = [Device(machine.beside, work / f"device{number}", 26131) for number in range(DEVICES)]
        for device in devices:
            device.start()
        _until(lambda: all(len(device.acknowledged) >= 5 for device in devices), "the first images", machine)
        sent_before = sum(len(device.acknowledged) for device in devices)
        began = time.monotonic()
        put(machine, second)
        upgraded = time.monotonic() - began
        say(f"  upgraded in {upgraded:.0f} s while {DEVICES} devices sent; ready after {ready(machine):.0f} s more")
        sent_until = sum(len(device.acknowledged) for device in devices)
        _until(lambda: sum(len(d.acknowledged) for d in devices) >= sent_until + 10, "images after it", machine)
        for device in devices:
            device.stop()
        version = machine.run("dpkg-query", "--show", "--showformat=${Version}", "stellwerk")
        assert ".1+" in version, version
        sent = {uid: file for device in devices for uid, file in device.acknowledged.items()}
        _until(lambda: not missing(sent, machine.place / DATA / "archive"), "the last in the archive", machine)
        refused = sum(device.refused for device in devices)
        assert refused > 0, "No sender ever noticed the upgrade: it was tried in no transfer"
        say(
            f"  {len(sent)} images acknowledged ({sent_before} before, {len(sent) - sent_before} during and after;"
            f" {refused} tries refused and repeated), 0 missing, all pixels the same"
        )
        ledger = machine.run("stellwerk", "ledger")
        say(f"  ledger: {ledger.strip().splitlines()[-1]}")
        looked_at(machine)

        (machine.place / "etc/stellwerk/stellwerk.toml").open("a").write('language = "en"\n')
        gone = machine.run("apt-get", "remove", "--yes", "stellwerk")
        assert "stay in /var/lib/stellwerk" in gone, gone
        assert listening(machine) == set(), listening(machine)
        assert not (machine.place / "usr/lib/stellwerk").exists()
        assert 'language = "en"' in (machine.place / "etc/stellwerk/stellwerk.toml").read_text("utf-8")
        assert not missing(sent, machine.place / DATA / "archive")
        say("  removed: no port is open, program gone; settings and data are there")
        gone = machine.run("apt-get", "purge", "--yes", "stellwerk")
        assert "stay in /var/lib/stellwerk" in gone, gone
        assert not missing(sent, machine.place / DATA / "archive")
        only_data_is_left(machine, before)
        assert machine.run("systemctl", "--failed", "--no-legend", "--plain") == failed

        put(machine, package)
        say(f"  installed again: ready after {ready(machine):.0f} s, on the data that were there")
        assert not missing(sent, machine.place / DATA / "archive")
        assert machine.run("stellwerk", "ledger").strip().splitlines()[-1] == ledger.strip().splitlines()[-1]


def _until(holds: Callable[[], bool], what: str, machine: Debian, seconds: float = 240) -> None:
    """Wait until something holds; AssertionError, with the journal, where it does not."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"Waited for {what} in vain.\n{journal(machine)}"
        time.sleep(0.5)


def main() -> int:
    """Called by make."""
    parser = argparse.ArgumentParser(description="Try the packages.")
    parser.add_argument("what", nargs="*", choices=[*RELEASES, "oci", []], help="by default, all")
    wanted = parser.parse_args().what or [*RELEASES, "oci"]
    programs = [
        name for name in ("mmdebstrap", "unshare", "nsenter", "storescu", "echoscu", "curl") if not shutil.which(name)
    ]
    if os.geteuid() != 0 or programs:
        say(f"Skipped: it needs root{', and ' + ', '.join(programs) if programs else ''}.")
        return 0
    begun = time.monotonic()
    (cache() / "work").mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache() / "work") as folder:
        for what in wanted:
            work = Path(folder) / what
            work.mkdir()
            try:
                if what == "oci":
                    package = deb.build(oci.RELEASE, version(), DIST)
                    oci_life.life(oci.build(package, version(), DIST), work)
                else:
                    life(what, deb.build(what, version(), DIST), work)
            except CannotBuild as error:
                say(str(error))
                return 1
    say(f"All as promised, in {time.monotonic() - begun:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
