"""The one entry, `clean`: what comes out, what is refused, and that nothing unproven is ever left behind."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import MPEG4HP41F, UID

from engine.errors import Unclean
from engine.pixels import Box, Cleaned, clean, clean_native, complement, native, splice, ultrasound_regions
from engine.pixels.image import Image
from tests.engine.pixels.samples import TEST_FILES, dataset, frame_with, jpeg, jpeg_streams, save

BANNER = (Box(0, 0, 128, 16),)


def _nothing(_made: Dataset) -> None:
    pass


def _text_file(path: Path, change: Callable[[Dataset], None] = _nothing, frames: int = 2) -> Path:
    made = dataset(96, 128, frames, "MONOCHROME2", (8, 8))
    made.PixelData = np.stack([frame_with("ANNA", seed=n) for n in range(frames)]).tobytes()
    change(made)
    return save(made, path)


def _icon() -> Dataset:
    icon = dataset(8, 8, 1, "MONOCHROME2", (8, 8))
    del icon.NumberOfFrames
    icon.PixelData = bytes(range(64))
    return icon


def _add_icon(made: Dataset) -> None:
    made.IconImageSequence = Sequence([_icon()])


def test_the_text_in_every_frame_is_gone_and_the_header_says_what_it_said(tmp_path: Path) -> None:
    source = _text_file(tmp_path / "in")
    done = clean(source, tmp_path / "out", BANNER)
    assert done == Cleaned(2, BANNER, "native", icon_removed=False)
    before, after = dcmread(source), dcmread(tmp_path / "out")
    assert (before.pixel_array[:, :16] == 240).any()
    assert not after.pixel_array[:, :16].any()
    del before.PixelData, after.PixelData
    assert before == after
    assert before.file_meta == after.file_meta


def test_the_source_is_not_touched(tmp_path: Path) -> None:
    source = _text_file(tmp_path / "in")
    digest = hashlib.sha256(source.read_bytes()).digest()
    clean(source, tmp_path / "out", BANNER)
    assert hashlib.sha256(source.read_bytes()).digest() == digest


@pytest.mark.parametrize("kind", ["native", "deflated", "jpeg"])
def test_the_same_input_gives_the_same_bytes(tmp_path: Path, kind: str) -> None:
    source = {
        "native": lambda: _text_file(tmp_path / "in"),
        "deflated": lambda: TEST_FILES / "image_dfl.dcm",
        "jpeg": lambda: jpeg(tmp_path / "in", jpeg_streams(2)),
    }[kind]()
    for name in ("one", "two"):
        clean(source, tmp_path / name, BANNER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_what_is_clean_can_be_cleaned_again_and_stays_the_same(tmp_path: Path) -> None:
    source = jpeg(tmp_path / "in", jpeg_streams(2))
    clean(source, tmp_path / "one", BANNER)
    clean(tmp_path / "one", tmp_path / "two", BANNER)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


@pytest.mark.parametrize("kind", ["native", "jpeg"])
def test_an_icon_does_not_survive(tmp_path: Path, kind: str) -> None:
    """A thumbnail shows the same text."""
    if kind == "native":
        source = _text_file(tmp_path / "in", _add_icon)
    else:
        change = Dataset()
        _add_icon(change)
        source = jpeg(tmp_path / "in", jpeg_streams(2), change=change)
    done = clean(source, tmp_path / "out", BANNER)
    assert done.icon_removed
    before, after = dcmread(source), dcmread(tmp_path / "out")
    assert "IconImageSequence" not in after
    del before.IconImageSequence, before.PixelData, after.PixelData
    assert before == after
    assert bytes(range(64)) not in (tmp_path / "out").read_bytes()


def test_the_retired_group_length_of_the_icon_goes_with_it(tmp_path: Path) -> None:
    source = _text_file(tmp_path / "in", _add_icon)
    whole = source.read_bytes()
    at = whole.index(b"\x88\0\0\2SQ")
    source.write_bytes(whole[:at] + b"\x88\0\0\0UL\4\0\x99\0\0\0" + whole[at:])
    clean(source, tmp_path / "out", BANNER)
    assert b"\x88\0\0\0UL" not in (tmp_path / "out").read_bytes()


def _overlay(made: Dataset) -> None:
    made.add_new(0x60003000, "OW", bytes(96 * 16))


def _curve(made: Dataset) -> None:
    made.add_new(0x50003000, "OW", bytes(16))


def _annotation(made: Dataset) -> None:
    made.GraphicAnnotationSequence = Sequence([Dataset()])


def _document(made: Dataset) -> None:
    made.EncapsulatedDocument = b"%PDF"


def _nested_pixels(made: Dataset) -> None:
    item = Dataset()
    item.IconImageSequence = Sequence([_icon()])
    made.ReferencedSeriesSequence = Sequence([item])


def _nested_overlay(made: Dataset) -> None:
    item = Dataset()
    _overlay(item)
    made.ReferencedSeriesSequence = Sequence([item])


def _pixels_elsewhere(made: Dataset) -> None:
    made.PixelDataProviderURL = "https://elsewhere.example/pixels"


def _no_pixels(made: Dataset) -> None:
    del made.PixelData


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_overlay, "overlay"),
        (_curve, "curves"),
        (_annotation, "graphic annotations"),
        (_document, "encapsulated document"),
        (_nested_pixels, "pixels of its own"),
        (_nested_overlay, "overlay"),
        (_pixels_elsewhere, "somewhere else"),
        (_no_pixels, "no pixels"),
    ],
)
def test_text_that_may_lie_elsewhere_makes_an_object_unclean(
    tmp_path: Path, change: Callable[[Dataset], None], words: str
) -> None:
    source = _text_file(tmp_path / "in", change)
    with pytest.raises(Unclean, match=words):
        clean(source, tmp_path / "out", BANNER)
    assert not (tmp_path / "out").exists()


def test_an_overlay_behind_the_pixels_is_found_too(tmp_path: Path) -> None:
    source = _text_file(tmp_path / "in")
    source.write_bytes(source.read_bytes() + b"\x00\x60\x00\x30OW\0\0\x04\0\0\0\1\2\3\4")
    with pytest.raises(Unclean):
        clean(source, tmp_path / "out", BANNER)


def test_pixels_that_are_there_twice_are_unclean(tmp_path: Path) -> None:
    source = _text_file(tmp_path / "in")
    whole = source.read_bytes()
    pixels = whole.index(b"\xe0\x7f\x10\0")
    source.write_bytes(whole + whole[pixels:])
    with pytest.raises(Unclean, match="there twice"):
        clean(source, tmp_path / "out", BANNER)


@pytest.mark.parametrize(
    ("syntax", "advice"),
    [(f"4.{number}", "video") for number in range(100, 109)]
    + [(f"4.{number}.1", "video") for number in range(100, 107)]
    + [("7.1", "video"), ("7.2", "video"), ("7.3", "video")]
    + [(f"4.{number}", "on a server") for number in (94, 95, 204, 205)]
    + [(f"4.{number}", "another one") for number in (52, 53, 55, 58, 64, 66, 92, 93, 110, 111, 112, 206, 999)]
    + [(number, "another one") for number in ("1.98", "8.1", "6.1", "6.2", "77")],
)
def test_what_is_no_still_image_that_we_decode_is_held_by_name_with_what_to_do(
    tmp_path: Path, syntax: str, advice: str
) -> None:
    syntax = UID(f"1.2.840.10008.1.2.{syntax}")
    made = dataset(96, 128, 1, "MONOCHROME2", (8, 8))
    made.PixelData = encapsulate([bytes(100)])
    made["PixelData"].is_undefined_length = True
    made["PixelData"].VR = "OB"
    save(made, tmp_path / "in", MPEG4HP41F)
    whole, written = (tmp_path / "in").read_bytes(), MPEG4HP41F.encode()
    assert whole.count(written) == 1
    (tmp_path / "in").write_bytes(whole.replace(written, syntax.encode().ljust(len(written), b"\0")))
    name = syntax.name if syntax.is_transfer_syntax else "unknown to the standard"
    with pytest.raises(Unclean, match=re.escape(name)) as caught:
        clean(tmp_path / "in", tmp_path / "out", BANNER)
    assert advice in caught.value.reason
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


@pytest.mark.parametrize("boxes", [(), (Box(128, 0, 5, 5),), (Box(0, 0, 0, 5),), (*BANNER, Box(0, 96, 128, 1))])
def test_no_box_or_a_box_outside_the_image_is_unclean(tmp_path: Path, boxes: tuple[Box, ...]) -> None:
    """Were it passed over, the object would go out with its text."""
    for source in (_text_file(tmp_path / "native"), jpeg(tmp_path / "jpeg", jpeg_streams(1))):
        with pytest.raises(Unclean):
            clean(source, tmp_path / "out", boxes)
        assert not (tmp_path / "out").exists()


def test_a_target_that_is_there_is_replaced_not_written_into(tmp_path: Path) -> None:
    """It may be a hard link to an object in another outbox."""
    source = _text_file(tmp_path / "in")
    (tmp_path / "elsewhere").write_bytes(b"owed to another destination")
    (tmp_path / "out").hardlink_to(tmp_path / "elsewhere")
    clean(source, tmp_path / "out", BANNER)
    assert (tmp_path / "elsewhere").read_bytes() == b"owed to another destination"
    with pytest.raises(ValueError, match="same file"):
        clean(source, source, BANNER)
    assert source.exists()


def _only_copied(read: BinaryIO, write: BinaryIO, _image: Image, stored: native.Stored, *_: object) -> None:
    splice.copy(read, write, (splice.Range(stored.value, stored.value + stored.length),))


def test_a_proof_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _text_file(tmp_path / "in")
    monkeypatch.setattr(native, "copy", _only_copied)
    with pytest.raises(Unclean, match="left inside"):
        clean(source, tmp_path / "out", BANNER)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_the_proof_finds_one_pixel_changed_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = _text_file(tmp_path / "in")
    right = native.copy

    def too_much(read: BinaryIO, write: BinaryIO, image: Image, stored: native.Stored, *rest: object) -> None:
        right(read, write, image, stored, (*BANNER, Box(77, 50, 1, 1)), rest[1])  # type: ignore[arg-type]  # black

    monkeypatch.setattr(native, "copy", too_much)
    with pytest.raises(Unclean, match="outside the boxes have changed"):
        clean(source, tmp_path / "out", BANNER)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("where", [200, -1])
def test_the_proof_finds_a_byte_changed_around_the_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: int
) -> None:
    source = _text_file(tmp_path / "in", lambda made: made.add_new(0xFFFCFFFC, "OB", bytes(8)))
    right = clean_native.prove

    def clumsy(source: Path, target: Path, *rest: object) -> None:
        whole = bytearray(target.read_bytes())
        whole[where] ^= 1
        target.write_bytes(whole)
        right(source, target, *rest)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(clean_native, "prove", clumsy)
    with pytest.raises(Unclean):
        clean(source, tmp_path / "out", BANNER)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("error", [ValueError, MemoryError, RuntimeError, IndexError, KeyboardInterrupt, OSError])
def test_whatever_breaks_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    def broken(*_: object) -> None:
        raise error("SAMPLE^ANNA")

    monkeypatch.setattr(clean_native, "prove", broken)
    bad_image = issubclass(error, Exception) and not issubclass(error, OSError)
    with pytest.raises(Unclean if bad_image else error) as caught:
        clean(_text_file(tmp_path / "in"), tmp_path / "out", BANNER)
    assert not (tmp_path / "out").exists()
    if bad_image:
        assert "ANNA" not in str(caught.value)
        assert caught.value.__suppress_context__


def test_the_echoes_stay_and_all_around_goes(tmp_path: Path) -> None:
    def regions(made: Dataset) -> None:
        region = Dataset()
        region.RegionLocationMinX0, region.RegionLocationMinY0 = 8, 16
        region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 119, 87
        made.SequenceOfUltrasoundRegions = Sequence([region])

    source = _text_file(tmp_path / "in", regions)
    keep = ultrasound_regions(dcmread(source, stop_before_pixels=True))
    assert keep is not None
    clean(source, tmp_path / "out", complement(keep, 128, 96))
    before, after = dcmread(source).pixel_array, dcmread(tmp_path / "out").pixel_array
    np.testing.assert_array_equal(before[:, 16:88, 8:120], after[:, 16:88, 8:120])
    assert after.sum() == after[:, 16:88, 8:120].sum()
