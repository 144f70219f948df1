"""What rules would do with an image, said in the language of whoever reads it. Pure.

appliance.wording says it in English, as commands print it; each of its phrases has a sentence of ours here. Names and
the rules' own words stay as they are.
"""

import re

from appliance.console.words import say

_EFFECT_WORDS = {
    "store in": "Store in {what}",
    "forward to": "Send to {what}",
    "mail": "Mail to {what}",
    "notify": "Tell {what}",
    "hold it:": "Hold: {what}",
    "discard it:": "Discard: {what}",
}
_WHOLE_WORDS = {
    "not be received: nothing listens there": "Not received: nothing listens there",
    "hold it: no route takes it": "Hold: no route takes it",
    "hold it: the rule says so": "Hold: the rule says so",
}
_ENDINGS = (
    (re.compile(r", once all before it is delivered$"), "once all before it is delivered"),
    (re.compile(r", once its [^,]*$"), "once the study is complete"),
    (re.compile(r", in another folder$"), "in another folder"),
    (re.compile(r", with ([\w, ()]+) changed$"), "with {what} changed"),
    (re.compile(r", ([\w ]+) cleared$"), "{what} cleaned"),
)
_ENDING_WORDS = {
    "gate": "once all before it is delivered",
    "study": "once the study is complete",
    "folder": "in another folder",
    "changed": "with {what} changed",
    "cleared": "{what} cleaned",
}
_CLEARED_WORDS = {"header": "header", "pixels": "pixels"}


def effect(language: str, words: str) -> str:
    """One of appliance.wording's phrases as a sentence."""
    if words in _WHOLE_WORDS:
        return say(language, _WHOLE_WORDS[words])
    start = next((start for start in _EFFECT_WORDS if words.startswith(f"{start} ")), None)
    if start is None:
        return words
    rest, endings = words.removeprefix(f"{start} "), []
    # What a rule says of holding or discarding may end in any words.
    for pattern, sentence in () if start.endswith(":") else _ENDINGS:
        found = pattern.search(rest)
        if found is not None:
            rest = rest[: found.start()]
            endings.append(say(language, sentence, **_what(language, found)))
    return ", ".join((say(language, _EFFECT_WORDS[start], what=rest), *reversed(endings)))


def _what(language: str, found: re.Match[str]) -> dict[str, str]:
    if not found.groups():
        return {}
    joint = {"de": " und ", "en": " and "}[language]
    parts = [say(language, _CLEARED_WORDS[one]) if one in _CLEARED_WORDS else one for one in found[1].split(" and ")]
    return {"what": joint.join(parts)}
