"""The DICOM conformance statement (PS3.2), made from the tables that the code itself uses. Nothing here writes."""

import inspect
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pydicom._uid_dict import UID_dictionary
from pydicom.uid import UID

from engine.destinations import DESTINATIONS
from engine.dicom import Done, Listener, associate, find, status
from engine.dicom.negotiate import (
    ACCEPTED,
    ALTERNATIVES,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    MOST_CONTEXTS,
    NATIVE,
    VERIFICATION,
    Context,
    accept,
)
from engine.dicom.part10 import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from engine.dicom.pdu import MAX_PDU
from engine.dicom.peer import OUR_AE_TITLE
from engine.dicom.requestor import USUAL_PATIENCE
from engine.errors import Later, Never
from engine.sources import LISTENERS
from engine.tls import HANDSHAKE_SECONDS, Trust, client_context

TEXT = Path(__file__).with_suffix(".txt")

_ANSWERED = (
    (None, "the object is on disk, durably; it will not be lost"),
    (Later(""), "no room, or the spool cannot take it now; the sender keeps its object and tries again"),
    (Never(""), "the object cannot be taken as it is"),
    (ValueError(), "an error of ours; the sender keeps its object"),
)
_RECEIVED = (0x0000, 0xB000, 0xB006, 0xB007, 0xA700, 0x0110, 0x0213, 0xA900, 0xC000, 0x0122, 0x0124, 0x0001, 0x0111)
_REJECTED = (
    (associate.LOCAL_LIMIT_EXCEEDED, "too many associations, or too little free disk: try again"),
    (associate.CALLED_AE_NOT_RECOGNIZED, "the listener goes by another AE title"),
    (associate.CALLING_AE_NOT_RECOGNIZED, "the listener does not accept this calling AE title (`accept`)"),
    (associate.NO_REASON, "the address is in none of its networks (`from`), or the user is not known (`users`)"),
    (associate.APPLICATION_CONTEXT_NOT_SUPPORTED, "another application context than DICOM's"),
)


def page() -> str:
    """The whole statement: the text beside this file, with its tables."""
    limits = inspect.signature(Listener.__init__).parameters
    return TEXT.read_text("utf-8").format(
        verification=VERIFICATION,
        verifies=_yes(_accepts(VERIFICATION)),
        find=find.STUDY_ROOT_FIND,
        finds=_yes(_accepts(find.STUDY_ROOT_FIND)),
        class_uid=IMPLEMENTATION_CLASS_UID,
        version_name=IMPLEMENTATION_VERSION_NAME,
        context=associate.APPLICATION_CONTEXT,
        title=OUR_AE_TITLE,
        pdu=MAX_PDU,
        contexts=MOST_CONTEXTS,
        associations=limits["max_associations"].default,
        idle=_idle_seconds(),
        connect=f"{USUAL_PATIENCE.connect:g}",
        associate=f"{USUAL_PATIENCE.associate:g}",
        respond=f"{USUAL_PATIENCE.respond:g}",
        handshake=f"{HANDSHAKE_SECONDS:g}",
        operations=associate.MOST_OPERATIONS,
        rejections=_lines(_rejections()),
        answers=_lines(_answers()),
        instance=f"{status.INVALID_INSTANCE:04X}",
        instance_words=_bare(status.INVALID_INSTANCE),
        operation=f"{status.UNRECOGNIZED_OPERATION:04X}",
        operation_words=_bare(status.UNRECOGNIZED_OPERATION),
        outcomes=_lines(_outcomes()),
        native=_names(sorted(NATIVE)),
        alternatives=_names(ALTERNATIVES),
        suites=_suites(),
        listener=LISTENERS["dicom"].line,
        destination=DESTINATIONS["dicom"].line,
        syntaxes=_lines(_rows(_registered("Transfer Syntax"))),
        many=len(_storage()),
        classes=_lines(_rows(_storage())),
    )


def _idle_seconds() -> float:
    limits = inspect.signature(Listener.__init__).parameters
    return limits["idle_seconds"].default if "idle_seconds" in limits else limits["pace"].default.idle_seconds


def _answers() -> Iterator[str]:
    for error, when in _ANSWERED:
        code = status.answer(error)
        yield f"| `{code:04X}` | {_bare(code)} | {when} |"


def _rows(named: Iterable[tuple[str, str]]) -> Iterator[str]:
    return (f"| {name} | `{uid}` |" for name, uid in named)


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)


def _yes(answer: bool) -> str:
    return "yes" if answer else "no"


def _accepts(sop_class: str) -> bool:
    [answer] = accept([Context(1, sop_class, (EXPLICIT_LITTLE, IMPLICIT_LITTLE))])
    return answer.result == ACCEPTED


def _bare(code: int) -> str:
    return status.words(code).rpartition(" (")[0]


def _rejections() -> Iterator[str]:
    for rejection, when in _REJECTED:
        kind = "permanent" if rejection.result == associate.PERMANENT else "transient"
        yield f"| {kind} | {rejection.result}, {rejection.source}, {rejection.reason} | {when} |"


def _outcomes() -> Iterator[str]:
    for code in _RECEIVED:
        match status.outcome(code, ""):
            case Done(warning=None):
                what = "delivered"
            case Done():
                what = "delivered, with a warning"
            case Later():
                what = "tried again later"
            case _:
                what = "the route's `on failure`; otherwise held"
        family = f"{code >> 8:02X}xx" if code in (0xA700, 0xA900) else "Cxxx" if code == 0xC000 else f"{code:04X}"
        yield f"| `{family}` | {_bare(code)} | {what} |"


def _names(uids: Sequence[str]) -> str:
    *first, last = (UID(uid).name for uid in uids)
    return f"{', '.join(first)} and {last}"


def _registered(kind: str) -> list[tuple[str, str]]:
    return sorted((name, uid) for uid, (name, found, *_) in UID_dictionary.items() if found == kind and name)


def _storage() -> list[tuple[str, str]]:
    return [(name, uid) for name, uid in _registered("SOP Class") if _accepts(uid) and uid != VERIFICATION]


def _suites() -> str:
    context = client_context(Trust())
    return ", ".join(f"`{suite['name']}`" for suite in context.get_ciphers() if "TLSv1.2" in str(suite["protocol"]))
