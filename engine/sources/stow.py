"""STOW-RS (PS3.18 10.5): a request with many objects, written down part by part, and the answer that says of each.

Here the sender keeps what is refused, and hears why: nothing unreadable is taken. It must not know HTTP's framing, nor
the spool.
"""

import json
import logging
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from engine.dicom.part10 import read_meta
from engine.errors import Later, Never
from engine.header import Header
from engine.sources import posted
from engine.sources.multipart import Malformed, Parts, media_type
from engine.sources.posted import Answer, House, Upload, ask
from engine.sources.wholeness import DICOM, look_into

log = logging.getLogger("stellwerk.https")

NO_ROOM, OTHER_STUDY, NOT_UNDERSTOOD = 0xA700, 0xA900, 0xC000
"""Failure reasons (PS3.18 I.2.2)."""
MOST_PARTS = 100_000

_PATH = re.compile(r"(?:/[^?]*)?/studies(?:/([0-9.]{1,64}))?/?(?:\?.*)?")
_DICOM_TYPES = ("application/dicom", "", "application/octet-stream")
BUSY = (("Retry-After", "60"),)
"""So many seconds later it may be tried again."""


@dataclass(slots=True)
class _Part:
    path: Path
    sop_class: str = ""
    sop_instance: str = ""
    failure: int = 0


def study_of(path: str) -> str | None:
    """The study that a request is for; empty for any, None where the path is not that of the Store transaction."""
    found = _PATH.fullmatch(path)
    return None if found is None else found[1] or ""


def boundary_of(content_type: str) -> tuple[int, str]:
    """What separates the parts; or the status to refuse with."""
    kind, parameters = media_type(content_type)
    if kind != "multipart/related":
        return 415, ""
    # PS3.18 8.7.3: metadata with bulk data (application/dicom+json and +xml) is another form, which we do not take.
    if parameters.get("type", "application/dicom").lower() != "application/dicom":
        return 415, ""
    return (0, parameters["boundary"]) if parameters.get("boundary") else (400, "")


class Stow:
    """A body of many parts, each of them an object. Raises Malformed where the boundary is none."""

    def __init__(self, house: House, boundary: str, study: str, user: str, address: str) -> None:
        self._house, self._study, self._user, self._address = house, study, user, address
        self._parts: list[_Part] = []
        self._file: BinaryIO | None = None
        self._fault: tuple[int, str] | None = None
        self._parser = Parts(boundary, self._begin, self._data, self._end)
        self._since_look = 0

    def write(self, piece: bytes | bytearray) -> None:
        """The next bytes."""
        if self._fault is None:
            try:
                self._parser.feed(piece)
            except Malformed as error:
                self._fault = self._fault or (400, str(error))

    def finish(self) -> Answer:
        """Take in what can be taken, and say of each what became of it."""
        if self._file is not None:
            self._file.close()
        if self._fault is None and not (self._parser.is_complete and self._parts):
            self._fault = 400, "the last delimiter is missing" if self._parts else "there is no part"
        if self._fault is not None:
            status, why = self._fault
            return Answer(status, why.encode())
        for part in self._parts:
            part.failure = self._take(part)
        failures = {part.failure for part in self._parts}
        if failures == {0}:
            status = 200
        elif 0 in failures:
            status = 202
        else:
            status = 503 if NO_ROOM in failures else 409
        said = json.dumps(told(self._parts)).encode()
        return Answer(status, said, BUSY if status == 503 else (), "application/dicom+json")

    def discard(self) -> None:
        """What was accepted has been moved away; the rest goes."""
        if self._file is not None:
            self._file.close()
        for part in self._parts:
            part.path.unlink(missing_ok=True)

    def sorry(self) -> Answer:
        """Nothing can be taken now."""
        return Answer(503, b"", BUSY)

    # --- parts

    def _begin(self, fields: Mapping[str, str]) -> None:
        if media_type(fields.get("content-type", ""))[0] not in _DICOM_TYPES:
            self._fault = 415, "a part is not application/dicom"
        if len(self._parts) >= MOST_PARTS:
            self._fault = 400, f"there are more than {MOST_PARTS} parts"
        if self._fault is not None:
            raise Malformed(self._fault[1])
        ask(self._house, 0)
        path = self._house.new_file()
        self._parts.append(_Part(path))
        self._file = path.open("wb", buffering=0)

    def _data(self, piece: bytes) -> None:
        assert self._file is not None, "data stands in a part"
        left = memoryview(piece)
        while left:
            left = left[self._file.write(left) :]
        self._since_look += len(piece)
        if self._since_look > posted.LOOK_EVERY:
            self._since_look = 0
            ask(self._house, 0)

    def _end(self) -> None:
        assert self._file is not None, "what ends has begun"
        self._file.close()
        self._file = None

    def _take(self, part: _Part) -> int:
        """Take one in; the reason why not, or 0."""
        found = look_into(part.path)
        # The UIDs are told where there are any, also of what is not taken.
        with suppress(ValueError):
            meta = read_meta(part.path)
            part.sop_class, part.sop_instance = meta.sop_class_uid, meta.sop_instance_uid
        if found.kind != DICOM or found.lacks:
            return NOT_UNDERSTOOD
        if self._study:
            try:
                if Header.read(part.path).first("StudyInstanceUID") != self._study:
                    return OTHER_STUDY
            except Never:
                return NOT_UNDERSTOOD
        try:
            self._house.accept(Upload(part.path, self._user, self._address))
        except Later as later:
            log.warning("from %s: an object was refused: %s", self._address, later)
            return NO_ROOM
        return 0


def told(parts: list[_Part]) -> dict[str, object]:
    """The answer's data set (PS3.18 10.5.3.2), in the DICOM JSON model."""
    taken = [_reference(part) for part in parts if not part.failure]
    failed = [_reference(part) | _reason(part) for part in parts if part.failure and part.sop_instance]
    unnamed = [_reason(part) for part in parts if part.failure and not part.sop_instance]
    # We are asked for nothing: where it could be had again is not known (0008,1190).
    answer: dict[str, object] = {"00081190": {"vr": "UR"}}
    for tag, items in (("00081199", taken), ("00081198", failed), ("0008119A", unnamed)):
        if items:
            answer[tag] = {"vr": "SQ", "Value": items}
    return answer


def _reference(part: _Part) -> dict[str, object]:
    return {
        "00081150": {"vr": "UI", "Value": [part.sop_class]},
        "00081155": {"vr": "UI", "Value": [part.sop_instance]},
    }


def _reason(part: _Part) -> dict[str, object]:
    return {"00081197": {"vr": "US", "Value": [part.failure]}}
