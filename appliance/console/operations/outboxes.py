"""Operations on outboxes: what waits for each destination, and what a person does about it."""

from appliance.console.api import Call, operation
from appliance.console.facts import outboxes
from appliance.console.facts.house import NoSpool
from appliance.console.facts.outboxes import STATES
from appliance.console.facts.plain import plain
from appliance.console.hands import Hands
from appliance.console.operations.hold import ID, LONG, TOLD, WHOSE
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, nullable, record, text
from appliance.console.words import Refusal

SERIES = record(
    {"minutes": array(integer()), "hours": array(integer())}, summary="In each minute of an hour, each hour of a day"
)
BOX = record(
    {
        "name": text(),
        "kind": text(),
        "declared": boolean("Whether the rules name it"),
        "counts": record({name: integer() for name in STATES}),
        "done_today": integer(),
        "rate": SERIES,
        **{name: text(LONG) for name in ("oldest", "why", "last", "failed", "trouble")},
        **{name: text() for name in ("paused_since", "paused_by", "paused_until")},
        "in_hand": integer(),
    }
)
_ENTRY = record(
    {
        **{name: text(LONG) for name in ("id", "object", "since", "due", "why", "during", "sender", "route")},
        "state": choice(*STATES),
        "tries": integer(),
        "open": boolean("Whether the window of time is open in which it may be sent"),
        "urgent": boolean(),
        "size": integer(),
        "whose": WHOSE,
    }
)


@operation(
    "GET",
    "/outboxes",
    summary="What waits for each destination",
    least=Role.VIEWER,
    answer=record({"outboxes": array(BOX)}),
)
def list_outboxes(call: Call) -> object:
    """Without the hold."""
    state = call.context.running.state()
    try:
        return {"outboxes": plain(outboxes.outboxes(call.context.house, state.data if state.is_running else None))}
    except NoSpool:
        return {"outboxes": []}


@operation(
    "GET",
    "/outboxes/{name}/entries",
    summary="What waits in an outbox, oldest first",
    least=Role.VIEWER,
    query={"state": choice(*STATES), "after": ID, "most": integer(1, 500)},
    answer=record({"entries": array(_ENTRY), "next": text(summary="Where the next page begins; empty at the end")}),
)
def outbox_entries(call: Call) -> object:
    """A page of them."""
    name, query = call.path["name"], call.query
    try:
        page = outboxes.entries(
            call.context.house, name, query.get("state", ""), query.get("after", ""), query.get("most", 50)
        )
    except (KeyError, NoSpool):
        raise Refusal(404, "There is no destination {name}.", name=name) from None
    return plain(page)


@operation(
    "POST",
    "/outboxes/{name}/try-now",
    summary="Send these now that wait for their next try",
    least=Role.OPERATOR,
    body=record({"ids": array(ID, 1000, 1)}),
    answer=TOLD,
)
def try_entries_now(call: Call) -> object:
    """All of an outbox: see try-again of its destination."""
    return plain(Hands(call.context, call.note).try_now(call.path["name"], call.body["ids"]))


@operation(
    "POST",
    "/outboxes/{name}/take-back",
    summary="Put what waits into the hold",
    least=Role.OPERATOR,
    body=record({"ids": nullable(array(ID, 1000, 1, summary="null: all of it"))}),
    answer=TOLD,
)
def take_entries_back(call: Call) -> object:
    """Not what is just being sent."""
    return plain(Hands(call.context, call.note).take_back(call.path["name"], call.body["ids"]))
