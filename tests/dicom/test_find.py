"""Asking a peer how much it has of a study: DCMTK's archive, and peers of pynetdicom that answer as they like."""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydicom import Dataset
from pynetdicom import AE, evt

from appliance.demonstration.pacs import answers
from engine.dicom import Patience, Peer, count
from engine.dicom.find import STUDY_ROOT_FIND
from engine.errors import Later, Never
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port

HASTY = Patience(connect=1, associate=1, respond=1, release=1)
Answer = Callable[[Dataset], list[Dataset]]


@contextmanager
def archive(answer: Answer, status: int = 0x0000, sop_class: str = STUDY_ROOT_FIND) -> Iterator[Peer]:
    """A peer that answers queries."""

    def find(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        for one in answer(event.identifier):
            yield 0xFF00, one
        if status:
            yield status, None

    entity = AE("PACS")
    entity.add_supported_context(sop_class)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, find)])
    try:
        yield Peer("PACS", "127.0.0.1", server.server_address[1])
    finally:
        server.shutdown()


def match(**values: str) -> Dataset:
    """One match."""
    found = Dataset()
    for name, value in values.items():
        setattr(found, name, value)
    return found


def test_a_peer_that_keeps_counts_is_asked_once() -> None:
    asked: list[Dataset] = []

    def answer(identifier: Dataset) -> list[Dataset]:
        asked.append(identifier)
        return [match(StudyInstanceUID="1.2.3", NumberOfStudyRelatedInstances="120")]

    with archive(answer) as peer:
        assert count(peer, "1.2.3") == 120
    [identifier] = asked
    assert (identifier.QueryRetrieveLevel, identifier.StudyInstanceUID) == ("STUDY", "1.2.3")


def test_a_series_is_asked_for_with_its_study() -> None:
    def answer(identifier: Dataset) -> list[Dataset]:
        assert (identifier.QueryRetrieveLevel, identifier.StudyInstanceUID) == ("SERIES", "1.2.3")
        return [match(SeriesInstanceUID=identifier.SeriesInstanceUID, NumberOfSeriesRelatedInstances="7")]

    with archive(answer) as peer:
        assert count(peer, "1.2.3", "1.2.3.4") == 7


def test_a_peer_that_keeps_no_counts_is_asked_for_its_series_and_their_objects() -> None:
    series = {"1.1": ["1.1.1", "1.1.2"], "1.2": ["1.2.1"]}

    def answer(identifier: Dataset) -> list[Dataset]:
        match identifier.QueryRetrieveLevel:
            case "STUDY":
                return [match(StudyInstanceUID="1.2.3")]
            case "SERIES" if identifier.SeriesInstanceUID:
                return [match(SeriesInstanceUID=identifier.SeriesInstanceUID)]
            case "SERIES":
                return [match(SeriesInstanceUID=uid) for uid in series]
        return [match(SOPInstanceUID=uid) for uid in series[identifier.SeriesInstanceUID]]

    with archive(answer) as peer:
        assert count(peer, "1.2.3") == 3


def test_a_study_that_it_does_not_know_counts_nothing() -> None:
    with archive(lambda _: []) as peer:
        assert count(peer, "1.2.3") == 0


def test_a_query_that_fails_may_work_another_time() -> None:
    with archive(lambda _: [], status=0xA700) as peer, pytest.raises(Later, match="answers a query with"):
        count(peer, "1.2.3")


def test_a_peer_that_answers_no_queries_never_will() -> None:
    with archive(lambda _: [], sop_class="1.2.840.10008.1.1") as peer, pytest.raises(Never, match="no queries"):
        count(peer, "1.2.3")


def test_a_peer_that_is_away_or_silent_is_later() -> None:
    with pytest.raises(Later):
        count(Peer("PACS", "127.0.0.1", free_port()), "1.2.3", patience=HASTY)

    def slow(_: Dataset) -> list[Dataset]:
        time.sleep(3)
        return []

    with archive(slow) as peer, pytest.raises(Later, match="came to no end"):
        count(peer, "1.2.3", patience=HASTY)


@pytest.mark.skipif(shutil.which("dcmqrscp") is None, reason="DCMTK is not installed")
def test_the_archive_of_dcmtk_says_what_it_has(tmp_path: Path) -> None:
    port = free_port()
    (tmp_path / "db").mkdir()
    (tmp_path / "dcmqrscp.cfg").write_text(
        f"NetworkTCPPort = {port}\nMaxPDUSize = 16384\nMaxAssociations = 16\n"
        f"HostTable BEGIN\nHostTable END\nVendorTable BEGIN\nVendorTable END\n"
        f"AETable BEGIN\nPACS {tmp_path / 'db'} RW (100, 1024mb) ANY\nAETable END\n"
    )
    files = []
    for number in range(3):
        files.append(tmp_path / f"{number}.dcm")
        write_instance(files[-1], new_uid())
        subprocess.run(["dcmodify", "-nb", "-i", "SeriesInstanceUID=1.2.3.4", files[-1]], check=True)
    process = subprocess.Popen(["dcmqrscp", "-c", str(tmp_path / "dcmqrscp.cfg")], cwd=tmp_path)
    try:
        end = time.monotonic() + 20
        while not answers(port) and time.monotonic() < end:
            time.sleep(0.1)
        subprocess.run(["storescu", "-aec", "PACS", "127.0.0.1", str(port), *map(str, files)], check=True)
        peer = Peer("PACS", "127.0.0.1", port)
        assert count(peer, "1.2.3") == 3
        assert count(peer, "1.2.3", "1.2.3.4") == 3
        assert count(peer, "9.9") == 0
    finally:
        process.terminate()
        process.wait(10)
