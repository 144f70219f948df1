"""The recovery key: the real systemd-cryptenroll on a LUKS header in a file; a new key ends the former."""

import ctypes
import shutil
import subprocess
from pathlib import Path

import pytest

from appliance.machine import recovery
from appliance.machine.recovery import MAGIC, beneath, is_encrypted, new_key, why


class Pbkdf(ctypes.Structure):
    """struct crypt_pbkdf_type of libcryptsetup.h."""

    _fields_ = (
        ("type", ctypes.c_char_p),
        ("hash", ctypes.c_char_p),
        *((name, ctypes.c_uint32) for name in ("time", "iterations", "memory", "threads", "flags")),
    )


class Luks:
    """A LUKS2 header in a file, by the library that cryptsetup is made of; nothing is ever mapped."""

    def __init__(self, file: Path) -> None:
        try:
            self._library = ctypes.CDLL("libcryptsetup.so.12")
        except OSError:
            pytest.skip("libcryptsetup is not here")
        self._device = ctypes.c_void_p()
        assert self._library.crypt_init(ctypes.byref(self._device), str(file).encode()) == 0

    def format(self, password: bytes) -> None:
        quick = Pbkdf(b"pbkdf2", b"sha256", 0, 1000, 0, 0, 2)
        device, none = self._device, None
        assert self._library.crypt_set_pbkdf_type(device, ctypes.byref(quick)) == 0
        size = ctypes.c_size_t(64)
        assert self._library.crypt_format(device, b"LUKS2", b"aes", b"xts-plain64", none, none, size, none) == 0
        length = ctypes.c_size_t(len(password))
        add = self._library.crypt_keyslot_add_by_volume_key
        assert add(device, -1, none, ctypes.c_size_t(0), password, length) == 0

    def is_opened_by(self, password: bytes) -> bool:
        self._library.crypt_load(self._device, b"LUKS2", None)
        length = ctypes.c_size_t(len(password))
        return bool(self._library.crypt_activate_by_passphrase(self._device, None, -1, password, length, 0) >= 0)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    if not shutil.which("systemd-cryptenroll"):
        pytest.skip("systemd-cryptenroll is not here")
    image = tmp_path / "data.img"
    with image.open("wb") as stream:
        stream.truncate(32 << 20)
    Luks(image).format(b"as the TPM would")
    (tmp_path / "key").write_bytes(b"as the TPM would")
    return image


def test_a_key_opens_the_disk_and_the_next_takes_its_place(disk: Path) -> None:
    unlock = f"--unlock-key-file={disk.with_name('key')}"
    first = new_key(disk, unlock)
    assert Luks(disk).is_opened_by(first.encode())
    second = new_key(disk, unlock)
    assert second != first
    assert Luks(disk).is_opened_by(second.encode())
    assert not Luks(disk).is_opened_by(first.encode())
    assert Luks(disk).is_opened_by(b"as the TPM would")


def test_where_the_disk_cannot_be_opened_it_is_said_and_nothing_changed(disk: Path) -> None:
    disk.with_name("key").write_bytes(b"another")
    before = disk.read_bytes()
    with pytest.raises(subprocess.CalledProcessError) as failed:
        new_key(disk, f"--unlock-key-file={disk.with_name('key')}")
    assert "ailed" in why(failed.value)
    assert disk.read_bytes() == before


def test_only_what_is_encrypted_has_a_key(tmp_path: Path) -> None:
    assert not is_encrypted(tmp_path / "none")
    (tmp_path / "plain").write_bytes(bytes(4096))
    assert not is_encrypted(tmp_path / "plain")
    (tmp_path / "luks").write_bytes(MAGIC + bytes(4096))
    assert is_encrypted(tmp_path / "luks")


def test_the_partition_is_the_one_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "dm-3/slaves/vda7").mkdir(parents=True)
    (tmp_path / "data").symlink_to("dm-3")
    assert beneath(tmp_path / "data", tmp_path) == Path("/dev/vda7")
    assert beneath(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(("is_there", "has_users"), [(True, True), (False, False)])
def test_no_key_is_made_where_nobody_needs_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_there: bool, has_users: bool
) -> None:
    monkeypatch.setattr(recovery, "LETTER", tmp_path / "recovery.json")
    monkeypatch.setattr(recovery, "beneath", lambda _: tmp_path / "data")
    monkeypatch.setattr(recovery, "USERS", tmp_path / "users")
    monkeypatch.setattr(recovery.os, "umask", lambda mask: mask)
    if is_there:
        (tmp_path / "data").write_bytes(MAGIC + bytes(4096))
    if has_users:
        (tmp_path / "users").write_text("{}")
    before = set(tmp_path.iterdir())
    assert recovery.run(recovery.argparse.Namespace()) == 0
    assert set(tmp_path.iterdir()) == before


def test_what_a_program_has_printed_is_not_repeated() -> None:
    assert why(subprocess.CalledProcessError(1, ["x"], "a key", "one\ntwo\n")) == "two"
    assert why(subprocess.TimeoutExpired(["x"], 1)) == "it took too long"
    assert why(FileNotFoundError(2, "No such file or directory")) == "No such file or directory"
