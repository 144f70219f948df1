"""What stays of a sentence is ours; what was put into it goes."""

import ast
import re
from pathlib import Path

import pytest

import engine
from appliance.support.masking import OTHER, line, logged, reason


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("", ""),
        ("no route takes it", "no route takes it"),
        ("PACS_A rejects the association: Zyxwicz", "… rejects the association: …"),
        ("Zyxwicz^Anna", OTHER),
        ("for Zyxwicz: no route takes it", OTHER),
        ("x" * 3000, OTHER),
    ],
)
def test_a_reason(why: str, said: str) -> None:
    assert reason(why) == said


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("held: 18ebdc5502847113c5c3b-371310686dd2: Zyxwicz", "held: 18ebdc5502847113c5c3b-371310686dd2: …"),
        ("held: Zyxwicz: no route takes it", "held: …: no route takes it"),
        ("listening on port 104 (Zyxwicz)", "listening on port 104 (…)"),
        ("Zyxwicz", None),
        ("Zyxwicz: Anna", None),
        ("listening on port Zyxwicz (TLS)", None),
    ],
)
def test_a_line_of_the_log(message: str, said: str | None) -> None:
    stamp = "2026-11-27 09:00:00,123 WARNING "
    assert line(stamp + message) == (None if said is None else stamp + said)


@pytest.mark.parametrize("text", ["Zyxwicz", "Traceback (most recent call last):", "stellwerk.service: Zyxwicz", ""])
def test_what_is_no_line_of_ours_goes(text: str) -> None:
    assert line(text) is None


def test_a_line_of_two_goes_as_one() -> None:
    assert line("2026-11-27 09:00:00,123 INFO Zyxwicz\nlistening on port 104 (x)") is None


def test_every_call_that_logs_in_the_engine_is_known() -> None:
    """By its text: what the tree finds is what a person who reads the source would find."""
    for path in sorted(Path(str(engine.__file__)).parent.rglob("*.py")):
        text = path.read_text("utf-8")
        calls = re.findall(r"\blog\.(?:debug|info|warning|error|critical)\(", text)
        forms = logged(text)
        assert len(forms) == len(calls), f"{path}: a sentence that is put together cannot be told from what it quotes"
        assert ast.parse(text)
