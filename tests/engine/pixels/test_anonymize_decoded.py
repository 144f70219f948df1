"""Compressed objects are cleaned as a whole, too, and their headers say what their pixels are afterwards."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import MPEG4HP41

from engine.errors import Unclean
from engine.pixels import Box, anonymize, derived_uid
from tests.engine.pixels.compressed import ENCODERS, LOSSY, OF_JPEG_2000, RLE, Kind, compressed, decoded, name, write

BOXES = (Box(0, 0, 52, 13),)
GREY = Kind("MONOCHROME2")


def drawn_on() -> Dataset:
    """An overlay and an icon."""
    made = Dataset()
    made.IconImageSequence = Sequence([Dataset()])
    made.ImageType = ["ORIGINAL", "PRIMARY"]
    made.add_new(0x60000010, "US", 8)
    made.add_new(0x60003000, "OW", b"HANS")
    return made


@pytest.mark.parametrize("uid", ENCODERS, ids=name)
def test_every_compression_is_cleaned_as_a_whole(tmp_path: Path, uid: str) -> None:
    source = compressed(tmp_path / "in", uid, GREY, 2, change=drawn_on())
    done = anonymize(source, tmp_path / "out", BOXES)
    assert done.removed == ("IconImageSequence", "overlays (60xx)")
    before, after = dcmread(source), dcmread(tmp_path / "out")
    assert after.file_meta.TransferSyntaxUID == uid
    assert after.SOPInstanceUID == after.file_meta.MediaStorageSOPInstanceUID == derived_uid("1.2.3.4", BOXES)
    assert (after.ImageType[0], after.BurnedInAnnotation) == ("DERIVED", "NO")
    for keyword in ("LossyImageCompression", "LossyImageCompressionRatio", "LossyImageCompressionMethod"):
        assert after.get(keyword) == before.get(keyword)
        assert (keyword in after) is (uid in LOSSY)
    assert b"HANS" not in (tmp_path / "out").read_bytes()
    pixels = decoded(tmp_path / "out", GREY)
    assert not pixels[:, :13].any()
    np.testing.assert_array_equal(pixels[:, 13:], decoded(source, GREY)[:, 13:])


@pytest.mark.parametrize("uid", [uid for uid in OF_JPEG_2000 if uid in LOSSY], ids=name)
def test_the_header_says_that_colours_are_reversible_now(tmp_path: Path, uid: str) -> None:
    source = compressed(tmp_path / "in", uid, Kind("YBR_ICT"))
    anonymize(source, tmp_path / "out", BOXES)
    before, after = dcmread(source), dcmread(tmp_path / "out")
    assert (before.PhotometricInterpretation, after.PhotometricInterpretation) == ("YBR_ICT", "YBR_RCT")
    anonymize(tmp_path / "out", tmp_path / "again", BOXES)
    assert (tmp_path / "again").read_bytes() == (tmp_path / "out").read_bytes()


@pytest.mark.parametrize("said", [None, "00", "01"])
@pytest.mark.parametrize("uid", LOSSY, ids=name)
def test_what_was_lossy_says_so_also_where_only_its_frames_did(tmp_path: Path, uid: str, said: str | None) -> None:
    source = compressed(tmp_path / "in", uid, GREY)
    made = dcmread(source)
    made.LossyImageCompression = said
    if said is None:
        del made.LossyImageCompression
    made.save_as(source)
    anonymize(source, tmp_path / "out", BOXES)
    after = dcmread(tmp_path / "out")
    assert after.LossyImageCompression == "01"
    assert after.LossyImageCompressionRatio == made.LossyImageCompressionRatio
    assert not decoded(tmp_path / "out", GREY)[:, :13].any()
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["in", "out"]


def test_what_hides_beyond_the_values_of_rle_is_held(tmp_path: Path) -> None:
    kind = Kind("MONOCHROME2", (16, 12))
    cells = np.full((40, 52, 1), 0x0123, "<u2")
    assert anonymize(write(tmp_path / "in", RLE, [ENCODERS[RLE](cells, kind)], kind), tmp_path / "out", BOXES).written
    cells[20, 20] = 0x1123
    source = write(tmp_path / "in", RLE, [ENCODERS[RLE](cells, kind)], kind)
    with pytest.raises(Unclean, match="hide something beyond Bits Stored"):
        anonymize(source, tmp_path / "out", BOXES)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_video_is_held_with_its_reason(tmp_path: Path) -> None:
    source = write(tmp_path / "in", str(MPEG4HP41), [b"\0\0\1\xb3 "], Kind("YBR_PARTIAL_420"))
    with pytest.raises(Unclean, match="video"):
        anonymize(source, tmp_path / "out", BOXES)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
