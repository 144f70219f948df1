"""CTP's import services as sources of routes."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from appliance.migration.conditions import Untranslatable, pattern, quoted
from appliance.migration.configuration import Stage
from appliance.migration.desk import Desk, compiles
from appliance.migration.markup import Element

DICOM, HTTP, FOLDER = "DicomImportService", "HttpImportService", "DirectoryImportService"
OTHERS = ("PollingHttpImportService", "ArchiveImportService", "DicomSTOWRSImportService")
IMPORTS = (DICOM, HTTP, FOLDER, *OTHERS)

USER = "ctp"
"""The user who may send by HTTPS where CTP asked for one: its own users are not copied."""

_FACTS = {"ip": "address", "calledaet": "called", "callingaet": "sender"}
_INTO_TAGS = ("calledAETTag", "callingAETTag", "connectionIPTag", "timeTag", "fsNameTag", "filePathTag", "fileNameTag")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a route begins. missing: no rule can begin so yet. blocked: who was admitted cannot be said."""

    on: str
    where: tuple[str, ...] = ()
    missing: bool = False
    blocked: bool = False


def source(stage: Stage, desk: Desk) -> Source | None:
    """What stands behind `on`; None where there is nothing that could."""
    into = [attribute for attribute in _INTO_TAGS if stage.get(attribute)]
    if into:
        desk.note("gap", "facts", name=stage.name, what=", ".join(into))
    if stage.kind == DICOM:
        return _dicom(stage, desk)
    if stage.kind == HTTP:
        return _http(stage, desk)
    if stage.kind == FOLDER:
        return _folder(stage, desk)
    desk.note("do", "archive in" if stage.kind.startswith("Archive") else "no way in", name=stage.name)
    return None


def _dicom(stage: Stage, desk: Desk) -> Source | None:
    port = _port(stage.get("port") or "104")
    if not port:
        desk.note("gap", "no way in", name=stage.name)
        return None
    desk.note("became", "port", name=stage.name, port=port)
    desk.note("better", "better safe")
    desk.note("better", "better any")
    accepts, rejects = _lists(stage)
    if any(child.get("sopClass") for child in stage.children("accept")):
        desk.note("better", "classes", name=stage.name)
    if accepts or rejects:
        desk.note("better", "rejects", name=stage.name)
    listener = _listener(port, accepts) if accepts and not rejects else ""
    if listener and compiles(f"listener X-1 = {listener}\non X-1 → store by PatientID"):
        name = desk.names.new(stage.name, "listener")
        desk.declare(f"listener {name} = {listener}")
        return Source(name)
    return _conditioned(f"port {port}", accepts, rejects, stage, desk)


def _http(stage: Stage, desk: Desk) -> Source | None:
    port = _port(stage.get("port") or "7777")
    if not port:
        desk.note("gap", "no way in", name=stage.name)
        return None
    wire = "https" if stage.says("ssl") or not compiles(f"on http port {port} → store by PatientID") else "http"
    if not stage.says("ssl"):
        desk.note("do", "http plain", name=stage.name)
    if stage.says("requireAuthentication"):
        desk.note("do", "logins", name=stage.name)
    missing = not compiles(f"on {wire} port {port} → store by PatientID")
    kind, key = ("gap", "https in missing") if missing else ("became", "https in")
    desk.note(kind, key, name=stage.name, port=port, wire=wire)
    found = _conditioned(f"{wire} port {port}", *_lists(stage), stage, desk)
    on = found.on
    closed = f"{wire} port {port} accept {USER}"
    if stage.says("requireAuthentication") and compiles(f"listener X-1 = {closed}\non X-1 → store by PatientID"):
        # Shut until somebody sets the user up, rather than open to all.
        on = desk.names.new(stage.name, "listener")
        desk.declare(f"listener {on} = {closed}")
    return Source(on, found.where, missing, found.blocked)


def _folder(stage: Stage, desk: Desk) -> Source:
    path = stage.get("import")
    try:
        on = f"folder {quoted(path)} then delete"
    except Untranslatable:
        on = ""
    if not path.startswith("/") or not on or not compiles(f"on {on} → store by PatientID"):
        desk.note("do", "folder path", name=stage.name, path=path)
        return Source('folder "/srv/import" then delete', missing=True)
    desk.note("became", "folder in", name=stage.name, path=path)
    return Source(on)


def _port(text: str) -> str:
    return str(int(text)) if re.fullmatch(r"\d{1,5}", text) and 0 < int(text) < 65536 else ""


def _lists(stage: Stage) -> tuple[list[Element], list[Element]]:
    """Who is admitted, and who is not; entries that say nothing about the caller are left out."""
    found = [
        [
            child
            for child in stage.children(word)
            if any(value.strip() and name.casefold() in _FACTS for name, value in child.attributes.items())
        ]
        for word in ("accept", "reject")
    ]
    return found[0], found[1]


def _said(element: Element) -> dict[str, str]:
    return {
        _FACTS[name.casefold()]: value.strip()
        for name, value in element.attributes.items()
        if name.casefold() in _FACTS and value.strip()
    }


def _is_pattern(element: Element) -> bool:
    return element.get("regex").casefold() in ("yes", "true")


def _listener(port: str, accepts: Sequence[Element]) -> str:
    """In the words of a listener, where these can say it."""
    all_said = [_said(one) for one in accepts]
    if any(map(_is_pattern, accepts)) or (len(all_said) > 1 and len({*(frozenset(one) for one in all_said)}) > 1):
        return ""
    if len(all_said) > 1 and len(all_said[0]) > 1:
        return ""  # pairs, which a list would mix
    values = {fact: list(dict.fromkeys(one[fact] for one in all_said)) for fact in all_said[0]}
    if len(values.get("called", ())) > 1:
        return ""
    text = f"dicom port {port}"
    for fact, word in (("called", "as"), ("sender", "accept"), ("address", "from")):
        if fact in values:
            text += f" {word} {', '.join(map(_word, values[fact]))}"
    return text


def _word(value: str) -> str:
    return value if re.fullmatch(r"[A-Za-z]\w*|[0-9.]+", value) else f'"{value}"'


def _conditioned(on: str, accepts: Sequence[Element], rejects: Sequence[Element], stage: Stage, desk: Desk) -> Source:
    """In the words of a condition."""
    try:
        where = []
        if accepts:
            where.append(" or ".join(f"({_condition(one)})" for one in accepts))
        where += [f"not ({_condition(one)})" for one in rejects]
    except Untranslatable as odd:
        desk.note("do", "filter odd", name=stage.name, why=odd.key, word=odd.word)
        return Source(on, blocked=True)
    if not all(compiles(f"on port 1 where {one} → store by PatientID") for one in where):
        desk.note("do", "filter odd", name=stage.name, why="value", word="")
        return Source(on, blocked=True)
    return Source(on, tuple(where))


def _condition(element: Element) -> str:
    return " and ".join(
        f"{fact} matches {pattern(value)}" if _is_pattern(element) else f"{fact} = {quoted(value)}"
        for fact, value in _said(element).items()
    )
