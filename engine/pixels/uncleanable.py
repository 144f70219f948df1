"""Why an object in some transfer syntax cannot be cleaned, in words that say what to do instead."""

import re

from pydicom.uid import UID

_VIDEO = re.compile(r"1\.2\.840\.10008\.1\.2\.(4\.10[0-8](\.1)?|7\.[0-9]+)")
"""MPEG-2, MPEG-4 and HEVC, also fragmentable, and SMPTE ST 2110."""
_ELSEWHERE = re.compile(r"1\.2\.840\.10008\.1\.2\.4\.(94|95|204|205)")
"""JPIP: the object has only the address of its pixels."""


def why(syntax: str) -> str:
    """The reason. `syntax`: the UID of a transfer syntax that nothing here blanks."""
    name = UID(syntax).name if UID(syntax).is_transfer_syntax else "unknown to the standard"
    if _VIDEO.fullmatch(syntax):
        return (
            f"its pixels are video, in which text cannot be blanked here ({name}): keep it in the house, or let the "
            "device send single images or a cine of another transfer syntax"
        )
    if _ELSEWHERE.fullmatch(syntax):
        return f"its pixels are on a server, and it only says where ({name}): let the device send the image itself"
    return (
        f"the transfer syntax is not supported: {name}; let the device send it in another one, such as Explicit VR "
        "Little Endian"
    )
