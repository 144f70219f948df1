"""Operations on reviews: what waits and of which device, one of them frame by frame, approve, reject, again."""

import asyncio
from typing import cast

from tornado.web import HTTPError

from appliance.console.api import BASE, ApiHandler, Call, operation
from appliance.console.facts.house import NoSpool
from appliance.console.facts.pictures import NAME
from appliance.console.facts.plain import plain
from appliance.console.facts.reviews import Groups, Lines
from appliance.console.hands import Hands
from appliance.console.lightbox import in_words
from appliance.console.operations.hold import ID, LONG, TOLD
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, record, text
from appliance.reviewing import Image, Side
from engine.text.installed import missing

_KEY = text(16, 16, r"[0-9a-f]+", summary="`key` of a device")
_DEVICE = record(
    {"key": _KEY, "manufacturer": text(), "model": text(), "columns": integer(), "rows": integer()},
    summary="Which machine has made it; columns and rows are 0 where it has no picture",
)
CLEANING = record(
    {
        "sources": array(text(LONG), summary="Who said where to blank"),
        "written": text(LONG, summary="File and line of the definition"),
        "boxes": array(array(integer(), 4, 4), summary="x, y, width, height in pixels"),
        "frames": integer(),
        "method": text(summary="How it was blanked and proved; empty where it was not"),
        "removed": array(text(LONG), summary="What went besides, by name"),
    }
)
_LINE = record(
    {
        **{name: text(LONG) for name in ("id", "object", "since", "route", "sender")},
        "device": _DEVICE,
        "cleaning": CLEANING,
        "pictures": array(text(), summary="Small ones: each is at /hold/entries/{id}/pictures/{name}"),
    }
)
BOX = record({name: integer(0, 1 << 16) for name in ("x", "y", "width", "height")}, summary="In pixels of the image")
_CHOSEN = array(ID, 1000, 1)


@operation(
    "GET",
    "/review",
    summary="What waits for a review, by the device that made it",
    least=Role.VIEWER,
    answer=record(
        {
            "groups": array(record({"device": _DEVICE, "count": integer(), "oldest": text()})),
            "count": integer(),
            "unread": integer(summary="Their device is not known yet"),
        }
    ),
)
def reviews(call: Call) -> object:
    """The device first whose image came first."""
    try:
        return plain(call.context.reviews.groups())
    except NoSpool:
        return plain(Groups((), 0, 0))


@operation(
    "GET",
    "/review/entries",
    summary="What waits for a review, of one device or all, oldest first",
    least=Role.VIEWER,
    query={"device": _KEY, "after": ID, "most": integer(1, 200)},
    answer=record({"entries": array(_LINE), "next": text(summary="Where the next page begins; empty at the end")}),
)
def review_entries(call: Call) -> object:
    """A page of them. No value in it names a patient."""
    query = call.query
    try:
        return plain(call.context.reviews.lines(query.get("device", ""), query.get("after", ""), query.get("most", 24)))
    except NoSpool:
        return plain(Lines((), ""))


@operation(
    "GET",
    "/review/entries/{id}",
    summary="One held image, as whoever looks at it needs it",
    least=Role.VIEWER,
    answer=record(
        {
            **{name: text(LONG) for name in ("id", "object", "why", "manufacturer", "model", "unreadable")},
            **{name: integer() for name in ("columns", "rows", "frames")},
            "waits": boolean("For a review; else it is held for another reason"),
            "sides": array(
                choice("before", "after"), summary="Frames: /review/entries/{id}/frames/{side}-{number}.png, from 1"
            ),
            "cleaning": CLEANING,
            "next": text(summary="What to look at after this one; empty where nothing else waits"),
        }
    ),
)
def review_image(call: Call) -> object:
    """Its size, sides and boxes. No value in it names a patient."""
    found = image_of(call)
    told = plain(found)
    assert isinstance(told, dict)
    return {**told, "next": call.context.reviews.next(found.id)[0] if found.waits else ""}


@operation(
    "GET",
    "/review/entries/{id}/text",
    summary="Where text is still seen in it, or, where it was not cleaned, where text is seen",
    least=Role.VIEWER,
    answer=record({"installed": boolean("What looks for text (stellwerk[text])"), "found": array(BOX)}),
)
def review_text(call: Call) -> object:
    """That none is seen is no proof that there is none. May take a minute."""
    number = image_of(call).id
    if missing():
        return {"installed": False, "found": []}
    found = call.context.workbench.do(lambda reviewing: reviewing.text(number), call.language)
    return {"installed": True, "found": plain(found)}


@operation(
    "POST",
    "/review/approve",
    summary="Let images go on that wait for a review",
    least=Role.OPERATOR,
    body=record({"ids": _CHOSEN}),
    answer=TOLD,
)
def approve_reviewed(call: Call) -> object:
    """Who has said so is kept in the history."""
    return plain(Hands(call.context, call.note).approve(call.body["ids"], call.who.name))


@operation(
    "POST",
    "/review/reject",
    summary="Leave images in the hold for good, as they were received",
    least=Role.OPERATOR,
    body=record({"ids": _CHOSEN, "why": text(500, 1, summary="It is kept in the history: name no patient")}),
    answer=TOLD,
)
def reject_reviewed(call: Call) -> object:
    """Refused where the reason would name one of their patients."""
    return plain(Hands(call.context, call.note).reject(call.body["ids"], call.body["why"], call.who.name))


@operation(
    "POST",
    "/review/again",
    summary="Take images that wait for a review through the rules that run now, as they were received",
    least=Role.OPERATOR,
    body=record({"ids": _CHOSEN}),
    answer=TOLD,
)
def review_again(call: Call) -> object:
    """They are cleaned anew, and wait once more where the rules say so."""
    return plain(Hands(call.context, call.note).review_again(call.body["ids"], call.who.name))


def image_of(call: Call) -> Image:
    """The image in the path of a call. Raises Refusal."""
    with in_words(call.language):
        return call.context.lightbox.look().image(call.path["id"])


class ReviewFrame(ApiHandler):
    """A frame of something held at its full size, for those who may see it."""

    route = BASE + r"/review/entries/([0-9A-Za-z-]{1,80})/frames/([a-z]+-\d+\.png)"

    async def get(self, number: str, name: str) -> None:
        """As PNG, pixel by pixel; kept nowhere on the way."""
        self.let_in(Role.VIEWER)
        wanted = NAME.fullmatch(name)
        if wanted is None:
            raise HTTPError(404)
        side, frame = cast(Side, wanted[1]), int(wanted[2])
        future = self.context.lightbox.ask(lambda reviewing: reviewing.frame(number, side, frame))
        self._leave = future.cancel
        with in_words(self.language):
            try:
                found = await asyncio.wrap_future(future)
            except asyncio.CancelledError:
                raise HTTPError(503) from None
        self.set_header("Content-Type", "image/png")
        self.finish(found.png)

    def on_connection_close(self) -> None:
        """Nobody waits for it any more: it need not be made."""
        super().on_connection_close()
        leave = getattr(self, "_leave", None)
        if leave is not None:
            leave()
