"""`stellwerk deid`: what comes out, what is held, what the report says; the source stays as it is."""

import contextlib
import hashlib
import io
import json
import logging
import os
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from appliance.cli import main
from appliance.deid.changes import Change, changes
from tests.appliance.test_line import ultrasound
from tests.conftest import SET_BY_US, put_back
from tests.engine.pixels.samples import jpeg, jpeg_streams
from tests.engine.spool.crash_kit import new_uid

RULES = """
regions ours for ManufacturerModelName = "Ours"
  blank (0, 0, 128, 16)
"""
NAMES = ("Müller", "Änne", "Praxis", "Süd")


def filled(root: Path) -> Path:
    """A folder with two images that can be cleaned, one that cannot, and what else lies about."""
    images = root / "images" / "Müller Änne"
    images.mkdir(parents=True)
    ultrasound(images / "one.dcm")
    unknown = dcmread(ultrasound(images / "three.dcm"))
    del unknown.SequenceOfUltrasoundRegions
    unknown.save_as(images / "three.dcm")
    cine = dcmread(jpeg(images / "two.dcm", jpeg_streams(3)))
    for keyword in ("StudyInstanceUID", "SeriesInstanceUID", "InstitutionName", "PatientName", "SpecificCharacterSet"):
        setattr(cine, keyword, unknown.get(keyword))
    cine.SOPInstanceUID = cine.file_meta.MediaStorageSOPInstanceUID = new_uid()
    cine.ManufacturerModelName, cine.Modality = "Ours", "US"
    cine.save_as(images / "two.dcm")
    (images / "notes.txt").write_text("Müller")
    (root / "our.rules").write_text(RULES)
    return root / "images"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return filled(tmp_path)


def deid(folder: Path, *words: str, profile: str = "none") -> int:
    root = folder.parent
    rules = ["--rules", str(root / "our.rules"), "--profile", profile]
    return main(["deid", str(folder), "--to", str(root / "clean"), *rules, *words])


def digests(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


@dataclass(frozen=True)
class Run:
    """One run on such a folder, which several tests look at."""

    folder: Path
    sources_before: dict[str, str]
    code: int
    said: str

    @property
    def clean(self) -> list[Path]:
        return sorted((self.folder.parent / "clean").iterdir())


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Run:
    root = tmp_path_factory.mktemp("deid")
    folder = filled(root)
    before, said = digests(folder), io.StringIO()
    # What a command changes for its process is put back after each test, and this is before the first of them.
    levels, umask = [logging.getLogger(name).level for name in SET_BY_US], os.umask(0o077)
    with contextlib.redirect_stdout(said):
        code = deid(folder, "--report", str(root / "report.json"), "--png", str(root / "pictures"))
    put_back(f"{umask:o}", levels)
    return Run(folder, before, code, said.getvalue())


def test_what_can_be_cleaned_is_there_and_what_cannot_is_held_with_its_reason(once: Run) -> None:
    assert once.code == 1
    assert digests(once.folder) == once.sources_before
    assert "nothing says where this device burns text in" in once.said
    assert "2 of 3 clean, 1 held, 1 other files left out" in once.said
    assert "names and numbers of patients are in them" in once.said
    sources = {(one.Rows, one.Columns): one for one in map(dcmread, once.folder.rglob("*o.dcm"))} | {
        (one.Rows, one.Columns): one for one in map(dcmread, once.folder.rglob("one.dcm"))
    }
    assert len(once.clean) == 2, "and nothing that is not finished"
    for after in map(dcmread, once.clean):
        before = sources[after.Rows, after.Columns]
        frames = int(after.get("NumberOfFrames", 1))
        was, now = (one.pixel_array.reshape(frames, one.Rows, one.Columns, -1) for one in (before, after))
        # A decoder spreads colours that pixels share over their neighbours.
        assert np.ptp(now[:, :15]) == 0
        assert (now[:, 40:90, 20:70] == was[:, 40:90, 20:70]).all()
        assert after.BurnedInAnnotation == "NO"


def test_the_report_has_tags_boxes_and_proof_and_no_value(once: Run) -> None:
    text = (once.folder.parent / "report.json").read_text("utf-8")
    said = json.loads(text)
    assert (said["clean"], said["held"]) == (2, 1)
    cine = next(one for one in said["objects"] if one.get("pixels") and one["pixels"]["frames"] == 3)
    assert cine["pixels"]["boxes"] == [[0, 0, 128, 16]]
    assert cine["pixels"]["from"] == ["regions ours"]
    assert cine["pixels"]["method"] == "jpeg-coefficients"
    declared = next(one for one in said["objects"] if one.get("pixels") and one["pixels"]["frames"] == 1)
    assert declared["pixels"]["from"] == ["the regions that the device declares"]
    assert "BurnedInAnnotation" in declared["header"]["added"]
    assert not [name for name in NAMES if name in text]


def test_pictures_of_before_and_after(once: Run) -> None:
    pictures = once.folder.parent / "pictures"
    assert len(list(pictures.iterdir())) == 4
    for before, after in zip(sorted(pictures.glob("*.before.png")), sorted(pictures.glob("*.after.png")), strict=True):
        was, now = (imagecodecs.png_decode(path.read_bytes()) for path in (before, after))
        assert np.ptp(was[:15]) > 100
        assert np.ptp(now[:15]) == 0


def test_with_values_it_has_them_and_the_names_of_the_files(folder: Path) -> None:
    report = folder.parent / "report.json"
    words = ["--to", str(folder.parent / "clean"), "--report", str(report), "--values", "--profile", "none"]
    assert main(["deid", str(folder / "Müller Änne" / "one.dcm"), *words]) == 0
    [one] = json.loads(report.read_text("utf-8"))["objects"]
    assert one["values"]["BurnedInAnnotation"] == ["", "NO"]
    assert "Müller Änne" in one["source"]


def test_names_leave_the_header_and_with_the_key_of_a_data_folder_all_is_the_same_again(folder: Path) -> None:
    data = folder.parent / "data"
    data.mkdir()
    assert deid(folder, "--data", str(data), profile="") == 1
    clean = sorted((folder.parent / "clean").iterdir())
    assert len(clean) == 2
    for path in clean:
        whole = path.read_bytes()
        assert not [name for name in NAMES if name.encode("latin-1") in whole or name.encode("utf-8") in whole]
        made = dcmread(path)
        assert made.PatientIdentityRemoved == "YES"
        assert path.name == f"{made.SOPInstanceUID}.dcm"
    assert (data / "secrets" / "deid").stat().st_mode & 0o777 == 0o600
    first = digests(folder.parent / "clean")
    assert deid(folder, "--data", str(data), profile="") == 1
    assert digests(folder.parent / "clean") == first


def test_without_a_data_folder_nobody_has_the_key_and_what_is_left_as_it_was_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for times in (1, 2):
        assert deid(folder, "--pixels", "none", profile="") == 0
        assert len(list((folder.parent / "clean").iterdir())) == times * 3
    assert "whatever text they show is still there" in capsys.readouterr().out
    assert deid(folder, "--pixels", "none", profile="none") == 2


def test_another_object_of_the_same_name_stays_as_it_is(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder / "Müller Änne" / "one.dcm"
    words = ["--to", str(folder.parent / "clean"), "--profile", "none", "--pixels", ""]
    assert main(["deid", str(source), *words]) == 0
    first = digests(folder.parent / "clean")
    changed = dcmread(source)
    changed.StudyDescription = "another"
    changed.save_as(source)
    assert main(["deid", str(source), *words]) == 1
    assert digests(folder.parent / "clean") == first
    assert "another object of the same SOP Instance UID is there already" in capsys.readouterr().out


@pytest.mark.parametrize("to", [".", "below", "file"])
def test_clean_files_and_others_never_lie_together(folder: Path, to: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = folder if to != "file" else folder / "Müller Änne" / "one.dcm"
    target = {".": folder, "below": folder / "clean", "file": source.parent}[to]
    before = digests(folder)
    assert main(["deid", str(source), "--to", str(target)]) == 2
    assert "or clean files and others would lie together" in capsys.readouterr().err
    assert digests(folder) == before
    assert deid(folder, "--png", str(folder.parent / "clean" / "png")) == 2
    assert "show what was taken out" in capsys.readouterr().err
    assert not (folder.parent / "clean").exists()


def test_words_that_are_no_rule_are_shown_as_a_finding_and_nothing_is_done(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert deid(folder, "--pixels", "regions nowhere", profile="keep institution") == 1
    assert "nowhere" in capsys.readouterr().err
    assert not (folder.parent / "clean").exists()


def test_an_object_inside_a_sequence_is_compared_item_by_item(tmp_path: Path) -> None:
    for name, text in (("a", "Anna"), ("b", "")):
        made = dcmread(ultrasound(tmp_path / name))
        item = Dataset()
        item.PatientName, item.PatientID = text, "1"
        made.SOPInstanceUID = made.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
        made.OtherPatientIDsSequence = Sequence([item])
        made.add_new(0x00091001, "LO", name)
        made.save_as(tmp_path / name)
    assert changes(tmp_path / "a", tmp_path / "b") == (
        Change("(0009,1001)", "changed", "a", "b"),
        Change("OtherPatientIDsSequence[1].PatientName", "emptied", "Anna", ""),
    )
