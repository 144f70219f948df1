"""Definitions in rule files: put in, replaced, drawn anew; all else stays as it was written."""

from pathlib import Path

import pytest

from appliance.region_files import added, first_including, placed, redrawn, replaced
from appliance.rulebook import RuleBook
from engine.pixels import Box

HOUSE = """\
version 1

# All that comes. blank lines and the word keep mean nothing here
on port 11112 → anonymize-pixels → store by PatientID

# The sonograph in room 2; blank or keep?
regions room-2 for (Manufacturer = "Nobody" and Columns = 800) # keep this remark
  blank (0, 0, 800, 60), (right 200, bottom 40, 200, 40) # why

# What comes along.
include "lib/us-regions.rules"
"""
NEW = "regions room-3 for Columns = 640\n  blank (1, 2, 3, 4)\n"


def names(text: str, folder: Path) -> list[str]:
    """The definitions as the compiler has them, in their order."""
    (folder / "a.rules").write_text(text, "utf-8")
    compiled = RuleBook(folder / "a.rules").compile()
    assert compiled.program is not None, compiled.findings
    return [one.name for one in compiled.program.regions]


def test_each_is_found_with_its_place_and_its_boxes_on_an_image() -> None:
    [one] = placed({"house.rules": HOUSE, "other.rules": "version 1\n"})
    assert (one.name, one.file, one.line, one.keep) == ("room-2", "house.rules", 7, False)
    assert one.boxes(800, 600) == (Box(0, 0, 800, 60), Box(600, 560, 200, 40))
    assert first_including({"a.rules": "version 1\n", "house.rules": HOUSE}) == "house.rules"
    assert first_including({"a.rules": "version 1\n"}) == ""


def test_a_new_one_goes_before_all_others_and_before_what_is_included(tmp_path: Path) -> None:
    text = added(HOUSE, NEW)
    assert names(text, tmp_path)[:2] == ["room-3", "room-2"]
    assert text.replace(f"{NEW}\n", "") == HOUSE, "all else is as it was, remarks where they were"
    library = added('version 1\ninclude "lib/us-regions.rules"\non port 11112 → hold\n', NEW)
    assert names(library, tmp_path)[0] == "room-3"


def test_a_first_one_goes_to_the_end(tmp_path: Path) -> None:
    assert names(added("version 1\non port 11112 → hold\n", NEW), tmp_path) == ["room-3"]
    assert added("version 1\n", NEW) == f"version 1\n\n{NEW}"


def test_one_takes_the_place_of_another(tmp_path: Path) -> None:
    text = replaced(HOUSE, "room-2", NEW)
    assert names(text, tmp_path)[0] == "room-3"
    assert "# The sonograph in room 2; blank or keep?" in text
    with pytest.raises(KeyError):
        replaced(HOUSE, "room-9", NEW)


def test_boxes_are_others_and_the_condition_stays(tmp_path: Path) -> None:
    drawn = [Box(0, 0, 800, 70), Box(600, 560, 200, 40)]
    text = redrawn(HOUSE, "room-2", drawn, keep=False, size=(800, 600))
    assert "blank (0, 0, 800, 70), (right 200, bottom 40, 200, 40) # why" in text, "what was not moved is as it was"
    assert '(Manufacturer = "Nobody" and Columns = 800) # keep this remark' in text
    kept = redrawn(HOUSE, "room-2", [Box(5, 5, 10, 10)], keep=True, size=(800, 600))
    assert "  keep (5, 5, 10, 10) # why" in kept
    assert names(kept, tmp_path)[0] == "room-2"
    with pytest.raises(KeyError):
        redrawn(HOUSE, "room-9", drawn, keep=False, size=(800, 600))
