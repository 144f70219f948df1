"""Words as bitmaps in several faces, from the two fonts that Pillow brings along: the same on every machine."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

Ink = NDArray[np.float64]
"""Rows × columns, how much of each pixel is covered with ink, 0 to 1; no empty rows or columns around it."""

FACES = ("plain", "bold", "hard", "wide", "narrow", "slanted", "dots")


@cache
def ink(words: str, face: str, size: int) -> Ink:
    """The words in a face of this height (pixels). `dots` is a bitmap font, each dot 1 to 3 pixels wide.

    `bold` is drawn twice as large and made smaller, so that its strokes are half a pixel wider on each side.
    """
    if face == "bold":
        drawn = _drawn(words, 2 * size, 1, "L")
        return _cut(np.asarray(drawn.reduce(2)) / 255)
    if face == "dots":
        font = ImageFont.load_default_imagefont()
        left, top, right, bottom = font.getbbox(words)
        drawn = Image.new("L", (right - left, bottom - top))
        ImageDraw.Draw(drawn).text((-left, -top), words, fill=255, font=font)
        dot = max(1, size // 12)
        return _cut(np.asarray(drawn).repeat(dot, axis=0).repeat(dot, axis=1) / 255)
    drawn = _drawn(words, size, 0, "1" if face == "hard" else "L")
    if face in ("wide", "narrow"):
        factor = 1.4 if face == "wide" else 0.8
        drawn = drawn.resize((int(drawn.width * factor), drawn.height), Image.Resampling.BILINEAR)
    if face == "slanted":
        drawn = drawn.transform(drawn.size, Image.Transform.AFFINE, (1, 0.25, -size * 0.25, 0, 1, 0))
    return _cut(np.asarray(drawn) / 255)


def _drawn(words: str, size: int, stroke: int, mode: str) -> Image.Image:
    """In Pillow's own outlines; `mode`: with soft edges (L) or hard ones (1)."""
    font = ImageFont.load_default(size)
    left, top, right, bottom = map(int, font.getbbox(words, stroke_width=stroke))
    drawn = Image.new("L", (right - left + size + 2, bottom - top + 2))
    pen = ImageDraw.Draw(drawn)
    pen.fontmode = mode
    pen.text((1 - left, 1 - top), words, fill=255, font=font, stroke_width=stroke)
    return drawn


def _cut(drawn: Ink) -> Ink:
    rows, columns = np.nonzero(drawn.max(axis=1))[0], np.nonzero(drawn.max(axis=0))[0]
    return np.ascontiguousarray(drawn[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
