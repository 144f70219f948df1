"""Somebody who may write into a watched folder puts a link there just when it is looked at: nothing else is read."""

import os
from pathlib import Path

import pytest

from engine.destinations.share import MARK, Share
from engine.errors import Later
from engine.sources import taking
from engine.sources.pinned import Elsewhere, folder_of, pinned
from tests.data.make import instance
from tests.engine.sources.kit import Dropping, uid_of


def test_a_link_that_is_there_only_while_it_is_read_brings_nothing_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drop = Dropping(tmp_path)
    theirs = drop.put("a.dcm")
    ours = instance(tmp_path, name="ours.dcm", SOPInstanceUID="1.2.3.99")
    look_into, piece = taking.look_into, taking.Taker._piece
    swapped: list[Path] = []

    def look_and_swap(path: Path) -> object:
        found = look_into(path)
        [aside] = (drop.folder / ".taken").iterdir()
        aside.rename(tmp_path / "kept")
        aside.symlink_to(ours)
        swapped.append(aside)
        return found

    def swap_back(self: taking.Taker, *about: str) -> object:
        while swapped:
            (tmp_path / "kept").rename(swapped.pop())
        return piece(self, *about)

    before = theirs.read_bytes()
    monkeypatch.setattr(taking, "look_into", look_and_swap)
    monkeypatch.setattr(taking.Taker, "_piece", swap_back)
    drop.pass_by(4)
    assert (drop.folder / "done" / "a.dcm").read_bytes() == before
    assert drop.deliver() == [uid_of("a.dcm")]


def test_what_is_held_is_read_whatever_its_name_leads_to_by_then(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"first")
    (tmp_path / "secret").write_bytes(b"other")
    with pinned(tmp_path / "a") as (held, found):
        (tmp_path / "a").unlink()
        (tmp_path / "a").symlink_to(tmp_path / "secret")
        assert held.read_bytes() == b"first"
        assert found.st_size == 5


def test_a_link_a_pipe_and_a_folder_are_no_files(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"other")
    (tmp_path / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", ".", "nothing"):
        with pytest.raises(Elsewhere), pinned(tmp_path / name):
            pass


def test_a_link_on_the_way_leads_nowhere_also_when_it_comes_late(tmp_path: Path) -> None:
    root, elsewhere = tmp_path / "root", tmp_path / "elsewhere"
    for folder in (root / "a" / "b", elsewhere / "b"):
        folder.mkdir(parents=True)
        (folder / "x").write_text(str(folder))
    with folder_of(root / "a" / "b" / "x", root) as held:
        (root / "a").rename(tmp_path / "moved")
        (root / "a").symlink_to(elsewhere)
        assert held.read_text() == str(root / "a" / "b")
    for name in ("a/b/x", "gone/x"):
        with pytest.raises(Elsewhere), folder_of(root / name, root):
            pass


def test_a_link_in_place_of_the_mark_of_a_share_is_no_mark(tmp_path: Path) -> None:
    root = tmp_path / "share"
    root.mkdir()
    share = Share(root, tmp_path / "known")
    share.check()
    (root / MARK).rename(tmp_path / "mark")
    (root / MARK).symlink_to(tmp_path / "mark")
    with pytest.raises(Later, match="is not the folder that it was"):
        share.check()
