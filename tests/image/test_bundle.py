"""An update is one file: whoever changes a byte of it, cuts it or adds to it has no update any more."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.machine import signature
from appliance.machine.bundle import LONGEST, Head, Version, pieces, read_head
from appliance.machine.words import Refused
from tests.house.tree import ROOT
from tests.image.updates import bundle, head, made, make_key, manifest, parts

PROGRAM = ROOT / "appliance/image/building/bundle.py"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def sound(key: Path) -> bytes:
    return bundle("0.1.1", key)


def read(data: bytes, key: Path) -> tuple[Head, dict[str, bytes]]:
    """All of an update, as whoever trusts this key reads it."""
    stream = io.BytesIO(data)
    first = read_head(stream, signature.keys(key.parent))
    found: dict[str, bytes] = {}
    for member, piece in pieces(stream, first.manifest):
        found[member.name] = found.get(member.name, b"") + piece
    return first, found


def refused(data: bytes, key: Path) -> str:
    """The word for why it is not taken."""
    with pytest.raises(Refused) as caught:
        read(data, key)
    return caught.value.word


def test_what_was_put_in_comes_out(sound: bytes, key: Path) -> None:
    first, found = read(sound, key)
    assert found == made("0.1.1")
    assert (str(first.manifest.version), first.manifest.file) == ("0.1.1", "stellwerk_0.1.1.update")
    assert first.size == len(sound)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_any_byte_changed_is_found(sound: bytes, key: Path, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(sound) - 1))
    byte = data.draw(st.integers(1, 255))
    changed = bytearray(sound)
    changed[place] ^= byte
    refused(bytes(changed), key)


def test_each_byte_of_the_head_counts(sound: bytes, key: Path) -> None:
    length = len(sound) - sum(map(len, made("0.1.1").values()))
    for place in range(length):
        refused(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :], key)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_anything_cut_off_is_found(sound: bytes, key: Path, data: st.DataObject) -> None:
    refused(sound[: data.draw(st.integers(0, len(sound) - 1))], key)


@given(st.binary(min_size=1, max_size=50))
@settings(max_examples=50, deadline=None)
def test_anything_too_many_is_found(sound: bytes, key: Path, more: bytes) -> None:
    assert refused(sound + more, key) == "damaged"


def test_another_s_signature_counts_for_nothing(sound: bytes, tmp_path: Path) -> None:
    assert refused(sound, make_key(tmp_path / "theirs")) == "not-signed"


def test_without_keys_nothing_is_taken(sound: bytes, tmp_path: Path) -> None:
    assert refused(sound, tmp_path / "none" / "update.key") == "no-keys"


def test_a_second_key_may_take_over(sound: bytes, key: Path, tmp_path: Path) -> None:
    new = make_key(tmp_path, "update-2")
    (tmp_path / "update.pub").write_bytes(key.with_suffix(".pub").read_bytes())
    assert read(sound, new)[1] == read(bundle("0.1.1", new), new)[1]


def test_a_key_of_another_kind_is_no_key(tmp_path: Path) -> None:
    subprocess.run(["openssl", "ecparam", "-genkey", "-name", "prime256v1", "-out", tmp_path / "k"], check=True)
    subprocess.run(["openssl", "pkey", "-in", tmp_path / "k", "-pubout", "-out", tmp_path / "k.pub"], check=True)
    with pytest.raises(ValueError, match="no Ed25519 key"):
        signature.keys(tmp_path)


def test_what_is_something_else_is_said_to_be(key: Path) -> None:
    assert refused(b"", key) == "no-update"
    assert refused(b"PK\x03\x04 and so on, as a ZIP begins", key) == "no-update"
    assert refused(b"stellwerk update 2\nsomething that comes later", key) == "newer-form"


names = list(made("0.1.1"))
ODD: list[dict[str, Any]] = [
    {"product": "signalbox"},
    {"product": "stellwerk-METAL"},
    {"product": "stellwerk-metal"},
    {"version": "0.1.1.1"},
    {"version": "0.01.1"},
    {"version": "0.1.٣"},
    {"version": 1},
    {"architecture": "../x"},
    {"created": "yesterday"},
    {"notes": {"fr": "mieux"}},
    {"notes": {"en": "x" * 5000}},
    {"notes": []},
    {"more": 1},
    {"members": []},
    {"members": [{"name": name, "size": 1, "sha256": "0" * 64} for name in reversed(names)]},
    {"members": [{"name": name, "size": 1, "sha256": "0" * 64} for name in [*names, "x"]]},
    {"members": [{"name": f"../{name}", "size": 1, "sha256": "0" * 64} for name in names]},
    {"members": [{"name": name, "size": 0, "sha256": "0" * 64} for name in names]},
    {"members": [{"name": name, "size": True, "sha256": "0" * 64} for name in names]},
    {"members": [{"name": name, "size": 1 << 40, "sha256": "0" * 64} for name in names]},
    {"members": [{"name": name, "size": 1, "sha256": "0"} for name in names]},
    {"members": [{"name": name.replace("0.1.1", "0.1.2"), "size": 1, "sha256": "0" * 64} for name in names]},
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:50])
def test_what_a_maker_signed_wrongly_is_not_taken(odd: dict[str, Any], key: Path) -> None:
    assert refused(head(manifest("0.1.1") | odd, key), key) == "odd-manifest"


def test_a_manifest_has_each_word_once_and_no_end_that_never_comes(key: Path, sound: bytes) -> None:
    assert refused(sound[:19] + b"%08d\n" % (LONGEST + 1) + sound[28:], key) == "damaged"
    deep = head(manifest("0.1.1", notes=json.loads("[" * 400 + "]" * 400)), key)
    assert refused(deep, key) == "odd-manifest"


def test_versions_are_numbers() -> None:
    assert sorted(map(Version.of, ["0.10.0", "0.9.10", "0.9.9", "1.0.0"])) == [
        *(Version(0, 9, 9), Version(0, 9, 10), Version(0, 10, 0), Version(1, 0, 0))
    ]
    for odd in ("", "1", "1.0", "1.0.0-rc1", "1.0.0\n", " 1.0.0", "01.0.0", "1.0.123456"):
        with pytest.raises(ValueError, match="no version"):
            Version.of(odd)


def make(images: Path, key: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """`make update`."""
    command = [
        sys.executable,
        "-I",
        str(PROGRAM),
        "--images",
        str(images),
        "--version",
        "0.1.1",
        "--key",
        str(key),
        *more,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_maker_s_program_makes_what_a_machine_takes(tmp_path: Path, key: Path) -> None:
    images = parts(tmp_path / "image", "0.1.1")
    (tmp_path / "neu.txt").write_text("Ultraschall wird schneller geschwärzt.\n")
    more = ("--created", "1764234000", "--minimum", "0.1.0", "--notes-de", str(tmp_path / "neu.txt"))
    done = make(images, key, *more)
    assert done.returncode == 0, done.stderr
    update = images / "stellwerk_0.1.1.update"
    first, found = read(update.read_bytes(), key)
    assert list(found) == names
    assert all(found[name] == (images / name).read_bytes() for name in found)
    assert first.manifest.notes == {"de": "Ultraschall wird schneller geschwärzt."}
    assert (first.manifest.created, str(first.manifest.minimum)) == ("2025-11-27T09:00:00Z", "0.1.0")
    latest = (images / "latest_stellwerk_x86-64.head").read_bytes()
    assert read_head(io.BytesIO(latest), signature.keys(key.parent)) == first
    before = update.read_bytes()
    assert (
        make(
            images, key, "--created", "1764234000", "--minimum", "0.1.0", "--notes-de", str(tmp_path / "neu.txt")
        ).returncode
        == 0
    )
    assert update.read_bytes() == before


def test_it_says_what_is_missing(tmp_path: Path, key: Path) -> None:
    images = parts(tmp_path / "image", "0.1.1")
    (images / "stellwerk_0.1.1.efi").unlink()
    assert "has 0 files stellwerk_0.1.1.efi" in make(images, key).stderr
    (images / "stellwerk_0.1.1.efi").write_text("kernel")
    assert "openssl cannot sign with" in make(images, tmp_path / "no.key").stderr
    assert not list(images.glob("*.update"))
