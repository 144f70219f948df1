"""The account of what a machine has left: each kind of loss is planted, and must be noticed."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import generate_uid

from tests.image.left import Account, came, look_for
from tests.image.objects import REGION, Sendable, sendable


@pytest.fixture
def images(tmp_path: Path) -> list[Sendable]:
    return sendable(tmp_path / "images", 5, 3)


def clean(one: Sendable, *, well: bool = True) -> Dataset:
    """As the machine leaves an ultrasound image: under a UID of its own, black around its region."""
    dataset = dcmread(one.file)
    left, top, right, bottom = REGION
    pixels = dataset.pixel_array.copy()
    kept = pixels[top : bottom + 1, left : right + 1].copy()
    pixels[:] = 0
    pixels[top : bottom + 1, left : right + 1] = kept
    if not well:
        pixels[0, 0] = 9
    dataset.PixelData, dataset.BurnedInAnnotation = pixels.tobytes(), "NO"
    source = Dataset()
    source.ReferencedSOPClassUID, source.ReferencedSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    dataset.SourceImageSequence = Sequence([source])
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    return dataset


@pytest.fixture
def kept(images: list[Sendable], tmp_path: Path) -> Path:
    """A data folder, and the folder of PACS_A beside it, where all went as it should."""
    archive, pacs = tmp_path / "data" / "archive", tmp_path / "pacs"
    archive.mkdir(parents=True)
    pacs.mkdir()
    for one in images:
        if one.ultrasound:
            clean(one).save_as(archive / f"{one.uid}.dcm")
            shutil.copy(archive / f"{one.uid}.dcm", pacs)
        else:
            shutil.copy(one.file, archive / f"{one.uid}.dcm")
    return tmp_path


def found(kept: Path, images: list[Sendable], *owed: str) -> Account:
    """The account of them; owed: by the UIDs under which they go on."""
    account = Account()
    look_for(account, kept / "data", images, came(kept / "pacs"), set(owed))
    return account


def test_where_all_is_there_nothing_is_missed(images: list[Sendable], kept: Path) -> None:
    assert found(kept, images).good
    assert str(found(kept, images)) == "lost 0, torn 0, doubled 0, held 0 of 5 acknowledged"


def _remove(file: Path) -> None:
    file.unlink()


def _twice(file: Path) -> None:
    shutil.copy(file, file.with_name("again.dcm"))


def _tear(file: Path) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:-8] + bytes(8))


@pytest.mark.parametrize(
    ("number", "plant", "account"),
    [
        (1, _remove, "lost 1, torn 0, doubled 0, held 0 of 5 acknowledged"),
        (4, _remove, "lost 1, torn 0, doubled 0, held 0 of 5 acknowledged"),
        (1, _twice, "lost 0, torn 0, doubled 1, held 0 of 5 acknowledged"),
        (1, _tear, "lost 0, torn 1, doubled 0, held 0 of 5 acknowledged"),
    ],
)
def test_what_is_gone_torn_or_there_twice_is_noticed(
    number: int, plant: Callable[[Path], None], account: str, images: list[Sendable], kept: Path
) -> None:
    plant(kept / "data" / "archive" / f"{images[number].uid}.dcm")
    assert str(found(kept, images)) == account


def test_ultrasound_that_was_not_cleaned_well_is_noticed(images: list[Sendable], kept: Path) -> None:
    clean(images[0], well=False).save_as(kept / "data" / "archive" / f"{images[0].uid}.dcm")
    assert found(kept, images).torn == 1
    shutil.copy(images[0].file, kept / "pacs" / f"{images[0].uid}.dcm")
    assert found(kept, images).torn == 2


def test_what_is_stored_and_owed_to_nobody_any_more_is_noticed(images: list[Sendable], kept: Path) -> None:
    (kept / "pacs" / f"{images[0].uid}.dcm").unlink()
    assert found(kept, images).lost == 1
    stored = dcmread(kept / "data" / "archive" / f"{images[0].uid}.dcm")
    assert found(kept, images, str(stored.SOPInstanceUID)).good


@pytest.mark.parametrize("whole", [True, False], ids=["whole", "half"])
def test_what_is_held_is_not_lost_unless_it_is_half_of_it(
    kept: Path, images: list[Sendable], monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    one = images[0]
    (kept / "data/archive" / f"{one.uid}.dcm").unlink()
    half = kept / "half"
    half.write_bytes(one.file.read_bytes()[: None if whole else 100])
    entries = [SimpleNamespace(file=half, why="for a reason")]
    hold = SimpleNamespace(outbox=lambda _: SimpleNamespace(all=lambda: entries))
    monkeypatch.setattr("tests.image.left.Spool", lambda _: hold)
    account = found(kept, images)
    assert (account.held, account.lost) == ((1, 0) if whole else (0, 1))
