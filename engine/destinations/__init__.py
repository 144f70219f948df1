"""Ways out: their signature lines. What is not built yet is planned here, so that `check` can say so."""

from engine.parameters import (
    AETitles,
    Bucket,
    Connections,
    HostKey,
    Layout,
    Node,
    PlainAddress,
    SecretName,
    SecureAddress,
    SftpPlace,
    Text,
    Time,
    WatchedFolder,
    WebAddress,
)
from engine.signature import Parameter, Signature

_COMMON = "[retry every EVERY for PATIENCE] [outside] [trusted]"
_KINDS: dict[str, type[Parameter]] = {"every": Time, "patience": Time, "connections": Connections}
_WEB = f"{_COMMON} [connections CONNECTIONS] [login LOGIN]"

DESTINATIONS = {
    signature.name: signature
    for signature in (
        Signature.of(
            f"dicom ADDRESS [as TITLE] {_COMMON}"
            " [tls] [connections CONNECTIONS] [confirm] [within WITHIN] [as-received]",
            {"address": Node, "title": AETitles, "within": Time, **_KINDS},
            needs={"within": "confirm"},
        ),
        Signature.of(f"https ADDRESS {_WEB} [digest]", {"address": SecureAddress, "login": SecretName, **_KINDS}),
        Signature.of(f"http ADDRESS {_WEB} [digest]", {"address": PlainAddress, "login": SecretName, **_KINDS}),
        Signature.of(
            f"dicomweb ADDRESS {_WEB} [token TOKEN]",
            {"address": WebAddress, "login": SecretName, "token": SecretName, **_KINDS},
        ),
        Signature.of(
            f"webhook ADDRESS [may see names] [login LOGIN] [token TOKEN] {_COMMON}",
            {"address": SecureAddress, "login": SecretName, "token": SecretName, **_KINDS},
        ),
        Signature.of(f"folder PATH [by LAYOUT] {_COMMON}", {"path": WatchedFolder, "layout": Layout, **_KINDS}),
        Signature.of(
            f"sftp ADDRESS {_WEB} [key KEY] [host-key FINGERPRINT]",
            {"address": SftpPlace, "login": SecretName, "key": SecretName, "fingerprint": HostKey, **_KINDS},
        ),
        Signature.of(
            f"s3 ADDRESS login LOGIN [at ENDPOINT] [region REGION] {_COMMON} [connections CONNECTIONS]",
            {"address": Bucket, "login": SecretName, "endpoint": WebAddress, "region": Text, **_KINDS},
        ),
    )
}
"""What may stand after `destination NAME =`."""
