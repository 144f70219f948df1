"""Operations on sendings: upload, what is in it, where to, what became of it. They answer with patients' data."""

from urllib.parse import unquote

from tornado.web import HTTPError

from appliance.console.api import BASE, ApiHandler, Call, operation
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, number, record, text
from appliance.console.sending_book import STATES
from appliance.console.sending_told import line, told

_ID = text(16, 16, r"[0-9a-f]{16}")
_LONG = 1 << 16
_LINE = {
    "id": _ID,
    "by": text(),
    "at": number(summary="When it was begun, in seconds since 1970"),
    "state": choice(*STATES),
    "to": array(text()),
}
_TONGUE = choice("de", "en", summary="The language of the reason: of some we have no words but the engine's")
_RESULT = record(
    {"kind": choice("good", "bad", "note"), "words": text(_LONG), "why": text(_LONG), "tongue": _TONGUE},
)
_STUDY = record(
    {
        **{name: text(_LONG) for name in ("uid", "patient", "patient_id", "date", "modalities", "description")},
        "objects": integer(),
        "results": array(_RESULT, summary="What became of it so far"),
    }
)
_FACTS = record(
    {
        **_LINE,
        "state_words": text(),
        "trouble": text(_LONG, summary="Why it cannot go on just now"),
        "trouble_tongue": _TONGUE,
        **{name: integer() for name in ("looked", "objects", "bytes", "patients", "unfit_count", "other_count")},
        "studies": array(_STUDY, 200_000),
        "unfit": array(record({"name": text(_LONG), "why": text(_LONG)}), summary="Cannot be sent, and why"),
        "other": array(text(_LONG), summary="Is no image, and is not sent"),
        **{name: integer() for name in ("repeated", "all", "over", "held")},
        "moves": boolean("Whether it will change by itself"),
    }
)
_UPLOAD = record({"path": text(_LONG), "size": integer(), "have": integer(summary="Bytes that are there")})


@operation(
    "GET",
    "/sendings",
    summary="What was sent by hand",
    least=Role.OPERATOR,
    answer=record({"sendings": array(record(_LINE))}),
)
def list_sendings(call: Call) -> object:
    """The newest first."""
    return {"sendings": [line(one) for one in call.context.sendings.all()]}


@operation(
    "GET",
    "/sendings/destinations",
    summary="Where to things can be sent",
    least=Role.OPERATOR,
    answer=record({"destinations": array(record({"name": text(), "kind": text()}))}),
)
def sending_destinations(call: Call) -> object:
    """Of the rules that run."""
    found = call.context.sendings.destinations()
    return {"destinations": [{"name": name, "kind": kind} for name, kind in found.items()]}


@operation("POST", "/sendings", summary="Begin an upload", least=Role.OPERATOR, answer=record({"id": _ID}))
def new_sending(call: Call) -> object:
    """Files come to /sendings/{id}/upload: POST, up to 1 MB at a time, with X-File-Path (percent-encoded), X-File-Size
    and X-File-Offset; answered is how much of the file is there.
    """
    made = call.context.sendings.new(call.who.name)
    call.note("upload", made.id)
    return {"id": made.id}


@operation("GET", "/sendings/{id}", summary="One sending", least=Role.OPERATOR, places={"id": _ID}, answer=_FACTS)
def show_sending(call: Call) -> object:
    """With what is in it, and what became of it."""
    sendings = call.context.sendings
    return told(sendings, sendings.find(call.path["id"]), call.language)


@operation(
    "GET",
    "/sendings/{id}/files",
    summary="The files of an upload, to go on with it",
    least=Role.OPERATOR,
    places={"id": _ID},
    answer=record({"files": array(_UPLOAD, 200_000)}),
)
def sending_files(call: Call) -> object:
    """Also those of which only a part is there."""
    found = call.context.sendings.there(call.path["id"])
    return {"files": [{"path": path, "size": size, "have": have} for path, size, have in found]}


@operation(
    "POST",
    "/sendings/{id}/read",
    summary="The upload is whole: look what is in it",
    least=Role.OPERATOR,
    places={"id": _ID},
)
def read_sending(call: Call) -> object:
    """Its state says when that is done."""
    call.context.sendings.read(call.path["id"])
    return {}


@operation(
    "POST",
    "/sendings/{id}/send",
    summary="Send it to these destinations, by the rules that run",
    least=Role.OPERATOR,
    places={"id": _ID},
    body=record({"to": array(text(), 100, 1)}),
)
def send_sending(call: Call) -> object:
    """Once: a second time is refused."""
    number, to = call.path["id"], call.body["to"]
    call.context.sendings.send(number, to)
    call.note("send", number, *to)
    return {}


@operation(
    "DELETE", "/sendings/{id}", summary="Forget a sending and its upload", least=Role.OPERATOR, places={"id": _ID}
)
def remove_sending(call: Call) -> object:
    """What was sent stays sent."""
    call.context.sendings.remove(call.path["id"])
    call.note("sending-removed", call.path["id"])
    return {}


class SendingUpload(ApiHandler):
    """Some bytes of a file."""

    route = BASE + r"/sendings/([0-9a-f]{16})/upload"

    async def post(self, number: str) -> None:
        """Take them, if they are the next ones."""
        self.let_in(Role.OPERATOR)
        path = unquote(self.request.headers.get("X-File-Path", ""), errors="replace").replace("\0", "")
        size, offset = self._count("X-File-Size"), self._count("X-File-Offset")
        data, sendings = self.request.body, self.context.sendings
        have = await self.aside(lambda: sendings.put(number, path, size, offset, data))
        self.answer_json({"have": have})

    def _count(self, name: str) -> int:
        value = self.request.headers.get(name, "")
        if not (value.isascii() and value.isdecimal() and len(value) < 16):
            raise HTTPError(400)
        return int(value)
