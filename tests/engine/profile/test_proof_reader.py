"""The reader of the proof is held against pydicom: what it accepts, it has read as pydicom reads it."""

import random
import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom.filereader import data_element_generator

from engine.errors import Never, Unclean
from engine.profile import proof
from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from tests.data.make import REAL
from tests.engine.profile.kit import BIG, EXPLICIT, IMPLICIT, Element, encode, flat


class Anything(proof.Verdicts):
    """A judge who lets everything be: here it counts what is read."""

    def of(self, tag: int) -> str:
        return proof.FREE


JUDGE = Anything(Policy(), frozenset())
TAGS = (
    *((0x00080008, "CS"), (0x00080104, "LO"), (0x00181020, "LO"), (0x00200013, "IS"), (0x00281201, "OW")),
    *((0x00280010, "US"), (0x0040A160, "UT"), (0x00189004, "CS"), (0x00186012, "US"), (0x00187050, "CS")),
)
REFUSED = (Unclean, struct.error, UnicodeDecodeError)
"""What `prove` makes an Unclean of."""

SEQUENCES = (0x00082218, 0x00409096, 0x00081199)


@st.composite
def data_sets(draw: st.DrawFn, depth: int = 0) -> list[Element]:
    """Elements that the profile lets be, with sequences in sequences."""
    elements: list[Element] = [
        (tag, vr, draw(st.binary(max_size=40)))
        for tag, vr in draw(st.lists(st.sampled_from(TAGS), max_size=4, unique_by=lambda one: one[0]))
    ]
    for tag in draw(st.sets(st.sampled_from(SEQUENCES), max_size=2)) if depth < 3 else ():
        elements.append((tag, "SQ", draw(st.lists(data_sets(depth + 1), max_size=3))))
    return elements


def by_proof(data: bytes, syntax: str) -> list[tuple[int, bytes]]:
    """Each tag and value. Raises Unclean."""
    found: list[proof.Read] = []
    kinds = proof.Kinds(JUDGE, syntax != IMPLICIT, syntax != BIG)
    proof._look(data, 0, len(data), kinds, found)
    return [(kind.tag, data[start:stop]) for kind, start, stop in found if kind is not None and kind.items is None]


def by_pydicom(data: bytes, syntax: str) -> list[tuple[int, bytes]]:
    elements = data_element_generator(BytesIO(data), syntax == IMPLICIT, syntax != BIG)
    return [(way[-1], value) for way, _, value in flat(elements) if value is not None]


@settings(deadline=None)
@given(data_sets(), st.sampled_from([EXPLICIT, IMPLICIT, BIG]))
def test_it_reads_what_pydicom_reads(elements: list[Element], syntax: str) -> None:
    data = encode(elements, syntax)
    assert by_proof(data, syntax) == by_pydicom(data, syntax)


@settings(max_examples=40, deadline=None)
@given(data_sets(), st.sampled_from([EXPLICIT, IMPLICIT, BIG]), st.randoms(use_true_random=False))
def test_damage_is_refused_or_read_as_pydicom_reads_it(
    elements: list[Element], syntax: str, chance: random.Random
) -> None:
    data = encode(elements, syntax)
    for _ in range(30 if data else 0):
        damaged = bytearray(data)
        damaged[chance.randrange(len(data))] = chance.randrange(256)
        changed = bytes(damaged[: chance.choice([len(data), chance.randrange(len(data))])])
        try:
            found = by_proof(changed, syntax)
        except REFUSED:
            continue
        assert found == by_pydicom(changed, syntax)


def test_it_reads_real_files_as_pydicom_does(tmp_path: Path) -> None:
    read = 0
    for file in sorted((REAL / "test_files").glob("*.dcm")):
        target = tmp_path / file.name
        try:
            deidentify(file, target, Policy(frozenset({"institution-identity"})), Keyed(b"k" * 32))
        except Never:
            continue
        data = target.read_bytes()
        start = data.index(b"\x02\x00\x13\x00SH") + 8 + data[data.index(b"\x02\x00\x13\x00SH") + 6]
        syntax = next((one for one in (BIG, IMPLICIT) if f"{one}\0".encode() in data[:start]), EXPLICIT)
        at = data.find(b"\xe0\x7f\x10\x00") if syntax != BIG else data.find(b"\x7f\xe0\x00\x10")
        head = data[start : at if at > 0 else None]
        if b"1.2.840.10008.1.2.1.99" in data[:start]:
            continue
        assert by_proof(head, syntax) == by_pydicom(head, syntax), file.name
        read += 1
    assert read > 40


@pytest.mark.parametrize("order", [True, False])
def test_encapsulated_pixels_in_an_item_are_passed_over(order: bool) -> None:
    syntax = EXPLICIT if order else BIG
    sign = "little" if order else "big"
    item, end = (0xE000, 0xE0DD)

    def tag(element: int) -> bytes:
        return (0xFFFE).to_bytes(2, sign) + element.to_bytes(2, sign)  # type: ignore[arg-type]

    head = encode([(0x00286010, "OB", b"")], syntax)[:-4] + b"\xff" * 4
    whole = head + tag(item) + bytes(4) + tag(item) + (2).to_bytes(4, sign) + b"\1\2" + tag(end) + bytes(4)  # type: ignore[arg-type]
    [(_, value)] = by_proof(whole, syntax)
    assert value == whole[12:]
    for cut in range(13, len(whole)):
        with pytest.raises(REFUSED):
            by_proof(whole[:cut], syntax)
