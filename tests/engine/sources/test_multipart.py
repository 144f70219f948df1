"""A multipart/related body, taken apart whatever the pieces are that it comes in."""

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sources.multipart import Malformed, Parts, media_type


def parts(body: bytes, boundary: str = "b", size: int = 1) -> tuple[list[tuple[dict[str, str], bytes]], bool]:
    """The parts, the body coming in pieces of that size; and whether its end has come."""
    found: list[tuple[dict[str, str], bytearray]] = []
    ended: list[int] = []

    def begin(fields: Mapping[str, str]) -> None:
        found.append((dict(fields), bytearray()))

    parser = Parts(boundary, begin, lambda data: found[-1][1].extend(data), lambda: ended.append(len(found)))
    for at in range(0, len(body), size):
        parser.feed(body[at : at + size])
    assert ended == list(range(1, len(found) + 1)) or not parser.is_complete
    return [(fields, bytes(data)) for fields, data in found], parser.is_complete


@given(
    st.lists(st.binary(max_size=60).map(lambda data: data.replace(b"\r\n--b", b"\r\n--c")), max_size=4),
    st.integers(1, 80),
)
def test_what_was_put_together_is_taken_apart(datas: list[bytes], size: int) -> None:
    body = b"".join(b"--b\r\nContent-Type: application/dicom\r\n\r\n" + data + b"\r\n" for data in datas) + b"--b--\r\n"
    found, complete = parts(body, size=size)
    assert [data for _, data in found] == datas
    assert all(fields == {"content-type": "application/dicom"} for fields, _ in found)
    assert complete


@pytest.mark.parametrize("size", [1, 7, 1000])
@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"preamble\r\n--b\r\n\r\nx\r\n--b--epilogue", [b"x"]),
        (b"--b  \t\r\n\r\nx\r\n--b--", [b"x"]),
        (b"\r\n--b\r\nA: 1\r\nB: 2\r\n\r\n\r\n\r\n--b--", [b"\r\n"]),
        (b"--b\r\n\r\nx\r\n--bc\r\n--b--", [b"x\r\n--bc"]),
        (b"--b\r\n\r\nx\r\n--b-y\r\n--b--", [b"x\r\n--b-y"]),
    ],
)
def test_what_the_standard_allows_is_understood(body: bytes, expected: list[bytes], size: int) -> None:
    found, complete = parts(body, size=size)
    assert [data for _, data in found] == expected
    assert complete


@pytest.mark.parametrize("body", [b"", b"--b", b"--b\r\n\r\nx", b"--b\r\n\r\nx\r\n--b", b"--b\r\n\r\nx\r\n--b\r\n"])
def test_a_body_without_its_last_delimiter_is_not_complete(body: bytes) -> None:
    assert not parts(body)[1]


@pytest.mark.parametrize(
    "body",
    [
        b"x" * 70_000,
        b"--b\r\nno header\r\n\r\n",
        b"--b\r\nA: 1\r\n folded\r\n\r\n",
        b"--b\r\nA: 1\r\nA: 2\r\n\r\n",
        b"--b\r\n" + b"A: " + b"x" * 20_000,
        b"--b" + b" " * 2000,
    ],
)
def test_what_is_no_multipart_body_is_said_to_be_none(body: bytes) -> None:
    with pytest.raises(Malformed):
        parts(body, size=4096)


@pytest.mark.parametrize("boundary", ["", "x" * 71, "a\nb", "é"])
def test_a_boundary_must_be_one(boundary: str) -> None:
    with pytest.raises(Malformed):
        parts(b"", boundary)


def test_a_content_type_is_read_with_its_parameters() -> None:
    kind, parameters = media_type('Multipart/Related; type="application/dicom"; BOUNDARY=a-b ; start="<a\\"b>"')
    assert kind == "multipart/related"
    assert parameters == {"type": "application/dicom", "boundary": "a-b", "start": '<a"b>'}
    assert media_type("") == ("", {})


def test_memory_does_not_grow_with_a_part() -> None:
    most = 0
    parser = Parts("b", lambda _: None, lambda _: None, lambda: None)
    parser.feed(b"--b\r\n\r\n")
    for _ in range(100):
        parser.feed(bytes(100_000))
        most = max(most, len(parser._rest))
    assert most < 100
