"""Elements are taken out at any depth and put in, byte for byte as if they had never, or always, been there."""

import copy
import random
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from engine.errors import Unclean
from engine.pixels import edit, edit_proof
from engine.pixels.elements import layout
from tests.engine.pixels.samples import dataset, save

SYNTAXES = [ImplicitVRLittleEndian, ExplicitVRLittleEndian, ExplicitVRBigEndian]
ICON, UID_OF_ALL = 0x00880200, "1.2.3.4"


def leaves(tag: int) -> bool:
    """Icons, and all of group 6000."""
    return tag == ICON or tag >> 16 == 0x6000


def edited(source: Path, target: Path, anew: Dataset | None = None, instance: str = UID_OF_ALL) -> None:
    """Copy and prove."""
    found, anew = layout(source), anew or Dataset()
    edit.copy(source, target, found, leaves, anew, instance)
    edit_proof.prove(source, target, (found, layout(target)), leaves, anew, instance)


def grown(random: random.Random, depth: int = 0) -> Dataset:
    """A data set with sequences of both kinds of length, at random, and icons here and there."""
    made = Dataset()
    made.StudyDescription = "X" * random.randrange(9)
    made.Rows = random.randrange(1000)
    if depth < 3:
        for keyword in random.sample(
            ["ReferencedImageSequence", "SourceImageSequence", "RequestAttributesSequence"], 2
        ):
            items = [grown(random, depth + 1) for _ in range(random.randrange(3))]
            for item in items:
                item.is_undefined_length_sequence_item = random.random() < 0.5
            made[keyword] = _sequence(keyword, items)
            made[keyword].is_undefined_length = random.random() < 0.5
    if random.random() < 0.4:
        icon = Dataset()
        icon.Columns, icon.PixelData = 8, bytes(64)
        icon["PixelData"].VR = "OB"
        made.IconImageSequence = Sequence([icon])
        made["IconImageSequence"].is_undefined_length = random.random() < 0.5
    if random.random() < 0.3:
        made.add_new(0x60000010, "US", 7)
    return made


def _sequence(keyword: str, items: list[Dataset]) -> DataElement:
    holder = Dataset()
    setattr(holder, keyword, Sequence(items))
    return holder[keyword]


def thinned(made: Dataset) -> Dataset:
    """The same without what is left out, by pydicom."""
    for element in list(made):
        if leaves(element.tag):
            del made[element.tag]
        elif element.VR == "SQ":
            for item in element.value:
                thinned(item)
    return made


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
@pytest.mark.parametrize("seed", range(12))
def test_what_is_left_out_leaves_no_trace_at_any_depth(tmp_path: Path, syntax: UID, seed: int) -> None:
    made = grown(random.Random(seed))
    made.update(dataset(2, 2, 1, "MONOCHROME2", (8, 8)))
    made.PixelData = bytes(4)
    made["PixelData"].VR = "OB"
    source = save(made, tmp_path / "in", syntax)
    edited(source, tmp_path / "out")
    expected = save(thinned(copy.deepcopy(made)), tmp_path / "expected", syntax)
    assert (tmp_path / "out").read_bytes() == expected.read_bytes()


def test_the_content_of_an_unknown_sequence_is_implicit(tmp_path: Path) -> None:
    """PS3.5 6.2.2 note 4."""
    made = dataset(2, 2, 1, "MONOCHROME2", (8, 8))
    source = save(made, tmp_path / "in", ExplicitVRLittleEndian)
    kept = b"\x08\x00\x50\x11\x04\x00\x00\x001.2\0"
    icon = b"\x88\x00\x00\x02\x00\x00\x00\x00"
    inside = b"\xfe\xff\x00\xe0" + (len(kept) + len(icon)).to_bytes(4, "little") + kept + icon
    head = b"\xfe\x7f\x10\x10UN\0\0\xff\xff\xff\xff"
    source.write_bytes(source.read_bytes() + head + inside + b"\xfe\xff\xdd\xe0\0\0\0\0")
    edit.copy(source, tmp_path / "out", layout(source), leaves, Dataset(), UID_OF_ALL)
    expected = head + b"\xfe\xff\x00\xe0" + len(kept).to_bytes(4, "little") + kept + b"\xfe\xff\xdd\xe0\0\0\0\0"
    assert (tmp_path / "out").read_bytes().endswith(expected)


@pytest.mark.parametrize("syntax", SYNTAXES, ids=lambda syntax: syntax.name)
def test_attributes_are_put_in_their_places_with_the_file_meta_information(tmp_path: Path, syntax: UID) -> None:
    made = dataset(2, 2, 1, "MONOCHROME2", (8, 8))
    made.SpecificCharacterSet = "ISO_IR 100"
    source = save(made, tmp_path / "in", syntax)
    anew = Dataset()
    anew.SpecificCharacterSet, anew.SOPInstanceUID = "ISO_IR 100", "2.25.99"
    anew.BurnedInAnnotation, anew.DerivationDescription, anew.ImageComments = "NO", "Ä", "last of group 0020"
    edited(source, tmp_path / "out", anew, "2.25.99")
    made.update(anew)
    expected = save(made, tmp_path / "expected", syntax)
    assert (tmp_path / "out").read_bytes() == expected.read_bytes()
    assert dcmread(tmp_path / "out").file_meta.MediaStorageSOPInstanceUID == "2.25.99"


def test_the_length_of_a_group_goes_when_the_group_changes_and_stays_otherwise(tmp_path: Path) -> None:
    made = dataset(2, 2, 1, "MONOCHROME2", (8, 8))
    made.IconImageSequence = Sequence([])
    source = save(made, tmp_path / "in")
    data = source.read_bytes()
    for element in reversed(layout(source).elements):
        # pydicom does not write them
        if element.tag in (0x00080016, 0x00100010, 0x00280002, ICON):
            length = struct.pack("<HH2sHL", element.tag >> 16, 0, b"UL", 4, 44)
            data = data[: element.start] + length + data[element.start :]
    source.write_bytes(data)
    anew = Dataset()
    anew.BurnedInAnnotation = "NO"  # group 0028
    edited(source, tmp_path / "out", anew)
    lengths = [element.tag >> 16 for element in layout(tmp_path / "out").elements if element.tag & 0xFFFF == 0]
    assert lengths == [0x0008, 0x0010]


@pytest.mark.parametrize("undefined", [False, True])
def test_the_length_of_a_group_in_an_item_goes_with_what_it_counted(tmp_path: Path, undefined: bool) -> None:
    item, inner = Dataset(), Dataset()
    item.StudyDescription, item.ReferencedImageSequence, item.IconImageSequence = "X", Sequence([inner]), Sequence([])
    inner.IconImageSequence = Sequence([])
    item.is_undefined_length_sequence_item = undefined
    made = dataset(2, 2, 1, "MONOCHROME2", (8, 8))
    made.SourceImageSequence = Sequence([item])
    made["SourceImageSequence"].is_undefined_length = True
    source = save(made, tmp_path / "in", ImplicitVRLittleEndian)
    # The lengths of groups 0008 and 0088 in the item, which pydicom does not write, put in by hand.
    data, text = source.read_bytes(), b"\x08\x00\x30\x10\x02\x00\x00\x00X "
    at, icon = data.index(text), data.rindex(b"\x88\x00\x00\x02")
    data = data[:icon] + struct.pack("<HHLL", 0x88, 0, 4, 8) + data[icon:]
    data = data[:at] + struct.pack("<HHLL", 0x08, 0, 4, 30) + data[at:]
    if not undefined:
        (length,) = struct.unpack_from("<L", data, at - 4)
        data = data[: at - 4] + struct.pack("<L", length + 24) + data[at:]
    source.write_bytes(data)
    edited(source, tmp_path / "out")
    del item.IconImageSequence, inner.IconImageSequence
    assert (tmp_path / "out").read_bytes() == save(made, tmp_path / "expected", ImplicitVRLittleEndian).read_bytes()


def _flip(place: bytes, instead: bytes) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        assert place in data
        return data.replace(place, instead)

    return damage


@pytest.mark.parametrize(
    "damage",
    [
        _flip(b"SAMPLE^ANNA", b"SAMPLE^HANS"),
        _flip(b"4711", b"4712"),
        _flip(b"NESTED", b"NESTER"),
        _flip(b"BEHIND", b"BEFORE"),
        lambda data: data[:-8],
        lambda data: data + b"\xfe\xff\xfc\xff" + b"OB\0\0\0\0\0\0",
    ],
)
def test_the_proof_finds_any_other_change(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    made = dataset(2, 2, 1, "MONOCHROME2", (8, 8))
    item = Dataset()
    item.StudyDescription, item.IconImageSequence = "NESTED", Sequence([Dataset()])
    made.ReferencedImageSequence = Sequence([item])
    made.PixelData = bytes(4)
    made["PixelData"].VR = "OB"
    made.add_new(0xFFFCFFFC, "OB", b"BEHIND")
    source, target = save(made, tmp_path / "in"), tmp_path / "out"
    edited(source, target)
    target.write_bytes(damage(target.read_bytes()))
    with pytest.raises(Unclean):
        edit_proof.prove(source, target, (layout(source), layout(target)), leaves, Dataset(), UID_OF_ALL)


def test_the_proof_finds_what_was_not_left_out_or_not_written(tmp_path: Path) -> None:
    made = dataset(2, 2, 1, "MONOCHROME2", (8, 8))
    source = save(made, tmp_path / "in")
    both = (layout(source), layout(source))
    edit_proof.prove(source, source, both, leaves, Dataset(), UID_OF_ALL)
    anew = Dataset()
    anew.BurnedInAnnotation = "NO"
    with pytest.raises(Unclean, match="attribute"):
        edit_proof.prove(source, source, both, leaves, anew, UID_OF_ALL)
    with pytest.raises(Unclean, match="instance"):
        edit_proof.prove(source, source, both, leaves, Dataset(), "1.2.3.5")
    made.IconImageSequence = Sequence([])
    source = save(made, tmp_path / "with icon")
    with pytest.raises(Unclean, match="attribute"):
        edit_proof.prove(source, source, (layout(source), layout(source)), leaves, Dataset(), UID_OF_ALL)
