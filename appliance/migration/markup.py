"""XML, read as plain elements and without trust: no document type, so no entities and nothing from elsewhere. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from xml.parsers import expat

MOST_BYTES = 8 << 20
DEEPEST = 64
MOST_ELEMENTS = 20_000


class Unreadable(Exception):
    """It cannot be read. `key` names the words for it."""

    def __init__(self, key: str, place: str = "") -> None:
        super().__init__(key)
        self.key, self.place = key, place


@dataclass(slots=True)
class Element:
    """One element."""

    name: str
    attributes: dict[str, str]
    children: list["Element"] = field(default_factory=list)

    def get(self, name: str) -> str:
        """An attribute without its spaces; empty where it is missing."""
        return self.attributes.get(name, "").strip()

    def all(self) -> Iterator["Element"]:
        """Itself and everything in it."""
        yield self
        for child in self.children:
            yield from child.all()


def read(data: bytes) -> Element:
    """The outermost element. Raises Unreadable."""
    if len(data) > MOST_BYTES:
        raise Unreadable("xml large")
    top = Element("", {})
    stack = [top]
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if len(stack) > DEEPEST or count > MOST_ELEMENTS:
            raise Unreadable("xml large")
        element = Element(name, attributes)
        stack[-1].children.append(element)
        stack.append(element)

    def end(_: str) -> None:
        stack.pop()

    def doctype(*_: object) -> None:
        raise Unreadable("xml doctype")

    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise Unreadable("xml broken", f"{error.lineno}") from None
    except (ValueError, LookupError):
        raise Unreadable("xml broken", "1") from None
    return top.children[0]
