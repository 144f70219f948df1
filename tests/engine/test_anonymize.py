"""Headers on the workbench: what was set before is cleaned, what is set behind stays, a rehearsal says the same."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from dsl.compile import compile_text
from engine.bench import DryBench, PixelBench
from engine.errors import Never
from engine.header import Header
from engine.identities import Identities
from engine.object import Object, Origin
from engine.outcome import Delivery
from engine.plan import prepare
from engine.profile.policy import Policy
from engine.program import Program
from engine.rehearsal import rehearse
from engine.run import run
from engine.step import HOLD
from engine.vocabulary import vocabulary
from engine.worker import PixelWorker
from tests.data.make import RECEIVED, instance
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk
from tests.scale import stride

IDENTITY = {
    "PatientName": "Doe^Jane",
    "PatientID": "PID-4711",
    "PatientBirthDate": "19620331",
    "StudyDate": "20260301",
    "InstitutionName": "Praxis Nordlicht",
    "StudyDescription": "Knee of Jane Doe",
    "AccessionNumber": "ACC-99887",
}
LAYOUT = ("PatientName", "PatientID", "StudyDate", "InstitutionName", "StudyInstanceUID", "SOPInstanceUID", "Modality")


@pytest.fixture
def house(tmp_path: Path) -> Iterator["House"]:
    one = House(tmp_path)
    yield one
    one.worker.close()


NUMBERS = count()


class House:
    """A data folder and a workbench on it."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.identities = Identities.of(data)
        self.worker = PixelWorker()
        self.bench = PixelBench(Program(), self.new_file, self.worker, self.identities)

    def new_file(self) -> Path:
        return self.data / f"{next(NUMBERS)}.dcm"

    def obj(self, name: str = "one", **tags: object) -> Object:
        path = instance(self.data, name=f"{name}.dcm", **{**IDENTITY, **tags})
        return Object("1", path, Header.read(path), Origin("dicom", 11112, received=RECEIVED))

    def deliveries(self, chain: str, obj: Object, dry: bool = False) -> list[Delivery]:
        rules = 'destination UNI = dicom "UNI@uni.example:104" outside\ndestination PACS = dicom "PACS@pacs:104"\n'
        done = compile_text(f"{rules}on port 11112 {chain}\n", name="t", vocabulary=vocabulary(), read=lambda _: "")
        assert done.program is not None, done.findings
        bench = DryBench(done.program, self.identities) if dry else self.bench
        return list(run(prepare(done.program), obj, bench).deliveries)


def leftovers(path: Path) -> list[str]:
    """Which of the values of IDENTITY, or their parts, stand in the bytes of a file."""
    data = path.read_bytes()
    parts = {
        part for value in IDENTITY.values() for part in (value, *value.split("^"), *value.split()) if len(part) > 3
    }
    return sorted(part for part in parts if part.encode() in data)


def test_nothing_that_says_who_it_is_remains_and_the_layout_shows_only_what_is_left(house: House) -> None:
    received = house.obj()
    assert leftovers(received.payload), "it is about something"
    [stored] = house.deliveries("→ anonymize → store by PatientName/PatientID/StudyInstanceUID", received)
    assert leftovers(stored.obj.payload) == []
    assert stored.obj.changes == {}
    assert stored.obj.cleared == {"header"}
    assert "Doe" not in str(stored.place) + str(stored.note)
    assert stored.place[2].startswith("2.25.")
    assert stored.note["file"] == str(dcmread(stored.obj.payload).SOPInstanceUID) != "1.2.3.4"


def test_the_same_patient_has_the_same_pseudonym_and_another_has_another(house: House) -> None:
    chain = "→ pseudonymize → store by PatientID"
    places = [
        house.deliveries(chain, house.obj(f"n{number}", PatientID=patient, SOPInstanceUID=f"1.2.{number}"))[0].place
        for number, patient in enumerate(["A-1", "A-1", "A-2"])
    ]
    assert places[0] == places[1] != places[2]
    assert "A-1" not in str(places)


def test_what_was_set_before_is_cleaned_and_what_is_set_behind_stays(house: House) -> None:
    chain = (
        '→ set PatientID to "SECRET-77" → set StationName to "ROOM-OF-DOE" → anonymize → set ClinicalTrialProtocolID to'
        ' "T-17" → set PatientID to "STUDY-5" → store by PatientID/ClinicalTrialProtocolID'
    )
    [stored] = house.deliveries(chain, house.obj())
    assert stored.place == ("STUDY-5", "T-17")
    assert stored.obj.changes == {"ClinicalTrialProtocolID": "T-17", "PatientID": "STUDY-5"}
    data = stored.obj.payload.read_bytes()
    assert b"SECRET-77" not in data
    assert b"ROOM-OF-DOE" not in data
    [pseudonymous] = house.deliveries('→ set PatientID to "A-1" → pseudonymize → store by PatientID', house.obj("two"))
    assert pseudonymous.place == (house.identities.pseudonym("A-1"),)


def test_pixels_first_or_header_first_both_are_clean_and_may_leave(house: House) -> None:
    rules = "regions all blank (0, 0, 4, 2)\n"
    for number, chain in enumerate(
        ("anonymize-pixels regions all → anonymize", "anonymize → anonymize-pixels regions all")
    ):
        text = f'{rules}destination UNI = dicom "UNI@u:104" outside\non port 11112 → {chain} → forward UNI\n'
        done = compile_text(text, name="t", vocabulary=vocabulary(), read=lambda _: "")
        assert done.program is not None
        bench = PixelBench(done.program, house.new_file, house.worker, house.identities)
        [sent] = run(prepare(done.program), house.obj(f"p{number}"), bench).deliveries
        assert sent.outbox == "UNI"
        assert sent.obj.cleared == {"header", "pixels"}
        assert leftovers(sent.obj.payload) == []
        assert sent.obj.header.first("BurnedInAnnotation") == "NO"
        assert dcmread(sent.obj.payload).PixelData[:8] == bytes(8)


def test_what_cannot_be_cleaned_is_held_as_it_was_received_and_nothing_of_the_route_is_done(house: House) -> None:
    received = house.obj()
    data = received.payload.read_bytes()
    received.payload.write_bytes(data[: len(data) // 2])
    [held] = house.deliveries("→ anonymize → store by PatientID → forward PACS", received)
    assert held.outbox == HOLD
    assert held.note["why"]
    assert held.obj.payload == received.payload
    assert "Doe" not in held.note["why"]


def test_a_missing_table_line_holds_it_until_somebody_writes_it(house: House) -> None:
    chain = "→ pseudonymize with register → map StationName with rooms → store by PatientID/StationName"
    [held] = house.deliveries(chain, house.obj())
    assert "the table register cannot be read" in held.note["why"]
    (house.data / "tables").mkdir()
    register, rooms = house.data / "tables" / "register.csv", house.data / "tables" / "rooms.csv"
    register.write_text("x,y\n")
    [held] = house.deliveries(chain, house.obj())
    assert held.note["why"] == "its PatientID is not in the table register: add a line for it, then release it"
    register.write_text(f"{IDENTITY['PatientID']},STUDY-1\n")
    rooms.write_text("S1,Room 1\n")
    [held] = house.deliveries(chain, house.obj())
    assert "no StationName" in held.note["why"]
    mapped = chain.replace(
        "pseudonymize with register → map StationName with rooms",
        "map StationName with rooms → pseudonymize with register keep device",
    )
    [stored] = house.deliveries(mapped, house.obj(StationName="S1"))
    assert stored.place == ("STUDY-1", "Room 1")
    assert str(dcmread(stored.obj.payload).PatientName) == "STUDY-1"


def test_a_damaged_or_lost_key_holds_everything_that_needs_it(house: House) -> None:
    house.identities.pseudonym("1")
    file = house.data / "secrets" / "deid"
    file.unlink()
    for chain in ("→ anonymize → store by PatientID", "→ pseudonymize → store by PatientID"):
        [held] = house.deliveries(chain, house.obj())
        assert "put back what was backed up" in held.note["why"]
    assert not file.exists()


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_what_is_only_looked_at_looks_as_it_would_be(house: House, syntax: str) -> None:
    obj = house.obj("dry", syntax=syntax)
    house.identities.pseudonym("1")
    before = sorted(house.data.rglob("*"))
    chain = "→ pseudonymize keep institution → store by PatientID/InstitutionName/StudyInstanceUID/StudyDate"
    [dry] = house.deliveries(chain, obj, dry=True)
    assert sorted(house.data.rglob("*")) == before, "it leaves nothing behind"
    [real] = house.deliveries(chain, obj)
    assert (dry.place, dry.note) == (real.place, real.note)
    assert dry.place[1] == "Praxis Nordlicht"


def test_to_look_makes_no_key(house: House) -> None:
    house.deliveries("→ pseudonymize → store by PatientID", house.obj(), dry=True)
    assert not (house.data / "secrets").exists()


TAGS = st.fixed_dictionaries(
    {},
    optional={
        "PatientName": st.sampled_from(["Doe^Jane", "Meier", "Álvarez^Ñ"]),
        "PatientID": st.text("ABC123-", min_size=1, max_size=8),
        "StudyDate": st.sampled_from(["20260301", "19991231"]),
        "InstitutionName": st.sampled_from(["Nord", "Süd"]),
        "PatientAge": st.just("041Y"),
        "SOPClassUID": st.sampled_from(["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.6.1", "1.2.3.99"]),
    },
)
OPTIONS = st.sets(st.sampled_from(["institution-identity", "modified-dates", "patient-characteristics", "uids"]))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(TAGS, OPTIONS)
def test_a_dry_run_never_says_another_header_than_the_real_one(tmp_path: Path, tags, options) -> None:
    house = House(tmp_path)
    obj = house.obj("same", SpecificCharacterSet="ISO_IR 192", **tags)
    policy = Policy(frozenset(options), frozenset({"AccessionNumber"}))
    answers = []
    for bench in (house.bench, DryBench(Program(), house.identities)):
        try:
            header = bench.anonymize(obj, policy, {}).header
            answers.append([header.first(tag) for tag in (*LAYOUT, "PatientAge", "AccessionNumber")])
        except Never as refusal:
            answers.append([refusal.reason])
    assert answers[0] == answers[1]


def test_a_test_of_the_rules_sees_the_header_that_there_would_be() -> None:
    rules = (
        'destination UNI = dicom "UNI@u:104" outside\n'
        "on port 11112 → map InstitutionName with sites → anonymize-pixels"
        " → pseudonymize with register keep institution → forward UNI\n"
        'test "clean" given PatientName = "Doe^Jane", PatientID = 4711, InstitutionName = "Nord", Modality = US\n'
        'expect forward UNI expect no tag PatientBirthDate expect tag InstitutionName "Nord" expect tag Modality US\n'
        'test "without an ID" given PatientName = "Doe^Jane", InstitutionName = "Nord" expect hold\n'
        "expect no forward UNI\n"
        'test "it shows" given PatientName = "Doe^Jane", PatientID = 4711, InstitutionName = "Nord"\n'
        'expect tag PatientName "Doe^Jane"\n'
    )
    done = compile_text(rules, name="t", vocabulary=vocabulary(), read=lambda _: "")
    assert done.program is not None
    verdicts, _ = rehearse(prepare(done.program), done.trials, datetime(2026, 3, 31, tzinfo=UTC))
    assert [verdict.passed for verdict in verdicts] == [True, True, False], verdicts


# --- with a machine that stops


def anonymizing() -> Program:
    """What is ultrasound gets a pseudonym, is stored and sent."""
    rules = (
        'destination PACS = dicom "PACS@pacs:104"\n'
        "route main on port 1 where Modality = US → pseudonymize → store by PatientID/PatientName → forward PACS\n"
    )
    done = compile_text(rules, name="t", vocabulary=vocabulary(), read=lambda _: "")
    assert done.program is not None
    return done.program


def taken_in(root: Path, told: list[str]) -> None:
    """Two images of one patient, routed, stored and sent; `told` are those of which the sender has heard."""
    root.mkdir(exist_ok=True)
    line = Line(root, anonymizing(), Pacs())
    for uid in ("1.2.1", "1.2.2"):
        line.receive(uid)
        told.append(uid)
    line.turn(time.time())


def test_a_crash_at_any_operation_loses_no_image_makes_no_second_key_and_lets_no_name_through(tmp_path: Path) -> None:
    with disk() as done:
        taken_in(tmp_path / "count", [])
    assert {"link", "write"} <= set(done)
    for point in range(1, len(done) + 1, stride(2)):
        root, told = tmp_path / str(point), list[str]()
        with disk(crash_at=point), pytest.raises(Crash):
            taken_in(root, told)
        used = keys_of_copies(root)
        line = Line(root, anonymizing(), Pacs())
        line.turn(time.time() + 10)
        line.turn(time.time() + 10)
        stored, keyring = line.stored(), Identities.of(root).keyring
        assert {keyring.current().uid(uid) for uid in told} <= set(stored), f"lost, point {point}"
        assert len(stored) == len(set(stored)) <= 2, f"stored twice, point {point}"
        assert len(keyring.all()) == min(1, len(stored))
        assert len({path.parent for path in line.archive.rglob("*.dcm")}) <= 1, f"two pseudonyms, point {point}"
        assert used <= keys_of_copies(root)
        assert line.held() == []
        assert list(line.spool.waiting()) == []
        for path in line.archive.rglob("*.dcm"):
            assert "ller" not in path.read_bytes().decode("latin-1") + str(path.relative_to(root))


def keys_of_copies(root: Path) -> set[str]:
    """By which keys, as the objects say, the copies in the archive were made."""
    return {str(dcmread(path).DeidentificationMethod) for path in (root / "archive").rglob("*.dcm")}
