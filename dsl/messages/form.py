"""How a message is made: a title, a label and advice, in two languages. Pure data."""

from dataclasses import dataclass
from typing import NamedTuple


class Text(NamedTuple):
    """title: what is wrong; label: what stands there; help: what to type."""

    title: str
    label: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Message:
    """One message in both languages."""

    en: Text
    de: Text
