"""Objects for tests, built from nothing: no image of a person lies in this repository.

`instance` writes a DICOM file, `obj` makes what flows through the rules, `program` and its small words build programs
without the language. It must not know a test.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pydicom
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian, UltrasoundImageStorage

from engine.condition import Compare, Condition, Field, Literal
from engine.errors import Unclean
from engine.header import Header
from engine.object import Object, Origin
from engine.parameters import Layout
from engine.profile.policy import Policy
from engine.program import Call, Chain, Contact, Destination, Listener, Program, Rectangle, Route
from engine.signature import Argument
from engine.step import AS_CLEANED
from engine.tags import Path as TagPath

REAL = Path(pydicom.__file__).parent / "data"
"""pydicom's own test files: `test_files` and `charset_files`."""

NOBODY = Path("/nonexistent.dcm")
"""The payload of objects that are only a header."""

RECEIVED = "2026-03-31T10:00:00+02:00"


def instance(folder: Path, *, syntax: str = ExplicitVRLittleEndian, name: str = "", **tags: object) -> Path:
    """A small ultrasound image as a DICOM file; keywords set tags, None leaves one out. Answers its path."""
    values: dict[str, object] = {
        "SOPClassUID": UltrasoundImageStorage,
        "SOPInstanceUID": "1.2.3.4",
        "StudyInstanceUID": "1.2.3",
        "SeriesInstanceUID": "1.2.3.1",
        "Modality": "US",
        "PatientName": "Sample^Anna",
        "PatientID": "4711",
        "Rows": 4,
        "Columns": 4,
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "PixelRepresentation": 0,
        "SamplesPerPixel": 1,
        "PhotometricInterpretation": "MONOCHROME2",
        **tags,
    }
    dataset = Dataset()
    for keyword, value in values.items():
        if value is not None:
            setattr(dataset, keyword, value)
    if "PixelData" not in values:
        dataset.add_new(0x7FE00010, "OB", bytes(range(16)))
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    path = folder / (name or f"{values['SOPInstanceUID']}.dcm")
    dcmwrite(
        path,
        dataset,
        implicit_vr=syntax == ImplicitVRLittleEndian,
        little_endian=syntax != ExplicitVRBigEndian,
        enforce_file_format=True,
    )
    return path


def obj(header: Mapping[str, str], port: int | None = 11112, **facts: str) -> Object:
    """An object with just these tags; facts are sender, called, address, received."""
    return Object("1", NOBODY, Header.of(header), Origin("dicom", port, **{"received": RECEIVED, **facts}))


@dataclass(frozen=True)
class Seen:
    """A plain engine.condition.View: values by spelling of the tag, as lists where there are several."""

    tags: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    today: date = date(2026, 3, 31)
    matched: bool = False

    def values(self, path: TagPath) -> tuple[str, ...]:
        """The attribute's values."""
        found = self.tags.get(str(path), ())
        return (found,) if isinstance(found, str) else tuple(found)

    def fact(self, name: str) -> str | None:
        """A fact of the connection."""
        return self.facts.get(name)


@dataclass
class FakeBench:
    """A workbench that cleans nothing and remembers what it was asked; `refuses` makes it say Unclean."""

    program: Program = field(default_factory=Program)
    refuses: str = ""
    asked: list[tuple[tuple[Rectangle, ...], tuple[Rectangle, ...]]] = field(default_factory=list)
    same_uid: list[bool] = field(default_factory=list)
    declared: list[bool] = field(default_factory=list)
    seen: tuple[Rectangle, ...] = ()
    left: str = ""
    """Why text that is seen is refused afterwards; empty: it is gone then."""
    looked: list[tuple[str, tuple[Rectangle, ...]]] = field(default_factory=list)
    approvals: int = 0

    def boxes(
        self, obj: Object, blank: Sequence[Rectangle], keep: Sequence[Rectangle], *, declared: bool = False
    ) -> tuple[Rectangle, ...]:
        """The boxes to blank, as they are; `refuses` is for `clean`."""
        return tuple(blank)

    def clean(
        self,
        obj: Object,
        blank: Sequence[Rectangle],
        keep: Sequence[Rectangle],
        *,
        same_uid: bool,
        declared: bool = False,
    ) -> Object:
        """The object with another name, as if it were clean."""
        self.asked.append((tuple(blank), tuple(keep)))
        self.same_uid.append(same_uid)
        self.declared.append(declared)
        if self.refuses:
            raise Unclean(self.refuses)
        return obj.with_payload(obj.payload.with_suffix(".clean")).with_header(AS_CLEANED)

    def text(self, obj: Object) -> tuple[Rectangle, ...]:
        """What `seen` says."""
        return self.seen

    def refuse_text(self, obj: Object, apart: Sequence[Rectangle]) -> None:
        """Remembers what it was asked; `seen` is still there."""
        self.looked.append((obj.payload.suffix, tuple(apart)))
        if self.seen and self.left:
            raise Unclean(self.left)

    def transcode(self, obj: Object, syntax: str) -> Object:
        """The object with another name, as if it were in that transfer syntax."""
        if self.refuses:
            raise Unclean(self.refuses)
        return obj.with_payload(obj.payload.with_suffix(".transcoded"))

    def anonymize(self, obj: Object, policy: Policy, names: Mapping[str, str]) -> Object:
        """The object with another name, and a dummy patient but for these names and what is kept."""
        if self.refuses:
            raise Unclean(self.refuses)
        dummy = {tag: "0" for tag in ("PatientName", "PatientID") if tag not in policy.keep}
        header = obj.header.changed({**dummy, **names})
        return replace(obj, payload=obj.payload.with_suffix(".anonymous"), header=header, changes={})

    def pseudonym(self, patient: str, table: str) -> str:
        """One that says where it is from."""
        if self.refuses:
            raise Unclean(self.refuses)
        return f"by {table or 'key'}"

    def looked_up(self, tag: str, value: str, table: str) -> str:
        """The name of the tag, with that of the table."""
        if self.refuses:
            raise Unclean(self.refuses)
        return f"{tag} by {table}"

    def approved(self, device: str) -> int:
        """As many as it is told."""
        return self.approvals


# --- programs without the language ----------------------------------------------------------------------------


def text(value: str) -> Argument:
    """Text in quotes."""
    return Argument("text", value)


def word(value: str) -> Argument:
    """A bare word."""
    return Argument("word", value)


def number(value: str) -> Argument:
    """A number."""
    return Argument("number", value)


def path(*parts: Argument | str) -> Argument:
    """A layout; plain strings are tags."""
    return Argument("path", "", tuple(word(part) if isinstance(part, str) else part for part in parts))


def names(*found: str) -> Argument:
    """One name, or a list of them."""
    return word(found[0]) if len(found) == 1 else Argument("list", "", tuple(map(word, found)))


def layout(*parts: Argument | str) -> Layout:
    """A layout, read."""
    return Layout.of(path(*parts))


def equals(tag: str, value: str) -> Condition:
    """`tag = value`."""
    return Compare(Field(tag), "=", Literal("text", value))


def store(*parts: Argument | str, folder: str = "") -> Call:
    """`store [in FOLDER] by …`; PatientID where nothing is said."""
    arguments = {"folder": text(folder)} if folder else {}
    return Call("store", {**arguments, "layout": path(*(parts or ("PatientID",)))})


def forward(*destinations: str) -> Call:
    """`forward A, B`."""
    return Call("forward", {"destinations": names(*destinations)})


def mail(*contacts: str, subject: str = "") -> Call:
    """`mail A, B [subject "…"]`."""
    arguments = {"subject": text(subject)} if subject else {}
    return Call("mail", {"contacts": names(*contacts), **arguments})


def hold(why: str = "") -> Call:
    """`hold ["…"]`."""
    return Call("hold", {"why": text(why)} if why else {})


def discard(why: str) -> Call:
    """`discard "…"`."""
    return Call("discard", {"why": text(why)})


def put(tag: str, value: str) -> Call:
    """`set TAG to "…"`."""
    return Call("set", {"tag": word(tag), "value": text(value)})


def remove(tag: str) -> Call:
    """`remove TAG`."""
    return Call("remove", {"tag": word(tag)})


def clean(*regions: str) -> Call:
    """`anonymize-pixels [regions NAME]`."""
    return Call("anonymize-pixels", {"regions": names(*regions)} if regions else {})


def route(
    name: str, *chain: Call, where: Condition | None = None, failure: Chain | None = None, on: str = "port 11112"
) -> Route:
    """A route on port 11112, unless it says where else."""
    return Route(name, on, where, chain, failure)


def program(*routes: Route) -> Program:
    """A program of these routes, with a listener on 11112 and one on 11113, destinations PACS and READER, an admin."""
    return Program(
        tuple(Listener(f"port {n}", "dicom", {"port": number(str(n))}) for n in (11112, 11113)),
        tuple(Destination(name, "dicom", {"address": text(f"{name}@pacs.example:104")}) for name in ("PACS", "READER")),
        (Contact("admin", ("it@praxis.example",)), Contact("doctor", ("dr@praxis.example",), True)),
        (),
        routes,
    )
