"""The units of the first boot: systemd understands them, and each may do little."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.commands.machine import VERBS
from tests.house.tree import ROOT

IMAGE = ROOT / "appliance/image/mkosi.extra/usr/lib/systemd"
UNITS = [IMAGE / f"system/stellwerk-{verb}.service" for verb in ("setup", "screen", "recovery")]
MOST = {257: 1.5, 250: 1.7}
"""Exposure, by the version that judges: one before 257 does not know `ProtectControlGroups=strict`."""


def version() -> int:
    done = subprocess.run(["systemd-analyze", "--version"], capture_output=True, text=True, check=False)
    found = re.match(r"systemd (\d+)", done.stdout)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_may_do_little(unit: Path) -> None:
    if not shutil.which("systemd-analyze") or version() < 250:
        pytest.skip("systemd-analyze is not here, or too old to judge a file")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure
    assert float(exposure[1]) <= next(most for least, most in MOST.items() if version() >= least), said


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_calls_a_verb_that_there_is_and_is_switched_on(unit: Path) -> None:
    called = re.search(r"^ExecStart=/usr/bin/stellwerk machine (\w+)", unit.read_text(), re.MULTILINE)
    assert called
    assert called[1] in VERBS
    assert f"enable {unit.name}\n" in (IMAGE / "system-preset/20-stellwerk-setup.preset").read_text()


def test_the_set_up_comes_before_whatever_asks_for_it() -> None:
    text = UNITS[0].read_text()
    before = " ".join(re.findall(r"^Before=(.*)$", text, re.MULTILINE)).split()
    needs = ("systemd-networkd", "systemd-resolved", "systemd-timesyncd", "systemd-sysctl")
    assert {f"{name}.service" for name in needs} <= set(before)
    for service in ("stellwerk", "stellwerk-console"):
        assert "After=stellwerk-setup.service" in (IMAGE / f"system/{service}.service.d/50-setup.conf").read_text()
