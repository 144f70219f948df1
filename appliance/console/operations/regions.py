"""Operations on where a device burns text in: what is known, boxes tried, a definition, saved into the rules."""

import base64
from collections.abc import Mapping
from typing import Any

from appliance.console.api import Call, operation
from appliance.console.facts.plain import plain
from appliance.console.operations.review import BOX
from appliance.console.operations.rules import ACTIVATED
from appliance.console.regionwork import HOW, Regionwork
from appliance.console.roles import Role
from appliance.console.schema import array, boolean, choice, integer, nullable, record, text
from engine.pixels import Box

MOST = 200
_BOXES = array(BOX, 100, 1)
_KEEP = boolean("They are all that stays; else they are blanked")
_NAME = text(60, 1, summary="Of the definition")
_FILE = text(200, 1, summary="A rule file, by name")


def _work(call: Call) -> Regionwork:
    return Regionwork(call.context, call.language)


def _boxes(body: Mapping[str, Any]) -> list[Box]:
    return [Box(int(one["x"]), int(one["y"]), int(one["width"]), int(one["height"])) for one in body["boxes"]]


@operation(
    "GET",
    "/review/entries/{id}/regions",
    summary="What the rules say of the device of a held image, and what to propose for it",
    least=Role.OPERATOR,
    answer=record(
        {
            "name": _NAME,
            "file": text(),
            "files": array(text()),
            "digest": text(64, summary="Of all rule files as they were read: for saving"),
            "names": {"type": "object", "additionalProperties": text(400), "description": "File and line by name"},
            "existing": nullable(
                record(
                    {
                        "name": text(),
                        "file": text(),
                        "line": integer(),
                        "own": boolean("In a rule file of this house"),
                        "keep": boolean(),
                        "boxes": array(BOX),
                    },
                    summary="The definition that it goes by",
                )
            ),
            "keep": boolean(),
            "boxes": array(BOX, summary="To begin with"),
        }
    ),
)
def known_regions(call: Call) -> object:
    """For an editor of boxes."""
    return plain(_work(call).known(call.path["id"]))


@operation(
    "POST",
    "/review/entries/{id}/try",
    summary="Clean a held image with these boxes, for a look: nothing of it is kept",
    least=Role.OPERATOR,
    body=record({"boxes": _BOXES, "keep": _KEEP}),
    answer=record(
        {
            "boxes": array(BOX, summary="As they were blanked: grown to what the encoding can blank"),
            "method": text(summary="How it was blanked and proved"),
            "of": integer(summary="Frames"),
            "frames": array(
                record({"frame": integer(), "png": text(1 << 24, summary="In base64, 1024 pixels at most")})
            ),
        }
    ),
)
def try_regions(call: Call) -> object:
    """422 where it cannot be cleaned so, or not be proved. May take two minutes."""
    tried = _work(call).tried(call.path["id"], _boxes(call.body), bool(call.body["keep"]))
    frames = [{"frame": number, "png": base64.b64encode(png).decode()} for number, png in tried.shown.frames]
    return {"boxes": plain(tried.boxes), "method": tried.method, "of": tried.shown.of, "frames": frames}


@operation(
    "POST",
    "/review/entries/{id}/definition",
    summary="Rule text for the device of a held image",
    least=Role.OPERATOR,
    body=record({"name": _NAME, "boxes": _BOXES, "keep": _KEEP}),
    answer=record({"text": text(80_000)}),
)
def define_regions(call: Call) -> object:
    """Nothing is written."""
    body = call.body
    found = _work(call).definition(call.path["id"], body["name"], _boxes(body), bool(body["keep"]))
    return {"text": found}


@operation(
    "GET",
    "/review/entries/{id}/alike",
    summary="What of the same device and size is held: for a review, or as it could not be cleaned",
    least=Role.OPERATOR,
    query={"most": integer(1, MOST)},
    answer=record({"images": array(record({"id": text(), "waits": boolean("For a review")}))}),
)
def alike_regions(call: Call) -> object:
    """Itself first, then the newest."""
    return {"images": plain(_work(call).alike(call.path["id"], int(call.query.get("most", MOST))))}


@operation(
    "POST",
    "/review/entries/{id}/regions",
    summary="Write a definition for the device of a held image into the rules, and activate them",
    least=Role.ADMIN,
    body=record(
        {
            "name": _NAME,
            "boxes": _BOXES,
            "keep": _KEEP,
            "file": _FILE,
            "how": choice(*HOW, summary="redraw: only the boxes of the definition of this name are others"),
            "digest": text(64, 1),
            "why": text(2000, summary="A note for those who look at it later"),
        }
    ),
    answer=ACTIVATED,
)
def save_regions(call: Call) -> object:
    """As /rules/activate: with errors nothing is written, 409 where somebody has changed the rules meanwhile."""
    body = call.body
    name = str(body["name"])
    done = _work(call).save(
        call.path["id"],
        name,
        _boxes(body),
        bool(body["keep"]),
        file=str(body["file"]),
        how=str(body["how"]),
        why=str(body["why"]),
        by=call.who.name,
        expected=str(body["digest"]),
    )
    if done.version:
        call.note("rules-activated", f"version {done.version}", f"regions {name}", detail=done.became)
    return plain(done)
