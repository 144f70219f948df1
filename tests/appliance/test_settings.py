"""Settings: defaults that work, a TOML file over them, the environment over that; mistakes are told in words."""

from pathlib import Path

import pytest

from appliance.settings import Settings, SettingsError

TOML = """
data = "/srv/stellwerk"
language = "en"
min_free_mb = 1024

[mail]
host = "mail.praxis.example"
port = 2525
security = "none"
quiet_seconds = 30
"""


def load(folder: Path, toml: str = "", **environment: str) -> Settings:
    """Settings from this file and this environment."""
    file = folder / "stellwerk.toml"
    file.write_text(toml, encoding="utf-8")
    return Settings.load(file, {f"STELLWERK_{name.upper()}": value for name, value in environment.items()})


def test_without_anything_said_the_defaults_work() -> None:
    settings = Settings.load(None, {"PATH": "/bin", "HOME": "/root"})
    assert settings == Settings()
    assert settings.spool == Path("data/spool")
    assert settings.rules_path == Path("data/rules")
    assert settings.archive_folder("archive") == Path("data/archive")
    assert settings.language == "de"
    assert settings.relay() is None


def test_the_file_is_read_with_and_without_sections(tmp_path: Path) -> None:
    settings = load(tmp_path, TOML)
    assert settings == load(
        tmp_path,
        TOML.replace("[mail]", "")
        .replace("\nhost", "\nmail_host")
        .replace("\nport", "\nmail_port")
        .replace("\nsecurity", "\nmail_security")
        .replace("\nquiet", "\nmail_quiet"),
    )
    assert settings.spool == Path("/srv/stellwerk/spool")
    assert settings.mail_host == "mail.praxis.example"
    assert settings.mail_security == "none"


def test_numbers_are_numbers_wherever_they_come_from(tmp_path: Path) -> None:
    for settings in (
        load(tmp_path, TOML),
        load(tmp_path, "", min_free_mb="1024", mail_port="2525", mail_quiet_seconds="30"),
        Settings().changed(min_free_mb="1024", mail_port="2525", mail_quiet_seconds="30"),
    ):
        found = (settings.min_free_mb, settings.mail_port, settings.mail_quiet_seconds)
        assert found == (1024, 2525, 30.0)
        assert [type(number) for number in found] == [int, int, float]


def test_the_environment_goes_over_the_file_and_the_command_over_both(tmp_path: Path) -> None:
    settings = load(tmp_path, TOML, language="de", mail_port="465")
    assert (settings.language, settings.mail_port, settings.min_free_mb) == ("de", 465, 1024)
    changed = settings.changed(data=Path("/other"), mail_port=None)
    assert (changed.data, changed.mail_port) == (Path("/other"), 465)


def test_folders_follow_the_data_folder_unless_they_are_set(tmp_path: Path) -> None:
    settings = load(tmp_path, TOML, archive="/mnt/nas/images", rules="/etc/stellwerk/house.rules")
    assert settings.rules_path == Path("/etc/stellwerk/house.rules")
    assert settings.archive_folder("archive") == Path("/mnt/nas/images")
    assert settings.archive_folder("teaching") == Path("/mnt/nas/teaching")
    assert load(tmp_path, TOML).archive_folder("teaching") == Path("/srv/stellwerk/teaching")
    assert load(tmp_path, "", data="~/stellwerk").data == Path.home() / "stellwerk"


@pytest.mark.parametrize(
    ("toml", "environment", "words"),
    [
        ("colour = 1", {}, ["stellwerk.toml", "colour", "no setting", "mail_host"]),
        ("[mail]\nhots = 'x'", {}, ["stellwerk.toml", "mail_hots", "no setting", "mail_host"]),
        ("[a.b]\nc = 1", {}, ["a_b", "no setting"]),
        ("", {"mail_hots": "x"}, ["environment", "STELLWERK_MAIL_HOTS", "no setting", "STELLWERK_MAIL_HOST"]),
        ("min_free_mb = 'much'", {}, ["stellwerk.toml", "min_free_mb", "a number", "much"]),
        ("min_free_mb = true", {}, ["min_free_mb", "a number"]),
        ("min_free_mb = 1.5", {}, ["min_free_mb", "a number"]),
        ("", {"min_free_mb": "-1"}, ["environment", "min_free_mb", "a number"]),
        ("", {"mail_quiet_seconds": "nan"}, ["mail_quiet_seconds", "a number"]),
        ("", {"mail_port": ""}, ["mail_port", "a number"]),
        ("", {"rules": ""}, ["rules", "is empty"]),
        ("[mail]\nhost = ['a', 'b']", {}, ["mail_host", "one value"]),
        ("[mail]\nsecurity = 'ssl'", {}, ["mail_security", "starttls, tls, none"]),
        ("", {"language": "fr"}, ["environment", "language", "en, de"]),
        ("data = ", {}, ["stellwerk.toml", "not a settings file"]),
    ],
)
def test_a_mistake_is_told_in_words(tmp_path: Path, toml: str, environment: dict[str, str], words: list[str]) -> None:
    with pytest.raises(SettingsError) as error:
        load(tmp_path, toml, **environment)
    for word in words:
        assert word in str(error.value)


def test_a_file_that_cannot_be_read_is_told_in_words(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"gone\.toml cannot be read"):
        Settings.load(tmp_path / "gone.toml", {})
    (tmp_path / "latin.toml").write_bytes(b'data = "\xfc"')
    with pytest.raises(SettingsError, match="not a settings file"):
        Settings.load(tmp_path / "latin.toml", {})


# --- the mail relay ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("security", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_relays_usual_port_follows_from_its_security(tmp_path: Path, security: str, port: int) -> None:
    relay = load(tmp_path, "", mail_host="mail", mail_security=security).relay()
    assert relay is not None
    assert relay.port == port
    relay = load(tmp_path, "", mail_host="mail", mail_security=security, mail_port="1025").relay()
    assert relay is not None
    assert relay.port == 1025


def test_the_mail_password_is_read_from_its_file_and_never_shown(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("geheim!\n", encoding="utf-8")
    settings = load(tmp_path, "", mail_host="mail", mail_user="it", mail_password_file=str(secret))
    relay = settings.relay()
    assert relay is not None
    assert relay.password == "geheim!"
    for shown in (repr(settings), str(settings), repr(relay), str(relay)):
        assert "geheim" not in shown


def test_a_password_file_that_is_not_there_is_told_in_words(tmp_path: Path) -> None:
    settings = load(tmp_path, "", mail_host="mail", mail_password_file=str(tmp_path / "gone"))
    with pytest.raises(SettingsError, match="password file cannot be read"):
        settings.relay()
