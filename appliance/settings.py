"""Settings: where things are and how the house reaches its mail relay. TOML, then the environment, then the command.

Everything has a default that works. What happens to images is never a setting: that is what rule files are for.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Self

from engine.destinations.letter import LANGUAGES
from engine.destinations.relay import Relay
from engine.dicom import Pace

SECURITY = ("starttls", "tls", "none")
KEPT = ("keep", "delete")
_PORTS = {"starttls": 587, "tls": 465, "none": 25}


class SettingsError(ValueError):
    """A setting that cannot be; the text says which, where and what would do."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings, each with its default."""

    data: Path = Path("data")
    """Spool, archive and rules lie in here."""
    rules: Path | None = None
    """A rule file or a folder of them; `<data>/rules` where nothing is said."""
    archive: Path | None = None
    """Where `store` keeps its copies; `<data>/archive` where nothing is said. `store in NAME` goes beside it."""
    address: str = "0.0.0.0"
    """The network address to listen on."""
    ae_title: str = "STELLWERK"
    """What we call ourselves, to senders and destinations, where the rules say nothing else."""
    language: str = "de"
    """Of mails and messages: de or en."""
    console_port: int = 26180
    """Where the console is, by HTTPS; with 0 there is none beside the appliance."""
    machine: Path | None = None
    """The folder by which the appliance talks to a machine that is all its own; none: it does not."""
    update_url: str = ""
    """Where the console of an appliance image looks for a newer version: the address of a folder, by HTTPS."""
    rules_git: str = ""
    """The address of a Git repository, by HTTPS, from which the rules come; none: they are changed here."""
    rules_git_branch: str = "main"
    rules_git_folder: str = ""
    """The folder in it where they are; its root where nothing is said."""
    rules_git_minutes: int = 5
    """So often it is looked at."""
    rules_git_token_file: Path | None = None
    """A file with the token in its one line; `<data>/secrets/rules-git` where nothing is said."""
    min_free_mb: int = 512
    """Below this much free disk nothing is taken in: senders are refused and keep their images."""
    receive_associations: int = 100
    """So many associations may a port have at once, and"""
    receive_associations_each: int = 50
    """so many of them from one address, so that a device which hangs does not shut out the others."""
    receive_idle_seconds: float = 300.0
    """An association on which nothing comes for so long is ended."""
    receive_image_seconds: float = 3600.0
    """So long may one image take in all, from its first byte to its last."""
    receive_least_rate: int = 1000
    """Bytes a second: an image that comes more slowly, for a minute, is given up; its sender keeps it."""
    receive_most_mb: int = 8192
    """A larger image is refused; its sender keeps it."""
    history_days: int = 3650
    """For how long it is kept what became of each image; 0 means for ever. Ten years, as long as images are kept."""
    warn_free_mb: int = 2048
    """Below this much free disk a person is told, in the log and by `on trouble`."""
    outbox: Path | None = None
    """Where each destination has a folder: what is put into it goes there. `<data>/outbox` where nothing is said."""
    outbox_done: str = "keep"
    """keep: what was taken out of a watched folder moves to `done` in it; delete: out of an outbox it disappears."""
    outbox_done_days: float = 30.0
    """After so many days it disappears from `done` as well."""
    folder_quiet_seconds: float = 2.0
    """A file is taken once it has not changed for so long."""
    folder_scan_seconds: float = 5.0
    """How often to look into a watched folder where no event tells of a change, as on a network share."""
    backup_to: Path | None = None
    """A folder into which a backup is made every night; none: there is none."""
    backup_passphrase_file: Path | None = None
    """A file with the passphrase of those backups in its first line, for this account alone."""
    backup_keep: int = 14
    """So many of them are kept in that folder; older ones of this machine are removed."""
    mail_host: str = ""
    """The mail relay; without one, reports wait in their outbox."""
    mail_port: int = 0
    """Its port; 0 means the usual one for the kind of security."""
    mail_security: str = "starttls"
    """starttls, tls (from the first byte) or none."""
    mail_from: str = "stellwerk@localhost"
    mail_user: str = ""
    mail_password_file: Path | None = None
    """A file that holds the password, so that no setting or process list shows it."""
    mail_ca_file: Path | None = None
    """Certificates to trust, where the relay's is signed by no public authority."""
    mail_quiet_seconds: float = 120.0
    """A study is reported once nothing has been added to it for so long."""

    @classmethod
    def load(
        cls, file: Path | None, environment: Mapping[str, str] | None = None, before: Mapping[str, str] | None = None
    ) -> Self:
        """The defaults, changed by a TOML file (`[mail] host = …`), changed by `STELLWERK_MAIL_HOST` and the like.

        before: other defaults, where something is installed. Raises SettingsError.
        """
        settings = cls()._with(before or {}, "the installation")
        if file is not None:
            settings = settings._with(_flat(_toml(file)), str(file))
        environment = os.environ if environment is None else environment
        known = {f"STELLWERK_{field.name.upper()}": field.name for field in fields(cls)}
        unknown = sorted(name for name in environment if name.startswith("STELLWERK_") and name not in known)
        if unknown:
            raise SettingsError(f"the environment sets {unknown[0]}, which is no setting; known: {', '.join(known)}")
        return settings._with({known[n]: v for n, v in environment.items() if n in known}, "the environment")

    def changed(self, **values: Path | str | None) -> Self:
        """The same with what the command line says; None leaves a setting as it is."""
        return self._with({name: value for name, value in values.items() if value is not None}, "the command line")

    @classmethod
    def origins(cls, file: Path | None, environment: Mapping[str, str], line: Mapping[str, object]) -> dict[str, str]:
        """Of each setting that is set: file, environment or line, whichever counts. line: what a command line said.

        Raises SettingsError.
        """
        found = dict.fromkeys(_flat(_toml(file)) if file is not None else (), "file")
        names = {field.name for field in fields(cls)}
        found |= {name: "environment" for name in names if f"STELLWERK_{name.upper()}" in environment}
        return found | {name: "line" for name, value in line.items() if name in names and value is not None}

    @property
    def spool(self) -> Path:
        """The spool's folder."""
        return self.data / "spool"

    @property
    def tls(self) -> Path:
        """Our certificate, and whom we trust."""
        return self.data / "tls"

    @property
    def secrets(self) -> Path:
        """What rules name and never contain, and the users."""
        return self.data / "secrets"

    @property
    def outbox_folder(self) -> Path:
        """Where the destinations' folders are."""
        return self.outbox or self.data / "outbox"

    @property
    def own_folders(self) -> tuple[str, ...]:
        """What the appliance writes to, by paths from the root on."""
        own = (self.data, self.archive_folder("archive"), self.outbox_folder)
        return tuple(dict.fromkeys(str(path.resolve()) for path in own))

    @property
    def rules_path(self) -> Path:
        """The rule file or folder."""
        return self.rules or self.data / "rules"

    def archive_folder(self, name: str) -> Path:
        """The folder of `store in NAME`; `archive` is the plain one."""
        root = self.archive or self.data / "archive"
        return root if name == "archive" else root.parent / name

    @property
    def pace(self) -> Pace:
        """How long a sender of images may take."""
        return Pace(self.receive_idle_seconds, self.receive_least_rate, message_seconds=self.receive_image_seconds)

    def relay_address(self) -> tuple[str, int] | None:
        """Host and port of the mail relay, if there is one."""
        return (self.mail_host, self.mail_port or _PORTS[self.mail_security]) if self.mail_host else None

    def relay(self) -> Relay | None:
        """The mail relay, if there is one. Raises SettingsError when its password cannot be read."""
        address = self.relay_address()
        if address is None:
            return None
        password = ""
        if self.mail_password_file is not None:
            try:
                password = self.mail_password_file.read_text(encoding="utf-8").strip()
            except OSError as error:
                raise SettingsError(f"the mail password file cannot be read ({error.strerror})") from None
        return Relay(
            *address,
            self.mail_security,
            self.mail_from,
            self.mail_user,
            password,
            str(self.mail_ca_file or ""),
        )

    def _with(self, values: Mapping[str, object], where: str) -> Self:
        kinds = {field.name: field.type for field in fields(self)}
        read: dict[str, object] = {}
        for name, value in values.items():
            if name not in kinds:
                raise SettingsError(f"{where} sets {name}, which is no setting; known: {', '.join(kinds)}")
            read[name] = _read(name, kinds[name], value, where)
        # The fields' types were checked just above, one by one, which `replace` cannot know.
        settings = replace(self, **read)  # type: ignore[arg-type]
        if settings.mail_security not in SECURITY:
            raise SettingsError(f"{where}: mail_security is one of {', '.join(SECURITY)}")
        if settings.outbox_done not in KEPT:
            raise SettingsError(f"{where}: outbox_done is one of {', '.join(KEPT)}")
        if settings.language not in LANGUAGES:
            raise SettingsError(f"{where}: language is one of {', '.join(LANGUAGES)}")
        return settings


def _read(name: str, kind: object, value: object, where: str) -> object:
    if isinstance(value, list):
        raise SettingsError(f"{where}: {name} is one value, not a list")
    try:
        if kind in (int, float):
            number = int(str(value)) if kind is int else float(str(value))
            if not 0 <= number < 1e9:
                raise ValueError
            return number
    except ValueError:
        raise SettingsError(f"{where}: {name} is a number, not {value!r}") from None
    if kind is str:
        return str(value)
    # What is empty is not said: `.`, which it would be as a path, is the last thing that is meant.
    if str(value) == "":
        raise SettingsError(f"{where}: {name} is the name of a file or folder, and is empty")
    return Path(str(value)).expanduser()


def _toml(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError(f"{file} cannot be read ({error.strerror})") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file} is not a settings file: {error}") from None


def _flat(data: Mapping[str, object]) -> dict[str, object]:
    """`[mail] host` and `mail_host` are the same setting."""
    flat: dict[str, object] = {}
    for name, value in data.items():
        if isinstance(value, dict):
            flat |= {f"{name}_{inner}": deeper for inner, deeper in value.items()}
        else:
            flat[name] = value
    return flat
