"""Give many damaged streams to both kernels: `python -m tests.engine.pixels.broken_jpeg ROUNDS [FOLDER]`.

In a process of its own, as it may crash. FOLDER holds kernels built with a sanitizer, which take the place of those of
the package; a read or write of one byte outside of what they were given ends the process then.
"""

import importlib.machinery
import importlib.util
import random
import sys
from dataclasses import replace
from pathlib import Path

ROWS = 4096


def main() -> None:
    """Prints how many streams were refused, and how many were blanked and proven."""
    rounds = int(sys.argv[1])
    for built in Path(sys.argv[2]).glob("*.so") if len(sys.argv) > 2 else ():
        _take(f"engine.pixels.{built.stem}", built)

    from engine.errors import Unclean
    from engine.pixels import Box, jpeg, jpeg_proof, jpeg_scan
    from engine.pixels.image import Image
    from tests.engine.pixels.test_jpeg_kernel import BOXES, STREAMS

    for kernel in (jpeg_scan.kernel, jpeg_proof.kernel):
        assert kernel is not None
        assert len(sys.argv) < 3 or Path(str(kernel.__file__)).parent == Path(sys.argv[2])
    numbers = random.Random(rounds)
    made = [(stream := make(), image, jpeg.blank(stream, BOXES, image)) for make, image in STREAMS.values()]
    tally = {True: 0, False: 0}

    def tell(before: bytes, after: bytes, boxes: tuple[Box, ...], image: Image) -> None:
        try:
            jpeg_proof.prove([(before, after)], boxes, image, [False])
        except Unclean:
            tally[False] += 1
        else:
            tally[True] += 1

    for _ in range(rounds):
        stream, image, _ = numbers.choice([made[0], made[4]])
        endless, image = _endless(stream, numbers), replace(image, rows=ROWS)
        tell(endless, endless, (), image)
        try:
            jpeg.blank(endless, BOXES, image, numbers.random() < 0.5)
        except Unclean:
            tally[False] += 1
        stream, image, done = numbers.choice(made)
        damaged = _damaged(stream, numbers)
        tell(stream, _damaged(done.stream, numbers), done.boxes, image)
        tell(damaged, done.stream, done.boxes, image)
        try:
            tell(damaged, jpeg.blank(damaged, BOXES, image, numbers.random() < 0.5).stream, done.boxes, image)
        except Unclean:
            tally[False] += 1
    sys.stdout.write(f"{tally[False]} {tally[True]}\n")


def _take(name: str, path: Path) -> None:
    loader = importlib.machinery.ExtensionFileLoader(name, str(path))
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None
    sys.modules[name] = importlib.util.module_from_spec(spec)
    loader.exec_module(sys.modules[name])


def _endless(stream: bytes, numbers: random.Random) -> bytes:
    """A stream whose tables give all bits a meaning, also the ones behind its data, which ends early.

    Or nearly all, with codes as long as can be. Its rows are so many that reading on leads far behind its end.
    """
    symbols = numbers.choice((b"\0\1", b"\1\0"))
    lengths = numbers.choice((bytes((2,)) + bytes(15), bytes((1,)) + bytes(14) + b"\1"))
    tables = b"".join(bytes((which,)) + lengths + symbols for which in (0x00, 0x10, 0x01, 0x11))
    start = stream.index(b"\xff\xda")
    header = stream[start : start + 2 + stream[start + 3]]
    bits = numbers.choice((numbers.randbytes, lambda count: b"\xff" * count, bytes))(numbers.randrange(1, 100))
    kept = stream[: stream.index(b"\xff\xc4")]
    rows = kept.index(b"\xff\xc0") + 5
    kept = kept[:rows] + ROWS.to_bytes(2, "big") + kept[rows + 2 :]
    segment = b"\xff\xc4" + (len(tables) + 2).to_bytes(2, "big") + tables
    return kept + segment + header + bits.replace(b"\xff", b"\xff\0") + b"\xff\xd9"


def _damaged(stream: bytes, numbers: random.Random) -> bytes:
    data = bytearray(stream)
    for _ in range(numbers.choice((1, 1, 2, 5))):
        at = numbers.randrange(min(len(data), 650) if numbers.random() < 0.5 else len(data))
        match numbers.randrange(6):
            case 0:
                data[at] ^= 1 << numbers.randrange(8)
            case 1:
                data[at] = numbers.choice((0, 1, 0x7F, 0xFF, 0xD9, 0xDA, 0xC4))
            case 2:
                del data[at : at + numbers.randrange(1, 20)]
            case 3:
                data[at:at] = numbers.randbytes(numbers.randrange(1, 20))
            case 4:
                data[at:at] = data[at : at + numbers.randrange(1, 300)]
            case _:
                del data[max(at, 4) :]
                data += numbers.choice((b"", b"\xff", b"\xff\xd9", b"\xff\xda"))
        if len(data) < 8:
            break
    return bytes(data)


if __name__ == "__main__":
    main()
