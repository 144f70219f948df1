"""The regions that come with the software, and `stellwerk regions`, which helps to write one's own."""

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file

from appliance.cli import main
from appliance.rulebook import RuleBook, shipped_rules
from engine.bench import boxes_for
from engine.condition import holds
from engine.header import Header
from engine.object import Object, Origin
from engine.pixels import clean
from engine.pixels.boxes import Box
from engine.pixels.rulers import measured
from engine.program import Program, Regions
from engine.view import ObjectView

CX50, ALOKA, LOGIQ = "OBXXXX1A.dcm", "gdcm-US-ALOKA-16.dcm", "examples_rgb_color.dcm"


def sample(name: str) -> Path:
    """A public image: of pydicom, or of pydicom-data."""
    return Path(str(get_testdata_file(name)))


@pytest.fixture
def shipped(tmp_path: Path) -> Program:
    """A practice's rules that include the library, which does not lie beside them."""
    rules = tmp_path / "rules"
    rules.mkdir()
    rules.joinpath("a.rules").write_text(
        'include "lib/us-regions.rules"\non port 11112 → anonymize-pixels → store by PatientID\n'
    )
    result = RuleBook(rules).compile()
    assert not result.findings
    assert result.program is not None
    return result.program


def fitting(program: Program, file: Path) -> list[str]:
    """The names of the regions that fit an image."""
    view = ObjectView(Object("1", file, Header.read(file), Origin("file")))
    return [one.name for one in program.regions if one.where is not None and holds(one.where, view)]


@pytest.mark.parametrize(
    ("name", "fits"),
    [
        (CX50, ["philips-cx50-800"]),
        ("OBXXXX1A_expb_2frame.dcm", ["philips-cx50-800"]),
        (ALOKA, ["aloka-ssd4000-640"]),
        ("gdcm-US-ALOKA-16_big.dcm", ["aloka-ssd4000-640"]),
        ("JPGLosslessP14SV1_1s_1f_8b.dcm", ["philips-epiq-1024"]),
        ("examples_palette.dcm", []),  # a CX50 whose image was cut to 350 rows
        (LOGIQ, []),
    ],
)
def test_each_public_image_is_known_by_one_entry_or_by_none(shipped: Program, name: str, fits: list[str]) -> None:
    assert fitting(shipped, sample(name)) == fits


def test_an_image_of_a_known_machine_that_declares_no_regions_may_be_a_report_page(
    shipped: Program, tmp_path: Path
) -> None:
    page = dcmread(sample(CX50))
    del page.SequenceOfUltrasoundRegions
    page.save_as(tmp_path / "page.dcm")
    assert fitting(shipped, tmp_path / "page.dcm") == []


@pytest.mark.parametrize(("name", "top", "bottom"), [(CX50, 60, 600), (ALOKA, 24, 428)])
def test_what_stands_in_the_bars_is_gone_and_the_rest_is_as_it_was(
    shipped: Program, tmp_path: Path, name: str, top: int, bottom: int
) -> None:
    source = sample(name)
    [known] = fitting(shipped, source)
    regions = next(one for one in shipped.regions if one.name == known)
    clean(source, tmp_path / "out.dcm", _boxes(regions, source))
    before, after = dcmread(source).pixel_array, dcmread(tmp_path / "out.dcm").pixel_array
    assert len(np.unique(before[:top])) > 1
    assert len(np.unique(np.concatenate([after[:top].ravel(), after[bottom:].ravel()]))) == 1
    np.testing.assert_array_equal(before[top:bottom], after[top:bottom])


def _boxes(regions: Regions, file: Path) -> tuple[Box, ...]:
    obj = Object("1", file, Header.read(file), Origin("file"))
    return boxes_for(obj, *regions.blank_and_keep)


def test_a_library_of_ones_own_goes_before_the_one_that_comes_along(tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/us-regions.rules").write_text("regions ours for Modality = US blank (0, 0, 10, 10)\n")
    (tmp_path / "a.rules").write_text('include "lib/us-regions.rules"\non port 11112 → anonymize-pixels → hold\n')
    seen: dict[str, str] = {}
    program = RuleBook(tmp_path / "a.rules").compile(seen).program
    assert program is not None
    assert [one.name for one in program.regions] == ["ours"]
    (tmp_path / "lib/us-regions.rules").unlink()
    assert RuleBook(tmp_path / "a.rules").state(seen) != seen  # it has changed, so the rules are read anew
    program = RuleBook(tmp_path / "a.rules").compile().program
    assert program is not None
    assert len(program.regions) > 5


def test_nothing_else_is_taken_from_the_software(tmp_path: Path) -> None:
    (tmp_path / "a.rules").write_text('include "house.rules"\ninclude "lib/no-such.rules"\n')
    assert [finding.code for finding in RuleBook(tmp_path / "a.rules").compile().findings] == ["E111", "E111"]


def test_a_definition_is_written_that_compiles_and_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "a.rules"
    rules.write_text("on port 11112 → anonymize-pixels → store by PatientID\n")
    for name, known in ((CX50, "declares itself"), (LOGIQ, "nothing says where")):
        assert main(["regions", str(sample(name)), "--rules", str(rules), "--data", str(tmp_path)]) == 0
        written = capsys.readouterr().out
        assert known in written.splitlines()[0]
        (tmp_path / "b.rules").write_text(rules.read_text() + written)
        result = RuleBook(tmp_path / "b.rules").compile()
        assert not result.findings
        assert result.program is not None
        assert fitting(result.program, sample(name)) == ["my-machine"]


def test_it_draws_the_image_with_rulers_and_what_would_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "picture.png"
    words = [
        "regions",
        str(sample(CX50)),
        "--png",
        str(picture),
        "--rules",
        str(shipped_rules()),
        "--data",
        str(tmp_path),
    ]
    assert main(words) == 0
    assert "these rules know this machine: regions philips-cx50-800" in capsys.readouterr().out
    drawn = imagecodecs.png_decode(picture.read_bytes())
    assert drawn.shape == (640, 840, 3)
    assert tuple(drawn[40 + 59, 40 + 400]) == (255, 60, 60)  # the last row of what goes


def test_a_file_that_is_no_image_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "a.rules"
    rules.write_text("on port 11112 → hold\n")
    (tmp_path / "text").write_text("no image")
    for image, code in (("text", 1), ("absent", 2)):
        where = str(tmp_path / image)
        assert main(["regions", where, "--rules", str(rules), "--data", str(tmp_path)]) == code
        assert "stellwerk: " in capsys.readouterr().err


def test_rulers_number_each_fifty_pixels() -> None:
    grey = np.zeros((60, 120), np.uint8)
    sheet = measured(grey, [Box(10, 20, 30, 5)])
    assert sheet.shape == (100, 160, 3)
    assert (sheet[40 + 20, 40 + 10 : 40 + 40] == (255, 60, 60)).all()
    for x in (0, 50, 100):
        assert sheet[30, 40 + x].any()
    assert not sheet[30, 40 + 10].any()
