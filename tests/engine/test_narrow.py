"""A program narrowed to one destination: the others get nothing, and it gets what it would have got."""

from pathlib import Path

import pytest

from engine.bench import DryBench
from engine.header import Header
from engine.narrow import leads_to, narrowed
from engine.object import Object, Origin
from engine.plan import prepare
from engine.program import Program
from engine.run import run
from tests.manual.pages import compiled

DECLARED = """
destination A = dicom "A@127.0.0.1:104"
destination B = dicom "B@127.0.0.1:105"
contact admin = "it@praxis.example"
"""


def program(rules: str) -> Program:
    found = compiled(DECLARED + rules, "test.rules").program
    assert found is not None, compiled(DECLARED + rules, "test.rules").findings
    return found


def deliveries(rules: str, to: str, **tags: str) -> list[tuple[str, dict[str, str | None]]]:
    """What is promised under the narrowed rules: outbox and changed attributes."""
    obj = Object(
        "1", Path("none"), Header.of({"SOPInstanceUID": "1.2.3", "StudyInstanceUID": "1.2", **tags}), Origin("dicom", 1)
    )
    narrow = narrowed(program(rules), to)
    outcome = run(prepare(narrow), obj, DryBench(narrow), through=True)
    return [(delivery.outbox, dict(delivery.obj.changes)) for delivery in outcome.deliveries]


US = {"Modality": "US"}
SET: dict[str, str | None] = {"InstitutionName": "X"}


@pytest.mark.parametrize(
    ("rules", "to", "promised"),
    [
        ("on port 1 → store by Modality → forward A, B → mail admin", "A", [("A", {})]),
        ('on port 1 → store by Modality → set InstitutionName to "X" → forward B', "B", [("B", SET)]),
        ('on port 1 → forward A → set InstitutionName to "X" → forward B', "A", [("A", {})]),
        ("on port 1 → forward A → await → forward B", "B", [("B", {})]),
        ("on port 1 → forward A → collect study quiet 1 minute → forward B", "B", [("B", {})]),
        ("on port 1 → forward A", "B", []),
        ("on port 1 where Modality = MR → forward A\non port 1 where unmatched → forward B", "B", [("B", {})]),
        ("on port 1 where Modality = US → forward A\non port 1 where unmatched → forward B", "B", []),
        ("on port 1\n  → choose\n      when Modality = US → forward A\n      otherwise → forward B\n    end", "B", []),
        (
            "on port 1\n  → choose\n      when Modality = US → forward A\n      otherwise → forward B\n    end",
            "A",
            [("A", {})],
        ),
        (
            'on port 1\n  → choose\n      when Modality = US → set InstitutionName to "X" → forward A\n'
            '      otherwise → set InstitutionName to "Y"\n    end\n  → forward B',
            "B",
            [("B", SET)],
        ),
        ('on port 1 where Modality = US → discard "no"\non port 1 → forward B', "B", [("B", {})]),
    ],
)
def test_only_the_one_gets_what_it_would_have_got(
    rules: str, to: str, promised: list[tuple[str, dict[str, str | None]]]
) -> None:
    assert deliveries(rules, to, **US) == promised


def test_a_failure_chain_that_leads_elsewhere_becomes_the_hold() -> None:
    rules = "route one on port 1 → forward A\n  on failure → forward B\n"
    there, elsewhere = (narrowed(program(rules), name).routes[0] for name in ("B", "A"))
    assert elsewhere.failure is None
    assert there.failure is not None
    assert leads_to(there.failure, "B")


def test_a_narrowed_program_is_one_of_its_own_and_can_be_kept() -> None:
    whole = program("on port 1 → store by Modality → forward A, B")
    narrow = narrowed(whole, "A")
    assert len({whole.digest, narrow.digest, narrowed(whole, "B").digest}) == 3
    assert Program.from_json(narrow.to_json()) == narrow
