"""A picture of a frame for the console: every syntax that objects come in."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian

from engine.errors import Unclean
from engine.pixels import Box, clean, preview
from tests.engine.pixels.samples import TEST_FILES, colour_with, frame_with, jpeg, native


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize(
    ("photometric", "bits", "planar"),
    [
        ("MONOCHROME1", (16, 12), 0), ("MONOCHROME2", (8, 8), 0), ("MONOCHROME2", (32, 32), 0), ("RGB", (8, 8), 1),
        ("RGB", (16, 16), 0), ("YBR_FULL", (8, 8), 0), ("YBR_FULL_422", (8, 8), 0), ("PALETTE COLOR", (8, 8), 0),
    ],
)  # fmt: skip
def test_every_native_frame_can_be_shown(
    tmp_path: Path, photometric: str, bits: tuple[int, int], planar: int, syntax: str
) -> None:
    source = native(tmp_path / "in", photometric, bits, syntax, planar=planar, frames=2)
    shown = preview(source, 1)
    assert shown.dtype == np.uint8
    assert shown.shape == ((13, 10) if photometric.startswith("MONO") else (13, 10, 3))


@pytest.mark.parametrize(
    "name",
    [
        "693_J2KI", "GDCMJ2K_TextGBR", "JPEG-lossy", "JPEGLSNearLossless_08", "MR_small_RLE", "MR_small_jp2klossless",
        "MR_small_jpeg_ls_lossless", "SC_rgb_jpeg_gdcm", "SC_rgb_dcmtk_+eb+cr", "examples_ybr_color", "CT_small",
        "examples_jpeg2k", "liver_1frame",
    ],
)  # fmt: skip
def test_every_common_syntax_can_be_shown(name: str) -> None:
    shown = preview(TEST_FILES / f"{name}.dcm")
    assert shown.dtype == np.uint8
    assert shown.ndim in (2, 3)
    assert shown.max() > shown.min()


def test_colours_of_a_jpeg_are_shown_as_they_were(tmp_path: Path) -> None:
    picture = colour_with("ANNA")
    stream = imagecodecs.jpeg8_encode(picture, 98, subsampling="444")
    shown = preview(jpeg(tmp_path / "in", [stream]))
    assert np.abs(shown.astype(int) - picture).mean() < 3


def test_the_cleaned_area_is_shown_black(tmp_path: Path) -> None:
    for photometric, stream in (
        ("YBR_FULL_422", imagecodecs.jpeg8_encode(colour_with("ANNA"), 90, subsampling="420")),
        ("MONOCHROME1", imagecodecs.jpeg8_encode(255 - frame_with("ANNA"), 90)),
    ):
        clean(jpeg(tmp_path / "in", [stream], photometric), tmp_path / "out", [Box(0, 0, 128, 16)])
        assert (preview(tmp_path / "in")[:16] > 100).any()
        assert (preview(tmp_path / "out")[:15] <= 1).all()


def test_a_palette_is_shown_alike_in_either_byte_order(tmp_path: Path) -> None:
    shown = []
    for syntax, order in ((ExplicitVRLittleEndian, "<"), (ExplicitVRBigEndian, ">")):
        path = native(tmp_path / "in", "PALETTE COLOR", (8, 8), syntax)
        image = dcmread(path)
        for colour in ("Red", "Green", "Blue"):
            table = np.random.default_rng(len(colour)).integers(5000, 65535, 256)
            image[f"{colour}PaletteColorLookupTableData"].value = table.astype(f"{order}u2").tobytes()
        image.save_as(path)
        shown.append(preview(path))
    np.testing.assert_array_equal(*shown)
    assert np.ptp(shown[0]) > 100


def test_what_cannot_be_shown_is_unclean(tmp_path: Path) -> None:
    with pytest.raises(Unclean):
        preview(TEST_FILES / "rtplan.dcm")
    with pytest.raises(Unclean):
        preview(TEST_FILES / "CT_small.dcm", frame=1)
    (tmp_path / "in").write_bytes(b"not DICOM")
    with pytest.raises(Unclean):
        preview(tmp_path / "in")
