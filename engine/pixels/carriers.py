"""Places apart from PixelData where a picture, or text drawn on it, can lie in an object.

What can be left out is left out (`leaves`), at any depth; what cannot makes the object unclean. Private elements are
not looked into: taking them out is the business of the confidentiality profile. Must not read values.
"""

from pydicom.datadict import keyword_for_tag

from engine.errors import Unclean
from engine.pixels.elements import Element, Layout
from engine.pixels.kinds import Kind

PIXEL_DATA = 0x7FE00010
EXTENDED_OFFSET_TABLE, EXTENDED_OFFSET_TABLE_LENGTHS = 0x7FE00001, 0x7FE00002
ICON_IMAGE_SEQUENCE, GRAPHIC_ANNOTATION_SEQUENCE = 0x00880200, 0x00700001
WAVEFORM_ANNOTATION_SEQUENCE = 0x0040B020
SIGNATURES = frozenset({0x4FFE0001, 0xFFFAFFFA})
_GROUP_LENGTH_OF_ICON, _GROUP_LENGTH_OF_PIXELS = 0x00880000, 0x7FE00000
FORBIDDEN = {
    0x0040B020: "the object holds waveform annotations",
    0x00420011: "the object holds an encapsulated document",
    0x006A0002: "the object holds groups of annotations",
    0x00700001: "the object holds graphic annotations",
    0x00701901: "the object holds volumetric annotations",
    0x00701905: "the object holds volumetric annotations",
    0x00720424: "the object holds text boxes",
    0x00287FE0: "the object's pixels are somewhere else: it only says where",
    0x7FE00008: "floating-point pixels are not supported",
    0x7FE00009: "floating-point pixels are not supported",
}
"""What makes an object unclean where it is not left out, and in which words."""


def leaves(tag: int, kind: Kind) -> bool:
    """Whether an element of an object of this kind is left out, wherever it stands.

    Digital signatures (`SIGNATURES`) go along: they would sign what is no longer so (PS3.15 Annex C).
    """
    if tag == ICON_IMAGE_SEQUENCE or tag in SIGNATURES:
        return True
    if kind is Kind.WAVEFORM:
        return tag == WAVEFORM_ANNOTATION_SEQUENCE
    return kind is Kind.IMAGE and (tag == WAVEFORM_ANNOTATION_SEQUENCE or is_drawn(tag))


def is_drawn(tag: int) -> bool:
    """Whether an element is graphics in the sense of the Clean Graphics Option (PS3.15 E.3.3)."""
    return tag == GRAPHIC_ANNOTATION_SEQUENCE or _is_plane(tag, 0x60) or _is_plane(tag, 0x50)


def name(tag: int) -> str:
    """How an element is called where it is told that it was left out."""
    if _is_plane(tag, 0x60):
        return "overlays (60xx)"
    if _is_plane(tag, 0x50):
        return "curves (50xx)"
    return keyword_for_tag(tag) or f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


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
    if tag in FORBIDDEN:
        raise Unclean(FORBIDDEN[tag])
    if group % 2:
        return
    if _is_plane(tag, 0x60):
        raise Unclean("the object has overlay planes, which may show text")
    if _is_plane(tag, 0x50):
        raise Unclean("the object has curves, which may show text")
    if group & 0xFF00 == 0x7F00 and group != 0x7FE0:
        raise Unclean("the object has a second group of pixels")


def _is_plane(tag: int, family: int) -> bool:
    """Whether an element is of a repeating group 60xx or 50xx (PS3.5 7.6); odd ones are private."""
    return tag >> 24 == family and not tag >> 16 & 1
