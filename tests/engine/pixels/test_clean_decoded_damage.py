"""What is damaged, interrupted or something else than it says, in a compression that is decoded for cleaning: held."""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread

from engine.errors import Unclean
from engine.pixels import Box, clean, transcode
from engine.syntaxes import EXPLICIT_LITTLE
from engine.worker import PixelWorker
from tests.engine.pixels.compressed import (
    COLUMNS,
    ENCODERS,
    OF_JPEG_2000,
    RLE,
    ROWS,
    Kind,
    compressed,
    decoded,
    frame,
    name,
    streams_of,
    write,
)

BOXES = (Box(0, 0, COLUMNS, 13),)
GREY, COLOUR = Kind("MONOCHROME2"), Kind("RGB")
OF_JPEG = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (57, 70, 80, 81))
every = pytest.mark.parametrize("uid", ENCODERS, ids=name)


@pytest.fixture(scope="module")
def worker() -> Iterator[PixelWorker]:
    """Where codecs may crash on what is damaged."""
    one = PixelWorker(longest=60)
    yield one
    one.close()


def held(folder: Path, source: Path, words: str = "") -> None:
    with pytest.raises(Unclean, match=words or None):
        clean(source, folder / "out", BOXES)
    assert not (folder / "out").exists()


@every
@pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
def test_a_frame_that_is_cut_off_is_held(uid: str, part: float, tmp_path: Path) -> None:
    first, last = (ENCODERS[uid](frame(GREY, number), GREY) for number in range(2))
    last = last[: int(part * (len(last) - 2))]
    held(tmp_path, write(tmp_path / "in", uid, [first, last + b"\0" * (len(last) % 2)], GREY))


@every
@pytest.mark.parametrize("frames", [1, 2, 4])
def test_another_number_of_frames_than_the_header_says_is_held(uid: str, frames: int, tmp_path: Path) -> None:
    held(tmp_path, compressed(tmp_path / "in", uid, GREY, 3, frames=frames), "number of frames")


@pytest.mark.parametrize("uid", [uid for uid in ENCODERS if uid != RLE], ids=name)
def test_a_second_image_behind_the_first_in_one_fragment_is_held(uid: str, tmp_path: Path) -> None:
    """It would vanish, and nobody would know."""
    one, two = (ENCODERS[uid](frame(GREY, number), GREY) for number in range(2))
    held(tmp_path, write(tmp_path / "in", uid, [one + two + b"\0" * (len(one + two) % 2)], GREY), "behind its end")


@pytest.mark.parametrize("uid", OF_JPEG, ids=name)
def test_the_byte_that_makes_a_length_even_may_be_any_but_no_more_than_it(uid: str, tmp_path: Path) -> None:
    """DCMTK pads JPEG-LS with what happens to be in its memory."""
    odd = (ENCODERS[uid](frame(GREY, number), GREY).removesuffix(b"\0") for number in range(20))
    stream = next(stream for stream in odd if len(stream) % 2)
    for target, padding in enumerate((b"\0", b"\x4a", b"\0\0\0", b"\xff")):
        source = write(tmp_path / "in", uid, [stream + padding], GREY)
        clean(source, tmp_path / f"out{target}", BOXES)
        transcode(source, tmp_path / f"plain{target}", EXPLICIT_LITTLE)
    assert len({path.read_bytes() for path in tmp_path.glob("out?")}) == 1
    held(tmp_path, write(tmp_path / "in", uid, [stream + b"\x4a\0\0"], GREY), "behind its end")


def test_an_rle_frame_in_two_fragments_is_held(tmp_path: Path) -> None:
    """PS3.5 A.4.2 forbids it, and nothing tells where a frame begins."""
    held(tmp_path, compressed(tmp_path / "in", RLE, GREY, 2, fragments=2), "number of frames")


@every
def test_a_wrong_offset_table_is_held(uid: str, tmp_path: Path) -> None:
    source = compressed(tmp_path / "in", uid, GREY, 3)
    whole = source.read_bytes()
    table = whole.index(b"\xfe\xff\x00\xe0\x0c\0\0\0") + 8
    source.write_bytes(whole[: table + 4] + b"\2" + whole[table + 5 :])
    held(tmp_path, source, "Basic Offset Table")


_OTHER_SIZES = [(uid, *size) for uid in ENCODERS for size in ((ROWS + 1, COLUMNS), (ROWS, COLUMNS - 1))]
_TURNED = [(uid, COLUMNS, ROWS) for uid in ENCODERS if uid != RLE]  # which does not say how long a row is


@pytest.mark.parametrize(("uid", "rows", "columns"), [*_OTHER_SIZES, *_TURNED])
def test_another_size_than_the_header_says_is_held(uid: str, rows: int, columns: int, tmp_path: Path) -> None:
    stream = ENCODERS[uid](frame(GREY), GREY)
    source = write(tmp_path / "in", uid, [stream], GREY, rows=rows, columns=columns)
    with pytest.raises(Unclean):
        clean(source, tmp_path / "out", (Box(0, 0, 20, 10),))


@pytest.mark.parametrize("uid", [uid for uid in ENCODERS if uid != RLE], ids=name)
@pytest.mark.parametrize(("said", "stored"), [(COLOUR, GREY), (GREY, COLOUR)], ids=["colour", "grey"])
def test_another_number_of_colours_than_the_header_says_is_held(
    uid: str, said: Kind, stored: Kind, tmp_path: Path
) -> None:
    held(tmp_path, write(tmp_path / "in", uid, [ENCODERS[uid](frame(stored), stored)], said), "number of colours")


def _progressive(stream: bytes) -> bytes:
    """A baseline stream that says it is progressive: nobody may get as far as decoding it."""
    return stream.replace(b"\xff\xc0", b"\xff\xc2", 1)


@pytest.mark.parametrize("uid", OF_JPEG, ids=name)
def test_another_kind_of_jpeg_is_held_though_the_decoder_would_read_it(uid: str, tmp_path: Path) -> None:
    """Of lossy JPEG, colours may be coarser than boxes."""
    lossy = bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(frame(COLOUR)), 90, subsampling="420"))
    other = ENCODERS[OF_JPEG[2] if uid in OF_JPEG[:2] else OF_JPEG[1]](frame(COLOUR), COLOUR)
    for number, stream in enumerate((lossy, _progressive(lossy), other)):
        stream += b"\0" * (len(stream) % 2)
        held(tmp_path, write(tmp_path / f"in{number}", uid, [stream], COLOUR), "another kind of JPEG")


@pytest.mark.parametrize("uid", [*OF_JPEG, *OF_JPEG_2000], ids=name)
def test_coarser_colours_are_held(uid: str, tmp_path: Path) -> None:
    """A pixel outside a box could show the colour of one inside."""
    stream = bytearray(ENCODERS[uid](frame(COLOUR), COLOUR))
    if uid in OF_JPEG:
        header = stream.index(b"\xff\xc3" if uid in OF_JPEG[:2] else b"\xff\xf7")
        stream[header + 11] = 0x21
    else:
        stream[stream.index(b"\xff\x51") + 42] = 2
    held(tmp_path, write(tmp_path / "in", uid, [bytes(stream)], COLOUR), "more coarsely")


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91"], ids=name)
def test_negative_samples_that_bits_stored_has_no_room_for_are_held(uid: str, tmp_path: Path) -> None:
    negative, said = Kind("MONOCHROME2", (16, 12), signed=True), Kind("MONOCHROME2", (16, 12))
    source = write(tmp_path / "in", uid, [ENCODERS[uid](frame(negative), negative)], said)
    held(tmp_path, source, "beyond Bits Stored")


@pytest.mark.parametrize(
    ("uid", "attributes", "words"),
    [
        (RLE, {"BitsAllocated": 1, "BitsStored": 1, "HighBit": 0}, "takes 1 to 32 bits|not supported"),
        ("1.2.840.10008.1.2.4.90", {"BitsAllocated": 32, "BitsStored": 32, "HighBit": 31}, "2 to 16 bits"),
        ("1.2.840.10008.1.2.4.80", {"BitsAllocated": 16, "BitsStored": 12, "HighBit": 15}, "do not lie"),
        ("1.2.840.10008.1.2.4.70", {"BitsAllocated": 16, "BitsStored": 1, "HighBit": 0}, "2 to 16 bits"),
        (RLE, {"PhotometricInterpretation": "YBR_RCT", "SamplesPerPixel": 3}, "Photometric Interpretation"),
        ("1.2.840.10008.1.2.4.91", {"PhotometricInterpretation": "YBR_PARTIAL_420", "SamplesPerPixel": 3}, "Interpre"),
        ("1.2.840.10008.1.2.4.90", {"PhotometricInterpretation": "HSV", "SamplesPerPixel": 3}, "Photometric"),
    ],
)  # fmt: skip
def test_an_image_that_the_codec_cannot_carry_is_held(
    uid: str, attributes: dict[str, int | str], words: str, tmp_path: Path
) -> None:
    source = compressed(tmp_path / "in", uid, GREY)
    made = dcmread(source)
    for keyword, value in attributes.items():
        setattr(made, keyword, value)
    made.save_as(source)
    held(tmp_path, source, words)


def test_comments_and_what_trails_do_not_come_along(tmp_path: Path) -> None:
    """Encoders write down where they were bought and for whom."""
    comment = b"SAMPLE^ANNA"
    for uid in OF_JPEG:
        stream = ENCODERS[uid](frame(GREY), GREY)
        said = b"\xff\xfe" + (len(comment) + 2).to_bytes(2, "big") + comment
        padded = stream[:2] + said + stream[2:]
        source = write(tmp_path / "in", uid, [padded + b"\0" * (len(padded) % 2)], GREY)
        clean(source, tmp_path / "out", BOXES)
        assert comment in source.read_bytes()
        assert comment not in b"".join(streams_of(tmp_path / "out"))


Damage = Callable[[np.random.Generator, bytearray], None]


def _flip(random: np.random.Generator, data: bytearray) -> None:
    for at in random.integers(0, len(data), random.integers(1, 4)):
        data[at] ^= 1 << int(random.integers(8))


def _flip_header(random: np.random.Generator, data: bytearray) -> None:
    at = int(random.integers(0, min(len(data), 120)))
    data[at] = int(random.integers(256))


def _drop(random: np.random.Generator, data: bytearray) -> None:
    at = int(random.integers(0, len(data)))
    del data[at : at + int(random.integers(1, 40))]


def _cut(random: np.random.Generator, data: bytearray) -> None:
    del data[int(random.integers(0, len(data))) :]


def _repeat(random: np.random.Generator, data: bytearray) -> None:
    at = int(random.integers(0, len(data)))
    data[at:at] = data[at : at + int(random.integers(1, 40))]


DAMAGE: tuple[Damage, ...] = (_flip, _flip_header, _drop, _cut, _repeat)


@every
@pytest.mark.parametrize("kind", [GREY, COLOUR], ids=str)
def test_a_damaged_frame_is_held_or_proven_and_nothing_leaks(
    uid: str, kind: Kind, worker: PixelWorker, tmp_path: Path
) -> None:
    random = np.random.default_rng(sum(map(ord, uid)) + kind.samples)
    whole = [ENCODERS[uid](frame(kind, number), kind) for number in range(2)]
    reasons = []
    for number in range(40):
        stream = bytearray(whole[1])
        DAMAGE[number % len(DAMAGE)](random, stream)
        stream += bytes(len(stream) % 2)
        source, target = write(tmp_path / "in", uid, [whole[0], bytes(stream)], kind), tmp_path / "out"
        try:
            worker.clean(source, target, BOXES)
        except Unclean as unclean:
            reasons.append(unclean.reason)
            assert not target.exists()
            continue
        assert (decoded(target, kind)[:, :13] == kind.black()).all()
        target.unlink()
    assert len(reasons) >= 8, "even truncated frames went through"
    assert not [reason for reason in reasons if "ANNA" in reason]


@every
def test_a_damaged_object_is_held_or_proven_and_nothing_leaks(uid: str, worker: PixelWorker, tmp_path: Path) -> None:
    random = np.random.default_rng(sum(map(ord, uid)))
    whole = compressed(tmp_path / "whole", uid, GREY, 2).read_bytes()
    refused = 0
    for number in range(30):
        data = bytearray(whole[132:])
        DAMAGE[number % len(DAMAGE)](random, data)
        source, target = tmp_path / "in", tmp_path / "out"
        source.write_bytes(whole[:132] + data)
        try:
            done = worker.clean(source, target, BOXES).cleaned
        except Unclean:
            refused += 1
            assert not target.exists()
            continue
        assert done
        found = dcmread(target)
        assert found.NumberOfFrames == done.frames
        kind = Kind(found.PhotometricInterpretation, (found.BitsAllocated, found.BitsStored))
        if found.file_meta.TransferSyntaxUID in ENCODERS and kind == GREY and not found.PixelRepresentation:
            (box,) = done.boxes
            assert not decoded(target, kind)[:, : box.height].any()
        target.unlink()
    assert refused >= 6


def _long(folder: Path, uid: str) -> Path:
    """An object that takes a second or so."""
    one = ENCODERS[uid](frame(COLOUR, 0, 300, 400), COLOUR)
    return write(folder / "in", uid, [one + b"\0" * (len(one) % 2)] * 25, COLOUR, rows=300, columns=400)


_KILLED = [(uid, False) for uid in (RLE, *(f"1.2.840.10008.1.2.4.{number}" for number in (57, 80, 91, 203)))]


@pytest.mark.parametrize(
    ("uid", "while_proving"),
    [*_KILLED, (RLE, True), ("1.2.840.10008.1.2.4.81", True)],
)
def test_a_worker_that_is_killed_in_the_middle_leaves_nothing_behind(
    uid: str, while_proving: bool, worker: PixelWorker, tmp_path: Path
) -> None:
    source, target = _long(tmp_path, uid), tmp_path / "out"
    worker.clean(compressed(tmp_path / "small", uid, GREY), tmp_path / "done", BOXES)
    process = worker._process
    assert process is not None
    assert process.pid
    number = process.pid

    def kill() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            if target.exists() and target.stat().st_size > 100_000 and (not while_proving or _is_whole(target)):
                break
            time.sleep(0.002)
        os.kill(number, signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(Unclean, match="crashed"):
        worker.clean(source, target, BOXES)
    killer.join()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done", "in", "small"]
    worker.clean(compressed(tmp_path / "small", uid, GREY), tmp_path / "next", BOXES)


def _is_whole(target: Path) -> bool:
    with target.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        return file.read() == b"\xfe\xff\xdd\xe0\0\0\0\0"


def test_a_codec_that_hangs_is_stopped_and_its_object_held(tmp_path: Path) -> None:
    uid = "1.2.840.10008.1.2.4.90"
    source, target = _long(tmp_path, uid), tmp_path / "out"
    worker = PixelWorker()
    try:
        worker.clean(compressed(tmp_path / "small", uid, GREY), tmp_path / "done", BOXES)
        worker._longest = 0.3
        with pytest.raises(Unclean, match="was stopped"):
            worker.clean(source, target, BOXES)
    finally:
        worker.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["done", "in", "small"]


@every
def test_a_full_disk_is_no_fault_of_the_image(uid: str, tmp_path: Path) -> None:
    source = compressed(tmp_path / "in", uid, GREY)
    (tmp_path / "gone").mkdir()
    shutil.rmtree(tmp_path / "gone")
    with pytest.raises(FileNotFoundError):
        clean(source, tmp_path / "gone" / "out", BOXES)
