"""The `structure` of CTP's storage as `store by`. Pure."""

import re

from appliance.migration.conditions import Untranslatable, element
from appliance.migration.words import Note

_PIECE = re.compile(
    r"\{([^{}]+)\}|((?:\[[0-9A-Fa-f]{4},[0-9A-Fa-f]{4}\]|\[[0-9A-Fa-f]{4}\[[^\[\]]+\][0-9A-Fa-f]{2}\]"
    r"|\([0-9A-Fa-f]{4},?[0-9A-Fa-f]{4}\)|::)+)"
)
PLAIN = "StudyInstanceUID"


def layout(structure: str) -> tuple[str, list[Note]]:
    """The layout, and what is different about it."""
    parts: list[str] = []
    notes: list[Note] = []
    for folder in re.split(r"[/\\]+", structure.strip()):
        if not folder.strip():
            continue
        found = _folder(folder, notes)
        if len(found) > 1:
            notes.append(Note("gap", "layout split", folder=folder))
        parts += found
    if not parts:
        notes.append(Note("gap", "layout none", layout=PLAIN))
        parts = [PLAIN]
    return "/".join(parts), notes


def _folder(folder: str, notes: list[Note]) -> list[str]:
    """One folder name of CTP's, which may be put together of several: each becomes a folder."""
    found: list[str] = []
    at = 0
    for piece in _PIECE.finditer(folder):
        found += _text(folder[at : piece.start()])
        try:
            found.append(element(piece[1] or piece[2]))
        except Untranslatable:
            notes.append(Note("gap", "layout tag", tag=piece[0]))
        at = piece.end()
    return found + _text(folder[at:])


def _text(text: str) -> list[str]:
    """Text between tags; only signs are no name of a folder."""
    plain = re.sub(r'["\r\n]', "", text).strip()
    return [f'"{plain}"'] if re.search(r"[^\W_]", plain) else []
