"""Sending by HTTP(S): what is said to the peer, and what its answers mean."""

import base64
import contextlib
import hashlib
import re
import ssl
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from appliance.secrets import Secrets
from engine.destinations import DESTINATIONS
from engine.destinations.exchange import Patience, Site, Unreachable
from engine.destinations.https import Https
from engine.enough import ALL_REFUSED
from engine.entry import Entry
from engine.errors import Later, Never
from engine.object import Origin
from engine.parameters import WebAddress
from engine.program import Destination
from engine.pump import Result, Sent
from engine.signature import Argument
from engine.tls import Trust, client_context
from tests.data.make import instance, text, word
from tests.engine.web_peer import OK, Peer, answer

QUICK = Patience(2.0, 1.0, 1.0)
SECRETS = {
    "ctp-login": "sender\nsecret:with:colons ä\n",
    "empty": "\n",
    "odd": "no password",
    "cloud-token": "abc.def\n",
    "torn": "two words",
}


def secrets() -> Secrets:
    """A folder with our secrets."""
    folder = Path(tempfile.mkdtemp())
    for name, said in SECRETS.items():
        (folder / name).write_text(said, "utf-8")
    return Secrets(folder)


def https(peer: Peer, *, patience: Patience = QUICK, path: str = "", **arguments: Argument) -> Https:
    """A destination that leads to the peer."""
    kind = "https" if peer.context else "http"
    given = {"address": text(f"{kind}://localhost:{peer.port}{path}"), **arguments}
    return Https(Destination("CTP", kind, given), secrets(), ssl.create_default_context, patience)


def entries(folder: Path, *names: str) -> list[Entry]:
    """Promises of small images, each with its own UID."""
    return [
        Entry(f"e{uid}", uid, "CTP", "r", "1", "p", Origin("dicom", 1), file=instance(folder, SOPInstanceUID=uid))
        for uid in names or ("1.2.3",)
    ]


def send(destination: Https, owed: list[Entry]) -> list[Result]:
    """What is reported, in the order of the reports."""
    results: list[Result] = []
    destination.send(owed, lambda _, result: results.append(result), lambda: False)
    return results


def said(peer: Peer, tmp_path: Path, **arguments: Argument) -> Result:
    """What becomes of one image at this peer."""
    [result] = send(https(peer, **arguments), entries(tmp_path))
    return result


# --- what is sent


def test_an_image_goes_as_one_post_with_the_words_that_ctp_wants_and_the_bytes_of_the_file(tmp_path: Path) -> None:
    owed = entries(tmp_path)
    with Peer() as peer:
        assert send(https(peer), owed) == [Sent("CTP")]
    [request] = peer.requests
    assert request.head.startswith("POST / HTTP/1.1\r\n")
    assert request.header("Content-Type") == "application/x-mirc"
    assert request.header("Content-Length") == str(owed[0].file.stat().st_size)
    assert request.body == owed[0].file.read_bytes()
    assert not request.header("Authorization")
    assert not request.header("Digest")
    assert request.header("Stellwerk-Digest") == f"sha-256={hashlib.sha256(request.body).hexdigest()}"


def test_path_and_query_of_the_address_are_kept(tmp_path: Path) -> None:
    with Peer() as peer:
        assert send(https(peer, path="/import?site=7"), entries(tmp_path)) == [Sent("CTP")]
    assert peer.requests[0].head.startswith("POST /import?site=7 HTTP/1.1\r\n")


def test_what_java_cannot_count_goes_in_chunks_and_in_lower_case(tmp_path: Path) -> None:
    file = tmp_path / "large"
    file.write_bytes(b"x" * 700_000)
    with Peer() as peer:
        site = Site(WebAddress(False, "localhost", peer.port, "/"), ssl.create_default_context, chunked_from=700_000)
        assert site.post("/", {}, [file]).body == b"OK"
    [request] = peer.requests
    assert "Transfer-Encoding: chunked" in request.head
    assert not request.header("Content-Length")
    assert request.body == file.read_bytes()


def test_the_digest_for_ctp_is_a_number_without_leading_zeros(tmp_path: Path) -> None:
    owed = entries(tmp_path, *(f"1.2.{n}" for n in range(40)))
    with Peer() as peer:
        assert send(https(peer, digest=word("digest")), owed) == [Sent("CTP")] * 40
    seen = [(request.header("Digest"), hashlib.md5(request.body).hexdigest()) for request in peer.requests]
    assert all(int(sent, 16) == int(whole, 16) and not sent.startswith("0") for sent, whole in seen)
    assert any(len(sent) < 32 for sent, _ in seen)


def test_a_log_in_comes_out_of_a_secret_and_may_have_colons(tmp_path: Path) -> None:
    with Peer() as peer:
        assert said(peer, tmp_path, login=word("ctp-login")) == Sent("CTP")
    kind, code = peer.requests[0].header("Authorization").split()
    assert (kind, base64.b64decode(code)) == ("Basic", "sender:secret:with:colons ä".encode())


@pytest.mark.parametrize("name", ["empty", "odd", "nowhere"])
def test_a_secret_that_is_missing_or_no_log_in_keeps_the_image_here(tmp_path: Path, name: str) -> None:
    with Peer() as peer:
        result = said(peer, tmp_path, login=word(name))
        assert isinstance(result, Later)
        assert name in result.reason
        assert "no password" not in result.reason
    assert not peer.connections


# --- what the answers mean


@pytest.mark.parametrize(
    "said_by_peer",
    [
        OK,
        answer(201, b"OK"),
        answer(202, b"OK", Connection="close"),
        b"HTTP/1.0 200 \r\n\r\nOK",
        b"HTTP/1.1 200\r\nContent-Type: text/plain;charset=UTF-8\r\nContent-Length: 2\r\n\r\nOK",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" + OK,
    ],
)
def test_ok_is_delivered(tmp_path: Path, said_by_peer: bytes) -> None:
    with Peer(lambda _: said_by_peer) as peer:
        assert said(peer, tmp_path) == Sent("CTP")


@pytest.mark.parametrize(
    "said_by_peer",
    [
        answer(200, b"OK\n"),
        answer(200, b" OK"),
        answer(200, b"ok"),
        answer(200),
        answer(204),
        answer(200, b"<html>Please log in</html>", Content_Type="text/html"),
        answer(200, b"error: OK"),
        answer(302, b"OK", Location="/elsewhere"),
        *(answer(status) for status in (400, 401, 403, 404, 405, 407, 408, 425, 429, 500, 502, 503, 504, 507, 999)),
    ],
)
def test_every_other_answer_keeps_the_image_for_another_try(tmp_path: Path, said_by_peer: bytes) -> None:
    with Peer(lambda _: said_by_peer) as peer:
        assert isinstance(said(peer, tmp_path), Later)


def test_the_answers_as_ctp_was_seen_to_give_them_mean_what_ctp_means(tmp_path: Path) -> None:
    # No reason phrase, no word of the connection that it closes. 401 is one of ours to mend, and not the image's fault.
    dated = b"HTTP/1.1 %d\r\nDate: Mon, 23 Nov 2026 19:10:45 GMT\r\n"
    plain = b"Content-Type: text/plain;charset=UTF-8\r\nContent-Length: %d\r\n\r\n%s"
    challenge = b'WWW-Authenticate: Basic realm="HttpImportService"\r\n'
    with Peer(lambda _: dated % 200 + plain % (2, b"OK")) as peer:
        assert said(peer, tmp_path) == Sent("CTP")
    for whole, words in (
        (dated % 401 + challenge + plain % (0, b""), "user name and password"),
        (dated % 404 + plain % (0, b""), "cannot take anything now"),
        (b"", "closed the connection without an answer"),
    ):
        with Peer(lambda _, whole=whole: whole) as peer:  # type: ignore[misc]
            result = said(peer, tmp_path)
        assert isinstance(result, Later)
        assert words in result.reason


def test_a_redirection_is_not_followed_for_at_its_end_no_file_arrives(tmp_path: Path) -> None:
    # CTP's own sender follows with a GET, hears OK, and takes its file for delivered.
    with Peer() as elsewhere:
        place = f"http://localhost:{elsewhere.port}/"
        for code in (301, 302, 303, 307, 308):
            with Peer(lambda _, code=code: answer(code, b"OK", Location=place)) as peer:  # type: ignore[misc]
                result = said(peer, tmp_path)
            assert isinstance(result, Later)
            assert "write that one into the rules" in result.reason
    assert not elsewhere.connections


@pytest.mark.parametrize("status", [409, 413, 415, 422])
def test_what_speaks_of_the_image_itself_is_for_good(tmp_path: Path, status: int) -> None:
    with Peer(lambda _: answer(status, b"Sample^Anna")) as peer:
        result = said(peer, tmp_path)
    assert isinstance(result, Never)
    assert str(status) in result.reason
    assert "Anna" not in result.reason


def test_a_peer_of_our_own_kind_proves_what_it_has_made_durable(tmp_path: Path) -> None:
    with Peer(lambda request: answer(200, b"OK", Stellwerk_Durable=request.header("Stellwerk-Digest"))) as peer:
        assert said(peer, tmp_path) == Sent("CTP")
    with Peer(lambda _: answer(200, b"OK", Stellwerk_Durable="sha-256=00")) as peer:
        result = said(peer, tmp_path)
    assert isinstance(result, Later)
    assert "digest" in result.reason


@pytest.mark.parametrize(
    "said_by_peer",
    [
        b"",
        b"\r\n",
        b"220 mail.example ESMTP\r\n",
        b"\x16\x03\x01\x00\x05hello",
        b"HTTP/1.1 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nOK",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nOK!",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nOK\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nOK\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\nOK",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\nOK",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"OK" * 3_000_000,
    ],
)
def test_garbage_and_half_an_answer_are_no_answer(tmp_path: Path, said_by_peer: bytes) -> None:
    with Peer(lambda _: said_by_peer) as peer:
        assert isinstance(said(peer, tmp_path), Later)


def test_an_answer_cut_at_any_byte_is_never_taken_for_a_delivery(tmp_path: Path) -> None:
    whole = b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nOK"
    for cut in range(len(whole)):
        with Peer(lambda _, cut=cut: whole[:cut]) as peer:  # type: ignore[misc]
            assert isinstance(said(peer, tmp_path), Later), whole[:cut]


def test_a_request_cut_at_any_byte_is_tried_again_and_nothing_is_marked_delivered(tmp_path: Path) -> None:
    [entry] = entries(tmp_path)
    with Peer() as peer:
        send(https(peer), [entry])
    length = len(peer.requests[0].head) + 4 + len(peer.requests[0].body)
    for cut in (*range(0, 40), *range(40, length, 53), length - 1):
        with Peer(takes=cut) as peer:
            assert all(isinstance(result, Later) for result in send(https(peer), [entry])), cut
            assert not any(request.whole for request in peer.requests)


def test_an_ok_that_comes_before_all_was_sent_is_none(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * (40 << 20))

    class Hasty(Peer):
        def _read(self, connection, request):  # type: ignore[no-untyped-def]
            request.head, request.whole = connection.recv(1000).decode("latin-1"), True

    with Hasty() as peer:
        site = Site(WebAddress(False, "localhost", peer.port, "/"), ssl.create_default_context, patience=QUICK)
        with pytest.raises(Later):
            site.post("/", {}, [large])
    with Hasty(lambda _: answer(413)) as peer, contextlib.suppress(Later):
        site = Site(WebAddress(False, "localhost", peer.port, "/"), ssl.create_default_context, patience=QUICK)
        assert site.post("/", {}, [large]).status == 413


def test_a_peer_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with Peer(lambda _: time.sleep(3)) as peer:  # type: ignore[arg-type, func-returns-value]
        began = time.monotonic()
        result = said(peer, tmp_path)
    assert isinstance(result, Later)
    assert "no answer" in result.reason
    assert time.monotonic() - began < 2.5


def test_a_peer_that_says_a_letter_now_and_then_is_given_up_too(tmp_path: Path) -> None:
    class Slow(Peer):
        def _talk(self, connection, number):  # type: ignore[no-untyped-def]
            with contextlib.suppress(OSError):
                self._spell(connection)

        def _spell(self, connection):  # type: ignore[no-untyped-def]
            for letter in b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK":
                time.sleep(0.2)
                connection.sendall(bytes([letter]))

    with Slow() as peer:
        began = time.monotonic()
        assert isinstance(said(peer, tmp_path), Later)
    assert time.monotonic() - began < 2.5


def test_a_peer_that_is_away_is_asked_once_and_not_for_every_image(tmp_path: Path) -> None:
    with Peer() as peer:
        pass
    results = send(https(peer), entries(tmp_path, "1.1", "1.2", "1.3", "1.4"))
    assert [type(result) for result in results] == [Unreachable]


def test_a_peer_that_takes_nothing_is_left_alone_after_three(tmp_path: Path) -> None:
    with Peer(lambda _: answer(404)) as peer:
        assert len(send(https(peer), entries(tmp_path, *(f"1.{n}" for n in range(9))))) == 3


def test_a_peer_that_refuses_all_that_it_is_sent_is_not_asked_about_each_of_a_batch(tmp_path: Path) -> None:
    with Peer(lambda _: answer(415)) as peer:
        results = send(https(peer), entries(tmp_path, *(f"1.{n}" for n in range(3 * ALL_REFUSED))))
    assert len(results) == ALL_REFUSED
    assert all(isinstance(result, Never) for result in results)


def test_a_single_image_that_is_not_taken_delays_no_other(tmp_path: Path) -> None:
    with Peer(lambda request: answer(500) if b"1.2.77" in request.body else OK) as peer:
        results = send(https(peer), entries(tmp_path, "1.1", "1.2.77", "1.3", "1.4"))
    assert [type(result) for result in results] == [Sent, Later, Sent, Sent]


# --- connections


def test_the_connection_to_ctp_is_not_used_again(tmp_path: Path) -> None:
    with Peer(keeps=True) as peer:
        assert send(https(peer), entries(tmp_path, "1.1", "1.2")) == [Sent("CTP")] * 2
    assert peer.connections == 2


def test_a_peer_that_keeps_its_connection_gets_everything_over_one(tmp_path: Path) -> None:
    with Peer(lambda _: answer(200, b"OK", Connection="keep-alive"), keeps=True) as peer:
        assert send(https(peer), entries(tmp_path, "1.1", "1.2", "1.3")) == [Sent("CTP")] * 3
    assert peer.connections == 1


def test_a_connection_that_was_dropped_while_idle_is_no_try(tmp_path: Path) -> None:
    with Peer(lambda _: answer(200, b"OK", Connection="keep-alive")) as peer:
        destination = https(peer)
        for uid in ("1.1", "1.2", "1.3"):
            assert send(destination, entries(tmp_path, uid)) == [Sent("CTP")]


def test_one_that_is_dropped_under_the_next_request_is_no_try_either(tmp_path: Path) -> None:
    def moody(request):  # type: ignore[no-untyped-def]
        first = sum(one.connection == request.connection for one in peer.requests) == 1
        return answer(200, b"OK", Connection="keep-alive") if first else None

    with Peer(moody, keeps=True) as peer:
        assert send(https(peer), entries(tmp_path, "1.1", "1.2", "1.3")) == [Sent("CTP")] * 3


# --- TLS


@pytest.fixture
def authority() -> Iterator[trustme.CA]:
    return trustme.CA()


def test_over_tls_the_certificate_must_be_one_that_we_trust(tmp_path: Path, authority: trustme.CA) -> None:
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    with Peer(lambda _: answer(200, b"OK", Connection="keep-alive"), context=theirs, keeps=True) as peer:
        result = said(peer, tmp_path)
        assert isinstance(result, Later)
        assert "certificate" in result.reason
        trusting = https(peer)
        trusting._site._context = lambda: ours
        assert send(trusting, entries(tmp_path, "1.1", "1.2")) == [Sent("CTP")] * 2
    assert not any("Stellwerk" in request.head for request in peer.requests if not request.whole)


def test_tls_where_none_is_spoken_is_said_in_words(tmp_path: Path) -> None:
    class Plain(Peer):
        def _talk(self, connection, number):  # type: ignore[no-untyped-def]
            connection.recv(1000)
            connection.sendall(answer(400))

    with Plain() as peer:
        peer.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)  # it says https, and does not mean it
        result = said(peer, tmp_path)
    assert isinstance(result, Later)
    assert "TLS" in result.reason


def test_both_kinds_say_in_their_lines_that_they_are_built() -> None:
    assert DESTINATIONS["https"].built
    assert DESTINATIONS["http"].built
    assert re.search(r"\[outside\].*\[trusted\]", DESTINATIONS["https"].line)


def test_an_answer_that_ends_with_its_connection_is_read_to_its_end(tmp_path: Path, authority: trustme.CA) -> None:
    """Python closes such a connection as soon as it has read the head, and reads on: our goodbye must wait for that."""
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(theirs)
    file = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(file))
    long = b"so much that it comes in many pieces " * 20_000
    with Peer(lambda _: answer(200, long, Connection="close"), context=theirs) as peer:
        address = WebAddress(True, "localhost", peer.port, "/")
        site = Site(address, lambda: client_context(Trust(authorities=(file,))))
        assert site.get("/", {}).body == long
