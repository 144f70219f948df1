"""What a value must look like: the few words of JSON Schema (2020-12) that our operations use; what is wrong, in words.

Pure. The same schemas stand in the OpenAPI document; tests hold our answers against them with a validator of others.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from appliance.console.words import Sentence

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Wrong:
    """where: as a path, like `boxes/0/left`; empty for the whole."""

    where: str
    what: Sentence


def text(most: int = 200, least: int = 0, pattern: str = "", summary: str = "") -> dict[str, Any]:
    """A string of so many characters; pattern: of all of it."""
    schema: dict[str, Any] = {"type": "string", "maxLength": most}
    if least:
        schema["minLength"] = least
    if pattern:
        schema["pattern"] = f"^(?:{pattern})$"
    return _described(schema, summary)


def choice(*values: str, summary: str = "") -> dict[str, Any]:
    """One of these strings."""
    return _described({"type": "string", "enum": list(values)}, summary)


def integer(least: int = 0, most: int = 1 << 53, summary: str = "") -> dict[str, Any]:
    """A whole number between these."""
    return _described({"type": "integer", "minimum": least, "maximum": most}, summary)


def number(least: float | None = None, most: float | None = None, summary: str = "") -> dict[str, Any]:
    """A number between these."""
    schema: dict[str, Any] = {"type": "number"}
    schema |= {} if least is None else {"minimum": least}
    schema |= {} if most is None else {"maximum": most}
    return _described(schema, summary)


def boolean(summary: str = "") -> dict[str, Any]:
    """true or false."""
    return _described({"type": "boolean"}, summary)


def array(items: Schema, most: int = 10_000, least: int = 0, summary: str = "") -> dict[str, Any]:
    """A list of these."""
    schema: dict[str, Any] = {"type": "array", "items": items, "maxItems": most}
    if least:
        schema["minItems"] = least
    return _described(schema, summary)


def record(properties: Mapping[str, Schema], optional: tuple[str, ...] = (), summary: str = "") -> dict[str, Any]:
    """An object with exactly these properties, of which the optional ones may be missing."""
    required = [name for name in properties if name not in optional]
    schema = {"type": "object", "properties": dict(properties), "required": required, "additionalProperties": False}
    return _described(schema, summary)


def table(values: Schema, summary: str = "") -> dict[str, Any]:
    """An object with any names, each with such a value."""
    return _described({"type": "object", "additionalProperties": values}, summary)


def nullable(schema: Schema) -> dict[str, Any]:
    """The same, or null."""
    return {**schema, "type": [schema["type"], "null"]}


def wrong(schema: Schema, value: object, where: str = "") -> Iterator[Wrong]:
    """What keeps a value from being such a one; nothing where all is well."""
    kinds = schema.get("type")
    if where.count("/") > DEEPEST:
        yield Wrong(where, Sentence("This is nested too deeply."))
    elif kinds is not None and not _is_one(value, [kinds] if isinstance(kinds, str) else kinds):
        kind = kinds if isinstance(kinds, str) else kinds[0]
        yield Wrong(where, Sentence("This is to be of another kind: {kind}.", {"kind": kind}))
    elif "enum" in schema and value not in schema["enum"]:
        yield Wrong(where, Sentence("This is one of: {values}.", {"values": ", ".join(map(str, schema["enum"]))}))
    elif isinstance(value, str):
        yield from _wrong_text(schema, value, where)
    elif isinstance(value, list):
        yield from _wrong_list(schema, value, where)
    elif isinstance(value, dict):
        yield from _wrong_record(schema, value, where)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        least, most = schema.get("minimum"), schema.get("maximum")
        if (least is not None and value < least) or (most is not None and value > most):
            yield Wrong(where, Sentence("This number is too small or too large."))


def _is_one(value: object, kinds: list[str]) -> bool:
    if isinstance(value, bool):
        return "boolean" in kinds
    return any(isinstance(value, _TYPES[kind]) for kind in kinds)


def _wrong_text(schema: Schema, value: str, where: str) -> Iterator[Wrong]:
    if len(value) > schema.get("maxLength", 1 << 20):
        yield Wrong(where, Sentence("This is too long."))
    elif len(value) < schema.get("minLength", 0):
        yield Wrong(where, Sentence("This must not be empty."))
    elif "\0" in value or any(0xD800 <= ord(letter) < 0xE000 for letter in value):
        yield Wrong(where, Sentence("This has a character that cannot be."))
    elif "pattern" in schema and not re.search(schema["pattern"], value):
        yield Wrong(where, Sentence("This is not written as it should be."))


def _wrong_list(schema: Schema, value: list[object], where: str) -> Iterator[Wrong]:
    if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", 10_000):
        yield Wrong(where, Sentence("These are too few or too many."))
        return
    for place, item in enumerate(value):
        yield from wrong(schema.get("items", {}), item, f"{where}/{place}".lstrip("/"))


def _wrong_record(schema: Schema, value: dict[str, object], where: str) -> Iterator[Wrong]:
    properties, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name in schema.get("required", ()):
        if name not in value:
            yield Wrong(f"{where}/{name}".lstrip("/"), Sentence("This is missing."))
    for name, inner in value.items():
        place = f"{where}/{name}".lstrip("/")
        if name in properties:
            yield from wrong(properties[name], inner, place)
        elif others is False:
            yield Wrong(place[:200], Sentence("Nothing of this name is known."))
        elif isinstance(others, dict):
            yield from wrong(others, inner, place)


def _described(schema: dict[str, Any], summary: str) -> dict[str, Any]:
    return {**schema, "description": summary} if summary else schema


NOTHING = record({})
"""The answer of what only does something."""
