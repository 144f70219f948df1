"""Regions drawn on a held image: tried, tested on others of the device, saved into the rules, and used from then on."""

import base64
from pathlib import Path
from typing import Any

import imagecodecs

from appliance.console.roles import Role
from tests.console.reviewed import JPEG, KNOWN, UNKNOWN, Reviewed, frames_of, told
from tests.console.serving import Answer, Browser
from tests.corpus.screens import LAYOUTS, draw

OTHER, TINY = (draw(next(one for one in LAYOUTS if one.name == name)) for name in ("column", "tiny"))


def known(who: Browser, number: str) -> Any:
    return told(who.call("GET", f"/review/entries/{number}/regions"), "known-regions")


def boxes_of(screen: Any) -> list[dict[str, int]]:
    return [{"x": one.x, "y": one.y, "width": one.width, "height": one.height} for one in screen.boxes]


def save(who: Browser, number: str, **said: object) -> Answer:
    """With what was proposed, as far as nothing else is said."""
    first = known(who, number)
    body = {
        **{"name": first["name"], "file": first["file"], "digest": first["digest"]},
        **{"boxes": boxes_of(UNKNOWN), "keep": False, "how": "new", "why": "drawn in a test", **said},
    }
    return who.call("POST", f"/review/entries/{number}/regions", body)


def test_boxes_are_tried_with_proof_and_nothing_of_it_is_kept(house: Reviewed, who: dict[Role, Browser]) -> None:
    source = house.image(UNKNOWN)
    [number] = house.come(source)
    before = house.line.spool.outbox("hold").entry(number)
    operator = who[Role.OPERATOR]
    body = {"boxes": boxes_of(UNKNOWN), "keep": False}
    done = told(operator.call("POST", f"/review/entries/{number}/try", body), "try-regions")
    assert (done["method"], done["boxes"], done["of"]) == ("native", boxes_of(UNKNOWN), 1)
    picture = imagecodecs.png_decode(base64.b64decode(done["frames"][0]["png"]))
    blank = UNKNOWN.blank
    assert not picture[blank].any()
    assert (picture[~blank] == frames_of(source)[0][~blank]).all()
    kept = told(operator.call("POST", f"/review/entries/{number}/try", {**body, "keep": True}), "try-regions")
    picture = imagecodecs.png_decode(base64.b64decode(kept["frames"][0]["png"]))
    assert not picture[~blank].any()
    assert (picture[blank] == frames_of(source)[0][blank]).all()
    assert house.line.spool.outbox("hold").entry(number) == before
    assert list(house.line.spool.work.glob("*.dcm")) == []


def test_what_cannot_be_done_is_words(house: Reviewed, who: dict[Role, Browser]) -> None:
    [number] = house.come(house.image(UNKNOWN))
    operator = who[Role.OPERATOR]
    far = [{"x": 5000, "y": 5000, "width": 10, "height": 10}]
    for path, body in (
        ("try", {"boxes": far, "keep": False}),
        ("try", {"boxes": far, "keep": True}),
        ("definition", {"boxes": boxes_of(UNKNOWN), "keep": True, "name": "two words → hold"}),
        ("try", {"boxes": [{"x": -1, "y": 0, "width": 5, "height": 5}], "keep": False}),
        ("try", {"boxes": [], "keep": False}),
    ):
        answer = operator.call("POST", f"/review/entries/{number}/{path}", body)
        assert answer.status == 422, (path, body)
        assert answer.json["title"]
    german = operator.call("POST", f"/review/entries/{number}/try", {"boxes": far, "keep": False}, Accept_Language="de")
    assert german.json["title"] == "Mit diesem Bild geht das nicht: Ein Kasten liegt außerhalb des Bildes."
    [broken] = house.come(house.image(KNOWN, JPEG, broken=True))
    answer = operator.call("POST", f"/review/entries/{broken}/try", {"boxes": boxes_of(KNOWN), "keep": False})
    assert answer.status == 422


def test_saved_the_held_image_goes_through_and_its_boxes_are_black(house: Reviewed, who: dict[Role, Browser]) -> None:
    source = house.image(UNKNOWN)
    first, number = house.come(house.image(UNKNOWN, JPEG), source)
    admin = who[Role.ADMIN]
    proposed = known(admin, number)
    assert (proposed["name"], proposed["file"], proposed["existing"]) == ("nobody-banner-320", "regions.rules", None)
    alike = told(admin.call("GET", f"/review/entries/{number}/alike"), "alike-regions")["images"]
    assert alike[0]["id"] == number
    assert first in [one["id"] for one in alike]
    assert {one["waits"] for one in alike} == {False}
    text = told(
        admin.call(
            "POST", f"/review/entries/{number}/definition",
            {"name": "banners", "boxes": boxes_of(UNKNOWN), "keep": False},
        ),
        "define-regions",
    )["text"]  # fmt: skip
    done = told(save(admin, number, name="banners"), "save-regions")
    assert (done["became"], done["version"]) == ("runs", 2)
    written = (house.line.rules_file.parent / "regions.rules").read_text("utf-8")
    assert text.startswith("regions banners for ")
    assert written == f"version 1\n\n{text}"
    versions = admin.call("GET", "/rules/versions").json["versions"]
    assert (versions[0]["author"], versions[0]["why"]) == ("admin", "drawn in a test")
    assert admin.call("GET", "/audit?did=rules-activated").json["acts"][0]["on"] == ["version 2", "regions banners"]
    before = set(house.held())
    assert admin.call("POST", "/hold/release", {"ids": [number]}).json["done"] == 1
    house.until(lambda: number not in house.held() and len(set(house.held()) - before) == 1)
    [fresh] = set(house.held()) - before
    assert house.waits(fresh)
    assert admin.call("POST", "/review/approve", {"ids": [fresh]}).json["done"] == 1
    house.until(lambda: len(house.stored()) == 1)
    [stored] = house.stored()
    assert not stored.pixel_array[UNKNOWN.blank].any()
    assert (stored.pixel_array[~UNKNOWN.blank] == frames_of(source)[0][~UNKNOWN.blank]).all()


def test_the_definition_that_an_image_goes_by_is_drawn_anew(house: Reviewed, who: dict[Role, Browser]) -> None:
    [number] = house.come(house.image(KNOWN))
    admin = who[Role.ADMIN]
    first = known(admin, number)
    assert first["existing"]["own"]
    assert (first["existing"]["name"], first["existing"]["file"]) == ("corners", "test.rules")
    assert first["boxes"] == boxes_of(KNOWN)
    refused = save(admin, number, name="corners", boxes=boxes_of(KNOWN))
    assert refused.status == 409
    assert "There is a definition corners already" in refused.json["title"]
    more = [*boxes_of(KNOWN), {"x": 20, "y": 240, "width": 100, "height": 30}]
    assert told(save(admin, number, name="corners", boxes=more, how="redraw"), "save-regions")["became"] == "runs"
    text = house.line.rules_file.read_text("utf-8")
    assert 'regions corners for ManufacturerModelName = "corners"' in text
    assert "(20, 240, 100, 30)" in text
    before = set(house.held())
    assert admin.call("POST", "/review/again", {"ids": [number]}).json["done"] == 1
    house.until(lambda: number not in house.held() and len(set(house.held()) - before) == 1)
    [fresh] = set(house.held()) - before
    after = imagecodecs.png_decode(admin.call("GET", f"/review/entries/{fresh}/frames/after-1.png").body)
    assert not after[240:270, 20:120].any()


def test_a_definition_that_would_never_be_used_is_refused(house: Reviewed, who: dict[Role, Browser]) -> None:
    [number] = house.come(house.image(KNOWN))
    admin = who[Role.ADMIN]
    before = rules(house)
    answer = save(admin, number, name="too-late", file="zzz.rules")
    assert answer.status == 409
    assert "corners" in answer.json["title"]
    assert rules(house) == before
    assert told(save(admin, number, name="in-time", file="test.rules"), "save-regions")["became"] == "runs"
    assert known(admin, number)["existing"]["name"] == "in-time"


def rules(house: Reviewed) -> dict[str, str]:
    return {path.name: path.read_text("utf-8") for path in house.line.rules_file.parent.glob("*.rules")}


def test_what_the_software_brings_along_is_not_changed_and_yours_goes_before_it(
    house: Reviewed, who: dict[Role, Browser]
) -> None:
    admin = who[Role.ADMIN]
    library = house.line.rules_file.parent / "lib" / "ours.rules"
    library.parent.mkdir(exist_ok=True)
    library.write_text('regions shipped for ManufacturerModelName = "column"\n  keep (8, 8, 100, 100)\n', "utf-8")
    house.line.rules_file.write_text(house.line.rules_file.read_text("utf-8") + '\ninclude "lib/ours.rules"\n', "utf-8")
    house.until(lambda: house.runs("shipped"))
    [number] = house.come(house.image(OTHER))
    first = known(admin, number)
    assert (first["existing"]["name"], first["existing"]["own"], first["existing"]["keep"]) == ("shipped", False, True)
    assert first["file"] == "test.rules"
    done = told(save(admin, number, boxes=boxes_of(OTHER), name="mine"), "save-regions")
    assert done["became"] == "runs"
    assert "shipped" in library.read_text("utf-8")
    before = set(house.held())
    act = "/review/again" if house.waits(number) else "/hold/release"
    assert admin.call("POST", act, {"ids": [number]}).json["done"] == 1
    house.until(lambda: number not in house.held() and len(set(house.held()) - before) == 1)
    [fresh] = set(house.held()) - before
    image = admin.call("GET", f"/review/entries/{fresh}").json
    assert image["cleaning"]["sources"] == ["regions mine"]


def test_rules_with_errors_are_not_written(house: Reviewed, who: dict[Role, Browser]) -> None:
    [number] = house.come(house.image(TINY))
    admin = who[Role.ADMIN]
    wrong = house.line.rules_file.parent / "wrong.rules"
    wrong.write_text("version 1\nroute x on prt 1 → hold\n", "utf-8")
    before = rules(house)
    done = told(save(admin, number, name="tiny"), "save-regions")
    assert (done["became"], done["version"]) == ("errors", 0)
    assert [one["file"] for one in done["findings"]] == ["wrong.rules"]
    assert rules(house) == before
    wrong.unlink()
    late = admin.call(
        "POST",
        f"/review/entries/{number}/regions",
        {
            **{"name": "tiny", "file": "regions.rules", "digest": "old", "boxes": boxes_of(KNOWN), "keep": False},
            **{"how": "new", "why": ""},
        },
    )
    assert late.status == 409


def test_only_admins_save_and_viewers_try_nothing(house: Reviewed, who: dict[Role, Browser]) -> None:
    [number] = house.come(house.image(TINY))
    body = {"boxes": boxes_of(UNKNOWN), "keep": False}
    whole = {**body, "name": "x", "file": "regions.rules", "digest": "x", "how": "new", "why": ""}
    before = rules(house)
    for role, path, sent in (
        (Role.VIEWER, "try", body),
        (Role.VIEWER, "definition", {**body, "name": "x"}),
        (Role.OPERATOR, "regions", whole),
    ):
        assert who[role].call("POST", f"/review/entries/{number}/{path}", sent).status == 403
    assert rules(house) == before
    assert 'id="region-save"' not in who[Role.OPERATOR].get(f"/review/{number}").text
    assert 'id="region-try"' not in who[Role.VIEWER].get(f"/review/{number}").text
    assert f'href="/review/{number}"' in who[Role.OPERATOR].get(f"/hold/image/{number}").text
    assert f'href="/review/{number}"' not in who[Role.VIEWER].get(f"/hold/image/{number}").text


def test_names_of_patients_are_in_no_file_of_the_console(house: Reviewed) -> None:
    for folder in ("audit", "rules", "rules-history"):
        for path in (house.line.data / folder).rglob("*"):
            if path.is_file():
                assert b"P-77" not in Path(path).read_bytes(), path
