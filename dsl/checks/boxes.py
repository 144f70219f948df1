"""Does every box of a regions definition have an area? E115."""

from collections.abc import Iterator

from dsl import ast
from dsl.finding import Finding, finding
from dsl.resolve import Rules

LARGEST = 65535
"""Rows and Columns are 16 bits wide (PS3.3 section C.7.6.3)."""


def check(rules: Rules) -> Iterator[Finding]:
    """Every box."""
    for statement in rules.statements:
        if isinstance(statement, ast.Regions):
            for box in statement.boxes:
                wrong = _wrong(box)
                if wrong:
                    yield finding("E115", box.span, reason=f"@{wrong}")


def _wrong(box: ast.Box) -> str:
    numbers = [edge.number.text for edge in box.edges]
    if not all(number.isdecimal() and len(number) < 8 and int(number) <= LARGEST for number in numbers):
        return "box number"
    sides = [edge.side for edge in box.edges]
    if sides[0] not in ("", "right") or sides[1] not in ("", "bottom") or any(sides[2:]):
        return "box right"
    return "" if int(numbers[2]) and int(numbers[3]) else "box size"
