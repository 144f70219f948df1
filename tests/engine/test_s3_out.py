"""Sending to an S3 store, against a server that others wrote (moto)."""

import contextlib
import ssl
import sys
import threading
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import minio
import pytest
import trustme
from moto.server import ThreadedMotoServer

from appliance.secrets import Secrets
from engine.destinations import s3 as s3_out
from engine.destinations.exchange import Patience, Unreachable
from engine.destinations.s3 import S3
from engine.entry import Entry
from engine.errors import Later, Never
from engine.program import Destination
from engine.pump import Result, Sent
from engine.signature import Argument
from tests.data.make import instance, text, word
from tests.engine.test_https_out import entries
from tests.engine.web_peer import Peer, answer

QUICK = Patience(2.0, 1.0, 2.0)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The port of a store."""
    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    yield server.get_host_and_port()[1]
    server.stop()


@pytest.fixture
def store(port: int) -> minio.Minio:
    """The store, with one empty bucket."""
    urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST"), timeout=5)
    client = minio.Minio(f"localhost:{port}", "key", "secret", secure=False)
    client.make_bucket("images")
    return client


def s3(port: int, tmp_path: Path, address: str = "s3://images/from-us", **arguments: Argument) -> S3:
    """A destination in this store."""
    folder = tmp_path / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "bucket").write_text("key\nsecret\n")
    given = {"address": text(address), "endpoint": text(f"http://localhost:{port}/"), "login": word("bucket")}
    declared = Destination("STORE", "s3", {**given, **arguments})
    return S3(declared, Secrets(folder), ssl.create_default_context, QUICK)


def send(destination: S3, owed: list[Entry]) -> list[Result]:
    """What is reported."""
    results: list[Result] = []
    destination.send(owed, lambda _, result: results.append(result), lambda: False)
    return results


def seen(store: minio.Minio) -> dict[str, bytes]:
    """What lies in the bucket."""
    names = [one.object_name for one in store.list_objects("images", recursive=True)]
    return {name: store.get_object("images", name).read() for name in names if name}


def test_images_lie_in_the_bucket_under_their_uids_with_the_bytes_of_their_files(
    tmp_path: Path, port: int, store: minio.Minio
) -> None:
    owed = entries(tmp_path, "1.1", "1.2")
    assert send(s3(port, tmp_path), owed) == [Sent("STORE")] * 2
    assert seen(store) == {f"from-us/{entry.object}.dcm": entry.file.read_bytes() for entry in owed}


def test_a_large_image_goes_in_parts(tmp_path: Path, port: int, store: minio.Minio) -> None:
    [owed] = entries(tmp_path)
    instance(tmp_path, SOPInstanceUID="1.2.3", EncapsulatedDocument=bytes(37 << 20))
    assert send(s3(port, tmp_path, "s3://images"), [owed]) == [Sent("STORE")]
    assert seen(store) == {"1.2.3.dcm": owed.file.read_bytes()}
    assert (store.stat_object("images", "1.2.3.dcm").etag or "").endswith("-3")


def test_the_same_again_is_one_object_and_other_bytes_are_refused(
    tmp_path: Path, port: int, store: minio.Minio
) -> None:
    [owed] = entries(tmp_path)
    destination = s3(port, tmp_path)
    assert send(destination, [owed]) + send(destination, [owed]) == [Sent("STORE")] * 2
    before = seen(store)
    instance(tmp_path, SOPInstanceUID="1.2.3", PatientID="4712")
    [result] = send(destination, [owed])
    assert isinstance(result, Never)
    assert seen(store) == before


def test_on_duplicate_keep_and_replace_mean_what_they_mean_in_the_archive(
    tmp_path: Path, port: int, store: minio.Minio
) -> None:
    [owed] = entries(tmp_path)
    destination = s3(port, tmp_path)
    send(destination, [owed])
    first = owed.file.read_bytes()
    instance(tmp_path, SOPInstanceUID="1.2.3", PatientID="4712")
    second = owed.file.read_bytes()
    assert send(destination, [replace(owed, note={"duplicate": "keep"})]) == [Sent("STORE")]
    assert seen(store) == {"from-us/1.2.3.dcm": first, "from-us/1.2.3 (2).dcm": second}
    assert send(destination, [replace(owed, note={"duplicate": "replace"})]) == [Sent("STORE")]
    assert seen(store)["from-us/1.2.3.dcm"] == second


def test_of_two_bodies_of_one_uid_that_go_at_once_the_second_overwrites_nothing(
    tmp_path: Path, port: int, store: minio.Minio, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    [one], [other] = entries(tmp_path), entries(tmp_path / "other")
    instance(tmp_path / "other", SOPInstanceUID="1.2.3", PatientID="4712")
    both_look = threading.Barrier(2)
    look = s3_out._digest_of

    def look_together(*where: object) -> object:
        found = look(*where)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_look.wait(0.5)
        return found

    monkeypatch.setattr("engine.destinations.s3._digest_of", look_together)
    destinations = [s3(port, tmp_path), s3(port, tmp_path)]  # the second as after a change of rules
    with ThreadPoolExecutor(2) as pool:
        results = [result for [result] in pool.map(send, destinations, [[one], [other]])]
    assert sorted(type(result).__name__ for result in results) == ["Never", "Sent"]
    kept = one if isinstance(results[0], Sent) else other
    assert seen(store) == {"from-us/1.2.3.dcm": kept.file.read_bytes()}


def test_an_object_of_somebody_else_is_not_overwritten(tmp_path: Path, port: int, store: minio.Minio) -> None:
    [owed] = entries(tmp_path)
    with owed.file.open("rb") as stream:
        store.put_object("images", "from-us/1.2.3.dcm", stream, owed.file.stat().st_size)
    assert isinstance(send(s3(port, tmp_path), [owed])[0], Never)


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_is_said_in_words(tmp_path: Path, port: int) -> None:
    result = send(s3(port, tmp_path, "s3://elsewhere"), entries(tmp_path))[0]
    assert isinstance(result, Later)
    assert "elsewhere" in result.reason


def test_a_secret_that_is_missing_and_a_store_that_is_away_are_asked_for_once(tmp_path: Path) -> None:
    with Peer() as peer:
        pass
    owed = entries(tmp_path, "1.1", "1.2")
    assert [type(result) for result in send(s3(peer.port, tmp_path), owed)] == [Unreachable]
    assert [type(result) for result in send(s3(peer.port, tmp_path, login=word("none")), owed)] == [Later]


def test_a_store_whose_certificate_nobody_trusts_hears_nothing(tmp_path: Path) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("localhost").configure_cert(theirs)
    with Peer(context=theirs) as peer:
        elsewhere = {"endpoint": text(f"https://localhost:{peer.port}"), "region": text("eu-central-1")}
        [result] = send(s3(peer.port, tmp_path, **elsewhere), entries(tmp_path, "1.1", "1.2"))
    assert isinstance(result, Unreachable)
    assert "certificate" in result.reason
    assert not peer.requests


def refusal(code: str) -> bytes:
    """An error as S3 says it."""
    said = f"<Error><Code>{code}</Code><Message>1.2.3 Sample^Anna</Message><Key>1.2.3.dcm</Key></Error>"
    return answer(403, said.encode(), Content_Type="application/xml")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (refusal("AccessDenied"), Later),
        (refusal("SlowDown"), Later),
        (refusal("EntityTooLarge"), Never),
        (answer(200, b"<html>please log in</html>", Content_Type="text/html"), Later),
        (answer(500), Later),
        (answer(503, b"busy"), Later),
        (b"220 mail.example ESMTP\r\n", Later),
        (b"", Later),
    ],
)
def test_whatever_else_it_answers_delivers_nothing(tmp_path: Path, said: bytes, kind: type[Exception]) -> None:
    absent = answer(404, b"")

    def talk(request):  # type: ignore[no-untyped-def]
        return absent if request.head.startswith("HEAD") else said

    with Peer(talk) as peer:
        results = send(s3(peer.port, tmp_path, region=text("eu-central-1")), entries(tmp_path))
    assert isinstance(results[0], kind)
    assert "Anna" not in str(results[0])
    assert "1.2.3.dcm" not in str(results[0])


def test_an_upload_cut_anywhere_is_no_delivery(tmp_path: Path) -> None:
    for most in (0, 100, 500, 800, 1000, 1300):
        with Peer(lambda request: answer(404) if request.head.startswith("HEAD") else None, takes=most) as peer:
            results = send(s3(peer.port, tmp_path, region=text("eu-central-1")), entries(tmp_path))
        assert isinstance(results[0], Later)


def test_without_the_library_the_reason_says_what_to_type(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "minio", None)
    [result] = send(s3(1, tmp_path), entries(tmp_path, "1.1", "1.2"))
    assert isinstance(result, Later)
    assert "pip install 'stellwerk[s3]'" in result.reason
