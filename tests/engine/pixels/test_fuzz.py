"""Damage of every kind: the answer is `Unclean` or a proven file, never another exception, never a leak."""

import tempfile
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import generate_frames
from pydicom.pixels.utils import pixel_array
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from engine.errors import Unclean
from engine.pixels import Box, clean
from engine.pixels.image import Image
from engine.pixels.jpeg import blank
from engine.pixels.jpeg_proof import prove
from tests.engine.pixels.samples import jpeg, jpeg_streams, native

BANNER = Box(0, 0, 128, 16)
STREAMS = {subsampling: jpeg_streams(1, subsampling)[0] for subsampling in (None, "444", "422", "420")}
_SETTINGS = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@st.composite
def _damage(draw: st.DrawFn) -> list[tuple[str, float, int]]:
    kinds = st.sampled_from(["flip", "set", "cut", "drop", "insert"])
    return draw(st.lists(st.tuples(kinds, st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=3))


def _damaged(whole: bytes, damage: list[tuple[str, float, int]]) -> bytes:
    data = bytearray(whole)
    for kind, where, value in damage:
        # Half of all damage goes to the first bytes, where the structure is.
        at = int(where * 2 * min(len(data), 700)) if where < 0.5 else int((where - 0.5) * 2 * len(data))
        at = max(0, min(at, len(data) - 1))
        if not data:
            break
        if kind == "flip":
            data[at] ^= 1 << value % 8
        elif kind == "set":
            data[at] = value
        elif kind == "cut":
            del data[at:]
        elif kind == "drop":
            del data[at : at + 1 + value % 4]
        else:
            data[at:at] = bytes((value,))
    return bytes(data)


@_SETTINGS
@given(st.sampled_from([None, "444", "422", "420"]), _damage())
def test_a_damaged_jpeg_frame_is_unclean_or_proven(
    subsampling: str | None, damage: list[tuple[str, float, int]]
) -> None:
    samples, photometric = (1, "MONOCHROME2") if subsampling is None else (3, "YBR_FULL_422")
    image = Image(96, 128, 1, samples, photometric, 0, 8, 8, 7, False)
    stream = _damaged(STREAMS[subsampling], damage)
    try:
        done = blank(stream, [BANNER], image)
    except Unclean:
        return
    try:
        prove([(stream, done.stream)], done.boxes, image, [True])
    except Unclean:
        return
    raw = "GRAYSCALE" if samples == 1 else "YCBCR"
    try:
        after = imagecodecs.jpeg8_decode(done.stream, colorspace=raw, outcolorspace=raw)
    except imagecodecs.Jpeg8Error:
        return  # proven by coefficients
    luma = after.reshape(96, 128, -1)[:16, :, 0]
    assert (luma == luma[0, 0]).all()


@_SETTINGS
@given(_damage())
def test_a_damaged_jpeg_object_is_unclean_or_proven(damage: list[tuple[str, float, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        jpeg(source, [STREAMS["420"], STREAMS["420"]])
        source.write_bytes(_damaged(source.read_bytes(), damage))
        try:
            done = clean(source, target, [BANNER])
        except Unclean:
            assert not target.exists()
            return
        after = dcmread(target)
        streams = list(generate_frames(after.PixelData, number_of_frames=done.frames))
        assert len(streams) == done.frames
        for stream in streams:
            try:
                decoded = imagecodecs.jpeg8_decode(stream, colorspace="YCBCR", outcolorspace="YCBCR")
            except imagecodecs.Jpeg8Error:
                continue  # proven by coefficients
            assert len(np.unique(decoded[:14, :, 0])) == 1


@pytest.mark.filterwarnings("ignore")
@_SETTINGS
@given(
    st.sampled_from([ExplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]),
    st.sampled_from([("MONOCHROME2", (8, 8)), ("RGB", (8, 8)), ("PALETTE COLOR", (8, 8)), ("MONOCHROME1", (16, 12))]),
    _damage(),
)
def test_a_damaged_native_object_is_unclean_or_proven(
    syntax: str, kind: tuple[str, tuple[int, int]], damage: list[tuple[str, float, int]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out")
        native(source, kind[0], kind[1], syntax, frames=2)
        source.write_bytes(_damaged(source.read_bytes(), damage))
        try:
            done = clean(source, target, [Box(0, 0, 10, 3)])
        except Unclean:
            assert not target.exists()
            return
        after = dcmread(target)
        pixels = pixel_array(after, raw=True).reshape(done.frames, after.Rows, after.Columns, -1)
        (box,) = done.boxes
        inside = pixels[:, box.y : box.bottom, box.x : box.right]
        assert (inside == inside[0, 0, 0]).all()
