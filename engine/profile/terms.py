"""Words of the standard: no sign of a patient at the places that are made for them, whatever people are called.

`terms.csv`: the defined terms and enumerated values of coded strings, by attribute (PS3.3); beside it pydicom's codes
of PS3.16. tests/engine/profile/make_tables.py makes the file. It must not know an object, nor what anybody is called.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

from engine.profile.table import lines_of

if TYPE_CHECKING:
    from pydicom.sr.coding import Code

_BODY_PART = 0x00180015
TERMS: Mapping[int, frozenset[str]] = {
    int(tag, 16): frozenset(words.split("|")) for tag, words in lines_of("terms.csv")
}


def is_term(tag: int, value: bytes) -> bool:
    """Whether each word of a coded string (CS) is one that the standard has for this attribute.

    Of Body Part Examined those are the meanings of anatomic codes (PS3.16 annex L); upper and lower case do not count.
    """
    words = [word.strip(" \0") for word in value.decode("latin-1").upper().split("\\")]
    known = _regions() if tag == _BODY_PART else TERMS.get(tag, frozenset())
    return all(word in known for word in words if word)


def is_code(value: str, scheme: str, meaning: str) -> bool:
    """Whether a code (PS3.3 8.1) of a scheme in PS3.16 has just this meaning there."""
    from pydicom.sr.coding import Code

    asked = Code(value.strip(), scheme.strip(), meaning)
    return any(asked == one for one in _by_meaning().get(meaning.strip().casefold(), ()))


@lru_cache(maxsize=1)
def _by_meaning() -> dict[str, list["Code"]]:
    # Long tables, for which only objects that are anonymized have a use.
    from pydicom.sr.codedict import codes

    found: dict[str, list[Code]] = {}
    for scheme in codes.schemes():
        for code in getattr(codes, scheme).concepts.values():
            found.setdefault(code.meaning.casefold(), []).append(code)
    return found


@lru_cache(maxsize=1)
def _regions() -> frozenset[str]:
    """The parts of the body in CID 4 and CID 4030, which has those of radiography (CID 4031) in it."""
    from pydicom.sr.codedict import codes

    found = [*codes.cid4.concepts.values(), *codes.cid4030.concepts.values()]
    return TERMS[_BODY_PART].union(code.meaning.upper() for code in found)
