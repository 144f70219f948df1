"""The operation of the overview: whether all runs, and what came, went, waits and is held today."""

import time

from appliance.console.api import Call, operation
from appliance.console.facts.house import NoSpool
from appliance.console.facts.overview import nothing
from appliance.console.facts.plain import plain
from appliance.console.operations.outboxes import SERIES
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, integer, nullable, number, record, text

LONG = 1 << 16

_RECKONING = record(
    {
        **{name: integer() for name in ("received", "delivered", "waiting", "held", "discarded")},
        **{name: integer() for name in ("duplicates", "deleted", "elsewhere")},
        "difference": integer(summary="What is missing: received, less all the others"),
    }
)
_SENDER = record(
    {
        "name": text(LONG, summary="The AE title, or the way in where there is none"),
        "today": _RECKONING,
        "last": text(summary="When an image came last, ISO 8601 (UTC); empty where nobody knows"),
        "rate": SERIES,
        "usually": nullable(number(summary="Studies that it has sent by this time on other such days")),
    }
)
_OUTBOX = record(
    {
        "name": text(),
        "kind": text(),
        "delivered": integer(summary="Today"),
        "rate": SERIES,
        **{name: text() for name in ("last", "failed", "oldest")},
        "why": text(LONG, summary="What keeps one that waits, or why the last failure was"),
        "queue": integer(),
        "declared": boolean("Whether the rules name it"),
    }
)
_DISK = record(
    {
        "names": array(text(LONG), summary="What lies on it: spool, and the names of archives"),
        **{name: integer() for name in ("free_mb", "whole_mb", "warn_mb", "least_mb")},
        **{name: text(LONG, summary="What is wrong with it; empty where nothing is") for name in ("words", "german")},
    }
)
_SILENT = record(
    {
        "sender": text(LONG),
        **{name: text() for name in ("last", "since")},
        "usually": nullable(number()),
        "rule": text(LONG, summary="Where the rule stands that expects it; empty where it is only a habit"),
    }
)
_OVERVIEW = record(
    {
        **{name: text(summary="ISO 8601 (UTC)") for name in ("at", "since", "noted")},
        "running": boolean("Whether an appliance works on this data"),
        "fresh": boolean("Whether nothing has ever come"),
        "counted": boolean("Whether the ledger is counted: not while the journal is being built, and all is 0 then"),
        "broken": text(LONG, summary="Why the journal cannot be read or written; empty where it can"),
        "ledger": _RECKONING,
        "found": integer(summary="Of the received, those of which the history does not tell that they came"),
        "senders": array(_SENDER),
        "outboxes": array(_OUTBOX),
        "held": integer(summary="All that is held, whenever it came"),
        "disks": array(_DISK),
        "silent": array(_SILENT),
        "troubles": array(record({name: text(LONG) for name in ("name", "words", "german")})),
        "journal": record({"read": integer(), "whole": integer()}, summary="How much of the history it has, in bytes"),
        "rates_whole": boolean("Whether the whole of the last day is in the rates"),
    }
)


@operation("GET", "/overview", summary="Is everything running?", least=Role.VIEWER, answer=_OVERVIEW)
def overview(call: Call) -> object:
    """Of the day since midnight, by the clock of this machine."""
    state = call.context.running.state()
    try:
        return plain(call.context.overviews.get(state.data if state.is_running else None))
    except NoSpool:
        return plain(nothing(time.time()))
