"""Whether the body of an HTTP request may come, and what takes it; decided by its header alone.

Every refusal is chosen by what it makes the sender do. After a 404, CTP keeps its file and tries again; after a 401 it
stops until somebody restarts it; after anything else it deletes. It must not know a socket.
"""

import logging
from collections.abc import Mapping

from engine.sources.credentials import Claim, Unreadable, file_name
from engine.sources.multipart import Malformed, media_type
from engine.sources.posted import KEEP, SURE, UNSURE, Answer, Body, House, Posted
from engine.sources.stow import BUSY, Stow, boundary_of, study_of

log = logging.getLogger("stellwerk.https")

CHALLENGE = Answer(401, b"", (("WWW-Authenticate", 'Basic realm="Stellwerk", charset="UTF-8"'),))
ENDLESS = 1 << 62
"""The length of a body that does not say it."""


def length_of(headers: Mapping[str, str]) -> int | None:
    """How long the body says that it is; ENDLESS for chunks, None where nobody can know (RFC 9112 6.3)."""
    said = headers.get("Content-Length")
    if said is None:
        return ENDLESS if "Transfer-Encoding" in headers else 0
    if not (said.isascii() and said.isdecimal()):
        return None
    return int(said) if len(said) < 19 else ENDLESS


def body_for(house: House, path: str, headers: Mapping[str, str], user: str, address: str) -> Body | Answer:
    """What takes the body, or why it is not wanted."""
    kind, _ = media_type(headers.get("Content-Type", ""))
    study = study_of(path) if kind.startswith("multipart/") else None
    length = length_of(headers) or 0
    chunked = "Transfer-Encoding" in headers
    if "Content-Encoding" in headers:
        return KEEP if study is None else Answer(415)
    if length > house.largest and not chunked:
        log.warning("from %s: a body of more than %d MB is refused", address, house.largest >> 20)
        return KEEP if study is None else Answer(413)
    if (why := house.room(0 if chunked else length)) is not None:
        log.warning("from %s: nothing is taken now: %s", address, why)
        return KEEP if study is None else Answer(503, b"", BUSY)
    try:
        if study is None:
            return _posted(house, headers, kind, user, address)
        return _stow(house, headers, study, user, address)
    except (Unreadable, Malformed) as error:
        log.warning("from %s: a request is refused: %s", address, error)
        return KEEP if study is None else Answer(400)


def _posted(house: House, headers: Mapping[str, str], kind: str, user: str, address: str) -> Body | Answer:
    sure = any(word in kind for word in SURE)
    if not sure and kind not in UNSURE:
        return KEEP
    name = file_name(headers.get("Content-Disposition", ""))
    return Posted(house, Claim.of(headers), user, address, name, sure=sure)


def _stow(house: House, headers: Mapping[str, str], study: str, user: str, address: str) -> Body | Answer:
    status, boundary = boundary_of(headers.get("Content-Type", ""))
    return Answer(status) if status else Stow(house, boundary, study, user, address)
