"""The stages of one pipeline, each as what it becomes in a chain. A new kind of stage is one line in HANDLERS."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from appliance.migration.chain import Case, Chain, Remark, Step
from appliance.migration.conditions import Untranslatable, quoted, written
from appliance.migration.configuration import Pipeline, Stage
from appliance.migration.desk import Desk, compiles
from appliance.migration.layouts import layout
from appliance.migration.mailing import mail
from appliance.migration.pixels import regions
from appliance.migration.script import BadScript, Constant, parse
from appliance.migration.ways_in import IMPORTS
from appliance.migration.ways_out import KINDS, export
from appliance.migration.words import plain

_KEEPS = ("store", "forward", "hold")


@dataclass
class Work:
    """One pipeline on its way: `outer` is the whole chain, `inner` where it goes on."""

    desk: Desk
    outer: Chain = field(default_factory=Chain)
    where: list[str] = field(default_factory=list)
    mails: list[str] = field(default_factory=list)
    closed: bool = False
    """Nothing may go on here: what follows is only told."""

    def __post_init__(self) -> None:
        self.inner = self.outer

    def close(self, key: str) -> None:
        """What comes here is held, and what stands behind is told in a remark."""
        self.inner.items.append(Step(f'hold "{self.desk.words(key)}"'))
        self.closed = True

    def add(self, chain: Chain) -> None:
        """Further steps; behind a hold they are remarks."""
        if not self.closed:
            self.inner.items += chain.items
            return
        for line in chain.lines(0):
            self.inner.items.append(Remark(f"{self.desk.words('behind')} {line.strip().lstrip('# ')}"))


def chain(pipeline: Pipeline, desk: Desk) -> Work:
    """All of its stages but the imports."""
    work = Work(desk)
    for stage in pipeline.stages:
        if stage.kind in IMPORTS:
            continue
        if stage.get("quarantine"):
            desk.note("better", "quarantine")
        if not stage.says("acceptDicomObjects", otherwise=True):
            _unknown(stage, work)
        elif stage.says("enableExport", otherwise=True):
            HANDLERS.get(stage.kind, _unknown)(stage, work)
        else:
            work.inner.items.append(Remark(f"{desk.words('off')} {plain(stage.name)}"))
    for step in work.mails:
        # It tells of what stands before it; in CTP it might stand anywhere.
        work.outer.items.append(Step(step) if work.outer.has(*_KEEPS) else Remark(f"{desk.words('cannot')} {step}"))
    if not any(work.outer.steps()):
        work.close("hold nothing")
    return work


def _filter(stage: Stage, work: Work) -> None:
    found = _condition(stage, "script", work)
    if found is None:
        work.close("hold filter")
    if not found:
        return
    work.desk.note("became", "filter", name=stage.name)
    work.desk.note("gap", "filter case", name=stage.name)
    work.desk.note("better", "filter held", name=stage.name)
    if work.closed:
        work.add(Chain([Remark(f"where {found}")]))
    elif work.inner is work.outer and not any(work.outer.steps()):
        work.where.append(found)
    else:
        refused = work.desk.words("hold refused", name=stage.name).replace('"', "'")
        inner = Chain()
        work.inner.items.append(Case(found, inner, f'hold "{refused}"'))
        work.inner = inner


def _condition(stage: Stage, attribute: str, work: Work) -> str | None:
    """The condition of one of its scripts; empty where it holds always, None where it cannot be said (and is noted)."""
    path = stage.get(attribute)
    text = work.desk.script(path) if path else None
    if text is None:
        why, word = ("no file", path) if path else ("no script", "")
    else:
        try:
            expression = parse(text)
            if expression == Constant(True):
                return ""
            condition = written(expression)
            if compiles(f"on port 1 where {condition} → store by PatientID"):
                return condition
            why, word = "value", ""
        except (BadScript, Untranslatable) as odd:
            why, word = odd.key, odd.word
    work.desk.note("do", "filter odd", name=stage.name, why=why, word=word)
    return None


def _only_some(stage: Stage, work: Work, steps: Chain) -> None:
    """A stage whose dicomScript says for which images it is."""
    if not stage.get("dicomScript"):
        work.add(steps)
        return
    found = _condition(stage, "dicomScript", work)
    if found is None:
        work.close("hold filter")
        work.add(steps)
    elif not found or not any(steps.steps()):
        work.add(steps)
    else:
        work.desk.note("gap", "filter case", name=stage.name)
        work.add(Chain([Case(found, steps)]))


def _export(stage: Stage, work: Work) -> None:
    steps = Chain()
    export(stage, steps, work.desk)
    _only_some(stage, work, steps)


def _store(stage: Stage, work: Work) -> None:
    by, notes = layout(stage.get("structure"))
    if not compiles(f"on port 1 → store by {by}"):
        by, notes = layout("")
    work.desk.notes += [note for note in notes if note not in work.desk.notes]
    _keep(stage, work, by)


def _web_store(stage: Stage, work: Work) -> None:
    work.desk.note("gap", "web store", name=stage.name)
    _keep(stage, work, "StudyInstanceUID")
    days = stage.get("timeDepth")
    if re.fullmatch(r"[1-9]\d{0,4}", days):
        work.desk.note("became", "purge", name=stage.name, days=days)
        folder = work.desk.known[_root(stage)]
        work.desk.declare(
            f"on every day at 03:00 → purge {'archive' if folder == 'archive' else quoted(folder)} older {days} days"
        )


def _root(stage: Stage) -> str:
    return f"root {stage.get('root')}"


def _keep(stage: Stage, work: Work, by: str) -> None:
    desk, root = work.desk, _root(stage)
    if root not in desk.known:
        first = not any(known.startswith("root ") for known in desk.known)
        last = re.split(r"[/\\]", stage.get("root").rstrip("/\\"))[-1]
        desk.known[root] = "archive" if first else desk.names.new(last, "archive")
    folder = desk.known[root]
    desk.note("became", "stored", name=stage.name, layout=by, folder=folder, root=stage.get("root") or "?")
    desk.note("do", "old files")
    desk.note("better", "stored better")
    where = "" if folder == "archive" else f"in {quoted(folder)} "
    work.add(Chain([Step(f"store {where}by {by}")]))


def _mail(stage: Stage, work: Work) -> None:
    step = mail(stage, work.desk)
    if step and work.closed:
        work.add(Chain([Step(step)]))
    elif step:
        work.mails.append(step)


def _pixels(stage: Stage, work: Work) -> None:
    desk, path = work.desk, stage.get("script")
    text = desk.script(path) if path else None
    if text is None:
        # A device may say itself where its picture is, and what it does not say is held.
        why, word = ("no file", path) if path else ("no script", "")
        desk.note("do", "pixels held", name=stage.name, why=why, word=word)
        work.close("hold pixels")
        return
    key = f"regions {text}"
    if key not in desk.known and any(known.startswith("regions ") for known in desk.known):
        # Regions are for all: an image might meet a section of the other script first, which blanks too little.
        desk.note("do", "pixels held", name=stage.name, why="pixels other")
        work.close("hold pixels")
        return
    if key not in desk.known:
        made = regions(text, desk.names.prefix(stage.name, "device", text.count("{")), compiles)
        desk.notes += made.notes
        desk.declarations += made.lines
        desk.known[key] = str(len(made.lines)) if made.complete else ""
    if not desk.known[key]:
        desk.note("do", "pixels held", name=stage.name, why="pixels part")
        work.close("hold pixels")
        return
    desk.note("became", "pixels", name=stage.name, count=desk.known[key])
    desk.note("better", "pixels better")
    if stage.get("dicomScript"):
        desk.note("gap", "pixels only", name=stage.name)
    _only_some(stage, work, Chain([Step("anonymize-pixels same uid")]))


def _mammography(stage: Stage, work: Work) -> None:
    work.desk.note("gap", "no equivalent", name=stage.name, kind=stage.kind)
    work.close("hold pixels")


def _header(stage: Stage, work: Work) -> None:
    desk, path = work.desk, stage.get("script")
    script = (desk.script(path) if path else None) or ""
    patient = re.search(r't="0*100020"[^>]*>([^<]*)<', script, re.IGNORECASE)
    does = patient[1].casefold() if patient else ""
    step = "pseudonymize" if any(word in does for word in _HASHES) else "anonymize"
    if "@lookup" in does:
        table = desk.names.new(stage.name, "register")
        step = f"pseudonymize with {table}"
        desk.note("do", "header table", name=stage.name, table=table)
    if "@incrementdate" in script.casefold():
        step += " keep modified-dates"
    desk.note("do", "header", name=stage.name, word=step)
    _only_some(stage, work, Chain([Step(step)]))


_HASHES = ("@hash", "@encrypt", "@integer", "@lookup")
"""What makes of a patient ID another that stays the same, in CTP's scripts."""


def _convert(stage: Stage, work: Work) -> None:
    step = {"DicomDecompressor": "decompress"}.get(stage.kind, "")
    if not step:
        return _unknown(stage, work)
    if compiles(f"on port 1 → {step} → store by PatientID"):
        return _only_some(stage, work, Chain([Step(step)]))
    work.desk.note("gap", "converted", name=stage.name, word=step)
    work.inner.items.append(Remark(f"{work.desk.words('not yet')} → {step}"))
    return None


def _told(kind: str, key: str) -> Callable[[Stage, Work], None]:
    def tell(stage: Stage, work: Work) -> None:
        work.desk.note(kind, key, name=stage.name)

    return tell


def _unknown(stage: Stage, work: Work) -> None:
    work.desk.note("gap", "no equivalent", name=stage.name, kind=stage.kind)


HANDLERS: dict[str, Callable[[Stage, Work], None]] = {
    "DicomFilter": _filter,
    "DuplicateFilter": _told("better", "duplicates"),
    "DirectoryStorageService": _store,
    "FileStorageService": _web_store,
    "BasicFileStorageService": _web_store,
    "EmailService": _mail,
    "DicomPixelAnonymizer": _pixels,
    "DicomMammoPixelAnonymizer": _mammography,
    "DicomAnonymizer": _header,
    "DicomDecompressor": _convert,
    "DicomTranscoder": _convert,
    **dict.fromkeys(
        (
            "IDMap",
            "ObjectTracker",
            "ObjectLogger",
            "PerformanceLogger",
            "MemoryMonitor",
            "DicomAuditLogger",
            "ObjectCache",
        ),
        _told("better", "journal"),
    ),
    **dict.fromkeys(KINDS, _export),
}
"""By the class of the stage. What is not here has no equivalent, and is told."""
