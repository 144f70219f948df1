"""A `regions` definition for the machine that has made an image, as rule text in the one layout."""

from collections.abc import Sequence

from dsl.format import EDITION, format_text
from engine import pixels
from engine.errors import Never, Unclean
from engine.object import Object
from engine.pixels import Box


def definition(obj: Object, name: str = "my-machine", boxes: Sequence[Box] | None = None, *, keep: bool = True) -> str:
    """Rule text: this model, at this size; to keep, or to blank, these boxes (pixels from the left and top).

    Without boxes: to keep what the image declares, else what a person has to put in. Raises Never where the image does
    not say its size, and ValueError where `name` or the boxes make no definition.
    """
    rows, columns = obj.header.first("Rows"), obj.header.first("Columns")
    if not rows.isdecimal() or not columns.isdecimal():
        raise Never("it has no pixels, or does not say how many")
    maker, model = (_quoted(obj.header.first(tag)) for tag in ("Manufacturer", "ManufacturerModelName"))
    fits = [f"Manufacturer = {maker}"] if maker else []
    fits += [f"ManufacturerModelName = {model}"] if model else []
    declared = _declared(obj)
    if declared:
        # Report pages and screen shots of the same size declare none, and look different.
        fits.append("SequenceOfUltrasoundRegions is present")
    fits += [f"Columns = {columns}", f"Rows = {rows}"]
    chosen = (declared or ()) if boxes is None else boxes
    if chosen:
        what = "keep" if keep or boxes is None else "blank"
        lines = f"  {what} " + ", ".join(f"({box.x}, {box.y}, {box.width}, {box.height})" for box in chosen)
    else:
        lines = f"  # measure it: (from the left, from the top, width, height)\n  blank (0, 0, {columns}, {rows})"
    where = "\n    and ".join(fits)
    written = format_text(f"regions {name} for {where}\n{lines}\n", name="regions")
    if not isinstance(written, str):
        raise ValueError(f"no definition can be called {name}, or have these boxes")
    # The edition is the file's: a definition is put among others.
    return written.removeprefix(f"version {EDITION}\n").lstrip("\n")


def _declared(obj: Object) -> tuple[Box, ...] | None:
    try:
        return pixels.ultrasound_regions(obj.header.dataset)
    except Unclean:
        return None


def _quoted(text: str) -> str:
    """A value as text of a rule; empty where it cannot stand there."""
    plain = text.strip()
    return f'"{plain}"' if plain and plain.isprintable() and '"' not in plain and len(plain) <= 64 else ""
