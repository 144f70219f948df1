"""The page of figures has a place for each table, and a table replaces the one before and nothing else."""

import pytest

from tests.benchmarks._page import PAGE, placed

TABLES = ("receiving", "width", "large", "sending", "line")


@pytest.mark.parametrize("name", TABLES)
def test_a_table_replaces_the_one_before_and_nothing_else(name: str) -> None:
    page = PAGE.read_text()
    once = placed(page, name, ["| first |"])
    assert "| first |" in once
    before, _, rest = page.partition(f"<!-- figures: {name} -->")
    assert once.startswith(before)
    assert once.endswith(rest.partition(f"<!-- end: {name} -->")[2])
    assert placed(once, name, ["| second |"]) == once.replace("| first |", "| second |")


def test_a_table_without_a_place_is_said() -> None:
    with pytest.raises(ValueError, match="no place for weather"):
        placed(PAGE.read_text(), "weather", [])
