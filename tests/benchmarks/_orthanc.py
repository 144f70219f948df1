"""Orthanc, as Debian ships it, on a configuration of our own: images and index in a folder, each image flushed.

It may forward all that it stores, as its own handbook says: a line of Lua for each instance.
"""

import json
import shutil
import socket
from pathlib import Path

FORWARD = "function OnStoredInstance(instance, tags, metadata)\n  SendToModality(instance, 'PACS')\nend\n"


def there() -> bool:
    """Whether it is installed here."""
    return program() is not None


def program() -> str | None:
    """Where it lies; Debian has it among what only an administrator starts."""
    return shutil.which("Orthanc") or shutil.which("Orthanc", path="/usr/sbin")


def command(folder: Path, port: int, associations: int = 4, pacs: int = 0) -> list[str]:
    """How to start it: it listens on this port for DICOM, and forwards to a node on the port `pacs` where given."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        http = free.getsockname()[1]
    script = folder / "forward.lua"
    script.write_text(FORWARD)
    settings = {
        "StorageDirectory": str(folder / "images"),
        "IndexDirectory": str(folder / "images"),
        "SyncStorageArea": True,  # its default: the file of an image is flushed before it is answered
        "HttpPort": http,
        "DicomPort": port,
        # Its default is 4; with fewer than there are senders, it would let some of them wait for the others.
        "DicomThreadsCount": max(4, associations),
        "UnknownSopClassAccepted": True,
        "MaximumPduLength": 131072,
        "DicomScpTimeout": 300,
        "DicomModalities": {"PACS": ["PACS_A", "127.0.0.1", pacs]} if pacs else {},
        "LuaScripts": [str(script)] if pacs else [],
    }
    (folder / "orthanc.json").write_text(json.dumps(settings))
    return [str(program()), str(folder / "orthanc.json")]
