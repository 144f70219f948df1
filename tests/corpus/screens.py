"""What is on the screens: layouts of devices that do not exist, with patients that do not exist.

A `Layout` says where a device writes what, and in which regions of a rule file that is; `draw` makes the frames of one
examination, and says what stands where. The same layout gives the same frames each time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tests.corpus.fonts import Ink, ink

Frames = NDArray[np.uint8]
"""Frames × rows × columns × 3."""

FAMILY = (
    *("Sommerfeldt", "Brinkhaus", "Oehlenberg", "Thackwell", "Wetherby", "Grunewald", "Ashcombe", "Petermann"),
    *("Lindqvist", "Hollenbach", "Faircloth", "Zimmerlein", "Kestenholz", "Bradbourne", "Mallinger", "Osterkamp"),
    *("Whitcombe", "Rautenberg", "Dunmoore", "Vogelsang", "Karstadt", "Pemberley", "Stolzenau", "Hathersage"),
)
GIVEN = (
    *("Annegret", "Friedrich", "Margaret", "Theodora", "Wilhelmine", "Jonathan", "Elisabeth", "Bernhard", "Rosalind"),
    *("Gottfried", "Philippa", "Cornelius", "Henrietta", "Leopold", "Mathilde", "Nathaniel"),
)
HOUSES = ("Klinik Seeblick", "Praxis Nordhafen", "Moorfield Hospital", "St. Alban Clinic", "Kreiskrankenhaus Talheim")
MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
HARMLESS = ("Abdomen", "MI 0.9", "12 cm", "Gain 54", "C5-1", "FR 31 Hz", "TIs 0.4", "Map 3")
"""What devices write that tells of nobody."""


@dataclass(frozen=True)
class Layout:
    """A device's screen. `ink` and `paper` are colours; without paper it writes over the picture.

    `blocks`: where lines of text begin, in hundredths of the width and height, and which lines; a text that would
    leave the picture is moved into it. `keep`: the rule file says what stays, not what goes.
    """

    name: str
    rows: int
    columns: int
    frames: int
    face: str
    size: int
    ink: tuple[int, int, int]
    paper: tuple[int, int, int] | None
    blocks: tuple[tuple[int, int, tuple[str, ...]], ...]
    keep: bool = False


WHITE, GREY, DIM, YELLOW, CYAN, GREEN = (
    (245, 245, 245),
    (170, 170, 170),
    (95, 95, 95),
    (240, 220, 60),
    (80, 220, 230),
    (90, 230, 110),
)
BLACK, NAVY, SLATE, PALE = (0, 0, 0), (10, 20, 70), (50, 55, 60), (215, 215, 205)
ORANGE, BROWN = (250, 150, 40), (40, 25, 20)

_LINE = ("{family}, {given}  {id}  {born}",)
_HEAD = ("{family}, {given}", "{id}", "{born}")
_WHO, _WHERE, _WHEN = ("{given} {family}", "{born}"), ("{house}",), ("{id}", "{day}")

LAYOUTS = (
    Layout("banner", 240, 320, 1, "plain", 13, WHITE, BLACK, ((1, 1, _LINE),)),
    Layout("banner-two-lines", 300, 400, 2, "plain", 14, YELLOW, NAVY, ((2, 1, ("{given} {family}", "{id} {born}")),)),
    Layout("banner-bold", 300, 400, 1, "bold", 15, WHITE, SLATE, ((2, 2, _LINE),)),
    Layout("banner-dots", 240, 320, 3, "dots", 12, WHITE, BLACK, ((1, 1, _LINE),)),
    Layout("corners", 360, 480, 1, "plain", 14, GREY, BLACK, ((1, 1, _HEAD), (99, 1, _WHERE), (99, 99, _WHEN))),
    Layout("corners-dots", 360, 480, 2, "dots", 24, CYAN, BLACK, ((1, 1, _WHO), (99, 99, ("{id}",)))),
    Layout("foot", 240, 320, 1, "hard", 13, WHITE, BLACK, ((1, 99, _LINE),)),
    Layout("head-and-foot", 320, 448, 1, "plain", 15, GREEN, BLACK, ((1, 1, _WHO), (1, 99, ("{id} {day} {house}",)))),
    Layout("column", 300, 480, 1, "narrow", 15, WHITE, NAVY, ((99, 20, (*_WHO, *_WHEN)),)),
    Layout("column-left", 300, 480, 2, "plain", 12, GREY, SLATE, ((1, 30, ("{family}", "{given}", *_WHEN)),)),
    Layout("title", 300, 480, 1, "bold", 26, WHITE, BLACK, ((30, 2, ("{family}",)), (2, 99, ("{id} {born}",)))),
    Layout("pale", 300, 400, 1, "plain", 14, BROWN, PALE, ((1, 1, _LINE),)),
    Layout("dim", 300, 400, 1, "plain", 15, DIM, (25, 25, 25), ((1, 1, _LINE),)),
    Layout("over-the-picture", 300, 400, 1, "bold", 16, WHITE, None, ((35, 45, _HEAD),)),
    Layout("over-the-picture-yellow", 300, 400, 3, "plain", 18, YELLOW, None, ((40, 50, _WHO), (2, 2, ("{id}",)))),
    Layout("over-the-picture-dots", 300, 400, 1, "dots", 24, GREEN, None, ((30, 60, ("{family}", "{id}")),)),
    Layout("wide", 300, 520, 1, "wide", 13, ORANGE, BLACK, ((1, 1, ("{family} {given}", "{id} {born}")),)),
    Layout("slanted", 300, 400, 1, "slanted", 15, WHITE, NAVY, ((2, 1, _LINE),)),
    Layout("tiny", 240, 320, 1, "plain", 10, WHITE, BLACK, ((1, 1, (*_HEAD, "{house}")),)),
    Layout("odd-size", 243, 331, 1, "plain", 13, WHITE, BLACK, ((1, 1, _HEAD), (99, 97, _WHEN))),
    Layout("declared", 300, 400, 1, "plain", 14, WHITE, BLACK, ((1, 1, _LINE), (1, 99, ("{house} {day}",))), keep=True),
    Layout("declared-cine", 240, 320, 3, "hard", 13, CYAN, SLATE, ((1, 1, _LINE),), keep=True),
    Layout("dense", 400, 560, 1, "plain", 12, WHITE, BLACK, ((1, 1, _HEAD), (45, 1, _WHERE), (99, 1, _WHEN))),
    Layout("american", 300, 400, 1, "hard", 14, WHITE, BLACK, ((2, 1, ("{family}, {given}", "MRN {id} DOB {us}")),)),
)


@dataclass(frozen=True)
class Box:
    """Pixels from the left and from the top, and their number."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Screen:
    """One examination. `words`: what identifies the patient, as written; `templates`: every such line as drawn.

    `boxes`: what a rule file for this device would blank, or keep.
    """

    layout: Layout
    frames: Frames
    words: tuple[str, ...]
    templates: tuple[Ink, ...]
    boxes: tuple[Box, ...]

    @property
    def blank(self) -> NDArray[np.bool_]:
        """Rows × columns: what has to be gone."""
        mask = np.zeros(self.frames.shape[1:3], np.bool_)
        for box in self.boxes:
            mask[box.y : box.y + box.height, box.x : box.x + box.width] = True
        return ~mask if self.layout.keep else mask


@cache
def draw(layout: Layout) -> Screen:
    """The frames and the truth about them."""
    number = LAYOUTS.index(layout)
    random = np.random.default_rng(1000 + number)
    who = patient(number)
    frames = np.stack([_picture(layout, random) for _ in range(layout.frames)])
    boxes, templates = [], []
    for across, down, lines in layout.blocks:
        inks = [ink(line.format(**who), layout.face, layout.size) for line in lines]
        templates += inks
        boxes.append(_write(frames, layout, across, down, inks))
    if layout.keep:
        top = max(box.y + box.height for box in boxes if box.y < layout.rows // 2)
        bottom = min([box.y for box in boxes if box.y >= layout.rows // 2], default=layout.rows)
        boxes = [Box(8, top, layout.columns - 16, bottom - top)]
    _harmless(frames, layout, boxes, number)
    text = " ".join(line.format(**who) for _, _, lines in layout.blocks for line in lines)
    words = tuple(value for value in who.values() if value in text)
    return Screen(layout, frames, words, tuple(templates), tuple(boxes))


def patient(number: int) -> dict[str, str]:
    """Somebody who does not exist, as devices write such people."""
    random = np.random.default_rng(number)
    year, month, day = 1930 + int(random.integers(70)), 1 + int(random.integers(12)), 10 + int(random.integers(19))
    born = (f"{day}.{month:02}.{year}", f"{year}-{month:02}-{day}", f"{day}-{MONTHS[month - 1]}-{year}")[number % 3]
    number_of = int(random.integers(100000, 999999))
    return {
        "family": FAMILY[number % len(FAMILY)],
        "given": GIVEN[(number * 5) % len(GIVEN)],
        "id": (f"PID{number_of}", f"{number_of}-{number:02}", f"{number_of}")[number % 3],
        "born": born,
        "us": f"{month:02}/{day}/{year}",
        "day": f"{day}.{month:02}.2026",
        "house": HOUSES[number % len(HOUSES)],
    }


def _picture(layout: Layout, random: np.random.Generator) -> NDArray[np.uint8]:
    """Speckle in a sector, with a colour box in the middle and a grey wedge at the side."""
    rows, columns = layout.rows, layout.columns
    noise = random.rayleigh(38, (rows, columns))
    noise = (noise + np.roll(noise, 1, axis=1) + np.roll(noise, 1, axis=0)) / 3
    y, x = np.mgrid[0:rows, 0:columns]
    away = np.hypot(y - rows * 0.05, x - columns / 2)
    angle = np.abs(np.arctan2(x - columns / 2, y - rows * 0.05))
    inside = (angle < 0.8) & (away > rows * 0.12) & (away < rows * 0.93)
    grey = np.where(inside, noise * (0.7 + 0.5 * np.cos(away / rows * 9)), 3)
    picture = np.repeat(grey[:, :, None], 3, axis=2)
    flow = inside & (np.abs(x - columns / 2) < columns / 12) & (np.abs(y - rows * 0.55) < rows / 12)
    picture[flow] *= np.array([1.9, 0.6, 0.3])
    picture[rows // 4 : rows * 3 // 4, columns - 14 : columns - 6] = np.linspace(250, 5, rows * 3 // 4 - rows // 4)[
        :, None, None
    ]
    return picture.clip(0, 255).astype(np.uint8)


def _write(frames: Frames, layout: Layout, across: int, down: int, inks: list[Ink]) -> Box:
    """Write lines below each other into every frame, and answer the box around them with a margin."""
    gap, margin = layout.size // 3 + 2, 4
    height = sum(one.shape[0] for one in inks) + gap * (len(inks) - 1)
    width = max(one.shape[1] for one in inks)
    if width + 2 * margin > layout.columns or height + 2 * margin > layout.rows:
        raise ValueError(f"{layout.name}: its text is larger than its picture")
    left = min(max(margin, layout.columns * across // 100), layout.columns - width - margin)
    top = min(max(margin, layout.rows * down // 100), layout.rows - height - margin)
    box = Box(left - margin, top - margin, width + 2 * margin, height + 2 * margin)
    if layout.paper is not None:
        frames[:, box.y : box.y + box.height, box.x : box.x + box.width] = layout.paper
    for one in inks:
        _paint(frames, one, left, top, layout.ink)
        top += one.shape[0] + gap
    return box


def _paint(frames: Frames, one: Ink, left: int, top: int, colour: tuple[int, int, int]) -> None:
    under = frames[:, top : top + one.shape[0], left : left + one.shape[1]]
    cover = one[None, :, :, None]
    under[:] = (under * (1 - cover) + np.array(colour) * cover).round().astype(np.uint8)


def _harmless(frames: Frames, layout: Layout, boxes: list[Box], number: int) -> None:
    """Words that may stay, where nothing else is written."""
    one = ink(HARMLESS[number % len(HARMLESS)], layout.face, layout.size)
    for left, top in _places(layout, one):
        near = Box(left - 16, top - 16, one.shape[1] + 32, one.shape[0] + 32)
        if layout.keep or not any(_overlap(near, box) for box in boxes):
            _paint(frames, one, left, top, layout.ink)
            return
    raise ValueError(f"{layout.name}: there is no place for what may stay")


def _places(layout: Layout, one: Ink) -> Iterator[tuple[int, int]]:
    for down in (70, 45, 20, 85):
        for across in (6, 60):
            left = min(layout.columns * across // 100, layout.columns - one.shape[1] - 20)
            yield left, layout.rows * down // 100


def _overlap(one: Box, other: Box) -> bool:
    beside = one.x >= other.x + other.width or other.x >= one.x + one.width
    return not (beside or one.y >= other.y + other.height or other.y >= one.y + one.height)


def regions(screens: tuple[Screen, ...]) -> str:
    """The regions of these devices, as a rule file has them."""
    lines = []
    for screen in screens:
        boxes = ", ".join(_written(box, screen.layout) for box in screen.boxes)
        what = "keep" if screen.layout.keep else "blank"
        device = f'ManufacturerModelName = "{screen.layout.name}" and Rows = {screen.layout.rows}'
        lines.append(f"regions {screen.layout.name} for {device}\n  {what} {boxes}\n")
    return "\n".join(lines)


def _written(box: Box, layout: Layout) -> str:
    """From whichever edge is nearer, as somebody would write it who looks at the screen."""
    x = f"right {layout.columns - box.x}" if box.x > layout.columns // 2 else str(box.x)
    y = f"bottom {layout.rows - box.y}" if box.y > layout.rows // 2 else str(box.y)
    return f"({x}, {y}, {box.width}, {box.height})"
