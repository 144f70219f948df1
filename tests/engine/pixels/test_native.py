"""Native pixels: every way to store them, blanked in place, judged by pydicom's own decoding and byte by byte."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels.utils import pixel_array
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from engine.errors import Unclean
from engine.pixels import Box, clean
from tests.engine.pixels.samples import TEST_FILES, add_palette, dataset, inside, native, save

BOXES = (Box(0, 0, 10, 2), Box(3, 5, 3, 7), Box(8, 11, 40, 40))
SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
KINDS = [
    ("MONOCHROME1", (1, 1), 0, False), ("MONOCHROME2", (1, 1), 0, False), ("PALETTE COLOR", (1, 1), 0, False),
    ("MONOCHROME1", (8, 8), 0, False), ("MONOCHROME1", (16, 12), 0, False), ("MONOCHROME1", (16, 16), 0, True),
    ("MONOCHROME2", (8, 8), 0, False), ("MONOCHROME2", (8, 8), 0, True), ("MONOCHROME2", (16, 12), 0, False),
    ("MONOCHROME2", (16, 12), 0, True), ("MONOCHROME2", (16, 16), 0, True), ("MONOCHROME2", (32, 32), 0, False),
    ("MONOCHROME2", (32, 32), 0, True), ("PALETTE COLOR", (8, 8), 0, False), ("PALETTE COLOR", (16, 8), 0, False),
    ("RGB", (8, 8), 0, False), ("RGB", (8, 8), 1, False), ("RGB", (16, 16), 0, False), ("RGB", (16, 16), 1, False),
    ("RGB", (32, 32), 0, False), ("YBR_FULL", (8, 8), 0, False), ("YBR_FULL", (8, 8), 1, False),
    ("YBR_FULL", (16, 16), 0, False), ("YBR_FULL_422", (8, 8), 0, False),
]  # fmt: skip
BLACK = {
    ("MONOCHROME1", (1, 1), False): [1], ("MONOCHROME1", (8, 8), False): [255],
    ("MONOCHROME1", (16, 12), False): [4095], ("MONOCHROME1", (16, 16), True): [32767],
    ("MONOCHROME2", (8, 8), True): [-128], ("MONOCHROME2", (16, 12), True): [-2048],
    ("MONOCHROME2", (16, 16), True): [-32768], ("MONOCHROME2", (32, 32), True): [-(2**31)],
    ("PALETTE COLOR", (1, 1), False): [1], ("PALETTE COLOR", (8, 8), False): [37],
    ("PALETTE COLOR", (16, 8), False): [37], ("YBR_FULL", (8, 8), False): [0, 128, 128],
    ("YBR_FULL", (16, 16), False): [0, 32768, 32768], ("YBR_FULL_422", (8, 8), False): [0, 128, 128],
}  # fmt: skip


def _decoded(path: Path) -> np.ndarray:
    """Frames × rows × columns × samples, by pydicom."""
    made = dcmread(path)
    frames = int(made.get("NumberOfFrames") or 1)
    return pixel_array(made, raw=True).reshape(frames, made.Rows, made.Columns, -1)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("photometric", "bits", "planar", "signed"), KINDS)
def test_every_native_encoding_is_black_inside_and_the_same_outside(
    tmp_path: Path, photometric: str, bits: tuple[int, int], planar: int, signed: bool, frames: int, syntax: UID
) -> None:
    vr = "OB" if bits == (1, 1) else "OW"
    source = native(tmp_path / "in", photometric, bits, syntax, planar=planar, signed=signed, frames=frames, vr=vr)
    done = clean(source, tmp_path / "out", BOXES)
    before, after = _decoded(source), _decoded(tmp_path / "out")
    mask = inside(done.boxes, 13, 10)
    black = BLACK.get((photometric, bits, signed), [0])
    assert (after[:, mask] == black).all()
    np.testing.assert_array_equal(before[:, ~mask], after[:, ~mask])
    assert done.frames == frames
    assert not (before[:, mask] == black).all()


@pytest.mark.parametrize("frames", [1, 3])
@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (7, 5)])
@pytest.mark.parametrize("kind", [("RGB", 0), ("RGB", 1), ("YBR_FULL", 0), ("MONOCHROME2", 0)])
def test_odd_sizes_in_swapped_words_do_not_shift_by_a_byte(
    tmp_path: Path, kind: tuple[str, int], rows: int, columns: int, frames: int
) -> None:
    """8-bit samples as OW in big endian stand swapped in pairs, and a pair may straddle two frames."""
    source = native(
        tmp_path / "in", kind[0], (8, 8), ExplicitVRBigEndian,
        planar=kind[1], frames=frames, rows=rows, columns=columns,
    )  # fmt: skip
    clean(source, tmp_path / "out", [Box(1, 1, 1, 1)])
    before, after = _decoded(source), _decoded(tmp_path / "out")
    changed = (before != after).any(axis=-1)
    assert changed.sum() <= frames
    assert changed[:, 1, 1].any()


def test_bytes_in_big_endian_are_not_words(tmp_path: Path) -> None:
    source = native(tmp_path / "in", "RGB", (8, 8), ExplicitVRBigEndian, vr="OB", columns=10, rows=12)
    clean(source, tmp_path / "out", [Box(3, 0, 1, 1)])
    changed = (_decoded(source) != _decoded(tmp_path / "out")).any(axis=-1)
    assert np.argwhere(changed).tolist() == [[0, 0, 3]]


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (7, 5), (1, 1)])
@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
def test_one_bit_pixels_are_packed_across_bytes_and_frames(
    tmp_path: Path, rows: int, columns: int, syntax: UID
) -> None:
    source = native(tmp_path / "in", "MONOCHROME2", (1, 1), syntax, rows=rows, columns=columns, frames=5, vr="OB")
    done = clean(source, tmp_path / "out", [Box(columns // 2, 0, 9, 2)])
    before, after = _decoded(source), _decoded(tmp_path / "out")
    mask = inside(done.boxes, rows, columns)
    assert not after[:, mask].any()
    np.testing.assert_array_equal(before[:, ~mask], after[:, ~mask])


def test_one_bit_pixels_as_words_in_big_endian_are_unclean(tmp_path: Path) -> None:
    """By the standard their bytes stand swapped; pydicom and others do not swap them. So nobody can say."""
    source = native(tmp_path / "in", "MONOCHROME2", (1, 1), ExplicitVRBigEndian)
    with pytest.raises(Unclean, match="two ways"):
        clean(source, tmp_path / "out", BOXES)


def test_bits_above_bits_stored_are_blanked_too(tmp_path: Path) -> None:
    """Old overlays live there."""
    made = dataset(4, 4, 1, "MONOCHROME2", (16, 12))
    made.PixelData = np.full((4, 4), 0xF123, "<u2").tobytes()
    clean(save(made, tmp_path / "in"), tmp_path / "out", [Box(0, 0, 2, 4)])
    stored = np.frombuffer(dcmread(tmp_path / "out").PixelData, "<u2").reshape(4, 4)
    assert (stored[:, :2] == 0).all()
    assert (stored[:, 2:] == 0xF123).all()


def test_shared_colour_grows_the_box_to_pairs_of_columns(tmp_path: Path) -> None:
    source = native(tmp_path / "in", "YBR_FULL_422", (8, 8))
    assert clean(source, tmp_path / "out", [Box(3, 2, 2, 2)]).boxes == (Box(2, 2, 4, 2),)


def test_only_bytes_of_the_pixels_under_the_boxes_differ(tmp_path: Path) -> None:
    source = native(tmp_path / "in", "RGB", (8, 8), frames=2)
    clean(source, tmp_path / "out", BOXES)
    before, after = np.fromfile(source, np.uint8), np.fromfile(tmp_path / "out", np.uint8)
    assert before.size == after.size
    pixels = before.size - 2 * 13 * 10 * 3
    np.testing.assert_array_equal(before[:pixels], after[:pixels])
    mask = np.tile(inside(BOXES, 13, 10).ravel().repeat(3), 2)
    np.testing.assert_array_equal(before[pixels:][~mask], after[pixels:][~mask])


def test_a_segmented_palette_is_understood(tmp_path: Path) -> None:
    made = dataset(4, 4, 1, "PALETTE COLOR", (8, 8))
    for colour in ("Red", "Green", "Blue"):
        setattr(made, f"{colour}PaletteColorLookupTableDescriptor", [256, 0, 16])
        # one discrete value, then a line down to 0 at entry 100, then a line up to 65535 at entry 255
        segments = np.array([0, 1, 65535, 1, 100, 0, 1, 155, 65535], "<u2")
        setattr(made, f"Segmented{colour}PaletteColorLookupTableData", segments.tobytes())
    made.PixelData = bytes(range(50, 66))
    clean(save(made, tmp_path / "in"), tmp_path / "out", [Box(0, 0, 4, 1)])
    assert dcmread(tmp_path / "out").PixelData[:4] == bytes([100] * 4)


def _no_palette(made: Dataset) -> None:
    del made.RedPaletteColorLookupTableDescriptor


def _half_a_palette(made: Dataset) -> None:
    made.BluePaletteColorLookupTableData = made.BluePaletteColorLookupTableData[:40]


@pytest.mark.parametrize("damage", [_no_palette, _half_a_palette])
def test_a_palette_whose_darkest_colour_cannot_be_told_is_unclean(
    tmp_path: Path, damage: Callable[[Dataset], None]
) -> None:
    made = dataset(4, 4, 1, "PALETTE COLOR", (8, 8))
    add_palette(made, 256, 3)
    damage(made)
    made.PixelData = bytes(16)
    with pytest.raises(Unclean):
        clean(save(made, tmp_path / "in"), tmp_path / "out", [Box(0, 0, 4, 1)])


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("Rows", 14), ("NumberOfFrames", 2), ("NumberOfFrames", 0), ("BitsAllocated", 12), ("BitsAllocated", 16),
        ("BitsAllocated", 64), ("BitsStored", 9), ("HighBit", 8), ("SamplesPerPixel", 1), ("SamplesPerPixel", 4),
        ("PlanarConfiguration", None), ("PlanarConfiguration", 2), ("PhotometricInterpretation", "YBR_PARTIAL_422"),
        ("PhotometricInterpretation", "CMYK"), ("PhotometricInterpretation", None), ("Columns", 0), ("Rows", None),
        ("BitsStored", None), ("PixelRepresentation", 2), ("Rows", 6), ("Columns", 9),
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_the_pixels_is_unclean(tmp_path: Path, keyword: str, value: object) -> None:
    """Too short would blank the wrong pixels; too long could hide a frame that the header keeps quiet about."""
    source = native(tmp_path / "in", "RGB", (8, 8))
    made = dcmread(source)
    if value is None:
        delattr(made, keyword)
    else:
        setattr(made, keyword, value)
    made.save_as(source)
    with pytest.raises(Unclean):
        clean(source, tmp_path / "out", BOXES)
    assert not (tmp_path / "out").exists()


def test_zeroes_after_the_last_frame_are_harmless(tmp_path: Path) -> None:
    assert clean(TEST_FILES / "MR_small_padded.dcm", tmp_path / "out", [Box(0, 0, 9, 9)]).frames == 1


@pytest.mark.parametrize("keyword", ["FloatPixelData", "DoubleFloatPixelData"])
def test_floating_point_pixels_are_unclean(tmp_path: Path, keyword: str) -> None:
    made = dataset(4, 4, 1, "MONOCHROME2", (32, 32))
    setattr(made, keyword, bytes(16 * 8))
    with pytest.raises(Unclean, match="floating-point"):
        clean(save(made, tmp_path / "in"), tmp_path / "out", [Box(0, 0, 1, 1)])


def test_a_damaged_deflated_object_is_unclean(tmp_path: Path) -> None:
    source = native(tmp_path / "in", "RGB", (8, 8), DeflatedExplicitVRLittleEndian, rows=60, columns=60)
    whole = source.read_bytes()
    for data in (whole[:-50], whole[:400], whole + b"SAMPLE^ANNA", whole + b"\0\0"):
        source.write_bytes(data)
        with pytest.raises(Unclean):
            clean(source, tmp_path / "out", BOXES)
        assert [path.name for path in tmp_path.iterdir()] == ["in"]


NATIVE_FILES = [
    "CT_small", "ExplVR_BigEnd", "MR_small", "MR_small_bigendian", "MR_small_expb", "MR_small_implicit",
    "SC_rgb_small_odd", "SC_rgb_small_odd_big_endian", "SC_ybr_full_422_uncompressed", "examples_palette",
    "examples_rgb_color", "image_dfl", "liver_1frame", "liver_expb_1frame", "rtdose", "rtdose_expb",
]  # fmt: skip


@pytest.mark.parametrize("name", NATIVE_FILES)
def test_real_native_files_are_blank_inside_and_the_same_outside(tmp_path: Path, name: str) -> None:
    source = TEST_FILES / f"{name}.dcm"
    done = clean(source, tmp_path / "out", [Box(1, 1, 1, 2)])
    before, after = _decoded(source), _decoded(tmp_path / "out")
    mask = inside(done.boxes, *before.shape[1:3])
    np.testing.assert_array_equal(before[:, ~mask], after[:, ~mask])
    assert (after[:, mask] == after[0, 1, 1]).all()
