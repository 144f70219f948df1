"""The table of SOP classes: whole, without contradictions, and closed to what nobody has looked at."""

from collections import Counter

import pytest
from pydicom._uid_dict import UID_dictionary

from engine.pixels import kinds
from engine.pixels.kinds import UNKNOWN, VERDICTS, Kind, verdict
from tests.manual import sop_classes

STORED = {
    uid: words[0]
    for uid, words in UID_dictionary.items()
    if words[1] == "SOP Class" and "Storage" in words[0] and "Commitment" not in words[0]
}


def test_every_storage_class_that_pydicom_knows_is_in_the_table_and_on_the_page() -> None:
    assert len(STORED) > 150
    assert not set(STORED) - set(VERDICTS)
    page = sop_classes.page()
    assert not [name for uid, name in STORED.items() if f"`{uid}`" not in page]


def test_no_class_is_in_two_lists() -> None:
    lists = (kinds._IMAGES, kinds._WAVEFORMS, kinds._BARE, kinds._STATES, *kinds._HELD.values())
    named = Counter(" ".join(lists).split())
    assert [name for name, times in named.items() if times > 1] == []
    assert len(named) == len(VERDICTS)


@pytest.mark.parametrize("sop_class", ["", "1.2.3", "1.2.840.10008.5.1.4.1.1.99999", "1.2.840.10008.1.20.1"])
def test_what_is_not_in_the_table_is_held(sop_class: str) -> None:
    assert verdict(sop_class) == UNKNOWN
    assert UNKNOWN.kind is Kind.HELD


def test_whatever_is_held_says_why() -> None:
    assert all((found.kind is Kind.HELD) == bool(found.why) for found in VERDICTS.values())


def test_whatever_has_image_in_its_name_is_an_image_or_held() -> None:
    named = [uid for uid, name in STORED.items() if " Image Storage" in name]
    assert len(named) > 60
    assert {VERDICTS[uid].kind for uid in named} == {Kind.IMAGE, Kind.HELD}
