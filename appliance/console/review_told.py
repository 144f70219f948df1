"""How a person is told what was done to the pixels of an image: who said where, how much, what was proved. Pure."""

from appliance.console import told
from appliance.console.facts.reviews import Device
from appliance.console.words import say
from engine.cleaning import DECLARED, SEEN, Cleaning

SOURCE_WORDS = {
    DECLARED: "the regions that the device declares in the image",
    SEEN: "text that was seen in the image",
}
PROOF_WORDS = {
    "native": "Read again: the boxes have one value, and every pixel outside is as it was.",
    "deflated": "Unpacked and read again: the boxes have one value, and every pixel outside is as it was.",
    "jpeg-coefficients": "Read again: the boxes have one value, and everything outside is as it was.",
    "decoded": "Decoded again: the boxes have one value, and every pixel outside is as it was.",
}


def device(language: str, one: Device) -> str:
    """Its name, as far as it has one."""
    return " ".join(part for part in (one.manufacturer, one.model) if part) or say(language, "An unknown device")


def size(language: str, one: Device) -> str:
    """Of its images."""
    return f"{one.columns} × {one.rows}" if one.columns and one.rows else say(language, "without a picture")


def sources(language: str, cleaning: Cleaning) -> str:
    """Who said where to blank."""
    return ", ".join(_source(language, one) for one in cleaning.sources)


def _source(language: str, source: str) -> str:
    if source in SOURCE_WORDS:
        return say(language, SOURCE_WORDS[source])
    kind, _, name = source.partition(" ")
    return say(language, "the definition {name} of the rules", name=name) if kind == "regions" else source


def boxes(language: str, cleaning: Cleaning) -> str:
    """How many, in how many frames."""
    count, frames = len(cleaning.boxes), cleaning.frames
    if not count:
        return say(language, "none")
    number = told.count(language, count)
    if frames == 1:
        return number
    return say(language, "{count}, in {frames} frames", count=number, frames=told.count(language, frames))


def proof(language: str, cleaning: Cleaning) -> str:
    """What was proved; that nothing was, where nothing was."""
    if not cleaning.method:
        return say(language, "Nothing was blanked in its pixels, so nothing was proved.")
    return say(language, PROOF_WORDS.get(cleaning.method, cleaning.proof))
