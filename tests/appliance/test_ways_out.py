"""Every way out in a running appliance: what is owed gets there once the peer is back, and nothing unclean leaves."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.settings import Settings
from appliance.ways_out import way_out
from dsl.compile import compile_text
from engine.destinations import DESTINATIONS
from engine.entry import Entry
from engine.object import Origin
from engine.program import CLEAN, Destination
from engine.pump import Pump
from engine.vocabulary import vocabulary
from tests.appliance.running import Running
from tests.data.make import instance
from tests.engine.test_dicomweb_out import model
from tests.engine.web_peer import OK, Peer, Request, answer
from tests.ports import free_port

SAMPLES = {
    "https": "https://localhost:{port}/",
    "http": "http://localhost:{port}/",
    "dicomweb": "http://localhost:{port}/dicom-web",
    "folder": "{folder}",
    "sftp": "up@localhost:{port}:/in",
    "s3": "s3://images",
}
BUILT = sorted(name for name, one in DESTINATIONS.items() if one.built and name not in ("dicom", "webhook"))
"""A webhook gets no images: see test_notify.py."""


def declared(kind: str, words: str, peer: Peer, folder: Path) -> Destination:
    """A destination as the rules declare it."""
    address = SAMPLES[kind].format(port=peer.port, folder=folder)
    words = words + (" login ours" if kind == "s3" else "")
    text = f'destination THERE = {kind} "{address}" {words}\non port 11112 → forward THERE\n'
    result = compile_text(text, name="r", vocabulary=vocabulary(), read=lambda _: "")
    assert result.program is not None or words.startswith("outside"), result.findings
    if result.program is None:
        assert {finding.code for finding in result.errors} == {"E401", "E402"}  # the first lock
        text = text.replace("→", "→ hold\nroute x on port 11112 where Modality = XX →").replace("forward THERE", "hold")
        result = compile_text(text, name="r", vocabulary=vocabulary(), read=lambda _: "")
    assert result.program is not None
    [destination] = result.program.destinations
    return destination


@pytest.fixture
def peer() -> Iterator[Peer]:
    """It takes what comes by HTTP."""

    def take(request: Request) -> bytes:
        return answer(200, model(["1.2.3"])) if "multipart" in request.header("Content-Type") else OK

    with Peer(take) as there:
        yield there


class Owed:
    """An outbox with one image."""

    name = "THERE"

    def __init__(self, folder: Path, cleared: tuple[str, ...]) -> None:
        file = instance(folder, SOPInstanceUID="1.2.3")
        self.entry = Entry("e1", "o1", "THERE", "r", "1", "p", Origin("dicom", 11112), cleared=cleared, file=file)
        self.delivered = 0

    def open_gates(self) -> None:
        """Nothing waits for anything."""

    def wake_due(self, _now: float) -> None:
        """Nothing is due later."""

    def claim(self, _most: int) -> list[Entry]:
        """The one."""
        return [self.entry]

    def give_back_stale(self, _in_hand: object) -> None:
        """Nothing was left behind."""

    def done(self, delivered: list[object]) -> None:
        """So many were delivered."""
        self.delivered += len(delivered)


@pytest.mark.parametrize("kind", BUILT)
def test_every_kind_that_is_built_has_a_sender(kind: str, tmp_path: Path, peer: Peer) -> None:
    sender = way_out(declared(kind, "", peer, tmp_path / "nas"), Settings(data=tmp_path))
    assert not sender.outside
    assert (sender.every, sender.connections) == (None, 1)


@pytest.mark.parametrize("kind", BUILT)
def test_how_often_and_how_long_to_try_is_heard_by_every_kind(kind: str, tmp_path: Path, peer: Peer) -> None:
    destination = declared(kind, "retry every 5 minutes for 12 hours", peer, tmp_path / "nas")
    sender = way_out(destination, Settings(data=tmp_path))
    assert (sender.every, sender.patience) == (300, 12 * 3600)


@pytest.mark.parametrize("kind", BUILT)
@pytest.mark.parametrize("words", ["outside", "outside trusted"])
def test_the_second_lock_holds_for_every_kind(kind: str, words: str, tmp_path: Path, peer: Peer) -> None:
    sender = way_out(declared(kind, words, peer, tmp_path / "nas"), Settings(data=tmp_path))
    assert sender.outside is (words == "outside")


@pytest.mark.parametrize("kind", [kind for kind in BUILT if kind not in ("https", "sftp", "s3")])
@pytest.mark.parametrize("cleared", [(), ("header",), ("pixels",), tuple(CLEAN)])
def test_what_is_not_clean_never_reaches_one_outside(
    kind: str, cleared: tuple[str, ...], tmp_path: Path, peer: Peer
) -> None:
    (tmp_path / "nas").mkdir()
    owed = Owed(tmp_path, cleared)
    sender = way_out(declared(kind, "outside", peer, tmp_path / "nas"), Settings(data=tmp_path))
    refused: list[str] = []
    Pump(owed, lambda: sender, lambda several: refused.extend(why for _, why in several)).turn(0.0)  # type: ignore[arg-type]
    clean = set(CLEAN) <= set(cleared)
    assert bool(refused) is not clean
    assert bool(owed.delivered) is clean
    assert bool(peer.requests or list((tmp_path / "nas").glob("*.dcm"))) is clean


@pytest.mark.timeout(120)
def test_images_get_through_a_peer_that_fails_in_every_way_and_a_machine_that_is_killed(tmp_path: Path) -> None:
    troubles = [None, answer(503), answer(404), b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO", answer(200), b"junk"]
    taken: set[bytes] = set()

    def take(request: Request) -> bytes | None:
        if len(peer.requests) <= len(troubles):
            return troubles[len(peer.requests) - 1]
        taken.add(request.body)
        return OK

    nas, port = tmp_path / "nas", free_port()
    nas.mkdir()
    files = [instance(tmp_path, SOPInstanceUID=f"1.2.{n}") for n in range(30)]
    with Peer(take) as peer:
        running = Running(
            tmp_path,
            f'destination CTP = http "http://localhost:{peer.port}/" retry every 1 second for 1 day digest\n'
            f'destination NAS = folder "{nas}" by Modality retry every 1 second for 1 day\n'
            f"on port {port} → forward CTP, NAS\n",
            port,
        )
        assert len(running.send(*files)) == 30
        running.wait_for(lambda: len(peer.requests) > 3, "nothing is sent")
        running.kill()
        running.start()
        running.wait_for(lambda: len(taken) == 30, "not all has come", 60)
        running.wait_for(lambda: len(list(nas.glob("US/*.dcm"))) == 30, "not all is in the folder", 60)
        running.stop()
    sent = {str(dcmread(file).SOPInstanceUID) for file in files}
    assert {str(dcmread(BytesIO(body)).SOPInstanceUID) for body in taken} == sent
    assert {str(dcmread(file).SOPInstanceUID) for file in nas.glob("US/*.dcm")} == sent
