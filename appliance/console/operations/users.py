"""Operations on users, links and tokens. A link or token is shown once, in the answer to whoever has made it."""

from appliance.console.accounts import NAME
from appliance.console.api import Call, operation
from appliance.console.roles import ROLES, Role
from appliance.console.schema import array, boolean, choice, integer, number, record, text
from appliance.console.users import Desk

_NAME = text(64, 1, NAME.pattern)
_ID = text(64, 64, r"[0-9a-f]{64}")
_ROLE = choice(*ROLES)
_USER = record(
    {
        "name": _NAME,
        "role": _ROLE,
        "language": text(),
        "disabled": boolean(),
        "created": number(),
        "sessions": integer(),
    }
)
_LINK = record({"id": _ID, "role": _ROLE, "name": text(), "by": text(), "until": number()})
_TOKEN = record({"id": _ID, "name": text(), "role": _ROLE, "by": text(), "until": number()})
_SECRET = {"path": text(summary="The path of the link: whoever opens it first, uses it")}


def _desk(call: Call) -> Desk:
    return Desk(call.context, call.who, call.note)


@operation("GET", "/users", summary="Who may use the console", least=Role.ADMIN, answer=record({"users": array(_USER)}))
def users(call: Call) -> object:
    """sessions: in how many browsers they are signed in."""
    found = [
        {
            "name": one.name,
            "role": one.role.word,
            "language": one.language,
            "disabled": one.disabled,
            "created": one.created,
            "sessions": len(call.context.sessions.of(one.name)),
        }
        for one in call.context.accounts.all()
    ]
    return {"users": found}


@operation(
    "PATCH",
    "/users/{name}",
    summary="Give a user another role, shut them out, or let them in again",
    least=Role.ADMIN,
    body=record({"role": _ROLE, "disabled": boolean()}, optional=("role", "disabled")),
    places={"name": _NAME},
)
def change_user(call: Call) -> object:
    """Counts at once, also where they are signed in."""
    if "role" in call.body:
        _desk(call).set_role(call.path["name"], Role.named(call.body["role"]))
    if "disabled" in call.body:
        _desk(call).set_disabled(call.path["name"], call.body["disabled"])
    return {}


@operation("DELETE", "/users/{name}", summary="Remove a user", least=Role.ADMIN, places={"name": _NAME})
def remove_user(call: Call) -> object:
    """Not the last admin."""
    _desk(call).remove(call.path["name"])
    return {}


@operation(
    "POST",
    "/users/{name}/link",
    summary="Make a link by which a user chooses another password",
    least=Role.ADMIN,
    places={"name": _NAME},
    answer=record(_SECRET),
)
def reset_user(call: Call) -> object:
    """Good for a day, once."""
    return {"path": f"/start/{_desk(call).reset(call.path['name'])}"}


@operation("GET", "/links", summary="Links that are open", least=Role.ADMIN, answer=record({"links": array(_LINK)}))
def links(call: Call) -> object:
    """Without their secrets, which are not kept."""
    found = call.context.links.open()
    return {
        "links": [
            {"id": one.id, "role": one.role.word, "name": one.name, "by": one.by, "until": one.until} for one in found
        ]
    }


@operation(
    "POST",
    "/links",
    summary="Make a link by which somebody becomes a user",
    least=Role.ADMIN,
    body=record({"role": _ROLE}),
    answer=record(_SECRET),
)
def make_link(call: Call) -> object:
    """Good for a day, once."""
    return {"path": f"/start/{_desk(call).invite(Role.named(call.body['role']))}"}


@operation("DELETE", "/links/{id}", summary="Take back a link", least=Role.ADMIN, places={"id": _ID})
def revoke_link(call: Call) -> object:
    """By its id."""
    _desk(call).revoke_link(call.path["id"])
    return {}


@operation("GET", "/tokens", summary="Tokens of scripts", least=Role.ADMIN, answer=record({"tokens": array(_TOKEN)}))
def tokens(call: Call) -> object:
    """Also those that have ended."""
    found = call.context.tokens.all()
    return {
        "tokens": [
            {"id": one.id, "name": one.name, "role": one.role.word, "by": one.by, "until": one.until} for one in found
        ]
    }


@operation(
    "POST",
    "/tokens",
    summary="Make a token for a script",
    least=Role.ADMIN,
    body=record({"name": _NAME, "role": _ROLE, "days": integer(1, 730)}),
    answer=record({"token": text(summary="Shown once")}),
)
def make_token(call: Call) -> object:
    """It ends after so many days."""
    body = call.body
    return {"token": _desk(call).make_token(body["name"], Role.named(body["role"]), int(body["days"]))}


@operation("DELETE", "/tokens/{id}", summary="End a token", least=Role.ADMIN, places={"id": _ID})
def revoke_token(call: Call) -> object:
    """At once."""
    _desk(call).revoke_token(call.path["id"])
    return {}
