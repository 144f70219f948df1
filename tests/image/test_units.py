"""The units: how exposed each is, that systemd knows every line, and that they agree with the program about places."""

import argparse
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance import installed
from appliance.machine import firewall
from appliance.openings import beside
from tests.house.tree import ROOT

COMMON = ROOT / "appliance/image/common/usr/lib"
UNITS = COMMON / "systemd/system"
SERVICES = sorted(UNITS.glob("*.service"))
EXPOSED = 1.5
"""The most that `systemd-analyze security` may say of any service of ours; Debian's own are mostly at 9.6."""


def systemd() -> int:
    """The version of systemd-analyze; 0 where there is none."""
    if shutil.which("systemd-analyze") is None:
        return 0
    said = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"systemd (\d+)", said)
    return int(found[1]) if found else 0


analyze = pytest.mark.skipif(systemd() < 250, reason="there is no systemd-analyze of 250 or newer here")


def lines(unit: Path, section: str, key: str) -> list[str]:
    """Every value of a key, in order: a unit file may have it several times."""
    found, here = [], ""
    for line in unit.read_text("utf-8").splitlines():
        if line.startswith("["):
            here = line.strip("[]")
        elif here == section and line.startswith(f"{key}="):
            found.append(line.partition("=")[2])
    return found


@analyze
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_no_service_is_exposed(unit: Path) -> None:
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={EXPOSED * 10:.0f}", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    score = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert score is not None, done.stderr
    assert float(score[1]) <= EXPOSED, done.stdout


@analyze
def test_an_exposed_service_is_caught(tmp_path: Path) -> None:
    bare = tmp_path / "bare.service"
    bare.write_text("[Service]\nExecStart=/usr/bin/true\n", "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(bare)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Overall exposure level for bare.service: 9" in done.stdout


@analyze
@pytest.mark.parametrize("unit", sorted(UNITS.glob("stellwerk*")), ids=lambda unit: unit.name)
def test_systemd_understands_every_line(unit: Path, tmp_path: Path) -> None:
    shutil.copytree(UNITS, tmp_path / "units")
    for copy in (tmp_path / "units").iterdir():
        # The program is not installed here, which alone would be said of it.
        copy.write_text(copy.read_text("utf-8").replace("/usr/bin/stellwerk", "/bin/true"), "utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(tmp_path / "units" / unit.name)],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if unit.name in line]
    assert said == []


@analyze
def test_a_line_that_systemd_does_not_know_is_caught(tmp_path: Path) -> None:
    unit = tmp_path / "odd.service"
    unit.write_text("[Service]\nExecStart=/bin/true\nProtectEverything=yes\n", "utf-8")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "ProtectEverything" in done.stderr


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_every_service_runs_the_one_command_and_no_shell(unit: Path) -> None:
    for key in ("ExecStart", "ExecStop", "ExecStartPre", "ExecStartPost", "ExecReload"):
        for line in lines(unit, "Service", key):
            assert line.startswith("/usr/bin/stellwerk "), line


@pytest.mark.parametrize("name", ["stellwerk.service", "stellwerk-console.service"])
def test_receiver_and_console_run_where_the_commands_look_for_them(name: str) -> None:
    unit = UNITS / name
    assert lines(unit, "Service", "User") == ["stellwerk"]
    assert lines(unit, "Service", "StateDirectory") == [str(installed.DATA.relative_to("/var/lib"))]
    assert lines(unit, "Service", "WorkingDirectory") == [str(installed.DATA)]
    assert lines(unit, "Service", "Type") == ["notify"]
    assert int(lines(unit, "Service", "WatchdogSec")[0]) >= 60
    assert lines(unit, "Service", "OOMPolicy") == ["continue"], "the pixel worker may be too large; the service goes on"
    assert lines(unit, "Service", "KillMode") == ["mixed"], "the pixel worker must not be told to end while it works"
    assert lines(unit, "Unit", "StartLimitIntervalSec") == ["0"]
    assert installed.ENVIRONMENT.is_relative_to(lines(unit, "Service", "ExecPaths")[0])


def test_service_and_firewall_mean_the_same_folders() -> None:
    parser = argparse.ArgumentParser()
    firewall.add(parser)
    there = parser.parse_args([])
    (said,) = [one for one in lines(UNITS / "stellwerk.service", "Service", "Environment") if "MACHINE" in one]
    assert said == f"STELLWERK_MACHINE={there.service}"
    assert beside(there.service) == there.machine
    folders = (COMMON / "tmpfiles.d/stellwerk.conf").read_text("utf-8").splitlines()
    made = {line.split()[1]: line.split() for line in folders if line.startswith("d ")}
    assert made[str(there.service)][2:5] == ["0750", "stellwerk", "stellwerk"]
    assert made[str(there.machine)][2:5] == ["0755", "stellwerk-firewall", "stellwerk"]
    for name in ("stellwerk-firewall.service", "stellwerk-firewall-base.service"):
        assert lines(UNITS / name, "Service", "ReadWritePaths") == [str(there.machine)]
        assert lines(UNITS / name, "Service", "CapabilityBoundingSet") == ["CAP_NET_ADMIN"]


def test_the_firewall_is_closed_before_the_network_and_the_service() -> None:
    before = " ".join(lines(UNITS / "stellwerk-firewall-base.service", "Unit", "Before")).split()
    assert {"network-pre.target", "stellwerk.service", "stellwerk-console.service"} <= set(before)
    needed = " ".join(lines(UNITS / "stellwerk-firewall-base.service", "Install", "RequiredBy")).split()
    assert needed == ["stellwerk.service", "stellwerk-console.service"], "nothing receives where it could not be closed"


@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="there is no systemd-sysusers here")
def test_the_accounts_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "usr/lib/sysusers.d").mkdir(parents=True)
    shutil.copy(COMMON / "sysusers.d/stellwerk.conf", tmp_path / "usr/lib/sysusers.d")
    done = subprocess.run(["systemd-sysusers", f"--root={tmp_path}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    users = {line.split(":")[0]: line.split(":") for line in (tmp_path / "etc/passwd").read_text("utf-8").splitlines()}
    assert users["stellwerk"][2] == "850"
    assert users["stellwerk-firewall"][2] == "851"
    assert {one[6] for one in users.values()} == {"/usr/sbin/nologin"}
