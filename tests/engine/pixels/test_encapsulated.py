"""Encapsulated objects: frames are found however they are cut up, and what contradicts itself is refused."""

import hashlib
import re
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, parse_basic_offsets

from engine.errors import Unclean
from engine.pixels import Box, clean
from tests.engine.pixels.samples import jpeg, jpeg_streams
from tests.engine.pixels.samples import native as native_file

BANNER = (Box(0, 0, 128, 16),)


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("fragments", [1, 3])
@pytest.mark.parametrize("frames", [1, 4])
def test_frames_keep_their_order_however_they_are_cut_up(
    tmp_path: Path, frames: int, fragments: int, table: bool
) -> None:
    streams = jpeg_streams(frames)
    source = jpeg(tmp_path / "in", streams, fragments=fragments, table=table)
    done = clean(source, tmp_path / "out", BANNER)
    after = dcmread(tmp_path / "out")
    assert done.frames == frames
    found = list(generate_frames(after.PixelData, number_of_frames=frames))
    assert len(found) == frames
    assert len(parse_basic_offsets(after.PixelData)) == frames
    assert len({hashlib.sha256(stream).digest() for stream in found}) == frames


def test_the_basic_offset_table_points_at_the_new_frames(tmp_path: Path) -> None:
    clean(jpeg(tmp_path / "in", jpeg_streams(4)), tmp_path / "out", BANNER)
    pixels = dcmread(tmp_path / "out").PixelData
    first = 8 + 4 * 4
    for offset in parse_basic_offsets(pixels):
        item = pixels[first + offset :]
        assert item[:4] == b"\xfe\xff\x00\xe0"
        assert item[8:10] == b"\xff\xd8"


def test_the_extended_offset_table_gives_way_to_the_basic_one(tmp_path: Path) -> None:
    source = jpeg(tmp_path / "in", jpeg_streams(3), extended=True)
    assert "ExtendedOffsetTable" in dcmread(source)
    clean(source, tmp_path / "out", BANNER)
    after = dcmread(tmp_path / "out")
    assert "ExtendedOffsetTable" not in after
    assert "ExtendedOffsetTableLengths" not in after
    assert len(parse_basic_offsets(after.PixelData)) == 3


@pytest.mark.parametrize("keyword", ["ExtendedOffsetTable", "ExtendedOffsetTableLengths"])
def test_offset_tables_that_lie_are_unclean(tmp_path: Path, keyword: str) -> None:
    source = jpeg(tmp_path / "in", jpeg_streams(3), extended=True)
    made = dcmread(source)
    setattr(made, keyword, getattr(made, keyword)[:16] + bytes(8))
    made.save_as(source)
    with pytest.raises(Unclean, match="Extended Offset Table"):
        clean(source, tmp_path / "out", BANNER)


def test_a_basic_offset_table_that_lies_is_unclean(tmp_path: Path) -> None:
    source = jpeg(tmp_path / "in", jpeg_streams(3))
    made = dcmread(source)
    pixels = bytearray(made.PixelData)
    pixels[12] ^= 2
    made.PixelData = bytes(pixels)
    made.save_as(source)
    with pytest.raises(Unclean, match="Basic Offset Table"):
        clean(source, tmp_path / "out", BANNER)


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize(("there", "said"), [(3, 2), (2, 3), (2, 1), (1, 2)])
def test_a_wrong_number_of_frames_is_unclean(tmp_path: Path, there: int, said: int, table: bool) -> None:
    """A frame more than the header says would go out uncleaned; one less would be lost."""
    source = jpeg(tmp_path / "in", jpeg_streams(there), frames=said, table=table)
    with pytest.raises(Unclean, match="number of frames"):
        clean(source, tmp_path / "out", BANNER)
    assert not (tmp_path / "out").exists()


def test_frames_of_different_sampling_are_unclean(tmp_path: Path) -> None:
    source = jpeg(tmp_path / "in", [*jpeg_streams(1, "420"), *jpeg_streams(1, "444")])
    with pytest.raises(Unclean, match="different sampling"):
        clean(source, tmp_path / "out", (Box(1, 1, 3, 3),))


def test_native_pixels_in_an_encapsulated_syntax_are_unclean_and_the_other_way_round(tmp_path: Path) -> None:
    for source, other in (
        (jpeg(tmp_path / "jpeg", jpeg_streams(1)), b"1.2.840.10008.1.2.1\0\0\0"),
        (native_file(tmp_path / "native", "MONOCHROME2", (8, 8)), b"1.2.840.10008.1.2.4.50"),
    ):
        whole = source.read_bytes()
        (old,) = re.findall(rb"\x02\x00\x10\x00UI..(1\.2\.840\.10008\.1\.2[.0-9]*\0?)", whole, re.DOTALL)
        header = b"\x02\x00\x10\x00UI" + len(old).to_bytes(2, "little") + old
        replaced = b"\x02\x00\x10\x00UI" + len(other).to_bytes(2, "little") + other
        source.write_bytes(whole.replace(header, replaced))
        with pytest.raises(Unclean):
            clean(source, tmp_path / "out", BANNER)


def test_bytes_before_and_after_the_pixels_stay_as_they_are(tmp_path: Path) -> None:
    change = Dataset()
    change.add_new(0xFFFCFFFC, "OB", b"padding!")
    source = jpeg(tmp_path / "in", jpeg_streams(2), change=change)
    clean(source, tmp_path / "out", BANNER)
    before, after = source.read_bytes(), (tmp_path / "out").read_bytes()
    pixels = before.index(b"\xe0\x7f\x10\0")
    assert before[: pixels + 12] == after[: pixels + 12]
    assert before[before.rindex(b"\xfe\xff\xdd\xe0") :] == after[after.rindex(b"\xfe\xff\xdd\xe0") :]
    assert after.endswith(b"padding!")
