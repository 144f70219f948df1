"""What RSNA CTP and its FileSender were seen to send, byte by byte, sent again to a web port of ours.

Only the objects are made up, the lengths and sums with them. Each answer must be the one after which CTP does right.
"""

import base64
import hashlib
import io
import socket
import ssl
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from tests.data.make import instance
from tests.engine.sources.web import Listen, Shelf, chunked, is_ok, post, raw, rest, status, wait

JAVA_17 = b"Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\n"
JAVA_8 = b"Accept: text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2\r\nConnection: keep-alive\r\n"
OVER_TLS = b"Cache-Control: no-cache\r\nPragma: no-cache\r\n"
LOGIN = b"Authorization: Basic c2VuZGVyOnNlY3JldA==\r\nRSNA: sender:secret\r\n"


def exporter(body: bytes, between: bytes = b"", *, accept: bytes = JAVA_17, java: bytes = b"17.0.15") -> bytes:
    """As the HttpExportService writes; `between`: what stands in front of User-Agent."""
    return (
        b"POST / HTTP/1.1\r\nContent-Type: application/x-mirc\r\n%sUser-Agent: Java/%s\r\nHost: 127.0.0.1:26191\r\n"
        b"%sContent-Length: %d\r\n\r\n%s" % (between, java, accept, len(body), body)
    )


def in_chunks(request: bytes, body: bytes) -> bytes:
    """The same request above CTP's `maxUnchunked`: chunks of 4089 bytes, as Java makes them."""
    head = request.removesuffix(body).replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    assert len(body) > 4089, "one chunk proves nothing"
    return head + chunked(body)


def sender(body: bytes, between: bytes = b"", *, name: bytes = b"CT_small.dcm", kind: bytes = b"") -> bytes:
    """As FileSender writes; `kind`: with its box "Force MIRC Content-Type" taken away."""
    return (
        b'POST / HTTP/1.1\r\nContent-Type: %s\r\nContent-Disposition: attachment; filename="%s"\r\n%s'
        b"User-Agent: Java/17.0.15\r\nHost: 127.0.0.1:26190\r\n%sContent-Length: %d\r\n\r\n%s"
        % (kind or b"application/x-mirc-dicom", name, between, JAVA_17, len(body), body)
    )


def ctps_sum(body: bytes) -> bytes:
    """The MD5 as Java's BigInteger writes it."""
    return b"%x" % int.from_bytes(hashlib.md5(body, usedforsecurity=False).digest())


def in_a_zip(body: bytes) -> bytes:
    """As `zip="yes"` sends: one member, called like the file in its queue."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("QF-3141592653589.dcm", body)
    return file.getvalue()


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    small = instance(tmp_path, name="image.dcm").read_bytes()
    # So much more (Data Set Trailing Padding) that it goes in several chunks.
    return small + b"\xfc\xff\xfc\xffOB\0\0" + (9000).to_bytes(4, "little") + bytes(9000)


EXCHANGES: dict[str, Callable[[bytes], bytes]] = {
    "exporter": exporter,
    "exporter of Java 8": lambda body: exporter(body, accept=JAVA_8, java=b"1.8.0_392"),
    "exporter with a log-in": lambda body: exporter(body, LOGIN),
    "exporter with a digest": lambda body: exporter(body, b"Digest: " + ctps_sum(body) + b"\r\n"),
    "exporter with both": lambda body: exporter(body, LOGIN + b"Digest: " + ctps_sum(body) + b"\r\n"),
    "exporter with a session of XNAT": lambda body: exporter(body, b"Cookie: JSESSIONID=8D1F6A0C\r\n"),
    "exporter over https": lambda body: exporter(body, OVER_TLS),
    "exporter of a large file": lambda body: in_chunks(exporter(body), body),
    "exporter of a large file with everything": lambda body: in_chunks(
        exporter(body, LOGIN + b"Digest: " + ctps_sum(body) + b"\r\n" + OVER_TLS), body
    ),
    "exporter of a ZIP": lambda body: exporter(in_a_zip(body)),
    "exporter of a ZIP with a log-in": lambda body: exporter(in_a_zip(body), LOGIN),
    "FileSender": sender,
    "FileSender over https": lambda body: sender(body, OVER_TLS),
    "FileSender with a log-in in its address": lambda body: sender(body, LOGIN.partition(b"RSNA")[0]),
    "FileSender of a large file": lambda body: in_chunks(sender(body), body),
    "FileSender, type not forced": lambda body: sender(body, kind=b"application/dicom"),
    "FileSender of a ZIP, type not forced": lambda body: sender(
        in_a_zip(body), name=b"export.zip", kind=b"application/x-zip-compressed"
    ),
    "FileSender of a name in Latin-1": lambda body: sender(body, name="Röntgen.dcm".encode("latin-1")),
}


@pytest.mark.parametrize("exchange", EXCHANGES)
@pytest.mark.parametrize("asks", [False, True])
def test_what_was_sent_to_ctp_is_taken_here(
    listen: Listen, shelf: Shelf, image: bytes, exchange: str, asks: bool
) -> None:
    request = EXCHANGES[exchange](image)
    known = (lambda user, password, _: (user, password) == ("sender", "secret")) if asks else None
    said = raw(listen(identify=known).port, request)
    if asks and b"Authorization" not in request:
        assert status(said) == 401
        assert not shelf.uploads
    else:
        assert is_ok(said)
        assert shelf.bytes() == [image]
    assert shelf.is_tidy()


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_what_was_cut_off_on_its_way_is_not_taken(listen: Listen, shelf: Shelf, image: bytes, exchange: str) -> None:
    # CTP takes it, and says OK: that is how half an image comes into an archive.
    port, request = listen().port, EXCHANGES[exchange](image)
    for missing in (1, 6, len(request) // 2):
        assert raw(port, request[:-missing], shut=True) == b""
    wait(shelf.is_tidy)
    assert not shelf.uploads


def test_java_repeats_a_post_by_itself_and_both_are_taken(listen: Listen, shelf: Shelf, image: bytes) -> None:
    port = listen().port
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(exporter(image))
        assert is_ok(rest(line))
        line.sendall(exporter(image)[:-9])
    assert is_ok(raw(port, exporter(image)))
    assert shelf.bytes() == [image] * 2


def test_an_answer_leaves_the_connection_usable_as_java_believes_it_is(
    listen: Listen, shelf: Shelf, image: bytes
) -> None:
    with socket.create_connection(("127.0.0.1", listen().port), timeout=10) as line:
        for request in (sender(image), in_chunks(exporter(image), image), exporter(image)):
            line.sendall(request)
            answer = line.recv(1000)
            assert is_ok(answer)
            assert b"connection: close" not in answer.lower()
    assert shelf.bytes() == [image] * 3


@pytest.mark.parametrize("request_line", ["POST", "GET"])
def test_an_answer_never_says_error(listen: Listen, image: bytes, request_line: str) -> None:
    # FileSender takes any answer below 400 for success that has no "error" in it, and with it deletes its file.
    said = raw(listen().port, exporter(image).replace(b"POST", request_line.encode(), 1))
    assert (status(said) < 400) == (request_line == "POST")
    assert b"error" not in said.lower()


@pytest.mark.parametrize("length", [2147483647, 2147483648, 4294967297])
def test_more_than_java_can_count_is_waited_for(listen: Listen, shelf: Shelf, length: int) -> None:
    # CTP's own receiver answers 404 to more than 2147483647, so that such a file stays at its sender for ever.
    port = listen(shelf.house(largest=1 << 40)).port
    head = post(b"", f"Content-Length: {length}", "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line:
        line.sendall(head)
        assert line.recv(100).startswith(b"HTTP/1.1 100")


@pytest.mark.parametrize(
    ("name", "kind"), [("report.xml", "text/xml"), ("note.txt", "text/plain"), ("image", "application/default")]
)
def test_a_file_whose_type_is_not_forced_stays_at_file_sender_as_with_ctp(
    listen: Listen, shelf: Shelf, image: bytes, name: str, kind: str
) -> None:
    assert status(raw(listen().port, sender(image, name=name.encode(), kind=kind.encode()))) == 404
    assert not shelf.uploads
    assert shelf.is_tidy()


@pytest.mark.parametrize("encoded", ["sender:", ":secret", "sender", "", "send\xe9r:secret"])
def test_whoever_is_not_known_hears_401_and_never_403(listen: Listen, image: bytes, encoded: str) -> None:
    basic = f"Authorization: Basic {base64.b64encode(encoded.encode('latin-1')).decode()}\r\n".encode()
    port = listen(identify=lambda user, password, _: (user, password) == ("sender", "secret")).port
    said = raw(port, exporter(image, basic))
    assert status(said) == 401
    assert b"www-authenticate: basic" in said.lower()


def test_over_tls_as_java_8_speaks_it_large_files_come_whole(listen: Listen, shelf: Shelf, image: bytes) -> None:
    authority = trustme.CA()
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(ours)
    theirs = ssl.create_default_context()
    theirs.check_hostname, theirs.verify_mode = False, ssl.CERT_NONE  # CTP trusts whoever answers
    theirs.maximum_version = ssl.TLSVersion.TLSv1_2
    port = listen(context=lambda: ours).port
    for request in (exporter(image, OVER_TLS), in_chunks(sender(image, OVER_TLS), image)):
        assert is_ok(raw(port, request, tls=theirs))
    assert shelf.bytes() == [image] * 2
