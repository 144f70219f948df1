"""A crash, or a full disk, at every operation of a restore: the machine is what it was, or what the backup is."""

import io
import shutil
from contextlib import suppress
from pathlib import Path

import pytest

from appliance.backup.restoring import complete, decide, stage, staged
from tests.appliance.backup.house import PASSPHRASE, House, backup, tree
from tests.appliance.backup.test_restore import states
from tests.engine.spool.crash_kit import Crash, disk
from tests.scale import stride

OWN = ("restore/", "spool/journal", "spool/arrivals", "spool/history/")


def seen(data: Path) -> dict[str, bytes]:
    """What counts in a data folder, also what is aside; without the history, whose lines have times in them."""
    found = {}
    for path, said in tree(data).items():
        first, _, rest = path.partition("/")
        name = f"aside/{rest}" if first.startswith("replaced-") else path
        if not name.startswith(OWN):
            found[name] = said
    return found


def machine(root: Path) -> House:
    """One that has worked, and is to become another."""
    house = House(root / "data", "other")
    house.work(away="1.2.2.7", refused="1.2.3.7", first=7)
    return house


def restored(data: Path, file: bytes) -> None:
    stage(data, io.BytesIO(file), PASSPHRASE)
    decide(data)
    complete(data)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    house = House(tmp_path_factory.mktemp("old") / "data")
    house.work()
    return backup(house)[0]


@pytest.mark.parametrize("way", ["crash", "full"])
def test_at_every_operation_it_is_the_old_or_the_new_machine(tmp_path: Path, file: bytes, way: str) -> None:
    template = machine(tmp_path / "template")
    old = seen(template.data)
    whole = Path(shutil.copytree(template.data, tmp_path / "whole"))
    with disk() as done:
        restored(whole, file)
    new = seen(whole)
    assert new != old
    assert len(done) > 60
    become = {"old": 0, "new": 0}
    for point in range(1, len(done) + 1, stride(4 if way == "crash" else 9)):
        data = Path(shutil.copytree(template.data, tmp_path / str(point)))
        kind = {"crash_at": point} if way == "crash" else {"error_at": point}
        with disk(**kind), suppress(Crash, OSError):
            restored(data, file)
        for again in (3, 11, 40):  # the next starts are interrupted, too
            with disk(crash_at=again), suppress(Crash):
                complete(data)
        complete(data)
        now = seen(data)
        assert now in (old, new), f"neither, at operation {point} ({done[point - 1]})"
        become["new" if now == new else "old"] += 1
        expected = {"delivered": 2, "waiting": 2, "held": 1, "elsewhere": 3} if now == new else None
        assert expected is None or states(data) == expected, point
        if now == old:
            assert staged(data) is None or (data / "restore" / "staged").is_dir()
            restored(data, file)  # and it can be done then
            assert seen(data) == new
    assert min(become.values()) > 0, become
