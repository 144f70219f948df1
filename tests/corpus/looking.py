"""Those who try to read what was blanked: two programs that recognise letters, and one who knows what to look for."""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from difflib import SequenceMatcher
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageFilter

from tests.corpus.fonts import Ink
from tests.corpus.screens import Screen

Pictures = NDArray[np.uint8]
"""Pictures × rows × columns."""

PROGRAMS = ("tesseract", "ocrad")
SHORTEST = 4
"""Letters and digits of a word that can be recognised as somebody's."""

_SCALE = {"tesseract": 2, "ocrad": 3}
_WAYS: dict[str, tuple[tuple[str, float], ...]] = {
    "tesseract": (("grey", 0), ("light", 0.45), ("light", 0.6)),
    "ocrad": (
        *(("light", least) for least in (0.25, 0.45, 0.6, 0.75)),
        *(("brighter", least) for least in (0.2, 0.35, 0.5)),
        ("darker", 0.3),
    ),
}
"""How a picture is shown: in its shades; or black where it is at least so light, or so much brighter or darker than
what is around it, as a share of white. Letters over the echoes or on pale ground can only be told apart so."""
_AROUND = 9


def there(reader: str) -> bool:
    """Whether the program is installed."""
    return shutil.which(reader) is not None


def read_by(reader: str, pictures: Sequence[NDArray[np.uint8]]) -> list[str]:
    """What the program reads in each picture, in all ways together: enlarged, as dark letters on light ground."""
    texts = [""] * len(pictures)
    with tempfile.TemporaryDirectory() as folder:
        names = [Path(folder, f"{number}.pgm") for number in range(len(pictures))]
        for how, least in _WAYS[reader]:
            for name, picture in zip(names, pictures, strict=True):
                _shown(picture, _SCALE[reader], how, least).save(name)
            for number, text in enumerate(_texts(reader, names, Path(folder, "all"))):
                texts[number] += text + "\n"
    return texts


def _shown(picture: NDArray[np.uint8], scale: int, how: str, least: float) -> Image.Image:
    image = Image.fromarray(picture)
    most, fewest = ImageFilter.MaxFilter(_AROUND), ImageFilter.MinFilter(_AROUND)
    if how == "brighter":
        image = ImageChops.subtract(image, image.filter(fewest).filter(most))
    elif how == "darker":
        image = ImageChops.subtract(image.filter(most).filter(fewest), image)
    image = image.resize((scale * image.width, scale * image.height), Image.Resampling.BICUBIC)
    if how != "grey":
        image = image.point([255 * (value >= least * 255) for value in range(256)])
    return ImageChops.invert(image)


def _texts(reader: str, names: Sequence[Path], listed: Path) -> list[str]:
    if reader == "tesseract":
        listed.write_text("\n".join(map(str, names)))
        return _run(["tesseract", str(listed), "-", "--psm", "11"]).split("\f")[: len(names)]
    return [_run([reader, str(name)]) for name in names]


def secrets(screen: Screen) -> set[str]:
    """The words that tell of the patient and are long enough to be recognised."""
    return {word for words in screen.words for word in words.split() if len(_bare(word)) >= SHORTEST}


def identifiers(screen: Screen, text: str) -> set[str]:
    """Which of them somebody has read, if only nearly."""
    words = [_bare(word) for word in text.split()]
    whole = "".join(words)
    return {secret for secret in secrets(screen) if _bare(secret) in whole or _nearly(_bare(secret), words)}


def _nearly(wanted: str, words: Sequence[str]) -> bool:
    return any(SequenceMatcher(None, wanted, word).ratio() >= 0.75 for word in words if word)


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
        command, capture_output=True, check=True, timeout=1200, env={"OMP_THREAD_LIMIT": "1", "PATH": "/usr/bin:/bin"}
    )
    return done.stdout.decode("utf-8", "replace")
