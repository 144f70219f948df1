"""JPEG in the compressed domain: flat inside, the same coefficients outside, and no way to read a name back."""

from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from engine.errors import Unclean
from engine.pixels import Box, clean, jpeg_proof
from engine.pixels.coefficients import coefficients
from engine.pixels.image import Image
from engine.pixels.jpeg import blank, mcu_mask
from engine.pixels.jpeg_markers import Scan, parse
from tests.engine.pixels.samples import (
    TEST_FILES,
    colour_with,
    frame_with,
    in_three_scans,
    inside,
    jpeg,
    jpeg_streams,
    with_restarts,
)

BANNER = Box(0, 0, 128, 16)
BOXES = (BANNER, Box(100, 40, 19, 30), Box(3, 90, 4, 6))
SUBSAMPLINGS = [None, "444", "422", "420", "440", "411"]


def _image(samples: int, photometric: str, rows: int = 96, columns: int = 128, bits: int = 8) -> Image:
    return Image(rows, columns, 1, samples, photometric, 0, 8 if bits == 8 else 16, bits, bits - 1, False)


def _streams(made: Dataset) -> Iterator[bytes]:
    return generate_frames(made.PixelData, number_of_frames=int(made.get("NumberOfFrames") or 1))


def _assert_clean(before: bytes, after: bytes, boxes: tuple[Box, ...]) -> None:
    """By coefficients, all read bit by bit: nothing inside but one DC value, nothing changed outside."""
    frame = parse(after).frame
    mask = mcu_mask(frame, boxes)
    for component, old, new in zip(frame.components, coefficients(before), coefficients(after), strict=True):
        blocks = mask.repeat(component.vertical, axis=0).repeat(component.horizontal, axis=1)
        np.testing.assert_array_equal(old[~blocks], new[~blocks])
        assert not new[blocks][:, 1:].any()
        assert len(np.unique(new[blocks][:, 0])) == 1


def _raw(stream: bytes) -> np.ndarray:
    colours = "GRAYSCALE" if len(parse(stream).frame.components) == 1 else "YCBCR"
    return imagecodecs.jpeg8_decode(stream, colorspace=colours, outcolorspace=colours)


@pytest.mark.parametrize("optimize", [False, True], ids=["standard-tables", "optimised-tables"])
@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_blocks_inside_lose_everything_and_blocks_outside_nothing(subsampling: str | None, optimize: bool) -> None:
    (stream,) = jpeg_streams(1, subsampling, optimize=optimize)
    done = blank(stream, BOXES, _image(1, "MONOCHROME2") if subsampling is None else _image(3, "YBR_FULL_422"))
    _assert_clean(stream, done.stream, done.boxes)
    black = _raw(done.stream)[4:12, 4:120].reshape(-1, 1 if subsampling is None else 3)
    assert (black == ([0] if subsampling is None else [0, 128, 128])).all()


@pytest.mark.parametrize("level", [5, 50, 100])
def test_every_quality_is_blanked_to_black(level: int) -> None:
    stream = imagecodecs.jpeg8_encode(colour_with("ANNA"), level, subsampling="420")
    done = blank(stream, BOXES, _image(3, "YBR_FULL_422"))
    _assert_clean(stream, done.stream, done.boxes)
    assert (_raw(done.stream)[:15] == [0, 128, 128]).all()


def test_twelve_bits_are_blanked_too() -> None:
    stream = imagecodecs.jpeg8_encode(frame_with("ANNA").astype(np.uint16) * 16, 90, bitspersample=12)
    done = blank(stream, BOXES, _image(1, "MONOCHROME2", bits=12))
    _assert_clean(stream, done.stream, done.boxes)
    assert (_raw(done.stream)[:16] == 0).all()


@pytest.mark.parametrize(("bits", "white"), [(8, 255), (12, 4095)])
def test_black_of_monochrome1_is_the_highest_value(bits: int, white: int) -> None:
    frame = frame_with("ANNA")
    stream = imagecodecs.jpeg8_encode(frame if bits == 8 else frame.astype(np.uint16) * 16, 90, bitspersample=bits)
    done = blank(stream, BOXES, _image(1, "MONOCHROME1", bits=bits))
    assert (_raw(done.stream)[:16] == white).all()


def test_rgb_in_jpeg_is_black_in_all_three(tmp_path: Path) -> None:
    stream = imagecodecs.jpeg8_encode(colour_with("ANNA"), 90, colorspace="RGB", outcolorspace="RGB")
    clean(jpeg(tmp_path / "in", [stream], "RGB"), tmp_path / "out", BOXES)
    (after,) = _streams(dcmread(tmp_path / "out"))
    assert (_raw(after)[:16] == 0).all()


def test_restart_intervals_stay_as_they_are() -> None:
    stream = with_restarts(jpeg_streams(1, None)[0], 16)
    done = blank(stream, BOXES, _image(1, "MONOCHROME2"))
    _assert_clean(stream, done.stream, done.boxes)
    assert done.stream.count(b"\xff\xd3") == stream.count(b"\xff\xd3") > 0
    jpeg_proof.prove([(stream, done.stream)], done.boxes, _image(1, "MONOCHROME2"), [True])


def test_a_restart_marker_too_many_or_out_of_order_is_unclean() -> None:
    stream = with_restarts(jpeg_streams(1, None)[0], 16)
    for damaged in (stream.replace(b"\xff\xd3", b"\xff\xd4", 1), stream.replace(b"\xff\xd3", b"\xff\xd3\xff\xd4", 1)):
        with pytest.raises(Unclean):
            blank(damaged, BOXES, _image(1, "MONOCHROME2"))


def test_components_in_scans_of_their_own_are_all_blanked() -> None:
    stream = in_three_scans(jpeg_streams(1, "444")[0])
    done = blank(stream, BOXES, _image(3, "YBR_FULL"))
    _assert_clean(stream, done.stream, done.boxes)
    jpeg_proof.prove([(stream, done.stream)], done.boxes, _image(3, "YBR_FULL"), [True])


def _block_means(stream: bytes) -> np.ndarray:
    return coefficients(stream)[0][:, :, 0]


def test_a_mosaic_of_block_means_tells_no_names_apart() -> None:
    """The attack on redaction that keeps DC: compare the block means with those of every name in a dictionary."""
    names = ["ANNA", "ELSE", "OLLE", "SALOME", "ROSANNA"]
    made = {name: jpeg_streams(1, "420", name)[0] for name in names}
    attacked = {name: _block_means(stream)[:2] for name, stream in made.items()}
    assert len({means.tobytes() for means in attacked.values()}) == len(names), "the attack works on the originals"
    blanked = {name: blank(stream, [BANNER], _image(3, "YBR_FULL_422")).stream for name, stream in made.items()}
    assert len({_block_means(stream)[:2].tobytes() for stream in blanked.values()}) == 1


def test_what_a_decoder_does_not_need_is_left_out() -> None:
    (stream,) = jpeg_streams(1, "420")
    secret = b"SAMPLE^ANNA "
    segment = secret * 5
    extra = b"".join(
        b"\xff" + bytes((marker,)) + (len(segment) + 2).to_bytes(2, "big") + segment
        for marker in (0xE1, 0xE2, 0xED, 0xEE, 0xEF, 0xFE, 0xE0)
    )
    stream = stream[:20] + extra + stream[20:] + secret
    done = blank(stream, BOXES, _image(3, "YBR_FULL_422"))
    assert secret.strip() not in done.stream
    _assert_clean(stream, done.stream, done.boxes)


def test_a_thumbnail_in_the_jfif_header_is_cut_off() -> None:
    (stream,) = jpeg_streams(1, "420")
    assert stream[2:4] == b"\xff\xe0"
    thumbnail = b"\xff\xe0" + (16 + 300).to_bytes(2, "big") + stream[6:18] + b"\x0a\x0a" + b"ANNA" * 75
    done = blank(stream[:2] + thumbnail + stream[20:], BOXES, _image(3, "YBR_FULL_422"))
    assert b"ANNA" not in done.stream
    assert done.stream[2:20] == stream[2:18] + b"\0\0"


def test_rows_that_the_header_keeps_quiet_about_do_not_survive() -> None:
    """A frame header with fewer rows than are encoded hides the rest from viewers, not from readers of the file."""
    (stream,) = jpeg_streams(1, None)
    start = stream.index(b"\xff\xc0")
    short = stream[: start + 5] + (48).to_bytes(2, "big") + stream[start + 7 :]
    done = blank(short, [BANNER], _image(1, "MONOCHROME2", rows=48))
    (honest,) = (part for part in parse(done.stream).parts if isinstance(part, Scan))
    (whole,) = (part for part in parse(stream).parts if isinstance(part, Scan))
    assert len(honest.data) < 0.6 * len(whole.data)


@pytest.mark.parametrize("marker", [0xC2, 0xC3, 0xC5, 0xC9, 0xCA, 0xCC, 0xDC, 0xDE, 0xF0, 0x01])
def test_progressive_arithmetic_and_other_processes_are_unclean(marker: int) -> None:
    (stream,) = jpeg_streams(1, "420")
    with pytest.raises(Unclean):
        blank(stream.replace(b"\xff\xc0", b"\xff" + bytes((marker,)), 1), BOXES, _image(3, "YBR_FULL_422"))


@pytest.mark.parametrize(
    "image",
    [
        _image(3, "YBR_FULL_422", rows=97), _image(3, "YBR_FULL_422", columns=120), _image(1, "MONOCHROME2"),
        _image(3, "YBR_ICT"), _image(3, "YBR_PARTIAL_420"), _image(1, "PALETTE COLOR"),
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_the_jpeg_is_unclean(image: Image) -> None:
    (stream,) = jpeg_streams(1, "420")
    with pytest.raises(Unclean):
        blank(stream, BOXES, image)


def test_a_tiny_stream_that_claims_a_giant_image_is_unclean_at_once() -> None:
    (stream,) = jpeg_streams(1, None)
    start = stream.index(b"\xff\xc0")
    giant = stream[: start + 5] + b"\xff\xff\xff\xff" + stream[start + 9 :]
    with pytest.raises(Unclean, match="too short"):
        blank(giant, BOXES, _image(1, "MONOCHROME2", rows=65535, columns=65535))


def test_a_truncated_frame_is_unclean_wherever_it_ends() -> None:
    (stream,) = jpeg_streams(1, "420")
    for end in [*range(0, 700, 13), *range(700, len(stream) - 1, 501), len(stream) - 2]:
        for tail in (b"", b"\xff\xd9"):
            if stream[:end] + tail != stream:
                with pytest.raises(Unclean):
                    blank(stream[:end] + tail, BOXES, _image(3, "YBR_FULL_422"))


JPEG_FILES = [
    "JPEG-lossy", "JPGExtended", "SC_jpeg_no_color_transform", "SC_jpeg_no_color_transform_2", "SC_rgb_dcmtk_+eb+cr",
    "SC_rgb_dcmtk_+eb+cy+n1", "SC_rgb_dcmtk_+eb+cy+n2", "SC_rgb_dcmtk_+eb+cy+np", "SC_rgb_dcmtk_+eb+cy+s2",
    "SC_rgb_dcmtk_+eb+cy+s4", "SC_rgb_jpeg_app14_dcmd", "SC_rgb_jpeg_dcmtk", "SC_rgb_jpeg_lossy_gdcm",
    "SC_rgb_small_odd_jpeg", "examples_ybr_color",
]  # fmt: skip


@pytest.mark.parametrize("name", JPEG_FILES)
def test_real_jpeg_files_lose_nothing_outside_and_everything_inside(tmp_path: Path, name: str) -> None:
    source = TEST_FILES / f"{name}.dcm"
    before = dcmread(source)
    boxes = (Box(0, 0, before.Columns, 1), Box(before.Columns // 2, before.Rows // 2, 2, 1))
    done = clean(source, tmp_path / "out", boxes)
    after = dcmread(tmp_path / "out")
    pairs = list(zip(_streams(before), _streams(after), strict=True))
    assert done.frames == len(pairs)
    assert done.method == "jpeg-coefficients"
    for old, new in (pairs[0], pairs[-1]):
        _assert_clean(old, new, done.boxes)
        colour = inside(done.boxes, before.Rows, before.Columns)
        assert (_raw(new).reshape(*colour.shape, -1)[:, :, 0][colour] == 0).all()


def test_the_one_that_is_not_in_the_syntax_it_names_is_unclean(tmp_path: Path) -> None:
    with pytest.raises(Unclean, match="value representation"):
        clean(TEST_FILES / "SC_rgb_jpeg.dcm", tmp_path / "out", BOXES)


@pytest.mark.parametrize("subsampling", SUBSAMPLINGS)
def test_every_subsampling_passes_the_proof_at_every_edge(subsampling: str | None) -> None:
    (stream,) = jpeg_streams(1, subsampling)
    image = _image(1, "MONOCHROME2") if subsampling is None else _image(3, "YBR_FULL_422")
    for boxes in ([Box(50, 40, 1, 1)], [Box(0, 0, 128, 96)], [Box(0, 40, 128, 3)], [Box(33, 0, 40, 96)], BOXES):
        done = blank(stream, boxes, image)
        jpeg_proof.prove([(stream, done.stream)], done.boxes, image, [True])


def _redacted(stream: bytes) -> bytes:
    return blank(stream, [BANNER], _image(3, "YBR_FULL_422")).stream


def test_the_proof_finds_what_is_left_inside() -> None:
    (stream,) = jpeg_streams(1, "420")
    with pytest.raises(Unclean, match="left inside"):
        jpeg_proof.prove([(stream, stream)], (BANNER,), _image(3, "YBR_FULL_422"), [True])


def test_the_proof_finds_what_has_changed_outside() -> None:
    one, other = jpeg_streams(2, "420")
    with pytest.raises(Unclean, match="outside the boxes have changed"):
        jpeg_proof.prove([(one, _redacted(other))], (BANNER,), _image(3, "YBR_FULL_422"), [True])


def test_the_proof_by_coefficients_finds_both(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise imagecodecs.Jpeg8Error("jpeg8_decode", "refused")

    monkeypatch.setattr(imagecodecs, "jpeg8_decode", refuse)
    monkeypatch.setattr(jpeg_proof, "kernel", None)
    one, other = jpeg_streams(2, "420")
    image = _image(3, "YBR_FULL_422")
    jpeg_proof.prove([(one, _redacted(one))], (BANNER,), image, [True])
    with pytest.raises(Unclean, match="left inside"):
        jpeg_proof.prove([(one, one)], (BANNER,), image, [True])
    with pytest.raises(Unclean, match="outside the boxes have changed"):
        jpeg_proof.prove([(one, _redacted(other))], (BANNER,), image, [True])
