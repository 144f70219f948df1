"""What comes behind the last box is copied unread, and nothing hides there: the proof reads it."""

from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import generate_frames

from engine.errors import Unclean
from engine.pixels import Box, clean, jpeg, jpeg_proof, jpeg_scan
from engine.pixels.image import Image
from tests.engine.pixels.samples import in_three_scans, jpeg_streams, with_restarts
from tests.engine.pixels.samples import jpeg as jpeg_file
from tests.engine.pixels.test_jpeg_kernel import DAMAGE, STREAMS, Damage, damaged, image

BANNER = (Box(0, 0, 128, 16),)
LAST = (Box(0, 0, 128, 16), Box(120, 90, 8, 6))
SURPLUS = b"ANNA\xaf"
"""Behind the last block, ending as a grey block does: 1010, then ones."""

pytestmark = pytest.mark.skipif(
    jpeg_scan.kernel is None or not jpeg_proof.counts_blocks(), reason="this package was built without a compiler"
)


def grey() -> bytes:
    return jpeg_streams(1, None)[0]


def with_surplus(stream: bytes) -> bytes:
    return stream[:-2] + SURPLUS + stream[-2:]


MORE: dict[str, tuple[Callable[[], bytes], Image]] = {
    "restarts": (lambda: with_restarts(grey(), 16), image(1)),
    "three scans": (lambda: in_three_scans(jpeg_streams(1, "444")[0]), image(3)),
}


def frames_of(path: Path) -> list[bytes]:
    made = dcmread(path)
    return list(generate_frames(made.PixelData, number_of_frames=made.NumberOfFrames))


@pytest.mark.parametrize("boxes", [BANNER, LAST])
@pytest.mark.parametrize("name", [*STREAMS, *MORE])
def test_the_same_bytes_as_when_all_is_read(name: str, boxes: tuple[Box, ...]) -> None:
    make, what = (STREAMS | MORE)[name]
    assert jpeg.blank(make(), boxes, what, hasty=True) == jpeg.blank(make(), boxes, what)


def test_zeroes_as_padding_become_ones() -> None:
    """Some encoders fill their last byte with zeroes. It does not look like an end, and so it is read up to there."""
    stream = grey()
    last = stream[-3]
    ones = (~last & last + 1).bit_length() - 1
    assert ones, "another seed has a last byte with padding"
    zeroes = stream[:-3] + bytes((last >> ones << ones,)) + stream[-2:]
    assert jpeg.blank(zeroes, BANNER, image(1), hasty=True) == jpeg.blank(stream, BANNER, image(1))


def test_what_hides_behind_the_last_block_is_refused_by_the_proof() -> None:
    before = with_surplus(grey())
    done = jpeg.blank(before, BANNER, image(1), hasty=True)
    assert done.stream != jpeg.blank(before, BANNER, image(1)).stream  # it has been copied
    with pytest.raises(Unclean, match="more in a frame than its picture"):
        jpeg_proof.prove([(before, done.stream)], done.boxes, image(1), [False])


def test_and_the_object_is_blanked_once_more_without_it(tmp_path: Path) -> None:
    streams = jpeg_streams(3, None)
    source = jpeg_file(tmp_path / "in", [streams[0], with_surplus(streams[1]), streams[2]], "MONOCHROME2")
    clean(source, tmp_path / "out", BANNER)
    clean(jpeg_file(tmp_path / "without", streams, "MONOCHROME2"), tmp_path / "other", BANNER)
    assert frames_of(tmp_path / "out") == frames_of(tmp_path / "other")


def test_what_ends_early_is_refused_and_no_file_is_left(tmp_path: Path) -> None:
    source = jpeg_file(tmp_path / "in", [grey()[:-600] + b"\xaf\xff\xd9"], "MONOCHROME2")
    with pytest.raises(Unclean, match="truncated or damaged"):
        clean(source, tmp_path / "out", BANNER)
    assert not (tmp_path / "out").exists()


def test_a_sound_object_is_blanked_once(tmp_path: Path) -> None:
    source = jpeg_file(tmp_path / "in", jpeg_streams(3, "420"))
    with mock.patch.object(jpeg, "blank", wraps=jpeg.blank) as blank:
        clean(source, tmp_path / "out", BANNER)
    assert [call.args[3] for call in blank.call_args_list] == [True] * 3


def test_all_is_read_where_the_proof_does_not_count_blocks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second kernel libjpeg-turbo proves, which passes over what is behind the last block."""
    monkeypatch.setattr(jpeg_proof, "kernel", None)
    monkeypatch.setattr(jpeg_scan, "kernel", None)
    clean(jpeg_file(tmp_path / "in", [with_surplus(grey())], "MONOCHROME2"), tmp_path / "out", BANNER)
    assert b"ANNA" not in (tmp_path / "out").read_bytes()[-200:]


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(STREAMS)), DAMAGE)
def test_whatever_is_proven_is_what_reading_all_of_it_gives(name: str, damage: Damage) -> None:
    make, what = STREAMS[name]
    before = damaged(make(), damage)
    try:
        done = jpeg.blank(before, BANNER, what, hasty=True)
        jpeg_proof.prove([(before, done.stream)], done.boxes, what, [False])
    except Unclean:
        return
    assert done == jpeg.blank(before, BANNER, what)
