"""Which sender a destination beside DICOM gets, with what it needs of this machine: secrets, certificates, some memory.

It must not know how any of them sends.
"""

import ssl
from collections.abc import Callable
from functools import partial

from appliance.secrets import Secrets
from appliance.settings import Settings
from engine.destinations.dicomweb import DicomWeb
from engine.destinations.folder import SharedFolder
from engine.destinations.https import Https
from engine.destinations.s3 import S3
from engine.destinations.sftp import Sftp
from engine.destinations.webhook import Webhook
from engine.program import Destination
from engine.pump import Sender


def way_out(
    declared: Destination,
    settings: Settings,
    tls: Callable[[str], ssl.SSLContext] = lambda _: ssl.create_default_context(),
) -> Sender:
    """How this destination is reached. tls: how to speak TLS with the destination of this name."""
    secrets = Secrets(settings.data / "secrets")
    match declared.kind:
        case "https" | "http":
            return Https(declared, secrets, partial(tls, declared.name))
        case "dicomweb":
            return DicomWeb(declared, secrets, partial(tls, declared.name))
        case "folder":
            return SharedFolder(declared, settings.spool / "shares")
        case "sftp":
            return Sftp(declared, secrets)
        case "s3":
            return S3(declared, secrets, partial(tls, declared.name))
        case "webhook":
            return Webhook(declared, secrets, partial(tls, declared.name), settings.mail_quiet_seconds)
    raise ValueError(f"nobody can send to a destination of the kind {declared.kind}")
