"""CTP's config.xml as pipelines of stages. Pure: it says what stands there, and nothing of what becomes of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from appliance.migration.markup import Element, Unreadable, read


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage: the last word of its class, and what is said of it."""

    kind: str
    element: Element

    @property
    def name(self) -> str:
        """What people call it."""
        return self.element.get("name") or self.kind

    def get(self, attribute: str) -> str:
        """One of its attributes."""
        return self.element.get(attribute)

    def says(self, attribute: str, *, otherwise: bool = False) -> bool:
        """Whether an attribute says yes."""
        said = self.get(attribute).casefold()
        return said in ("yes", "true") if said else otherwise

    def children(self, name: str) -> Iterator[Element]:
        """What stands in it under this name."""
        return (child for child in self.element.children if child.name.casefold() == name)

    @property
    def has_secrets(self) -> bool:
        """Whether a user or a password stands in it, also in its address."""
        for element in self.element.all():
            for attribute, value in element.attributes.items():
                low = attribute.casefold()
                if value.strip() and ("password" in low or low in ("username", "user")):
                    return True
                if low == "url" and "@" in value and not value.startswith("dicom:"):
                    return True
        return False


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Stages in their order."""

    name: str
    enabled: bool
    stages: tuple[Stage, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """All of it."""

    pipelines: tuple[Pipeline, ...]
    port: str
    """Of its web server."""


def configuration(data: bytes) -> Configuration:
    """What stands in the file. Raises Unreadable."""
    top = read(data)
    pipelines = tuple(
        Pipeline(
            one.get("name") or f"{number}",
            one.get("enabled").casefold() != "no",
            tuple(_stage(child) for child in one.children),
        )
        for number, one in enumerate((one for one in top.all() if one.name == "Pipeline"), 1)
    )
    if not pipelines:
        raise Unreadable("no configuration")
    port = next((one.get("port") for one in top.all() if one.name == "Server"), "")
    return Configuration(pipelines, port or "80")


def _stage(element: Element) -> Stage:
    return Stage(element.get("class").rpartition(".")[2] or element.name, element)
