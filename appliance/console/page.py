"""What a page is: declared once above its handler, found by itself. It must not know any particular page."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TypeVar

from appliance.console import operations, pages
from appliance.console.roles import Role

PLACES = (
    *("Overview", "Studies", "Outbox", "Hold", "Review", "Send", "Rules", "Try", "Destinations"),
    *("Audit", "Users", "Settings", "System"),
)
"""The navigation, in this order. A page that is not built is not in it."""

H = TypeVar("H", bound=type)


@dataclass(frozen=True, slots=True)
class Page:
    """path: an expression for all of the path, whose groups are the arguments of `facts` and `act`.

    title: a sentence. least: who may see it; None, also who has not signed in. place: one of PLACES, where it is in the
    navigation; its path has no groups then. under: the one that it belongs to, where it is not there itself. nonce:
    whether a style element may carry the page's nonce (CodeMirror).
    """

    path: str
    title: str
    template: str
    least: Role | None = Role.VIEWER
    place: str = ""
    nonce: bool = False
    under: str = ""


def page(
    path: str,
    *,
    title: str,
    template: str,
    least: Role | None = Role.VIEWER,
    place: str = "",
    nonce: bool = False,
    under: str = "",
) -> Callable[[H], H]:
    """Declare a handler's page; see Page."""

    def declare(handler: H) -> H:
        handler.page = Page(path, title, template, least, place, nonce, under)  # type: ignore[attr-defined]
        return handler

    return declare


def modules(package: ModuleType) -> Iterator[ModuleType]:
    """Each module of a package, in the order of their names."""
    for found in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        yield importlib.import_module(f"{package.__name__}.{found.name}")


def handlers() -> list[type]:
    """The handlers of all pages."""
    return [
        value
        for module in modules(pages)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and "page" in vars(value)
    ]


def streams() -> list[type]:
    """Handlers beside pages and operations, for what is no JSON: an image, an upload.

    Each is a class in a file of a page or of an operation, with a `route`: an expression for all of its path.
    """
    return [
        value
        for package in (pages, operations)
        for module in modules(package)
        for value in vars(module).values()
        if isinstance(value, type) and value.__module__ == module.__name__ and "route" in vars(value)
    ]


def navigation(found: list[type]) -> list[Page]:
    """The pages that have a place, in its order."""
    placed: list[Page] = [handler.page for handler in found if handler.page.place]  # type: ignore[attr-defined]
    return sorted(placed, key=lambda one: PLACES.index(one.place))


def for_viewers(places: list[Page]) -> dict[str, str]:
    """Where everybody who has signed in may go: place → path."""
    return {one.place: one.path for one in places if one.least is not None and one.least <= Role.VIEWER}
