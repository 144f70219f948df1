"""The browser and its helpers catch what they are there for."""

import asyncio
from pathlib import Path

import pytest
from playwright.sync_api import Error

from tests.console.browser import OpenPage, Troubles, axe, shoot
from tests.console.modules import Modules
from tests.ports import free_port


def test_an_error_of_a_script_is_noted(modules: Modules, troubles: Troubles) -> None:
    page = modules("setTimeout(() => { throw new Error('planted') }); console.error('said')")
    page.wait_for_timeout(50)
    assert any("planted" in one for one in troubles.left())
    assert any("said" in one for one in troubles.left())
    troubles.allow("planted|said")
    assert not troubles.left()


@pytest.mark.parametrize(
    "script",
    [
        "place.innerHTML = '<p style=\"color: red\">styled</p>'",
        "const style = document.createElement('style'); style.textContent = 'p {}'; document.head.append(style)",
        "const script = document.createElement('script'); script.textContent = '1'; document.head.append(script)",
        "fetch('https://example.org/').catch(() => null)",
    ],
    ids=["style attribute", "style element", "inline script", "elsewhere"],
)
def test_what_the_policy_forbids_is_noted(modules: Modules, troubles: Troubles, script: str) -> None:
    modules(script).wait_for_timeout(50)
    assert any("Content Security Policy" in one for one in troubles.left())
    troubles.allow("Content Security Policy|Fetch API cannot load")


def test_what_is_not_accessible_is_caught(modules: Modules) -> None:
    page = modules("place.append(document.createElement('button'))")
    with pytest.raises(AssertionError, match="button-name"):
        axe(page)


def test_a_page_that_is_too_wide_is_caught(modules: Modules) -> None:
    page = modules("place.style.width = '600px'; place.textContent = 'wide'")
    with pytest.raises(AssertionError, match="at 390 pixels"):
        shoot(page, "wide")


def test_pictures_are_kept_where_they_are_wanted_and_never_here(
    modules: Modules, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = modules("")
    with monkeypatch.context() as patch:
        patch.setenv("SHOTS", str(tmp_path))
        shoot(page, "page")
        patch.setenv("SHOTS", str(Path(__file__).parent))
        with pytest.raises(AssertionError, match="outside the repository"):
            shoot(page, "page")
    names = {f"page-{width}-{scheme}.png" for width in (1280, 390) for scheme in ("light", "dark")}
    assert {path.name for path in tmp_path.iterdir()} == names


def test_two_pages_are_two_people(open_page: OpenPage, modules: Modules) -> None:
    first, second = modules(""), open_page()
    first.evaluate("document.cookie = 'who=first'")
    second.goto(first.url)
    assert second.evaluate("document.cookie") == ""


@pytest.mark.usefixtures("driven")
def test_other_tests_of_this_process_may_run_event_loops() -> None:
    assert asyncio.run(asyncio.sleep(0, "ran")) == "ran"


def test_what_cannot_be_reached_is_an_error(open_page: OpenPage) -> None:
    with pytest.raises(Error, match="ERR_CONNECTION_REFUSED"):
        open_page().goto(f"http://127.0.0.1:{free_port()}/")
