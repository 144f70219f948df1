"""`review first 2 of each device`: images go on by themselves once people have approved two, through crashes."""

import itertools
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from engine import review
from engine.device import Device, Known
from engine.header import Header
from engine.program import Call
from engine.step import HOLD
from tests.data.make import number, put, remove, store
from tests.engine.spool.crash_kit import Crash, Line, Pacs, disk
from tests.engine.spool.test_collect import collect, rules
from tests.engine.spool.test_review import settled, waits

FIRST = Call("review", {"number": number("2")})
CHAIN = (put("InstitutionName", "Clean"), FIRST, store("Institution"))
SONO = {"Manufacturer": "Philips", "ManufacturerModelName": "CX50", "StationName": "ROOM1", "SoftwareVersions": "3.1"}
OTHERS = [
    SONO | {"Manufacturer": "Siemens"},
    SONO | {"ManufacturerModelName": "EPIQ 7C"},
    SONO | {"StationName": "ROOM2"},
    SONO | {"SoftwareVersions": "3.2"},
]


@pytest.fixture
def uids() -> Iterator[str]:
    return (f"1.2.{at}" for at in itertools.count(1))


def a_line(root: Path, *chain: Call) -> Line:
    return Line(root, rules(*(chain or CHAIN)), Pacs())


def is_held(line: Line, uids: Iterator[str], device: dict[str, str]) -> bool:
    """Whether the next image of a device waits for a review; it goes the one way or the other."""
    before, stored = len(waits(line)), len(line.stored())
    line.receive(next(uids), **device)
    settled(line)
    held = len(waits(line)) - before
    assert held + len(line.stored()) - stored == 1
    return bool(held)


def approve_all(line: Line) -> None:
    for one in waits(line):
        review.approve(line.spool, one)
    settled(line)


def trusted(root: Path, uids: Iterator[str], *chain: Call) -> Line:
    """A line on which two images of the device were approved."""
    line = a_line(root, *chain)
    for _ in range(2):
        assert is_held(line, uids, SONO)
    approve_all(line)
    return line


def test_after_so_many_approvals_its_images_go_on(tmp_path: Path, uids: Iterator[str]) -> None:
    line = a_line(tmp_path)
    assert is_held(line, uids, SONO)
    approve_all(line)
    assert is_held(line, uids, SONO)
    assert is_held(line, uids, SONO)  # one was approved, and one only waits
    approve_all(line)
    assert not is_held(line, uids, SONO)
    assert len(line.stored()) == 4


@pytest.mark.parametrize("other", OTHERS)
def test_another_device_begins_by_itself(tmp_path: Path, uids: Iterator[str], other: dict[str, str]) -> None:
    line = trusted(tmp_path, uids)
    assert is_held(line, uids, other)
    assert not is_held(line, uids, SONO)


@pytest.mark.parametrize("lacks", ["Manufacturer", "ManufacturerModelName"])
def test_where_no_device_is_known_each_image_is_held(tmp_path: Path, uids: Iterator[str], lacks: str) -> None:
    line = a_line(tmp_path)
    nobody = {tag: value for tag, value in SONO.items() if tag != lacks}
    for _ in range(4):
        assert is_held(line, uids, nobody)
        approve_all(line)
    assert list(review.devices(line.spool)) == []


def test_the_device_is_the_one_that_was_received(tmp_path: Path, uids: Iterator[str]) -> None:
    """What cleans a header takes the name of the station out; all machines of a model would be one."""
    chain = (remove("StationName"), put("SoftwareVersions", "0"), *CHAIN)
    line = trusted(tmp_path, uids, *chain)
    assert not is_held(line, uids, SONO)
    assert is_held(line, uids, SONO | {"StationName": "ROOM2"})
    assert is_held(line, uids, SONO | {"SoftwareVersions": "3.2"})


def test_so_it_is_behind_a_collect(tmp_path: Path, uids: Iterator[str]) -> None:
    line = a_line(tmp_path, remove("StationName"), collect(), *CHAIN)
    for _ in range(2):
        line.receive(next(uids), **SONO)
    settled(line, 1000)
    approve_all(line)
    [one] = review.devices(line.spool)
    assert (one.known.device.station, one.approved) == ("ROOM1", 2)


@pytest.mark.parametrize("how", ["reject", "again"])
def test_a_rejection_begins_anew(tmp_path: Path, uids: Iterator[str], how: str) -> None:
    line = trusted(tmp_path, uids, CHAIN[0], Call("review", {"number": number("2"), "count": number("1")}), CHAIN[2])
    assert is_held(line, uids, SONO)  # as one of one
    [one] = waits(line)
    if how == "again":
        review.again(line.spool, one)
    else:
        review.reject(line.spool, one, "a name is left")
    assert list(review.devices(line.spool)) == []
    settled(line)
    plain = a_line(tmp_path)
    assert is_held(plain, uids, SONO)


def test_behind_the_first_ones_some_are_held(tmp_path: Path, uids: Iterator[str]) -> None:
    line = trusted(tmp_path, uids, CHAIN[0], Call("review", {"number": number("2"), "count": number("3")}), CHAIN[2])
    held = [is_held(line, uids, SONO) for _ in range(12)]
    assert True in held
    assert False in held


def test_what_was_cleaned_in_another_way_is_counted_by_itself() -> None:
    device = Device("Philips", "CX50")
    ways = {
        Known(device, cleared, sources).key
        for cleared in ((), ("pixels",))
        for sources in ((), ("regions banner",), ("regions other",))
    }
    assert len(ways) == 6
    for one in (Known(device), Known(Device(*SONO.values()), ("header", "pixels"), ("regions banner",))):
        assert (Known.of_text(one.to_text()), Known.of_text(one.to_text()).key) == (one, one.key)


def test_a_device_is_read_from_its_header() -> None:
    spaced = {**SONO, "ManufacturerModelName": " CX50  ", "Modality": "US"}
    assert Device.of(Header.of(spaced)) == Device("Philips", "CX50", "ROOM1", "3.1")
    assert Device.of(Header.of({})) is None
    assert Device("Philips", "CX50", "", "3.1").words == "Philips CX50, software 3.1"


def test_a_person_can_begin_anew_with_a_device(tmp_path: Path, uids: Iterator[str]) -> None:
    line = trusted(tmp_path, uids)
    [one] = review.devices(line.spool)
    assert (one.known.device.words, one.approved) == ("Philips CX50, ROOM1, software 3.1", 2)
    assert not review.begin_anew(line.spool, "0" * 16)
    assert not review.begin_anew(line.spool, "../../hold")
    assert review.begin_anew(line.spool, one.key)
    assert is_held(line, uids, SONO)


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"approved": 3}', b"\xff"])
def test_what_cannot_be_read_is_a_device_of_which_nothing_was_approved(
    tmp_path: Path, uids: Iterator[str], torn: bytes
) -> None:
    line = trusted(tmp_path, uids)
    [file] = (line.spool.root / "approvals").iterdir()
    file.write_bytes(torn)
    assert is_held(line, uids, SONO)
    assert list(review.devices(line.spool)) == []
    approve_all(line)
    assert [one.approved for one in review.devices(line.spool)] == [1]


def approves(line: Line) -> None:
    for one in waits(line):
        review.approve(line.spool, one)


def rejects(line: Line) -> None:
    for one in waits(line):
        review.reject(line.spool, one, "no")


@pytest.mark.parametrize("person", [approves, rejects])
@pytest.mark.parametrize("failing", ["crash_at", "error_at"])
def test_a_crash_at_any_operation_counts_nothing_twice_and_no_rejection_is_lost(
    tmp_path: Path, person: Callable[[Line], None], failing: str
) -> None:
    """One was approved before, and one is judged now."""

    def line_that_waits(root: Path) -> Line:
        line = a_line(root)
        for uid in ("1.2.1", "1.2.2"):
            line.receive(uid, **SONO)
            settled(line)
            if uid == "1.2.1":
                approves(line)
        return line

    (tmp_path / "count").mkdir()
    line = line_that_waits(tmp_path / "count")
    with disk() as done:
        person(line)
    assert len(done) > 5
    for point in range(1, len(done) + 1):
        root = tmp_path / str(point)
        root.mkdir()
        line = line_that_waits(root)
        with disk(**{failing: point}), suppress(Crash, OSError):
            person(line)
        again = a_line(root)
        settled(again)
        counted = sum(one.approved for one in review.devices(again.spool))
        if person is rejects and not waits(again):
            assert counted == 0, f"point {point}"
        person(again)
        settled(again)
        counted = sum(one.approved for one in review.devices(again.spool))
        assert counted == (2 if person is approves else 0), f"point {point}"
        assert len(again.spool.outbox(HOLD).all()) == (0 if person is approves else 1)
