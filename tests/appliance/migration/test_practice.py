"""A whole German practice: its config.xml as rules that compile, and that run as CTP did, or better."""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import numpy
import pytest
from pydicom import dcmread
from pydicom.errors import InvalidDicomError

from appliance.cli import main
from appliance.demonstration.pacs import Pacs
from appliance.migration.migrate import Migrated, migrate
from appliance.migration.scripts import reader
from appliance.rulebook import RuleBook
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.data.make import instance
from tests.ports import free_port

CONFIG = Path(__file__).parent / "ctp" / "config.xml"


def practice(language: str = "en", **changes: str) -> Migrated:
    text = CONFIG.read_text("utf-8")
    for old, new in changes.items():
        text = text.replace(old.lstrip("_"), new)
    return migrate(text.encode(), reader(CONFIG), language)


@pytest.mark.parametrize("language", ["en", "de"])
def test_it_compiles_and_is_in_the_one_layout(tmp_path: Path, language: str) -> None:
    rules = tmp_path / "house.rules"
    assert main(["migrate", str(CONFIG), "--out", str(rules), "--language", language]) == 0
    assert not RuleBook(rules).compile().errors
    assert main(["fmt", "--check", str(rules)]) == 0


def test_each_thing_becomes_what_it_was() -> None:
    text = practice().text
    assert "on port 26131\n" in text
    assert "https port 26130 accept ctp" in text
    assert "→ store by InstitutionName/PatientName\n" in text
    assert 'dicom "PACS_A@127.0.0.1:104" as CTP' in text
    assert 'when Modality = "CT"' in text
    assert "→ forward PACS_A" in text
    assert "→ mail it subject" in text
    assert 'contact it = "it@praxis-nord.example"\n' in text
    assert "on port 26230\n  → anonymize-pixels same uid\n" in text
    assert 'store in "Lehre" by (0008,0080)/Modality/StudyDate' in text


def test_no_password_is_copied_anywhere() -> None:
    for language in ("en", "de"):
        made = practice(language)
        assert "geheim" not in made.text + "\n".join(made.report(language))
        assert "praxis:" not in made.text
        assert "https://uniklinik.example:443/import" in made.text
        assert "login Uniklinik-login" in made.text
        assert "DATA/secrets/Uniklinik-login" in "\n".join(made.report(language))


def test_the_report_says_what_is_left_and_what_is_better() -> None:
    said = "\n".join(practice().report("en"))
    assert "STELLWERK_MAIL_HOST=smtp.praxis.example" in said
    assert "ImplementationVersionName" in said
    assert "no restart" in said
    gesagt = "\n".join(practice("de").report("de"))
    assert "Das bleibt zu tun" in gesagt
    assert "kein Neustart" in gesagt


SCRIPTS = {
    "@empty()": "anonymize",
    "@hashPtID(@SITEID,PatientID)": "pseudonymize",
    "@lookup(this,ptid)": "pseudonymize with Anon",
}


@pytest.mark.parametrize(("does", "step"), SCRIPTS.items())
@pytest.mark.parametrize("moves", ["", "@incrementdate(this,@DATEINC)"])
def test_a_header_is_cleaned_by_the_profile_and_a_patient_who_stayed_known_gets_a_pseudonym(
    tmp_path: Path, does: str, step: str, moves: str
) -> None:
    date, who = f'<e en="T" t="00080020" n="StudyDate">{moves}</e>', f'<e en="T" t="00100020" n="PatientID">{does}</e>'
    script = f"<script>{date}{who}</script>"
    shutil.copytree(CONFIG.parent, tmp_path / "ctp")
    (tmp_path / "ctp" / "scripts" / "anon.script").write_text(script)
    storage = '<DirectoryStorageService name="Lehre"'
    anonymizer = '<DicomAnonymizer name="Anon" class="x.DicomAnonymizer" script="scripts/anon.script"/>'
    text = CONFIG.read_text("utf-8").replace(storage, anonymizer + storage)
    made = migrate(text.encode(), reader(tmp_path / "ctp" / "config.xml"), "en")
    sono = made.text[made.text.index("route Sonographie") :]
    wanted = step + (" keep modified-dates" if moves else "")
    assert f"→ {wanted}\n" in sono
    assert "→ store" in sono[sono.index(f"→ {wanted}") :]
    said = "\n".join(made.report("en"))
    assert f"`{wanted}` does it by the profile" in said
    assert ("DATA/tables/Anon.csv" in said) is ("lookup" in does)


def test_a_missing_pixel_script_holds_instead_of_passing() -> None:
    text = practice(**{"scripts/pixel.script": "scripts/elsewhere.script"}).text
    sono = text[text.index("route Sonographie") :]
    assert "→ hold" in sono
    assert not [line for line in sono.splitlines() if line.strip().startswith("→ store")]


def test_a_second_pixel_script_is_not_mixed_with_the_first() -> None:
    storage = '<DirectoryStorageService name="Lehre"'
    second = '<DicomPixelAnonymizer name="Zwei" class="x.DicomPixelAnonymizer" script="scripts/filter.script"/>'
    text = practice(**{storage: second + storage}).text
    sono = text[text.index("route Sonographie") :]
    assert "→ anonymize-pixels same uid\n  → hold" in sono
    assert "# what CTP did behind it: → store" in sono


def test_a_stage_that_is_not_for_dicom_is_left_out() -> None:
    filtering = 'name="CT und Ultraschall"'
    assert "choose" not in practice(**{filtering: f'{filtering} acceptDicomObjects="no"'}).text


def test_what_is_there_is_not_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rules = tmp_path / "house.rules"
    rules.write_text("mine")
    assert main(["migrate", str(CONFIG), "--out", str(rules)]) == 2
    assert rules.read_text() == "mine"
    assert main(["migrate", str(tmp_path / "none.xml")]) == 2
    assert main(["migrate", str(rules)]) == 1
    assert "no well-formed XML" in capsys.readouterr().err


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[Pacs]:
    found = Pacs(tmp_path / "pacs")
    yield found
    found.close()


def scan(folder: Path, uid: str, model: str) -> Path:
    """An image of 720 rows that is white all over."""
    return instance(
        folder,
        SOPInstanceUID=uid,
        Manufacturer="GE Healthcare",
        ManufacturerModelName=model,
        InstitutionName="Praxis",
        Rows=720,
        Columns=960,
        PixelData=bytes([200]) * (720 * 960),
    )


def arrived(pacs: Pacs) -> list[str]:
    """What the PACS has, as far as it has written it."""
    found = []
    for path in pacs.folder.iterdir():
        with suppress(InvalidDicomError, EOFError, AttributeError):
            found.append(str(dcmread(path).SOPInstanceUID))
    return found


@pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")
def test_it_runs(tmp_path: Path, pacs: Pacs) -> None:
    port, sono = free_port(), free_port()
    made = practice(
        **{
            "_26130": str(free_port()),
            "_26131": str(port),
            "_26230": str(sono),
            "127.0.0.1:104": f"127.0.0.1:{pacs.port}",
        }
    )
    line = Running(tmp_path, made.text, port)
    folder = tmp_path / "images"
    folder.mkdir()
    ultrasound = scan(folder, "1.2.1", "LOGIQE9")
    other = instance(folder, SOPInstanceUID="1.2.2", Modality="MR", InstitutionName="Röntgenpraxis Straße 1")
    line.send(ultrasound, other)
    line.wait_for(lambda: bool(list(line.spool.outbox(HOLD).all())), "nothing is held")
    line.wait_for(lambda: arrived(pacs) == ["1.2.1"], "it has not come to the PACS")
    line.wait_for((line.archive / "Röntgenpraxis Straße 1").is_dir, "it is not stored")
    (held,) = line.spool.outbox(HOLD).all()
    assert "CT und Ultraschall" in held.why

    line.port = sono
    unknown = scan(folder, "1.2.3", "New")
    line.send(ultrasound, unknown)
    line.wait_for(lambda: len(list((line.data / "Lehre").rglob("*.dcm"))) == 1, "nothing is stored")
    line.wait_for(lambda: len(list(line.spool.outbox(HOLD).all())) == 2, "the unknown device is not held")
    (stored,) = (line.data / "Lehre").rglob("*.dcm")
    pixels = numpy.frombuffer(dcmread(stored).PixelData, numpy.uint8).reshape(720, 960)
    assert not pixels[:71].any()
    assert (pixels[71:680] == 200).all()
    line.stop()


@pytest.mark.parametrize(
    ("lists", "written"),
    [
        ('<accept callingAET="WARD1"/><accept callingAET="WARD2"/>', "dicom port 26131 accept WARD1, WARD2"),
        (
            '<accept ip="10.0.0.7" callingAET="CT1" calledAET="CTP"/>',
            "dicom port 26131 as CTP accept CT1 from 10.0.0.7",
        ),
        ('<reject ip="10.0.0.7"/>', 'on port 26131 where not (address = "10.0.0.7")'),
        (r'<accept ip="10\.0\..*" regex="yes"/>', r"on port 26131 where (address matches /^(?:10\.0\..*)$/)"),
        ('<accept sopClass="1.2.840.10008.5.1.4.1.1.2"/>', "on port 26131\n"),
    ],
)
def test_who_may_send_may_still_send_and_nobody_else(lists: str, written: str) -> None:
    port = 'logConnections="rejected"/>'
    text = practice(**{port: f'logConnections="rejected">{lists}</DicomImportService>'}).text
    assert written in text
