"""Which sender a declared destination gets, with what it needs of this machine: secrets, certificates, some memory.

It must not know how any of them sends.
"""

import ssl
from pathlib import Path

from appliance.settings import Settings
from engine.destinations.credentials import Secrets
from engine.destinations.dicomweb import DicomWeb
from engine.destinations.folder import SharedFolder
from engine.destinations.https import Https
from engine.destinations.node import DicomNode
from engine.program import Destination
from engine.pump import Sender


def way_out(declared: Destination, settings: Settings) -> Sender:
    """How this destination is reached."""
    match declared.kind:
        case "https" | "http":
            return Https(declared, secrets_in(settings.data / "secrets"), ssl.create_default_context)
        case "dicomweb":
            return DicomWeb(declared, secrets_in(settings.data / "secrets"), ssl.create_default_context)
        case "folder":
            return SharedFolder(declared, settings.spool / "shares")
    return DicomNode(declared, settings.ae_title)


def secrets_in(folder: Path) -> Secrets:
    """Secrets as files in a folder, each under its name."""

    def secret(name: str) -> str:
        try:
            return (folder / name).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is no text"
            raise LookupError(f"the secret {name} cannot be read: {folder / name} ({why})") from None

    return secret
