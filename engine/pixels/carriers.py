"""Places apart from PixelData where a picture, or text drawn on it, can lie in an object.

What cannot be cleaned there makes the object unclean; the icon is simply left out. Private elements are not looked
into: taking them out is the business of the confidentiality profile. Must not read values.
"""

from engine.errors import Unclean
from engine.pixels.elements import Element, Layout

PIXEL_DATA = 0x7FE00010
EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00001, 0x7FE00002
ICON_IMAGE_SEQUENCE = 0x00880200
_GROUP_LENGTH_OF_ICON, _GROUP_LENGTH_OF_PIXELS = 0x00880000, 0x7FE00000
_FORBIDDEN = {
    0x00420011: "the object holds an encapsulated document",
    0x00700001: "the object holds graphic annotations",
    0x00287FE0: "the object's pixels are somewhere else: it only says where",
    0x7FE00008: "floating-point pixels are not supported",
    0x7FE00009: "floating-point pixels are not supported",
}


def refuse(layout: Layout) -> None:
    """Raises `Unclean` if anything but PixelData and the top-level icon shows a picture or is drawn on it."""
    for element in layout.elements:
        _refuse_tag(element.tag)
        if element.tag == ICON_IMAGE_SEQUENCE:
            continue
        for tag in element.nested:
            _refuse_tag(tag)
            if tag in (PIXEL_DATA, ICON_IMAGE_SEQUENCE):
                raise Unclean("a sequence of the object holds pixels of its own")


def left_out(layout: Layout, *, offset_tables: bool) -> tuple[Element, ...]:
    """The elements that must not be copied: the icon, if told so the extended offset tables, and the (retired)
    lengths of their groups, which would be wrong without them."""
    tags: set[int] = set()
    if layout.find(ICON_IMAGE_SEQUENCE):
        tags |= {ICON_IMAGE_SEQUENCE, _GROUP_LENGTH_OF_ICON}
    if offset_tables:
        tags |= {EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS, _GROUP_LENGTH_OF_PIXELS}
    return tuple(element for element in layout.elements if element.tag in tags)


def _refuse_tag(tag: int) -> None:
    group = tag >> 16
    if tag in _FORBIDDEN:
        raise Unclean(_FORBIDDEN[tag])
    if group % 2:
        return
    if group & 0xFF00 == 0x6000:
        raise Unclean("the object has overlay planes, which may show text")
    if group & 0xFF00 == 0x5000:
        raise Unclean("the object has curves, which may show text")
    if group & 0xFF00 == 0x7F00 and group != 0x7FE0:
        raise Unclean("the object has a second group of pixels")
