"""JPEG-LS and JPEG 2000 are proven by decoders that share nothing with their encoders; these read what those write."""

import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.errors import Unclean
from engine.pixels import Box, clean, codec_jpeg_2000, codec_jpeg_ls, ffmpeg
from engine.pixels.codec import Cells, Codec
from engine.pixels.codec_jpeg_2000 import JPEG_2000
from engine.pixels.codec_jpeg_ls import JPEG_LS
from engine.pixels.image import Image
from tests.engine.pixels.compressed import Kind, compressed

built = pytest.mark.skipif(codec_jpeg_ls.kernel is None, reason="this package was built without a compiler")
there = pytest.mark.skipif(not ffmpeg.installed(), reason="the extra `proof` is not installed")
WHICH = [pytest.param(JPEG_LS, marks=built, id="JPEG-LS"), pytest.param(JPEG_2000, marks=there, id="JPEG 2000")]
JPEG_LS_UID, JPEG_2000_UID = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"


def image(rows: int, columns: int, samples: int, bits: int, *, signed: bool = False) -> Image:
    photometric = "MONOCHROME2" if samples == 1 else "RGB"
    allocated = 8 if bits <= 8 else 16
    return Image(rows, columns, 1, samples, photometric, 0, allocated, bits, bits - 1, signed=signed)


def drawn(what: Image, kind: str, seed: int) -> Cells:
    """Noise, one value, a smooth picture, one with flat places and edges, or few bright points, as a frame."""
    chance = np.random.default_rng(seed)
    most, shape = (1 << what.bits_stored) - 1, (what.rows, what.columns, what.samples)
    down, across, _ = np.mgrid[0 : what.rows, 0 : what.columns, 0 : what.samples]
    smooth = (np.sin(across / 9 + seed) + np.cos(down / 7) + 2) * (most / 4)
    made: NDArray[Any] = {
        "noise": lambda: chance.integers(0, most + 1, shape),
        "one value": lambda: np.full(shape, seed % (most + 1)),
        "smooth": lambda: smooth,
        "edges": lambda: np.where((across // 11 + down // 5) % 2, smooth + chance.normal(0, most / 60 + 1, shape), 0),
        "points": lambda: (chance.random(shape) < 0.05) * most,
    }[kind]()
    cells = np.clip(made, 0, most).astype(f"u{what.bits_allocated // 8}")
    if what.signed:
        shift = what.bits_allocated - what.bits_stored
        signed = np.dtype(f"i{cells.dtype.itemsize}")
        cells = ((cells << shift).view(signed) >> shift).view(cells.dtype)
    return cells


@st.composite
def frames(draw: st.DrawFn) -> tuple[Image, Cells]:
    what = image(
        draw(st.integers(1, 60)),
        draw(st.integers(1, 60)),
        draw(st.sampled_from([1, 3])),
        draw(st.integers(2, 16)),
        signed=draw(st.booleans()),
    )
    kind = draw(st.sampled_from(["noise", "one value", "smooth", "edges", "points"]))
    return what, drawn(what, kind, draw(st.integers(0, 1000)))


@pytest.mark.parametrize("codec", WHICH)
@settings(max_examples=400, deadline=None)
@given(frames())
def test_it_reads_every_sample_that_the_encoder_wrote(codec: Codec, frame: tuple[Image, Cells]) -> None:
    what, cells = frame
    assert codec.encode is not None
    assert codec.again is not None
    stream = codec.encode(cells, what)
    read = codec.again(stream, what)
    assert read.dtype == cells.dtype
    assert np.array_equal(read, cells)


@there
def test_no_code_is_shared_with_the_encoder_of_jpeg_2000(monkeypatch: pytest.MonkeyPatch) -> None:
    """FFmpeg can be built to call OpenJPEG."""
    import av

    assert av.CodecContext.create("jpeg2000", "r").codec.long_name == "JPEG 2000"
    what = image(20, 30, 3, 8)
    stream = JPEG_2000.encode(drawn(what, "edges", 1), what) if JPEG_2000.encode else b""
    monkeypatch.setattr(imagecodecs, "jpeg2k_decode", lambda *_: pytest.fail("it asked OpenJPEG"))
    assert codec_jpeg_2000.again(stream, what).shape == (20, 30, 3)


def _one_sample_else(read: Callable[..., Any]) -> Callable[..., Any]:
    """The decoder with a sample outside the box that is not as it was."""

    def wrong(*words: Any, **more: Any) -> Any:
        answer = read(*words, **more)
        if isinstance(answer, bytes):
            return answer[:-1] + bytes([answer[-1] ^ 1])
        answer = answer.copy()
        answer.reshape(-1)[-1] ^= 1
        return answer

    return wrong


@built
def test_what_it_reads_is_what_counts_for_jpeg_ls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = compressed(tmp_path / "in.dcm", JPEG_LS_UID, Kind("RGB"), 2)
    clean(source, tmp_path / "out.dcm", [Box(0, 0, 8, 8)])

    class Wrong:
        decode = staticmethod(_one_sample_else(codec_jpeg_ls.kernel.decode))

    monkeypatch.setattr(codec_jpeg_ls, "kernel", Wrong)
    with pytest.raises(Unclean, match="pixels outside the boxes have changed"):
        clean(source, tmp_path / "out.dcm", [Box(0, 0, 8, 8)])


@there
def test_what_it_reads_is_what_counts_for_jpeg_2000(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = compressed(tmp_path / "in.dcm", JPEG_2000_UID, Kind("RGB"), 2)
    clean(source, tmp_path / "out.dcm", [Box(0, 0, 8, 8)])
    monkeypatch.setattr(ffmpeg, "jpeg_2000", _one_sample_else(ffmpeg.jpeg_2000))
    with pytest.raises(Unclean, match="pixels outside the boxes have changed"):
        clean(source, tmp_path / "out.dcm", [Box(0, 0, 8, 8)])


def test_without_them_the_encoders_own_library_proves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(codec_jpeg_ls, "kernel", None)
    monkeypatch.setattr(ffmpeg, "installed", lambda: False)
    for uid in (JPEG_LS_UID, JPEG_2000_UID):
        source = compressed(tmp_path / "in.dcm", uid, Kind("RGB"), 2)
        assert clean(source, tmp_path / "out.dcm", [Box(0, 0, 8, 8)]).frames == 2


@pytest.mark.parametrize("codec", WHICH)
@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_stream_is_refused_or_read_as_something(codec: Codec, data: st.DataObject) -> None:
    what = image(24, 31, data.draw(st.sampled_from([1, 3])), data.draw(st.sampled_from([8, 12])))
    assert codec.encode is not None
    assert codec.again is not None
    stream = bytearray(codec.encode(drawn(what, "edges", 5), what))
    for _ in range(data.draw(st.integers(1, 3))):
        stream[data.draw(st.integers(2, len(stream) - 3))] = data.draw(st.integers(0, 255))
    with suppress(Unclean, ValueError, RuntimeError):
        assert codec.again(bytes(stream), what).shape == (24, 31, what.samples)


FUZZ = """
import random, sys
import imagecodecs
import numpy as np
from engine.pixels import _jpeg_ls
chance = random.Random(int(sys.argv[1]))
noise = np.random.default_rng(1)
streams = []
for shape, high in (((40, 50), 256), ((40, 50, 3), 256), ((33, 47), 4096)):
    picture = noise.integers(0, high, shape).astype("u1" if high == 256 else "u2")
    picture[5:30] //= 64
    picture[10:20] = 0
    streams.append((bytes(imagecodecs.jpegls_encode(picture, level=0, out=picture.nbytes * 2 + 4096)), picture))
answers = set()
for number in range(int(sys.argv[2])):
    stream, picture = chance.choice(streams)
    stream = bytearray(stream)
    for _ in range(chance.randint(1, 4)):
        how, at = chance.random(), chance.randrange(len(stream))
        at = at if chance.random() < 0.5 else at % 100
        if how < 0.6:
            stream[at] = chance.choice((0, 255, 127, 128, chance.randrange(256)))
        elif how < 0.8:
            del stream[at : at + chance.randint(1, 9)]
        elif how < 0.9:
            del stream[at:]
        else:
            stream[at:at] = bytes(chance.randrange(256) for _ in range(chance.randint(1, 9)))
        if not stream:
            break
    samples = picture.shape[2] if picture.ndim == 3 else 1
    answer = _jpeg_ls.decode(bytes(stream), picture.shape[0], picture.shape[1], samples, picture.itemsize)
    answers.add(answer if isinstance(answer, int) else "read")
assert answers == {_jpeg_ls.DAMAGED, _jpeg_ls.NOT_READ, "read"}, answers
"""


@built
def test_no_damage_crashes_the_decoder_in_c() -> None:
    """In a process of its own, as a crash would take the tests along."""
    root = Path(__file__).parents[3]
    words = [sys.executable, "-c", FUZZ, "1", "20000"]
    done = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stderr[-2000:]
