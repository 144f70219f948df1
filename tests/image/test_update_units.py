"""Units of updates: the kernel comes last, a start on trial is given up by a shell alone, and each has few rights."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from appliance.commands.machine import VERBS
from appliance.machine.bundle import KINDS
from tests.house.tree import ROOT

COMMON = ROOT / "appliance/image/common/usr/lib/systemd/system"
IMAGE = ROOT / "appliance/image/mkosi.extra/usr/lib"
OURS = ("requests", "facts", "update", "health", "rollback", "blame")
TOOLS = Path(os.environ.get("IMAGE_TOOLS") or "/nowhere")
EXPOSED = 1.5
"""The most that `systemd-analyze security` may say of a unit of ours."""


def unit(name: str) -> Path:
    """A unit's file."""
    return next(path for path in (COMMON / name, IMAGE / "systemd/system" / name) if path.exists())


def values(path: Path, key: str) -> list[str]:
    """What a file says of this, each line."""
    return re.findall(rf"^{key}=(.*)$", path.read_text("utf-8"), re.MULTILINE)


def test_the_kernel_is_the_last_of_what_is_written_and_is_tried_twice() -> None:
    transfers = sorted((IMAGE / "sysupdate.d").glob("*.transfer"))
    kinds = [values(path, "MatchPattern")[0] for path in transfers]
    assert kinds == [*(f"%M_@v.{kind}.@u.raw" for kind, *_ in KINDS[:-1]), "%M_@v.efi"]
    for path in transfers:
        assert values(path, "ProtectVersion") == ["%A"], "never the slot that runs"
        assert values(path, "Path")[0] == "/var/lib/stellwerk-machine/staged", "where only root may write"
    assert (values(transfers[-1], "TriesLeft"), values(transfers[-1], "TriesDone")) == (["2"], ["0"])


def test_a_start_on_trial_is_given_up_whatever_is_broken() -> None:
    path = unit("stellwerk-rollback.service")
    assert "LoaderBootCountPath" in values(path, "ConditionPathExists")[0], "only where the boot loader counts"
    assert values(path, "DefaultDependencies") == ["no"]
    assert not values(path, "Requires")
    assert not values(path, "RequiresMountsFor")
    assert values(path, "ExecStart") == ["/usr/bin/systemctl --no-block reboot"]
    # Why it is given up may fail or hang, and the machine restarts all the same.
    assert values(path, "Wants") == ["stellwerk-blame.service"]
    assert int(values(unit("stellwerk-blame.service"), "TimeoutStartSec")[0]) <= 120
    for who in ("boot-complete.target.d/10-rollback.conf", "emergency.target.d/10-rollback.conf"):
        assert "stellwerk-rollback.service" in (IMAGE / "systemd/system" / who).read_text()
    assert values(unit("stellwerk-trial.timer"), "Unit") == ["stellwerk-rollback.service"]
    health = unit("stellwerk-health.service")
    assert values(health, "RequiredBy") == ["boot-complete.target"]
    assert values(health, "OnFailure") == ["stellwerk-rollback.service"]


def test_what_is_started_is_there_and_what_is_switched_on_exists() -> None:
    for name in OURS:
        for line in values(unit(f"stellwerk-{name}.service"), "ExecStart"):
            found = re.search(r"stellwerk machine ([a-z-]+)", line)
            assert found is None or found[1] in VERBS
    preset = (IMAGE / "systemd/system-preset/20-updates.preset").read_text("utf-8")
    for line in preset.splitlines():
        assert values(unit(line.removeprefix("enable ")), "(?:WantedBy|RequiredBy)"), line


def test_only_one_may_write_to_devices() -> None:
    for name in OURS:
        path = unit(f"stellwerk-{name}.service")
        assert values(path, "PrivateDevices") == ([] if name == "update" else ["yes"])
        assert ("CAP_SYS_ADMIN" in values(path, "CapabilityBoundingSet")[0]) == (name == "update")
        assert values(path, "ProtectSystem") == ["strict"]


@pytest.mark.skipif(
    os.geteuid() != 0 or not (TOOLS / "usr/bin/systemd-analyze").exists(),
    reason="IMAGE_TOOLS names no tree with systemd",
)
@pytest.mark.parametrize("name", OURS)
def test_each_has_few_rights(name: str) -> None:
    path = unit(f"stellwerk-{name}.service")
    script = (
        f'mount --bind {path.parent} {TOOLS}/mnt && exec chroot {TOOLS} systemd-analyze security --offline=true "$@"'
    )
    command = ["unshare", "-m", "sh", "-euc", script, "sh", f"/mnt/{path.name}"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    [score] = re.findall(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert float(score) <= EXPOSED, said
