"""Uncompressed datasets in another native transfer syntax: the same data set, checked by pydicom and DCMTK."""

import shutil
import subprocess
import zlib
from pathlib import Path

import pydicom
import pytest

from engine.dicom import native, part10
from engine.dicom.negotiate import DEFLATED_LITTLE, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE
from tests.dicom.conftest import dataset_of, sendable_files, write_object

NATIVE_FILES = [
    path
    for path in sendable_files()
    if part10.read_meta(path).transfer_syntax_uid in NATIVE
    and "truncated" not in path.stem
    and "rtdose_expb" not in path.stem
]


def reencoded(path: Path, syntax: str, folder: Path) -> Path:
    meta = part10.read_meta(path)
    dataset = native.reencode(path, meta, syntax)
    return write_object(folder / "out.dcm", dataset, syntax, meta.sop_class_uid, meta.sop_instance_uid)


def same(one: pydicom.Dataset, other: pydicom.Dataset) -> bool:
    """Equal but for group lengths, for VRs an implicit syntax does not carry, and for words pydicom does not swap."""
    ours = {tag: one[tag] for tag in one.keys() if tag.element or tag.group <= 6}  # noqa: SIM118 - not a dict
    theirs = {tag: other[tag] for tag in other.keys() if tag.element or tag.group <= 6}  # noqa: SIM118
    if ours.keys() != theirs.keys():
        return False
    for tag, element in ours.items():
        if element.VR == "SQ" and theirs[tag].VR == "SQ":
            if not all(map(same, element.value, theirs[tag].value)):
                return False
        elif element.VR == theirs[tag].VR != "OW" and element.value != theirs[tag].value:
            return False
    return True


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
@pytest.mark.parametrize("path", NATIVE_FILES, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore")  # pydicom has much to say about its own test files
def test_a_reencoded_dataset_says_the_same(path: Path, syntax: str, tmp_path: Path) -> None:
    before, after = pydicom.dcmread(path), pydicom.dcmread(reencoded(path, syntax, tmp_path))
    assert same(before, after)
    if part10.read_meta(path).transfer_syntax_uid != EXPLICIT_BIG:
        assert before.get("PixelData") == after.get("PixelData")
    try:
        pixels = before.pixel_array
    except Exception:  # some of them have none, or broken ones
        return
    assert (pixels == after.pixel_array).all()


@pytest.mark.parametrize("path", NATIVE_FILES, ids=lambda path: path.stem)
def test_explicit_to_implicit_and_back_changes_no_byte_of_any_value(path: Path, tmp_path: Path) -> None:
    explicit = reencoded(path, EXPLICIT_LITTLE, tmp_path).rename(tmp_path / "explicit.dcm")
    implicit = reencoded(explicit, IMPLICIT_LITTLE, tmp_path).rename(tmp_path / "implicit.dcm")
    again = reencoded(implicit, EXPLICIT_LITTLE, tmp_path).rename(tmp_path / "again.dcm")
    assert dataset_of(reencoded(again, IMPLICIT_LITTLE, tmp_path)) == dataset_of(implicit)


@pytest.mark.skipif(not shutil.which("dcmconv"), reason="DCMTK's dcmconv is not installed")
@pytest.mark.parametrize("name", ["CT_small", "MR_small", "rtplan", "SC_rgb_small_odd", "liver_1frame"])
@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, IMPLICIT_LITTLE])
@pytest.mark.filterwarnings("ignore")
def test_big_endian_written_by_dcmtk_comes_back_as_it_was(name: str, syntax: str, tmp_path: Path) -> None:
    (path,) = (path for path in sendable_files() if path.stem == name)
    big = tmp_path / "big.dcm"
    subprocess.run(["dcmconv", "+tb", path, big], check=True, capture_output=True)
    assert part10.read_meta(big).transfer_syntax_uid == EXPLICIT_BIG
    little = pydicom.dcmread(reencoded(big, syntax, tmp_path))
    original = pydicom.dcmread(path)
    assert little.get("PixelData") == original.get("PixelData")
    assert same(little, pydicom.dcmread(big))


@pytest.mark.parametrize(
    "path", [path for path in sendable_files() if "rtdose_expb" in path.stem], ids=lambda p: p.stem
)
def test_big_endian_pixels_of_32_bits_are_not_guessed_at(path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be converted for certain"):
        native.reencode(path, part10.read_meta(path), EXPLICIT_LITTLE)


def test_a_deflated_dataset_is_only_inflated(tmp_path: Path) -> None:
    plain = dataset_of(next(path for path in NATIVE_FILES if path.stem == "CT_small"))
    squeezer = zlib.compressobj(wbits=-15)
    path = write_object(tmp_path / "a.dcm", squeezer.compress(plain) + squeezer.flush(), DEFLATED_LITTLE)
    assert native.reencode(path, part10.read_meta(path), EXPLICIT_LITTLE) == plain


def test_text_that_is_not_in_its_character_set_keeps_its_bytes(tmp_path: Path) -> None:
    name = b"\x10\x00\x10\x00PN\x06\x00\xff\xfe\x80^\xc3\x28"
    path = write_object(tmp_path / "a.dcm", name)
    assert native.reencode(path, part10.read_meta(path), IMPLICIT_LITTLE)[8:] == name[8:]


@pytest.mark.parametrize("length", [3, 9, 21, 1001, 2333])
def test_a_damaged_dataset_is_refused_without_a_word_of_its_content(length: int, tmp_path: Path) -> None:
    source = next(path for path in NATIVE_FILES if path.stem == "rtplan")
    path = write_object(tmp_path / "a.dcm", dataset_of(source)[:length], IMPLICIT_LITTLE)
    with pytest.raises(ValueError, match="the dataset is damaged"):
        native.reencode(path, part10.read_meta(path), EXPLICIT_LITTLE)
