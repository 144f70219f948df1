"""Rules over the API and as pages: a real console beside a real appliance that takes over what is activated."""

from collections.abc import Iterator
from typing import Any

import pytest

from appliance.console import effects, words
from appliance.console.roles import Role
from tests.console.ruled import Ruled, ruled
from tests.console.serving import Browser


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ruled]:
    with ruled(tmp_path_factory.mktemp("ruled")) as made:
        yield made


@pytest.fixture(scope="module")
def admin(both: Ruled) -> Browser:
    return both.user(Role.ADMIN)


@pytest.fixture(scope="module")
def viewer(both: Ruled) -> Browser:
    return both.user(Role.VIEWER)


def current(who: Browser) -> Any:
    return who.call("GET", "/rules").json


def activate(who: Browser, text: str, why: str = "", digest: str = "") -> Any:
    body = {"files": {"test.rules": text}, "digest": digest or current(who)["digest"], "why": why}
    return who.call("POST", "/rules/activate", body)


def test_what_is_activated_runs_and_what_was_comes_back(both: Ruled, admin: Browser) -> None:
    before = both.text
    done = activate(admin, before.replace("= US", "= XA"), "angiograms now").json
    assert (done["became"], done["findings"]) == ("runs", [])
    assert "= XA" in both.text
    assert both.line.said().count("new rules run") == 1
    found = admin.call("GET", "/rules/versions").json["versions"]
    assert [(one["author"], one["why"], one["is_current"]) for one in found[:2]] == [
        ("admin", "angiograms now", True),
        ("(on the disk)", "", False),
    ]
    old = found[1]["number"]
    assert admin.call("GET", f"/rules/versions/{old}").json["files"] == {"test.rules": before}
    page = admin.get(f"/rules/versions/{old}").text
    assert "Go back to this version" in page
    digest = current(admin)["digest"]
    assert admin.post(f"/rules/versions/{old}", digest=digest, why="back").to == "/rules"
    assert both.text == before
    assert "runs." in admin.get("/rules").text
    acts = admin.call("GET", "/audit").json["acts"]
    assert [(one["did"], one["detail"]) for one in acts[:2]] == [
        ("rules-restored", "runs"),
        ("rules-activated", "runs"),
    ]
    assert "Version" in admin.get(f"/rules/versions/{found[0]['number']}").text
    again = admin.call("POST", f"/rules/versions/{found[0]['number']}/restore", {"digest": "other", "why": ""})
    assert again.status == 409
    assert both.text == before


def test_rules_with_errors_are_not_written_and_what_is_wrong_is_said_in_ones_language(
    both: Ruled, admin: Browser
) -> None:
    before = both.text
    wrong = before.replace("Modality = US and", "Modalty = US and")
    done = activate(admin, wrong).json
    assert (done["became"], done["version"]) == ("errors", 0)
    assert both.text == before
    [english] = [one for one in done["findings"] if one["severity"] == "error"]
    body = {"name": "test.rules", "text": wrong}
    [german] = admin.call("POST", "/rules/check", body, Accept_Language="de").json["findings"]
    assert german["code"] == english["code"] == "E101"
    assert german["title"] != english["title"]
    assert wrong[german["from"] : german["to"]] == "Modalty"


def test_somebody_elses_change_is_not_written_over(both: Ruled, admin: Browser) -> None:
    answer = activate(admin, both.text, digest="another")
    assert answer.status == 409
    assert "meanwhile" in answer.json["title"]


def test_only_rule_files_can_be_written(both: Ruled, admin: Browser) -> None:
    for name in ("../x.rules", "x.txt", "/etc/x.rules", ""):
        body = {"files": {name: both.text}, "digest": current(admin)["digest"], "why": ""}
        assert admin.call("POST", "/rules/activate", body).status == 422, name
        assert admin.call("POST", "/rules/check", {"name": name, "text": ""}).status == 422, name
    assert not (both.line.data / "x.rules").exists()


def test_what_would_change_is_told_without_a_folder_of_a_patient(both: Ruled, admin: Browser) -> None:
    text = both.text.replace("→ forward PACS", "")
    text = text[: text.index("test ")]
    found = admin.call("POST", "/rules/preview", {"files": {"test.rules": text}}, Accept_Language="de").json["preview"]
    [group] = found["groups"]
    assert (group["count"], group["lost"], group["won"]) == (2, ["Senden an PACS"], [])
    assert (found["tried"], found["differ"], found["whole"]) == (3, 2, True)
    assert found["changed"]["routes"]["changed"] == ["ultrasound"]
    assert admin.call("POST", "/rules/preview", {"files": {"test.rules": "on prot"}}).json["preview"] is None
    assert admin.call("POST", "/rules/preview", {"files": {}}).status == 422


def test_the_ways_are_drawn_and_counted_while_these_rules_run(both: Ruled, viewer: Browser) -> None:
    found = viewer.call("POST", "/rules/graph", {"files": {"test.rules": both.text}}).json
    assert found["running"]
    [edge] = [one for one in found["drawing"]["edges"] if one["to"] == "PACS"]
    assert edge["count"] == 2
    objects = viewer.call("GET", f"/rules/objects?from={edge['from'].replace('/', '%2F')}&to=PACS").json["objects"]
    assert len(objects) == 2
    draft = viewer.call("POST", "/rules/graph", {"files": {"test.rules": both.text.replace("US and", "CT and")}}).json
    assert not draft["running"]
    assert {one["count"] for one in draft["drawing"]["edges"]} == {0}
    assert viewer.call("POST", "/rules/graph", {"files": {"test.rules": "on prot"}}).json["drawing"] is None


def test_what_an_editor_asks_is_answered(both: Ruled, viewer: Browser) -> None:
    text = both.text
    at = {"name": "test.rules", "text": text}
    about = viewer.call("POST", "/rules/explain", {**at, "offset": text.index("Modality") + 2}).json["about"]
    assert "(0008,0060)" in "\n".join(about["lines"])
    assert viewer.call("POST", "/rules/explain", {**at, "offset": 0}).json["about"] is None
    typed = text + "on port 26131 → forward PA"
    offered = viewer.call("POST", "/rules/complete", {"name": "test.rules", "text": typed, "offset": len(typed)}).json
    assert "PACS" in [one["text"] for one in offered["words"]]
    laid = viewer.call("POST", "/rules/format", {**at, "text": "on port 1   where Modality=US -> hold"}).json["text"]
    assert "Modality = US → hold" in laid
    assert viewer.call("POST", "/rules/format", {**at, "text": "on prot"}).status == 422


def test_the_tests_in_the_rules_are_run_and_shown(both: Ruled, viewer: Browser) -> None:
    [good] = viewer.call("POST", "/rules/tests", {"files": {"test.rules": both.text}}).json["tests"]
    assert (good["title"], good["passed"], good["findings"]) == ("ultrasound goes to the PACS", True, [])
    wrong = both.text.replace("expect forward PACS", "expect hold")
    [bad] = viewer.call("POST", "/rules/tests", {"files": {"test.rules": wrong}}).json["tests"]
    assert not bad["passed"]
    assert bad["findings"][0]["file"] == "test.rules"
    assert viewer.call("POST", "/rules/tests", {"files": {"test.rules": "on prot"}}).json["tests"] is None


def test_only_admins_change_rules(both: Ruled, viewer: Browser) -> None:
    before = both.text
    operator = both.user(Role.OPERATOR)
    for who in (viewer, operator):
        assert activate(who, before + "# x\n").status == 403
        assert who.call("POST", "/rules/preview", {"files": {"test.rules": before}}).status == 403
        assert who.call("POST", "/rules/versions/1/restore", {"digest": "x", "why": ""}).status == 403
        text = who.get("/rules").text
        assert "read only" in text
        assert 'id="activate"' not in text
    assert both.text == before


def test_what_rules_say_is_only_text(admin: Browser) -> None:
    for path in ("/rules", "/rules?file=<script>alert(2)</script>&line=<script>"):
        assert "<script>alert" not in admin.get(path.replace("<", "%3C").replace(">", "%3E")).text
    assert admin.get("/rules/versions/999").status == 404


@pytest.mark.parametrize(
    ("phrase", "german"),
    [
        ("forward to PACS, header and pixels cleared, with InstitutionName changed",
         "Senden an PACS, Kopfdaten und Bildpunkte bereinigt, InstitutionName geändert"),
        ("store in archive, in another folder", "Ablegen in archive, in einem anderen Ordner"),
        ("forward to PACS, once its study is complete, once all before it is delivered",
         "Senden an PACS, sobald die Studie vollständig ist, sobald alles davor zugestellt ist"),
        ("hold it: no route takes it", "Anhalten: keine Route nimmt es"),
        ("hold it: nobody knows, with care", "Anhalten: nobody knows, with care"),
        ("discard it: r: scouts, with pixels cleared", "Verwerfen: r: scouts, with pixels cleared"),
        ("mail admin", "Mail an admin"),
        ("not be received: nothing listens there", "Nicht angenommen: dort hört niemand zu"),
    ],
)  # fmt: skip
def test_what_rules_would_do_is_said_in_german(phrase: str, german: str) -> None:
    words.load()
    assert effects.effect("de", phrase) == german
