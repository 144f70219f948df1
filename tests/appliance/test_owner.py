"""What root types works on the account of whoever owns the data folder."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.owner import act_as_owner
from appliance.settings import SettingsError
from engine.object import Origin
from engine.spool import Spool
from tests.engine.spool.crash_kit import write_instance

SERVICE = 61234

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")


@pytest.fixture
def data() -> Iterator[Path]:
    """A data folder of the service's, with an object in the hold, where everybody may look for it."""
    home = Path(tempfile.mkdtemp(prefix="stellwerk-owner-"))
    home.chmod(0o755)
    folder = home / "data"
    spool = Spool(folder / "spool")
    path = spool.new_work_file()
    write_instance(path, "1.2.3")
    spool.accept(path, Origin("dicom", 104, "SONO1"), "0" * 64)
    for one in (folder, *folder.rglob("*")):
        os.chown(one, SERVICE, SERVICE)
    yield folder
    shutil.rmtree(home)


def in_a_child(work: Callable[[], object]) -> int:
    """Its exit code: 0, or 1 where the work has raised."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    try:
        work()
        os._exit(0)
    finally:
        os._exit(1)


def owners(folder: Path) -> set[int]:
    """Whose everything in it is."""
    return {one.lstat().st_uid for one in (folder, *folder.rglob("*"))}


@pytest.mark.parametrize("words", [["spool"], ["journal", "search", "x"], ["user", "remove", "nobody"], ["ledger"]])
def test_a_command_of_roots_leaves_nothing_of_roots_behind(data: Path, words: list[str]) -> None:
    assert in_a_child(lambda: main([*words, "--data", str(data)])) == 0
    assert owners(data) == {SERVICE}


def test_without_it_there_would_be(data: Path) -> None:
    (data / "spool" / "by-root").touch()
    assert owners(data) == {0, SERVICE}


def test_it_is_for_good(data: Path) -> None:
    def try_to_return() -> None:
        act_as_owner(data)
        assert (os.getuid(), os.getgid(), os.getgroups()) == (SERVICE, SERVICE, [SERVICE])
        with pytest.raises(PermissionError):
            os.setuid(0)

    assert in_a_child(try_to_return) == 0


def test_a_folder_of_roots_or_none_at_all_changes_nothing(tmp_path: Path) -> None:
    act_as_owner(tmp_path)
    act_as_owner(tmp_path / "none")
    assert os.geteuid() == 0


def test_where_it_is_not_allowed_it_is_said(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: int) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "setgroups", lambda _: None)
    monkeypatch.setattr(os, "setgid", refuse)
    with pytest.raises(SettingsError, match=f"belongs to {SERVICE}.*start it as {SERVICE}"):
        act_as_owner(data)
