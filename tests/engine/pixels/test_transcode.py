"""Another transfer syntax, the same samples: from every one that can be read into every one that can be written."""

import os
import shutil
import subprocess
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import imagecodecs
import numpy as np
import pydicom.data
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, generate_frames, get_frame
from pydicom.pixels import pixel_array

from engine.errors import Unclean
from engine.pixels import codec_htj2k, transcode
from engine.pixels.codec import Cells
from engine.pixels.codecs import CODECS
from engine.pixels.image import Image
from engine.pixels.transcode import _Work
from engine.syntaxes import COMPRESSED_WORDS, EXPLICIT_LITTLE, NATIVE_WORDS
from tests.engine.spool.crash_kit import new_uid, write_instance

IMPLICIT, DEFLATED = NATIVE_WORDS["implicit-little-endian"], NATIVE_WORDS["deflated-little-endian"]


def image(
    path: Path,
    bits: tuple[int, int] = (16, 12),
    *,
    signed: bool = False,
    photometric: str = "MONOCHROME2",
    planar: int = 0,
    frames: int = 3,
) -> Path:
    """Noise of 33 rows and 50 columns in every value that the bits (allocated, stored) have."""
    allocated, stored = bits
    write_instance(path, new_uid())
    dataset: Dataset = dcmread(path)
    samples = 1 if photometric[:4] in ("MONO", "PALE") else 3
    dataset.Rows, dataset.Columns, dataset.SamplesPerPixel, dataset.NumberOfFrames = 33, 50, samples, frames
    dataset.PhotometricInterpretation = photometric
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = allocated, stored, stored - 1
    dataset.PixelRepresentation = int(signed)
    if samples == 3:
        dataset.PlanarConfiguration = planar
    count = 33 * 50 * (2 if photometric == "YBR_FULL_422" else samples) * frames
    noise = np.random.default_rng(7).integers(0, 1 << stored, count, np.int64)
    if signed:
        noise -= 1 << (stored - 1)
    data = noise.astype(f"<{'i' if signed else 'u'}{allocated // 8}").tobytes()
    dataset.add_new("PixelData", "OW" if allocated > 8 else "OB", data + b"\0" * (len(data) % 2))
    dataset.save_as(path)
    return path


KINDS = [
    pytest.param(bits, signed, photometric, planar, id=f"{bits[0]}-{bits[1]}-{signed}-{photometric}-{planar}")
    for bits in ((8, 8), (8, 5), (16, 16), (16, 12), (16, 9), (16, 8))
    for signed in (False, True)
    for photometric, planar in (("MONOCHROME1", 0), ("MONOCHROME2", 0), ("RGB", 0), ("RGB", 1), ("YBR_FULL", 0))
    if not (signed and photometric[:4] != "MONO")
] + [pytest.param((8, 8), False, "YBR_FULL_422", 0, id="422")]


@pytest.mark.parametrize(("bits", "signed", "photometric", "planar"), KINDS)
@pytest.mark.parametrize("word", COMPRESSED_WORDS)
def test_what_is_compressed_comes_back_as_it_was(
    word: str, bits: tuple[int, int], signed: bool, photometric: str, planar: int, tmp_path: Path
) -> None:
    source = image(tmp_path / "a.dcm", bits, signed=signed, photometric=photometric, planar=planar)
    small, back = tmp_path / "b.dcm", tmp_path / "c.dcm"
    assert transcode(source, small, COMPRESSED_WORDS[word]).frames == 3
    written = dcmread(small)
    assert written.file_meta.TransferSyntaxUID == COMPRESSED_WORDS[word]
    transcode(small, back, EXPLICIT_LITTLE)
    again = dcmread(back)
    assert again.PhotometricInterpretation == photometric.replace("_422", "")
    before = dcmread(source)
    luminance = ... if photometric != "YBR_FULL_422" else np.s_[..., 0]
    assert np.array_equal(pixel_array(before, raw=True)[luminance], pixel_array(again, raw=True)[luminance])


@pytest.mark.parametrize("word", ["JPEG-2000-lossless", "HTJ2K-lossless"])
@pytest.mark.parametrize("photometric", ["RGB", "YBR_FULL", "MONOCHROME2"])
def test_colours_are_transformed_where_the_header_says_so_and_only_there(
    word: str, photometric: str, tmp_path: Path
) -> None:
    source, small = image(tmp_path / "a.dcm", (8, 8), photometric=photometric), tmp_path / "b.dcm"
    transcode(source, small, COMPRESSED_WORDS[word])
    written = dcmread(small)
    assert written.PhotometricInterpretation == ("YBR_RCT" if photometric == "RGB" else photometric)
    stream = get_frame(written.PixelData, 0, number_of_frames=3)
    # The multiple component transformation of the coding style (T.800 A.6.1).
    assert stream[stream.index(b"\xff\x52") + 8] == (photometric == "RGB")


def test_the_first_htj2k_frame_of_a_process_is_encoded_by_one_thread_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenJPH has no lock around its tables: a stream may come out wrong, and the proof would hold the image."""
    right, calls, during_the_first = imagecodecs.htj2k_encode, [0], [0]

    def slow(*given: Any, **named: Any) -> object:
        calls[0] += 1
        if calls[0] == 1:
            time.sleep(0.2)
            during_the_first[0] = calls[0]
        return right(*given, **named)

    monkeypatch.setattr(imagecodecs, "htj2k_encode", slow)
    monkeypatch.setattr(codec_htj2k, "_begun", threading.Event())
    transcode(image(tmp_path / "a.dcm", frames=8), tmp_path / "b.dcm", COMPRESSED_WORDS["HTJ2K-lossless"])
    assert during_the_first == [1]


@pytest.mark.parametrize("syntax", [IMPLICIT, DEFLATED, EXPLICIT_LITTLE])
def test_decompressed_it_may_be_any_native_transfer_syntax(syntax: str, tmp_path: Path) -> None:
    source, small, back = image(tmp_path / "a.dcm", photometric="RGB"), tmp_path / "b.dcm", tmp_path / "c.dcm"
    transcode(source, small, COMPRESSED_WORDS["JPEG-2000-lossless"])
    transcode(small, back, syntax)
    assert dcmread(back).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(pixel_array(dcmread(source), raw=True), pixel_array(dcmread(back), raw=True))


def test_a_compressed_source_is_decoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    syntax = COMPRESSED_WORDS["JPEG-lossless"]
    transcode(image(tmp_path / "a.dcm", (8, 8)), tmp_path / "b.dcm", syntax)
    codec, decoded = CODECS[syntax], []

    def decode(stream: bytes, frame: Image) -> Cells:
        decoded.append(stream)
        return codec.decode(stream, frame)

    monkeypatch.setitem(CODECS, syntax, replace(codec, decode=decode))
    transcode(tmp_path / "b.dcm", tmp_path / "c.dcm", EXPLICIT_LITTLE)
    assert len(decoded) == 3


@pytest.mark.parametrize("wrong", ["one bit of the last frame", "two frames in each other's place"])
def test_what_was_not_written_as_it_was_decoded_is_found_and_leaves_no_file(
    wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small, back = tmp_path / "b.dcm", tmp_path / "c.dcm"
    transcode(image(tmp_path / "a.dcm", (8, 8), frames=2), small, COMPRESSED_WORDS["JPEG-lossless"])
    write = _Work._write_pixels

    def clumsy(work: _Work, file: BinaryIO) -> None:
        write(work, file)
        size = 33 * 50
        file.seek(-2 * size, os.SEEK_END)
        first, second = file.read(size), file.read(size)
        file.seek(-2 * size, os.SEEK_END)
        file.write(first + second[:-1] + bytes([second[-1] ^ 1]) if wrong[:3] == "one" else second + first)

    monkeypatch.setattr(_Work, "_write_pixels", clumsy)
    with pytest.raises(Unclean, match="a sample has changed"):
        transcode(small, back, EXPLICIT_LITTLE)
    assert not back.exists()


@pytest.mark.skipif(not all(map(shutil.which, ("dcmdjpls", "dcmdrle", "dcmdjpeg"))), reason="DCMTK is not installed")
@pytest.mark.parametrize(
    ("word", "program"), [("RLE-lossless", "dcmdrle"), ("JPEG-lossless", "dcmdjpeg"), ("JPEG-LS-lossless", "dcmdjpls")]
)
@pytest.mark.parametrize("bits", [(8, 8), (16, 12), (16, 16)])
def test_dcmtk_decodes_what_is_written(word: str, program: str, bits: tuple[int, int], tmp_path: Path) -> None:
    source, small, theirs = image(tmp_path / "a.dcm", bits), tmp_path / "b.dcm", tmp_path / "c.dcm"
    transcode(source, small, COMPRESSED_WORDS[word])
    subprocess.run([program, str(small), str(theirs)], check=True)
    assert np.array_equal(dcmread(source).pixel_array, dcmread(theirs).pixel_array)


def test_overlays_in_unused_bits_are_held_rather_than_lost(tmp_path: Path) -> None:
    source = image(tmp_path / "a.dcm")
    dataset = dcmread(source)
    dataset.PixelData = bytes(dataset.PixelData[:-1]) + b"\x80"
    dataset.save_as(source)
    with pytest.raises(Unclean, match="beyond Bits Stored"):
        transcode(source, tmp_path / "b.dcm", COMPRESSED_WORDS["JPEG-LS-lossless"])
    assert not (tmp_path / "b.dcm").exists()


@pytest.mark.parametrize("word", COMPRESSED_WORDS)
def test_a_damaged_stream_is_held_and_leaves_no_file(word: str, tmp_path: Path) -> None:
    source, small, back = image(tmp_path / "a.dcm", frames=1), tmp_path / "b.dcm", tmp_path / "c.dcm"
    transcode(source, small, COMPRESSED_WORDS[word])
    dataset = dcmread(small)
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([stream[: len(stream) // 4 & ~1]])
    dataset.save_as(small)
    with pytest.raises(Unclean):
        transcode(small, back, EXPLICIT_LITTLE)
    assert not back.exists()


@pytest.mark.parametrize("damage", ["some bytes are missing", "some bytes are zero", "surplus"])
def test_a_jpeg_frame_that_is_damaged_inside_is_held_though_a_decoder_fills_it_up(damage: str, tmp_path: Path) -> None:
    source, broken = Path(str(get_testdata_file("examples_ybr_color.dcm"))), tmp_path / "b.dcm"
    dataset = dcmread(source)
    frames = list(generate_frames(dataset.PixelData, number_of_frames=int(dataset.get("NumberOfFrames", 1))))
    stream = frames[-1].rstrip(b"\0")
    start, end = stream.rfind(b"\xff\xda") + 14, len(stream) - 2
    middle, much = (start + end) // 2, (end - start) // 4
    match damage:
        case "some bytes are missing":
            stream = stream[:middle] + stream[middle + much :]
        case "some bytes are zero":
            stream = stream[:middle] + bytes(much) + stream[middle + much :]
        case "surplus":
            stream = stream[:end] + stream[start : start + much] + stream[end:]
    assert imagecodecs.jpeg8_decode(stream).shape[:2] == (dataset.Rows, dataset.Columns), "it says nothing"
    dataset.PixelData = encapsulate([*frames[:-1], stream + b"\0" * (len(stream) % 2)])
    dataset.save_as(broken)
    with pytest.raises(Unclean):
        transcode(broken, tmp_path / "c.dcm", EXPLICIT_LITTLE)
    assert not (tmp_path / "c.dcm").exists()


@pytest.mark.parametrize("much", [1, 20, 400])
def test_a_lossless_jpeg_frame_with_a_gap_is_held_though_both_decoders_fill_it_up(much: int, tmp_path: Path) -> None:
    source, small, back = image(tmp_path / "a.dcm", frames=1), tmp_path / "b.dcm", tmp_path / "c.dcm"
    transcode(source, small, COMPRESSED_WORDS["JPEG-lossless"])
    dataset = dcmread(small)
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1).rstrip(b"\0")
    middle = len(stream) // 2
    stream = stream[:middle] + stream[middle + much :]
    assert imagecodecs.jpeg8_decode(stream).shape == (33, 50), "it says nothing"
    dataset.PixelData = encapsulate([stream + b"\0" * (len(stream) % 2)])
    dataset.save_as(small)
    with pytest.raises(Unclean):
        transcode(small, back, EXPLICIT_LITTLE)
    assert not back.exists()


def test_what_has_no_pixels_or_is_so_already_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    write_instance(path, new_uid())
    assert not transcode(path, tmp_path / "b.dcm", COMPRESSED_WORDS["RLE-lossless"]).written
    assert not transcode(path, tmp_path / "b.dcm", dcmread(path).file_meta.TransferSyntaxUID).written
    assert not (tmp_path / "b.dcm").exists()


HELD = {
    "JPEG2000-embedded-sequence-delimiter.dcm": "damaged",  # neither pydicom nor GDCM decodes it
    "SC_rgb_jpeg.dcm": "no valid value representation",  # implicit, and says explicit: DCMTK does not read it either
    "UN_sequence.dcm": "has none",  # no pixels at all
}
"""The compressed files of pydicom that are not decoded, and why."""

UNREAD = {
    "GDCMJ2K_TextGBR.dcm",
    "JPEGLSNearLossless_08.dcm",
    "JPEGLSNearLossless_16.dcm",
    "JPEG-lossy.dcm",
    "JPGExtended.dcm",
    "MR_small_jpeg_ls_lossless.dcm",
    "SC_rgb_jls_lossy_line.dcm",
    "SC_rgb_jls_lossy_sample.dcm",
    "SC_rgb_jpeg_gdcm.dcm",
}
"""Those that pydicom cannot decode with what is installed here; another decoder is asked about them."""


def compressed_files() -> list[Path]:
    """All files that come with pydicom in a transfer syntax that can be read."""
    found = []
    with warnings.catch_warnings(action="ignore"):
        for path in sorted((Path(pydicom.data.__file__).parent / "test_files").glob("*.dcm")):
            meta = dcmread(path, force=True, stop_before_pixels=True).file_meta
            if meta.get("TransferSyntaxUID") in CODECS:
                found.append(path)
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", compressed_files(), ids=lambda path: path.name)
def test_every_compressed_file_of_pydicom_decodes_to_the_same_samples_or_is_held_for_a_reason_that_we_know(
    source: Path, tmp_path: Path
) -> None:
    target = tmp_path / "b.dcm"
    if source.name in HELD:
        with pytest.raises(Unclean, match=HELD[source.name]):
            transcode(source, target, EXPLICIT_LITTLE)
        return
    transcode(source, target, EXPLICIT_LITTLE)
    before, ours = dcmread(source), dcmread(target)
    if source.name in UNREAD:
        theirs = by_gdcm(source, tmp_path / "c.dcm")
    else:
        # What was YBR by JPEG comes out as RGB, and pydicom does that only where it is asked for the colours.
        is_ybr = before.PhotometricInterpretation[:5] == "YBR_F" and ours.PhotometricInterpretation == "RGB"
        theirs = pixel_array(before, raw=not is_ybr)
    assert np.array_equal(theirs, pixel_array(ours, raw=True))


def by_gdcm(source: Path, target: Path) -> NDArray[np.generic]:
    """The samples as GDCM decodes them."""
    if shutil.which("gdcmconv") is None:
        pytest.skip("GDCM is not installed")
    subprocess.run(["gdcmconv", "--raw", str(source), str(target)], check=True, capture_output=True)
    return pixel_array(dcmread(target), raw=True)
