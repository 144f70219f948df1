"""Names for what a migration declares: words of the rule language, each once. Pure."""

import re
import unicodedata

_WORDS = (
    "version include destination listener contact schedule condition regions steps route test on where when otherwise"
    " end choose failure duplicate not and or in contains starts with matches is present missing blank keep right"
    " bottom no given expect unmatched today for as until hold discard archive spool rules outbox port https folder"
    " every trouble teaching mail store forward collect await sender called address"
)
_TAKEN = frozenset(_WORDS.split())


class Names:
    """The names that are given away so far."""

    def __init__(self) -> None:
        self._given: set[str] = set()

    def prefix(self, hint: str, otherwise: str, count: int) -> str:
        """A name of which also those with -1 to -count behind it are given away now."""
        while True:
            name = self.new(hint, otherwise)
            numbered = {f"{name}-{number}".casefold() for number in range(1, count + 1)}
            if not numbered & self._given:
                self._given |= numbered
                return name

    def new(self, hint: str, otherwise: str) -> str:
        """A name that reminds of the hint."""
        plain = re.sub(r"\W+", "-", unicodedata.normalize("NFC", hint)).strip("-_")[:40].strip("-_")
        if not re.fullmatch(r"[^\W\d]\w*(?:-\w+)*", plain) or plain.casefold() in _TAKEN:
            plain = f"{otherwise}-{plain}" if plain else otherwise
        name, number = plain, 2
        while name.casefold() in self._given:
            name, number = f"{plain}-{number}", number + 1
        self._given.add(name.casefold())
        return name
