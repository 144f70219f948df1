from array import array

PROVEN: int
CHANGED: int
LEFT: int
ANOTHER: int
SURPLUS: int
DAMAGED: int
BROKEN: int

def prove(
    before: tuple[bytes, ...],
    after: tuple[bytes, ...],
    boxes: array[int],
    rows: int,
    columns: int,
    samples: int,
    bits_allocated: int,
) -> int: ...
