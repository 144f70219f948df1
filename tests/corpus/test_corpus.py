"""After `anonymize-pixels` nobody reads a name on the synthetic screens, and all else on them is as it was.

By itself each encoding is tried on one layout; with CORPUS=1 (`make corpus`) on all of them.
"""

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread

from tests.corpus.encodings import ENCODINGS, Encoding, pictures, read, write
from tests.corpus.looking import PROGRAMS, identifiers, likeness, read_by, secrets, there
from tests.corpus.screens import LAYOUTS, Layout, Screen, draw, regions
from tests.corpus.step import Line, line

WHOLE = "CORPUS" in os.environ
THERE, GONE = 0.75, 0.6
"""How like a line of text the picture is where it is written, at least; and where it is nowhere, at most."""

LEAST = 0.5
"""The share of each layout's identifiers that a program must read before, or it proves nothing to read none after."""

GROUPS = 8 if WHOLE else 1


@pytest.fixture(scope="module")
def screens() -> tuple[Screen, ...]:
    return tuple(map(draw, LAYOUTS))


@pytest.fixture(scope="module")
def through(screens: tuple[Screen, ...], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Line]:
    with line(regions(screens), tmp_path_factory.mktemp("corpus")) as one:
        yield one


def layouts(encoding: Encoding) -> list[Layout]:
    """Those that this encoding is tried on."""
    # Pixels that share their colour by pairs make rows of an even length.
    possible = [one for one in LAYOUTS if encoding.photometric != "YBR_FULL_422" or one.columns % 2 == 0]
    return possible if WHOLE else [possible[ENCODINGS.index(encoding) % len(possible)]]


def touched(blank: NDArray[np.bool_], encoding: Encoding, *, colour: bool) -> NDArray[np.bool_]:
    """What may differ afterwards: what was to be blanked, grown to what the encoding can blank (docs/steps)."""
    wide, high, ring = encoding.unit
    rows, columns = blank.shape
    padded = np.pad(blank, ((0, -rows % high), (0, -columns % wide)))
    blocks = padded.reshape(padded.shape[0] // high, high, padded.shape[1] // wide, wide).any(axis=(1, 3))
    grown = blocks.repeat(high, axis=0).repeat(wide, axis=1)
    return widened(grown, ring if colour else 0)[:rows, :columns]


def widened(mask: NDArray[np.bool_], by: int) -> NDArray[np.bool_]:
    """A mask with so many pixels around it."""
    for axis in (0, 1) if by else ():
        mask = mask | np.roll(mask, by, axis) | np.roll(mask, -by, axis)
    return mask


def flat(blank: NDArray[np.bool_], encoding: Encoding, *, colour: bool) -> NDArray[np.bool_]:
    """What must be of one value: all that was to be blanked, but where a decoder spreads colours from beside it."""
    around = ~touched(blank, encoding, colour=False)
    return blank & ~widened(around, encoding.unit[2] if colour else 0)


@pytest.mark.parametrize("encoding", ENCODINGS, ids=lambda one: one.name)
def test_nothing_is_left_in_the_boxes_and_all_else_is_as_it_was(
    encoding: Encoding, screens: tuple[Screen, ...], through: Line, tmp_path: Path
) -> None:
    for screen in (screens[LAYOUTS.index(one)] for one in layouts(encoding)):
        source = write(screen, encoding, tmp_path / "source.dcm")
        cleaned = through.clean(source)
        said, says = (dcmread(path, stop_before_pixels=True) for path in (source, cleaned))
        assert (says.NumberOfFrames, says.Rows, says.Columns) == (said.NumberOfFrames, said.Rows, said.Columns)
        assert says.file_meta.TransferSyntaxUID == encoding.syntax
        before, after = read(source), read(cleaned)
        assert (before.shape, before.dtype) == (after.shape, after.dtype)
        for sample in range(before.shape[3]):
            same = ~touched(screen.blank, encoding, colour=sample > 0)
            assert (before[:, same, sample] == after[:, same, sample]).all(), screen.layout.name
            inside = flat(screen.blank, encoding, colour=sample > 0)
            assert len(np.unique(after[:, inside, sample])) == 1, screen.layout.name
        was, now = pictures(source), pictures(cleaned)
        for frame in {0, len(was) - 1}:
            assert min(likeness(was[frame], screen.templates)) > THERE, screen.layout.name
            assert max(likeness(now[frame], screen.templates)) < GONE, screen.layout.name
        cleaned.unlink()


@pytest.mark.parametrize("reader", PROGRAMS)
@pytest.mark.parametrize("group", range(GROUPS))
def test_no_program_reads_a_name_afterwards_where_it_read_them_before(
    reader: str, group: int, screens: tuple[Screen, ...], through: Line, tmp_path: Path
) -> None:
    if not there(reader):
        assert not WHOLE, f"{reader} is not installed"
        pytest.skip(f"{reader} is not installed")
    names = ("explicit RGB", "JPEG YBR_FULL_422 420")
    chosen = ENCODINGS if WHOLE else [one for one in ENCODINGS if one.name in names]
    some = screens[group::GROUPS] if WHOLE else screens[::8]
    for screen, text in zip(some, read_by(reader, [one.frames[0].max(axis=2) for one in some]), strict=True):
        assert len(identifiers(screen, text)) >= LEAST * len(secrets(screen)), screen.layout.name
    looked: dict[bytes, tuple[Screen, NDArray[np.uint8]]] = {}
    for encoding in chosen:
        for screen in (one for one in some if one.layout in layouts(encoding) or not WHOLE):
            cleaned = through.clean(write(screen, encoding, tmp_path / "source.dcm"))
            # Without loss, many encodings show the very same picture.
            for picture in pictures(cleaned)[:1]:
                looked.setdefault(picture.tobytes(), (screen, picture))
            cleaned.unlink()
    texts = read_by(reader, [picture for _, picture in looked.values()])
    for (screen, _), text in zip(looked.values(), texts, strict=True):
        assert not identifiers(screen, text), screen.layout.name


def test_there_are_enough_of_them() -> None:
    assert len(LAYOUTS) >= 20
    assert len({one.name for one in LAYOUTS}) == len(LAYOUTS)
    assert len({one.name for one in ENCODINGS}) == len(ENCODINGS)
    assert len({one.syntax for one in ENCODINGS}) == 16


def test_one_who_knows_what_to_look_for_finds_it_and_nothing_else(screens: tuple[Screen, ...]) -> None:
    """The control of the search by templates: each screen shows its own lines, and not those of the next one."""
    for screen, other in pairwise(screens):
        picture = screen.frames[0].max(axis=2)
        assert min(likeness(picture, screen.templates)) > THERE
        assert max(likeness(picture, [one for one in other.templates if one.shape[1] > 60])) < THERE
