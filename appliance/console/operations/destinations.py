"""Operations on destinations: what the rules declare, and a test that sends no image."""

from appliance.console.api import Call, operation
from appliance.console.facts import destinations
from appliance.console.facts.house import NoSpool
from appliance.console.facts.plain import plain
from appliance.console.hands import Hands
from appliance.console.operations.outboxes import BOX
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, integer, nullable, number, record, text

_LINE = record(
    {
        "name": text(),
        "kind": text(),
        "address": text(5000),
        "tls": boolean(),
        "outside": boolean("Whether it is outside of the house, for the rules"),
        "windows": array(record({"name": text(), "words": text(5000), "open": boolean()})),
        "outbox": nullable(BOX),
    }
)
_CERTIFICATE = record(
    {
        **{name: text(5000) for name in ("fingerprint", "subject", "since", "until")},
        "names": array(text(5000)),
        "days_left": integer(-(1 << 53)),
    }
)
_TESTED = record(
    {
        "name": text(),
        "well": boolean(),
        "words": text(1 << 16, summary="What was answered, or why it is not well"),
        "later": boolean("It may be well another time"),
        "seconds": number(),
        "takes": array(record({"sop_class": text(), "syntaxes": array(text())})),
        "certificate": nullable(_CERTIFICATE),
    }
)


@operation(
    "GET",
    "/destinations",
    summary="Every destination that the rules declare, and how it fares",
    least=Role.VIEWER,
    answer=record({"destinations": array(_LINE)}),
)
def list_destinations(call: Call) -> object:
    """Those who get mail among them."""
    state = call.context.running.state()
    data = state.data if state.is_running else None
    house = call.context.house
    try:
        return {"destinations": plain([*destinations.destinations(house, data), *destinations.mails(house, data)])}
    except NoSpool:
        return {"destinations": []}


@operation(
    "POST",
    "/destinations/{name}/test",
    summary="Ask it whether it is there; no image is sent",
    least=Role.OPERATOR,
    answer=_TESTED,
)
def test_destination(call: Call) -> object:
    """May take a minute."""
    return plain(Hands(call.context, call.note).test(call.path["name"]))
