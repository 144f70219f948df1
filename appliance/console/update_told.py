"""How it stands with updates, as page and API say it. It must not know the web."""

from typing import Any

from appliance.console.context import Context
from appliance.console.words import say
from appliance.machine.bundle import Head

OTHER_WORDS = {
    "": "none yet",
    "ready": "starts with the next restart",
    "failed": "did not come up, and is not started any more",
    "before": "ran before",
}
WHEN = ("later", "now", "night")


def told(context: Context, language: str) -> dict[str, Any]:
    """All of it, as plain data.

    kind: none, package or image. answers: what the machine has said last, to `update`, `restart` and `power-off`.
    """
    machine, updates = context.machine, context.updates
    facts = machine.facts
    fetching = updates.fetching
    answers = {verb: machine.answered(verb) for verb in ("update", "restart", "power-off")}
    back = facts.get("rolled_back") or {}
    return {
        "kind": machine.kind,
        "version": str(facts.get("version", "")),
        "trial": facts.get("trial") is True,
        "other": str(facts.get("other", "")),
        "other_state": str(facts.get("other_state", "")),
        "restart_at": str(facts.get("restart_at", "")),
        "rolled_back": {name: str(back.get(name, "")) for name in ("version", "at", "why")} if back else None,
        "ready": head_told(updates.ready(), language),
        "found": head_told(updates.found, language),
        "coming": updates.there(),
        "fetching": {
            "going": fetching.going,
            "have": fetching.have,
            "size": fetching.size,
            "trouble": "" if fetching.trouble is None else fetching.trouble.said(language),
        },
        "answers": [
            {
                "verb": verb,
                "kind": one.kind,
                "words": say(language, one.sentence, **one.facts),
                "at": one.at,
            }
            for verb, one in answers.items()
            if one is not None
        ],
    }


def head_told(head: Head | None, language: str) -> dict[str, Any] | None:
    """What an update says of itself."""
    if head is None:
        return None
    manifest = head.manifest
    notes = manifest.notes.get(language) or next(iter(manifest.notes.values()), "")
    return {
        "version": str(manifest.version),
        "created": manifest.created,
        "minimum": str(manifest.minimum),
        "size": head.size,
        "notes": notes,
    }
