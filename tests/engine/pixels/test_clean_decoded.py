"""Boxes blanked in every compression with a lossless way: black inside, the very same samples outside."""

import shutil
import subprocess
import tracemalloc
import warnings
from dataclasses import replace
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom.data
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.pixels import pixel_array

from engine.errors import Unclean
from engine.pixels import Box, Cleaned, clean, transcode
from engine.pixels.codecs import CODECS
from engine.pixels.codestream import jpeg_2000
from engine.syntaxes import EXPLICIT_LITTLE
from tests.engine.pixels.compressed import (
    COLUMNS,
    ENCODERS,
    LOSSY,
    OF_JPEG_2000,
    RLE,
    ROWS,
    Kind,
    compressed,
    decoded,
    frame,
    name,
    predicted,
    streams_of,
    write,
)
from tests.engine.pixels.samples import inside

BOXES = (Box(0, 0, COLUMNS, 13), Box(30, 25, 9, 8))
KINDS = (
    Kind("MONOCHROME2"),
    Kind("MONOCHROME1"),
    Kind("MONOCHROME2", (8, 6)),
    Kind("MONOCHROME2", (8, 8), signed=True),
    Kind("MONOCHROME2", (16, 8)),
    Kind("MONOCHROME1", (16, 12)),
    Kind("MONOCHROME2", (16, 12), signed=True),
    Kind("MONOCHROME1", (16, 16), signed=True),
    Kind("MONOCHROME2", (16, 16)),
    Kind("PALETTE COLOR"),
    Kind("RGB"),
    Kind("RGB", (16, 16)),
    Kind("YBR_FULL"),
    Kind("YBR_FULL_422"),
)
_OF_RLE = (Kind("MONOCHROME2", (32, 32)), Kind("MONOCHROME2", (32, 24)), Kind("RGB", (32, 32)))
CASES = (
    [(uid, kind) for uid in ENCODERS for kind in KINDS]
    + [(RLE, kind) for kind in _OF_RLE]
    + [(uid, Kind("YBR_RCT")) for uid in OF_JPEG_2000 if uid not in LOSSY]
    + [(uid, Kind("YBR_ICT")) for uid in OF_JPEG_2000 if uid in LOSSY]
)
every = pytest.mark.parametrize("uid", ENCODERS, ids=name)


def same_but_for_the_boxes(before: Path, after: Path, done: Cleaned, kind: Kind) -> None:
    old, new = decoded(before, kind), decoded(after, kind)
    mask = inside(done.boxes, *old.shape[1:3])
    assert old.shape == new.shape
    assert np.array_equal(old[:, ~mask], new[:, ~mask])
    assert (new[:, mask].astype(np.int64) == kind.black()).all()


@pytest.mark.parametrize(("uid", "kind"), CASES, ids=[f"{name(uid)}-{kind}" for uid, kind in CASES])
def test_the_boxes_are_black_and_nothing_else_has_changed(uid: str, kind: Kind, tmp_path: Path) -> None:
    source, target = compressed(tmp_path / "in", uid, kind, 3), tmp_path / "out"
    assert not (decoded(source, kind)[:, :13] == kind.black()).all()
    done = clean(source, target, BOXES)
    grown = (BOXES[0], Box(30, 25, 10, 8)) if kind.photometric == "YBR_FULL_422" else BOXES
    photometric = "YBR_RCT" if kind.photometric == "YBR_ICT" else None
    assert done == Cleaned(3, grown, "decoded", icon_removed=False, photometric=photometric, lossy=uid in LOSSY)
    same_but_for_the_boxes(source, target, done, kind)
    before, after = dcmread(source), dcmread(target)
    for stream in streams_of(source):
        assert stream not in target.read_bytes()
    del before.PixelData, after.PixelData
    assert before == after
    assert before.file_meta == after.file_meta


_UNSEEN = Kind("RGB"), Kind("YBR_FULL"), Kind("MONOCHROME2", (16, 12)), Kind("MONOCHROME2", (16, 12), signed=True)
PROGRAMS = {
    RLE: (["dcmdrle"], ["gdcmconv", "--raw"]),
    "1.2.840.10008.1.2.4.57": (["dcmdjpeg", "+cn"], ["gdcmconv", "--raw"]),
    "1.2.840.10008.1.2.4.70": (["dcmdjpeg", "+cn"], ["gdcmconv", "--raw"]),
    "1.2.840.10008.1.2.4.80": (["dcmdjpls"], ["gdcmconv", "--raw"]),
    "1.2.840.10008.1.2.4.81": (["dcmdjpls"], ["gdcmconv", "--raw"]),
    "1.2.840.10008.1.2.4.90": (["gdcmconv", "--raw"],),
    "1.2.840.10008.1.2.4.91": (["gdcmconv", "--raw"],),
}


@pytest.mark.skipif(not all(map(shutil.which, ("dcmdjpls", "gdcmconv"))), reason="DCMTK or GDCM is not installed")
@pytest.mark.parametrize(
    ("uid", "program"),
    [
        pytest.param(uid, program, id=f"{name(uid)}-{program[0]}")
        for uid, programs in PROGRAMS.items()
        for program in programs
    ],
)
@pytest.mark.parametrize("kind", _UNSEEN, ids=str)
def test_dcmtk_and_gdcm_see_the_same(uid: str, program: list[str], kind: Kind, tmp_path: Path) -> None:
    source, target = compressed(tmp_path / "in", uid, kind, 2), tmp_path / "out"
    done = clean(source, target, BOXES)
    old, new = (_by(program, path, path.with_suffix(".raw")) for path in (source, target))
    mask = inside(done.boxes, ROWS, COLUMNS)
    assert np.array_equal(old[:, ~mask], new[:, ~mask])
    assert (new[:, mask].reshape(-1, kind.samples) == kind.black()).all()


def _by(program: list[str], path: Path, plain: Path) -> NDArray[np.generic]:
    subprocess.run([*program, str(path), str(plain)], check=True, capture_output=True)
    return pixel_array(dcmread(plain), raw=True)


ENCODED_ELSEWHERE = {
    "rle": (["dcmcrle"], RLE),
    "any-predictor": (["dcmcjpeg", "+el", "+sv", "6"], "1.2.840.10008.1.2.4.57"),
    "first-predictor": (["dcmcjpeg", "+e1"], "1.2.840.10008.1.2.4.70"),
    "fragments": (["dcmcjpeg", "+e1", "+fs", "1"], "1.2.840.10008.1.2.4.70"),
    "ls": (["dcmcjpls"], "1.2.840.10008.1.2.4.80"),
    "ls-by-line": (["dcmcjpls", "+il"], "1.2.840.10008.1.2.4.80"),
    "ls-near": (["dcmcjpls", "+en", "+md", "3"], "1.2.840.10008.1.2.4.81"),
    "gdcm-rle": (["gdcmconv", "--rle"], RLE),
    "gdcm-lossless": (["gdcmconv", "--jpeg"], "1.2.840.10008.1.2.4.70"),
    "gdcm-ls": (["gdcmconv", "--jpegls"], "1.2.840.10008.1.2.4.80"),
    "gdcm-2000": (["gdcmconv", "--j2k"], "1.2.840.10008.1.2.4.90"),
    "gdcm-2000-lossy": (["gdcmconv", "--lossy", "--j2k", "-q", "20"], "1.2.840.10008.1.2.4.91"),
}


@pytest.mark.skipif(not all(map(shutil.which, ("dcmcjpls", "gdcmconv"))), reason="DCMTK or GDCM is not installed")
@pytest.mark.parametrize(("program", "uid"), ENCODED_ELSEWHERE.values(), ids=ENCODED_ELSEWHERE)
@pytest.mark.parametrize("kind", [Kind("RGB"), Kind("MONOCHROME2", (16, 12))], ids=str)
def test_what_dcmtk_and_gdcm_have_encoded_is_cleaned(program: list[str], uid: str, kind: Kind, tmp_path: Path) -> None:
    transcode(compressed(tmp_path / "made", RLE, kind, 2), tmp_path / "plain", EXPLICIT_LITTLE)
    source, target = tmp_path / "in", tmp_path / "out"
    subprocess.run([*program, str(tmp_path / "plain"), str(source)], check=True, capture_output=True)
    assert dcmread(source).file_meta.TransferSyntaxUID == uid
    done = clean(source, target, BOXES)
    same_but_for_the_boxes(source, target, done, kind)


HELD = {
    "GDCMJ2K_TextGBR.dcm": "`decompress` before",  # JP2 files instead of codestreams
    "JPEG2000-embedded-sequence-delimiter.dcm": "a compressed frame",  # no other decoder reads it
}
"""The files of pydicom that are not cleaned, and why."""


def _files() -> list[Path]:
    found = []
    with warnings.catch_warnings(action="ignore"):
        for path in sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm")):
            head = dcmread(path, force=True, stop_before_pixels=True)
            if head.file_meta.get("TransferSyntaxUID") in ENCODERS and "Rows" in head:
                found.append(path)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", _files(), ids=lambda path: path.name)
def test_every_such_file_of_pydicom_is_cleaned_or_held_for_a_reason_that_we_know(source: Path, tmp_path: Path) -> None:
    target, boxes = tmp_path / "out", (Box(0, 0, 8, 3), Box(3, 5, 2, 2))
    if source.name in HELD:
        with pytest.raises(Unclean, match=HELD[source.name]):
            clean(source, target, boxes)
        assert not list(tmp_path.iterdir())
        return
    done = clean(source, target, boxes)
    plain = tmp_path / "before", tmp_path / "after"
    transcode(source, plain[0], EXPLICIT_LITTLE)
    transcode(target, plain[1], EXPLICIT_LITTLE)
    old, new = (pixel_array(dcmread(path), raw=True) for path in plain)
    head = dcmread(source, stop_before_pixels=True)
    shape = done.frames, head.Rows, head.Columns, -1
    mask = inside(done.boxes, head.Rows, head.Columns)
    assert np.array_equal(old.reshape(shape)[:, ~mask], new.reshape(shape)[:, ~mask])
    blank = new.reshape(shape)[:, mask]
    assert (blank == blank[0, 0]).all()


def test_what_was_held_as_a_jp2_file_is_cleaned_after_decompression(tmp_path: Path) -> None:
    """The reason says what to do; it must work."""
    source = Path(pydicom.data.__file__).parent / "test_files" / "GDCMJ2K_TextGBR.dcm"
    transcode(source, tmp_path / "plain", EXPLICIT_LITTLE)
    assert clean(tmp_path / "plain", tmp_path / "out", BOXES).method == "native"


@st.composite
def _what(draw: st.DrawFn) -> tuple[str, Kind, int, int, list[Box]]:
    uid, kind = draw(st.sampled_from(CASES))
    rows, columns = draw(st.integers(1, 70)), draw(st.integers(1, 70))
    boxes = draw(
        st.lists(
            st.builds(
                Box,
                st.integers(0, columns - 1),
                st.integers(0, rows - 1),
                st.integers(1, columns),
                st.integers(1, rows),
            ),
            min_size=1,
            max_size=4,
        )
    )
    return uid, kind, rows, columns, boxes


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_what())
def test_any_boxes_in_an_image_of_any_size(
    tmp_path_factory: pytest.TempPathFactory, what: tuple[str, Kind, int, int, list[Box]]
) -> None:
    uid, kind, rows, columns, boxes = what
    folder = tmp_path_factory.mktemp("any")
    source = compressed(folder / "in", uid, kind, 2, rows=rows, columns=columns)
    done = clean(source, folder / "out", boxes)
    same_but_for_the_boxes(source, folder / "out", done, kind)
    shutil.rmtree(folder)


@pytest.mark.parametrize("predictor", range(1, 8))
def test_jpeg_lossless_may_have_any_predictor(predictor: int, tmp_path: Path) -> None:
    kind = Kind("MONOCHROME2", (16, 12))
    stream = predicted(predictor)(frame(kind), kind)
    source = write(tmp_path / "in", "1.2.840.10008.1.2.4.57", [stream], kind)
    same_but_for_the_boxes(source, tmp_path / "out", clean(source, tmp_path / "out", BOXES), kind)


@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL"])
def test_jpeg_lossless_needs_no_marker_about_its_colours(photometric: str, tmp_path: Path) -> None:
    uid, kind = "1.2.840.10008.1.2.4.70", Kind(photometric)
    stream = ENCODERS[uid](frame(kind), kind)
    assert stream[2:4] == b"\xff\xee"
    bare = stream[:2] + stream[4 + int.from_bytes(stream[4:6], "big") :]
    source = write(tmp_path / "in", uid, [bare + b"\0" * (len(bare) % 2)], kind)
    same_but_for_the_boxes(source, tmp_path / "out", clean(source, tmp_path / "out", BOXES), kind)


@pytest.mark.parametrize("uid", [uid for uid in ENCODERS if uid in LOSSY], ids=name)
def test_what_was_compressed_without_loss_where_loss_is_allowed_is_not_called_lossy(uid: str, tmp_path: Path) -> None:
    kind = Kind("MONOCHROME2")
    clean(compressed(tmp_path / "in", uid, kind, 2), tmp_path / "out", BOXES)
    assert not clean(tmp_path / "out", tmp_path / "again", BOXES).lossy


@pytest.mark.parametrize("uid", OF_JPEG_2000, ids=name)
@pytest.mark.parametrize("kind", [Kind("RGB"), Kind("YBR_RCT"), Kind("YBR_ICT")], ids=str)
def test_the_colour_transform_stays_as_the_header_says(uid: str, kind: Kind, tmp_path: Path) -> None:
    bare, transformed = Kind("YBR_FULL"), Kind("YBR_ICT") if uid in LOSSY else Kind("RGB")
    made = ENCODERS[uid](frame(kind), bare if kind.photometric == "RGB" else transformed)
    source = write(tmp_path / "in", uid, [made], kind)
    done = clean(source, tmp_path / "out", BOXES)
    (stream,) = streams_of(tmp_path / "out")
    assert jpeg_2000(stream).transform == (kind.photometric != "RGB")
    same_but_for_the_boxes(source, tmp_path / "out", done, kind)


@pytest.mark.parametrize(("rows", "columns"), [(ROWS, COLUMNS), (70, 5000)])
def test_resolutions_come_in_order_and_with_a_table_where_the_transfer_syntax_wants_it(
    rows: int, columns: int, tmp_path: Path
) -> None:
    """HTJ2K with RPCL options: PS3.5 10.18."""
    uid, kind = "1.2.840.10008.1.2.4.202", Kind("MONOCHROME2")
    made = bytes(imagecodecs.htj2k_encode(frame(kind, 0, rows, columns)[:, :, 0], reversible=True))
    source = write(tmp_path / "in", uid, [made], kind, rows=rows, columns=columns)
    clean(source, tmp_path / "out", BOXES)
    (stream,) = streams_of(tmp_path / "out")
    coding = stream.index(b"\xff\x52")
    assert stream[coding + 5] == 2, "resolution, position, component, layer"
    assert max(rows, columns) / 2 ** stream[coding + 9] <= 64
    assert b"\xff\x55" in stream[: stream.index(b"\xff\x90")], "no tile-part lengths"


@every
def test_the_same_input_gives_the_same_bytes_and_what_is_clean_stays_clean(uid: str, tmp_path: Path) -> None:
    source = compressed(tmp_path / "in", uid, Kind("RGB"), 3)
    for one, other in (("in", "one"), ("in", "two"), ("one", "three")):
        clean(tmp_path / one, tmp_path / other, BOXES)
    one, two, three = (tmp_path.joinpath(name).read_bytes() for name in ("one", "two", "three"))
    assert one == two == three
    assert source.read_bytes() != one


@every
def test_how_frames_lie_in_fragments_does_not_matter(uid: str, tmp_path: Path) -> None:
    kind = Kind("MONOCHROME2")
    clean(compressed(tmp_path / "in", uid, kind, 3), tmp_path / "out", BOXES)
    pieces = (1,) if uid == RLE else (1, 3)
    for number, (table, fragments) in enumerate(product((True, False), pieces)):
        source = compressed(tmp_path / f"in{number}", uid, kind, 3, table=table, fragments=fragments)
        clean(source, tmp_path / f"out{number}", BOXES)
        assert (tmp_path / f"out{number}").read_bytes() == (tmp_path / "out").read_bytes()
    clean(compressed(tmp_path / "extended", uid, kind, 3, extended=True), tmp_path / "tables", BOXES)
    assert (tmp_path / "tables").read_bytes() == (tmp_path / "out").read_bytes()


def test_all_allocated_bits_are_blanked_where_the_codec_carries_them(tmp_path: Path) -> None:
    """Some devices draw into the bits above Bits Stored."""
    kind = Kind("MONOCHROME2", (16, 16))
    change = compressed(tmp_path / "in", RLE, kind, 2)
    head = dcmread(change)
    head.BitsStored, head.HighBit = 12, 13
    head.save_as(change)
    clean(change, tmp_path / "out", BOXES)
    before, after = (pixel_array(dcmread(path), raw=True) for path in (change, tmp_path / "out"))
    mask = inside(BOXES, ROWS, COLUMNS)
    assert (before[:, mask] & 0xC003).any()
    assert not after[:, mask].any()
    assert np.array_equal(before[:, ~mask], after[:, ~mask])


@pytest.mark.parametrize("signed", [False, True])
@pytest.mark.parametrize("uid", [uid for uid in ENCODERS if uid != RLE], ids=name)
def test_samples_that_are_wider_than_bits_stored_keep_all_their_bits(uid: str, signed: bool, tmp_path: Path) -> None:
    """Padding values of CT, and what lossy compression has brought over the edge."""
    full, said = Kind("MONOCHROME2", (16, 16), signed), Kind("MONOCHROME2", (16, 12), signed)
    source = write(tmp_path / "in", uid, [ENCODERS[uid](frame(full), full)], said)
    done = clean(source, tmp_path / "out", BOXES)
    mask = inside(done.boxes, ROWS, COLUMNS)
    old, new = decoded(source, full), decoded(tmp_path / "out", full)
    assert np.array_equal(old[:, ~mask], new[:, ~mask])
    assert (new[:, mask] == said.black()).all()


@pytest.mark.parametrize("uid", [RLE, "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.4.90"], ids=name)
def test_memory_does_not_grow_with_the_number_of_frames(uid: str, tmp_path: Path) -> None:
    kind = Kind("RGB")
    streams = [ENCODERS[uid](frame(kind, n, 90, 120), kind) for n in range(4)]
    peaks = []
    for count in (12, 48):
        source = write(tmp_path / "in", uid, streams * (count // 4), kind, rows=90, columns=120)
        tracemalloc.start()
        clean(source, tmp_path / "out", BOXES)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0], peaks


def _changes(uid: str, spot: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The encoder changes a bit of one sample."""
    codec = CODECS[uid]
    assert codec.encode is not None
    right = codec.encode

    def clumsy(cells: NDArray[np.unsignedinteger], image: object, *_: object) -> bytes:
        changed = cells.copy()
        changed[spot] ^= 1
        return right(changed, image)  # type: ignore[arg-type]  # passed through

    monkeypatch.setitem(CODECS, uid, replace(codec, encode=clumsy, encode_like=clumsy))


@every
@pytest.mark.parametrize(("spot", "words"), [((5, 7), "left inside"), ((20, 20), "outside the boxes have changed")])
def test_the_proof_sees_one_bit_of_one_sample(
    uid: str, spot: tuple[int, int], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = compressed(tmp_path / "in", uid, Kind("MONOCHROME2"), 2)
    _changes(uid, spot, monkeypatch)
    with pytest.raises(Unclean, match=words):
        clean(source, tmp_path / "out", BOXES)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
