"""The wire of RSNA CTP and its FileSender, byte by byte as they write it, and each answer as it makes them do right."""

import base64
import hashlib
import io
import itertools
import socket
import zipfile
from ipaddress import ip_network
from pathlib import Path

import pytest

from engine.sources.zips import Limits
from tests.data.make import instance
from tests.engine.sources.web import LATER, SENDER, Listen, Shelf, chunked, is_ok, post, raw, rest, status, wait

EXPORTER = (
    b"POST / HTTP/1.1\r\nContent-Type: application/x-mirc\r\n%sUser-Agent: Java/17.0.15\r\nHost: 127.0.0.1:26191\r\n"
    b"Accept: text/html, image/gif, image/jpeg, */*; q=0.2\r\nConnection: keep-alive\r\nContent-Length: %d\r\n\r\n%s"
)
"""As CTP's HttpExportService writes."""


@pytest.fixture
def image(tmp_path: Path) -> bytes:
    return instance(tmp_path, name="image.dcm").read_bytes()


def packed(*members: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return file.getvalue()


# --- what is taken


def test_ctp_hears_ok_once_its_file_is_taken(listen: Listen, shelf: Shelf, image: bytes) -> None:
    assert is_ok(raw(listen().port, EXPORTER % (b"", len(image), image)))
    assert shelf.bytes() == [image]
    assert (shelf.uploads[0].address, shelf.uploads[0].flaw) == ("127.0.0.1", "")
    assert shelf.is_tidy()


@pytest.mark.parametrize("name", [b"CT_small.dcm", b"M\xfcller.dcm", "Müller.dcm".encode(), b"../../etc/passwd", b""])
def test_file_sender_hears_ok_whatever_its_file_is_called(
    listen: Listen, shelf: Shelf, image: bytes, name: bytes
) -> None:
    assert is_ok(raw(listen().port, SENDER % (name, len(image), image)))
    assert shelf.bytes() == [image]
    assert "/" not in shelf.uploads[0].name


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-mirc",
        "application/x-mirc-dicom",
        "APPLICATION/X-MIRC",
        "application/x-mirc; charset=UTF-8",
        "application/dicom",
        "Application/DICOM",
        "application/octet-stream",
        None,
    ],
)
def test_every_content_type_that_a_dicom_sender_writes_is_taken(
    listen: Listen, shelf: Shelf, image: bytes, kind: str | None
) -> None:
    assert is_ok(raw(listen().port, post(image, kind=kind)))
    assert shelf.bytes() == [image]


@pytest.mark.parametrize("path", ["/", "/import", "/a/b?c=d", "//", "/%2e%2e/x", "/studies"])
def test_the_path_does_not_matter(listen: Listen, shelf: Shelf, image: bytes, path: str) -> None:
    assert is_ok(raw(listen().port, post(image, path=path)))
    assert shelf.bytes() == [image]


@pytest.mark.parametrize("word", ["chunked", "Chunked", "CHUNKED"])
def test_chunks_are_taken_in_any_capitals(listen: Listen, shelf: Shelf, image: bytes, word: str) -> None:
    assert is_ok(raw(listen().port, post(b"", f"Transfer-Encoding: {word}") + chunked(image, 99)))
    assert shelf.bytes() == [image]


def test_lines_may_end_without_a_carriage_return(listen: Listen, image: bytes) -> None:
    head = f"POST / HTTP/1.1\nContent-Type: application/x-mirc\nHost: x\nContent-Length: {len(image)}\n\n"
    assert is_ok(raw(listen().port, head.encode() + image))


@pytest.mark.parametrize("more", ["", "Connection: keep-alive\r\n"])
def test_http_1_0_is_spoken(listen: Listen, image: bytes, more: str) -> None:
    head = f"POST / HTTP/1.0\r\nContent-Type: application/x-mirc\r\n{more}Content-Length: {len(image)}\r\n\r\n"
    assert is_ok(raw(listen().port, head.encode() + image))


def test_who_waits_for_100_continue_gets_it(listen: Listen, image: bytes) -> None:
    whole = post(image, "Expect: 100-continue")
    with socket.create_connection(("127.0.0.1", listen().port), timeout=10) as line:
        line.sendall(whole[: -len(image)])
        assert line.recv(100).startswith(b"HTTP/1.1 100")
        line.sendall(image)
        assert is_ok(rest(line))


def test_a_connection_is_kept_and_carries_many(listen: Listen, shelf: Shelf, image: bytes) -> None:
    with socket.create_connection(("127.0.0.1", listen().port), timeout=10) as line:
        for _ in range(20):
            line.sendall(EXPORTER % (b"", len(image), image))
            assert is_ok(line.recv(1000))
    assert shelf.bytes() == [image] * 20


def test_a_second_request_that_comes_at_once_is_answered_too(listen: Listen, shelf: Shelf, image: bytes) -> None:
    answers = raw(listen().port, post(image) + post(image))
    assert answers.count(b"HTTP/1.1 200") == 2
    assert shelf.bytes() == [image] * 2


def test_connection_close_is_honoured(listen: Listen, image: bytes) -> None:
    with socket.create_connection(("127.0.0.1", listen().port), timeout=10) as line:
        line.sendall(post(image, "Connection: close"))
        got = b""
        while piece := line.recv(1000):
            got += piece
    assert is_ok(got)
    assert b"connection: close" in got.lower()


# --- ZIPs


def test_a_zip_is_unpacked_and_each_member_taken(listen: Listen, shelf: Shelf, image: bytes) -> None:
    body = packed(("a/1.dcm", image), ("../../2", image), ("a/.DS_Store", b"x"), ("C:\\3.dcm", image))
    for kind in ("application/x-mirc", "application/zip", "application/x-zip-compressed", None):
        shelf.uploads.clear()
        assert is_ok(raw(listen().port, post(body, kind=kind)))
        assert shelf.bytes() == [image] * 3
        assert shelf.is_tidy()


def test_what_is_no_image_in_a_zip_is_held_beside_the_images(listen: Listen, shelf: Shelf, image: bytes) -> None:
    assert is_ok(raw(listen().port, post(packed(("1.dcm", image), ("report.pdf", b"%PDF-1.4")))))
    found = sorted((one.name, one.flaw) for one in shelf.uploads)
    assert found == [("1.dcm", ""), ("report.pdf", "this is no DICOM file")]


def test_of_a_zip_that_can_not_all_be_kept_nothing_is_acknowledged(listen: Listen, shelf: Shelf, image: bytes) -> None:
    port, accept = listen().port, shelf.accept
    count = itertools.count()

    def accept_two(upload: object) -> None:
        if next(count) == 2:
            raise LATER
        accept(upload)  # type: ignore[arg-type]

    house = shelf.house()
    port = listen(type(house)(accept_two, shelf.new_file, largest=house.largest)).port
    body = packed(*((f"{number}.dcm", image) for number in range(3)))
    assert status(raw(port, post(body))) == 404
    assert shelf.is_tidy()
    assert is_ok(raw(port, post(body)))
    assert len(shelf.uploads) == 5  # two of them twice: the spool knows what came before


def test_a_bomb_is_held_and_not_unpacked(listen: Listen, shelf: Shelf) -> None:
    limits = Limits(members=10, total=1 << 30, ratio=10, free_of_ratio=1 << 20)
    port = listen(shelf.house(limits=limits)).port
    assert is_ok(raw(port, post(packed(("bomb.dcm", bytes(32 << 20))))))
    assert is_ok(raw(port, post(packed(*((f"{number}", b"x") for number in range(11))))))
    assert [one.flaw for one in shelf.uploads] == [
        "this ZIP would unpack to more than 10 times its size",
        "this ZIP has more than 10 files",
    ]
    assert shelf.is_tidy()


# --- what is whole, and nothing to ask rules about: CTP would delete it, so it is taken and held


@pytest.mark.parametrize(
    ("body", "flaw"),
    [
        (b"<xml>a report</xml>", "this is no DICOM file"),
        (b"PK\x03\x04 and no end", "this ZIP is not complete, or damaged"),
        (packed(("inner.zip", packed(("1", b"x")))), "this is a ZIP inside a ZIP"),
        (bytes(5000), "this file ends in the middle"),
    ],
)
def test_what_is_no_image_is_taken_and_held(listen: Listen, shelf: Shelf, body: bytes, flaw: str) -> None:
    assert is_ok(raw(listen().port, SENDER % (b"report.xml", len(body), body)))
    assert [one.flaw.startswith(flaw) for one in shelf.uploads] == [True]
    assert shelf.is_tidy()


def test_an_image_that_was_cut_off_at_its_sender_is_held(listen: Listen, shelf: Shelf, image: bytes) -> None:
    assert is_ok(raw(listen().port, post(image[:-9])))
    assert shelf.uploads[0].flaw.startswith("this file ends in the middle")


# --- what is not taken, and stays with its sender: 404, or no answer


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "OPTIONS", "DELETE"])
def test_only_post_is_answered(listen: Listen, shelf: Shelf, image: bytes, method: str) -> None:
    assert status(raw(listen().port, post(image).replace(b"POST", method.encode(), 1))) == 404
    assert not shelf.uploads


@pytest.mark.parametrize("kind", ["text/plain", "application/default", "text/xml", "application/x-www-form-urlencoded"])
def test_other_content_types_are_not_for_us(listen: Listen, shelf: Shelf, image: bytes, kind: str) -> None:
    assert status(raw(listen().port, post(image, kind=kind))) == 404
    assert not shelf.uploads
    assert shelf.is_tidy()


@pytest.mark.parametrize("kind", [None, "application/octet-stream"])
def test_without_a_content_type_only_images_are_taken(listen: Listen, shelf: Shelf, kind: str | None) -> None:
    assert status(raw(listen().port, post(b"just anything", kind=kind))) == 404
    assert not shelf.uploads
    assert shelf.is_tidy()


def test_an_empty_body_is_nothing(listen: Listen, shelf: Shelf) -> None:
    port = listen().port
    assert status(raw(port, post(b""))) == 404
    assert status(raw(port, b"POST / HTTP/1.1\r\nContent-Type: application/x-mirc\r\nHost: x\r\n\r\n")) == 404
    assert status(raw(port, post(b"", "Transfer-Encoding: chunked") + b"0\r\n\r\n")) == 404
    assert not shelf.uploads
    assert shelf.is_tidy()


def test_a_packed_body_is_not_taken_as_it_is(listen: Listen, image: bytes) -> None:
    assert status(raw(listen().port, post(image, "Content-Encoding: gzip"))) == 404


@pytest.mark.parametrize("cut", [1, 100, 5])
def test_a_body_that_ends_too_early_is_not_taken(listen: Listen, shelf: Shelf, image: bytes, cut: int) -> None:
    port = listen().port
    assert raw(port, post(image)[:-cut], shut=True) == b""
    whole = post(b"", "Transfer-Encoding: chunked") + chunked(image, 99)
    assert raw(port, whole[:-cut], shut=True) == b""
    assert raw(port, whole[: -len(b"0\r\n\r\n")], shut=True) == b""
    wait(shelf.is_tidy)
    assert not shelf.uploads


def test_without_room_ctp_keeps_its_file(listen: Listen, shelf: Shelf, image: bytes) -> None:
    shelf.full = "only 3 MB of disk are free"
    port = listen().port
    assert status(raw(port, post(image))) == 404
    shelf.full = None
    shelf.broken = LATER
    assert status(raw(port, post(image))) == 404
    shelf.broken = OSError(28, "No space left on device")
    assert status(raw(port, post(image))) == 404
    shelf.broken = RuntimeError("a fault of ours")
    assert status(raw(port, post(image))) == 404
    assert shelf.is_tidy()
    shelf.broken = None
    assert is_ok(raw(port, post(image)))


def test_who_asks_first_hears_at_once_that_there_is_no_room(listen: Listen, shelf: Shelf) -> None:
    shelf.full = "only 3 MB of disk are free"
    head = post(b"", "Content-Length: 4000000000", "Expect: 100-continue")
    assert status(raw(listen().port, head)) == 404


def test_a_disk_that_fills_up_during_a_body_is_no_reason_to_delete(listen: Listen, shelf: Shelf) -> None:
    told: list[int] = []
    house = shelf.house()

    def room(_: int) -> str | None:
        told.append(1)
        return "full" if len(told) > 1 else None

    port = listen(type(house)(house.accept, house.new_file, room, house.limits, house.largest)).port
    assert status(raw(port, post(bytes(70 << 20)), seconds=60)) in (404, 0)
    assert len(told) > 1
    assert not shelf.uploads
    wait(shelf.is_tidy)


@pytest.mark.parametrize("declared", ["10737418240", "99999999999999999999999999"])
def test_more_than_the_largest_object_is_refused_before_it_comes(listen: Listen, shelf: Shelf, declared: str) -> None:
    port = listen(shelf.house(largest=1 << 20)).port
    assert status(raw(port, post(b"", f"Content-Length: {declared}"))) == 404
    assert shelf.is_tidy()


def test_chunks_beyond_the_largest_object_are_refused(listen: Listen, shelf: Shelf) -> None:
    port = listen(shelf.house(largest=1 << 20)).port
    assert status(raw(port, post(b"", "Transfer-Encoding: chunked") + chunked(bytes(3 << 20), 4089))) == 404
    wait(shelf.is_tidy)
    assert not shelf.uploads


# --- Digest


def _with_leading_zero(image: bytes) -> tuple[bytes, str]:
    """A body whose MD5 begins with 0, as one in sixteen does, and the sum as CTP writes it."""
    for number in itertools.count():
        body = image + b"\xfc\xff\xfc\xffOB\0\0" + (10).to_bytes(4, "little") + b"%010d" % number
        sum_ = hashlib.md5(body, usedforsecurity=False).hexdigest()
        if sum_.startswith("0"):
            return body, sum_.lstrip("0")
    raise AssertionError


def test_ctps_digest_is_compared_as_a_number(listen: Listen, image: bytes) -> None:
    body, short = _with_leading_zero(image)
    port = listen().port
    for digest in (short, short.upper(), hashlib.md5(body, usedforsecurity=False).hexdigest()):
        assert is_ok(raw(port, post(body, f"Digest: {digest}")))


def test_the_digest_of_rfc_3230_is_understood(listen: Listen, image: bytes) -> None:
    right = base64.b64encode(hashlib.md5(image, usedforsecurity=False).digest()).decode()
    wrong = base64.b64encode(bytes(16)).decode()
    port = listen().port
    assert is_ok(raw(port, post(image, f"Digest: SHA-256=whatever,MD5={right}")))
    assert is_ok(raw(port, post(image, "Digest: SHA-256=whatever")))
    assert status(raw(port, post(image, f"Digest: MD5={wrong}"))) == 404
    assert status(raw(port, post(image, "Digest: MD5=?"))) == 404


def test_a_body_that_is_not_what_its_digest_says_is_sent_again(listen: Listen, shelf: Shelf, image: bytes) -> None:
    port = listen().port
    assert status(raw(port, post(image, "Digest: 44cc71b3934020102e962004df8d7b01"))) == 404
    assert not shelf.uploads
    assert shelf.is_tidy()


def test_another_stellwerk_hears_that_the_object_is_durable(listen: Listen, shelf: Shelf, image: bytes) -> None:
    port, digest = listen().port, hashlib.sha256(image).hexdigest()
    answer = raw(port, post(image, f"Stellwerk-Digest: sha-256={digest}"))
    assert is_ok(answer)
    assert f"stellwerk-durable: sha-256={digest}\r\n".encode() in answer.lower()
    assert b"durable" not in raw(port, post(image)).lower()
    assert status(raw(port, post(image, f"Stellwerk-Digest: sha-256={'0' * 64}"))) == 404
    assert status(raw(port, post(image, "Stellwerk-Digest: crc32=1"))) == 404
    assert len(shelf.uploads) == 2


# --- who may send


def test_a_password_is_taken_both_ways_that_ctp_sends_it(listen: Listen, shelf: Shelf, image: bytes) -> None:
    asked: list[tuple[str, str, str]] = []

    def identify(user: str, password: str, address: str) -> bool:
        asked.append((user, password, address))
        return (user, password) == ("sender", "secret")

    port = listen(identify=identify).port
    basic = f"Authorization: Basic {base64.b64encode(b'sender:secret').decode()}"
    assert is_ok(raw(port, post(image, basic, "RSNA: sender:secret")))
    assert is_ok(raw(port, post(image, "RSNA: sender:secret")))
    assert is_ok(raw(port, post(image, basic)))
    assert [one.user for one in shelf.uploads] == ["sender"] * 3
    assert asked == [("sender", "secret", "127.0.0.1")]  # it is remembered for a minute: to check one is slow


def test_without_the_right_password_the_answer_is_401_with_a_challenge(
    listen: Listen, shelf: Shelf, image: bytes
) -> None:
    port = listen(identify=lambda _user, password, _: password == "secret").port
    wrong = base64.b64encode(b"sender:wrong").decode()
    for lines in ((), (f"Authorization: Basic {wrong}",), ("RSNA: sender:wrong",), ("Authorization: Bearer x",)):
        answer = raw(port, post(image, *lines))
        assert status(answer) == 401
        assert b'www-authenticate: basic realm="' in answer.lower()
    assert not shelf.uploads
    assert shelf.is_tidy()


def test_after_many_wrong_passwords_no_exporter_is_stopped_for_good(listen: Listen, image: bytes) -> None:
    # A 401 ends CTP's exporter until somebody restarts it; that another one of its address has guessed is no reason.
    port = listen(identify=lambda *_: None).port
    assert status(raw(port, post(image, "RSNA: sender:secret"))) == 404


def test_from_other_networks_nobody_is_answered(listen: Listen, image: bytes) -> None:
    port = listen(networks=(ip_network("10.0.0.0/8"),)).port
    assert raw(port, post(image)) == b""
