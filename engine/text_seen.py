"""The word `text` among the names of regions: wherever text is seen. Part of the waist; knows no image."""

from typing import ClassVar

from engine.parameters import RegionsName


class RegionsOrText(RegionsName):
    """Declared regions, or `text`: wherever text is seen."""

    given: ClassVar[frozenset[str]] = frozenset({"text"})

    @property
    def seen(self) -> bool:
        """Whether `text` is among them."""
        return bool(self.given.intersection(self.names))

    @property
    def written(self) -> tuple[str, ...]:
        """Those that the rule file declares."""
        return tuple(name for name in self.names if name not in self.given)
