"""Blanking JPEG in C and in Python: the same bytes for every stream, and the same refusal for every damaged one."""

import sysconfig
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import Unclean
from engine.pixels import jpeg, jpeg_scan
from engine.pixels.boxes import Box
from engine.pixels.image import Image
from tests.engine.pixels.samples import colour_with, frame_with

BOXES = (Box(5, 3, 60, 20), Box(90, 70, 38, 26))

kernel = jpeg_scan.kernel
built = pytest.mark.skipif(kernel is None, reason="this package was built without a compiler")


def image(samples: int, bits: int = 8) -> Image:
    photometric = "MONOCHROME2" if samples == 1 else "YBR_FULL"
    return Image(96, 128, 1, samples, photometric, 0, 8 if bits == 8 else 16, bits, bits - 1, signed=False)


def grey(**how: object) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(frame_with("ANNA"), 90, **how))


def colour(**how: object) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(colour_with("ANNA"), 90, **how))


STREAMS: dict[str, tuple[Callable[[], bytes], Image]] = {
    "grey": (grey, image(1)),
    "grey, own tables": (lambda: grey(optimize=True), image(1)),
    "444": (lambda: colour(subsampling="444"), image(3)),
    "422, own tables": (lambda: colour(subsampling="422", optimize=True), image(3)),
    "420": (lambda: colour(subsampling="420"), image(3)),
    "12 bits": (
        lambda: bytes(imagecodecs.jpeg8_encode(frame_with("ANNA").astype(np.uint16) * 16, 95, bitspersample=12)),
        image(1, 12),
    ),
}


def both(stream: bytes, what: Image, patch: pytest.MonkeyPatch) -> tuple[object, object]:
    """What C and Python make of it: the stream, or that it is refused."""
    answers: list[object] = []
    for which in (kernel, None):
        patch.setattr(jpeg_scan, "kernel", which)
        try:
            answers.append(jpeg.blank(stream, BOXES, what).stream)
        except Unclean:
            answers.append("refused")
    patch.undo()
    return answers[0], answers[1]


@built
@pytest.mark.parametrize("name", STREAMS)
def test_both_write_the_same_bytes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make, what = STREAMS[name]
    in_c, in_python = both(make(), what, monkeypatch)
    assert in_c == in_python != "refused"


Damage = list[tuple[float, int]]
DAMAGE = st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4)


def damaged(stream: bytes, damage: Damage) -> bytes:
    """The stream with some bytes written over: where, as a share of its length, and with what."""
    made = bytearray(stream)
    for where, value in damage:
        made[int(where * (len(made) - 1))] = value
    return bytes(made)


@built
@settings(max_examples=60)
@given(st.sampled_from(sorted(STREAMS)), DAMAGE)
def test_both_say_the_same_of_damage(name: str, damage: Damage) -> None:
    make, what = STREAMS[name]
    with pytest.MonkeyPatch.context() as patch:
        in_c, in_python = both(damaged(make(), damage), what, patch)
    assert in_c == in_python


@built
@settings(max_examples=30)
@given(st.sampled_from(sorted(STREAMS)), st.floats(0.3, 1))
def test_both_refuse_what_ends_early(name: str, share: float) -> None:
    make, what = STREAMS[name]
    stream = make()
    with pytest.MonkeyPatch.context() as patch:
        in_c, in_python = both(stream[: int(share * len(stream))] + b"\xff\xd9", what, patch)
    assert in_c == in_python


def test_python_alone_still_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jpeg_scan, "kernel", None)
    make, what = STREAMS["420"]
    assert jpeg.blank(make(), BOXES, what).stream


@built
def test_it_is_built_for_this_python() -> None:
    assert kernel is not None
    assert Path(str(kernel.__file__)).name.endswith(str(sysconfig.get_config_var("EXT_SUFFIX")))
