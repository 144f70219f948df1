"""The proof finds whatever a mistake of ours would leave: each is planted in a data set that is otherwise clean."""

import pytest

from engine.errors import Unclean
from engine.profile.needles import Needles, Value
from engine.profile.policy import Policy
from engine.profile.proof import prove, verdicts
from tests.engine.profile.kit import BIG, EXPLICIT, IMPLICIT, Element, encode

NEEDLES = Needles(
    dict.fromkeys([Value("name", b"Sample^Anna"), Value("id", b"K-4711"), Value("birth", b"19700131")], 1)
)
SHORT = Needles(
    dict.fromkeys(
        [Value("id", b"123"), Value("name", b"Kim^Ann"), Value("uid", b"1.2.3"), Value("date", b"20200131")], 0x00100010
    )
)
CLEAN: list[Element] = [
    (0x00080060, "CS", b"CT"),
    (0x00080050, "SH", b""),
    (0x00080020, "DA", b"19000101"),
    (0x0020000D, "UI", b"2.25.77"),
    (0x00280010, "US", b"\4\0"),
    (0x00409096, "SQ", [[(0x00080018, "UI", b"2.25.78")]]),
]
PLANTED: dict[str, Element] = {
    "X": (0x00104000, "LT", b"words"),
    "X, empty": (0x00104000, "LT", b""),
    "X, a sequence": (0x00101002, "SQ", [[(0x00280010, "US", b"\4\0")]]),
    "Z": (0x00100020, "LO", b"77"),
    "D": (0x00181000, "LO", b"77"),
    "U": (0x0020000E, "UI", b"1.2.3.4.5"),
    "two UIDs": (0x00083010, "UI", b"2.25.7\\1.2.3.4.5"),
    "private": (0x00091001, "LO", b"77"),
    "creator": (0x00090010, "LO", b"ACME"),
    "group length": (0x00180000, "UL", b"\4\0\0\0"),
    "encrypted": (0x04000500, "SQ", [[(0x04000510, "UI", b"1.2.840.10008.1.2")]]),
    "unknown": (0x0018FFF0, "LO", b"77"),
    "overlay": (0x60003000, "OW", b"\0\0"),
    "nested": (0x00081140, "SQ", [[(0x00081155, "UI", b"1.2.3.4.5")]]),
    "deeply nested": (0x52009229, "SQ", [[(0x00289110, "SQ", [[(0x00100010, "PN", b"A^B")]])]]),
    "the name": (0x00181020, "LO", b"v1 sample"),
    "the given name": (0x00080104, "LO", b"knee of Anna"),
    "the ID": (0x00180015, "CS", b"K-4711"),
    "the birth date": (0x00189004, "CS", b"31.01.1970"),
    "in UTF-16": (0x00189004, "CS", "Sample".encode("utf-16-le")),
    "in a number's place": (0x00200013, "IS", b"K-4711"),
    "in binary": (0x00281201, "OW", b"\1\1\1sAmPLe\1\1\1"),
}


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT, BIG])
def test_a_clean_one_passes(syntax: str) -> None:
    prove(
        encode(CLEAN, syntax),
        syntax != IMPLICIT,
        syntax != BIG,
        verdicts(Policy(), frozenset()),
        NEEDLES,
    )


@pytest.mark.parametrize("what", PLANTED)
@pytest.mark.parametrize("deep", [False, True])
def test_what_is_left_is_found(what: str, deep: bool) -> None:
    planted = PLANTED[what]
    elements: list[Element] = [one for one in CLEAN if one[0] != planted[0]]
    elements.append((0x00409092, "SQ", [[planted]]) if deep else planted)
    with pytest.raises(Unclean) as refused:
        prove(encode(elements), True, True, verdicts(Policy(), frozenset()), NEEDLES)
    for value in ("Sample", "Anna", "4711", "77", "1970"):
        assert value not in refused.value.reason


def test_what_options_keep_is_no_find() -> None:
    policy = Policy(frozenset({"uids", "device-identity"}), frozenset({"PatientID"}))
    elements: list[Element] = [
        (0x0020000E, "UI", b"1.2.3.4.5"),
        (0x00181000, "LO", b"77"),
        (0x00100020, "LO", b"K-4711"),
    ]
    kept = Needles(NEEDLES.found, [Value("id", b"K-4711")])
    prove(encode(elements), True, True, verdicts(policy, frozenset()), kept)
    with pytest.raises(Unclean):
        prove(encode(elements), True, True, verdicts(policy, frozenset()), NEEDLES)


def test_a_coincidence_is_no_find() -> None:
    elements: list[Element] = [
        (0x00080008, "CS", b"ORIGINAL\\ANNULAR"),
        (0x00181020, "LO", b"kimono 1234"),
        (0x00200013, "IS", b"123"),
        (0x00280030, "DS", b"0.123\\0.123"),
        (0x00080016, "UI", b"1.2.34"),
        (0x00281201, "OW", bytes(range(256))),
        (0x0008002A, "DT", b"20200131"),
    ]
    options = Policy(frozenset({"modified-dates"}))
    prove(encode(elements), True, True, verdicts(options, frozenset()), SHORT)


@pytest.mark.parametrize("text", [b"123", b"serial 123", b"KIM", b"kim,ann", b"20200131", b"1.2.3"])
def test_a_short_one_that_stands_alone_is_found(text: bytes) -> None:
    with pytest.raises(Unclean):
        prove(encode([(0x00181020, "LO", text)]), True, True, verdicts(Policy(), frozenset()), SHORT)


def test_what_cannot_be_read_again_is_refused() -> None:
    with pytest.raises(Unclean):
        prove(encode(CLEAN)[:-3], True, True, verdicts(Policy(), frozenset()), NEEDLES)
