"""Operations about whoever asks, and about the API itself."""

from importlib.metadata import version

from appliance.console import api
from appliance.console.api import Call, operation
from appliance.console.openapi import document
from appliance.console.roles import ROLES, Role
from appliance.console.schema import boolean, choice, record, text

_ME = record({"name": text(), "role": choice(*ROLES), "language": choice("de", "en"), "session": boolean()})


@operation("GET", "/me", summary="Who asks, and with which role", least=Role.VIEWER, answer=_ME)
def me(call: Call) -> object:
    """session: false where a token was shown."""
    who = call.who
    return {
        "name": who.name,
        "role": who.role.word,
        "language": call.language,
        "session": who.session is not None,
    }


@operation("GET", "/openapi.json", summary="This API, as OpenAPI 3.1", least=Role.VIEWER, answer={"type": "object"})
def openapi(_: Call) -> object:
    """Made from the declarations."""
    return document(api.declared(), version("stellwerk"))
