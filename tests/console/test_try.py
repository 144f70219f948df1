"""Try: a file or an image that came is explained; nothing leaves, nothing is kept."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from appliance.console.roles import Role
from tests.console.ruled import Ruled, ruled
from tests.console.serving import Answer, Browser
from tests.engine.spool.crash_kit import new_uid, write_instance


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    with ruled(tmp_path_factory.mktemp("tried")) as made:
        yield made


@pytest.fixture(scope="module")
def viewer(both: Ruled) -> Browser:
    return both.user(Role.VIEWER)


def attempt(both: Ruled, who: Browser, data: bytes, **more: str) -> Answer:
    token = who.get("/account").csrf
    return who.ask("POST", f"/api/v1/try?way={quote(f'port {both.line.port}')}", data, X_CSRF_Token=token, **more)


def test_a_file_is_explained_and_neither_sent_nor_kept(both: Ruled, viewer: Browser, tmp_path: Path) -> None:
    write_instance(tmp_path / "a.dcm", new_uid(), "US")
    before = sorted(path for path in both.line.data.rglob("*") if path.is_file() and "history" not in path.parts)
    found = attempt(both, viewer, (tmp_path / "a.dcm").read_bytes(), Accept_Language="de").json
    [route] = found["routes"]
    assert (route["name"], route["taken"], route["almost"]) == ("ultrasound", True, None)
    assert route["effects"] == ["Ablegen in archive/US", "Senden an PACS"]
    assert route["reason"]["true"]
    assert found["held"] == []
    assert route["written"].startswith("test.rules:")
    assert (
        sorted(path for path in both.line.data.rglob("*") if path.is_file() and "history" not in path.parts) == before
    )
    assert "4711" not in both.line.said()


def test_a_route_that_almost_takes_it_says_for_want_of_what(both: Ruled, viewer: Browser, tmp_path: Path) -> None:
    write_instance(tmp_path / "a.dcm", new_uid(), "CT")
    found = attempt(both, viewer, (tmp_path / "a.dcm").read_bytes()).json
    [route] = found["routes"]
    assert not route["taken"]
    assert (route["almost"]["text"], route["almost"]["found"]) == ("Modality = US", ["CT"])
    assert found["held"] == ["Hold: no route takes it"]


@pytest.mark.parametrize("data", [b"", b"no DICOM at all" * 100])
def test_what_is_no_dicom_is_refused_in_words(both: Ruled, viewer: Browser, data: bytes) -> None:
    answer = attempt(both, viewer, data)
    assert answer.status == 422
    assert "not a DICOM file" in answer.json["title"]


def test_a_broken_one_is_told_as_the_rules_would_see_it(both: Ruled, viewer: Browser) -> None:
    found = attempt(both, viewer, bytes(128) + b"DICM" + b"\xff" * 50).json
    assert found["held"] == ["Hold: no route takes it"]


def test_who_may_not_is_not_even_read(both: Ruled, viewer: Browser) -> None:
    stranger = Browser(both.console)
    assert stranger.ask("POST", "/api/v1/try?way=x", b"x").status == 401
    assert viewer.ask("POST", "/api/v1/try?way=x", b"x").status == 403
    assert viewer.ask("GET", "/api/v1/try").status == 405
    token = viewer.get("/account").csrf
    unknown = viewer.ask("POST", "/api/v1/try?way=nowhere", b"x", X_CSRF_Token=token)
    assert unknown.status == 422


def test_a_file_may_be_large(both: Ruled, viewer: Browser, tmp_path: Path) -> None:
    write_instance(tmp_path / "a.dcm", new_uid(), "US")
    pixels = b"\xe0\x7f\x10\x00OB\0\0\x00\x00\x40\x00" + bytes(4 << 20)
    assert attempt(both, viewer, (tmp_path / "a.dcm").read_bytes() + pixels).json["routes"][0]["taken"]


def test_an_image_that_came_is_explained_by_our_own_number(both: Ruled, viewer: Browser) -> None:
    page = viewer.get("/try").text
    assert "&lt;script&gt;" not in page, "no patient in the list"
    body = {"files": {"test.rules": both.text}}
    edges = viewer.call("POST", "/rules/graph", body).json["drawing"]["edges"]
    [edge] = [one for one in edges if one["to"] == "PACS"]
    query = f"from={quote(edge['from'], safe='')}&to=PACS"
    number = viewer.call("GET", f"/rules/objects?{query}").json["objects"][0]
    assert '"taken": true' in viewer.get(f"/try?object={number}").text
    assert "does not lie here any more" in viewer.get("/try?object=nothing").text
    assert "<script>alert" not in viewer.get(f"/try?object={quote('<script>alert(1)</script>')}").text
