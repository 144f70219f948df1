"""Operations on the machine: its updates, a restart, to switch it off."""

from urllib.parse import unquote

from tornado.web import HTTPError

from appliance.console.api import BASE, ApiHandler, Call, operation
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, nullable, record, text
from appliance.console.update_told import WHEN, head_told, told

_LONG = 5000
_HEAD = record(
    {
        **{"version": text(), "created": text(summary="UTC, ISO 8601"), "notes": text(_LONG)},
        "minimum": text(summary="The version from which on it can be installed"),
        "size": integer(summary="In bytes"),
    }
)
_FACTS = record(
    {
        "kind": choice("none", "package", "image", summary="What is updated so: only an appliance image"),
        "version": text(),
        "trial": boolean("Whether this start must still show that it is good"),
        "other": text(summary="The version in the other slot"),
        "other_state": choice("", "ready", "failed", "before"),
        "restart_at": text(summary="When a restart is planned, ISO 8601"),
        "rolled_back": nullable(record({"version": text(), "at": text(), "why": text(_LONG)})),
        "ready": nullable(_HEAD),
        "found": nullable(_HEAD),
        "coming": record({"name": text(255), "size": integer(), "have": integer()}, optional=("name", "size", "have")),
        "fetching": record({"going": boolean(), "have": integer(), "size": integer(), "trouble": text(_LONG)}),
        "answers": array(
            record({"verb": text(), "kind": choice("ok", "no", "going"), "words": text(_LONG), "at": text()}),
            summary="What the machine has said last",
        ),
    }
)


@operation("GET", "/updates", summary="What runs, and what lies ready", least=Role.ADMIN, answer=_FACTS)
def show_updates(call: Call) -> object:
    """An update comes to /updates/upload: POST, up to 1 MB at a time, with X-File-Path (its name, percent-encoded),
    X-File-Size and X-File-Offset; answered is how much of it is there. With the last of it, it is checked.
    """
    return told(call.context, call.language)


@operation(
    "POST",
    "/updates/look",
    summary="Look whether an update server has a newer version",
    least=Role.ADMIN,
    body=record({"url": text(500, summary="Empty: the setting update_url")}),
    answer=record({"found": nullable(_HEAD)}),
)
def look_for_update(call: Call) -> object:
    """Nothing is fetched by it but what the server says of its newest."""
    url = call.body["url"] or call.context.settings.update_url
    found = call.context.updates.look(url)
    call.note("update-looked", detail=url)
    return {"found": head_told(found, call.language)}


@operation("POST", "/updates/fetch", summary="Fetch what was found", least=Role.ADMIN)
def fetch_update(call: Call) -> object:
    """In the background; GET /updates says how far it is."""
    call.context.updates.fetch()
    call.note("update-fetched")
    return {}


@operation(
    "POST",
    "/updates/install",
    summary="Have the machine install what lies ready",
    least=Role.ADMIN,
    body=record({"restart": choice(*WHEN)}),
    answer=record({"version": text()}),
)
def install_update(call: Call) -> object:
    """It checks again and says in GET /updates how it goes. It starts with the next restart."""
    head = call.context.updates.install(call.body["restart"])
    call.note("update-installed", str(head.manifest.version), detail=call.body["restart"])
    return {"version": str(head.manifest.version)}


@operation("DELETE", "/updates/ready", summary="Remove the update that lies ready", least=Role.ADMIN)
def remove_update(call: Call) -> object:
    """What is installed stays installed."""
    call.context.updates.remove()
    call.note("update-removed")
    return {}


@operation(
    "POST",
    "/machine/restart",
    summary="Restart the machine",
    least=Role.ADMIN,
    body=record({"when": choice("now", "night", "never", summary="never: a planned one is called off")}),
)
def restart_machine(call: Call) -> object:
    """What comes in meanwhile waits at its senders."""
    call.context.machine.ask("restart", when=call.body["when"])
    call.note("machine-restart", detail=call.body["when"])
    return {}


@operation("POST", "/machine/power-off", summary="Switch the machine off", least=Role.ADMIN)
def switch_off(call: Call) -> object:
    """Somebody must switch it on again by hand."""
    call.context.machine.ask("power-off")
    call.note("machine-off")
    return {}


class UpdateUpload(ApiHandler):
    """Some bytes of an update."""

    route = BASE + r"/updates/upload"

    async def post(self) -> None:
        """Take them, if they are the next ones."""
        self.let_in(Role.ADMIN)
        name = unquote(self.request.headers.get("X-File-Path", ""), errors="replace").replace("\0", "")
        size, offset = self._count("X-File-Size"), self._count("X-File-Offset")
        data, updates = self.request.body, self.context.updates
        have = await self.aside(lambda: updates.put(name, size, offset, data))
        if have == size:
            await self.note("update-uploaded", detail=name)
        self.answer_json({"have": have})

    def _count(self, name: str) -> int:
        value = self.request.headers.get(name, "")
        if not (value.isascii() and value.isdecimal() and len(value) < 16):
            raise HTTPError(400)
        return int(value)
