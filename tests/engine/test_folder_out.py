"""A folder as destination: a file appears whole or not at all, and never beside the share."""

import os
from pathlib import Path

import pytest

from engine import files
from engine.destinations.folder import SharedFolder
from engine.destinations.share import MARK, Share
from engine.entry import Entry
from engine.errors import Later, Never
from engine.program import Destination
from engine.pump import Result, Sent
from engine.signature import Argument
from tests.data.make import instance, path, text
from tests.engine.test_https_out import entries


def folder(tmp_path: Path, *parts: str, **arguments: Argument) -> SharedFolder:
    """A destination that leads to tmp_path/nas."""
    given = {"path": text(str(tmp_path / "nas")), **arguments}
    if parts:
        given["layout"] = path(*parts)
    return SharedFolder(Destination("NAS", "folder", given), tmp_path / "shares")


def send(destination: SharedFolder, owed: list[Entry]) -> list[Result]:
    """What is reported."""
    results: list[Result] = []
    destination.send(owed, lambda _, result: results.append(result), lambda: False)
    return results


def seen(root: Path) -> set[str]:
    """The files that others see."""
    return {str(one.relative_to(root)) for one in root.rglob("*") if one.is_file() and not one.name.startswith(".")}


@pytest.fixture
def nas(tmp_path: Path) -> Path:
    """The folder, made."""
    made = tmp_path / "nas"
    made.mkdir()
    return made


def test_images_lie_in_folders_by_the_layout_under_their_uids(tmp_path: Path, nas: Path) -> None:
    results = send(folder(tmp_path, "Modality", "PatientID"), entries(tmp_path, "1.1", "1.2"))
    assert results == [Sent("NAS: US/4711/1.1.dcm"), Sent("NAS: US/4711/1.2.dcm")]
    assert seen(nas) == {"US/4711/1.1.dcm", "US/4711/1.2.dcm"}


def test_without_a_layout_they_lie_side_by_side(tmp_path: Path, nas: Path) -> None:
    send(folder(tmp_path), entries(tmp_path, "1.1", "1.2"))
    assert seen(nas) == {"1.1.dcm", "1.2.dcm"}


def test_two_patients_of_one_name_get_a_folder_each(tmp_path: Path, nas: Path) -> None:
    one, other = entries(tmp_path, "1.1", "1.2")
    instance(tmp_path, SOPInstanceUID="1.2", PatientID="4712")
    send(folder(tmp_path, "PatientName"), [one, other])
    assert seen(nas) == {"Sample^Anna/1.1.dcm", "Sample^Anna (2)/1.2.dcm"}


def test_the_bytes_are_a_copy_that_others_may_change(tmp_path: Path, nas: Path) -> None:
    [owed] = entries(tmp_path)
    send(folder(tmp_path), [owed])
    before = owed.file.read_bytes()
    with (nas / "1.2.3.dcm").open("r+b") as file:
        file.write(b"scribble")
    assert owed.file.read_bytes() == before


def test_the_same_again_is_one_file_and_other_bytes_are_refused(tmp_path: Path, nas: Path) -> None:
    [owed] = entries(tmp_path)
    destination = folder(tmp_path)
    assert send(destination, [owed]) == send(destination, [owed]) == [Sent("NAS: 1.2.3.dcm")]
    instance(tmp_path, SOPInstanceUID="1.2.3", PatientID="4712")
    [result] = send(destination, [owed])
    assert isinstance(result, Never)
    assert str(nas) in result.reason
    assert seen(nas) == {"1.2.3.dcm"}


def test_nobody_sees_half_a_file_whenever_the_disk_fails(
    tmp_path: Path, nas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    [owed] = entries(tmp_path)
    destination = folder(tmp_path, "PatientID")
    real = os.fsync
    for failing in range(12):
        left = [failing]

        def broken(handle: int, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(5, "Input/output error")
            real(handle)

        monkeypatch.setattr(os, "fsync", broken)
        [result] = send(destination, [owed])
        monkeypatch.setattr(os, "fsync", real)
        assert all((nas / name).read_bytes() == owed.file.read_bytes() for name in seen(nas))
        if isinstance(result, Sent):
            break
        assert isinstance(result, Later)
    else:
        pytest.fail("it never came through")
    assert failing > 2
    assert seen(nas) == {"4711/1.2.3.dcm"}


def test_what_is_no_dicom_file_is_refused_and_the_others_go(tmp_path: Path, nas: Path) -> None:
    broken, fine = entries(tmp_path, "1.1", "1.2")
    broken.file.write_bytes(b"no DICOM")
    results = send(folder(tmp_path, "PatientID"), [broken, fine])
    assert isinstance(results[0], Never)
    assert results[1] == Sent("NAS: 4711/1.2.dcm")
    assert seen(nas) == {"4711/1.2.dcm"}


# --- shares


def test_a_folder_that_is_not_there_is_waited_for_and_not_made(tmp_path: Path) -> None:
    [result] = send(folder(tmp_path), entries(tmp_path))
    assert isinstance(result, Later)
    assert "mounted" in result.reason
    assert not (tmp_path / "nas").exists()


def test_nothing_is_written_into_the_empty_mount_point_of_a_share_that_is_away(tmp_path: Path, nas: Path) -> None:
    send(folder(tmp_path), entries(tmp_path, "1.1"))
    nas.rename(tmp_path / "elsewhere")
    nas.mkdir()  # what lies under the mount
    results = send(folder(tmp_path), entries(tmp_path, "1.2", "1.3"))  # another process: it remembers
    assert [type(result) for result in results] == [Later, Later]
    assert list(nas.iterdir()) == []
    nas.rmdir()
    (tmp_path / "elsewhere").rename(nas)
    assert send(folder(tmp_path), entries(tmp_path, "1.2")) == [Sent("NAS: 1.2.dcm")]


def test_a_share_that_goes_away_in_the_middle_has_got_nothing(
    tmp_path: Path, nas: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    destination = folder(tmp_path)
    send(destination, entries(tmp_path, "1.1"))
    copy = files.copy

    def gone(source: Path, target: Path) -> None:
        if nas.exists() and not (tmp_path / "elsewhere").exists():
            nas.rename(tmp_path / "elsewhere")
            nas.mkdir()
        copy(source, target)

    monkeypatch.setattr(files, "copy", gone)
    results = send(destination, entries(tmp_path, "1.2", "1.3"))
    assert [type(result) for result in results] == [Later, Later]


def test_another_share_in_its_place_is_not_written_to(tmp_path: Path, nas: Path) -> None:
    send(folder(tmp_path), entries(tmp_path, "1.1"))
    (nas / MARK).write_text("another")
    [result] = send(folder(tmp_path), entries(tmp_path, "1.2"))
    assert isinstance(result, Later)
    assert "another" in result.reason


def test_a_new_folder_is_accepted_once_what_was_remembered_is_deleted_as_the_words_say(
    tmp_path: Path, nas: Path
) -> None:
    send(folder(tmp_path), entries(tmp_path, "1.1"))
    (nas / MARK).unlink()
    [result] = send(folder(tmp_path), entries(tmp_path, "1.2"))
    assert isinstance(result, Later)
    Path(result.reason.rpartition("delete ")[2]).unlink()
    assert send(folder(tmp_path), entries(tmp_path, "1.2")) == [Sent("NAS: 1.2.dcm")]


def test_two_appliances_share_a_share(tmp_path: Path, nas: Path) -> None:
    Share(nas, tmp_path / "one").check()
    Share(nas, tmp_path / "two").check()
    Share(nas, tmp_path / "one").check()


@pytest.mark.parametrize("mounted", [True, False])
def test_what_fstab_lists_must_be_mounted_the_first_time(tmp_path: Path, nas: Path, mounted: bool) -> None:
    fstab = tmp_path / "fstab"
    fstab.write_text(f"# shares\n//server/images {tmp_path}/nas cifs credentials=/x 0 0\n")
    (nas / "in").mkdir()
    share = Share(nas / "in", tmp_path / "known", fstab=fstab, is_mount=lambda _: mounted)
    if mounted:
        share.check()
    else:
        with pytest.raises(Later, match="nothing is mounted at"):
            share.check()
        assert list((nas / "in").iterdir()) == []


def test_below_mnt_something_must_be_mounted_unless_somebody_says_that_it_is_a_plain_folder(
    tmp_path: Path, nas: Path
) -> None:
    share = Share(nas, tmp_path / "known", fstab=tmp_path / "none", below=(str(tmp_path),), is_mount=lambda _: False)
    with pytest.raises(Later, match="echo here"):
        share.check()
    (nas / MARK).write_text("here\n")
    share.check()
