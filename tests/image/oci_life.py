"""The life of the OCI image: looked at by tools of others, unpacked, started with nothing but its data, stopped.

It must not know how the image was made.
"""

import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from appliance.image.building import oci
from appliance.image.building.places import ROOT, version
from tests.image.containers import THERE, contained, tool
from tests.image.sending import Device, missing

HEALTH = re.compile(r"^HealthCmd=(.+)$", re.MULTILINE)
UNIT = ROOT / "docs/stellwerk.container"
"""The example for Podman, whose way to ask for health is tried."""


def say(line: str) -> None:
    """Print at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def inspected(work: Path, name: str) -> None:
    """What skopeo reads in the archive is what an admin must know of the image."""
    config = json.loads(tool(work, "skopeo", "inspect", "--config", f"oci-archive:{THERE}/{name}"))["config"]
    assert config["User"] == "850:850", config
    assert config["Entrypoint"] == ["/usr/bin/stellwerk"], config
    assert config["Cmd"] == ["run", "--data", "/var/lib/stellwerk"], config
    assert set(config["ExposedPorts"]) == {"26130/tcp", "26131/tcp", "26180/tcp", "26230/tcp"}, config
    assert set(config["Volumes"]) == {"/var/lib/stellwerk"}, config
    assert config["Labels"]["org.opencontainers.image.version"] == version(), config


def has_no_shell(root: Path) -> None:
    """Python and our command are the only programs; nothing has more rights than who calls it."""
    programs = sorted(path.name for folder in ("bin", "sbin", "usr/bin", "usr/sbin") for path in _below(root / folder))
    assert set(programs) == {"python3.13", "stellwerk"}, programs
    risen = [
        path for path in root.rglob("*") if not path.is_symlink() and path.is_file() and path.stat().st_mode & 0o6000
    ]
    assert not risen, risen


def _below(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() and not folder.is_symlink() else []


def bundle(work: Path, name: str) -> Path:
    """Unpack the image by umoci as a bundle for a runtime, with a read-only root and a data folder from outside."""
    (work / "layout").mkdir()
    subprocess.run(["tar", "-xf", str(work / name), "-C", str(work / "layout")], check=True)
    tool(work, "umoci", "unpack", "--image", f"{THERE}/layout:{version()}", f"{THERE}/bundle")
    data = work / "data"
    data.mkdir(mode=0o700)
    subprocess.run(["chown", "850:850", str(data)], check=True)
    file = work / "bundle/config.json"
    config = json.loads(file.read_text("utf-8"))
    config["process"]["terminal"] = False
    config["root"]["readonly"] = True
    config["mounts"] = [mount for mount in config["mounts"] if mount["type"] != "cgroup"]
    config["mounts"] += [
        {"destination": "/var/lib/stellwerk", "type": "bind", "source": f"{THERE}/data", "options": ["bind", "rw"]},
        {"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "nodev", "noexec"]},
    ]
    for rights in config["process"]["capabilities"].values():
        rights.clear()
    file.write_text(json.dumps(config), "utf-8")
    return work / "bundle"


def life(archive: Path, work: Path) -> None:
    """The whole life of the image; AssertionError where something is not as promised."""
    shutil.copy(archive, work)
    say(f"OCI image {archive.name}: {archive.stat().st_size / 1e6:.1f} MB")
    inspected(work, archive.name)
    root = bundle(work, archive.name) / "rootfs"
    has_no_shell(root)
    size = sum(path.lstat().st_size for path in root.rglob("*") if path.is_file()) / 1e6
    say(f"  read by skopeo, unpacked by umoci: {size:.0f} MB, two programs, no shell, nothing set-id")
    command = ["crun", "--cgroup-manager=disabled", "run", "--bundle", f"{THERE}/bundle", "stellwerk"]
    with contained(command, work, "stellwerk") as first:

        def inside(*words: str) -> list[str]:
            return ["nsenter", "--target", str(first), "--net", *words]

        begun = time.monotonic()
        echo = inside("echoscu", "-to", "5", "-aec", "STELLWERK", "127.0.0.1", "26131")
        while subprocess.run(echo, capture_output=True, check=False).returncode != 0:
            assert time.monotonic() - begun < 120, (work / "log").read_text("utf-8", "replace")
            time.sleep(0.5)
        say(f"  C-ECHO answers after {time.monotonic() - begun:.0f} s")
        (line,) = HEALTH.findall(UNIT.read_text("utf-8"))
        health = ["nsenter", "--target", str(first), "--all", "--root", "--wd", *json.loads(line)]
        while (asked := subprocess.run(health, capture_output=True, text=True, check=False)).returncode != 0:
            assert time.monotonic() - begun < 180, asked.stderr
            time.sleep(0.5)
        device = Device(inside, work / "device", 26131)
        device.start()
        time.sleep(5)
        device.stop()
        assert device.acknowledged
        owner = Path(f"/proc/{first}").stat().st_uid
        rights = re.search(r"^CapEff:\s*(\w+)$", Path(f"/proc/{first}/status").read_text("utf-8"), re.MULTILINE)
        assert owner == oci.ACCOUNT, owner
        assert rights, "the kernel says nothing of the process's rights"
        assert int(rights[1], 16) == 0, rights[0]
        subprocess.run(["kill", "-TERM", str(first)], check=True)
        ended = time.monotonic()
        while Path(f"/proc/{first}").exists():
            assert time.monotonic() - ended < 60, "It does not end when it is told to"
            time.sleep(0.1)
        say(f"  healthy; account {owner}, no capabilities, root read-only; ended in {time.monotonic() - ended:.1f} s")
    assert not missing(device.acknowledged, work / "data/archive")
    say(f"  {len(device.acknowledged)} images acknowledged, 0 missing in the volume")
