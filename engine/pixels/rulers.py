"""Rulers and boxes drawn on a picture, so that a person can read off where something stands. Must not know DICOM."""

from collections.abc import Sequence

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from engine.pixels.boxes import Box

Picture = NDArray[np.uint8]

_STEP, _SHORT = 50, 10
_RED, _YELLOW = (255, 60, 60), (255, 220, 0)
_GLYPHS = {
    "0": (0b111, 0b101, 0b101, 0b101, 0b111),
    "1": (0b010, 0b110, 0b010, 0b010, 0b111),
    "2": (0b111, 0b001, 0b111, 0b100, 0b111),
    "3": (0b111, 0b001, 0b111, 0b001, 0b111),
    "4": (0b101, 0b101, 0b111, 0b001, 0b001),
    "5": (0b111, 0b100, 0b111, 0b001, 0b111),
    "6": (0b111, 0b100, 0b111, 0b101, 0b111),
    "7": (0b111, 0b001, 0b010, 0b010, 0b010),
    "8": (0b111, 0b101, 0b111, 0b101, 0b111),
    "9": (0b111, 0b101, 0b111, 0b001, 0b111),
}
"""The digits, five rows of three pixels each; drawn twice as large."""
_MARGIN = 40


def measured(picture: Picture, boxes: Sequence[Box]) -> Picture:
    """The picture in colour, rulers in pixels at its upper and left edges, and boxes (pixels of the picture) in red.

    `picture` is rows × columns, or rows × columns × 3; what comes back is 40 pixels larger in both directions.
    """
    colour = np.stack([picture] * 3, axis=-1) if picture.ndim == 2 else picture.copy()
    for box in boxes:
        _frame(colour, box)
    rows, columns = colour.shape[:2]
    sheet = np.zeros((rows + _MARGIN, columns + _MARGIN, 3), np.uint8)
    sheet[_MARGIN:, _MARGIN:] = colour
    for x in range(0, columns, _SHORT):
        long = x % _STEP == 0
        sheet[_MARGIN - (12 if long else 5) : _MARGIN, _MARGIN + x] = _YELLOW
        if long:
            _number(sheet, x, top=12, left=_MARGIN + x)
    for y in range(0, rows, _SHORT):
        long = y % _STEP == 0
        sheet[_MARGIN + y, _MARGIN - (12 if long else 5) : _MARGIN] = _YELLOW
        if long:
            _number(sheet, y, top=_MARGIN + y, left=0)
    return sheet


def png(picture: Picture) -> bytes:
    """A picture as the bytes of a PNG file."""
    return bytes(imagecodecs.png_encode(picture))


def _frame(colour: Picture, box: Box) -> None:
    colour[box.y : box.bottom, [box.x, box.right - 1]] = _RED
    colour[[box.y, box.bottom - 1], box.x : box.right] = _RED


def _number(sheet: Picture, number: int, *, top: int, left: int) -> None:
    for place, digit in enumerate(str(number)):
        lit = (
            np.array([[row >> 2 & 1, row >> 1 & 1, row & 1] for row in _GLYPHS[digit]], bool).repeat(2, 0).repeat(2, 1)
        )
        there = sheet[top : top + 10, left + 8 * place : left + 8 * place + 6]
        there[lit[: there.shape[0], : there.shape[1]]] = _YELLOW
