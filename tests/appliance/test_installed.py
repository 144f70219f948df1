"""On an installed machine every command finds the settings and the data of the service; elsewhere none does."""

import argparse
from pathlib import Path

import pytest

from appliance import installed
from appliance.commands.common import settings_of
from appliance.settings import SettingsError

NOTHING_SAID = argparse.Namespace(settings=None, rules=None, data=None)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where its settings would be."""
    monkeypatch.setattr(installed, "ENVIRONMENT", tmp_path / "venv")
    monkeypatch.setattr(installed, "SETTINGS", tmp_path / "stellwerk.toml")
    monkeypatch.setattr("sys.prefix", str(tmp_path / "venv"))
    return tmp_path / "stellwerk.toml"


def test_a_checkout_knows_no_such_places() -> None:
    assert not installed.is_installed()
    assert settings_of(NOTHING_SAID).data == Path("data")


@pytest.mark.usefixtures("machine")
def test_without_settings_the_data_are_where_the_service_has_them() -> None:
    assert settings_of(NOTHING_SAID).data == Path("/var/lib/stellwerk")


def test_the_settings_of_the_machine_count(machine: Path) -> None:
    machine.write_text('data = "/srv/images"\nlanguage = "en"\n', "utf-8")
    settings = settings_of(NOTHING_SAID)
    assert (settings.data, settings.language) == (Path("/srv/images"), "en")


def test_the_command_line_goes_before_them(machine: Path, tmp_path: Path) -> None:
    machine.write_text('data = "/srv/images"\nlanguage = "en"\n', "utf-8")
    other = tmp_path / "other.toml"
    other.write_text('ae_title = "OTHER"\n', "utf-8")
    settings = settings_of(argparse.Namespace(settings=other, rules=None, data=Path("elsewhere")))
    assert (settings.data, settings.ae_title, settings.language) == (Path("elsewhere"), "OTHER", "de")


def test_settings_that_may_not_be_read_are_told_in_words(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(machine), "exists", refused)
    monkeypatch.setattr(type(machine), "read_text", refused)
    with pytest.raises(SettingsError, match="cannot be read"):
        settings_of(NOTHING_SAID)
