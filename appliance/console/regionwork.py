"""Where a device burns text in: what is known of it, boxes tried on an image, a definition written into the rules.

What page and operations do. Boxes are of engine.pixels, in pixels of the image. It must not know the web.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from appliance import region_files
from appliance.console.context import Context
from appliance.console.facts.reviews import Alike
from appliance.console.lightbox import in_words
from appliance.console.rulework import Activated, Rulework, expected_of
from appliance.console.words import Refusal
from appliance.region_files import Placed
from appliance.reviewing import Image, Tried
from appliance.rulebook import NoRules
from engine.bench import boxes_for
from engine.condition import holds
from engine.errors import Never, Unclean
from engine.object import Object
from engine.pixels import Box
from engine.program import Program, Regions
from engine.view import ObjectView

FILE = "regions.rules"
"""Where a first definition goes."""

NEW, REPLACE, REDRAW = HOW = ("new", "replace", "redraw")
"""Of a definition: it is another one; it takes the place of that of its name; only the boxes of that are others."""


@dataclass(frozen=True, slots=True)
class Existing:
    """The definition that an image goes by. own: it stands in a rule file of this house, which may be changed here."""

    name: str
    file: str
    line: int
    own: bool
    keep: bool
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Known:
    """What an editor of regions begins with. name, file: proposed. names: by name where each definition stands.

    files: those that one may be written into. digest: of the rule files, for `save`. boxes, keep: to begin with.
    """

    name: str
    file: str
    files: tuple[str, ...]
    digest: str
    names: dict[str, str]
    existing: Existing | None
    keep: bool
    boxes: tuple[Box, ...]


class Regionwork:
    """On one data folder, for somebody of this language. Every method may raise Refusal."""

    def __init__(self, context: Context, language: str) -> None:
        self._context, self._language = context, language
        self.rules = Rulework(context, language)

    def known(self, number: str) -> Known:
        """What the rules say of the device of an image, and what to propose."""
        image = self._image(number)
        texts = self.rules.current()
        every = region_files.placed(texts)
        existing = self._existing(image, self._object(number), every)
        names = {one.name: f"{one.file}:{one.line}" for one in every}
        if existing is not None:
            boxes, keep = existing.boxes, existing.keep
        else:
            # What was declared in the image, or seen in it, was blanked there: these are boxes to begin with.
            boxes, keep = tuple(Box(*one) for one in image.cleaning.boxes), False
        file = self._file(texts, existing)
        files = tuple(dict.fromkeys((*sorted(texts), *((FILE,) if self._may_be(FILE) else ()))))
        return Known(_name_for(image, names), file, files, expected_of(texts), names, existing, keep, boxes)

    def tried(self, number: str, boxes: Sequence[Box], keep: bool) -> Tried:
        """The image cleaned with these boxes, as it was received; nothing is kept of it."""
        return self._context.workbench.do(
            lambda reviewing: reviewing.try_boxes(number, boxes, keep=keep), self._language
        )

    def definition(self, number: str, name: str, boxes: Sequence[Box], keep: bool) -> str:
        """The rule text for this device."""
        with in_words(self._language):
            try:
                return self._context.lightbox.look().definition(number, name, boxes, keep=keep)
            except ValueError:
                raise Refusal(
                    422, "A definition needs boxes, and a name of letters, digits and -, that begins with a letter."
                ) from None

    def alike(self, number: str, most: int) -> tuple[Alike, ...]:
        """What of the same device is held, itself first, then the newest."""
        self._image(number)
        return self._context.reviews.alike(number, most)

    def save(
        self, number: str, name: str, boxes: Sequence[Box], keep: bool, *, file: str, how: str, why: str, by: str,
        expected: str,
    ) -> Activated:  # fmt: skip
        """Write the definition into the rules and activate them, as the page of the rules does.

        Refused where a definition of this name is there and `how` is NEW, and where another one fits this image before
        it: it would never be used.
        """
        written = self.definition(number, name, boxes, keep)
        texts = self.rules.current()
        if expected_of(texts) != expected:
            raise Refusal(409, "Somebody else has changed the rules meanwhile. Load the page, and save once more.")
        there = next((one for one in region_files.placed(texts) if one.name == name), None)
        if there is not None and how == NEW:
            place = f"{there.file}:{there.line}"
            raise Refusal(409, "There is a definition {name} already, in {place}.", name=name, place=place)
        if there is None and how != NEW:
            raise Refusal(404, "There is no definition {name} in the rules any more.", name=name)
        if there is None:
            self.rules.path(file)
            texts[file] = region_files.added(texts.get(file, "version 1\n"), written)
        elif how == REPLACE:
            texts[there.file] = region_files.replaced(texts[there.file], name, written)
        else:
            image = self._image(number)
            size = (image.columns, image.rows)
            texts[there.file] = region_files.redrawn(texts[there.file], name, boxes, keep=keep, size=size)
        self._refuse_unused(number, name, self.rules.judged(texts).program)
        return self.rules.activate(texts, by, why, expected)

    def _refuse_unused(self, number: str, name: str, program: Program | None) -> None:
        """Where the rules have errors, they say so themselves."""
        first = None if program is None else _fitting(program, self._object(number))
        if first is not None and first.name != name:
            raise Refusal(
                409, "The definition {name} in {place} fits this image before yours, so yours would never be used. "
                "Choose the file in which that one stands, or which includes it.",
                name=first.name, place=_place(first.written),
            )  # fmt: skip

    def _existing(self, image: Image, obj: Object, every: Sequence[Placed]) -> Existing | None:
        """The first definition that fits it by the rules as they are; else that by which it was cleaned."""
        named = [one.partition(" ")[2] for one in image.cleaning.sources if one.startswith("regions ")]
        own = {one.name: one for one in every}
        try:
            program = self.rules.files.book.compile().program
        except NoRules:
            program = None
        if program is None:
            return None
        found = _fitting(program, obj) or next((one for one in program.regions if one.name in named), None)
        if found is None:
            return None
        with_size = (image.columns, image.rows)
        try:
            if found.name in own:
                mine = own[found.name]
                return Existing(mine.name, mine.file, mine.line, True, mine.keep, mine.boxes(*with_size))
            blank, keep = found.blank_and_keep
            boxes = tuple(region_files.at(one, *with_size) for one in keep) if keep else boxes_for(obj, blank, ())
        except Never:
            boxes = ()
        file, _, line = found.written.rpartition(":")
        at_line = int(line) if line.isdecimal() else 0
        return Existing(found.name, Path(file).name, at_line, False, found.keep, tuple(boxes))

    def _file(self, texts: dict[str, str], existing: Existing | None) -> str:
        """Where a new definition counts: before what fits now, which may be included."""
        if existing is not None:
            return existing.file if existing.own else region_files.first_including(texts) or next(iter(texts), FILE)
        return FILE if self._may_be(FILE) else next(iter(texts), FILE)

    def _may_be(self, name: str) -> bool:
        try:
            self.rules.files.path(name)
        except KeyError:
            return False
        return True

    def _image(self, number: str) -> Image:
        with in_words(self._language):
            return self._context.lightbox.look().image(number)

    def _object(self, number: str) -> Object:
        with in_words(self._language):
            return self._context.lightbox.look().as_received(number)


def _fitting(program: Program, obj: Object) -> Regions | None:
    """The first definition whose condition fits."""
    view = ObjectView(obj)
    try:
        return next((one for one in program.regions if one.where is not None and holds(one.where, view)), None)
    except (Never, Unclean):
        return None


def _place(written: str) -> str:
    return written.rpartition("/")[2]


def _name_for(image: Image, taken: dict[str, str]) -> str:
    """A name that tells of the device and that no definition has."""
    said = f"{image.manufacturer} {image.model} {image.columns}".lower()
    words = [one for one in re.split(r"[^a-z0-9]+", said) if one]
    name = "-".join(words)[:40].strip("-")
    name = name if name[:1].isalpha() else f"device-{name}"
    found = name
    count = 2
    while found in taken:
        found, count = f"{name}-{count}", count + 1
    return found
