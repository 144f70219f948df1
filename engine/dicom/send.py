"""Send DICOM files to a peer, and say of each what became of it.

Must not know outboxes, retries or schedules: it tries each file once. A dataset's bytes are sent as they are in the
file; only a native one is re-encoded, and only for a peer that does not take it as it is.
"""

import io
import re
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import BinaryIO

from pydicom.config import IGNORE
from pydicom.uid import UID

from engine.dicom import native, part10, status
from engine.dicom.negotiate import (
    ABSTRACT_SYNTAX_NOT_SUPPORTED,
    DEFLATED_LITTLE,
    IMPLICIT_LITTLE,
    VERIFICATION,
    Context,
    batches,
    offered,
)
from engine.dicom.part10 import Meta
from engine.dicom.pdu import AbortedError, LostError, SilentError, ViolationError
from engine.dicom.peer import Peer
from engine.dicom.requestor import USUAL_PATIENCE, Association, Patience, Stopped, accepted
from engine.dicom.status import Outcome
from engine.errors import Later, Never

Report = Callable[[Path, Outcome], None]

# One object that makes a peer hang up must not block the next, so each loss is followed by a fresh association. But
# a peer that stays silent for this many objects in a row costs minutes for each: the others wait for the next round.
_MOST_SILENCES = 3

_UID = re.compile(r"[0-9.]{1,64}")


def send(
    peer: Peer,
    files: Sequence[Path],
    report: Report,
    *,
    stop: Callable[[], bool] = lambda: False,
    patience: Patience = USUAL_PATIENCE,
) -> None:
    """C-STORE each file and report it as soon as its result is known.

    When `stop` says so, the object under way is aborted; it and those not yet begun are not reported, since nothing
    is known about them that was not known before.
    """
    readable: list[tuple[Path, Meta]] = []
    for path in files:
        try:
            meta = part10.read_meta(path)
        except ValueError as error:
            report(path, Never(f"cannot be sent: {error}"))
        except OSError as error:
            report(path, _unreadable(error))
        else:
            if _UID.fullmatch(meta.sop_class_uid) and _UID.fullmatch(meta.transfer_syntax_uid):
                readable.append((path, meta))
            else:  # it could not even be proposed, and would take all others of its association with it
                report(path, Never("cannot be sent: its SOP class or transfer syntax is not a UID"))
    silences, why = 0, Later(f"{peer} takes associations, but answers nothing")
    for batch in batches([(meta.sop_class_uid, meta.transfer_syntax_uid) for _, meta in readable]):
        waiting = deque(readable[position] for position in batch.entries)
        while waiting and not stop():
            try:
                if silences >= _MOST_SILENCES:
                    raise why
                association = Association(peer, batch.contexts, patience)
            except Later as reason:
                why, silences = reason, _MOST_SILENCES  # there is none for the batches after this one either
                while waiting:
                    report(waiting.popleft()[0], reason)
                continue
            try:
                with association:
                    while waiting and not stop():
                        path, meta = waiting[0]
                        outcome = _store(association, path, meta, stop)
                        waiting.popleft()
                        report(path, outcome)
                        silences = 0
            except Stopped:
                return
            except (LostError, ViolationError, OSError) as error:
                silences += isinstance(error, SilentError)
                path, meta = waiting.popleft()
                report(path, _lost(peer, meta, error))


def echo(peer: Peer, patience: Patience = USUAL_PATIENCE) -> None:
    """C-ECHO; returns if the peer answers it, else raises Later or Never with the reason."""
    try:
        with Association(peer, (Context(1, VERIFICATION, (IMPLICIT_LITTLE,)),), patience) as association:
            offers = accepted(association, VERIFICATION, (IMPLICIT_LITTLE,)) is not None
            code = association.echo(VERIFICATION, IMPLICIT_LITTLE) if offers else None
    except (LostError, ViolationError) as error:
        raise Later(f"{peer}: the association was lost: {error}") from None
    if code is None:
        raise Never(f"{peer} takes associations, but does not offer verification (C-ECHO)")
    if code != status.SUCCESS:
        raise Never(f"{peer} answers C-ECHO with {status.words(code)}")


def _store(association: Association, path: Path, meta: Meta, stop: Callable[[], bool]) -> Outcome:
    """Store one object; LostError, ViolationError or Stopped when the association ends over it."""
    sop_class, peer = meta.sop_class_uid, str(association.peer)
    syntax = accepted(association, sop_class, offered(meta.transfer_syntax_uid))
    if syntax is None:
        return _refused(association, meta)
    try:
        file, length = _dataset(path, meta, syntax)
    except ValueError as error:
        return Never(f"{peer} takes it only as {_name(syntax)}, and it cannot be written so: {error}")
    except OSError as error:
        return _unreadable(error)
    with file:
        if length <= 0:
            return Never("cannot be sent: the file has no dataset")
        code = association.store(sop_class, meta.sop_instance_uid, syntax, file, length, stop)
    return status.outcome(code, peer)


def _dataset(path: Path, meta: Meta, syntax: str) -> tuple[BinaryIO, int]:
    """The dataset to send, at its first byte, and its length."""
    if syntax != meta.transfer_syntax_uid:
        dataset = native.reencode(path, meta, syntax)
    elif syntax == DEFLATED_LITTLE and meta.length % 2:
        # The standard wants a NUL behind an odd deflated stream (PS3.5 A.5). pydicom forgets it, and DCMTK aborts.
        dataset = path.read_bytes()[meta.offset :] + b"\0"
    else:
        file = path.open("rb", buffering=0)
        file.seek(meta.offset)
        return file, meta.length
    return io.BytesIO(dataset), len(dataset)


def _lost(peer: Peer, meta: Meta, error: Exception) -> Outcome:
    """What it means for the object under way that the association ended over it."""
    if isinstance(error, OSError):
        return _unreadable(error)
    if isinstance(error, AbortedError) and meta.length % 2:
        # No valid dataset has an odd length (PS3.5 7.1.1). Some peers take it nevertheless, so it is tried; DCMTK
        # aborts, and would each time.
        return Never(f"{peer} aborts over the object: its dataset has an odd length, so the file is damaged")
    return Later(f"{peer}: the association was lost: {error}")


def _unreadable(error: OSError) -> Later:
    return Later(f"the file cannot be read: {error.strerror or error}")


def _refused(association: Association, meta: Meta) -> Never:
    """Why no context for this object was accepted, in words."""
    sop_class, syntax = meta.sop_class_uid, meta.transfer_syntax_uid
    if association.result(sop_class, syntax) == ABSTRACT_SYNTAX_NOT_SUPPORTED:
        return Never(f"{association.peer} does not take objects of the class {_name(sop_class)}")
    return Never(f"{association.peer} does not take {_name(syntax)} for {_name(sop_class)}")


def _name(uid: str) -> str:
    """A UID in words, or itself if it has none."""
    return UID(uid, validation_mode=IGNORE).name or uid
