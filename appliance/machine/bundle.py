"""An update as one file: a signed head that says what comes, and then exactly that, in one stream.

    stellwerk update 1\\n      what this is
    00001234\\n               the length of the manifest, eight digits
    64 bytes                 the signature (Ed25519) of the two lines above and the manifest
    manifest                 JSON: for what it is, and name, size and SHA-256 of each member
    members                  one after the other, without anything between them or behind the last

Nothing is read that is not covered: a byte changed, missing or too many is found before it does anything. The head
alone is what an update server shows as its newest. It must not know where an update goes.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Self

from appliance.machine import signature
from appliance.machine.words import Refused

MAGIC = b"stellwerk update 1\n"
LONGEST = 1 << 16
"""Bytes of a manifest."""
PIECE = 1 << 20
"""Bytes that are read at once."""
HEAD = len(MAGIC) + 9 + signature.LENGTH + LONGEST
"""A head is never longer."""

_PRODUCT = re.compile(r"stellwerk(?:-[a-z]{1,20})?")
_VERSION = re.compile(r"(?:0|[1-9][0-9]{0,4})\.(?:0|[1-9][0-9]{0,4})\.(?:0|[1-9][0-9]{0,4})")
_UUID = r"[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CREATED = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

KINDS = (
    ("root-verity-sig", rf"\.root-verity-sig\.{_UUID}\.raw", 1 << 20),
    ("root-verity", rf"\.root-verity\.{_UUID}\.raw", 64 << 20),
    ("root", rf"\.root\.{_UUID}\.raw", 1 << 30),
    ("kernel", r"\.efi", 128 << 20),
)
"""The members in their order: what it is, how its name goes on after `PRODUCT_VERSION`, and how large it may be."""


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """Three numbers, as in 0.1.0; a later one is greater."""

    major: int
    minor: int
    patch: int

    @classmethod
    def of(cls, text: str) -> Self:
        """Read it. Raises ValueError."""
        if not _VERSION.fullmatch(text):
            raise ValueError(f"{text!r} is no version: it has three numbers, as 0.1.0")
        return cls(*(int(number) for number in text.split(".")))

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an update. size: in bytes, at least one."""

    name: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an update says of itself.

    product: what the image is called (IMAGE_ID): stellwerk, or stellwerk-metal. architecture: as systemd names it
    (x86-64). minimum: the version that must run for this one to be installed, 0.0.0 for any. created:
    UTC, ISO 8601. notes: by language, what is new, in words for people.
    """

    product: str
    architecture: str
    version: Version
    minimum: Version
    created: str
    notes: dict[str, str]
    members: tuple[Member, ...]

    @property
    def file(self) -> str:
        """The name of the update's file."""
        return f"{self.product}_{self.version}.update"

    @property
    def size(self) -> int:
        """Bytes of all members."""
        return sum(member.size for member in self.members)


@dataclass(frozen=True, slots=True)
class Head:
    """raw: its bytes, as they were signed; who keeps them can have them checked again."""

    raw: bytes
    manifest: Manifest

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return len(self.raw) + self.manifest.size


def read_head(stream: BinaryIO, by: Sequence[signature.Key]) -> Head:
    """Read and check the head: first who signed it, then what it says. Raises Refused, OSError."""
    first = _exactly(stream, len(MAGIC))
    if first != MAGIC:
        raise Refused("newer-form" if first.startswith(b"stellwerk update ") else "no-update")
    length = _exactly(stream, 9)
    if not re.fullmatch(rb"\d{8}\n", length) or not 0 < int(length) <= LONGEST:
        raise Refused("damaged")
    signed = _exactly(stream, signature.LENGTH)
    text = _exactly(stream, int(length))
    if not by:
        raise Refused("no-keys")
    if not signature.is_signed(first + length + text, signed, by):
        raise Refused("not-signed")
    return Head(first + length + signed + text, _manifest(text))


def pieces(stream: BinaryIO, manifest: Manifest) -> Iterator[tuple[Member, bytes]]:
    """What comes after the head, in pieces, each with the member it belongs to. Raises Refused, OSError.

    Whether a member is what the manifest says is known when the next one begins, or all has ended: only then may
    anything be done with it.
    """
    for member in manifest.members:
        digest, left = hashlib.sha256(), member.size
        while left:
            piece = stream.read(min(PIECE, left))
            if not piece:
                raise Refused("damaged")
            digest.update(piece)
            left -= len(piece)
            yield member, piece
        if digest.hexdigest() != member.sha256:
            raise Refused("damaged")
    if stream.read(1):
        raise Refused("damaged")


def _exactly(stream: BinaryIO, length: int) -> bytes:
    data = b""
    while len(data) < length:
        piece = stream.read(length - len(data))
        if not piece:
            raise Refused("no-update" if not data else "damaged")
        data += piece
    return data


def _manifest(text: bytes) -> Manifest:
    """Its keys are these, each once, and nothing else. It was signed: what is wrong is a maker's mistake."""
    try:
        data = json.loads(text, object_pairs_hook=_once)
        wanted = {"product", "architecture", "version", "minimum", "created", "notes", "members"}
        if set(data) != wanted or not _PRODUCT.fullmatch(data["product"]) or not _CREATED.fullmatch(data["created"]):
            raise ValueError("another product, or other words than these")
        if not re.fullmatch(r"[a-z0-9-]{1,20}", data["architecture"]):
            raise ValueError("no architecture")
        version = Version.of(data["version"])
        notes = data["notes"]
        if not all(one in ("de", "en") and isinstance(told, str) and len(told) <= 4000 for one, told in notes.items()):
            raise ValueError("notes are texts, in de and en")
        members = tuple(Member(**one) for one in data["members"])
        for member, (_kind, ending, most) in zip(members, KINDS, strict=True):
            _check(member, f"{data['product']}_{version}", ending, most)
        product, architecture, minimum = data["product"], data["architecture"], Version.of(data["minimum"])
        return Manifest(product, architecture, version, minimum, data["created"], dict(notes), members)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise Refused("odd-manifest") from None


def _check(member: Member, stem: str, ending: str, most: int) -> None:
    if not re.fullmatch(re.escape(stem) + ending, member.name):
        raise ValueError("another name")
    if type(member.size) is not int or not 0 < member.size <= most:
        raise ValueError("another size")
    if not _SHA256.fullmatch(member.sha256):
        raise ValueError("no digest")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("said twice")
    return found
