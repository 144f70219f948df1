"""Sticks and drives: what has our label or is a common kind of stick is mounted, read, and left as it was."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.machine import sources
from appliance.machine.sources import Drive, on_drive, probed


def loop(image: Path) -> str | None:
    done = subprocess.run(["losetup", "--find", "--show", str(image)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or None


@pytest.fixture
def stick(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder that becomes a stick of ext4 with our label, and its device."""
    if os.geteuid() or not shutil.which("mkfs.ext4") or not shutil.which("losetup"):
        pytest.skip("to mount, root, mkfs.ext4 and losetup are needed")
    content, image = tmp_path / "content", tmp_path / "stick.img"
    (content / "rules").mkdir(parents=True)
    (content / "StellWerk.conf.txt").write_bytes(b'hostname = "praxis"\n')
    (content / "rules/house.rules").write_bytes(b"# house\n")
    (content / "rules/notes.txt").write_bytes(b"no rules\n")
    (content / "rules/.hidden.rules").write_bytes(b"no rules\n")
    image.write_bytes(b"")
    os.truncate(image, 4 << 20)
    command = ["mkfs.ext4", "-q", "-F", "-L", "STELLWERK", "-d", str(content), str(image)]
    subprocess.run(command, check=True, capture_output=True)
    device = loop(image)
    if device is None:
        pytest.skip("there is no loop device here")
    yield image, device
    subprocess.run(["losetup", "--detach", device], check=True)


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MOUNTED", tmp_path / "mounted")


def test_a_stick_is_read_and_not_changed(stick: tuple[Path, str]) -> None:
    image, device = stick
    before = image.read_bytes()
    drive = probed(device)
    assert drive == Drive(device, "ext4", "STELLWERK")
    found = on_drive(drive)
    assert found is not None
    assert (found.where, found.conf, found.rules) == (
        "STELLWERK",
        b'hostname = "praxis"\n',
        {"house.rules": b"# house\n"},
    )
    assert image.read_bytes() == before
    assert str(sources.MOUNTED) not in Path("/proc/self/mounts").read_text()


def test_the_stick_is_among_the_drives(stick: tuple[Path, str]) -> None:
    _, device = stick
    assert device in [drive.device for drive in sources.drives()]


def test_a_disk_in_use_is_not_looked_at(stick: tuple[Path, str], tmp_path: Path) -> None:
    _, device = stick
    place = tmp_path / "in-use"
    place.mkdir()
    subprocess.run(["mount", "-o", "ro", device, str(place)], check=True)
    try:
        assert device not in [drive.device for drive in sources.drives()]
    finally:
        subprocess.run(["umount", str(place)], check=True)


def test_a_link_on_a_stick_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "stellwerk.conf").symlink_to("/etc/shadow")
    with pytest.raises(OSError, match="symbolic links"):
        sources._small(tmp_path, "stellwerk.conf", 100)
    (tmp_path / "rules").symlink_to("/etc")
    assert sources._rules(tmp_path, "rules") == {}


def test_what_is_no_plain_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "stellwerk.conf")
    with pytest.raises(OSError, match="no plain file"):
        sources._small(tmp_path, "stellwerk.conf", 100)


def test_what_is_no_file_system_of_ours_is_none(tmp_path: Path) -> None:
    (tmp_path / "image").write_bytes(bytes(1 << 20))
    assert probed(str(tmp_path / "image")) is None


def test_a_usb_stick_that_is_not_yet_a_drive_is_waited_for(tmp_path: Path) -> None:
    port = tmp_path / "1-1:1.0"
    port.mkdir()
    (port / "bInterfaceClass").write_text("08\n")
    (tmp_path / "1-2:1.0").mkdir()
    (tmp_path / "1-2:1.0/bInterfaceClass").write_text("03\n")
    assert list(sources._beginning(tmp_path)) == [port]
    (port / "host2/target2:0:0/2:0:0:0/block/sda").mkdir(parents=True)
    assert list(sources._beginning(tmp_path)) == []
