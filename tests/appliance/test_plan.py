"""`stellwerk plan`: what rules mean, as JSON, as a diagram and as a drawing."""

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.drawing import svg
from engine.graph import graph
from engine.program import Program
from engine.vocabulary import vocabulary
from tests.data.make import equals, forward, mail, program, route, store

RULES = """
destination PACS = dicom "PACS@10.0.0.5:104"
contact admin = "it@praxis.example"
on port 26131 where Institution = "Röntgen <A & B>" → store by PatientID → choose
    when Modality = SR → discard "no reports"
    otherwise → forward PACS
  end → mail admin
"""

Captured = pytest.CaptureFixture[str]
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    """A route with a choose."""
    path = tmp_path / "house.rules"
    path.write_text(RULES, encoding="utf-8")
    return path


def test_as_json_it_is_the_program_that_would_run(rules: Path, capsys: Captured) -> None:
    assert main(["plan", str(rules), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert Program.from_json(said).digest == said["digest"]


def test_as_a_diagram_it_shows_each_way(rules: Path, capsys: Captured) -> None:
    assert main(["plan", str(rules)]) == 0
    said = capsys.readouterr().out
    assert said.startswith("flowchart LR")
    assert '"forward PACS"' in said


def test_a_drawing_shows_every_step_condition_and_outbox(rules: Path, tmp_path: Path) -> None:
    drawing = tmp_path / "house.svg"
    assert main(["plan", str(rules), "--draw", str(drawing)]) == 0
    texts = {text.text or "" for text in ET.parse(drawing).iter(f"{SVG}text")}
    titles = {title.text for title in ET.parse(drawing).iter(f"{SVG}title")}
    assert {"on port 26131", "forward PACS", "mail admin", "choose", "archive.store", "PACS", "admin.mail"} <= texts
    assert 'Institution = "Röntgen <A & B>"' in titles


def test_no_two_boxes_of_a_drawing_overlap() -> None:
    routes = [
        route(f"r{n}", store(), forward("PACS", "READER"), mail("admin"), where=equals("Modality", "US"))
        for n in range(9)
    ]
    drawing = ET.fromstring(svg(graph(program(*routes), vocabulary().clears)))
    boxes = [
        tuple(float(rect.get(key, "0")) for key in ("x", "y", "width", "height"))
        for rect in drawing.iter(f"{SVG}rect")
        if rect.get("rx")
    ]
    assert len(boxes) == 1 + 9 * 3 + 4
    for number, (x, y, width, height) in enumerate(boxes):
        for left, top, wide, high in boxes[:number]:
            assert x >= left + wide or left >= x + width or y >= top + high or top >= y + height


def test_rules_with_a_mistake_have_no_plan(rules: Path, capsys: Captured) -> None:
    rules.write_text("on port 26131 where Modalty = US → hold\n")
    assert main(["plan", str(rules)]) == 1
    assert "did you mean Modality?" in capsys.readouterr().err


def test_check_answers_programs_in_json_and_people_in_german(rules: Path, capsys: Captured) -> None:
    rules.write_text("on port 26131 where Modalty = US → hold\n")
    assert main(["check", str(rules), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert (said["fine"], said["findings"][0]["code"], said["findings"][0]["place"]["column"]) == (False, "E101", 21)
    assert main(["check", str(rules), "--language", "de"]) == 1
    assert "meinten Sie Modality?" in capsys.readouterr().err
