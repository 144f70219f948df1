from typing import Any

from numpy.typing import NDArray

TRUNCATED: int

def blank_interval(
    data: bytes,
    tables: tuple[tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any], int], ...],
    per_mcu: bytes,
    blanked: bytes,
    anew: bool,
) -> bytes | int: ...
