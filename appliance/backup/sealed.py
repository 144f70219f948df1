"""A stream that only a passphrase opens, and of which no byte can be changed, moved or left out unseen.

    magic, format (1 byte), length of the header (2 bytes), header (JSON), its seal (32 bytes), chunks

The key comes from the passphrase by Argon2id (RFC 9106, the second of its recommended choices: 64 MiB, three passes,
four lanes) and a salt of each file's own. The header is sealed with HMAC-SHA-256 by another part of it, so that a wrong
passphrase is told from a damaged file. Each chunk of 64 KiB is AES-256-GCM; its nonce counts the chunks and says which
is the last (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár), its associated data is the header. It
must not know what is in it.
"""

import hashlib
import hmac
import json
import secrets
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

MAGIC = b"stellwerk-backup\n"
FORMAT = 1
LEAST = 12
"""Characters of a passphrase: whoever has the file may guess for as long as he likes."""

_MOST = 1024
_CHUNK, _TAG = 1 << 16, 16
_PASSES, _LANES, _KIB = 3, 4, 64 << 10
_MOST_PASSES, _MOST_LANES, _MOST_KIB = 16, 64, 1 << 20
"""A header is read before anything can be verified: it must not make us work for hours, or use up the memory."""


KINDS = ("foreign", "newer", "passphrase", "damaged")


class NoBackup(Exception):
    """This cannot be read as a backup; the text says why, and what would do. kind: one of KINDS, for other words."""

    def __init__(self, words: str, kind: str = "damaged") -> None:
        super().__init__(words)
        self.kind = kind


class Sink(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take them."""


class Source(Protocol):
    """Where bytes come from; fewer than asked for only at the end, or where more will come."""

    def read(self, most: int, /) -> bytes:
        """The next ones, none at the end."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the header says, readable without the passphrase. made: ISO 8601, UTC. version: of the software."""

    made: str
    version: str


def fit(passphrase: str) -> str:
    """Why it will not do as a passphrase of a new backup; empty where it will."""
    if len(passphrase) < LEAST:
        return f"a passphrase has at least {LEAST} characters"
    return f"a passphrase has at most {_MOST} characters" if len(passphrase) > _MOST else ""


class Writer:
    """Seals what is written to it; nothing of it can be read before `close`."""

    def __init__(self, into: Sink, passphrase: str, facts: Facts) -> None:
        salt = secrets.token_bytes(32)
        said = {"made": facts.made, "version": facts.version, "salt": salt.hex()}
        self._header = _header(json.dumps({**said, "passes": _PASSES, "lanes": _LANES, "kib": _KIB}).encode())
        key, seal = _keys(passphrase, salt, _PASSES, _LANES, _KIB)
        self._into, self._cipher, self._count, self._held = into, AESGCM(key), 0, bytearray()
        into.write(self._header + _seal(seal, self._header))

    def write(self, data: bytes) -> int:
        """Take so many bytes; how many."""
        self._held += data
        while len(self._held) > _CHUNK:  # the last chunk is the one that ends it, full or not
            self._put(bytes(self._held[:_CHUNK]), last=False)
            del self._held[:_CHUNK]
        return len(data)

    def flush(self) -> None:
        """Nothing can be done early."""

    def close(self) -> None:
        """Write the last chunk: only now is it whole."""
        self._put(bytes(self._held), last=True)
        self._held.clear()

    def _put(self, data: bytes, *, last: bool) -> None:
        self._into.write(self._cipher.encrypt(_nonce(self._count, last), data, self._header))
        self._count += 1


class Reader:
    """Reads what a Writer has sealed. Each byte that it answers was verified; that none is missing, only at the end."""

    def __init__(self, source: Source, passphrase: str) -> None:
        """Raises NoBackup."""
        self.facts, said, self._header = _read_header(source)
        try:
            salt = bytes.fromhex(str(said["salt"]))
            costs = [int(str(said[name])) for name in ("passes", "lanes", "kib")]
        except (KeyError, ValueError, TypeError):
            raise NoBackup("the beginning of this backup is damaged") from None
        if not all(0 < cost <= most for cost, most in zip(costs, (_MOST_PASSES, _MOST_LANES, _MOST_KIB), strict=True)):
            raise NoBackup("the beginning of this backup is damaged")
        try:
            key, seal = _keys(passphrase[:_MOST], salt, *costs)
        except ValueError:
            raise NoBackup("the beginning of this backup is damaged") from None
        if not hmac.compare_digest(_exactly(source, 32), _seal(seal, self._header)):
            raise NoBackup("this is not its passphrase (or the beginning of the backup is damaged)", "passphrase")
        self._source, self._cipher, self._count = source, AESGCM(key), 0
        self._next = _fully(source, _CHUNK + _TAG)
        self._open = b""
        self.is_over = False
        """Whether the last chunk was read, and was the last."""

    def read(self, most: int = -1) -> bytes:
        """The next bytes, none at the end. Raises NoBackup where something was changed or is missing."""
        if most < 0:
            parts = []
            while part := self.read(_CHUNK):
                parts.append(part)
            return b"".join(parts)
        if not self._open and not self.is_over:
            self._open = self._chunk()
        answer, self._open = self._open[:most], self._open[most:]
        return answer

    def _chunk(self) -> bytes:
        sealed = self._next
        self._next = _fully(self._source, _CHUNK + _TAG) if len(sealed) == _CHUNK + _TAG else b""
        self.is_over = not self._next
        try:
            data = self._cipher.decrypt(_nonce(self._count, self.is_over), sealed, self._header)
        except InvalidTag:
            where = self._count * _CHUNK
            why = "ends too early" if self.is_over else "was changed or damaged"
            raise NoBackup(f"the backup {why} (about {where >> 10} KiB from its beginning)") from None
        self._count += 1
        return data


def facts_of(source: Source) -> Facts:
    """What a backup says of itself, without its passphrase: not verified. Raises NoBackup."""
    return _read_header(source)[0]


def _header(said: bytes) -> bytes:
    return MAGIC + struct.pack(">BH", FORMAT, len(said)) + said


def _read_header(source: Source) -> tuple[Facts, Mapping[str, object], bytes]:
    start = _fully(source, len(MAGIC) + 3)
    if len(start) < len(MAGIC) + 3 or not start.startswith(MAGIC):
        raise NoBackup("this is no backup of Stellwerk", "foreign")
    number, length = struct.unpack(">BH", start[len(MAGIC) :])
    if number > FORMAT:
        raise NoBackup(
            f"this backup has format {number}, and this version knows up to {FORMAT}: restore it with the version that "
            "made it, or a newer one",
            "newer",
        )
    text = _exactly(source, length)
    try:
        said = json.loads(text)
        return Facts(str(said["made"])[:40], str(said["version"])[:40]), said, start + text
    except (ValueError, KeyError, TypeError):
        raise NoBackup("the beginning of this backup is damaged") from None


def _keys(passphrase: str, salt: bytes, passes: int, lanes: int, kib: int) -> tuple[bytes, bytes]:
    """The key of the chunks, and that of the header's seal."""
    # Two ways to type the same letter are the same passphrase (RFC 8265).
    secret = unicodedata.normalize("NFC", passphrase).encode("utf-8", "surrogatepass")
    both = Argon2id(salt=salt, length=64, iterations=passes, lanes=lanes, memory_cost=kib).derive(secret)
    return both[:32], both[32:]


def _seal(key: bytes, header: bytes) -> bytes:
    return hmac.digest(key, header, hashlib.sha256)


def _nonce(count: int, last: bool) -> bytes:
    return count.to_bytes(11, "big") + bytes([last])


def _fully(source: Source, length: int) -> bytes:
    """So many bytes; fewer only at the end."""
    parts, left = [], length
    while left and (part := source.read(left)):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _exactly(source: Source, length: int) -> bytes:
    data = _fully(source, length)
    if len(data) < length:
        raise NoBackup("the backup ends too early (in its beginning)")
    return data
