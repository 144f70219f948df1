"""Golden files: rule text, other files after `==== name`, then `----` and what comes of it. UPDATE=1 rewrites them.

`==== before` are the rules that ran so far, and `==== owed` what waits for whom, a line for each; `==== own` are the
folders that the appliance writes to.
"""

import json
import os
import re
from pathlib import Path

import pytest

from appliance.trying import tried
from dsl import render
from dsl.changeover import at_home, changeover
from dsl.codes import CODES

CASES = sorted((Path(__file__).parents[1] / "cases").glob("**/*.case"))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_gives_what_it_says(path, compiled):
    given, _, expected = path.read_text(encoding="utf-8").partition("----\n")
    text, *others = re.split(r"^==== (.+)\n", given, flags=re.MULTILINE)
    name = f"{path.stem}.rules"
    files = {name: text} | dict(zip(others[::2], others[1::2], strict=True))
    before, owed, own = files.pop("before", ""), files.pop("owed", ""), files.pop("own", "")
    result = at_home(tried(compiled(text, files, name)), own.split())
    if before:
        waits = {name: int(count) for name, count in (line.split() for line in owed.splitlines())}
        result = changeover(result, compiled(before).program, waits)
    said = render.render(result.findings, result.sources)
    if result.program is not None:
        program = json.dumps(result.program.to_json(), indent=1, ensure_ascii=False)
        said = f"{said}\n\n{program}" if said else program
    if os.environ.get("UPDATE"):
        path.write_text(f"{given}----\n{said}\n", encoding="utf-8")
    else:
        assert said + "\n" == expected


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_a_case(code):
    assert any(f"[{code}]" in path.read_text(encoding="utf-8") for path in CASES)


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_is_named_after_its_code(path):
    code = path.stem.partition("-")[0]
    assert code == "program" or (code in CODES and f"[{code}]" in path.read_text(encoding="utf-8"))
