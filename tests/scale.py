"""How far the long tests go: each time as far as finds a mistake, and in full with `make torture`."""

import os

FULL = "TORTURE_STRIDE" in os.environ
"""Whether as many, and as large, as anybody may ever send."""


def stride(usual: int) -> int:
    """Every how many operations the disk fails: TORTURE_STRIDE, 1 in `make torture`."""
    return int(os.environ.get("TORTURE_STRIDE", usual))
