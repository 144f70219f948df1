"""Samples: what an attribute said lately, from the journal or from headers; for operators, by API and page."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from appliance.console.facts import samples
from appliance.console.facts.samples import Samples
from appliance.console.roles import Role
from tests.console.browser import OpenPage, axe, shoot
from tests.console.changing import Changing
from tests.console.keyboard import down_to
from tests.console.ruled import Ruled, ruled
from tests.console.visiting import visit


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Changing]:
    made = Changing(tmp_path)
    yield made
    made.close()


def test_the_last_different_values_are_told_newest_first(house: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Samples(house.house)
    assert found.of("Modality") == []
    house.receive("US", "US", "CT", "XA")
    assert found.of("Modality") == ["XA", "CT", "US"]
    assert found.of("sender") == ["SONO1"]
    monkeypatch.setattr(samples, "VALUES", 2)
    assert found.of("Modality") == ["XA", "CT"]


def test_what_the_journal_has_not_is_read_from_headers_now_and_then(house: Changing) -> None:
    clock = [0.0]
    found = Samples(house.house, lambda: clock[0])
    house.receive("US")
    assert found.of("SpecificCharacterSet") == ["ISO_IR 100"]
    assert found.of("(0008,0005)") == ["ISO_IR 100"]
    assert found.of("ManufacturerModelName") == []
    for path in house.line.archive.rglob("*.dcm"):
        path.unlink()
    assert found.of("SpecificCharacterSet") == ["ISO_IR 100"], "they are known for a moment"
    clock[0] += samples.FRESH
    assert found.of("SpecificCharacterSet") == []


@pytest.mark.parametrize("word", ["hold", "", "port", "user", "Modalty", "no tag", "a" * 5000])
def test_what_is_no_attribute_has_no_values(house: Changing, word: str) -> None:
    house.receive("US")
    assert Samples(house.house).of(word) == []


def test_long_values_are_cut(house: Changing, monkeypatch: pytest.MonkeyPatch) -> None:
    house.receive("US")
    monkeypatch.setattr(samples, "LONGEST", 4)
    assert Samples(house.house).of("PatientName") == ["Müll…"]


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    with ruled(tmp_path_factory.mktemp("sampled")) as made:
        yield made


def test_operators_are_told_and_viewers_are_not(both: Ruled) -> None:
    text = both.text
    body = {"name": "test.rules", "text": text, "offset": text.index("Modality = US") + 2}
    assert sorted(both.user(Role.OPERATOR).call("POST", "/rules/sample", body).json["values"]) == ["US", "XA"]
    assert both.user(Role.VIEWER).call("POST", "/rules/sample", body).status == 403
    body["offset"] = text.index("store by")
    assert both.user(Role.OPERATOR).call("POST", "/rules/sample", body).json == {"values": []}


def test_the_word_at_the_cursor_says_what_came_lately(both: Ruled, open_page: OpenPage) -> None:
    page = visit(open_page, both.user(Role.OPERATOR), "/rules", language="de")
    _ask(page, "where Modality = US")
    tip = page.locator(".about")
    expect(tip).to_contain_text("Zuletzt:")
    expect(tip.locator("li")).to_have_text(["XA", "US"])
    expect(tip).to_contain_text("CS")
    axe(page)
    shoot(page, "sample")
    page.close()
    page = visit(open_page, both.user(Role.VIEWER), "/rules", language="de")
    _ask(page, "where Modality = US")
    expect(page.locator(".about")).to_contain_text("CS")
    assert page.locator(".about li").count() == 0


def test_a_value_is_text_whatever_is_in_it(both: Ruled, open_page: OpenPage) -> None:
    page = visit(open_page, both.user(Role.ADMIN), "/rules")
    page.locator(".cm-content").first.click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.insert_text("on port 104 where PatientName is missing → hold")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Home")
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    page.keyboard.press("F1")
    expect(page.locator(".about li")).to_have_text(["<script>alert('name')</script>"])


def _ask(page: Page, line: str) -> None:
    """F1 on the first word behind the keyword of the line that begins so."""
    page.locator(".cm-content").first.focus()  # a mouse over the text would ask, too
    down_to(page, line)
    page.keyboard.press("Home")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    time.sleep(0.2)
    page.keyboard.press("F1")
