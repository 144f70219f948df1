"""STOW-RS (PS3.18 10.5): what a DICOMweb client sends is taken, and it hears of each object what became of it."""

import json
from pathlib import Path

import pytest
from dicomweb_client.api import DICOMwebClient
from pydicom import dcmread
from requests.exceptions import HTTPError

from engine.errors import Later
from engine.sources import posted, stow
from tests.data.make import instance
from tests.engine.sources.web import LATER, Listen, Shelf, post, raw, status

KIND = 'multipart/related; type="application/dicom"; boundary=b'


def body(*parts: bytes, kind: bytes = b"application/dicom") -> bytes:
    return b"".join(b"--b\r\nContent-Type: %s\r\n\r\n%s\r\n" % (kind, part) for part in parts) + b"--b--\r\n"


def store(
    port: int, data: bytes, path: str = "/studies", kind: str = KIND, *lines: str
) -> tuple[int, dict[str, object]]:
    answer = raw(port, post(data, *lines, path=path, kind=kind))
    said = answer.partition(b"\r\n\r\n")[2]
    return status(answer), json.loads(said) if b"application/dicom+json" in answer else {}


def uids(answer: dict[str, object], tag: str) -> list[str]:
    sequence = answer.get(tag, {"Value": []})
    assert isinstance(sequence, dict)
    return [item["00081155"]["Value"][0] for item in sequence["Value"]]


def reasons(answer: dict[str, object], tag: str = "00081198") -> list[int]:
    sequence = answer.get(tag, {"Value": []})
    assert isinstance(sequence, dict)
    return [item["00081197"]["Value"][0] for item in sequence["Value"]]


@pytest.fixture
def images(tmp_path: Path) -> list[bytes]:
    made = [
        instance(tmp_path, name=f"{n}.dcm", SOPInstanceUID=f"1.2.3.{n}", StudyInstanceUID="1.2.3") for n in (1, 2, 3)
    ]
    return [path.read_bytes() for path in made]


@pytest.mark.usefixtures("images")
def test_a_real_client_stores_and_is_told(listen: Listen, shelf: Shelf, tmp_path: Path) -> None:
    client = DICOMwebClient(f"http://127.0.0.1:{listen().port}/dicom-web")
    answer = client.store_instances([dcmread(tmp_path / f"{n}.dcm") for n in (1, 2, 3)])
    assert [item.ReferencedSOPInstanceUID for item in answer.ReferencedSOPSequence] == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert [dcmread(shelf.taken / f"{n}.dcm").SOPInstanceUID for n in range(3)] == ["1.2.3.1", "1.2.3.2", "1.2.3.3"]
    assert "FailedSOPSequence" not in answer
    assert shelf.is_tidy()


@pytest.mark.usefixtures("images")
def test_a_real_client_that_names_the_study_is_told_of_another(listen: Listen, shelf: Shelf, tmp_path: Path) -> None:
    client = DICOMwebClient(f"http://127.0.0.1:{listen().port}")
    client.store_instances([dcmread(tmp_path / "1.dcm")], study_instance_uid="1.2.3")
    assert len(shelf.uploads) == 1
    with pytest.raises(HTTPError, match="409"):
        client.store_instances([dcmread(tmp_path / "2.dcm")], study_instance_uid="9.9.9")
    assert len(shelf.uploads) == 1


def test_one_part_does_not_fill_the_disk(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posted, "LOOK_EVERY", 1000)
    taken = stow.Stow(shelf.house(), "b", "", "", "10.0.0.1")
    taken.write(b"--b\r\nContent-Type: application/dicom\r\n\r\n")
    taken.write(bytes(600))
    shelf.full = "only 3 MB of disk are free"
    taken.write(bytes(300))
    with pytest.raises(Later):
        taken.write(bytes(600))
    taken.discard()
    assert shelf.is_tidy()


def test_all_taken_is_200(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    code, answer = store(listen().port, body(*images))
    assert (code, uids(answer, "00081199")) == (200, ["1.2.3.1", "1.2.3.2", "1.2.3.3"])
    assert shelf.bytes() == images
    assert answer["00081190"] == {"vr": "UR"}


def test_some_taken_is_202_and_says_why_of_the_others(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    code, answer = store(listen().port, body(images[0], images[1][:-5], b"no image"))
    assert (code, uids(answer, "00081199"), uids(answer, "00081198")) == (202, ["1.2.3.1"], ["1.2.3.2"])
    assert reasons(answer) == [0xC000]
    assert reasons(answer, "0008119A") == [0xC000]
    assert shelf.is_tidy()


def test_none_taken_is_409(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    code, answer = store(listen().port, body(images[0]), "/studies/4.5.6")
    assert (code, reasons(answer)) == (409, [0xA900])
    assert not shelf.uploads
    assert shelf.is_tidy()


def test_without_room_it_is_503_and_the_client_may_try_again(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    port = listen().port
    shelf.full = "full"
    assert store(port, body(*images))[0] == 503
    shelf.full, shelf.broken = None, LATER
    code, answer = store(port, body(*images))
    assert (code, reasons(answer)) == (503, [0xA700] * 3)
    shelf.broken = OSError(5, "Input/output error")
    assert store(port, body(*images))[0] == 503
    assert shelf.is_tidy()
    assert not shelf.uploads


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ('multipart/related; type="application/dicom+json"; boundary=b', 415),
        ("multipart/mixed; boundary=b", 415),
        ('multipart/related; type="application/dicom"', 400),
        (f'multipart/related; type="application/dicom"; boundary={"b" * 71}', 400),
        ('MULTIPART/related; boundary="b"; type=application/dicom', 200),
    ],
)
def test_the_content_type_must_be_that_of_the_transaction(
    listen: Listen, shelf: Shelf, images: list[bytes], kind: str, expected: int
) -> None:
    assert store(listen().port, body(images[0]), kind=kind)[0] == expected
    assert len(shelf.uploads) == (expected == 200)
    assert shelf.is_tidy()


@pytest.mark.parametrize("bad", [b"", b"--b--", b"nothing", b"--b\r\n\r\nx", b"--b\r\nno header\r\n\r\nx\r\n--b--"])
def test_a_body_without_parts_or_end_is_400(listen: Listen, shelf: Shelf, bad: bytes) -> None:
    assert store(listen().port, bad or b" ")[0] == 400
    assert not shelf.uploads
    assert shelf.is_tidy()


def test_parts_of_another_kind_are_415(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    assert store(listen().port, body(images[0], kind=b"application/json"))[0] == 415
    assert shelf.is_tidy()


def test_elsewhere_there_is_no_store_transaction(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    port = listen().port
    for path in ("/", "/instances", "/studies/1.2.3/series"):
        assert store(port, body(images[0]), path)[0] == 404
    assert status(raw(port, b"GET /studies HTTP/1.1\r\nHost: x\r\n\r\n")) == 404
    assert not shelf.uploads


def test_too_much_is_413_and_packed_415(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    port = listen(shelf.house(largest=1000)).port
    assert store(port, body(*images))[0] == 413
    assert store(port, body(images[0][:10]), "/studies", KIND, "Content-Encoding: gzip")[0] == 415


def test_a_line_that_is_cut_leaves_nothing(listen: Listen, shelf: Shelf, images: list[bytes]) -> None:
    whole = post(body(*images), path="/studies", kind=KIND)
    assert raw(listen().port, whole[:-40], shut=True) == b""
    assert not shelf.uploads
