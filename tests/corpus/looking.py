"""Those who try to read what was blanked: two programs that recognise letters, and one who knows what to look for."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.corpus.fonts import Ink
from tests.corpus.screens import Screen

Pictures = NDArray[np.uint8]
"""Pictures × rows × columns."""

READERS = tuple(name for name in ("tesseract", "ocrad") if shutil.which(name))
"""Which of the two programs are there."""


def read_by(reader: str, pictures: Sequence[NDArray[np.uint8]]) -> list[str]:
    """What the program reads in each picture, which it gets twice as large, as dark letters on light ground."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for number, picture in enumerate(pictures):
            image = Image.fromarray(255 - picture)
            names.append(Path(folder, f"{number}.pgm"))
            image.resize((2 * image.width, 2 * image.height), Image.Resampling.BICUBIC).save(names[-1])
        if reader == "tesseract":
            Path(folder, "all").write_text("\n".join(map(str, names)))
            command = ["tesseract", str(Path(folder, "all")), "-", "--psm", "11"]
            return _run(command).split("\f")[: len(names)]
        return [_run([reader, str(name)]) for name in names]


def identifiers(screen: Screen, text: str) -> list[str]:
    """Which words that tell of the patient somebody has read, if only nearly."""
    words = [_bare(word) for word in text.split()]
    whole = "".join(words)
    found = []
    for secret in (one for words_of in screen.words for one in words_of.split()):
        wanted = _bare(secret)
        if len(wanted) < 4:
            continue
        if wanted in whole or any(SequenceMatcher(None, wanted, word).ratio() >= 0.75 for word in words if word):
            found.append(secret)
    return found


def likeness(picture: NDArray[np.uint8], templates: Sequence[Ink]) -> list[float]:
    """How like each template the place of the picture is that is most like it: normalised correlation, 0 to 1."""
    shape = picture.shape
    values = picture.astype(np.float64) - picture.mean()
    spectrum = np.fft.rfft2(values)
    sums, squares = _summed(values), _summed(values**2)
    found = []
    for template in templates:
        rows, columns = template.shape
        pattern = template - template.mean()
        product = np.fft.irfft2(spectrum * np.conj(np.fft.rfft2(pattern, shape)), shape)
        valid = product[: shape[0] - rows + 1, : shape[1] - columns + 1]
        spread = _window(squares, rows, columns) - _window(sums, rows, columns) ** 2 / template.size
        # A flat place is like nothing; half a grey level is within rounding.
        scale = np.sqrt(np.maximum(spread, 0.25 * template.size) * (pattern**2).sum())
        found.append(float(np.abs(valid / scale).max()))
    return found


def _summed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.pad(values, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)


def _window(summed: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    return summed[rows:, columns:] - summed[:-rows, columns:] - summed[rows:, :-columns] + summed[:-rows, :-columns]


def _bare(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _run(command: list[str]) -> str:
    done = subprocess.run(
        command, capture_output=True, check=True, timeout=120, env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"}
    )
    return done.stdout.decode("utf-8", "replace")
