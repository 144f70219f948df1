"""Send: what is dropped into the browser arrives, once each, beside a running appliance with real images."""

import os
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pydicom
import pytest
from jsonschema import Draft202012Validator
from playwright.sync_api import expect

from appliance.console.api import declared
from appliance.console.facts.house import House
from appliance.console.roles import Role
from appliance.console.sending_book import GOING, READ, Book
from appliance.console.sending_found import Finding, Found, Upload
from appliance.console.sendings import Sendings
from appliance.demonstration.images import test_images as images
from appliance.settings import Settings
from tests.appliance.running import started
from tests.console.browser import OpenPage, axe, shoot
from tests.console.living import Living
from tests.console.serving import Answer, Browser, answers
from tests.console.visiting import visit

ANSWERS = {one.name: one.answer for one in declared()}
NASTY = "<script>taken()</script>"
RULES = """\
destination PACS = dicom "PACS@127.0.0.1:{pacs}"
destination SHARE = folder "{share}"
on port {port} → hold
on outbox SHARE where Modality = MR → hold "looked at first"
on outbox SHARE where not Modality = MR → forward SHARE
"""


class Practice(Living):
    """A living house that has a disc to send."""

    def __init__(self, root: Path) -> None:
        super().__init__(root, rules=RULES)
        (root / "disc" / "series").mkdir(parents=True)
        self.burn()

    def burn(self) -> None:
        """A disc: two images of CT, one of MR, one that is cut off, a letter; and a ZIP with one of US."""
        chosen = {"CT": 2, "MR": 1, "US": 1}
        for image in images():
            modality = str(pydicom.dcmread(image, stop_before_pixels=True).get("Modality"))
            if not chosen.get(modality, 0):
                continue
            chosen[modality] -= 1
            dataset = pydicom.dcmread(image)
            dataset.PatientName, dataset.PatientID = NASTY, "P1"
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
            name = f"{modality}{chosen[modality]}"
            dataset.save_as(self.root / ("us.dcm" if modality == "US" else f"disc/series/{name}"))
        with zipfile.ZipFile(self.root / "disc/more.zip", "w") as packed:
            packed.write(self.root / "us.dcm", "inner/us")
            packed.writestr("readme.txt", "read me")
        whole = (self.root / "disc/series/CT0").read_bytes()
        (self.root / "disc/cut").write_bytes(whole[: len(whole) // 2])
        (self.root / "disc/<b>letter.txt").write_text("Dear colleague")
        (self.root / "disc/again").write_bytes(whole)


@pytest.fixture(scope="module")
def living(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Practice]:
    made = Practice(tmp_path_factory.mktemp("send"))
    yield made
    made.stop()


@pytest.fixture(scope="module")
def operator(living: Practice) -> Browser:
    return living.user(Role.OPERATOR)


def told(answer: Answer, name: str) -> Any:
    """What an operation has answered, which is as it was declared."""
    assert answer.status == 200, answer.text
    Draft202012Validator(ANSWERS[name]).validate(answer.json)
    return answer.json


def put(who: Browser, number: str, path: str, data: bytes, offset: int = 0, size: int = -1) -> Answer:
    headers = {
        "Content-Type": "application/octet-stream",
        "X-CSRF-Token": who.get("/account").csrf,
        "X-File-Path": quote(path),
        "X-File-Size": str(len(data) if size < 0 else size),
        "X-File-Offset": str(offset),
    }
    return who.ask("POST", f"/api/v1/sendings/{number}/upload", data, **headers)


def uploaded(living: Practice, who: Browser, *paths: str) -> str:
    """A sending of these files of the disc, looked at."""
    number = str(told(who.call("POST", "/sendings"), "new-sending")["id"])
    for path in paths:
        data = (living.root / "disc" / path).read_bytes()
        for start in range(0, len(data), 1 << 20):
            assert put(who, number, path, data[start : start + (1 << 20)], start, len(data)).status == 200
    told(who.call("POST", f"/sendings/{number}/read"), "read-sending")
    until(who, number, "read")
    return number


def shown(who: Browser, number: str) -> Any:
    return told(who.call("GET", f"/sendings/{number}"), "show-sending")


def until(who: Browser, number: str, state: str) -> Any:
    end = time.monotonic() + 60
    while (found := shown(who, number))["state"] != state:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    return found


def home(living: Practice, number: str) -> Path:
    return living.line.data / "console" / "sendings" / number


def test_what_is_in_an_upload_is_told_before_anything_is_sent(living: Practice, operator: Browser) -> None:
    names = ("series/CT0", "series/CT1", "series/MR0", "more.zip", "cut", "<b>letter.txt", "again")
    number = uploaded(living, operator, *names)
    found = shown(operator, number)
    assert (found["objects"], found["repeated"], found["other_count"], found["unfit_count"]) == (4, 1, 2, 1)
    assert found["other"] == ["more.zip: readme.txt", "<b>letter.txt"]
    [unfit] = found["unfit"]
    assert unfit["name"] == "cut"
    assert "never copied to its end" in unfit["why"]
    assert {one["patient"] for one in found["studies"]} == {NASTY}
    page = operator.get(f"/send/{number}").text
    assert NASTY not in page
    assert "&lt;b&gt;letter" in page
    operator.call("DELETE", f"/sendings/{number}")
    assert not home(living, number).exists()


def test_it_goes_where_it_is_to_go_once_and_its_upload_is_removed(living: Practice, operator: Browser) -> None:
    number = uploaded(living, operator, "series/CT0", "series/CT1", "more.zip")
    for _ in range(2):
        answer = operator.call("POST", f"/sendings/{number}/send", {"to": ["PACS"]})
    assert answer.status == 409
    found = until(operator, number, "ended")
    assert (found["all"], found["over"], found["held"]) == (3, 3, 0)
    assert sorted(r["words"] for one in found["studies"] for r in one["results"])[0].endswith("sent to PACS")
    assert len(living.taken) == len(set(living.taken)) == 3
    assert not (home(living, number) / "files").exists()
    assert not (home(living, number) / "unpacked").exists()
    assert not any((living.line.data / "spool" / "by-hand").iterdir())
    lines = operator.call("GET", "/audit?did=send").json["acts"]
    assert lines[0]["on"] == [number, "PACS"]
    assert "script" not in living.line.said()


def test_what_a_rule_holds_is_told_with_its_reason(living: Practice, operator: Browser) -> None:
    number = uploaded(living, operator, "series/MR0", "series/CT0")
    operator.call("POST", f"/sendings/{number}/send", {"to": ["SHARE"]})
    end = time.monotonic() + 60
    while (found := shown(operator, number))["held"] != 1 or found["over"] != 1:
        assert time.monotonic() < end, found
        time.sleep(0.1)
    results = [result for one in found["studies"] for result in one["results"]]
    assert {one["kind"] for one in results} == {"good", "bad"}
    assert not found["moves"]


def test_an_upload_goes_on_where_it_was_broken_off(living: Practice, operator: Browser) -> None:
    data = (living.root / "disc/series/CT0").read_bytes()
    half = len(data) // 2
    number = operator.call("POST", "/sendings").json["id"]
    assert put(operator, number, "a/CT0", data[:half], 0, len(data)).json == {"have": half}
    # The answer was lost, and the same piece comes again: it is not taken twice.
    assert put(operator, number, "a/CT0", data[:half], 0, len(data)).json == {"have": half}
    files = told(operator.call("GET", f"/sendings/{number}/files"), "sending-files")["files"]
    assert files == [{"path": "a/CT0", "size": len(data), "have": half}]
    assert "0 of 1 files" in operator.get(f"/send/{number}").text
    assert put(operator, number, "a/CT0", data[half:], half, len(data)).json == {"have": len(data)}
    operator.call("POST", f"/sendings/{number}/read")
    assert until(operator, number, "read")["objects"] == 1


def test_no_path_leads_out_of_its_folder(living: Practice, operator: Browser) -> None:
    number = operator.call("POST", "/sendings").json["id"]
    for path in ("../../../../evil", "/etc/evil", "a/../../evil"):
        assert put(operator, number, path, b"x").status == 200
    assert not list(living.root.rglob("evil"))
    assert sorted(one.name for one in (home(living, number) / "files").iterdir()) == ["1", "2", "3"]


def test_who_may_not_send_sees_none_of_it(living: Practice, operator: Browser) -> None:
    number = operator.call("POST", "/sendings").json["id"]
    viewer = living.user(Role.VIEWER)
    assert viewer.get("/send").status == viewer.get(f"/send/{number}").status == 403
    assert viewer.call("GET", f"/sendings/{number}").status == 403
    assert put(viewer, number, "a", b"x").status == 403
    headers = {"X-File-Path": "a", "X-File-Size": "1", "X-File-Offset": "0"}
    assert operator.ask("POST", f"/api/v1/sendings/{number}/upload", b"x", **headers).status == 403  # no token
    assert operator.get("/send/0123456789abcdef").status == 404


def test_killed_right_after_the_button_nothing_is_lost_or_doubled(living: Practice, operator: Browser) -> None:
    before = len(living.taken)
    number = uploaded(living, operator, "series/CT0", "series/CT1", "more.zip")
    operator.call("POST", f"/sendings/{number}/send", {"to": ["SHARE", "PACS"]})
    living.line.kill()
    living.line.start()
    started.remove(living.line.process)
    living.line.wait_for(lambda: answers(living.port), "the console does not answer")
    found = until(living.user(Role.OPERATOR), number, "ended")
    assert (found["all"], found["over"]) == (6, 6)
    assert len(living.taken) == before + 3


def test_what_nobody_sends_goes_after_two_days_unless_somebody_just_does(tmp_path: Path) -> None:
    root = tmp_path / "sendings"
    sendings = Sendings(House(Settings(data=tmp_path)), root)
    left, sent = sendings.new("op"), sendings.new("op")
    for one in (left, sent):
        assert sendings.put(one.id, "a", 1, 0, b"x") == 1
        os.utime(root / one.id / "files.jsonl", (1, 1))
    Book(root / sent.id).write(sent, state=GOING)
    for one in (left, sent):
        sendings._tidy(Book(root / one.id), one)  # as it was seen a moment ago
    assert [one.id for one in sendings.all()] == [sent.id]


def test_an_upload_that_breaks_us_keeps_none_of_the_others_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sendings = Sendings(House(Settings(data=tmp_path)), tmp_path / "sendings")
    fine, broken = sendings.new("op"), sendings.new("op")
    looked = Finding.run

    def run(finding: Finding, uploads: Iterable[Upload]) -> Found:
        found = looked(finding, uploads)
        return found if found.other == ["fine"] else {NASTY: found}["not there"]

    monkeypatch.setattr(Finding, "run", run)
    for one, name in ((fine, "fine"), (broken, "broken")):
        sendings.put(one.id, name, 1, 0, b"x")
        sendings.read(one.id)
    sendings.begin()
    end = time.monotonic() + 30
    while sendings.find(fine.id).state != READ or not sendings.trouble(broken.id):
        assert time.monotonic() < end
        time.sleep(0.01)
    sendings.end()
    assert "fault of the software" in sendings.trouble(broken.id)
    assert "KeyError at test_send.py" in caplog.text
    assert "not there" not in caplog.text


@pytest.mark.parametrize("language", ["en", "de"])
def test_a_folder_is_dropped_looked_at_and_sent(
    living: Practice, operator: Browser, open_page: OpenPage, language: str
) -> None:
    words = {
        "en": ("Choose a folder", "Send", "done", "Cannot be sent: 1"),
        "de": ("Ordner auswählen", "Senden", "erledigt", "Nicht sendbar: 1"),
    }[language]
    page = visit(open_page, operator, "/send", language=language)
    axe(page)
    shoot(page, f"send-{language}")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name=words[0]).click()
    chooser.value.set_files(living.root / "disc")
    page.get_by_role("heading", name=words[3]).wait_for()
    axe(page)
    shoot(page, f"send-found-{language}")
    # By the keys alone.
    page.get_by_role("checkbox", name="PACS").focus()
    page.keyboard.press("Space")
    page.get_by_role("button", name=words[1], exact=True).focus()
    page.keyboard.press("Enter")
    page.get_by_text("PACS").first.wait_for()
    expect(page.get_by_text(words[2], exact=True)).to_be_visible(timeout=30_000)
    axe(page)
    shoot(page, f"send-done-{language}")
    assert page.evaluate("() => typeof taken") == "undefined"
