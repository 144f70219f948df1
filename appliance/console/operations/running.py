"""Operations on the running appliance: what it says of itself, and what its destinations are told."""

from appliance.console.api import Call, operation
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, integer, nullable, number, record, text

_TROUBLE = record({"name": text(), "words": text(5000), "german": text(5000), "newest": number()})
_PUMP = record(
    {
        "name": text(),
        "trouble": text(5000),
        "paused_until": number(summary="When it is tried again, in seconds since 1970; 0: nothing is waited for"),
        "paused_since": nullable(number(summary="Since when a person has paused it")),
        "paused_by": nullable(text()),
        "in_hand": integer(),
        "connections": integer(),
    }
)
_STATE = record(
    {
        "running": boolean("Whether the appliance runs and answers; without it, there is nothing else"),
        "why": text(1000, summary="Why not"),
        "version": text(),
        "since": number(),
        "program": text(),
        "rules": text(5000, summary="Why the rules on the disk are not the ones that run"),
        "ports": array(integer(0, 65535)),
        "troubles": array(_TROUBLE),
        "pumps": array(_PUMP),
    },
    optional=("why", "version", "since", "program", "rules", "ports", "troubles", "pumps"),
)


@operation("GET", "/state", summary="What the running appliance says of itself", least=Role.VIEWER, answer=_STATE)
def state(call: Call) -> object:
    """From the control socket."""
    found = call.context.running.state()
    if found.why is not None:
        return {"running": False, "why": found.why.said(call.language)}
    return {"running": True, **found.data}


@operation("POST", "/destinations/{name}/pause", summary="Send nothing there until it is resumed", least=Role.OPERATOR)
def pause_destination(call: Call) -> object:
    """It outlives a restart of the appliance."""
    return _tell(call, "pause", "pause")


@operation("POST", "/destinations/{name}/resume", summary="End a pause, and send now", least=Role.OPERATOR)
def resume_destination(call: Call) -> object:
    """Also where the destination itself had not answered."""
    return _tell(call, "resume", "resume")


@operation("POST", "/destinations/{name}/try-again", summary="Try now what waits for its next try", least=Role.OPERATOR)
def try_destination_again(call: Call) -> object:
    """Not while it is paused."""
    return _tell(call, "try again", "try-again")


def _tell(call: Call, do: str, act: str) -> object:
    name = call.path["name"]
    call.context.running.tell(do, name, call.who.name)
    call.note(act, name)
    return {}
