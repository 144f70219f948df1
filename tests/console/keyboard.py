"""A person who has no mouse: goes through a page with Tab, and sees at each stop where they are."""

import re

from playwright.sync_api import Page

MOST = 80
"""Stops, after which something cannot be reached."""

_STOP = """() => {
  let at = document.activeElement;
  while (at?.shadowRoot?.activeElement) at = at.shadowRoot.activeElement;
  const style = getComputedStyle(at), box = at.getBoundingClientRect();
  const label = at.getAttribute("aria-label") || at.labels?.[0]?.innerText || at.innerText || "";
  return {
    tag: at.tagName.toLowerCase(),
    name: label.trim().replace(/\\s+/g, " "),
    ring: style.outlineStyle !== "none" ? parseFloat(style.outlineWidth) : 0,
    inside: box.width > 0 && box.height > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0
      && box.left < innerWidth,
  };
}"""


class Keys:
    """One page, by the keys alone."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def at(self) -> str:
        """What the focus is on, as a person knows it; it is somewhere, within the window, with a ring around it."""
        stop = self.page.evaluate(_STOP)
        assert stop["tag"] != "body", "the focus is nowhere"
        assert stop["inside"], f"the focus is out of sight, on {stop['name']!r}"
        assert stop["ring"] >= 2 or stop["tag"] == "main", f"nothing shows that the focus is on {stop['name']!r}"
        return str(stop["name"])

    def to(self, name: str, key: str = "Tab") -> str:
        """On to what is called so (an expression for all of it); key: Tab, or Shift+Tab for the way back."""
        passed = []
        for _ in range(MOST):
            self.page.keyboard.press(key)
            if self.page.evaluate("() => document.activeElement === document.body"):
                continue  # the browser's own controls, between the last of the page and the first
            passed.append(self.at())
            if re.fullmatch(name, passed[-1]):
                return passed[-1]
        raise AssertionError(f"{name} cannot be reached: {passed}")

    def content(self, name: str) -> None:
        """Over the navigation, by the first link of the page."""
        self.page.keyboard.press("Tab")
        assert self.at() == name
        self.page.keyboard.press("Enter")
        self.page.wait_for_function("() => document.activeElement.id === 'main'")

    def press(self, key: str = "Enter") -> None:
        """What is done with what the focus is on."""
        self.page.keyboard.press(key)

    def lands(self, selector: str) -> str:
        """After something was done: on what the focus is by itself, which must be (in) this."""
        self.page.wait_for_function("selector => document.activeElement?.closest(selector)", arg=selector)
        return self.at()


def down_to(page: Page, words: str) -> None:
    """Down from the first line of the editor to the one that begins so: long lines take several rows on the screen."""
    page.keyboard.press("Control+Home")
    for _ in range(60):
        if page.locator(".cm-activeLine").inner_text().strip().startswith(words):
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError(f"no line begins with {words}")
