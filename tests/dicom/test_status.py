"""What the answer to a C-STORE means for the object, and what we answer."""

import pytest

from engine.dicom import Done, status
from engine.errors import Later, Never, Unclean


@pytest.mark.parametrize("code", [0x0000, 0xB000, 0xB006, 0xB007, 0xB123, 0xBFFF])
def test_success_and_warnings_mean_delivered(code: int) -> None:
    assert isinstance(status.outcome(code, "PACS"), Done)


@pytest.mark.parametrize("code", [0xA700, 0xA701, 0xA7FF, 0x0213, 0x0110])
def test_a_peer_without_room_is_tried_later(code: int) -> None:
    assert isinstance(status.outcome(code, "PACS"), Later)


@pytest.mark.parametrize("code", [0xA800, 0xA900, 0xA9FF, 0xC000, 0xC123, 0xCFFF])
@pytest.mark.parametrize("peer", ["PACS"])
def test_an_object_the_peer_cannot_accept_is_never_delivered(code: int, peer: str) -> None:
    assert isinstance(status.outcome(code, peer), Never)


@pytest.mark.parametrize("code", [0x0117, 0x0122, 0x0124, 0x0210, 0x0211, 0x0212])
def test_general_refusals_are_final(code: int) -> None:
    assert isinstance(status.outcome(code, "PACS"), Never)


@pytest.mark.parametrize("code", [0x0001, 0x0107, 0x0116, 0x1234, 0xA000, 0xD000, 0xFE00, 0xFF00, 0xFFFF])
def test_an_unknown_status_holds_the_object_where_people_see_it(code: int) -> None:
    assert isinstance(status.outcome(code, "PACS"), Never)


def test_every_status_leads_somewhere_and_has_words() -> None:
    for code in range(0x10000):
        assert isinstance(status.outcome(code, "PACS"), Done | Later | Never)
        assert f"({code:04X})" in status.words(code)


def test_a_warning_is_told() -> None:
    assert status.outcome(0xB006, "PACS") == Done(0xB006, "stored, some elements were discarded (B006)")


def test_a_reason_names_the_peer_and_the_status_in_words() -> None:
    refusal = status.outcome(0x0124, "PACS@host:104")
    assert isinstance(refusal, Never)
    assert refusal.reason == "PACS@host:104 refuses the object: not authorized (0124)"
    delay = status.outcome(0xA700, "PACS@host:104")
    assert isinstance(delay, Later)
    assert delay.reason == "PACS@host:104 cannot take the object now: out of resources (A700)"


@pytest.mark.parametrize(
    ("error", "code"),
    [(None, 0x0000), (Later("full"), 0xA700), (Never("no"), 0xC000), (Unclean("no"), 0xC000), (KeyError("x"), 0x0110)],
)
def test_what_accept_raises_is_what_the_sender_hears(error: Exception | None, code: int) -> None:
    assert status.answer(error) == code


@pytest.mark.parametrize("error", [Later("full"), Never("no")])
def test_our_own_answers_mean_the_same_to_us_when_we_are_the_sender(error: Exception) -> None:
    assert type(status.outcome(status.answer(error), "PACS")) is type(error)
