"""The workbench: what steps may ask for while an object is being routed. Two of them exist.

`PixelBench` really cleans and transcodes, into the spool's scratch folder; `DryBench` answers as if it had, for rule
tests and explanations; but a header is cleaned by the very code that does it in earnest. Both are handed to
engine.run.run, which cannot tell them apart.
"""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from pydicom import dcmread, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from engine import pixels
from engine.cleaning import Cleaning
from engine.errors import Unclean
from engine.header import Header
from engine.identities import Identities
from engine.object import Object
from engine.pixels import Box, RegionBox
from engine.profile.deidentify import deidentify
from engine.profile.keyed import Keyed
from engine.profile.policy import Policy
from engine.program import Program, Rectangle
from engine.rewrite import rewrite
from engine.step import AS_CLEANED
from engine.tags import path_of
from engine.text.left import refuse_left, to_blank
from engine.worker import PixelWorker

ROUNDS = 3
"""How often text to blank is looked for; where there is still some then, the look at the cleaned image holds it."""


@dataclass(frozen=True, slots=True)
class PixelBench:
    """Cleans into new files; `new_file` answers a name that nobody else has."""

    program: Program
    new_file: Callable[[], Path]
    worker: PixelWorker
    identities: Identities
    cleaned: Callable[[str, str], object] = field(default=lambda *_: None, kw_only=True)
    """Told the number of an object, and the SOP Instance UID that it has from now on."""
    counted: Callable[[str], int] = field(default=lambda _: 0, kw_only=True)
    """How many images of a device were approved."""

    def boxes(
        self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
    ) -> tuple[Rectangle, ...]:
        """What `clean` would blank. Raises Unclean."""
        return tuple(map(_rectangle, boxes_of(obj, blank, keep, declared=declared)))

    def clean(
        self,
        obj: Object,
        blank: Sequence[Rectangle],
        keep: Sequence[Rectangle],
        *,
        same_uid: bool,
        declared: bool = False,
    ) -> Object:
        """The object, proved clean. Raises Never where it cannot be, and OSError when the disk cannot hold it.

        What was changed before is in the file first: it is looked at like all that the object brought.
        """
        boxes = boxes_of(obj, blank, keep, declared=declared)
        source, target = self._as_changed(obj), self.new_file()
        done = self.worker.clean(source, target, boxes, same_uid=same_uid)
        if not done.written:
            return obj
        if not same_uid:
            self.cleaned(obj.id, done.instance)
        return replace(obj, payload=target, header=Header.read(target), changes={}, cleaning=_told(done))

    def text(self, obj: Object) -> tuple[Rectangle, ...] | None:
        """Where text is seen, with a margin; None where there is no picture. Raises Unclean, or OSError."""
        if not _is_image(obj):
            return None
        found = self.worker.find_text(obj.payload, self.new_file(), ROUNDS)
        columns, rows = (_size(obj, name) for name in ("Columns", "Rows"))
        return tuple(map(_rectangle, to_blank(found, columns, rows)))

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Raises Unclean where text is seen apart from these rectangles, or it cannot be looked for; or OSError."""
        if not _is_image(obj):
            return
        columns, rows = (_size(obj, name) for name in ("Columns", "Rows"))
        allowed = [_at(rectangle, columns, rows) for rectangle in apart]
        refuse_left(self.worker.find_text(obj.payload, self.new_file()), allowed)

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object in this transfer syntax (UID), proved the same. Raises Unclean, or OSError."""
        target = self.new_file()
        if not self.worker.transcode(obj.payload, target, syntax).written:
            return obj
        return replace(obj, payload=target, header=Header.read(target).changed(obj.changes))

    def anonymize(self, obj: Object, policy: Policy, names: Mapping[str, str]) -> Object:
        """The object with a header that is proved clean. Raises Never, Unclean, or OSError.

        What was changed before is in it first: it is cleaned like all that the object brought.
        """
        source, target = self._as_changed(obj), self.new_file()
        deidentify(source, target, policy, self.identities.key, names)
        return replace(obj, payload=target, header=Header.read(target), changes={})

    def _as_changed(self, obj: Object) -> Path:
        """A file with what steps have changed of it so far. Raises OSError."""
        if not obj.changes:
            return obj.payload
        changed = self.new_file()
        rewrite(obj.payload, changed, obj.changes)
        return changed

    def pseudonym(self, patient: str, table: str) -> str:
        """By the key, or out of the table. Raises Never, or OSError."""
        return self.identities.pseudonym(patient, table)

    def looked_up(self, tag: str, value: str, table: str) -> str:
        """What the table says. Raises Never, or OSError."""
        return self.identities.looked_up(tag, value, table)

    def approved(self, device: str) -> int:
        """How many, since one was rejected. Raises OSError."""
        return self.counted(device)


@dataclass(frozen=True, slots=True)
class DryBench:
    """Says where it would clean and touches nothing. identities: where there are none, a key for show answers."""

    program: Program
    identities: Identities | None = None

    def boxes(
        self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
    ) -> tuple[Rectangle, ...]:
        """What would be blanked. Raises Unclean."""
        return tuple(map(_rectangle, boxes_of(obj, blank, keep, declared=declared)))

    def clean(
        self,
        obj: Object,
        blank: Sequence[Rectangle],
        keep: Sequence[Rectangle],
        *,
        same_uid: bool,
        declared: bool = False,
    ) -> Object:
        """The object as if it were cleaned, if it is known where to clean; Unclean if not."""
        boxes = boxes_of(obj, blank, keep, declared=declared)
        if not boxes:
            return obj
        changes: dict[str, str | None] = dict(AS_CLEANED)
        if not same_uid:
            sources = obj.header.values(path_of("SourceImageSequence.ReferencedSOPInstanceUID"))
            changes["SOPInstanceUID"] = pixels.derived_uid(obj.header.first("SOPInstanceUID"), boxes, sources)
        known = Cleaning(boxes=tuple(map(_plain, boxes if SOMEWHERE not in blank else ())))
        return replace(obj.with_header(changes), cleaning=known)

    def text(self, obj: Object) -> tuple[Rectangle, ...]:
        """Some place, as if text were seen there: where it really is, is known only when it is looked for."""
        return (SOMEWHERE,)

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Nothing: whether any is left is known only when it is cleaned."""

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object as it is: whether its pixels can be read is known only when it is done."""
        return obj

    def anonymize(self, obj: Object, policy: Policy, names: Mapping[str, str]) -> Object:
        """The object with the header that it would have. Raises Never, Unclean, or OSError."""
        return as_anonymized(obj, policy, names, self._key())

    def pseudonym(self, patient: str, table: str) -> str:
        """The one that it would get. Raises Never, or OSError."""
        if table and self.identities is not None:
            return self.identities.pseudonym(patient, table)
        return self._key().pseudonym(patient)

    def looked_up(self, tag: str, value: str, table: str) -> str:
        """What the table says; the value itself where there are no tables. Raises Never, or OSError."""
        return value if self.identities is None else self.identities.looked_up(tag, value, table)

    def approved(self, device: str) -> int:
        """None: whoever tries rules is shown that a person would look."""
        return 0

    def _key(self) -> Keyed:
        """The key in use, if there is one: to look at rules makes none."""
        keys = () if self.identities is None else self.identities.keyring.all()
        return keys[0] if keys else FOR_SHOW


SOMEWHERE = Rectangle(0, 0, 1, 1)
"""Where text is, while nobody has looked."""

FOR_SHOW = Keyed(bytes(32))
"""A key that anybody has, for what is only looked at."""


def as_anonymized(obj: Object, policy: Policy, names: Mapping[str, str], keyed: Keyed) -> Object:
    """The object with the header that it would have, cleaned without its pixels. Raises Never, Unclean, or OSError."""
    dataset, meta = copy.deepcopy(obj.header.dataset), FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = UID(obj.header.first("SOPClassUID") or SecondaryCaptureImageStorage)
    meta.MediaStorageSOPInstanceUID = UID(obj.header.first("SOPInstanceUID") or "2.25.1")
    dataset.file_meta = meta
    with TemporaryDirectory(prefix="stellwerk-") as folder:
        source, target = Path(folder, "as-it-is.dcm"), Path(folder, "as-it-would-be.dcm")
        dcmwrite(source, dataset, implicit_vr=False, little_endian=True, enforce_file_format=True)
        deidentify(source, target, policy, keyed, names)
        cleaned = dcmread(target, stop_before_pixels=True)
    return replace(obj, header=Header(lambda: cleaned), changes={})


def boxes_of(
    obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
) -> tuple[Box, ...]:
    """The boxes to blank in this object; none where its SOP class has no pixels to look at.

    Raises Unclean as `boxes_for` does, and where objects of its SOP class are held.
    """
    found = pixels.verdict(obj.header.first("SOPClassUID"))
    if found.kind is pixels.Kind.HELD:
        raise Unclean(found.why)
    if found.kind is not pixels.Kind.IMAGE:
        return ()
    boxes = boxes_for(obj, blank, keep, declared=declared)
    if not boxes:
        raise Unclean("there is no box to blank: what is kept is the whole image")
    return boxes


def _is_image(obj: Object) -> bool:
    """Whether there is a picture to look at: `boxes_of` decides what becomes of all else."""
    return pixels.verdict(obj.header.first("SOPClassUID")).kind is pixels.Kind.IMAGE


def boxes_for(
    obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
) -> tuple[Box, ...]:
    """The boxes to blank in this object: `blank`, and what lies outside `keep`; without both, outside its own regions.

    declared: what lies outside its own regions in any case.
    Raises Unclean when nothing says where the text is, or what says it does not fit the image.
    """
    columns, rows = (_size(obj, name) for name in ("Columns", "Rows"))
    blanked = tuple(_at(rectangle, columns, rows) for rectangle in blank)
    kept = tuple(_at(rectangle, columns, rows) for rectangle in keep)
    outside = pixels.complement(kept, columns, rows) if kept else ()
    if declared or not (blank or keep):
        own = pixels.ultrasound_regions(obj.header.dataset)
        if not own:
            raise Unclean(_DECLARES_NOTHING if declared else _NOTHING_SAYS)
        outside = (*outside, *pixels.complement(own, columns, rows))
    return (*outside, *blanked)


_DECLARES_NOTHING = (
    "it declares no ultrasound regions (0018,6011), and the rule goes by those; `stellwerk regions` writes `regions` "
    "for its device, to be named in the rule instead"
)
_NOTHING_SAYS = (
    "nothing says where this device burns text in: it declares no ultrasound regions (0018,6011), and no `regions` of "
    "the rule file fits it; `stellwerk regions` writes one for it"
)


def _told(done: pixels.Anonymized) -> Cleaning:
    """What was done, but for who said where."""
    if done.cleaned is None:
        return Cleaning(removed=done.removed)
    boxes = tuple(map(_plain, done.cleaned.boxes))
    return Cleaning(boxes=boxes, frames=done.cleaned.frames, method=done.cleaned.method, removed=done.removed)


def _plain(box: Box) -> tuple[int, int, int, int]:
    return box.x, box.y, box.width, box.height


def _rectangle(box: Box) -> Rectangle:
    return Rectangle(*_plain(box))


def _size(obj: Object, name: str) -> int:
    found = obj.header.values(path_of(name))
    if not found or not found[0].isdecimal() or int(found[0]) < 1:
        raise Unclean("it has no pixels, or does not say how many")
    return int(found[0])


def _at(rectangle: Rectangle, columns: int, rows: int) -> Box:
    box = RegionBox(
        rectangle.x, rectangle.y, rectangle.width, rectangle.height, rectangle.from_right, rectangle.from_bottom
    )
    return box.at(columns, rows)
