"""Identities: what pseudonyms come from, the key and the tables of one appliance. What it answers is for one object.

It must not know rules, nor how an object is changed.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from engine.errors import Never
from engine.keyring import Keyring
from engine.profile.keyed import Keyed
from engine.tables import Tables

KEY_FILE = "deid"
"""Its name among the secrets."""

_PSEUDONYM = re.compile(r"[!-<>-\[\]-~]([ -<>-\[\]-~]{0,62}[!-<>-\[\]-~])?")
"""What can be an ID and a name in every character set (PS3.5 6.2, LO and PN): 64 signs of ASCII, no =, no backslash."""


@dataclass(frozen=True, slots=True)
class Identities:
    """The key and the tables."""

    keyring: Keyring
    tables: Tables

    @classmethod
    def of(cls, data: Path) -> Self:
        """Those of a data folder."""
        used = data / "spool" / "deid.used"
        return cls(Keyring(data / "secrets" / KEY_FILE, used), Tables(data / "tables"))

    @property
    def key(self) -> Keyed:
        """The key in use. Raises Never, OSError."""
        return self.keyring.current()

    def pseudonym(self, patient: str, table: str = "") -> str:
        """The pseudonym of a patient ID, by the key or out of a table. Raises Never, in words; OSError."""
        if not table:
            return self.key.pseudonym(patient)
        found = self.tables.look_up(table, patient, alone=True)
        if found is None:
            raise Never(_missing(table, "PatientID"))
        if not _PSEUDONYM.fullmatch(found):
            raise Never(
                f"the table {table} has something for this patient that cannot be an ID: up to 64 letters, digits and "
                "signs of ASCII, neither = nor backslash; mend it, then release the image"
            )
        return found

    def looked_up(self, tag: str, value: str, table: str) -> str:
        """What a table says of a value of this attribute. Raises Never, in words; OSError."""
        found = self.tables.look_up(table, value)
        if found is None:
            raise Never(_missing(table, tag))
        return found


def _missing(table: str, tag: str) -> str:
    return f"its {tag} is not in the table {table}: add a line for it, then release it"
