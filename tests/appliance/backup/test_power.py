"""The power is cut at many moments of a restore, and what was not synced is gone: the old machine, or the new one."""

import random
import shutil
from pathlib import Path

import pytest

from appliance.backup.restoring import complete
from tests.appliance.backup.house import House, backup
from tests.appliance.backup.test_crash import machine, restored, seen
from tests.appliance.backup.test_restore import states
from tests.power.names import Names, watched

CUTS = 25


@pytest.mark.parametrize("ordered", [True, False], ids=["ordered", "in-any-order"])
def test_after_a_power_cut_it_is_the_old_or_the_new_machine(tmp_path: Path, ordered: bool) -> None:
    source = House(tmp_path / "source")
    source.work()
    file, _ = backup(source)
    template = machine(tmp_path)
    old = seen(template.data)
    whole = Path(shutil.copytree(template.data, tmp_path / "whole"))
    restored(whole, file)
    new = seen(whole)
    names = Names(template.data, ordered=ordered)
    there = (*template.data.rglob("*"), template.data)
    for path in (*there, *there):  # a folder once more, when all that is in it is known
        names.sync(path)
    chance = random.Random(11)
    layouts = []

    def cut(_operation: str) -> None:
        for _ in range(2):
            if chance.random() < 0.3 and len(layouts) < 2 * CUTS:
                layouts.append(tmp_path / f"cut{len(layouts)}")
                names.lay_out(layouts[-1], chance)

    with watched(names, cut):
        restored(template.data, file)
    for number in range(10):  # once it was said that it is done, it stays done
        layouts.append(tmp_path / f"done{number}")
        names.lay_out(layouts[-1], chance)
    found = {"old": 0, "new": 0}
    for data in layouts:
        complete(data)
        now = seen(data)
        assert now in (old, new), _differing(now, old, new)
        assert now == new or not data.name.startswith("done")
        found["new" if now == new else "old"] += 1
        if now == new:
            assert states(data) == {"delivered": 2, "waiting": 2, "held": 1, "elsewhere": 3}
    assert len(layouts) >= CUTS
    assert min(found.values()) > 3, found


def _differing(now: dict[str, bytes], *others: dict[str, bytes]) -> list[list[str]]:
    """In which files it is neither."""
    return [sorted(path for path in {*now, *one} if now.get(path) != one.get(path)) for one in others]
