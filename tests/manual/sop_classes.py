"""What `anonymize-pixels` does with each SOP class, from the tables that it uses itself. Nothing here writes."""

from collections.abc import Iterator
from pathlib import Path

from pydicom._uid_dict import UID_dictionary

from engine.pixels.carriers import FORBIDDEN, leaves, name
from engine.pixels.kinds import UNKNOWN, VERDICTS, Kind

_TEXT = Path(__file__).with_suffix(".txt")

_SHOWN = {
    "Icon Image Sequence": 0x00880200,
    "overlays (60xx)": 0x60003000,
    "curves (50xx)": 0x50003000,
    "Graphic Annotation Sequence": 0x00700001,
    "Waveform Annotation Sequence": 0x0040B020,
}
_NAMES = {Kind.IMAGE: "image", Kind.WAVEFORM: "waveform", Kind.BARE: "bare", Kind.STATE: "state", Kind.HELD: "held"}


def page() -> str:
    """The whole page."""
    return _TEXT.read_text("utf-8").format(
        kinds="\n".join(f"| {_NAMES[kind]} | {kind.value} |" for kind in Kind),
        left_out="\n".join(_left_out()),
        forbidden="\n".join(f"| {name(tag)} | {why} |" for tag, why in FORBIDDEN.items()),
        classes="\n".join(_classes()),
        unknown=UNKNOWN.why,
    )


def _left_out() -> Iterator[str]:
    for called, tag in _SHOWN.items():
        answers = ("yes" if leaves(tag, kind) else "held" for kind in (Kind.IMAGE, Kind.WAVEFORM, Kind.BARE))
        yield f"| {called} | {' | '.join(answers)} |"


def _classes() -> Iterator[str]:
    for sop_class, found in sorted(VERDICTS.items(), key=lambda item: UID_dictionary[item[0]][0]):
        called, _, _, retired, _ = UID_dictionary[sop_class]
        words = f"held: {found.why}" if found.kind is Kind.HELD else _NAMES[found.kind]
        yield f"| {called}{' (retired)' if retired else ''} | `{sop_class}` | {words} |"
