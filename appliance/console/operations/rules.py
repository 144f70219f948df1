"""Operations on rules: what an editor asks, what would change, activation, versions."""

from collections.abc import Mapping

from appliance.console.api import Call, operation
from appliance.console.effects import effect
from appliance.console.facts.plain import plain
from appliance.console.probation import LONGEST, MINUTES
from appliance.console.roles import Role
from appliance.console.rulework import Rulework, expected_of
from appliance.console.schema import array, boolean, choice, integer, nullable, record, table, text
from dsl.parse import plain as plain_text

LONG = text(80_000)
"""So long a rule file may be: with every character escaped it fits into a request (console/app.py: MOST_BYTES)."""
FILES = table(LONG, "All rule files: text by name")
_NAME = text(200, 1)
_FILES = record({"files": FILES})
ONE = record({"name": _NAME, "text": LONG})
_AT = record({"name": _NAME, "text": LONG, "offset": integer(0, 80_000, "In characters from the start")})
DIGEST = text(64, 1, summary="Of all rule files as they were read")

_FIX = record({"label": text(2000), "edits": array(record({"from": integer(), "to": integer(), "text": LONG}))})
_FINDING = record(
    {
        "from": integer(),
        "to": integer(),
        "severity": choice("error", "warning"),
        "code": text(),
        "title": text(5000),
        "label": text(5000),
        "help": text(5000),
        "fixes": array(_FIX),
    }
)
FOUND = record(
    {
        "file": text(),
        "line": integer(),
        "severity": choice("error", "warning"),
        "code": text(),
        "title": text(5000),
        "label": text(5000),
        "help": text(5000),
    }
)
_WORD = record({"text": text(5000), "kind": text(), "detail": text(5000), "rank": integer(-1000, 1000)})
_OFFERS = record({"from": integer(), "to": integer(), "all": boolean(), "words": array(_WORD)})
_HOVER = nullable(record({"from": integer(), "to": integer(), "lines": array(text(20_000))}))
_NODE = record({"id": text(5000), "label": text(5000), "kind": text(), "state": text(), "count": integer()})
_EDGE = record(
    {"id": text(9000), "from": text(5000), "to": text(5000), "label": text(5000), "count": integer(), "state": text()}
)
_DRAWING = nullable(record({"nodes": array(_NODE), "edges": array(_EDGE)}))
_VERSION = record(
    {
        "number": integer(),
        "at": text(),
        "author": text(),
        "why": text(2000),
        "files": array(text()),
        "is_current": boolean("Its texts are those of the files"),
    }
)
_GROUP = record(
    {"way": text(), "lost": array(text(5000)), "won": array(text(5000)), "count": integer(), "objects": array(text())}
)
_CHANGED = record({"added": array(text()), "removed": array(text()), "changed": array(text())})
_PREVIEW = nullable(
    record(
        {
            "tried": integer(summary="On how many objects"),
            "differ": integer(summary="How many of them would fare otherwise"),
            "skipped": integer(summary="Of how many nothing is known any more"),
            "whole": boolean("Not ended for want of time"),
            "same": boolean("Both rules mean the same"),
            "changed": table(_CHANGED),
            "groups": array(_GROUP),
        }
    )
)
_TEST = record(
    {
        "title": text(5000),
        "written": text(5000),
        "passed": boolean(),
        "happened": array(text(5000)),
        "findings": array(FOUND),
    }
)
ACTIVATED = record(
    {
        "version": integer(summary="Its number; 0 where there is none"),
        "became": choice("runs", "stopped", "refused", "unsure", "errors"),
        "words": text(20_000, summary="What the appliance says of it"),
        "findings": array(FOUND),
    }
)
WHY = text(2000, summary="A note for those who look at it later")
WATCH = integer(0, LONGEST, "Minutes for which they are watched, and taken back should failures rise; 0: not at all")


def _work(call: Call) -> Rulework:
    return Rulework(call.context, call.language)


@operation(
    "GET",
    "/rules",
    summary="The rule files as they are",
    least=Role.VIEWER,
    answer=record({"files": table(LONG), "digest": DIGEST}),
)
def rules(call: Call) -> object:
    """All that lie in the folder of the rules."""
    files = _work(call).current()
    return {"files": files, "digest": expected_of(files)}


@operation(
    "POST",
    "/rules/check",
    summary="What is wrong in a text",
    least=Role.VIEWER,
    body=ONE,
    answer=record({"findings": array(_FINDING)}),
)
def check_rules(call: Call) -> object:
    """As a file of this name, beside the others."""
    work = _work(call)
    path = str(work.path(call.body["name"]))
    return {"findings": work.answers().findings(path, call.body["text"], call.language)}


@operation(
    "POST", "/rules/complete", summary="What may be typed at a place", least=Role.VIEWER, body=_AT, answer=_OFFERS
)
def complete_rules(call: Call) -> object:
    """Keywords, names, steps, tags, values."""
    work = _work(call)
    return work.answers().completion(str(work.path(call.body["name"])), call.body["text"], int(call.body["offset"]))


@operation(
    "POST",
    "/rules/explain",
    summary="What the word at a place means",
    least=Role.VIEWER,
    body=_AT,
    answer=record({"about": _HOVER}),
)
def explain_rules(call: Call) -> object:
    """In Markdown."""
    work, body = _work(call), call.body
    path = str(work.path(body["name"]))
    return {"about": work.answers().explanation(path, body["text"], int(body["offset"]), call.language)}


@operation(
    "POST",
    "/rules/sample",
    summary="What the attribute at a place said in the objects that came last",
    least=Role.OPERATOR,
    body=_AT,
    answer=record({"values": array(text(200))}),
)
def sample_rules(call: Call) -> object:
    """A patient's data. Different values, the newest first; empty where there is no attribute, or nothing has come."""
    work, body = _work(call), call.body
    about = work.answers().explanation(str(work.path(body["name"])), body["text"], int(body["offset"]), call.language)
    word = "" if about is None else plain_text(body["text"])[about["from"] : about["to"]]
    return {"values": call.context.samples.of(word) if word else []}


@operation(
    "POST",
    "/rules/format",
    summary="A text in its one layout",
    least=Role.VIEWER,
    body=ONE,
    answer=record({"text": LONG}),
)
def format_rules(call: Call) -> object:
    """What it means stays."""
    return {"text": _work(call).laid_out(call.body["name"], call.body["text"])}


@operation(
    "POST",
    "/rules/graph",
    summary="The ways through these rules",
    least=Role.VIEWER,
    body=_FILES,
    answer=record({"drawing": _DRAWING, "running": boolean("They are those that run: counts are of the last day")}),
)
def draw_rules(call: Call) -> object:
    """Null while they have errors."""
    drawing, running = _work(call).drawing(call.body["files"])
    return {"drawing": plain(drawing), "running": running}


@operation(
    "GET",
    "/rules/objects",
    summary="Which objects went from one place of the running rules to another, in the last day",
    least=Role.VIEWER,
    query={"from": text(1000), "to": text(1000)},
    answer=record({"objects": array(text())}),
)
def objects_on_edge(call: Call) -> object:
    """The newest first."""
    return {"objects": _work(call).objects(call.query.get("from", ""), call.query.get("to", ""))[:200]}


@operation(
    "POST",
    "/rules/tests",
    summary="Run the tests that stand in these rules",
    least=Role.VIEWER,
    body=_FILES,
    answer=record({"tests": nullable(array(_TEST))}),
)
def run_tests(call: Call) -> object:
    """Null while they have errors."""
    return {"tests": plain(_work(call).tested(call.body["files"]))}


@operation(
    "POST",
    "/rules/preview",
    summary="What these rules would change for the objects that came last",
    least=Role.ADMIN,
    body=record({"files": table(LONG), "most": integer(1, 1000)}, optional=("most",)),
    answer=record({"preview": _PREVIEW, "findings": array(FOUND)}),
)
def preview_rules(call: Call) -> object:
    """Nothing leaves. It ends after half a minute with what it knows by then."""
    found, findings = _work(call).preview(call.body["files"], int(call.body.get("most", 1000)))
    if found is None:
        return {"preview": None, "findings": plain(findings)}
    said = plain(found)
    assert isinstance(said, dict)
    del said["journal"]
    groups = [
        {
            "way": one.way,
            "lost": [effect(call.language, words) for words in one.lost],
            "won": [effect(call.language, words) for words in one.won],
            "count": one.count,
            "objects": list(one.objects),
        }
        for one in found.groups
    ]
    return {"preview": {**said, "groups": groups}, "findings": plain(findings)}


@operation(
    "POST",
    "/rules/activate",
    summary="Make these the rules, and wait for what the appliance makes of them",
    least=Role.ADMIN,
    body=record({"files": table(LONG), "digest": DIGEST, "why": WHY, "watch": WATCH}, optional=("watch",)),
    answer=ACTIVATED,
)
def activate_rules(call: Call) -> object:
    """With errors nothing is written. 409 where somebody else has changed them meanwhile. Watched for ten minutes
    where nothing else is said.
    """
    return _activated(call, "rules-activated", call.body["files"])


@operation(
    "GET",
    "/rules/versions",
    summary="The versions of the rules",
    least=Role.VIEWER,
    answer=record({"versions": array(_VERSION)}),
)
def rule_versions(call: Call) -> object:
    """The newest first."""
    return {"versions": plain(_work(call).files.versions()[:1000])}


@operation(
    "GET",
    "/rules/versions/{number}",
    summary="One version: who, when, why, and its texts",
    least=Role.VIEWER,
    places={"number": text(6, 1, r"[0-9]+")},
    answer=record({"number": integer(), "at": text(), "author": text(), "why": text(2000), "files": table(LONG)}),
)
def rule_version(call: Call) -> object:
    """All rule files as they were."""
    return plain(_work(call).version(int(call.path["number"])))


@operation(
    "POST",
    "/rules/versions/{number}/restore",
    summary="Make a version the rules again",
    least=Role.ADMIN,
    places={"number": text(6, 1, r"[0-9]+")},
    body=record({"digest": DIGEST, "why": WHY, "watch": WATCH}, optional=("watch",)),
    answer=ACTIVATED,
)
def restore_rules(call: Call) -> object:
    """As a new version, so that nothing is lost."""
    version = _work(call).version(int(call.path["number"]))
    return _activated(call, "rules-restored", version.files)


def _activated(call: Call, act: str, files: Mapping[str, str]) -> object:
    body = call.body
    done = _work(call).activate(files, call.who.name, body["why"], body["digest"], int(body.get("watch", MINUTES)))
    if done.version:
        call.note(act, f"version {done.version}", detail=done.became)
    return plain(done)
