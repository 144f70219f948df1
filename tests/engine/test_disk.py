"""The disk: two watermarks, inodes, a file system that cannot be written; as a table, and on a real small one."""

import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import disk, files
from engine.disk import Disk, Limits, Space, judge

LIMITS = Limits(2048, 512)


@pytest.mark.parametrize(
    ("space", "broken", "refuses", "says"),
    [
        (Space(9000, 0.9), 0, None, ""),
        (Space(2048, 0.05), 0, None, ""),
        (Space(9000), 0, None, ""),
        (Space(2047, 0.9), 0, False, "only 2047 MB of disk are free in /s; below 512, nothing is taken in"),
        (Space(512, 0.9), 0, False, "only 512 MB"),
        (Space(511, 0.9), 0, True, "only 511 MB of disk are free in /s, at least 512 must be; nothing is taken in"),
        (Space(9000, 0.049), 0, False, "soon have no room for more files (4.9 % of its inodes are free)"),
        (Space(9000, 0.009), 0, True, "hardly any room for more files (0.9 % of its inodes are free)"),
        (Space(9000, 0.0), errno.ENOSPC, True, "hardly any room for more files (0.0 %"),
        (Space(100, 0.0), errno.ENOSPC, True, "hardly any room for more files"),
        (Space(2047, 0.009), 0, True, "hardly any room for more files"),
        (Space(9000, 0.9), errno.EDQUOT, True, "only 9000 MB of disk are free in /s"),
        (Space(9000, 0.9), errno.EROFS, True, "/s is read-only"),
        (Space(9000, 0.9, True), 0, True, "/s is read-only"),
        (Space(100, 0.9), errno.EIO, True, "the disk under /s answers with errors (Input/output error)"),
        (None, 0, True, "the disk under /s answers with errors (Input/output error)"),
    ],
)
def test_what_is_wrong_and_whether_anything_is_taken_in(
    space: Space | None, broken: int, refuses: bool | None, says: str
) -> None:
    verdict = judge("/s", space, LIMITS, broken=broken)
    if verdict is None:
        assert refuses is None
    else:
        assert verdict.refuses is refuses
        assert says in verdict.trouble.words
        assert "{" not in verdict.trouble.words + verdict.trouble.german
        assert "/s" in verdict.trouble.german


def test_for_the_sake_of_an_archive_elsewhere_nothing_is_refused() -> None:
    for space, broken in ((Space(1), 0), (Space(9000, 0.0), 0), (Space(9000, 0.5, True), 0), (None, errno.EIO)):
        verdict = judge("/archive", space, LIMITS, broken=broken, spool=False)
        assert verdict is not None
        assert not verdict.refuses
        assert "copies wait in their outbox" in verdict.trouble.words
        assert "Kopien warten in ihrem Ausgang" in verdict.trouble.german


def here(root: Path, limits: Limits | None = None) -> Disk:
    """The disk of a spool in this folder."""
    (root / "work").mkdir(exist_ok=True)
    return Disk(root, root / "work", limits or Limits(0, 0, 0.0, 0.0))


def test_a_disk_that_can_be_written_is_well_and_the_try_leaves_nothing(tmp_path: Path) -> None:
    one = here(tmp_path)
    one.probe()
    assert one.refuses() is None
    assert one.troubles({"archive": tmp_path / "not there yet"}) == {}
    assert list((tmp_path / "work").iterdir()) == []


def test_below_the_upper_mark_it_is_told_and_below_the_lower_one_refused(tmp_path: Path) -> None:
    low = here(tmp_path, Limits(1 << 30, 0, 0.0, 0.0))
    assert low.refuses() is None
    assert set(low.troubles({})) == {"the disk"}
    assert "only" in low.troubles({})["the disk"].words
    full = here(tmp_path, Limits(1 << 30, 1 << 30, 0.0, 0.0))
    assert "nothing is taken in" in (full.refuses() or "")


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO])
def test_a_disk_that_fails_is_noticed_and_so_is_that_it_works_again(
    tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = here(tmp_path)

    def fails(_path: Path, _data: bytes) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "write", fails)
    one.probe()
    assert "nothing is taken in" in (one.refuses() or "")
    assert set(one.troubles({})) == {"the disk", "taking in"}
    monkeypatch.undo()
    assert one.refuses(), "it was tried a moment ago"
    monkeypatch.setattr(disk, "AGAIN", 0.0)
    assert one.refuses() is None, "whoever wants to send makes it look again"


# --- real file systems ------------------------------------------------------------------------------------------------

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system to fill")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB with 64 inodes."""
    at = tmp_path / "small"
    at.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m,nr_inodes=64,mode=700", "small", str(at)], capture_output=True
    )
    if done.returncode:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.decode(errors='replace').strip()}")
    yield at
    subprocess.run(["umount", "-l", str(at)], check=True)


@root_only
def test_a_full_disk_refuses_and_takes_in_again_when_there_is_room(mounted: Path) -> None:
    one = here(mounted, Limits(6, 2, 0.0, 0.0))
    assert one.refuses() is None
    (mounted / "ballast").write_bytes(bytes(3 << 20))
    assert one.refuses() is None
    assert "only 5 MB" in one.troubles({})["the disk"].words or "only 4 MB" in one.troubles({})["the disk"].words
    with pytest.raises(OSError, match="No space left"):
        (mounted / "more").write_bytes(bytes(9 << 20))
    one.probe()
    assert "at least 2 must be" in (one.refuses() or "")
    (mounted / "more").unlink()
    (mounted / "ballast").unlink()
    one.probe()
    assert one.refuses() is None
    assert one.troubles({}) == {}


@root_only
def test_a_disk_without_inodes_refuses_and_says_that_room_is_not_what_it_lacks(mounted: Path) -> None:
    one = here(mounted, Limits(0, 0))
    assert one.refuses() is None
    for number in range(64):
        with contextlib.suppress(OSError):
            (mounted / str(number)).touch()
    one.probe()
    assert "room for more files" in (one.refuses() or "")
    for number in range(32):
        (mounted / str(number)).unlink()
    one.probe()
    assert one.refuses() is None
    assert list((mounted / "work").iterdir()) == []


@root_only
def test_a_disk_that_becomes_read_only_refuses_at_once_and_recovers_by_itself(mounted: Path) -> None:
    one = here(mounted)
    remount = ["mount", "-o", "remount"]
    subprocess.run([*remount, "-r", str(mounted)], check=True)
    assert "is read-only" in (one.refuses() or "")
    one.probe()
    subprocess.run([*remount, "-w", str(mounted)], check=True)
    one.probe()
    assert one.refuses() is None


@root_only
def test_the_archive_is_watched_where_it_lies_on_a_disk_of_its_own(mounted: Path, tmp_path: Path) -> None:
    one = here(tmp_path, Limits(6, 0, 0.0, 0.0))
    archive = mounted / "archive"
    assert one.troubles({"archive": archive, "teaching": mounted / "teaching"}) == {}
    (mounted / "ballast").write_bytes(bytes(5 << 20))
    troubles = one.troubles({"archive": archive, "teaching": mounted / "teaching"})
    assert set(troubles) == {"disk archive"}, "one disk is told of once"
    assert str(archive) in troubles["disk archive"].words
    assert one.refuses() is None
