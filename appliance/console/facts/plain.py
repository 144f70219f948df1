"""Data classes as JSON values: objects, arrays, texts, numbers. Pure."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None

RENAMED = {"start": "from", "end": "to"}
"""Of an edge, as whoever draws it calls the two."""


def plain(value: object) -> Json:
    """As JSON values. Raises TypeError for what is none of them."""
    if value is None or isinstance(value, str | int | float | bool):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        edge = {one.name for one in fields(value)} >= RENAMED.keys()
        names = RENAMED if edge else {}
        return {names.get(one.name, one.name): plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")
