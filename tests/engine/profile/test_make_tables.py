"""The maker of the tables reads what the standard is published as: an excerpt of part15.xml, written by hand."""

import json
import sys
from pathlib import Path

import pytest

from engine.profile import table
from engine.profile.terms import TERMS
from tests.engine.profile import make_tables

ROWS = (
    ("Accession Number", "(0008,0050)", "N", "Y", "Z", *[""] * 10),
    ("Acquisition Date", "(0008,0022)", "N", "Y", "X/Z", *[""] * 5, "K", "C", *[""] * 3),
    ("Curve Data", "(50xx,xxxx)", "Y", "N", "X", *[""] * 9, "C"),
    ("Overlay Comments", "(60xx,4000)", "Y", "N", "X", *[""] * 9, "C"),
    ("Patient's Age", "(0010,1010)", "N", "Y", "X", *[""] * 4, "K", *[""] * 5),
    ("Private attributes", "(gggg,eeee) where gggg is odd", "N", "N", "X", "C", *[""] * 9),
    ("Referenced Image Sequence", "(0008,1140)", "N", "Y", "X/Z/U*", "", "K", *[""] * 8),
    ("Station Name", "(0008,1010)", "N", "Y", "X/Z/D", "", "", "K", *[""] * 7),
)


def part15() -> str:
    """The table in the form of the standard, behind another one that has as many columns."""
    parts = []
    for label, rows in (("D.1-1", [ROWS[0]]), ("E.1-1", ROWS)):
        parts.append(
            f'<table frame="box" label="{label}" rules="all"><caption>Attributes</caption><thead><tr valign="top">'
        )
        parts.append("<th><para>Attribute Name</para></th>" * 15 + "</tr></thead><tbody>")
        for row in rows:
            cells = "".join(f'<td align="left"><para>\n {cell}\n</para></td>' if cell else "<td/>" for cell in row)
            parts.append(f'<tr valign="top">{cells}</tr>')
        parts.append("</tbody></table>")
    return f'<book xmlns="http://docbook.org/ns/docbook"><chapter>{"".join(parts)}</chapter></book>'


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder where it has made its tables, of the standard's own form alone."""
    (tmp_path / "part15.xml").write_text(part15(), encoding="utf-8")
    monkeypatch.setattr(
        sys, "argv", ["make_tables", str(tmp_path), "--edition", "2026c", "--part15", str(tmp_path / "part15.xml")]
    )
    make_tables.main()
    return tmp_path


def test_the_rows_of_the_standard_are_read_as_ours_are(run: Path) -> None:
    made = (run / "actions.csv").read_text("utf-8").splitlines()
    assert made[:2] == ["# PS3.15 Table E.1-1, edition 2026c", "tag,basic,options,keyword"]
    assert len(made) == 2 + len(ROWS)
    ours = Path(table.__file__).with_name("actions.csv").read_text("utf-8").splitlines()
    assert set(made[2:]) <= set(ours)


def test_a_row_that_is_there_twice_has_one_code() -> None:
    first, other = ({"tag": "00080050", "basic": code} for code in ("Z", "X"))
    assert make_tables.actions([first, first]) == [["00080050", "Z", "", "AccessionNumber"]]
    with pytest.raises(SystemExit, match="00080050"):
        make_tables.actions([first, other])


def test_terms_are_those_of_coded_strings(tmp_path: Path) -> None:
    listed = "<p>Enumerated Values:</p><dl><dt><span>RIGHT</span></dt><dd>r</dd><dt>LEFT&amp;</dt></dl>"
    attributes = [
        {"path": "m:00200060", "valueRepresentation": "CS", "description": listed},
        {"path": "m:00081115:00200062", "valueRepresentation": "CS", "description": listed},
        {"path": "m:00081030", "valueRepresentation": "LO", "description": listed},
        {"path": "m:00080060", "valueRepresentation": "CS", "description": "<dl><dt>OTHER</dt></dl>"},
        {"path": "m:00080061", "description": listed},
    ]
    (tmp_path / "m.json").write_text(json.dumps({"attributes": attributes}))
    made = dict(make_tables.terms(tmp_path))
    assert made == {"00200060": "RIGHT", "00200062": "RIGHT", "0040a040": "TABLE"}
    assert {"R", "L"} <= TERMS[0x00200060]
    assert {"CONTAINER", "TABLE"} <= TERMS[0x0040A040]
