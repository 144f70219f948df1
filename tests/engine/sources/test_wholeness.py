"""Real files, whole and cut off: what they are, and whether all of them has come."""

import zlib
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from engine import deflated
from engine.sources.wholeness import CUT_OFF, DICOM, DICOMDIR, OTHER, ZIP, look_into
from tests.data.make import REAL, instance
from tests.engine.test_deflated import packed

FILES = REAL / "test_files"
CUT_OFF_ALREADY = {"MR_truncated.dcm", "rtplan_truncated.dcm"}
SENT_BY_NOBODY = {"empty_charset_LEI.dcm", "meta_missing_tsyntax.dcm", "nested_priv_SQ.dcm"}
"""Their file meta information lacks what a sender must say."""


def real() -> list[Path]:
    """Every real DICOM file that pydicom brings along."""
    found = [path for path in [*FILES.glob("*.dcm"), *(REAL / "charset_files").glob("*.dcm")] if _has_prefix(path)]
    return sorted(path for path in found if path.name not in CUT_OFF_ALREADY | SENT_BY_NOBODY)


def _has_prefix(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


@pytest.mark.parametrize("path", real(), ids=lambda path: path.name)
def test_a_real_file_is_whole(path: Path) -> None:
    found = look_into(path)
    assert (found.kind, found.lacks) in ((DICOM, ""), (DICOMDIR, ""))


@pytest.mark.parametrize("name", sorted(CUT_OFF_ALREADY))
def test_a_real_file_that_was_cut_off_is_not(name: str) -> None:
    assert "ends in the middle" in look_into(FILES / name).lacks


@pytest.mark.parametrize(
    "syntax",
    [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian],
    ids=["explicit", "implicit", "big endian"],
)
def test_no_beginning_of_an_image_is_taken_for_all_of_it(tmp_path: Path, syntax: str) -> None:
    whole = instance(tmp_path, syntax=syntax).read_bytes()
    cut = tmp_path / "cut.dcm"
    for end in range(len(whole)):
        cut.write_bytes(whole[:end])
        found = look_into(cut)
        assert found.lacks or found.doubtful or end < 132, end
    cut.write_bytes(whole)
    assert not look_into(cut).lacks
    assert not look_into(cut).doubtful


@pytest.mark.parametrize("name", ["JPEG2000.dcm", "SC_rgb_rle.dcm", "MR_small_jp2klossless.dcm"])
def test_encapsulated_pixels_end_where_they_say(tmp_path: Path, name: str) -> None:
    whole = (FILES / name).read_bytes()
    cut = tmp_path / "cut.dcm"
    for end in range(len(whole) - 2000 if len(whole) > 4000 else 1200, len(whole), 37):
        cut.write_bytes(whole[:end])
        found = look_into(cut)
        assert found.lacks or found.doubtful, end


def test_room_that_was_reserved_is_no_content(tmp_path: Path) -> None:
    whole = instance(tmp_path).read_bytes()
    reserved = tmp_path / "reserved.dcm"
    for written in (0, 50, 200, len(whole) - 100):
        reserved.write_bytes(whole[:written] + bytes(len(whole) - written))
        assert look_into(reserved).lacks, written


def test_zeros_behind_the_pixels_are_padding(tmp_path: Path) -> None:
    padded = tmp_path / "padded.dcm"
    padded.write_bytes(instance(tmp_path).read_bytes() + bytes(64))
    assert not look_into(padded).lacks


def test_a_deflated_data_set_has_its_end(tmp_path: Path) -> None:
    path = FILES / "image_dfl.dcm"
    assert dcmread(path).file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    assert not look_into(path).lacks
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(path.read_bytes()[:-50])
    assert look_into(cut).lacks


@pytest.mark.parametrize(
    ("data", "kind", "whole"),
    [
        (b"", OTHER, False),
        (bytes(500), OTHER, False),
        (b"Dear colleague", OTHER, True),
        (b"\xff\xd8\xff\xe0" + bytes(300), OTHER, True),
        (b"PK\x03\x04" + bytes(300), ZIP, True),
        (b"\x00" * 128 + b"DICM", DICOM, False),
    ],
)
def test_what_is_no_dicom_file_is_known_by_its_beginning(tmp_path: Path, data: bytes, kind: str, whole: bool) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    found = look_into(path)
    assert (found.kind, not found.lacks) == (kind, whole)


@pytest.mark.parametrize("size", [(1 << 20) - 1, 1 << 20, (1 << 20) + 1, 4 << 20])
def test_a_deflated_file_of_nothing_but_black_is_whole(tmp_path: Path, size: int) -> None:
    file = packed(tmp_path, size)
    assert look_into(file).lacks == ""
    file.write_bytes(file.read_bytes()[:-3])
    assert look_into(file).lacks == CUT_OFF


def test_a_deflated_file_that_would_become_too_large_is_not_unpacked_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deflated, "MOST", 4 << 20)
    file = packed(tmp_path, 64 << 20)
    assert look_into(file).lacks == deflated.TOO_LARGE
    assert not look_into(packed(tmp_path, 3 << 20)).lacks
    read: list[int] = []
    monkeypatch.setattr("zlib.decompressobj", lambda _: _Counting(read))
    look_into(file)
    assert sum(read) < 8 << 20


class _Counting:
    """Counts what comes out."""

    def __init__(self, read: list[int]) -> None:
        self._stream, self._read = _DECOMPRESS(-zlib.MAX_WBITS), read

    def decompress(self, data: bytes, most: int) -> bytes:
        """As zlib."""
        found = self._stream.decompress(data, most)
        self._read.append(len(found))
        return found

    def __getattr__(self, name: str) -> object:
        return getattr(self._stream, name)


_DECOMPRESS = zlib.decompressobj
