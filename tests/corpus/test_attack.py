"""Names cannot be read back from what a blanked JPEG still holds; from CTP's way of blanking they can.

The attacker knows the device: its font, its size and where it writes, and has a dictionary of names. What CTP's pixel
anonymizer leaves of JPEG frames is each block's mean (it zeroes the AC coefficients and keeps DC): a mosaic.
"""

import os
from functools import cache
from itertools import product
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEGBaseline8Bit

from engine.pixels.coefficients import coefficients
from tests.corpus.fonts import ink
from tests.corpus.screens import FAMILY, GIVEN
from tests.corpus.step import line
from tests.engine.pixels.samples import dataset, save

DICTIONARY = tuple(f"{family}, {given}" for family, given in product(FAMILY, GIVEN))
VICTIMS = DICTIONARY[:: len(DICTIONARY) // 100][:100]
ROWS, COLUMNS, BANNER = 64, 240, 24
REGIONS = f"regions attacked for Modality = US\n  blank (0, 0, {COLUMNS}, {BANNER})\n"

Grey = NDArray[np.uint8]


def banner(name: str, size: int) -> Grey:
    """What the device writes."""
    drawn = np.zeros((BANNER, COLUMNS))
    word = ink(name, "plain", size)
    drawn[4 : 4 + word.shape[0], 6 : 6 + word.shape[1]] = word[: BANNER - 4]
    return (16 + drawn * 220).astype(np.uint8)


def frame(name: str, size: int, seed: int) -> Grey:
    """A frame: the banner over speckle."""
    picture = np.random.default_rng(seed).rayleigh(40, (ROWS, COLUMNS)).clip(0, 255).astype(np.uint8)
    picture[:BANNER] = banner(name, size)
    return picture


def encoded(picture: Grey) -> bytes:
    return bytes(imagecodecs.jpeg8_encode(picture, 90))


def means(picture: Grey) -> NDArray[np.float64]:
    """The mean of each 8 × 8 block of the banner."""
    return picture[:BANNER].reshape(BANNER // 8, 8, COLUMNS // 8, 8).mean(axis=(1, 3)).ravel()


def blanked_as_ctp_does(stream: bytes) -> bytes:
    """All AC coefficients of the banner zero, DC as it was."""
    picture = imagecodecs.jpeg8_decode(stream).copy()
    mosaic = means(picture).reshape(BANNER // 8, COLUMNS // 8).repeat(8, axis=0).repeat(8, axis=1)
    picture[:BANNER] = mosaic.round().astype(np.uint8)
    return encoded(picture)


def read_back(stream: bytes, size: int) -> str | None:
    """The name of the dictionary whose blocks are most like those of the frame; None where they say nothing."""
    seen = means(imagecodecs.jpeg8_decode(stream))
    if np.ptp(seen) == 0:
        return None
    return DICTIONARY[int((known(size) @ (seen - seen.mean())).argmax())]


@cache
def known(size: int) -> NDArray[np.float64]:
    """The means of every name of the dictionary, as vectors of length 1."""
    found = np.array([means(banner(name, size)) for name in DICTIONARY])
    found -= found.mean(axis=1, keepdims=True)
    return found / np.linalg.norm(found, axis=1, keepdims=True)


@pytest.mark.parametrize("size", [12, 16, 20] if "CORPUS" in os.environ else [16])
def test_of_100_names_none_is_read_back_and_of_ctps_blanking_nearly_all_are(size: int, tmp_path: Path) -> None:
    streams = [encoded(frame(name, size, seed)) for seed, name in enumerate(VICTIMS)]
    made = dataset(ROWS, COLUMNS, len(streams), "MONOCHROME2", (8, 8))
    made.Modality, made.PixelData = "US", encapsulate(streams)
    made["PixelData"].is_undefined_length = True
    source = save(made, tmp_path / "in.dcm", JPEGBaseline8Bit)
    with line(REGIONS, tmp_path) as through:
        cleaned = dcmread(through.clean(source))
    ours = list(generate_frames(cleaned.PixelData, number_of_frames=len(streams)))
    assert len({means(imagecodecs.jpeg8_decode(stream)).tobytes() for stream in ours}) == 1
    assert [read_back(stream, size) for stream in ours] == [None] * len(VICTIMS)

    theirs = [blanked_as_ctp_does(stream) for stream in streams]
    found = [read_back(stream, size) for stream in theirs]
    assert sum(name == wanted for name, wanted in zip(found, VICTIMS, strict=True)) >= 95


def test_the_control_is_what_ctp_does() -> None:
    stream = encoded(frame(VICTIMS[0], 16, 1))
    [before], [after] = coefficients(stream), coefficients(blanked_as_ctp_does(stream))
    inside = slice(0, BANNER // 8)
    assert not after[inside, :, 1:].any()
    assert np.abs(after[inside, :, 0] - before[inside, :, 0]).max() <= 1
    assert before[inside, :, 1:].any()
