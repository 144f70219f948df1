"""What does a peer take? C-ECHO (PS3.4 Annex A), and which transfer syntaxes it accepts for some SOP classes.

Nothing is stored: presentation contexts are proposed and answered (PS3.8 9.3.2), and the association is released.
"""

from collections.abc import Mapping, Sequence

from engine.dicom import status
from engine.dicom.negotiate import ACCEPTED, EXPLICIT_LITTLE, IMPLICIT_LITTLE, VERIFICATION, Context
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.peer import Peer
from engine.dicom.requestor import Association, Patience
from engine.errors import Later, Never

CLASSES = {
    "1.2.840.10008.5.1.4.1.1.6.1": "Ultrasound Image",
    "1.2.840.10008.5.1.4.1.1.3.1": "Ultrasound Multi-frame Image",
    "1.2.840.10008.5.1.4.1.1.2": "CT Image",
    "1.2.840.10008.5.1.4.1.1.4": "MR Image",
    "1.2.840.10008.5.1.4.1.1.1.1": "Digital X-Ray Image",
    "1.2.840.10008.5.1.4.1.1.7": "Secondary Capture Image",
    "1.2.840.10008.5.1.4.1.1.88.33": "Comprehensive SR",
    "1.2.840.10008.5.1.4.1.1.104.1": "Encapsulated PDF",
}
"""What a practice mostly sends (PS3.4 Table B.5-1)."""

SYNTAXES = {
    IMPLICIT_LITTLE: "Implicit VR Little Endian",
    EXPLICIT_LITTLE: "Explicit VR Little Endian",
    "1.2.840.10008.1.2.5": "RLE Lossless",
    "1.2.840.10008.1.2.4.50": "JPEG Baseline",
    "1.2.840.10008.1.2.4.70": "JPEG Lossless",
    "1.2.840.10008.1.2.4.80": "JPEG-LS Lossless",
    "1.2.840.10008.1.2.4.90": "JPEG 2000 Lossless",
    "1.2.840.10008.1.2.4.91": "JPEG 2000",
}
"""PS3.5 section 10."""

_PATIENCE = Patience(connect=5, associate=10, respond=15, release=2)


def probe(peer: Peer, patience: Patience = _PATIENCE) -> Mapping[str, Sequence[str]]:
    """The transfer syntaxes (UIDs) that it takes, by SOP class. Raises Later or Never with the reason."""
    proposed = [Context(1, VERIFICATION, (IMPLICIT_LITTLE,))]
    for sop_class in CLASSES:
        # One for each transfer syntax, or the peer would choose one and say nothing of the others.
        proposed += [Context(2 * len(proposed) + 1 + 2 * at, sop_class, (one,)) for at, one in enumerate(SYNTAXES)]
    try:
        with Association(peer, proposed, patience) as association:
            takes = {
                sop_class: [one for one in SYNTAXES if association.result(sop_class, one) == ACCEPTED]
                for sop_class in CLASSES
            }
            offered = association.result(VERIFICATION, IMPLICIT_LITTLE) == ACCEPTED
            code = association.echo(VERIFICATION, IMPLICIT_LITTLE) if offered else status.SUCCESS
    except (LostError, ViolationError) as error:
        raise Later(f"{peer}: the association was lost: {error}") from None
    if code != status.SUCCESS:
        raise Never(f"{peer} answers C-ECHO with {status.words(code)}")
    if not offered and not any(takes.values()):
        raise Never(f"{peer} takes associations, but neither verification (C-ECHO) nor any image of the usual classes")
    return takes
