"""All frames of a cine in few pictures, one frame in memory after the other. Must not know how text is found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from engine.errors import Unclean
from engine.pixels.boxes import Box
from engine.pixels.codec import Cells
from engine.text.shades import Shades, Values

AVERAGED = 32
"""Frames that are averaged, spread evenly: more make the same picture."""


@dataclass(frozen=True)
class Summary:
    """The first frame; of a cine also, for each pixel, the mean and the least and most value of all frames."""

    frames: int
    first: Values
    mean: Values | None = None
    least: Values | None = None
    most: Values | None = None


def summarize(cells: Iterable[Cells], shades: Shades, frames: int) -> Summary:
    """One pass through the frames. Raises `Unclean` where there are others than the header says."""
    first = least = most = total = None
    seen = taken = 0
    every = max(1, -(-frames // AVERAGED))
    for frame in cells:
        values = shades.values(frame)
        if first is None:
            first = values.copy()
            if frames > 1:
                least, most, total = values.copy(), values.copy(), np.zeros(values.shape, np.float32)
        elif least is not None and most is not None:
            np.minimum(least, values, out=least)
            np.maximum(most, values, out=most)
        if total is not None and seen % every == 0:
            np.add(total, values, out=total, casting="unsafe")
            taken += 1
        seen += 1
    if first is None or seen != frames:
        raise Unclean("the object has another number of frames than it says")
    return Summary(frames, first, None if total is None else total / np.float32(taken), least, most)


def blanked(summary: Summary, boxes: Sequence[Box]) -> Summary:
    """The same with these boxes in one shade, the least that there is."""
    if not boxes:
        return summary

    def flat(values: Values) -> Values:
        filled = values.copy()
        for box in boxes:
            filled[box.y : box.bottom, box.x : box.right] = values.min()
        return filled

    def flat_or_none(values: Values | None) -> Values | None:
        return None if values is None else flat(values)

    mean, least, most = map(flat_or_none, (summary.mean, summary.least, summary.most))
    return replace(summary, first=flat(summary.first), mean=mean, least=least, most=most)
