"""Bits of samples beyond their values: cleared where overlays hid in them, kept where they are the sign."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, RLELossless

from engine.errors import Unclean
from engine.pixels import Box, anonymize, unused
from engine.pixels.codec import Codec
from engine.pixels.codecs import CODECS
from engine.pixels.elements import layout
from engine.pixels.image import describe
from tests.engine.pixels.samples import dataset, jpeg, jpeg_streams, save

BOX = (Box(0, 0, 4, 1),)


def image(
    path: Path, values: np.ndarray, bits: tuple[int, int, int], syntax: UID = ExplicitVRLittleEndian,
    change: Dataset | None = None, *, signed: bool = False,
) -> Path:  # fmt: skip
    """One frame of 4 × 4. bits: allocated, stored, high bit."""
    made = dataset(4, 4, 1, "MONOCHROME2", bits[:2])
    made.HighBit, made.PixelRepresentation = bits[2], int(signed)
    made.update(change or Dataset())
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    made.PixelData = values.astype(f"{order}u{bits[0] // 8}").tobytes()
    made["PixelData"].VR = "OW"
    return save(made, path, syntax)


def stored(path: Path) -> np.ndarray:
    made = dcmread(path)
    order = ">" if made.file_meta.TransferSyntaxUID == ExplicitVRBigEndian else "<"
    return np.frombuffer(made.PixelData, f"{order}u{made.BitsAllocated // 8}").reshape(4, 4)


def overlay(position: int) -> Dataset:
    """An overlay plane that lies in a bit of the pixels."""
    made = Dataset()
    made.add_new(0x60000010, "US", 4)
    made.add_new(0x60000100, "US", 16)
    made.add_new(0x60000102, "US", position)
    return made


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("plane", [None, overlay(12)], ids=["silent", "said"])
@pytest.mark.parametrize(
    ("bits", "value", "left"), [((16, 12, 11), 0x1123, 0x0123), ((16, 8, 11), 0xF5A3, 0x05A0), ((8, 6, 5), 0x93, 0x13)]
)
def test_an_overlay_in_the_pixels_is_cleared_in_the_whole_image(
    tmp_path: Path, syntax: UID, plane: Dataset | None, bits: tuple[int, int, int], value: int, left: int
) -> None:
    if plane is not None and bits[0] == 8:
        plane = overlay(7)
    source = image(tmp_path / "in", np.full((4, 4), value), bits, syntax, plane)
    done = anonymize(source, tmp_path / "out", BOX)
    assert unused.NAME in done.removed
    if bits[0] == 16:
        assert (stored(tmp_path / "out")[1:] == left).all()
        assert not stored(tmp_path / "out")[0].any()
    assert not [element for element in dcmread(tmp_path / "out") if element.tag.group == 0x6000]


def test_what_repeats_the_sign_or_is_zero_stays(tmp_path: Path) -> None:
    signed = np.array([[-5, 7, -2048, 2047]] * 4)
    for name, values in (("repeated", signed & 0xFFFF), ("zero", signed & 0x0FFF)):
        done = anonymize(image(tmp_path / name, values, (16, 12, 11), signed=True), tmp_path / "out", BOX)
        assert done.removed == ()
        assert (stored(tmp_path / "out")[1:] == values[1:]).all()


def test_what_repeats_the_sign_only_sometimes_is_cleared(tmp_path: Path) -> None:
    values = np.array([[0xFFFB, 7, 0x0800, 0x17FF]] * 4)
    done = anonymize(image(tmp_path / "in", values, (16, 12, 11), signed=True), tmp_path / "out", BOX)
    assert done.removed == (unused.NAME,)
    assert (stored(tmp_path / "out")[1:] == values[1:] & 0x0FFF).all()


@pytest.mark.parametrize("position", [3, 11])
def test_an_overlay_in_the_values_themselves_is_held(tmp_path: Path, position: int) -> None:
    source = image(tmp_path / "in", np.full((4, 4), 9), (16, 12, 11), change=overlay(position))
    with pytest.raises(Unclean, match="belong to the values"):
        anonymize(source, tmp_path / "out", BOX)


def test_an_overlay_in_compressed_pixels_is_held(tmp_path: Path) -> None:
    source = jpeg(tmp_path / "in", jpeg_streams(1, None), "MONOCHROME2", change=overlay(12))
    with pytest.raises(Unclean, match="decompress"):
        anonymize(source, tmp_path / "out", BOX)


def test_pixels_of_32_bits_in_big_endian_are_not_guessed_at(tmp_path: Path) -> None:
    source = image(tmp_path / "in", np.full((4, 4), 0xF0000001), (32, 24, 23), ExplicitVRBigEndian)
    with pytest.raises(Unclean, match="which bits"):
        anonymize(source, tmp_path / "out", BOX)


@pytest.mark.parametrize(("value", "clean"), [(0x0123, True), (0x1123, False)])
def test_compressed_pixels_are_looked_at_where_the_codec_carries_all_bits(
    tmp_path: Path, value: int, clean: bool
) -> None:
    made = dataset(4, 4, 1, "MONOCHROME2", (16, 12))
    codec: Codec = CODECS[RLELossless]
    assert codec.encode
    assert codec.whole
    made.PixelData = encapsulate([codec.encode(np.full((4, 4, 1), value, "<u2"), describe(made))])
    made["PixelData"].VR = "OB"
    made["PixelData"].is_undefined_length = True
    source = save(made, tmp_path / "in", RLELossless)
    pixels = layout(source).find(0x7FE00010)
    assert pixels
    with source.open("rb") as file:
        if clean:
            unused.refuse_encoded(file, describe(made), pixels, codec)
        else:
            with pytest.raises(Unclean, match="hide something"):
                unused.refuse_encoded(file, describe(made), pixels, codec)
