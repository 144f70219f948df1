"""Operations on the audit."""

from appliance.console.api import Call, operation
from appliance.console.audit import ACTS
from appliance.console.roles import Role
from appliance.console.schema import array, choice, integer, record, text

_ACT = record(
    {
        "at": text(summary="ISO 8601, UTC"),
        "who": text(summary="Empty where nobody had signed in"),
        "did": text(summary="In a word"),
        "on": array(text(1000), summary="Users, destinations, our own numbers"),
        "address": text(),
        "detail": text(5000),
    }
)


@operation(
    "GET",
    "/audit",
    summary="Who has done what, the newest first",
    least=Role.VIEWER,
    query={
        "before": text(40, pattern=r"\d{4}-\d{2}:\d{1,15}", summary="`next` of the page before"),
        "who": text(64),
        "did": choice(*sorted(ACTS)),
        "most": integer(1, 1000),
    },
    answer=record({"acts": array(_ACT), "next": text(summary="Where the next page begins; empty at the end")}),
)
def audit(call: Call) -> object:
    """A page of it."""
    query = call.query
    most = query.get("most", 100)
    acts, place = call.context.audit.page(query.get("before", ""), query.get("who", ""), query.get("did", ""), most)
    fields = ("at", "who", "did", "on", "address", "detail")
    return {"acts": [{name: getattr(act, name) for name in fields} for act in acts], "next": place}
