"""Operations on the hold: what is held and why, one object's facts and pictures, release and delete."""

from tornado.web import HTTPError

from appliance.console.api import BASE, ApiHandler, Call, operation
from appliance.console.facts.advice import KINDS
from appliance.console.facts.held import held_facts
from appliance.console.facts.holds import Groups, HeldPage
from appliance.console.facts.house import NoSpool
from appliance.console.facts.pictures import picture, pictures
from appliance.console.facts.plain import plain
from appliance.console.hands import Hands, Told
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, record, table, text
from appliance.console.words import Refusal

LONG = 1 << 16
ID = text(80, 1, r"[0-9A-Za-z-]+")
GROUP = text(16, 16, r"[0-9a-f]+", summary="`key` of a group")

WHOSE = record({name: text(LONG) for name in ("name", "patient", "birth", "study", "date", "modality")})
_ADVICE = record({"english": text(LONG), "german": text(LONG)}, summary="What to do about it")
_GROUP = record(
    {
        "key": text(),
        "reason": text(LONG),
        "kind": choice(*KINDS),
        "on_purpose": boolean("A rule's `hold`: no error"),
        "refused_by": text(),
        "advice": _ADVICE,
        "count": integer(),
        "oldest": text(summary="The id of the entry that came first"),
        "newest": text(),
    }
)
_LINE = record(
    {
        **{name: text(LONG) for name in ("id", "object", "since", "why", "refused_by", "sender", "route")},
        "tries": integer(),
        "whose": WHOSE,
    }
)
_TEXTS = (
    *(
        "id",
        "object",
        "why",
        "since",
        "refused_by",
        "route",
        "written",
        "source",
        "sender",
        "called",
        "address",
        "user",
    ),
    *("received", "file_name", "unreadable", "syntax"),
)
_FACTS = record(
    {
        **{name: text(LONG) for name in _TEXTS},
        "kind": choice(*KINDS),
        "advice": _ADVICE,
        "tries": integer(),
        "header": array(record({"keyword": text(), "name": text(), "value": text(1 << 20)})),
        "size": integer(),
        "received_size": integer(),
        "is_image": boolean(),
        "pictures": array(text(), summary="Each is at /hold/entries/{id}/pictures/{name}"),
    }
)
_CHOSEN = record(
    {"ids": array(ID, 1000, 1), "group": GROUP}, optional=("ids", "group"), summary="Either ids of entries, or a group"
)
TOLD = record(
    {
        "done": integer(),
        "missing": integer(summary="Not there any more"),
        "left": integer(summary="There were very many: ask again for these"),
        "unfit": table(text(LONG), summary="By id, why it could not be"),
    }
)


@operation(
    "GET",
    "/hold",
    summary="What is held, by reason",
    least=Role.VIEWER,
    answer=record({"groups": array(_GROUP), "count": integer(), "unread": integer(summary="Not looked at yet")}),
)
def held(call: Call) -> object:
    """The largest groups first, and those last that are held on purpose."""
    try:
        return plain(call.context.holds.groups())
    except NoSpool:
        return plain(Groups((), 0, 0))


@operation(
    "GET",
    "/hold/entries",
    summary="The entries of a group, or all, oldest first",
    least=Role.VIEWER,
    query={"group": GROUP, "after": ID, "most": integer(1, 500)},
    answer=record({"entries": array(_LINE), "next": text(summary="Where the next page begins; empty at the end")}),
)
def held_entries(call: Call) -> object:
    """A page of them."""
    query = call.query
    try:
        found = call.context.holds.entries(query.get("group", ""), query.get("after", ""), query.get("most", 50))
    except KeyError:
        raise Refusal(404, "Nothing is held for this reason any more.") from None
    except NoSpool:
        found = HeldPage((), "")
    return plain(found)


@operation("GET", "/hold/entries/{id}", summary="One held object", least=Role.VIEWER, answer=_FACTS)
def held_object(call: Call) -> object:
    """With values of its header: a patient's data."""
    number = call.path["id"]
    try:
        found = held_facts(call.context.house, number)
    except NoSpool:
        found = None
    if found is None:
        raise Refusal(404, "It is not held any more.")
    told = plain(found)
    assert isinstance(told, dict)
    return {**told, "pictures": pictures(call.context.house, number)}


@operation(
    "POST",
    "/hold/release",
    summary="Send on what is held: to where it was refused, else through the rules again",
    least=Role.OPERATOR,
    body=_CHOSEN,
    answer=TOLD,
)
def release_held(call: Call) -> object:
    """What could not be found, or not be sent, is told."""
    return plain(_done(call, "release"))


@operation("POST", "/hold/delete", summary="Remove for good what is held", least=Role.ADMIN, body=_CHOSEN, answer=TOLD)
def delete_held(call: Call) -> object:
    """Nobody can bring it back."""
    return plain(_done(call, "delete"))


def _done(call: Call, act: str) -> Told:
    ids, group = call.body.get("ids"), call.body.get("group", "")
    if (ids is None) == (not group):
        raise Refusal(422, "Say either which ones, or which group.")
    hands = Hands(call.context, call.note)
    return hands.release(ids, group) if act == "release" else hands.delete(ids, group)


class HeldPicture(ApiHandler):
    """A picture of something held, for those who may see it."""

    route = BASE + r"/hold/entries/([0-9A-Za-z-]{1,80})/pictures/([a-z]+-\d+\.png)"

    async def get(self, number: str, name: str) -> None:
        """As PNG; kept nowhere on the way."""
        self.let_in(Role.VIEWER)
        house = self.context.house
        try:
            data = await self.aside(lambda: picture(house, number, name))
        except NoSpool:
            data = None
        if data is None:
            raise HTTPError(404)
        self.set_header("Content-Type", "image/png")
        self.finish(data)
