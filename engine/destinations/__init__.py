"""Ways out: their signature lines. A kind that is not built yet is planned here, so that `check` can say so."""

from engine.parameters import AETitles, Connections, Node, Time
from engine.signature import Signature

DESTINATIONS = {
    signature.name: signature
    for signature in (
        Signature.of(
            "dicom ADDRESS [as TITLE] [retry every EVERY for PATIENCE] [outside] [trusted]"
            " [tls] [connections CONNECTIONS] [confirm] [within WITHIN] [transcode SYNTAX]",
            {
                "address": Node,
                "title": AETitles,
                "every": Time,
                "patience": Time,
                "connections": Connections,
                "within": Time,
            },
            later=("transcode",),
            needs={"within": "confirm"},
        ),
        *(
            Signature.of(
                f"{kind} ADDRESS [retry every EVERY for PATIENCE] [outside] [trusted] [tls]"
                " [connections CONNECTIONS] [token TOKEN] [login LOGIN]",
                built=False,
            )
            for kind in ("https", "dicomweb", "folder", "s3", "sftp")
        ),
    )
}
"""What may stand after `destination NAME =`."""
