"""The archive: what `store` leaves on disk."""

import errno
from pathlib import Path

import pytest

from engine import files
from engine.destinations.archive import Archive, same_dataset
from engine.entry import Entry
from engine.errors import Later, Never
from engine.object import Origin
from engine.pump import Result, Sent
from tests.engine.spool.crash_kit import write_instance


def entry(folder: Path, uid: str, *, patient: str = "", place: tuple[str, ...] = ("Praxis", "Doe^Jane")) -> Entry:
    """An entry as `store by Institution/PatientName` promises it."""
    file = folder / f"{uid}-{patient}.dcm"
    write_instance(file, uid)
    note = {"file": uid} | ({"person": "1", "patient": patient} if patient else {})
    return Entry(uid, uid, "archive.store", "r", "1", "p", Origin("dicom", 1), place, note, file=file)


def store(root: Path, *entries: Entry) -> dict[str, Result]:
    """What the archive reports."""
    results: dict[str, Result] = {}
    Archive(root).send(entries, lambda e, result: results.__setitem__(e.file.name, result), lambda: False)
    return results


def test_a_stored_object_lies_in_its_folder_under_its_uid_with_the_bytes_it_had(tmp_path: Path) -> None:
    one = entry(tmp_path, "1.2.3")
    assert store(tmp_path / "archive", one) == {"1.2.3-.dcm": Sent("Praxis/Doe^Jane/1.2.3.dcm")}
    assert (tmp_path / "archive/Praxis/Doe^Jane/1.2.3.dcm").read_bytes() == one.file.read_bytes()


def test_storing_the_same_object_twice_keeps_one_copy(tmp_path: Path) -> None:
    store(tmp_path / "archive", entry(tmp_path, "1.2.3"))
    again = store(tmp_path / "archive", entry(tmp_path, "1.2.3"))
    assert list(again.values()) == [Sent("Praxis/Doe^Jane/1.2.3.dcm")]
    assert len(list((tmp_path / "archive").rglob("*.dcm"))) == 1


def test_another_file_meta_group_does_not_make_another_object(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    write_instance(one, "1.2.3")
    data = bytearray(one.read_bytes())
    data[:128] = b"x" * 128
    other.write_bytes(data)
    assert same_dataset(one, other)
    data[-2:] = b"??"
    other.write_bytes(data)
    assert not same_dataset(one, other)


def test_files_that_lie_about_their_meta_information_are_compared_whole(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for file, uid in ((one, "1.2.3"), (other, "1.2.4")):
        write_instance(file, uid)
        data = bytearray(file.read_bytes())
        data[140:144] = (1 << 20).to_bytes(4, "little")
        file.write_bytes(data)
    assert not same_dataset(one, other)


def test_other_bytes_under_the_same_uid_are_refused_and_nothing_is_overwritten(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    one = entry(tmp_path, "1.2.3")
    store(root, one)
    before = (root / "Praxis/Doe^Jane/1.2.3.dcm").read_bytes()
    other = entry(tmp_path, "1.2.3", place=one.place)
    changed = tmp_path / "changed.dcm"
    write_instance(changed, "1.2.3", modality="CT")
    [result] = store(root, Entry(**{**_fields(other), "file": changed})).values()
    assert isinstance(result, Never)
    assert (root / "Praxis/Doe^Jane/1.2.3.dcm").read_bytes() == before


def _fields(entry: Entry) -> dict[str, object]:
    return {name: getattr(entry, name) for name in Entry.__slots__}


def test_two_patients_of_one_name_get_a_folder_each(tmp_path: Path) -> None:
    root = tmp_path / "archive"
    first, second = entry(tmp_path, "1.1", patient="aa"), entry(tmp_path, "1.2", patient="bb")
    third = entry(tmp_path, "1.3", patient="aa")
    store(root, first, second, third)
    assert (root / "Praxis/Doe^Jane/1.1.dcm").exists()
    assert (root / "Praxis/Doe^Jane (2)/1.2.dcm").exists()
    assert (root / "Praxis/Doe^Jane/1.3.dcm").exists()


def test_a_file_system_without_hard_links_gets_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_link(*_: Path) -> None:
        raise OSError(errno.EXDEV, "Invalid cross-device link")

    monkeypatch.setattr(files, "link", no_link)
    one = entry(tmp_path, "1.2.3")
    store(tmp_path / "archive", one)
    kept = tmp_path / "archive/Praxis/Doe^Jane/1.2.3.dcm"
    assert kept.read_bytes() == one.file.read_bytes()
    assert not kept.samefile(one.file)


def test_a_disk_that_is_full_means_later_for_every_object(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "make_folder", full)
    results = store(tmp_path / "archive", entry(tmp_path, "1.1"), entry(tmp_path, "1.2"))
    assert [type(result) for result in results.values()] == [Later, Later]


def test_nothing_is_reported_as_stored_before_its_folder_is_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(files, "sync", synced.append)
    seen: list[bool] = []
    place = tmp_path / "archive/Praxis/Doe^Jane"
    Archive(tmp_path / "archive").send([entry(tmp_path, "1.1")], lambda *_: seen.append(place in synced), lambda: False)
    assert seen == [True]
