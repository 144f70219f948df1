"""Anonymize the pixels of a DICOM file: everything in it that can show text, not only the frames.

The story: see what kind of object it is; leave out what shows or draws a picture elsewhere; write what the object says
of itself from now on; blank the boxes. Each of these is proven from the written file. It ends with a proven file, with
the answer that there is nothing to do, or with `Unclean` and no file. Must not know where boxes come from.
"""

import filecmp
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydicom.dataset import Dataset
from pydicom.filereader import read_file_meta_info
from pydicom.uid import DeflatedExplicitVRLittleEndian

from engine.errors import Unclean
from engine.pixels import carriers, clean_native, deflate, edit, edit_proof, splice, unused
from engine.pixels.boxes import Box
from engine.pixels.clean import Cleaned, clean
from engine.pixels.codecs import CODECS
from engine.pixels.damage import damage_is_unclean, nothing_left_behind
from engine.pixels.elements import Element, Layout, file_meta, layout
from engine.pixels.image import describe, read_head
from engine.pixels.kinds import Kind, verdict
from engine.pixels.marks import derived_uid, marks, sources
from engine.pixels.splice import Range


@dataclass(frozen=True)
class Anonymized:
    """What was done. `written`: whether there is a file; without one the object is clean as it is.

    `removed`: what was left out or cleared besides the boxes, by name. `instance`: the SOP Instance UID from now on.
    `cleaned`: how the boxes were blanked; None for an object that has no pixels.
    """

    written: bool
    instance: str
    removed: tuple[str, ...] = ()
    cleaned: Cleaned | None = None


def anonymize(source: Path, target: Path, boxes: Sequence[Box], *, same_uid: bool = False) -> Anonymized:
    """Write `source` to `target`, in the same transfer syntax, so that nothing that it shows has text on it any more.

    boxes: pixels that are blanked in every frame of an image; an object without pixels needs none. same_uid: keep the
    SOP Instance UID; otherwise it becomes one that is derived from it and the boxes (PS3.3 C.7.6.1.1.2), the same one
    each time. The same input gives the same bytes. For `target`, and for what is raised, see `clean`.
    """
    if source.exists() and target.exists() and source.samefile(target):
        raise ValueError("source and target are the same file")
    target.unlink(missing_ok=True)  # never written into: it may be linked from elsewhere
    with (
        nothing_left_behind(target),
        damage_is_unclean(),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=f"{target.stem}-") as folder,
    ):
        syntax, dataset = file_meta(source)
        if syntax != DeflatedExplicitVRLittleEndian:
            return _anonymize(source, target, boxes, Path(folder), same_uid)
        plain = Path(folder, "plain")
        deflate.inflate(source, plain, dataset)
        return _anonymize(plain, target, boxes, Path(folder), same_uid)


def _anonymize(source: Path, target: Path, boxes: Sequence[Box], folder: Path, same_uid: bool) -> Anonymized:
    """The same for a file whose data set is not deflated, or not any more; `target` is, where its syntax says so."""
    found = layout(source, inflated=True)
    with source.open("rb") as file:
        head, _ = read_head(file, found.dataset, implicit=found.implicit, little=found.little)
    kind = _kind(source, head)
    pixels = found.find(carriers.PIXEL_DATA)
    if kind is Kind.IMAGE and pixels is None:
        raise Unclean("the object has no pixels, which its SOP class must have")
    if kind is not Kind.IMAGE and pixels is not None:
        raise Unclean("the object has pixels, which its SOP class cannot have")
    leaves = partial(carriers.leaves, kind=kind)
    gone = edit.left_out(found, leaves)
    old = str(head.SOPInstanceUID)
    if pixels is None and not gone - carriers.SIGNATURES:
        carriers.refuse(found)
        return Anonymized(False, old)
    new = old if same_uid else derived_uid(old, boxes, sources(head))
    removed = {carriers.name(tag) for tag in gone}
    prepared = folder / "prepared"
    anew = marks(head, new, image=pixels is not None, drawn=any(map(carriers.is_drawn, gone)))
    edit.copy(source, prepared, found, leaves, anew, new)
    now = layout(prepared, inflated=True)
    carriers.refuse(now)
    if pixels is not None and _clear_unused(source, prepared, (found, now), pixels, head):
        removed.add(unused.NAME)
    edit_proof.prove(source, prepared, (found, now), leaves, anew, new)
    packed = _packed(prepared, now, folder)
    if pixels is None:
        shutil.move(packed, target)
        return Anonymized(True, new, tuple(sorted(removed)))
    done = clean(packed, target, boxes)
    said = _what_pixels_are_now(head, done)
    if said:
        cleaned = folder / "cleaned"
        shutil.move(target, cleaned)
        _say(cleaned, target, said, new)
    return Anonymized(True, new, tuple(sorted(removed)), done)


def _kind(path: Path, head: Dataset) -> Kind:
    """What is to be done with the object. Raises `Unclean` where it is held, or does not say clearly what it is."""
    sop_class, instance = head.get("SOPClassUID"), head.get("SOPInstanceUID")
    if not isinstance(sop_class, str) or not sop_class:
        raise Unclean("the object has no SOP Class UID, so nobody knows where it shows text")
    if not isinstance(instance, str) or not instance:
        raise Unclean("the object has no SOP Instance UID")
    if read_file_meta_info(path).get("MediaStorageSOPClassUID", sop_class) != sop_class:
        raise Unclean("the file and the object in it name different SOP classes")
    found = verdict(sop_class)
    if found.kind is Kind.HELD:
        raise Unclean(found.why)
    return found.kind


def _clear_unused(source: Path, prepared: Path, layouts: tuple[Layout, Layout], pixels: Element, head: Dataset) -> bool:
    """Clear what hides in the bits of the pixels beyond their values, or refuse it; whether anything was cleared."""
    found, now = layouts
    image, native = describe(head), not pixels.undefined
    unused.refuse(head, image, native=native)
    if not native:
        codec = CODECS.get(found.syntax)
        if codec is not None:
            with source.open("rb") as file:
                unused.refuse_encoded(file, image, pixels, codec)
        return False
    places = (clean_native.look(source, found)[1], clean_native.look(prepared, now)[1])
    cleared = unused.clear(prepared, image, places[1])
    if not unused.same_values(source, prepared, image, places):
        raise Unclean("the proof failed: the values of pixels have changed")
    return cleared


def _what_pixels_are_now(head: Dataset, done: Cleaned) -> Dataset:
    """The attributes that have to say something else since frames were encoded anew (PS3.3 C.7.6.1.1.5, C.7.6.3)."""
    said = Dataset()
    if done.photometric is not None:
        said.PhotometricInterpretation = done.photometric
    if done.lossy and head.get("LossyImageCompression") != "01":
        said.LossyImageCompression = "01"
    return said


def _say(cleaned: Path, target: Path, said: Dataset, instance: str) -> None:
    """Write the cleaned file with these attributes, and prove that nothing else has changed."""
    found = layout(cleaned)
    edit.copy(cleaned, target, found, _nothing, said, instance)
    now = layout(target)
    edit_proof.prove(cleaned, target, (found, now), _nothing, said, instance)
    before, after = (one.find(carriers.PIXEL_DATA) for one in (found, now))
    with cleaned.open("rb") as old, target.open("rb") as new:
        if (
            before is None
            or after is None
            or not splice.same(old, (Range(before.start, before.end),), new, after.start)
        ):
            raise Unclean("the proof failed: the pixels have changed")


def _nothing(_tag: int) -> bool:
    return False


def _packed(prepared: Path, found: Layout, folder: Path) -> Path:
    """The file, deflated if its transfer syntax says so, and then proven to inflate to the same."""
    if found.syntax != DeflatedExplicitVRLittleEndian:
        return prepared
    packed, again = folder / "packed", folder / "again"
    deflate.deflate(prepared, packed, found.dataset)
    deflate.inflate(packed, again, found.dataset)
    if not filecmp.cmp(prepared, again, shallow=False):
        raise Unclean("the proof failed: the deflated data set is another one")
    return packed
