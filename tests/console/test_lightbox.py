"""The light box: one after the other, a row that has an end, and a process that does not stay for nothing."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from appliance.console.lightbox import ROW, LightBox, in_words
from appliance.console.words import Refusal, load
from engine.errors import Later, Unclean
from tests.console.house import Lived


@pytest.fixture
def box(tmp_path: Path) -> Iterator[LightBox]:
    made = LightBox(Lived(tmp_path).house, idle=0.3)
    yield made
    made.close()


def test_one_after_the_other_in_the_order_in_which_they_were_asked_for(box: LightBox) -> None:
    said: list[int] = []
    busy: list[bool] = []
    working = threading.Lock()

    def work(number: int) -> int:
        busy.append(working.acquire(blocking=False))
        time.sleep(0.01)
        said.append(number)
        working.release()
        return number

    asked = [box.ask(lambda _reviewing, number=number: work(number)) for number in range(6)]
    assert [one.result(10) for one in asked] == said == list(range(6))
    assert all(busy)


def test_the_row_has_an_end_and_whoever_leaves_makes_room(box: LightBox) -> None:
    go_on = threading.Event()
    asked = [box.ask(lambda _reviewing: go_on.wait(10)) for _ in range(ROW)]
    with pytest.raises(Refusal, match="Many pictures") as refused:
        box.ask(lambda _reviewing: None)
    assert refused.value.status == 503
    assert asked[-1].cancel()
    last = box.ask(lambda _reviewing: "made")
    go_on.set()
    assert last.result(10) == "made"


def test_the_process_for_pixels_ends_when_nobody_looks(box: LightBox) -> None:
    first = box.ask(lambda reviewing: reviewing).result(10)
    assert box.look() is first
    end = time.monotonic() + 10
    while box.look() is first:
        assert time.monotonic() < end, "it stays for nothing"
        time.sleep(0.05)
    assert box.ask(lambda _reviewing: "made").result(10) == "made"


def test_what_is_refused_is_words(box: LightBox) -> None:
    load()
    for error, status in (
        (KeyError("x"), 404),
        (Later("x"), 503),
        (Unclean("a box lies outside the image"), 422),
        (OSError(28, "no space left"), 503),
    ):

        def work(_reviewing: object, error: Exception = error) -> None:
            raise error

        with pytest.raises(Refusal) as refused:
            box.do(work, "de")
        assert refused.value.status == status
    with pytest.raises(Refusal, match="not possible") as refused, in_words("de"):
        raise Unclean("a box lies outside the image")
    assert refused.value.sentence.said("de").endswith("Ein Kasten liegt außerhalb des Bildes.")
