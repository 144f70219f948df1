"""Whoever changes, shortens or mixes up a byte of a backup is found out; without the passphrase there is nothing."""

import io
import json
import secrets

import pytest

from appliance.backup import sealed
from appliance.backup.sealed import MAGIC, Facts, NoBackup, Reader, Writer, facts_of, fit

PASSPHRASE = "korrekt pferd batterie"
KIB = sealed._KIB
CHUNK = (1 << 16) + 16


def seal(data: bytes, passphrase: str = PASSPHRASE) -> bytes:
    into = io.BytesIO()
    writer = Writer(into, passphrase, Facts("2026-11-27T09:00:00+00:00", "0.1.0"))
    for start in range(0, len(data), 10_000):
        writer.write(data[start : start + 10_000])
    writer.close()
    return into.getvalue()


def unseal(file: bytes, passphrase: str = PASSPHRASE) -> bytes:
    reader = Reader(io.BytesIO(file), passphrase)
    data = reader.read()
    assert reader.is_over
    return data


def start_of(file: bytes) -> int:
    """Where the chunks begin."""
    length = int.from_bytes(file[len(MAGIC) + 1 : len(MAGIC) + 3], "big")
    return len(MAGIC) + 3 + length + 32


@pytest.mark.parametrize("length", [0, 1, (1 << 16) - 1, 1 << 16, (1 << 16) + 1, 3 << 16, 200_000])
def test_what_was_sealed_is_read_again(length: int) -> None:
    data = secrets.token_bytes(length)
    file = seal(data)
    assert unseal(file) == data
    assert facts_of(io.BytesIO(file)) == Facts("2026-11-27T09:00:00+00:00", "0.1.0")


def test_two_backups_of_the_same_have_nothing_in_common() -> None:
    one, other = seal(b"x" * 100), seal(b"x" * 100)
    assert one[start_of(one) :] != other[start_of(other) :]


def test_nothing_of_it_can_be_read_in_the_file() -> None:
    assert b"a secret of the house" not in seal(b"a secret of the house" * 1000)


def test_the_wrong_passphrase_is_told_as_such() -> None:
    with pytest.raises(NoBackup, match="not its passphrase"):
        unseal(seal(b"x"), "korrekt pferd batteriE")


def test_the_same_letters_typed_another_way_are_the_same_passphrase() -> None:
    assert unseal(seal(b"x", "geheimnisvoller Ärger"), "geheimnisvoller A\u0308rger") == b"x"


def test_every_changed_byte_is_noticed() -> None:
    file = seal(b"rules" * 20)
    for place in range(len(file)):
        changed = bytearray(file)
        changed[place] ^= 1
        with pytest.raises(NoBackup):
            unseal(bytes(changed))


def test_every_shorter_file_is_noticed() -> None:
    file = seal(b"rules" * 20)
    for length in range(len(file)):
        with pytest.raises(NoBackup):
            unseal(file[:length])


def test_a_file_that_ends_between_two_chunks_is_noticed() -> None:
    file = seal(secrets.token_bytes(3 << 16))
    start = start_of(file)
    for count in (0, 1, 2):
        with pytest.raises(NoBackup):
            unseal(file[: start + count * CHUNK])


def test_chunks_in_another_order_twice_or_of_another_backup_are_noticed() -> None:
    file, other = seal(secrets.token_bytes(4 << 16)), seal(secrets.token_bytes(4 << 16))
    start = start_of(file)
    head, chunks = file[:start], [file[at : at + CHUNK] for at in range(start, len(file), CHUNK)]
    foreign = [other[at : at + CHUNK] for at in range(start_of(other), len(other), CHUNK)]
    assert len(chunks) == 4
    for mixed in (
        [chunks[1], chunks[0], *chunks[2:]],
        [chunks[0], chunks[0], *chunks[2:]],
        [chunks[0], *chunks[2:]],
        [*chunks, chunks[3]],
        [chunks[0], foreign[1], *chunks[2:]],
    ):
        with pytest.raises(NoBackup):
            unseal(head + b"".join(mixed))


def test_bytes_behind_the_end_are_noticed() -> None:
    with pytest.raises(NoBackup):
        unseal(seal(b"rules") + b"x")


def test_a_newer_format_says_what_to_do() -> None:
    file = bytearray(seal(b"x"))
    file[len(MAGIC)] = 2
    with pytest.raises(NoBackup, match="format 2, and this version knows up to 1"):
        unseal(bytes(file))


@pytest.mark.parametrize("costs", [{"kib": 1 << 40}, {"passes": 10**9}, {"lanes": 0}, {"salt": "zz"}, {"kib": "much"}])
def test_a_made_up_header_does_not_keep_us_busy(costs: dict[str, object]) -> None:
    said = {"made": "", "version": "", "salt": "00" * 32, "passes": 3, "lanes": 4, "kib": 65536, **costs}
    text = json.dumps(said).encode()
    with pytest.raises(NoBackup, match="damaged"):
        unseal(MAGIC + bytes([1]) + len(text).to_bytes(2, "big") + text + b"\0" * 100)


@pytest.mark.parametrize("file", [b"", b"PK\x03\x04", MAGIC, b"x" * 1000])
def test_what_is_no_backup_is_called_so(file: bytes) -> None:
    with pytest.raises(NoBackup, match="no backup of Stellwerk"):
        unseal(file)


def test_a_short_passphrase_will_not_do() -> None:
    assert "at least 12" in fit("short")
    assert not fit(PASSPHRASE)


def test_the_key_costs_what_the_standard_recommends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sealed, "_KIB", KIB)
    file = seal(b"x")
    assert (said := json.loads(file[len(MAGIC) + 3 : start_of(file) - 32]))["kib"] == 65536
    assert (said["passes"], said["lanes"]) == (3, 4)  # RFC 9106 section 4, the second choice
