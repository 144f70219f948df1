"""What of a header is kept: the options of PS3.15 E.3 and single attributes. Pure; it must not know a file."""

from dataclasses import dataclass, field

from engine.tags import Path, path_of

OPTIONS = (
    "uids",
    "device-identity",
    "institution-identity",
    "patient-characteristics",
    "full-dates",
    "modified-dates",
    "clean-descriptors",
    "clean-structured-content",
    "clean-graphics",
    "safe-private",
)
"""The options of PS3.15 E.3 that concern attributes; those for pixels are no business of a header."""

CODES = {
    "clean-graphics": ("113103", "Clean Graphics Option"),
    "clean-structured-content": ("113104", "Clean Structured Content Option"),
    "clean-descriptors": ("113105", "Clean Descriptors Option"),
    "full-dates": ("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    "modified-dates": ("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    "patient-characteristics": ("113108", "Retain Patient Characteristics Option"),
    "device-identity": ("113109", "Retain Device Identity Option"),
    "uids": ("113110", "Retain UIDs Option"),
    "safe-private": ("113111", "Retain Safe Private Option"),
    "institution-identity": ("113112", "Retain Institution Identity Option"),
}
"""What each is called in an object that was made with it: DCM codes of CID 7050 (PS3.16)."""

BASIC = ("113100", "Basic Application Confidentiality Profile")
PIXEL_CODES = {
    "113101": ("113101", "Clean Pixel Data Option"),
    "113102": ("113102", "Clean Recognizable Visual Features Option"),
}
"""What was done to the pixels before is still true after a header was cleaned."""


@dataclass(frozen=True)
class Policy:
    """The Basic Profile with these options, except for single attributes that are kept as they are.

    keep: spellings of tags (engine.tags); one tag is meant at every depth, a path through sequences just there.
    Raises ValueError for an option that does not exist, two that exclude each other, or no tag.
    """

    options: frozenset[str] = frozenset()
    keep: frozenset[str] = frozenset()
    paths: tuple[Path, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if unknown := self.options.difference(OPTIONS):
            raise ValueError(f"no option of the profile is called {', '.join(sorted(unknown))}")
        if {"full-dates", "modified-dates"} <= self.options:
            raise ValueError("full-dates and modified-dates exclude each other")
        paths = tuple(path_of(text) for text in sorted(self.keep))
        if any(part.item for path in paths for part in path.parts):
            raise ValueError("an attribute is kept in all items of a sequence, or in none")
        object.__setattr__(self, "paths", paths)
