"""Pictures of what is held, as far as they have been made: previews/<id>/ in the spool, before and after cleaning."""

import re
from pathlib import Path

from .held import held_entry
from .house import House

NAME = re.compile(r"(before|after)-(\d{1,6})\.png")


def pictures(house: House, entry_id: str) -> list[str]:
    """Their names, by frame, `before` first; none where it is not held, or nobody has made them."""
    if held_entry(house, entry_id) is None:
        return []
    try:
        found = [match for path in _folder(house, entry_id).iterdir() if (match := NAME.fullmatch(path.name))]
    except OSError:
        return []
    return [one[0] for one in sorted(found, key=lambda one: (int(one[2]), one[1] == "after"))]


def picture(house: House, entry_id: str, name: str) -> bytes | None:
    """One of them, as PNG; None where it is not there."""
    if not NAME.fullmatch(name) or held_entry(house, entry_id) is None:
        return None
    try:
        return (_folder(house, entry_id) / name).read_bytes()
    except OSError:
        return None


def _folder(house: House, entry_id: str) -> Path:
    return house.spool.previews / entry_id
