"""What several commands share: the arguments for settings and rules, and how findings are shown."""

import argparse
import sys
from datetime import UTC, datetime
from pathlib import Path

from appliance import installed
from appliance.owner import act_as_owner
from appliance.rulebook import RuleBook
from appliance.settings import Settings
from dsl.compile import Compiled
from dsl.render import render


def add_settings(parser: argparse.ArgumentParser) -> None:
    """--rules, --data and --settings."""
    parser.add_argument("--rules", type=Path, metavar="FILE|FOLDER", help="rule file or folder (default: DATA/rules)")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="spool, archive and rules (default: ./data)")
    parser.add_argument("--settings", type=Path, metavar="FILE", help="a TOML file; STELLWERK_* variables go before it")


def settings_of(arguments: argparse.Namespace) -> Settings:
    """The settings that the arguments ask for; on an installed machine, those of the service. Raises SettingsError."""
    settings = Settings.load(settings_file_of(arguments), before=installed.defaults())
    return settings.changed(rules=arguments.rules, data=arguments.data)


def settings_file_of(arguments: argparse.Namespace) -> Path | None:
    """The file of settings: the one that the arguments name, otherwise that of an installed machine."""
    named: Path | None = arguments.settings
    return named or installed.settings_file()


def given(arguments: argparse.Namespace) -> list[str]:
    """The same arguments again, for a command that we start."""
    said = {"--rules": arguments.rules, "--data": arguments.data, "--settings": arguments.settings}
    return [word for name, value in said.items() if value is not None for word in (name, str(value))]


def settings_as_owner(arguments: argparse.Namespace) -> Settings:
    """The same, for what works in the data folder: from now on on its owner's account, also as root."""
    settings = settings_of(arguments)
    act_as_owner(settings.data)
    return settings


def compiled(settings: Settings) -> Compiled:
    """The rules of these settings."""
    return RuleBook(settings.rules_path, settings.own_folders).compile()


def show_findings(result: Compiled, language: str = "en") -> None:
    """Print every finding with its caret."""
    if result.findings:
        print(render(result.findings, result.sources, language=language), file=sys.stderr)


def moment(words: str) -> str:
    """An argument that is a day, or a day with a time, by this machine's clock; as ISO 8601 in UTC."""
    try:
        return datetime.fromisoformat(words).astimezone(UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError):
        raise argparse.ArgumentTypeError(
            f'a day is written like 2026-03-01 or "2026-03-01 14:30", not {words}'
        ) from None


def day(words: str) -> str:
    """An argument that is a day, as DICOM writes it."""
    try:
        return datetime.fromisoformat(words).strftime("%Y%m%d")
    except ValueError:
        raise argparse.ArgumentTypeError(f"a day is written like 2026-03-01, not {words}") from None
