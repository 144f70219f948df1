"""Every setting has its line in docs/operations.md, and no line is about a setting that does not exist."""

import re
from dataclasses import fields

from appliance.settings import Settings
from tests.house.tree import ROOT


def test_the_page_lists_exactly_the_settings_there_are() -> None:
    page = (ROOT / "docs/operations.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| `(STELLWERK_\w+)` \|", page, re.MULTILINE)
    names = [field.name for field in fields(Settings)]
    assert listed == [(name, f"STELLWERK_{name.upper()}") for name in names]
