"""Every ultrasound image that comes with pydicom or pydicom-data, with regions drawn over it: cleaned, or held and why.

The samples are read by others than the engine, before and after.
"""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import data_store
import numpy as np
import pydicom.data
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.errors import InvalidDicomError
from pydicom.uid import (
    JPEGBaseline8Bit,
    UltrasoundImageStorage,
    UltrasoundMultiFrameImageStorage,
)

from tests.corpus.encodings import Encoding, read
from tests.corpus.step import Held, Line, line
from tests.corpus.test_corpus import flat, touched

FOLDERS = (
    Path(pydicom.data.__file__).parent / "test_files",
    *(Path(folder) / "data" for folder in data_store.__path__),
    *map(Path, filter(None, os.environ.get("PUBLIC", "").split(":"))),
)
"""And the folders named in PUBLIC."""
REGIONS = "regions drawn for Modality = US\n  blank (0, 0, 60, 12), (right 40, bottom 20, 30, 10)\n"
HELD: dict[str, str] = {}
"""Those that are not cleaned, and why."""
RETIRED = ("1.2.840.10008.5.1.4.1.1.6", "1.2.840.10008.5.1.4.1.1.3")
"""Ultrasound Image Storage and Multi-frame, as they were once."""
FEWEST = 21


def _images() -> list[Path]:
    found = []
    for folder in FOLDERS:
        for path in sorted(folder.glob("*.dcm")):
            try:
                with warnings.catch_warnings(action="ignore"):
                    head = dcmread(path, stop_before_pixels=True)
            except (InvalidDicomError, NotImplementedError):
                continue
            of_it = (UltrasoundImageStorage, UltrasoundMultiFrameImageStorage, *RETIRED)
            if head.get("Modality") == "US" or head.get("SOPClassUID") in of_it:
                found.append(path)
    return found


@pytest.fixture(scope="module")
def through(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with line(REGIONS, tmp_path_factory.mktemp("public")) as one:
        yield one


def _drawn(rows: int, columns: int) -> NDArray[np.bool_]:
    mask = np.zeros((rows, columns), np.bool_)
    mask[:12, :60] = True
    mask[rows - 20 : rows - 10, columns - 40 : columns - 10] = True
    return mask


def _unit(path: Path) -> tuple[int, int, int]:
    """What can only be blanked together, by the sampling of the first frame's brightness (ITU-T T.81 B.2.2)."""
    if dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID != JPEGBaseline8Bit:
        return 1, 1, 0
    data = path.read_bytes()
    sampling = data[data.index(b"\xff\xc0") + 11]
    wide, high = sampling >> 4, sampling & 15
    return 8 * wide, 8 * high, int(wide * high > 1)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("source", _images(), ids=lambda path: path.name)
def test_it_is_cleaned_or_held_for_a_reason_that_we_know(source: Path, through: Line) -> None:
    if source.name in HELD:
        with pytest.raises(Held, match=HELD[source.name]):
            through.clean(source)
        return
    cleaned = through.clean(source)
    said, says = (dcmread(path, stop_before_pixels=True) for path in (source, cleaned))
    assert says.BurnedInAnnotation == "NO"
    assert says.file_meta.TransferSyntaxUID == said.file_meta.TransferSyntaxUID
    before, after = read(source), read(cleaned)
    assert (before.shape, before.dtype) == (after.shape, after.dtype)
    encoding = Encoding("", said.file_meta.TransferSyntaxUID, said.PhotometricInterpretation, unit=_unit(source))
    drawn = _drawn(said.Rows, said.Columns)
    for sample in range(before.shape[3]):
        outside = ~touched(drawn, encoding, colour=sample > 0)
        assert (before[:, outside, sample] == after[:, outside, sample]).all()
        assert len(np.unique(after[:, flat(drawn, encoding, colour=sample > 0), sample])) == 1
    cleaned.unlink()


def test_none_is_forgotten() -> None:
    assert len(_images()) >= FEWEST
    assert {path.name for path in _images()} >= set(HELD)
