"""What a DICOM status means for us, and which status we answer (PS3.4 Table B.2-1, PS3.7 Annex C).

Pure: a table and three functions. Must not know sockets, and must not show the Error Comment (0000,0902) that a
peer may send: some write patient names into it.
"""

from dataclasses import dataclass

from engine.errors import Later, Never

SUCCESS = 0x0000
PENDING = frozenset({0xFF00, 0xFF01})  # of a query: a match, and more may come (PS3.4 C.4.1.1.4)
PROCESSING_FAILURE = 0x0110
NO_SUCH_INSTANCE = 0x0112
INVALID_INSTANCE = 0x0117
SOP_CLASS_NOT_SUPPORTED = 0x0122
UNRECOGNIZED_OPERATION = 0x0211
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000

_WORDS = {
    0x0000: "stored",
    0x0001: "some optional attributes are not supported",
    0x0105: "no such attribute",
    0x0106: "invalid attribute value",
    0x0107: "some attributes are not recognized",
    0x0110: "processing failure",
    0x0111: "there is such an object already",
    0x0112: "no such object",
    0x0116: "attribute value out of range",
    0x0117: "invalid object instance",
    0x0118: "no such SOP class",
    0x0119: "class and instance conflict",
    0x0122: "SOP class not supported",
    0x0124: "not authorized",
    0x0210: "duplicate invocation",
    0x0211: "unrecognized operation",
    0x0212: "mistyped argument",
    0x0213: "resource limitation",
    0xA800: "SOP class not supported",
    0xB000: "stored, some elements were coerced",
    0xB006: "stored, some elements were discarded",
    0xB007: "stored, though the data set does not match its SOP class",
    0xFE00: "cancelled",
    0xFF00: "pending",
}
_FAMILIES = {  # by the first digits that decide, for codes the table above does not have
    0xA7: "out of resources",
    0xA9: "the data set does not match its SOP class",
    0xB: "stored with a warning",
    0xC: "it cannot be understood",
}

# 0110 and 0213 say nothing about the object: "a general failure", "resource limitation" (PS3.7 C.5). Archives answer
# 0110 for every exception, a database that restarts among them; holding each object for a person would be wrong.
_PASSING = frozenset({PROCESSING_FAILURE, 0x0213})


@dataclass(frozen=True)
class Done:
    """The peer has the object. `warning` says what it changed, or nothing."""

    status: int = SUCCESS
    warning: str | None = None
    transcoded: str = ""
    """The name of the transfer syntax that it had to be brought into for the peer; empty where it went as it is."""


Outcome = Done | Later | Never


def words(status: int) -> str:
    """A status in a few words for people, with its number: `out of resources (A700)`."""
    said = _WORDS.get(status) or _FAMILIES.get(status >> 8) or _FAMILIES.get(status >> 12) or "unknown status"
    return f"{said} ({status:04X})"


def outcome(status: int, peer: str) -> Outcome:
    """What a C-STORE response means for the object that was sent to `peer`.

    An unknown status is Never: the object is held, where a person sees it. Later would hide it for days; Done would
    lose it. That includes 0001, 0107 and 0116: warnings of other services (PS3.7 C.4), which promise no storage.
    """
    if status == SUCCESS:
        return Done()
    if status >> 12 == 0xB:
        return Done(status, words(status))
    if status >> 8 == 0xA7 or status in _PASSING:
        return Later(f"{peer} cannot take the object now: {words(status)}")
    return Never(f"{peer} refuses the object: {words(status)}")


def answer(error: Exception | None) -> int:
    """The status we answer a C-STORE with, after `accept` raised this error, or none."""
    match error:
        case None:
            return SUCCESS
        case Later():
            return OUT_OF_RESOURCES
        case Never():
            return CANNOT_UNDERSTAND
        case _:
            return PROCESSING_FAILURE
