"""What is told of a sending, for page and API alike: its studies with what became of each, in words of one language.

It must not know the web.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from appliance.console.sending_book import ENDED, GONE, OPEN, READ, READING, State
from appliance.console.sending_found import INCOMPLETE, NESTED, Found, Item
from appliance.console.sendings import Sendings
from appliance.console.told import reason, tongue
from appliance.console.words import say
from engine.sources.fates import HELD, ROUTING, WAITING
from engine.sources.wholeness import CUT_OFF, EMPTY
from engine.step import GATHERING

STATE_WORDS = {
    "open": "being uploaded",
    "reading": "being looked at",
    "read": "waits for you",
    "going": "being handed over",
    "gone": "under way",
    "ended": "done",
}
FATE_WORDS = {
    "routing": "{count}: about to go through the rules",
    "waiting": "{count}: waiting for {to}",
    "gathering": "{count}: waiting for the rest of the study",
    "held": "{count}: held. Look at it under Hold",
    "delivered": "{count}: sent to {to}",
    "stored": "{count}: stored",
    "discarded": "{count}: discarded by a rule",
    "deleted": "{count}: deleted from the hold",
    "released": "{count}: released from the hold, through the rules once more",
    "failed": "{count}: refused by {to}",
    "left out": "{count}: not sent to {to}",
    "duplicate": "{count}: known already, not sent again",
    "unseen": "{count}: done; the history no longer says how",
}
UNFIT_WORDS = {
    INCOMPLETE: "It was not uploaded to its end. Upload it once more.",
    NESTED: "This is a ZIP inside a ZIP. Unpack it first.",
    EMPTY: "This file is empty.",
    CUT_OFF: "This file ends in the middle: it was never copied to its end.",
}
_GOOD = ("delivered", "stored", "duplicate", "unseen")
_BAD = (HELD, "failed", "deleted")


def name_of(value: str) -> str:
    """A patient's name as people write it: `Doe^John` (PS3.5 section 6.2) is Doe, John."""
    parts = [part.strip() for part in value.partition("=")[0].split("^")]
    first = " ".join(part for part in parts[1:] if part)
    return ", ".join(part for part in (parts[0], first) if part)


def line(state: State) -> dict[str, Any]:
    """One in the list of all."""
    return {"id": state.id, "by": state.by, "at": state.at, "state": state.state, "to": list(state.to)}


def told(sendings: Sendings, state: State, language: str) -> dict[str, Any]:
    """All of it. Raises OSError."""
    found = sendings.found(state.id)
    ends = sendings.ends(state)
    every = [end for some in ends.values() for end in some]
    return {
        **line(state),
        "state_words": say(language, STATE_WORDS[state.state]),
        "trouble": reason(language, sendings.trouble(state.id)),
        "trouble_tongue": tongue(language, sendings.trouble(state.id)),
        "looked": sendings.looked(state.id) if state.state == READING else len(found.items),
        "objects": len(found.items),
        "bytes": sum(item.size for item in found.items),
        "patients": len({(item.subject.patient, item.subject.patient_id) for item in found.items}),
        "studies": [_study(uid, some, ends.get(uid, []), language) for uid, some in _studies(found).items()],
        "unfit": [{"name": name, "why": _why(why, language)} for name, why in found.unfit],
        "unfit_count": found.unfit_count,
        "other": found.other,
        "other_count": found.other_count,
        "repeated": found.repeated,
        "all": sum(int(str(count)) for *_, count in every),
        "over": sum(int(str(count)) for fate, *_, count in every if fate not in (ROUTING, WAITING, HELD)),
        "held": sum(int(str(count)) for fate, *_, count in every if fate == HELD),
        "moves": state.state not in (OPEN, READ, ENDED) and (state.state != GONE or _moves(every)),
    }


def _moves(every: list[list[object]]) -> bool:
    """Whether time alone will change something: not where all that has no end yet is held."""
    left = [fate for fate, *_ in every if fate in (ROUTING, WAITING, HELD)]
    return not left or any(fate != HELD for fate in left)


def _studies(found: Found) -> Mapping[str, list[Item]]:
    studies: dict[str, list[Item]] = {}
    for item in sorted(found.items, key=lambda one: (one.subject.patient, one.subject.date)):
        studies.setdefault(item.subject.study, []).append(item)
    return studies


def _study(uid: str, items: list[Item], ends: list[list[object]], language: str) -> dict[str, Any]:
    first = items[0].subject
    return {
        "uid": uid,
        "patient": name_of(first.patient),
        "patient_id": first.patient_id,
        "date": _date(first.date, language),
        "modalities": ", ".join(sorted({item.subject.modality for item in items if item.subject.modality})),
        "description": first.description,
        "objects": len(items),
        "results": list(_results(ends, language)),
    }


def _results(ends: list[list[object]], language: str) -> Iterator[dict[str, str]]:
    for fate, outbox, why, count in ends:
        word, to = str(fate), str(outbox)
        if to.endswith(GATHERING) and word == WAITING:
            word = "gathering"
        elif to.endswith(".store"):
            word, to = ("stored" if word == "delivered" else word), to.removesuffix(".store")
        kind = "good" if word in _GOOD else "bad" if word in _BAD else "note"
        words = say(language, FATE_WORDS.get(word, "{count}: waiting for {to}"), count=count, to=to)
        because = str(why) if word != "delivered" else ""
        yield {"kind": kind, "words": words, "why": reason(language, because), "tongue": tongue(language, because)}


def _why(why: str, language: str) -> str:
    return say(language, UNFIT_WORDS[why]) if why in UNFIT_WORDS else reason(language, why)


def _date(value: str, language: str) -> str:
    if len(value) != 8 or not value.isdecimal():
        return value
    year, month, day = value[:4], value[4:6], value[6:]
    return f"{day}.{month}.{year}" if language == "de" else f"{year}-{month}-{day}"
