"""Is text found, whatever the form of an image? On made-up screens, and on public images."""

import struct
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, JPEGBaseline8Bit

from engine.errors import Unclean
from engine.pixels import Box, transcode
from engine.text import find, installed, model
from engine.text.find import find_text
from engine.text.model import Map, Picture
from tests.engine.text.screens import Screen, grey, save, screen, share, write

PUBLIC = Path(pydicom.__file__).parent / "data" / "test_files"
RLE, DEFLATED = "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.1.99"
Made = Callable[[Screen], tuple[NDArray[np.integer], dict[str, object]]]


def found_on(made: Screen, path: Path) -> tuple[Box, ...]:
    """What is found, where every text of the screen must be covered."""
    found = find_text(path, path.with_name("scratch"))
    assert made.boxes
    assert [round(share(box, found), 2) for box in made.boxes] == pytest.approx([1] * len(made.boxes), abs=0.05)
    return found


def palette(values: NDArray[np.integer], order: str, bits: int) -> dict[str, object]:
    """Grey as a palette of 256 entries, in 16 bits each, of which `bits` are used."""
    table = struct.pack(f"{order}256H", *(values * (257 if bits == 16 else 1)).tolist())
    attributes: dict[str, object] = {"photometric": "PALETTE COLOR"}
    for colour in ("Red", "Green", "Blue"):
        attributes[f"{colour}PaletteColorLookupTableDescriptor"] = [256, 0, 16]
        attributes[f"{colour}PaletteColorLookupTableData"] = table
    return attributes


FORMS: dict[str, tuple[dict[str, object], Made]] = {
    "colour": ({"colour": (255, 230, 60)}, lambda made: (made.frames, {})),
    "dark blue letters": ({"colour": (60, 80, 255)}, lambda made: (made.frames, {})),
    "grey": ({}, lambda made: (grey(made), {})),
    "over the echoes": ({"over": True}, lambda made: (grey(made), {})),
    "letters of 8 pixels": ({"size": 8}, lambda made: (grey(made), {})),
    "letters of 140 pixels": ({"size": 140}, lambda made: (grey(made), {})),
    "faint": ({"colour": (20, 20, 20)}, lambda made: (grey(made), {})),
    "small image": ({"rows": 240, "columns": 320, "size": 9}, lambda made: (grey(made), {})),
    "MONOCHROME1": ({}, lambda made: (255 - grey(made), {"photometric": "MONOCHROME1"})),
    "12 bits": ({}, lambda made: (grey(made).astype(np.uint16) * 16, {"BitsStored": 12})),
    "signed": ({}, lambda made: (grey(made).astype(np.int16) * 8 - 1024, {})),
    "palette": ({}, lambda made: (255 - grey(made), palette(np.arange(255, -1, -1), "<", 16))),
    "palette of 8 bits": ({}, lambda made: (255 - grey(made), palette(np.arange(255, -1, -1), "<", 8))),
}


@pytest.mark.parametrize(("options", "form"), FORMS.values(), ids=FORMS)
def test_text_on_a_still_is_found(options: dict[str, object], form: Made, tmp_path: Path) -> None:
    made = screen(3, **options)  # type: ignore[arg-type]
    pixels, attributes = form(made)
    found_on(made, save(tmp_path / "still.dcm", pixels, **attributes))  # type: ignore[arg-type]


def test_nothing_is_found_where_nothing_is_written(tmp_path: Path) -> None:
    for seed in range(3):
        assert (
            find_text(save(tmp_path / f"{seed}.dcm", grey(screen(seed, 400, 660, writing=False))), tmp_path / "scratch")
            == ()
        )


def test_a_palette_in_big_endian_is_read_as_such(tmp_path: Path) -> None:
    # Read in the wrong order this one is black from end to end, and nothing would be found.
    made = screen(4)
    little, big = (
        save(tmp_path / f"{order}.dcm", grey(made) // 2, syntax=syntax, **palette(np.arange(256) // 3, order, 8))  # type: ignore[arg-type]
        for order, syntax in (("<", ExplicitVRLittleEndian), (">", ExplicitVRBigEndian))
    )
    assert found_on(made, big) == found_on(made, little)


@pytest.mark.parametrize("syntax", [RLE, DEFLATED])
def test_the_transfer_syntax_makes_no_difference(syntax: str, tmp_path: Path) -> None:
    made = screen(5, rows=300, columns=400)
    native = save(tmp_path / "native.dcm", made.frames)
    transcode(native, tmp_path / "other.dcm", syntax)
    assert found_on(made, tmp_path / "other.dcm") == found_on(made, native)
    assert not list(tmp_path.glob("scratch*"))


def test_text_in_a_jpeg_is_found(tmp_path: Path) -> None:
    made = screen(6)
    path = save(tmp_path / "jpeg.dcm", made.frames)
    dataset = dcmread(path)
    dataset.PixelData = encapsulate([bytes(imagecodecs.jpeg8_encode(made.frames[0], level=60))])
    dataset.PhotometricInterpretation = "YBR_FULL_422"
    dataset.file_meta.TransferSyntaxUID = JPEGBaseline8Bit
    dataset["PixelData"].VR = "OB"
    dataset.save_as(path)
    found_on(made, path)


@pytest.mark.parametrize("options", [{}, {"over": True, "colour": (120, 120, 120)}, {"colour": (28, 28, 28)}])
def test_text_in_a_cine_is_found(options: dict[str, object], tmp_path: Path) -> None:
    made = screen(7, frames=8, rows=500, columns=700, **options)  # type: ignore[arg-type]
    found_on(made, save(tmp_path / "cine.dcm", made.frames))


@pytest.mark.parametrize("turned", [False, True])
def test_text_that_flashes_up_in_one_frame_is_found(turned: bool, tmp_path: Path) -> None:
    made, once = screen(8, 500, 700, frames=8, writing=False), screen(8, 500, 700)
    made.frames[5], made.boxes = once.frames[0], once.boxes
    pixels = 255 - grey(made) if turned else grey(made)
    found_on(made, save(tmp_path / "cine.dcm", pixels, "MONOCHROME1" if turned else ""))


def test_a_large_image_is_looked_at_in_pieces_and_text_across_them_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Screen(np.zeros((1, 700, 2300, 3), np.uint8))
    made.boxes = [
        write(made.frames[0], (x, y), "MÜLLER, Anneliese  ID 4711", 30, (255, 255, 255))
        for x, y in ((950, 40), (300, 350), (1850, 640))
    ]
    seen: list[tuple[int, ...]] = []
    answer = model.answer

    def watched(tile: Picture) -> Map:
        seen.append(tile.shape)
        return answer(tile)

    monkeypatch.setattr(model, "answer", watched)
    found_on(made, save(tmp_path / "large.dcm", made.frames))
    assert len(seen) > 3
    assert max(max(shape[:2]) for shape in seen) <= 832


def test_text_beside_text_shows_in_a_second_round(tmp_path: Path) -> None:
    path = PUBLIC / "examples_ybr_color.dcm"
    once, thrice = (find_text(path, tmp_path / "scratch", rounds) for rounds in (1, 3))
    assert len(once) < len(thrice)
    assert all(share(box, thrice) > 0.9 for box in once)


PRINTED = {
    "examples_palette.dcm": [
        (10, 12, 62, 10),
        (94, 9, 24, 12),
        (94, 36, 148, 12),
        (328, 37, 182, 14),
        (570, 9, 60, 12),
        (664, 10, 104, 12),
        (576, 37, 54, 12),
        (664, 37, 104, 13),
    ],
    "examples_rgb_color.dcm": [
        (10, 13, 74, 6),
        (10, 22, 34, 5),
        (285, 38, 24, 5),
        (125, 181, 54, 6),
        (200, 229, 109, 6),
    ],
    "gdcm-US-ALOKA-16.dcm": [(83, 2, 164, 9), (552, 1, 86, 9), (561, 13, 77, 10), (80, 62, 16, 8)],
    "examples_ybr_color.dcm": [(3, 15, 33, 6), (303, 25, 13, 6), (306, 64, 9, 5)],
}
"""Where there is writing on public images (x, y, width, height), read off their pictures."""


@pytest.mark.parametrize("name", PRINTED)
def test_writing_on_public_images_is_found(name: str, tmp_path: Path) -> None:
    path = get_testdata_file(name)
    assert path
    found = find_text(Path(path), tmp_path / "scratch")
    assert [box for box in PRINTED[name] if share(Box(*box), found) < 0.95] == []


def test_what_cannot_be_looked_at_is_refused(tmp_path: Path) -> None:
    video = save(tmp_path / "video.dcm", grey(screen(1)))
    dataset = dcmread(video)
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.MPEG4HP41
    dataset.PixelData, dataset["PixelData"].VR = encapsulate([b"\0\0\0\1video!"]), "OB"
    dataset.save_as(video)
    strange = save(tmp_path / "strange.dcm", screen(1).frames, "HSV")
    short = save(tmp_path / "short.dcm", grey(screen(1)))
    short.write_bytes(short.read_bytes()[:-5000])
    for path in (video, strange, short):
        with pytest.raises(Unclean):
            find_text(path, tmp_path / "scratch")


def test_without_the_extra_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(tmp_path / "still.dcm", grey(screen(1)))
    monkeypatch.setattr(installed, "find_spec", lambda _: None)
    assert installed.missing()
    with pytest.raises(Unclean, match=r"pip install 'stellwerk\[text\]'"):
        find_text(path, tmp_path / "scratch")


def test_another_network_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = tmp_path / "other.onnx"
    other.write_bytes(b"other")
    monkeypatch.setattr(model, "network", lambda: other)
    model._session.cache_clear()
    with pytest.raises(Unclean, match="another one than was tested"):
        find_text(save(tmp_path / "still.dcm", grey(screen(1))), tmp_path / "scratch")
    model._session.cache_clear()


def test_what_stands_still_is_looked_at_more_closely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = screen(9, frames=12, over=True, colour=(150, 150, 150))
    path = save(tmp_path / "cine.dcm", grey(made))
    monkeypatch.setattr(find, "looks", lambda *_: ())  # the closer look alone
    assert sum(share(box, find_text(path, tmp_path / "scratch")) > 0.8 for box in made.boxes) >= 2
    still = save(tmp_path / "still.dcm", np.repeat(grey(made)[:1], 12, 0))
    assert find_text(still, tmp_path / "scratch") == ()  # a still loop: nothing moves, so standing still says nothing
