"""What is put into a folder is taken once it is whole, and what became of it is told."""

import os
import zipfile
from contextlib import suppress
from pathlib import Path

import pytest

from engine.drops import Drops
from engine.enough import FEW
from engine.errors import Never
from engine.sources import folder, wholeness
from engine.sources.taking import Taker
from engine.step import HOLD
from tests.data.make import REAL, instance
from tests.engine.sources.kit import Dropping, uid_of
from tests.engine.spool.crash_kit import Crash


def test_a_file_goes_to_the_destination_as_it_is_and_moves_to_done(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    before = drop.put("a.dcm").read_bytes()
    drop.pass_by(4)
    assert drop.left() == []
    assert drop.done() == ["a.dcm"]
    assert (drop.folder / "done" / "a.dcm").read_bytes() == before
    assert drop.deliver() == [uid_of("a.dcm")]


def test_a_whole_folder_is_one_drop_and_keeps_its_folders(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    names = ["study/1/a.dcm", "study/1/b.dcm", "study/2/c.dcm"]
    for name in names:
        drop.put(name)
    drop.pass_by(4)
    assert drop.done() == names
    assert drop.deliver() == sorted(map(uid_of, names))
    drop.pass_by(20)
    assert "3 objects: sent to PACS" in drop.status("study")
    assert "All of it is done." in drop.status("study")
    drop.pass_by(200)
    assert not (drop.folder / "study").exists()


def test_nothing_is_taken_while_it_grows(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.watch.turn()
    whole = instance(tmp_path, name="whole", SOPInstanceUID="1.2.9").read_bytes()
    for end in range(200, len(whole), 60):
        drop.put("slow.dcm", whole[:end])
        drop.pass_by(1)
    assert drop.left() == ["slow.dcm"]
    drop.put("slow.dcm", whole)
    drop.pass_by(4)
    assert drop.deliver() == ["1.2.9"]


def test_half_a_file_that_stalls_waits_for_the_rest_of_it(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    whole = instance(tmp_path, name="whole", SOPInstanceUID="1.2.9").read_bytes()
    drop.put("slow.dcm", whole[:-5])
    drop.pass_by(50)
    assert drop.left() == ["slow.dcm"]
    drop.put("slow.dcm", whole)
    drop.pass_by(4)
    assert drop.deliver() == ["1.2.9"]
    assert drop.line.held() == []


def test_half_a_file_that_nobody_completes_is_held(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    whole = instance(tmp_path, name="whole").read_bytes()
    drop.put("half.dcm", whole[:-5])
    drop.pass_by(70)
    assert drop.deliver() == []
    [held] = drop.spool.outbox(HOLD).all()
    assert "ends in the middle" in held.why
    assert held.file.read_bytes() == whole[:-5]
    assert drop.done() == ["half.dcm"]


def test_what_is_no_dicom_is_held_under_its_name_and_cannot_be_released(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.put("notes of today.txt", b"to be sent\n")
    drop.pass_by(4)
    assert drop.deliver() == []
    [held] = drop.spool.outbox(HOLD).all()
    assert (held.origin.file, held.origin.folder) == ("notes of today.txt", "PACS")
    assert held.why == "this is no DICOM file"
    with pytest.raises(Never, match="nothing to send"):
        drop.spool.release(held.id)
    drop.pass_by(10)
    assert "held, a person must look at it: this is no DICOM file" in drop.status("notes of today.txt")
    drop.spool.delete(held.id)
    drop.pass_by(40)
    assert "deleted from the hold by a person" in drop.status("notes of today.txt")


@pytest.mark.parametrize(
    "name", ["a.dcm.part", ".hidden.dcm", "~a.dcm", "a.tmp", "a.crdownload", ".sub/a.dcm", "Thumbs.db"]
)
def test_what_is_still_being_copied_is_left_alone(tmp_path: Path, name: str) -> None:
    drop = Dropping(tmp_path)
    drop.put(name)
    drop.pass_by(80)
    assert drop.left() == [name]


def test_a_directory_of_a_disk_is_not_needed(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.put("disk/DICOMDIR", (REAL / "test_files" / "dicomdirtests" / "DICOMDIR").read_bytes())
    drop.put("disk/a.dcm")
    drop.pass_by(4)
    assert drop.deliver() == [uid_of("disk/a.dcm")]
    drop.pass_by(20)
    assert "not needed, and not sent: disk/DICOMDIR" in drop.status("disk")
    assert drop.spool.outbox(HOLD).all() == []


def test_the_same_file_put_there_again_is_another_drop(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    for _ in range(2):
        drop.put("a.dcm")
        drop.pass_by(4)
    assert drop.deliver() == [uid_of("a.dcm")] * 2
    assert drop.done() == ["a (2).dcm", "a.dcm"]


def test_a_file_and_a_folder_of_one_name_do_not_get_in_each_others_way(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.put("study")
    drop.pass_by(4)
    drop.put("study/a.dcm")
    drop.pass_by(4)
    assert drop.deliver() == sorted([uid_of("study"), uid_of("study/a.dcm")])
    assert drop.watch.trouble == ""
    assert [name.rpartition(".a.")[2] for name in drop.done()] == ["dcm", "study"]


@pytest.mark.parametrize("name", [os.fsdecode(b"\xff\xfe.dcm"), "Ärztehaus Süd/ü.dcm", "x" * 250, "a\nb.dcm"])
def test_a_name_may_be_anything(tmp_path: Path, name: str) -> None:
    drop = Dropping(tmp_path)
    instance(tmp_path, name="x", SOPInstanceUID="1.2.7")
    drop.put(name, (tmp_path / "x").read_bytes())
    drop.put(f"again/{name}", b"no image")
    drop.pass_by(4)
    assert drop.deliver() == ["1.2.7"]
    drop.pass_by(10)
    assert drop.left() == []
    assert len(list((drop.folder / "done").glob("*.status"))) == 2
    [held] = drop.spool.outbox(HOLD).all()
    assert held.origin.file.isprintable()


def test_a_link_is_never_followed(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.watch.turn()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    secret = instance(elsewhere, name="secret.dcm")
    (drop.folder / "file.dcm").symlink_to(secret)
    (drop.folder / "folder").symlink_to(elsewhere)
    drop.pass_by(80)
    assert drop.deliver() == []
    assert secret.exists()


def test_a_link_in_place_of_our_own_folders_leads_nothing_out(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.watch.turn()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (drop.folder / "done").symlink_to(elsewhere)
    drop.put("x.rules", b"route all on port 1 -> discard")
    drop.pass_by(80)
    assert list(elsewhere.iterdir()) == []
    assert "done is a link" in drop.watch.trouble
    (drop.folder / "done").unlink()
    drop.pass_by(80)
    assert drop.done() == ["x.rules"]
    assert drop.watch.trouble == ""


def test_a_link_deeper_in_done_leads_nothing_out(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.watch.turn()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (drop.folder / "done").mkdir()
    (drop.folder / "done" / "study").symlink_to(elsewhere)
    drop.put("study/a.dcm")
    drop.pass_by(10)
    assert list(elsewhere.iterdir()) == []
    assert drop.deliver() == [uid_of("study/a.dcm")]
    assert len(drop.done()) == 1


def test_a_link_in_place_of_taken_brings_nothing_in(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    archive = tmp_path / "archive"
    archive.mkdir()
    image = instance(archive, name="1.dcm")
    drop.folder.mkdir(parents=True)
    (drop.folder / ".taken").symlink_to(archive)
    drop.pass_by(80)
    assert image.exists()
    assert drop.deliver() == []
    assert ".taken is a link" in drop.watch.trouble


def test_what_is_told_is_not_written_through_a_link(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.watch.turn()
    theirs = tmp_path / "theirs"
    theirs.write_text("not ours")
    (drop.folder / "done").mkdir()
    (drop.folder / "done" / ".a.dcm.status.draft").symlink_to(theirs)
    drop.put("a.dcm")
    drop.pass_by(10)
    assert theirs.read_text() == "not ours"
    assert drop.deliver() == [uid_of("a.dcm")]


def test_what_is_taken_disappears_where_the_setting_says_so(tmp_path: Path) -> None:
    drop = Dropping(tmp_path, keep=False)
    drop.put("study/a.dcm")
    drop.pass_by(4)
    assert drop.deliver() == [uid_of("study/a.dcm")]
    drop.pass_by(20)
    assert drop.left() == ["study.status"]
    assert "sent to PACS" in (drop.folder / "study.status").read_text()


def test_a_zip_is_unpacked_and_told_of_as_one_drop(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED) as packed:
        for name in ("a.dcm", "b.dcm"):
            packed.write(instance(tmp_path, name=name, SOPInstanceUID=uid_of(name)), f"../../{name}")
        packed.writestr("liesmich.txt", "hello")
    drop.put("study.zip", (tmp_path / "x.zip").read_bytes())
    drop.pass_by(4)
    assert drop.deliver() == sorted(map(uid_of, ("a.dcm", "b.dcm")))
    [held] = drop.spool.outbox(HOLD).all()
    assert held.origin.file == "study.zip: liesmich.txt"
    assert drop.done() == ["study.zip"]
    drop.pass_by(20)
    assert "2 objects: sent to PACS" in drop.status("study.zip")
    assert {path.name for path in tmp_path.iterdir()} >= {"a.dcm", "outbox", "spool"}


def test_half_a_zip_waits_and_is_held_whole(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.write(instance(tmp_path, name="a.dcm"), "a.dcm")
    half = (tmp_path / "x.zip").read_bytes()[:-30]
    drop.put("study.zip", half)
    drop.pass_by(50)
    assert drop.left() == ["study.zip"]
    drop.pass_by(20)
    drop.deliver()
    [held] = drop.spool.outbox(HOLD).all()
    assert held.file.read_bytes() == half
    assert "not complete" in held.why


def test_what_cannot_be_moved_is_taken_once_even_after_a_restart(tmp_path: Path, forbidden: list[Path]) -> None:
    drop = Dropping(tmp_path, kind="folder")
    drop.put("a.dcm")
    drop.put("b.dcm")
    forbidden.append(drop.folder)
    drop.pass_by(10)
    assert "neither moved nor deleted" in drop.watch.trouble
    drop.watch = drop.new_watch()
    drop.pass_by(10)
    assert drop.deliver() == sorted([uid_of("a.dcm"), uid_of("b.dcm")])
    (drop.folder / "b.dcm").write_bytes(instance(tmp_path, name="new", SOPInstanceUID="1.2.77").read_bytes())
    drop.pass_by(10)
    assert "1.2.77" in drop.deliver()
    assert len(drop.pacs.got) == 3


def test_a_folder_that_is_away_is_said_and_comes_back(tmp_path: Path) -> None:
    drop = Dropping(tmp_path, kind="folder")
    drop.put("a.dcm")
    drop.pass_by(1)
    drop.folder.rename(tmp_path / "unmounted")
    drop.pass_by(10)
    assert "cannot be reached" in drop.watch.trouble
    (tmp_path / "unmounted").rename(drop.folder)
    drop.pass_by(10)
    assert drop.watch.trouble == ""
    assert drop.deliver() == [uid_of("a.dcm")]


def test_an_empty_mount_point_is_not_the_folder(tmp_path: Path) -> None:
    drop = Dropping(tmp_path, kind="folder")
    drop.pass_by(1)
    drop.folder.rename(tmp_path / "unmounted")
    drop.folder.mkdir()
    drop.pass_by(10)
    assert "may not be mounted" in drop.watch.trouble
    assert list(drop.folder.iterdir()) == []


def test_a_share_that_hangs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drop = Dropping(tmp_path, kind="folder")
    said = []

    def hangs(*_: object, **__: object) -> str:
        drop.now += 300
        said.append(drop.watch.trouble)
        return ""

    monkeypatch.setattr(folder, "why_away", hangs)
    drop.watch.turn()
    assert said == [f"{drop.folder} has not answered for 300 seconds"]
    assert drop.watch.trouble == ""


def test_without_room_nothing_is_taken_and_nothing_lost(tmp_path: Path) -> None:
    drop = Dropping(tmp_path)
    drop.put("a.dcm")
    drop.room = "only 3 MB of disk are free"
    drop.pass_by(10)
    assert drop.left() == ["a.dcm"]
    assert "3 MB" in drop.watch.trouble
    drop.room = None
    drop.pass_by(10)
    assert drop.watch.trouble == ""
    assert drop.deliver() == [uid_of("a.dcm")]


def test_a_file_that_cannot_be_read_does_not_keep_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_into(path: Path) -> wholeness.Found:
        if path.name == "bad.dcm":
            raise OSError(5, "Input/output error")
        return wholeness.look_into(path)

    drop = Dropping(tmp_path)
    monkeypatch.setattr(folder, "look_into", look_into)
    drop.put("bad.dcm")
    drop.put("good.dcm")
    drop.pass_by(6)
    assert drop.deliver() == [uid_of("good.dcm")]
    assert drop.watch.trouble == f"1 file in {drop.folder} cannot be taken: Input/output error"


def test_many_files_are_waited_for_in_a_window(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folder, "WINDOW", 8)
    monkeypatch.setattr(folder, "ENTRIES", 10)
    monkeypatch.setattr(folder, "BATCH", 5)
    drop = Dropping(tmp_path)
    names = [f"study/{number:03}.dcm" for number in range(40)]
    for name in names:
        drop.put(name)
    drop.pass_by(60)
    assert drop.left() == []
    for _ in range(len(names) // FEW):
        drop.deliver()
    assert sorted(drop.pacs.got) == sorted(map(uid_of, names))


def test_the_watched_folder_takes_what_its_route_says_and_tells_nothing_beside_it(tmp_path: Path) -> None:
    drop = Dropping(tmp_path, kind="folder")
    drop.put("export/a.dcm")
    drop.pass_by(10)
    assert drop.deliver() == [uid_of("export/a.dcm")]
    assert [path.name for path in drop.folder.rglob("*.status")] == []


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"number": 1}'], ids=["empty", "torn", "other", "bare"])
@pytest.mark.parametrize("stage", [(Taker, "_pieces"), (Drops, "accept")], ids=["claimed", "staged"])
def test_a_record_that_the_disk_has_not_kept_is_said_and_its_file_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes, stage: tuple[type, str]
) -> None:
    def stops(*_: object) -> None:
        raise Crash

    drop = Dropping(tmp_path, kind="folder")
    drop.put("a.dcm")
    with monkeypatch.context() as patch, suppress(Crash):
        patch.setattr(*stage, stops)
        drop.pass_by(5)
    drop.watch = drop.new_watch()
    [record] = (drop.spool.root / "drops").glob("*/*.json")
    record.write_bytes(text)
    assert list((drop.folder / ".taken").iterdir()), "it was on its way"
    drop.put("b.dcm")
    drop.pass_by(10)
    assert drop.deliver() == sorted([uid_of("a.dcm"), uid_of("b.dcm")])
    torn = record.with_suffix(".torn")
    assert torn.read_bytes() == text
    assert "the disk has not kept a record" in drop.watch.trouble
    assert str(torn) in drop.watch.trouble
    torn.unlink()
    drop.pass_by(2)
    assert drop.watch.trouble == ""
