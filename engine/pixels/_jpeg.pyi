from typing import Any

from numpy.typing import NDArray

TRUNCATED: int
NO_CODE: int
RESTARTS: int

def next_marker(data: bytes, at: int) -> int: ...
def blank_scan(
    data: bytes,
    tables: tuple[tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], int], ...],
    per_mcu: bytes,
    blanked: bytes,
    interval: int,
    anew: bool,
    hasty: bool,
) -> bytes | int: ...
