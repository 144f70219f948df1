"""Updates as root installs them: what is refused and why, what is remembered, and power cuts at every step."""

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from appliance.machine import memory, update
from appliance.machine.bundle import Version, read_head
from appliance.machine.facts import gather
from appliance.machine.signature import keys
from appliance.machine.update import SYSUPDATE, ordered
from appliance.machine.words import MACHINE_WORDS
from engine import files
from tests.image.updates import Machine, bundle, head, made, make_key, manifest


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_key(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def machine(tmp_path: Path, key: Path) -> Machine:
    made = Machine(tmp_path / "root")
    (made.places.keys / "update.pub").write_bytes(key.with_suffix(".pub").read_bytes())
    return made


def install(machine: Machine, data: bytes, name: str = "a.update") -> Any:
    """Have it installed; answers what the machine says."""
    machine.upload(data, name)
    ordered(machine.places, machine.call, name)
    return machine.answer("update")


def test_a_newer_version_goes_to_the_other_slot(machine: Machine, key: Path) -> None:
    told = install(machine, bundle("0.1.1", key))
    assert told["ok"] == "Version 0.1.1 is installed. It starts with the next restart."
    assert machine.slots() == ["stellwerk_0.1.0.efi", "stellwerk_0.1.1+2-0.efi"]
    assert [call[1:] for call in machine.calls] == [["--instances-max=1", "vacuum"], ["--verify=no", "update", "0.1.1"]]
    assert not list(machine.places.kept.glob("staged*"))
    assert machine.places.kept.stat().st_mode & 0o777 == 0o700


def test_it_restarts_when_it_is_to(machine: Machine, key: Path) -> None:
    machine.upload(bundle("0.1.1", key), "a.update")
    (machine.places.told / "order.json").write_text('{"name": "a.update", "restart": "now"}')
    ordered(machine.places, machine.call)
    assert machine.calls[-1] == ["systemctl", "reboot"]
    assert machine.answer("update")["word"] == "installed-now"


def metal(key: Path) -> bytes:
    """An update for another flavour of the image."""
    told = json.loads(
        json.dumps(manifest("0.1.1", product="stellwerk-metal")).replace("stellwerk_", "stellwerk-metal_")
    )
    return head(told, key) + b"".join(made("0.1.1").values())


REFUSED: list[tuple[str, Callable[[Path], bytes]]] = [
    ("running", lambda key: bundle("0.1.0", key)),
    ("older", lambda key: bundle("0.0.9", key)),
    ("architecture", lambda key: bundle("0.1.1", key, architecture="riscv64")),
    ("flavour", metal),
    ("between", lambda key: bundle("0.3.0", key, minimum="0.2.0")),
    ("damaged", lambda key: bundle("0.1.1", key)[:-1]),
    ("damaged", lambda key: bundle("0.1.1", key) + b"x"),
    ("damaged", lambda key: bundle("0.1.1", key).replace(b"kernel 0.1.1", b"kernel 0.1.2")),
    ("not-signed", lambda key: bundle("0.1.1", key).replace(b"Better", b"Bitter")),
    ("not-signed", lambda key: bundle("0.1.1", make_key(key.parent / "theirs"))),
    ("no-update", lambda _: b"\x00" * 1000),
]


@pytest.mark.parametrize(("word", "data"), REFUSED)
def test_what_is_refused_changes_nothing(machine: Machine, key: Path, word: str, data: Callable[[Path], bytes]) -> None:
    told = install(machine, data(key))
    assert told["word"] == word
    assert told["no"] == MACHINE_WORDS[word].format(**told["facts"])
    assert machine.slots() == ["stellwerk_0.1.0.efi"]
    assert not machine.calls, "sysupdate was never called"
    # What is left of an update that was not whole goes with the next one.
    assert not (machine.places.kept / "staged").exists()
    assert install(machine, bundle("0.1.1", key))["word"] == "installed"


def test_what_has_no_room_is_refused_before_it_is_written(
    machine: Machine, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(update.shutil, "disk_usage", lambda _: SimpleNamespace(free=60_000_000))
    told = install(machine, bundle("0.1.1", key))
    assert told["no"].startswith("There is no room for the update: 68 MB are needed, 60 MB are free.")
    assert not (machine.places.kept / "staged.draft").exists()


def test_only_a_plain_file_in_the_service_s_folder_is_read(machine: Machine, key: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside.update"
    outside.write_bytes(bundle("0.1.1", key))
    folder = machine.places.data / "updates"
    (folder / "link.update").symlink_to(outside)
    (folder / "folder.update").mkdir()
    os.mkfifo(folder / "pipe.update")
    for name in ("link.update", "folder.update", "pipe.update", "../updates/a.update", "/etc/passwd", "..", ""):
        ordered(machine.places, machine.call, name or None)
        assert machine.answer("update")["no"], name
    ordered(machine.places, machine.call, "gone.update")
    assert machine.answer("update")["word"] == "no-file"
    folder.rename(folder.with_name("real"))
    folder.symlink_to(outside.parent)
    ordered(machine.places, machine.call, "outside.update")
    assert machine.answer("update")["word"] == "other-file"
    assert machine.slots() == ["stellwerk_0.1.0.efi"]


def test_who_changes_the_file_while_it_is_read_changes_nothing(machine: Machine, key: Path) -> None:
    """What was read is what is written: sysupdate finds nothing of the service's."""
    path = machine.places.data / "updates/a.update"
    machine.before = lambda _: path.write_bytes(b"something else") and None
    assert install(machine, bundle("0.1.1", key))["word"] == "installed"


def test_a_machine_that_is_no_image_says_how_it_is_updated(tmp_path: Path) -> None:
    other = Machine(tmp_path / "root", image=False)
    assert "apt" in install(other, b"")["no"]


def test_where_the_slot_cannot_be_written_it_says_so_and_may_be_tried_again(machine: Machine, key: Path) -> None:
    machine.fails["update"] = "Failed to write: No space left on device\n"
    told = install(machine, bundle("0.1.1", key))
    assert told["word"] == "no-slot"
    assert "No space left on device" in told["no"]
    assert machine.slots() == ["stellwerk_0.1.0.efi"]
    machine.fails.clear()
    assert install(machine, bundle("0.1.1", key))["word"] == "installed"


def test_two_at_once_are_refused(machine: Machine, key: Path) -> None:
    def meanwhile(_: object) -> None:
        machine.before = None
        ordered(machine.places, machine.call, "a.update")
        assert machine.answer("update")["word"] == "busy"

    machine.before = meanwhile
    assert install(machine, bundle("0.1.1", key))["word"] == "installed"


def test_nothing_older_than_what_ran_well_is_taken(machine: Machine, key: Path) -> None:
    """0.1.2 runs well; then somebody has the machine start 0.1.0 again: it takes 0.1.2 and newer, not 0.1.1."""
    install(machine, bundle("0.1.2", key))
    machine.runs("0.1.2")
    machine.count()
    gather(machine.places, machine.call)
    assert memory.highest(machine.places) is None, "it is still on trial"
    machine.count(False)
    gather(machine.places, machine.call)
    assert memory.highest(machine.places) == Version(0, 1, 2)
    machine.runs("0.1.0")
    told = install(machine, bundle("0.1.1", key))
    assert told["word"] == "older-than-highest"
    assert "0.1.2, which has run here" in told["no"]
    assert install(machine, bundle("0.1.2", key))["word"] == "installed"


def test_a_version_that_did_not_come_up_may_be_followed_by_a_lower_one(machine: Machine, key: Path) -> None:
    install(machine, bundle("0.1.2", key))
    machine.runs("0.1.2")
    machine.count()
    gather(machine.places, machine.call)
    machine.runs("0.1.0")
    machine.count(False)
    gather(machine.places, machine.call)
    assert install(machine, bundle("0.1.1", key))["word"] == "installed"


def test_whoever_has_the_disk_can_make_it_forget_and_not_make_it_believe(machine: Machine, key: Path) -> None:
    other = make_key(machine.root / "theirs")
    machine.places.kept.mkdir()
    kept = machine.places.kept / memory.HIGHEST
    for forged in (head(manifest("9.9.9"), other), b"9.9.9", b"", os.urandom(500)):
        kept.write_bytes(forged)
        assert memory.highest(machine.places) is None
    kept.write_bytes(head(manifest("0.5.0"), key))
    assert memory.highest(machine.places) == Version(0, 5, 0)


class Cut(BaseException):
    """The power goes."""


CHANGING = ("write", "move", "remove", "make_folder", "remove_folder", "sync", "sync_all", "put")


def cutting(monkeypatch: pytest.MonkeyPatch, at: int, after: bool) -> list[str]:
    """Break off at the at-th call of ours that changes the disk, before it or just after; answers what was called."""
    done: list[str] = []

    def replaced(name: str, real: Any) -> Any:
        def call(*arguments: Any, **more: Any) -> Any:
            done.append(name)
            if len(done) == at and not after:
                raise Cut
            found = real(*arguments, **more)
            if len(done) == at:
                raise Cut
            return found

        return call

    for name in CHANGING:
        monkeypatch.setattr(files, name, replaced(name, getattr(files, name)))
    return done


def test_a_power_cut_at_any_step_leaves_a_machine_that_starts(
    tmp_path: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Installed, started, found good: cut at each operation, started anew, and done again to the end."""
    for after in (False, True):
        at, went = 1, True
        while went:
            machine = Machine(tmp_path / f"{at}-{after}")
            (machine.places.keys / "update.pub").write_bytes(key.with_suffix(".pub").read_bytes())
            machine.upload(bundle("0.1.1", key), "a.update")
            with monkeypatch.context() as patch:
                done = cutting(patch, at, after)
                try:
                    ordered(machine.places, machine.call, "a.update")
                    machine.runs("0.1.1")
                    gather(machine.places, machine.call)
                except Cut:
                    pass
                went = len(done) >= at
            assert "stellwerk_0.1.0.efi" in machine.slots(), "what ran before is always there"
            assert memory.highest(machine.places) in (None, Version(0, 1, 1))
            if machine.version == "0.1.0":
                assert install(machine, bundle("0.1.1", key))["word"] == "installed", (at, after, done)
                machine.runs("0.1.1")
            gather(machine.places, machine.call)
            assert memory.highest(machine.places) == Version(0, 1, 1), (at, after, done)
            assert not list(machine.places.kept.glob("staged*"))
            at += 1
        assert at > 20, "the operations were seen"


def test_what_the_disk_refuses_is_said(machine: Machine, key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OSError(5, "Input/output error")

    machine.upload(bundle("0.1.1", key), "a.update")
    monkeypatch.setattr(update.files, "sync_all", broken)
    assert ordered(machine.places, machine.call, "a.update") == 1
    assert machine.answer("update")["no"].startswith("The disk has failed: Input/output error.")
    assert not any(call[0] == SYSUPDATE for call in machine.calls)


def test_what_is_remembered_is_the_signed_head_itself(machine: Machine, key: Path) -> None:
    data = bundle("0.1.1", key)
    install(machine, data)
    kept = (machine.places.kept / memory.INSTALLED).read_bytes()
    assert data.startswith(kept)
    assert read_head(io.BytesIO(kept), keys(machine.places.keys)).manifest.size == sum(map(len, made("0.1.1").values()))
