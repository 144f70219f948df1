"""Layouts: folder names from tags, made safe for every file system.

Pure. `Institution/PatientName` becomes ("Praxis Nord", "Müller^Änne"): letters of every script stay; what could
leave the folder, confuse a shell or Windows, or grow too long is replaced, and a short digest of the original is
added then, so that two different values never share a folder.
"""

import hashlib
import re
import unicodedata
from functools import lru_cache

from engine.header import Header
from engine.parameters import Layout
from engine.tags import path_of

UNKNOWN = "unknown"
LONGEST = 120
"""Bytes of UTF-8 in one folder name; file systems allow 255, archives and Windows paths like less."""

_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f\xad/\\:*?"<>|$`]|[\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f]'
    r"|[\ufeff\ufff9-\uffff\ud800-\udfff]"
)
_RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[\d¹²³]|lpt[\d¹²³]) *(\..*)?")
_DIGESTED = re.compile(r".*~[0-9a-f]{10}", re.DOTALL)
"""A name that looks as if it were made here: it gets a digest, or it could be taken for another's."""


def folders(layout: Layout, header: Header) -> tuple[str, ...]:
    """The folder names for this object, outermost first. A tag it does not have becomes `unknown`."""
    names = []
    for kind, text in layout.parts:
        if kind == "text":
            names.append(safe(text))
            continue
        path = path_of(text)
        values = header.values(path)
        if path.kind == "name":
            # Component groups (PS3.5 section 6.2.1): alphabetic first; the others say the same in other scripts.
            values = tuple(next((group for group in value.split("=") if group), "") for value in values)
        names.append(safe("+".join(value for value in values if value)))
    return tuple(names)


def naming(layout: Layout, header: Header) -> dict[str, str]:
    """How the file is named, and, where patients of one name must be told apart, which folder is the person's."""
    note = {"file": header.first("SOPInstanceUID")}
    tags = [text for kind, text in layout.parts if kind == "tag"]
    if "PatientName" in tags and "PatientID" not in tags:
        person = layout.parts.index(("tag", "PatientName"))
        note |= {"person": str(person), "patient": patient_key(header)}
    return note


@lru_cache(1024)
def safe(value: str) -> str:
    """One folder or file name for this value: never empty, no path, no reserved name, at most LONGEST bytes."""
    plain = unicodedata.normalize("NFC", value).strip()
    if not plain:
        return UNKNOWN
    name = _UNSAFE.sub("_", plain).strip(" .")
    if _RESERVED.fullmatch(name):
        name = f"_{name}"
    while len(name.encode()) > LONGEST:
        name = name[: min(LONGEST, len(name) - 1)].rstrip(" .")
    if name == plain and not _DIGESTED.fullmatch(name):
        return name
    digest = hashlib.blake2b(plain.encode("utf-8", "surrogatepass"), digest_size=5).hexdigest()
    return f"{name or '_'}~{digest}"


def patient_key(header: Header) -> str:
    """Tells patients of one name apart without naming them: a digest of ID, issuer and birth date."""
    parts = [header.first(tag) for tag in ("PatientID", "IssuerOfPatientID", "PatientBirthDate")]
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
