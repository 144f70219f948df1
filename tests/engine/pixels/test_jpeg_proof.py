"""The proof of JPEG finds every kind of damage to what was written, in every frame, in C and without it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.encaps import encapsulate, generate_frames

from engine.errors import Unclean
from engine.pixels import Box, clean, clean_encapsulated, jpeg, jpeg_proof, jpeg_scan
from engine.pixels.coefficients import coefficients
from engine.pixels.image import Image
from engine.pixels.jpeg_markers import Scan, assemble, parse
from tests.engine.pixels.samples import jpeg as jpeg_file
from tests.engine.pixels.samples import jpeg_streams, with_restarts

BANNER = Box(0, 0, 128, 16)
COLOUR = Image(96, 128, 1, 3, "YBR_FULL_422", 0, 8, 8, 7, False)
GREY = Image(96, 128, 1, 1, "MONOCHROME2", None, 8, 8, 7, False)
OUTSIDE, INSIDE = "outside the boxes have changed", "left inside a box"

kernel = jpeg_proof.kernel
built = pytest.mark.skipif(kernel is None, reason="this package was built without a compiler")


@pytest.fixture(params=[pytest.param("in C", marks=built), "by libjpeg-turbo"])
def by(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each referee alone."""
    if request.param == "by libjpeg-turbo":
        monkeypatch.setattr(jpeg_proof, "kernel", None)
    return str(request.param)


each = pytest.mark.usefixtures("by")


def prove(before: bytes, after: bytes, boxes: tuple[Box, ...] = (BANNER,), image: Image = COLOUR) -> None:
    jpeg_proof.prove([(before, after)], boxes, image, [False])


def pair(subsampling: str | None = "420") -> tuple[bytes, bytes]:
    (stream,) = jpeg_streams(1, subsampling)
    return stream, jpeg.blank(stream, [BANNER], GREY if subsampling is None else COLOUR).stream


def one_coefficient_changed(after: bytes) -> bytes:
    """What was written, with one bit flipped so that one coefficient outside the boxes is another number."""
    (scan,) = (part for part in parse(after).parts if isinstance(part, Scan))
    start, was = after.index(scan.data), coefficients(after)
    for at in range(start + len(scan.data) - 1, start, -1):
        for bit in range(8):
            flipped = bytearray(after)
            flipped[at] ^= 1 << bit
            try:
                now = coefficients(bytes(flipped))
            except Unclean:
                continue
            if sum(int((one != other).sum()) for one, other in zip(was, now, strict=True)) == 1:
                return bytes(flipped)
    raise AssertionError("no bit is one coefficient's alone")


def blanked_with(stream: bytes, box: Box, dc: int) -> bytes:
    """A box blanked with another DC coefficient than that of black, in all components."""
    parsed = parse(stream)
    mask = jpeg.mcu_mask(parsed.frame, jpeg.grown_boxes(parsed.frame, [box]))
    parts = tuple(
        jpeg_scan.blank(parsed.frame, part, mask, [dc] * 3) if isinstance(part, Scan) else part for part in parsed.parts
    )
    return assemble(replace(parsed, parts=parts))


@each
def test_what_is_right_is_proven() -> None:
    prove(*pair())
    prove(*pair(None), image=GREY)
    prove(pair()[0], pair()[1] + b"\0")  # a fragment has an even length


@each
@pytest.mark.parametrize("subsampling", [None, "444", "420"])
def test_one_coefficient_outside(subsampling: str | None) -> None:
    before, after = pair(subsampling)
    with pytest.raises(Unclean, match=OUTSIDE):
        prove(before, one_coefficient_changed(after), image=GREY if subsampling is None else COLOUR)


@each
def test_one_block_mean_inside() -> None:
    """All of it black, but one block white: no more is needed to draw letters with."""
    before, after = pair()
    with pytest.raises(Unclean, match=INSIDE):
        prove(before, blanked_with(after, Box(16, 0, 16, 16), 1 << 10))


@each
def test_all_of_it_flat_but_of_no_colour_that_blanking_writes() -> None:
    before, _ = pair()
    with pytest.raises(Unclean, match=INSIDE):
        prove(before, blanked_with(before, BANNER, 3))


@each
def test_one_block_inside_as_it_was() -> None:
    before, _ = pair()
    most = jpeg.blank(before, [Box(0, 0, 112, 16)], COLOUR).stream
    with pytest.raises(Unclean, match=INSIDE):
        prove(before, most)


@each
def test_any_bit_in_a_box() -> None:
    """The end of a block can become a coefficient by one bit."""
    before, after = pair(None)
    (scan,) = (part for part in parse(after).parts if isinstance(part, Scan))
    start = after.index(scan.data)
    for at in range(start, start + 20):
        for bit in range(8):
            flipped = bytearray(after)
            flipped[at] ^= 1 << bit
            with pytest.raises(Unclean):
                prove(before, bytes(flipped), image=GREY)


@each
def test_one_block_too_many_blanked() -> None:
    before, _ = pair()
    more = jpeg.blank(before, [BANNER, Box(64, 64, 1, 1)], COLOUR).stream
    with pytest.raises(Unclean, match=OUTSIDE):
        prove(before, more)


@each
def test_nothing_blanked() -> None:
    before, _ = pair()
    with pytest.raises(Unclean, match=INSIDE):
        prove(before, before)


@each
@pytest.mark.parametrize("box", [Box(0, 0, 128, 15), Box(0, 0, 120, 16), Box(8, 0, 120, 16), Box(0, 8, 128, 8)])
def test_a_box_that_is_not_one_of_whole_blocks(box: Box) -> None:
    with pytest.raises(Unclean, match="another one"):
        prove(*pair(), boxes=(box,))


def test_a_quantisation_table(by: str) -> None:
    before, after = pair()
    table = after.index(b"\xff\xdb") + 40
    with pytest.raises(Unclean, match=OUTSIDE if by == "by libjpeg-turbo" else "another one"):
        prove(before, after[:table] + bytes((after[table] ^ 8,)) + after[table + 1 :])


@each
@pytest.mark.parametrize("where", [0, 1, 3, 5, 6, 7, 9])
def test_the_frame_header(where: int) -> None:
    """Precision, size, number of components, an identifier, sampling factors, the table of a component."""
    before, after = pair()
    at = after.index(b"\xff\xc0") + 4 + where
    with pytest.raises(Unclean):
        prove(before, after[:at] + bytes((after[at] ^ 1,)) + after[at + 1 :])


@each
@pytest.mark.parametrize("ac", [False, True])
def test_a_huffman_table(ac: bool) -> None:
    before, after = pair()
    (scan,) = (part for part in parse(after).parts if isinstance(part, Scan))
    luma = scan.components[0]
    body = luma.ac.segment_body(1, luma.ac_slot) if ac else luma.dc.segment_body(0, luma.dc_slot)
    symbol = after.index(body) + 17 + 3
    exchanged = after[symbol + 1 : symbol + 2] + after[symbol : symbol + 1]
    with pytest.raises(Unclean):
        prove(before, after[:symbol] + exchanged + after[symbol + 2 :])


@each
def test_truncated() -> None:
    before, after = pair()
    for missing in (3, 40, 1000):
        with pytest.raises(Unclean):
            prove(before, after[: -2 - missing] + b"\xff\xd9")


MORE: dict[str, Callable[[bytes], bytes]] = {
    "two bytes behind": lambda after: after + b"\0\0",
    "a byte behind": lambda after: after + b"A",
    "a byte in the data": lambda after: after[:-2] + b"A" + after[-2:],
    "a byte of ones": lambda after: after[:-2] + b"\xff\0" + after[-2:],
    "a fill byte": lambda after: after[:-2] + b"\xff" + after[-2:],
    "a restart marker": lambda after: after[:-2] + b"\xff\xd0" + after[-2:],
    "a comment": lambda after: after[:2] + b"\xff\xfe\0\x06ANNA" + after[2:],
    "application data": lambda after: after[:2] + b"\xff\xe1\0\x06ANNA" + after[2:],
    "JFIF twice": lambda after: after[:20] + after[2:],
    "a fill byte at the start": lambda after: after[:2] + b"\xff" + after[2:],
    "no JFIF": lambda after: after[:2] + after[20:],
    "a thumbnail": lambda after: after[:5] + b"\x16" + after[6:18] + b"\1\2ANNA\0\0" + after[20:],
}


@built
@pytest.mark.parametrize("name", MORE)
def test_more_or_less_than_the_picture(name: str) -> None:
    """Decoders pass over it, and it could be a name."""
    before, after = pair()
    with pytest.raises(Unclean, match="proof failed"):
        prove(before, MORE[name](after))


@built
def test_an_original_that_says_two_things_about_its_colours() -> None:
    """Decoders differ in which of two Adobe segments they believe."""
    before, _ = pair("444")
    adobe = [b"\xff\xee\0\x0eAdobe\0\x64\0\0\0\0" + transform for transform in (b"\0", b"\1")]
    for segments, right in ((adobe[0], True), (adobe[0] * 2, True), (b"".join(adobe), False)):
        stream = before[:20] + segments + before[20:]
        done = jpeg.blank(stream, [BANNER], COLOUR)
        if right:
            prove(stream, done.stream)
        else:
            with pytest.raises(Unclean, match="another one"):
                prove(stream, done.stream)


@built
def test_restart_markers_out_of_order() -> None:
    """In both, so that only the order is wrong."""
    stream = with_restarts(jpeg_streams(1, None)[0], 16)
    after = jpeg.blank(stream, [BANNER], GREY).stream
    prove(stream, after, image=GREY)
    for wrong in ((b"\xff\xd3", b"\xff\xd4"), (b"\xff\xd2", b"\xff\xd2\xff\xd3")):
        with pytest.raises(Unclean):
            prove(stream.replace(*wrong), after.replace(*wrong), image=GREY)
    with pytest.raises(Unclean):
        prove(stream[:-2] + b"\xff\xd3" + stream[-2:], after, image=GREY)


@built
def test_a_header_of_another_size() -> None:
    before, after = pair()
    for image in (replace(COLOUR, rows=95), replace(COLOUR, columns=127), replace(COLOUR, samples=1)):
        with pytest.raises(Unclean, match="another one"):
            prove(before, after, image=image)


@built
def test_a_component_without_a_scan_and_a_scan_cut_short() -> None:
    """In both again: no picture is compared with no picture."""
    before, after = pair()
    ends = [before.index(b"\xff\xda"), after.index(b"\xff\xda")]
    with pytest.raises(Unclean):
        prove(before[: ends[0]] + b"\xff\xd9", after[: ends[1]] + b"\xff\xd9")
    for short in (1, 500):
        cut = before[: -2 - short] + b"\xff\xd9"
        with pytest.raises(Unclean):
            prove(cut, after[: -2 - short] + b"\xff\xd9")


@built
def test_the_kernel_alone_judges_where_libjpeg_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("asked")

    monkeypatch.setattr(imagecodecs, "jpeg8_decode", refuse)
    prove(*pair())
    with pytest.raises(AssertionError, match="asked"):
        jpeg_proof.prove([pair()], (BANNER,), COLOUR, [True])


@built
@pytest.mark.parametrize("bits", [8, 12])
def test_tables_for_dc_that_blanking_had_to_replace(bits: int) -> None:
    """An image of one grey needs no large steps, and its own table has no codes for them."""
    grey = np.full((96, 128), 100 if bits == 8 else 1600, np.uint8 if bits == 8 else np.uint16)
    grey[40:60, 30:90] += 30
    stream = bytes(imagecodecs.jpeg8_encode(grey, 90, bitspersample=bits, optimize=True))
    image = GREY if bits == 8 else replace(GREY, bits_allocated=16, bits_stored=12, high_bit=11)
    done = jpeg.blank(stream, [BANNER], image)
    was, now = (next(part for part in parse(one).parts if isinstance(part, Scan)) for one in (stream, done.stream))
    assert was.components[0].dc != now.components[0].dc
    jpeg_proof.prove([(stream, done.stream)], done.boxes, image, [True])
    with pytest.raises(Unclean, match=OUTSIDE):
        prove(stream, blanked_with(done.stream, Box(64, 40, 8, 8), 0), image=image)
    with pytest.raises(Unclean, match=INSIDE):
        prove(stream, blanked_with(done.stream, Box(64, 0, 8, 8), 0), image=image)


@st.composite
def damage(draw: st.DrawFn) -> list[tuple[float, int]]:
    return draw(st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=3))


@built
@settings(max_examples=200, deadline=None)
@given(st.sampled_from([None, "444", "422", "420"]), damage(), st.booleans())
def test_what_the_kernel_accepts_both_other_readers_accept(
    subsampling: str | None, where: list[tuple[float, int]], both: bool
) -> None:
    """Of damage to what was written, and to the original before it was blanked."""
    image = GREY if subsampling is None else COLOUR
    before, after = PAIRS[subsampling]
    damaged = bytearray(before if both else after)
    for share, value in where:
        damaged[int(share * (len(damaged) - 1))] = value
    if both:
        before = bytes(damaged)
        try:
            after = jpeg.blank(before, [BANNER], image).stream
        except Unclean:
            return
    else:
        after = bytes(damaged)
    try:
        prove(before, after, image=image)
    except Unclean:
        return
    frame = parse(after).frame
    jpeg_proof._prove_by_coefficients(before, after, (BANNER,), frame)
    try:
        was, now = (jpeg_proof._decoded(stream, len(frame.components)) for stream in (before, after))
    except imagecodecs.Jpeg8Error:
        return  # it takes neither, or warns of the original
    jpeg_proof._prove_by_samples(was, now, (BANNER,), frame)


PAIRS = {subsampling: pair(subsampling) for subsampling in (None, "444", "422", "420")}


def _coefficient(frames: list[bytes], _: list[bytes]) -> list[bytes]:
    return [*frames[:5], one_coefficient_changed(frames[5]), *frames[6:]]


WRONG: dict[str, tuple[Callable[[list[bytes], list[bytes]], list[bytes]], str]] = {
    "a coefficient": (_coefficient, OUTSIDE),
    "a frame less": (lambda frames, _: frames[:-1], "."),
    "a frame more": (lambda frames, _: [*frames, frames[-1]], "."),
    "a frame twice": (lambda frames, _: [*frames[:5], frames[4], *frames[6:]], OUTSIDE),
    "an original": (lambda frames, originals: [*frames[:6], originals[6], *frames[7:]], INSIDE),
    "two bytes more": (lambda frames, _: [*frames[:3], frames[3] + b"AN", *frames[4:]], "more in a frame"),
    "half a frame": (lambda frames, _: [*frames[:3], frames[3][:1500], *frames[4:]], "."),
}


@built
@pytest.mark.parametrize("name", WRONG)
def test_no_frame_of_an_object_can_be_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Not one of those either that libjpeg-turbo is not asked about."""
    originals = jpeg_streams(9, "420")
    source = jpeg_file(tmp_path / "in", originals)
    change, words = WRONG[name]
    real, spoiled = clean_encapsulated._prove, []

    def spoil(source: Path, target: Path, *rest: object) -> None:
        made = dcmread(target)
        frames = list(generate_frames(made.PixelData, number_of_frames=9))
        made.PixelData = encapsulate(change(frames, originals))
        made["PixelData"].is_undefined_length = True
        made.save_as(target)
        spoiled.append(target)
        real(source, target, *rest)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(clean_encapsulated, "_prove", spoil)
    with pytest.raises(Unclean, match=words):
        clean(source, tmp_path / "out", [BANNER])
    # What was blanked in haste is blanked once more, and refused once more.
    assert spoiled == [tmp_path / "out"] * (2 if jpeg_proof.counts_blocks() else 1)
    assert not (tmp_path / "out").exists()


def test_writing_it_anew_without_a_change_is_no_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the test above fails for the reason it names."""
    monkeypatch.setitem(WRONG, "nothing", (lambda frames, _: frames, "never"))
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test_no_frame_of_an_object_can_be_wrong(tmp_path, monkeypatch, "nothing")


def mostly_black(subsampling: str | None) -> bytes:
    """A bright square on black: whole rows of MCUs are as short as can be, and are passed over at once."""
    picture = np.zeros((96, 128) if subsampling is None else (96, 128, 3), np.uint8)
    picture[40:60, 40:60] = 200
    how = {} if subsampling is None else {"subsampling": subsampling}
    return bytes(imagecodecs.jpeg8_encode(picture, 90, **how))


@built
@pytest.mark.parametrize("subsampling", [None, "444", "420"])
def test_black_that_is_passed_over_at_once(subsampling: str | None) -> None:
    """Every bit of it counts, in what was written and in the original."""
    image = GREY if subsampling is None else COLOUR
    before = mostly_black(subsampling)
    done = jpeg.blank(before, [Box(80, 48, 16, 16)], image)
    prove(before, done.stream, done.boxes, image)
    (scan,) = (part for part in parse(done.stream).parts if isinstance(part, Scan))
    start = done.stream.index(scan.data)
    for bit in range(8 * len(scan.data)):
        flipped = bytearray(done.stream)
        flipped[start + bit // 8] ^= 1 << bit % 8
        with pytest.raises(Unclean):
            prove(before, bytes(flipped), done.boxes, image)
    for missing in range(1, len(scan.data)):
        with pytest.raises(Unclean):
            prove(before[: -2 - missing] + b"\xff\xd9", done.stream, done.boxes, image)
        with pytest.raises(Unclean):
            prove(before, done.stream[: -2 - missing] + b"\xff\xd9", done.boxes, image)
