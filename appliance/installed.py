"""Where the settings and the data are on a machine on which Stellwerk is installed, as package or image.

There every command finds what the service uses, without being told. A checkout or an environment of one's own elsewhere
knows no such places.
"""

import sys
from pathlib import Path

ENVIRONMENT = Path("/usr/lib/stellwerk/venv")
"""Package and image bring Python's environment here."""
SETTINGS = Path("/etc/stellwerk/stellwerk.toml")
"""The settings of the machine; there need not be any."""
DATA = Path("/var/lib/stellwerk")
"""The data folder where the settings name no other."""


def is_installed() -> bool:
    """Do we run out of the installed environment?"""
    return Path(sys.prefix) == ENVIRONMENT


def settings_file() -> Path | None:
    """The settings of this machine, if there are any."""
    if not is_installed():
        return None
    try:
        return SETTINGS if SETTINGS.exists() else None
    except PermissionError:
        # Whoever reads it says so in words.
        return SETTINGS


def defaults() -> dict[str, str]:
    """Settings that have another default here."""
    return {"data": str(DATA)} if is_installed() else {}
