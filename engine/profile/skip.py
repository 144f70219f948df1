"""Where something ends that does not say so (PS3.5 7.5 and A.4), without going into it: sequences, encapsulated pixels.

It must not know what becomes of it.
"""

import mmap

from engine.errors import Unclean
from engine.profile.acts import DAMAGED, IMPLICIT, Encoding
from engine.profile.table import PIXELS
from engine.profile.values import LONG, SHORT

Data = bytes | mmap.mmap

UNDEFINED = 0xFFFFFFFF
"""A length that is not said."""

DEEPEST = 32
"""Sequences in sequences: real objects have five."""

TRUNCATED = "the object is truncated: its sender should send it again"


def skip(data: Data, at: int, end: int, coding: Encoding, *, fragments: bool = False, depth: int = 0) -> int:
    """Where the items end that begin here. fragments: they are of encapsulated pixels.

    Raises Unclean for what is damaged, struct.error where the data are at their end.
    """
    if depth > DEEPEST:
        raise Unclean(DAMAGED.format("its sequences are nested too deeply"))
    while True:
        group, element, length = coding.item(data, at)
        at += 8
        if group == 0xFFFE and element == 0xE0DD and not length:
            return at
        if group != 0xFFFE or element != 0xE000 or (fragments and length == UNDEFINED):
            raise Unclean(DAMAGED.format("a sequence or its encapsulated pixels hold something that is no item"))
        if length == UNDEFINED:
            at = _skip_item(data, at, end, coding, depth)
        else:
            at += length
        if at > end:
            raise Unclean(TRUNCATED)


def _skip_item(data: Data, at: int, end: int, coding: Encoding, depth: int) -> int:
    while at < end:
        group, element, length = coding.item(data, at)
        if group == 0xFFFE:
            if element != 0xE00D or length:
                raise Unclean(DAMAGED.format("an item does not end"))
            return at + 8
        vr, value = b"", at + 8
        if coding.explicit:
            head, length = coding.element(data, at)
            vr = head[4:]
            if vr in LONG:
                length, value = coding.long(data, at + 8)[0], at + 12
            elif vr not in SHORT:
                raise Unclean(DAMAGED.format("an element has no valid value representation"))
        if length != UNDEFINED:
            at = value + length
            continue
        inside = IMPLICIT if vr == b"UN" else coding
        pixels = vr in (b"OB", b"OW") or (group << 16 | element) in PIXELS
        at = skip(data, value, end, inside, fragments=pixels, depth=depth + 1)
    raise Unclean(TRUNCATED)
