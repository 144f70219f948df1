"""Every night: made, read back, the oldest removed; and somebody hears of it where that does not work."""

import io
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path
from unittest import mock

import pytest

from appliance.backup import nightly
from appliance.backup.nightly import Nightly, NotMade, backups_in, keep
from appliance.backup.sealed import Reader
from appliance.cli import main
from appliance.settings import Settings
from engine.destinations.alarms import title
from tests.appliance.backup.house import PASSPHRASE, House
from tests.engine.spool.crash_kit import disk

NIGHT = datetime(2026, 11, 28, 2, 30)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    house = House(tmp_path / "data")
    key = tmp_path / "passphrase"
    key.write_text(f"{PASSPHRASE}\n", "utf-8")
    key.chmod(0o600)
    (tmp_path / "share").mkdir()
    return house.settings.changed(backup_to=tmp_path / "share", backup_passphrase_file=key, backup_keep="3")


def share_of(settings: Settings) -> Path:
    assert settings.backup_to is not None
    return settings.backup_to


def test_so_many_are_kept_and_nobody_elses_is_touched(settings: Settings) -> None:
    share = share_of(settings)
    (share / "stellwerk-another-machine-2020-01-01-023000.backup").write_bytes(b"not ours")
    (share / "holiday.jpg").write_bytes(b"not ours either")
    made = [keep(settings, lambda day=day: 1.8e9 + day * 86400) for day in range(5)]
    assert backups_in(share) == made[-3:]
    assert {path.name for path in share.iterdir() if not path.name.startswith(".")} - {path.name for path in made} == {
        "stellwerk-another-machine-2020-01-01-023000.backup",
        "holiday.jpg",
    }
    reader = Reader(io.BytesIO(made[-1].read_bytes()), PASSPHRASE)
    assert reader.read()
    assert reader.is_over


@pytest.mark.parametrize("point", [1, 2, 3, 4, 5, 6, 7, 8])
def test_a_disk_that_fails_leaves_no_half_backup_and_removes_no_old_one(settings: Settings, point: int) -> None:
    share = share_of(settings)
    before = [keep(settings, lambda day=day: 1.8e9 + day * 86400) for day in range(3)]
    with disk(error_at=point) as done, suppress(NotMade):
        keep(settings, lambda: 1.9e9)
    found = backups_in(share)
    assert set(before[-2:]) <= set(found)
    for file in found:
        reader = Reader(io.BytesIO(file.read_bytes()), PASSPHRASE)
        assert reader.read()
        assert reader.is_over
    assert not list(share.glob(".*.part")) or point > len(done)


def test_a_share_that_is_not_mounted_gets_none(settings: Settings) -> None:
    share = share_of(settings)
    keep(settings)
    for path in share.iterdir():
        path.unlink()
    with pytest.raises(NotMade, match="not the folder that it was"):
        keep(settings)
    assert not list(share.iterdir())


def test_what_the_share_has_not_kept_is_no_backup(settings: Settings) -> None:
    keep(settings)
    with (
        mock.patch.object(nightly, "make", lambda _settings, into, _passphrase: into.write(b"stellwerk-backup\n")),
        pytest.raises(NotMade, match="has not kept what was written"),
    ):
        keep(settings, lambda: 1.9e9)
    assert len(backups_in(share_of(settings))) == 1


def test_what_is_missing_is_said(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(NotMade, match="go together"):
        keep(Settings(data=settings.data, backup_to=tmp_path))
    with pytest.raises(NotMade, match="cannot be read"):
        keep(settings.changed(backup_passphrase_file=tmp_path / "nowhere"))


def test_the_command_as_the_appliance_calls_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def not_in_a_sandbox(_: int) -> int:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.nice", not_in_a_sandbox)
    monkeypatch.setenv("STELLWERK_BACKUP_TO", str(share_of(settings)))
    assert main(["backup", "--nightly", "--data", str(settings.data)]) == 1
    assert "go together" in capsys.readouterr().err
    monkeypatch.setenv("STELLWERK_BACKUP_PASSPHRASE_FILE", str(settings.backup_passphrase_file))
    assert main(["backup", "--nightly", "--data", str(settings.data)]) == 0
    assert len(backups_in(share_of(settings))) == 1


def test_the_clock(settings: Settings) -> None:
    answers = [(1, "the share is away"), (1, ""), (0, "")]
    watched = Nightly(settings, ["--data", "x"], run=lambda _: answers.pop(0))
    evening = datetime(2026, 11, 27, 20, 0)
    assert watched.first(evening) == evening + timedelta(minutes=10), "there is none yet"
    keep(settings, lambda: evening.timestamp())
    for path in backups_in(share_of(settings)):
        os.utime(path, (evening.timestamp(), evening.timestamp()))
    assert watched.first(evening) == NIGHT
    assert watched.first(evening + timedelta(days=2)) == evening + timedelta(days=2, minutes=10), "it is too old"
    assert watched.turn(NIGHT) == NIGHT + timedelta(hours=1)
    trouble = watched.trouble
    assert not isinstance(trouble, str)
    assert "the share is away; it is tried again each hour" in trouble.words
    assert "die nächtliche Sicherung" in trouble.german
    assert watched.turn(NIGHT) == NIGHT + timedelta(hours=1)
    assert watched.turn(NIGHT) == NIGHT + timedelta(days=1)
    assert watched.trouble == ""


def test_its_trouble_has_a_name() -> None:
    assert title("the backup", "de") == "die nächtliche Sicherung"


def test_it_is_done_by_a_process_of_its_own(settings: Settings) -> None:
    watched = Nightly(settings, ["--data", str(settings.data)])
    assert watched.turn(NIGHT) == NIGHT + timedelta(hours=1), "that process is told of no such setting"
    assert "go together" in str(watched.trouble)
