"""Operations on studies and objects: search, facts, journeys, acts. They answer with patients' data."""

from collections.abc import Mapping

from appliance.console import told_studies
from appliance.console.api import Call, operation
from appliance.console.facts import journeys, studies
from appliance.console.facts.house import NoSpool
from appliance.console.facts.plain import Json, plain
from appliance.console.facts.standing import STANDINGS
from appliance.console.facts.timeline import timeline
from appliance.console.operations.hold import TOLD
from appliance.console.resendings import STATES, Resending
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, nullable, number, record, table, text
from appliance.console.studywork import NUMBER, Work, looked, search, study_at
from appliance.console.words import Refusal
from engine.ledger import MISSING
from engine.ledger import STATES as ENDS
from engine.study_search import Study

_LONG = 1 << 16
_ID = text(19, 1, "[0-9]+", summary="Of the study; larger than numbers in scripts may be")
_OBJECT = text(45, 19, NUMBER)
_AFTER = text(45, 0, "[0-9a-f]*", summary="`next` of the page before")
_STATES = table(integer(), summary="By what became of them, how many objects")
_WAITS = table(integer(), summary="By outbox, for which how many wait")
_STUDY = record(
    {
        "id": _ID,
        **{name: text(_LONG) for name in ("uid", "name", "patient", "birth", "date", "accession", "institution")},
        "physician": text(_LONG, summary="The referring one"),
        "sender": text(_LONG, summary="The one that has sent the last of it"),
        "modalities": array(text(_LONG)),
        **{name: integer() for name in ("senders", "series", "objects")},
        "first": text(summary="When the first of it came"),
        "last": text(),
    }
)
_PAGE = record(
    {
        "studies": array(record({"study": _STUDY, "states": nullable(_STATES), "waits": _WAITS})),
        "next": text(summary="`after` of the next page; empty at the end"),
        "whole": boolean("Nothing older was left out for want of time"),
        "back_to": text(summary="How far back it has looked, where it is not whole"),
        "journal": record(
            {"read": integer(), "whole": integer()}, summary="How much of the history is known, in bytes"
        ),
    }
)
_ASKED = {
    "words": text(
        summary="Each a part of the name, the institution or the referring physician, or how an ID, an accession number"
        " or a sender begins; a day; a UID"
    ),
    **{name: text() for name in ("name", "id", "accession", "sender", "birth", "modality", "uid")},
    "institution": text(summary="Parts of the institution's name"),
    "physician": text(summary="Parts of the referring physician's name"),
    "referring": text(summary="Each a part of one or the other"),
    "first_day": text(summary="Of the study: 2026-04-01, 20260401 or 1.4.2026"),
    "last_day": text(),
    "standing": choice("", *STANDINGS, summary="Only those of which something waits, is held, one of both, or neither"),
    "after": text(19, 0, "[0-9]*"),
    "most": integer(1, studies.PAGE_MOST),
}
_SERIES = record({"uid": text(_LONG), "modality": text(_LONG), "objects": integer(), "states": _STATES})
_FACTS = record(
    {
        "study": _STUDY,
        "states": _STATES,
        "waits": _WAITS,
        "held": array(text(), summary="Entries of the hold"),
        "stored": integer(summary="Of how many objects a copy was stored here"),
        "series": array(_SERIES),
        "shown": integer(summary="Of how many objects this speaks"),
    }
)
_STATE = choice(*ENDS, MISSING)
_LINE = record({**{name: text(_LONG) for name in ("number", "came", "sop", "series", "modality")}, "state": _STATE})
_DRAWN = ("id", "label", "kind", "state")
_DRAWING = record(
    {
        "nodes": array(record({**{name: text(_LONG) for name in _DRAWN}, "count": integer()})),
        "edges": array(
            record({**{name: text(_LONG) for name in ("id", "from", "to", "label", "state")}, "count": integer()})
        ),
    }
)
_JOURNEYS = record(
    {
        "objects": integer(summary="How many are followed"),
        "journeys": array(
            record(
                {
                    "program": text(summary="By which rules"),
                    "assumed": boolean("Their own rules are not known; these are those that run"),
                    "passes": integer(),
                    "drawing": _DRAWING,
                    "replayed": boolean("Stored copies that went once more"),
                }
            )
        ),
        "lost": integer(summary="Passes of which nobody has the rules any more"),
    }
)
_EVENT = record(
    {
        **{name: text(_LONG) for name in ("event", "outbox", "why", "first", "last", "way", "sender")},
        "count": integer(summary="To how many objects"),
        "again": boolean("Once more through the rules"),
    }
)
_HAPPENED = record(
    {
        **{name: text(_LONG) for name in ("at", "event", "number", "outbox", "why", "route", "rule")},
        "tries": integer(),
        "more": table(text(_LONG)),
    }
)
_WHOSE = ("sender", "name", "patient", "birth", "study", "series", "sop", "sop_class", "date", "modality")
_OBJECT_FACTS = record(
    {
        **{name: text(_LONG) for name in ("number", "came", *_WHOSE, "accession", "institution", "physician")},
        "state": _STATE,
        "events": array(_HAPPENED),
        "copies": array(array(text(_LONG), 2, 2), summary="Archive and place of each"),
        "held": array(text(), summary="Entries of the hold"),
        "in_study": nullable(_ID),
    }
)
_WOULD = record(
    {
        **{name: integer() for name in ("all", "objects", "go", "already", "without")},
        "skipped": table(integer(), summary="By reason, how many would stay as they are"),
    }
)
_SENT = record(
    {
        **{name: text() for name in ("id", "to", "by", "words", "kind")},
        "at": number(summary="When it was asked for, in seconds since 1970"),
        "state": choice(*STATES),
        "progress": text(_LONG),
        "chosen": integer(summary="How many go; 0 until that is known"),
        "left": integer(summary="How many of them have still to go"),
        "taken": integer(),
        "skipped": table(integer(), summary="By reason, how many do not go"),
    }
)


def _named(found: Mapping[str, Json], *path: str) -> dict[str, Json]:
    """The same with numbers of studies as text: they are larger than JavaScript counts."""
    value = dict(found)
    first, *rest = path
    inner = value[first]
    value[first] = _named(inner, *rest) if rest and isinstance(inner, dict) else None if inner is None else str(inner)
    return value


def _as_dict(value: object) -> dict[str, Json]:
    told = plain(value)
    assert isinstance(told, dict)
    return told


@operation(
    "GET",
    "/studies",
    summary="The newest studies",
    least=Role.VIEWER,
    query={"after": _ASKED["after"], "most": _ASKED["most"]},
    answer=_PAGE,
)
def newest_studies(call: Call) -> object:
    """A page of them."""
    return _page(call, {}, call.query.get("after", ""), call.query.get("most", studies.PAGE))


@operation(
    "POST",
    "/studies/search",
    summary="Look for studies: all that is given must fit, the newest first",
    least=Role.VIEWER,
    body=record(_ASKED, optional=tuple(_ASKED)),
    answer=_PAGE,
)
def search_studies(call: Call) -> object:
    """By POST, as addresses are written down on the way."""
    asked = dict(call.body)
    return _page(call, asked, asked.pop("after", ""), asked.pop("most", studies.PAGE))


def _page(call: Call, asked: Mapping[str, str], after: str, most: int) -> object:
    found = search(call.context.house, asked, after, most)
    lines = [_named(_as_dict(line), "study", "id") for line in found.studies]
    return {**_as_dict(found), "studies": lines}


def _study(call: Call) -> Study:
    return study_at(call.context.house, call.path["id"])


@operation("GET", "/studies/{id}", summary="One study", least=Role.VIEWER, places={"id": _ID}, answer=_FACTS)
def show_study(call: Call) -> object:
    """What became of its objects, by series."""
    uid = _study(call).uid
    found = looked(lambda: studies.study_facts(call.context.house, uid))
    if found is None:
        raise Refusal(404, "This study is not known here (any more). Please search for it again.")
    return _named(_as_dict(found), "study", "id")


@operation(
    "GET",
    "/studies/{id}/objects",
    summary="The objects of a study, in the order in which they came",
    least=Role.VIEWER,
    places={"id": _ID},
    query={"after": _AFTER, "most": integer(1, studies.PAGE_MOST)},
    answer=record({"objects": array(_LINE), "next": text()}),
)
def study_objects(call: Call) -> object:
    """A page of them."""
    uid, query = _study(call).uid, call.query
    return plain(
        looked(
            lambda: studies.objects(call.context.house, uid, query.get("after", ""), query.get("most", studies.PAGE))
        )
    )


@operation(
    "GET",
    "/studies/{id}/journeys",
    summary="The ways of a study's objects through the rules",
    least=Role.VIEWER,
    places={"id": _ID},
    answer=_JOURNEYS,
)
def study_journeys(call: Call) -> object:
    """For each program that took some of them in."""
    uid = _study(call).uid
    return plain(looked(lambda: journeys.of_study(call.context.house, uid)))


@operation(
    "GET",
    "/studies/{id}/ways",
    summary="Which objects of a study went from one place of the rules to another",
    least=Role.VIEWER,
    places={"id": _ID},
    query={"program": text(), "from": text(5000), "to": text(5000)},
    answer=record({"objects": array(_OBJECT)}),
)
def study_ways(call: Call) -> object:
    """Program, `from` and `to` as its journeys have them."""
    uid, query = _study(call).uid, call.query
    edge = (query.get("from", ""), query.get("to", ""))
    house, program = call.context.house, query.get("program", "")
    return {"objects": looked(lambda: journeys.through(house, uid, program, edge))}


@operation(
    "GET",
    "/studies/{id}/timeline",
    summary="What happened to a study's objects, alike things together",
    least=Role.VIEWER,
    places={"id": _ID},
    answer=record({"events": array(_EVENT), "whole": boolean("Nothing was left out")}),
)
def study_timeline(call: Call) -> object:
    """Oldest first."""
    uid = _study(call).uid
    return plain(looked(lambda: timeline(call.context.house, uid)))


@operation(
    "POST",
    "/studies/{id}/release",
    summary="Send on what is held of a study",
    least=Role.OPERATOR,
    places={"id": _ID},
    answer=TOLD,
)
def release_study(call: Call) -> object:
    """As POST /hold/release."""
    return plain(_work(call).release())


@operation(
    "POST",
    "/studies/{id}/send-again/preview",
    summary="What would go to a destination once more",
    least=Role.OPERATOR,
    places={"id": _ID},
    body=record({"to": text(least=1)}),
    answer=_WOULD,
)
def preview_sending_again(call: Call) -> object:
    """Nothing is sent."""
    return plain(looked(lambda: call.context.resendings.would(_study(call), call.body["to"])))


@operation(
    "POST",
    "/studies/{id}/send-again",
    summary="Send a study's stored copies to a destination once more, in the background",
    least=Role.OPERATOR,
    places={"id": _ID},
    body=record(
        {
            "to": text(least=1),
            "name": text(
                64,
                1,
                "[0-9A-Za-z_-]+",
                summary="Also what was sent again before, once under each name; without it, that stays as it is",
            ),
        },
        optional=("name",),
    ),
    answer=_SENT,
)
def send_study_again(call: Call) -> object:
    """Asked twice, it is done once."""
    return _sent(call, looked(lambda: _work(call).send_again(call.body["to"], call.body.get("name", ""))))


@operation(
    "GET",
    "/studies/{id}/sent-again",
    summary="How far a study is on its way again",
    least=Role.VIEWER,
    places={"id": _ID},
    answer=record({"sent": array(_SENT)}),
)
def study_sent_again(call: Call) -> object:
    """The newest first."""
    return {"sent": [_sent(call, one) for one in call.context.resendings.of(_study(call).id)]}


@operation(
    "GET",
    "/objects/{number}",
    summary="One object, and all that happened to it",
    least=Role.VIEWER,
    places={"number": _OBJECT},
    answer=_OBJECT_FACTS,
)
def show_object(call: Call) -> object:
    """By any of its numbers."""
    return _named(_as_dict(_object(call)), "in_study")


@operation(
    "GET",
    "/objects/{number}/journeys",
    summary="The ways of an object through the rules",
    least=Role.VIEWER,
    places={"number": _OBJECT},
    answer=_JOURNEYS,
)
def object_journeys(call: Call) -> object:
    """For each program that took it in."""
    found = _object(call).number
    return plain(looked(lambda: journeys.of_object(call.context.house, found)))


def _object(call: Call) -> studies.ObjectFacts:
    try:
        found = looked(lambda: studies.object_facts(call.context.house, call.path["number"]))
    except NoSpool:
        found = None
    if found is None:
        raise Refusal(404, "This image is not known here (any more).")
    return found


def _work(call: Call) -> Work:
    return Work(call.context, call.who.name, call.note, call.path["id"])


def _sent(call: Call, one: Resending) -> dict[str, object]:
    said = told_studies.resending(call.language, one, call.context.resendings.waits(one))
    return {
        **{name: getattr(one, name) for name in ("id", "to", "by", "at", "state", "chosen", "taken", "skipped")},
        "left": len(one.left or ()),
        "words": said.state,
        "kind": said.kind,
        "progress": said.progress,
    }
