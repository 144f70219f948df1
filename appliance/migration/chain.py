"""A chain of steps as it is being written: steps, remarks between them, and cases. Pure; it knows no CTP."""

from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Step:
    """`forward PACS`"""

    text: str


@dataclass(frozen=True, slots=True)
class Remark:
    """One line that is only read."""

    text: str


@dataclass(frozen=True, slots=True)
class Case:
    """Further steps for what a condition fits; `otherwise` is one step for the rest, or nothing."""

    condition: str
    inner: "Chain"
    otherwise: str = ""


@dataclass(slots=True)
class Chain:
    """In the order in which it is done."""

    items: list[Step | Remark | Case] = field(default_factory=list)

    def steps(self) -> Iterator[str]:
        """Every step in it, those of its cases too."""
        for item in self.items:
            if isinstance(item, Step):
                yield item.text
            elif isinstance(item, Case):
                yield from item.inner.steps()
                if item.otherwise:
                    yield item.otherwise

    def has(self, *words: str) -> bool:
        """Whether one of its steps begins with one of these words."""
        return any(step.split(" ")[0] in words for step in self.steps())

    def lines(self, depth: int = 1) -> Iterator[str]:
        """As text of a rule; the layout is not ours to make."""
        indent = "  " * depth
        for item in self.items:
            match item:
                case Step(text):
                    yield f"{indent}→ {text}"
                case Remark(text):
                    yield f"{indent}# {text}"
                case Case(condition, inner, otherwise):
                    yield from _case(condition, inner, otherwise, depth)


def _case(condition: str, inner: Chain, otherwise: str, depth: int) -> Iterator[str]:
    indent = "  " * depth
    if any(inner.steps()):
        yield f"{indent}→ choose"
        yield f"{indent}  when {condition}"
        yield from inner.lines(depth + 2)
        if otherwise:
            yield f"{indent}  otherwise → {otherwise}"
        yield f"{indent}  end"
        return
    # Nothing is left to do for what fits.
    yield from inner.lines(depth)
    if otherwise:
        yield f"{indent}→ choose when not ({condition}) → {otherwise} end"
