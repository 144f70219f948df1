"""Sending by STOW-RS: what is said, and that only what the answer names counts as delivered."""

import json
import re
import ssl
from collections.abc import Iterable, Mapping
from email import message_from_bytes
from pathlib import Path

import pytest

from engine.destinations.dicomweb import DicomWeb
from engine.destinations.exchange import Patience
from engine.destinations.stow import Verdict, read_answer
from engine.entry import Entry
from engine.errors import Later, Never
from engine.program import Destination
from engine.pump import Result, Sent
from engine.signature import Argument
from tests.data.make import text, word
from tests.engine.test_https_out import entries, secrets
from tests.engine.web_peer import Peer, Request, answer

QUICK = Patience(2.0, 1.0, 1.0)


def dicomweb(port: int, path: str = "/dicom-web", **arguments: Argument) -> DicomWeb:
    """A destination at this port."""
    given = {"address": text(f"http://localhost:{port}{path}"), **arguments}
    return DicomWeb(Destination("CLOUD", "dicomweb", given), secrets(), ssl.create_default_context, QUICK)


def send(destination: DicomWeb, owed: list[Entry]) -> dict[str, Result]:
    """What is reported, by the object."""
    results: dict[str, Result] = {}
    destination.send(owed, lambda entry, result: results.__setitem__(entry.object, result), lambda: False)
    return results


def model(stored: Iterable[str] = (), failed: Mapping[str, int | None] | None = None) -> bytes:
    """An answer in the DICOM JSON model."""

    def item(uid: str, reason: int | None = None) -> dict[str, object]:
        found: dict[str, object] = {"00081155": {"vr": "UI", "Value": [uid]}}
        return found if reason is None else found | {"00081197": {"vr": "US", "Value": [reason]}}

    return json.dumps(
        {
            "00081199": {"vr": "SQ", "Value": [item(uid) for uid in stored]},
            "00081198": {"vr": "SQ", "Value": [item(uid, why) for uid, why in (failed or {}).items()]},
        }
    ).encode()


def parts(request: Request) -> list[bytes]:
    """The files in a multipart request, as an independent reader finds them."""
    whole = message_from_bytes(f"Content-Type: {request.header('Content-Type')}\r\n\r\n".encode() + request.body)
    found = whole.get_payload()
    assert isinstance(found, list)
    assert all(part.get_content_type() == "application/dicom" for part in found)
    return [part.get_payload(decode=True) for part in found]  # type: ignore[union-attr]


def uids(request: Request) -> list[str]:
    """Which of our small images a request holds."""
    return re.findall(r"UI\x06\x00(1\.2\.\d)\x00", request.body.decode("latin-1"))


def taking_all(_: Request) -> bytes:
    """A server that stores everything."""
    return answer(200, model(["1.2.1", "1.2.2", "1.2.3"]), Content_Type="application/dicom+json")


# --- what is sent


def test_several_images_go_in_one_request_with_the_bytes_of_their_files(tmp_path: Path) -> None:
    owed = entries(tmp_path, "1.2.1", "1.2.2", "1.2.3")
    with Peer(taking_all) as peer:
        assert send(dicomweb(peer.port), owed) == dict.fromkeys(("1.2.1", "1.2.2", "1.2.3"), Sent("CLOUD"))
    [request] = peer.requests
    assert request.head.startswith("POST /dicom-web/studies HTTP/1.1\r\n")
    assert parts(request) == [entry.file.read_bytes() for entry in owed]


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/studies"),
        ("/", "/studies"),
        ("/dicom-web/", "/dicom-web/studies"),
        ("/x/studies", "/x/studies"),
        ("/x?key=1", "/x/studies?key=1"),
    ],
)
def test_the_address_is_that_of_the_service_or_of_its_studies(tmp_path: Path, path: str, asked: str) -> None:
    with Peer(taking_all) as peer:
        send(dicomweb(peer.port, path), entries(tmp_path, "1.2.1"))
    assert peer.requests[0].head.startswith(f"POST {asked} HTTP/1.1\r\n")


def test_large_images_do_not_share_a_request(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.destinations.dicomweb.TOGETHER", 1500)
    with Peer(taking_all, keeps=True) as peer:
        results = send(dicomweb(peer.port), entries(tmp_path, "1.2.1", "1.2.2", "1.2.3"))
    assert list(results.values()) == [Sent("CLOUD")] * 3
    assert [len(parts(request)) for request in peer.requests] == [2, 1]
    assert peer.connections == 1


def test_a_token_comes_out_of_a_secret(tmp_path: Path) -> None:
    with Peer(taking_all) as peer:
        send(dicomweb(peer.port, token=word("cloud-token")), entries(tmp_path, "1.2.1"))
        [result] = send(dicomweb(peer.port, token=word("torn")), entries(tmp_path, "1.2.1")).values()
    assert peer.requests[0].header("Authorization") == "Bearer abc.def"
    assert isinstance(result, Later)
    assert "two words" not in result.reason


# --- what the answers mean


def test_each_image_has_its_own_outcome(tmp_path: Path) -> None:
    body = model(["1.2.1"], {"1.2.2": 0xA900, "1.2.3": 0xA700})
    with Peer(lambda _: answer(202, body)) as peer:
        results = send(dicomweb(peer.port), entries(tmp_path, "1.2.1", "1.2.2", "1.2.3", "1.2.4"))
    assert results["1.2.1"] == Sent("CLOUD")
    assert isinstance(results["1.2.2"], Never)
    assert "A900" in results["1.2.2"].reason
    assert isinstance(results["1.2.3"], Later)
    assert isinstance(results["1.2.4"], Later)  # not named


def test_all_refused_is_a_409_with_reasons(tmp_path: Path) -> None:
    with Peer(lambda _: answer(409, model((), {"1.2.1": 0x0122, "1.2.2": None}))) as peer:
        results = send(dicomweb(peer.port), entries(tmp_path, "1.2.1", "1.2.2"))
    assert {type(result) for result in results.values()} == {Never}


@pytest.mark.parametrize(
    "said",
    [
        answer(200),
        answer(200, b"OK"),
        answer(200, b"<html>please log in</html>", Content_Type="text/html"),
        answer(200, b"{}"),
        answer(200, b'{"00081199": {"vr": "SQ"}}'),
        answer(200, b'{"00081199": []}'),
        answer(200, b"[" * 100_000),
        answer(200, b"<!DOCTYPE x><NativeDicomModel/>"),
        answer(200, model(["9.9.9"])),
        answer(503, model(["1.2.1"])),
        answer(404),
        answer(401),
        b"",
    ],
)
def test_what_the_answer_does_not_name_is_not_delivered(tmp_path: Path, said: bytes) -> None:
    with Peer(lambda _: said) as peer:
        [result] = send(dicomweb(peer.port), entries(tmp_path, "1.2.1")).values()
    assert isinstance(result, Later)


def test_what_stands_among_the_stored_and_the_failed_is_not_stored(tmp_path: Path) -> None:
    with Peer(lambda _: answer(202, model(["1.2.1"], {"1.2.1": 0}))) as peer:
        [result] = send(dicomweb(peer.port), entries(tmp_path, "1.2.1")).values()
    assert isinstance(result, Never)


def test_when_a_whole_request_is_refused_each_is_tried_alone(tmp_path: Path) -> None:
    def picky(request: Request) -> bytes:
        return answer(400) if "1.2.2" in uids(request) else answer(200, model(uids(request)))

    with Peer(picky) as peer:
        results = send(dicomweb(peer.port), entries(tmp_path, "1.2.1", "1.2.2", "1.2.3"))
    assert (results["1.2.1"], results["1.2.3"]) == (Sent("CLOUD"), Sent("CLOUD"))
    assert isinstance(results["1.2.2"], Never)


def test_what_an_error_calls_stored_is_asked_for_alone(tmp_path: Path) -> None:
    def orthanc(request: Request) -> bytes:
        if "1.2.2" in uids(request):
            return answer(400, model([uid for uid in uids(request) if uid != "1.2.2"], {"1.2.2": 0xC000}))
        return answer(200, model(uids(request)))

    with Peer(orthanc) as peer:
        results = send(dicomweb(peer.port), entries(tmp_path, "1.2.1", "1.2.2", "1.2.3"))
    assert (results["1.2.1"], results["1.2.3"]) == (Sent("CLOUD"), Sent("CLOUD"))
    assert isinstance(results["1.2.2"], Never)
    assert len(peer.requests) == 3


def test_two_of_one_uid_never_share_a_request(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    owed = [*entries(tmp_path, "1.2.1"), *entries(tmp_path / "other", "1.2.1")]
    with Peer(taking_all) as peer:
        reported: list[Result] = []
        dicomweb(peer.port).send(owed, lambda _, result: reported.append(result), lambda: False)
    assert reported == [Sent("CLOUD")] * 2
    assert [len(parts(request)) for request in peer.requests] == [1, 1]


def test_what_is_no_dicom_file_is_refused_by_itself(tmp_path: Path) -> None:
    broken, fine = entries(tmp_path, "1.2.1", "1.2.2")
    broken.file.write_bytes(b"no DICOM")
    with Peer(taking_all) as peer:
        results = send(dicomweb(peer.port), [broken, fine])
    assert isinstance(results["1.2.1"], Never)
    assert results["1.2.2"] == Sent("CLOUD")


def test_a_request_or_an_answer_cut_anywhere_delivers_nothing(tmp_path: Path) -> None:
    owed = entries(tmp_path, "1.2.1")
    whole = answer(200, model(["1.2.1"]))
    for cut in range(0, len(whole), 3):
        with Peer(lambda _, cut=cut: whole[:cut]) as peer:  # type: ignore[misc]
            [result] = send(dicomweb(peer.port), owed).values()
            assert isinstance(result, Later), whole[:cut]
    with Peer(taking_all) as peer:
        send(dicomweb(peer.port), owed)
    length = len(peer.requests[0].head) + 4 + len(peer.requests[0].body)
    for cut in (*range(0, length, 61), length - 1):
        with Peer(taking_all, takes=cut) as peer:
            [result] = send(dicomweb(peer.port), owed).values()
            assert isinstance(result, Later), cut


# --- the answer alone


def test_the_answer_is_read_in_xml_too_with_its_namespace_or_without() -> None:
    for namespace in ("", ' xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM"'):
        body = f"""<?xml version="1.0"?><NativeDicomModel{namespace}>
          <DicomAttribute tag="00081199" vr="SQ"><Item number="1">
            <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.1</Value></DicomAttribute></Item>
          </DicomAttribute>
          <DicomAttribute tag="00081198" vr="SQ"><Item number="1">
            <DicomAttribute tag="00081155" vr="UI"><Value number="1">1.2.2</Value></DicomAttribute>
            <DicomAttribute tag="00081197" vr="US"><Value number="1">272</Value></DicomAttribute></Item>
          </DicomAttribute></NativeDicomModel>"""
        assert read_answer("application/dicom+xml", body.encode()) == Verdict(frozenset({"1.2.1"}), {"1.2.2": 0x0110})


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[null, 3]", b'{"00081199": {"Value": [3, null, {"00081155": 3}]}}', b"\xff\xfe", b"<a"]
)
def test_whatever_is_no_such_answer_names_nothing(body: bytes) -> None:
    assert not read_answer("application/dicom+json", body).names_any


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "iso-8859-1"])
@pytest.mark.parametrize(
    "declared", ['<!DOCTYPE a [<!ENTITY b "1.2.1">]>', '<!DOCTYPE a SYSTEM "http://elsewhere.example/">']
)
def test_an_answer_with_a_document_type_names_nothing_in_whatever_encoding(encoding: str, declared: str) -> None:
    def said(between: str, uid: str) -> bytes:
        item = f'<Item><DicomAttribute tag="00081155"><Value>{uid}</Value></DicomAttribute></Item>'
        whole = f'<a><DicomAttribute tag="00081199">{item}</DicomAttribute></a>'
        name = "utf-16" if "16" in encoding else encoding.removesuffix("-sig")
        return f'<?xml version="1.0" encoding="{name}"?>{between}{whole}'.encode(encoding)

    readable = "16" not in encoding or encoding == "utf-16-le"
    assert read_answer("application/dicom+xml", said("", "1.2.1")).names_any == (encoding != "utf-8-sig" and readable)
    uid = "&b;" if "ENTITY" in declared else "1.2.1"
    assert not read_answer("application/dicom+xml", said(declared, uid)).names_any
