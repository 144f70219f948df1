"""The settings that `stellwerk.conf` may set, with what each may be, and those that are fixed on an appliance.

They are those of appliance.settings, which takes seconds to import where a machine is slow; a test compares the two, so
that a new setting is put into one of these tables.
"""

from collections.abc import Callable

from appliance.machine.conf_values import language, number, text
from appliance.machine.said import Wrong

Value = str | int | float


def whole(value: object) -> Value:
    """A whole number that is not below 0."""
    if isinstance(value, float):
        raise Wrong("a whole number belongs here", "hier gehört eine ganze Zahl hin")
    return number(value)


def _one_of(*words: str) -> Callable[[object], Value]:
    def read(value: object) -> Value:
        if value not in words:
            said = ", ".join(f'"{word}"' for word in words)
            raise Wrong(f"one of these belongs here: {said}", f"hier gehört eines davon hin: {said}")
        return str(value)

    return read


SETTINGS: dict[str, Callable[[object], Value]] = {
    "language": language,
    "ae_title": text,
    "min_free_mb": whole,
    "receive_associations": whole,
    "receive_associations_each": whole,
    "receive_idle_seconds": number,
    "receive_image_seconds": number,
    "receive_least_rate": whole,
    "receive_most_mb": whole,
    "history_days": whole,
    "warn_free_mb": whole,
    "outbox_done": _one_of("keep", "delete"),
    "outbox_done_days": number,
    "folder_quiet_seconds": number,
    "folder_scan_seconds": number,
    "backup_keep": whole,
    "update_url": text,
    "rules_git": text,
    "rules_git_branch": text,
    "rules_git_folder": text,
    "rules_git_minutes": whole,
    "mail_host": text,
    "mail_port": whole,
    "mail_security": _one_of("starttls", "tls", "none"),
    "mail_from": text,
    "mail_user": text,
    "mail_quiet_seconds": number,
}

_BACKUP = (
    "an appliance reaches no folder of another machine; download backups in the console",
    "dieses Gerät erreicht keinen Ordner eines anderen; laden Sie Sicherungen in der Konsole herunter",
)
_PLACE = ("this is fixed on an appliance", "das ist auf diesem Gerät fest")
FIXED: dict[str, tuple[str, str]] = {
    "data": _PLACE,
    "rules": (
        "rule files lie in the folder rules beside this file",
        "Regeldateien liegen im Ordner rules neben dieser Datei",
    ),
    "archive": _PLACE,
    "outbox": _PLACE,
    "console_port": _PLACE,
    "machine": _PLACE,
    "address": ("the machine's own address belongs under [network]", "die Adresse des Geräts gehört unter [network]"),
    "mail_password_file": ("the password itself belongs here, as password", "hier steht das Passwort selbst: password"),
    "rules_git_token_file": (
        "the token itself belongs here, as rules_git_token",
        "hier steht das Token selbst: rules_git_token",
    ),
    "mail_ca_file": _PLACE,
    "backup_to": _BACKUP,
    "backup_passphrase_file": _BACKUP,
}
"""What is said to somebody who sets one of them here, in English and in German."""
