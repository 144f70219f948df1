"""The review's pages and operations beside a running appliance: what waits, frames pixel by pixel, decisions, roles."""

import os
import re
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np

from appliance.console.facts.holds import Holds
from appliance.console.facts.house import House
from appliance.console.facts.reviews import Reviews
from appliance.console.roles import Role
from appliance.settings import Settings
from engine.pump import LOOK_AGAIN
from tests.console.living import NASTY
from tests.console.reviewed import CINE, JPEG, KNOWN, UNKNOWN, Reviewed, frames_of, told, uid_of
from tests.console.serving import Answer, Browser


def frame(who: Browser, number: str, side: str, of: int) -> Answer:
    return who.call("GET", f"/review/entries/{number}/frames/{side}-{of}.png")


def test_before_anything_waits_the_page_says_how_to_have_a_review(who: dict[Role, Browser]) -> None:
    text = who[Role.VIEWER].get("/review", Accept_Language="de").text
    assert "Nichts wartet auf eine Prüfung." in text
    assert "anonymize-pixels → review → forward" in text
    assert told(who[Role.VIEWER].call("GET", "/review"), "reviews") == {"groups": [], "count": 0, "unread": 0}


def test_what_waits_is_told_by_device_with_who_said_where_and_names_nobody(
    house: Reviewed, who: dict[Role, Browser]
) -> None:
    ids = house.come(house.image(KNOWN), house.image(CINE, JPEG), house.image(KNOWN))
    viewer = who[Role.VIEWER]
    found = told(viewer.call("GET", "/review"), "reviews")
    assert [(one["device"]["model"], one["count"]) for one in found["groups"]] == [
        ("corners", 2),
        ("over-the-picture-yellow", 1),
    ]
    key = found["groups"][0]["device"]["key"]
    lines = told(viewer.call("GET", f"/review/entries?device={key}&most=1"), "review-entries")
    assert [one["id"] for one in lines["entries"]] == ids[:1]
    rest = told(viewer.call("GET", f"/review/entries?device={key}&after={lines['next']}"), "review-entries")
    assert ([one["id"] for one in rest["entries"]], rest["next"]) == (ids[2:], "")
    [one] = lines["entries"]
    assert one["cleaning"]["sources"] == ["regions corners"]
    assert one["cleaning"]["boxes"] == [[box.x, box.y, box.width, box.height] for box in KNOWN.boxes]
    page = viewer.get("/review", Accept_Language="de").text
    assert "die Definition corners der Regeln" in page
    assert "Kästen: 2, in 3 Einzelbildern" in page
    assert "jedes Pixel außerhalb ist, wie es war" in page
    for text in (page, str(found), str(lines)):
        assert "taken" not in text, "a patient's name"
        assert "P-77" not in text, "a patient's ID"
    image = told(viewer.call("GET", f"/review/entries/{ids[0]}"), "review-image")
    assert (image["columns"], image["rows"], image["sides"], image["waits"]) == (480, 360, ["before", "after"], True)
    assert image["next"] == ids[2], "the next one is of the same device"
    assert told(viewer.call("GET", f"/review/entries/{ids[2]}"), "review-image")["next"] == ids[1]


def test_a_frame_is_the_decoded_frame_pixel_by_pixel(house: Reviewed, who: dict[Role, Browser]) -> None:
    viewer = who[Role.VIEWER]
    source = house.image(KNOWN)
    [number] = house.come(source)
    answer = frame(viewer, number, "before", 1)
    assert (answer.status, answer.headers["Content-Type"], answer.headers["Cache-Control"]) == (
        *(200, "image/png", "no-store"),
    )
    before = imagecodecs.png_decode(answer.body)
    assert (before == frames_of(source)[0]).all()
    after = imagecodecs.png_decode(frame(viewer, number, "after", 1).body)
    assert not after[KNOWN.blank].any()
    assert (after[~KNOWN.blank] == before[~KNOWN.blank]).all()


def test_every_frame_of_a_cine_is_there_and_none_behind_it(house: Reviewed, who: dict[Role, Browser]) -> None:
    viewer = who[Role.VIEWER]
    [number] = house.come(house.image(CINE))
    drawn = [imagecodecs.png_decode(frame(viewer, number, "before", one).body) for one in (1, 2, 3)]
    assert (np.stack(drawn) == CINE.frames).all()
    for wrong, status in (("before-0", 422), ("before-4", 422), ("other-1", 404), ("before-x", 404)):
        assert viewer.call("GET", f"/review/entries/{number}/frames/{wrong}.png").status == status
    assert viewer.call("GET", "/review/entries/nothing/frames/before-1.png").status == 404
    assert Browser(house.port).call("GET", f"/review/entries/{number}/frames/before-1.png").status == 401


def test_what_is_broken_is_told_in_words(house: Reviewed, who: dict[Role, Browser]) -> None:
    viewer = who[Role.VIEWER]
    [number] = house.come(house.image(KNOWN, JPEG, broken=True))
    answer = frame(viewer, number, "before", 1)
    assert answer.status in (200, 422)
    image = told(viewer.call("GET", f"/review/entries/{number}"), "review-image")
    assert (image["waits"], image["sides"]) == (False, ["before"])
    after = frame(viewer, number, "after", 1)
    assert after.status == 404
    assert "not held" in after.json["title"]
    assert viewer.get(f"/review/{number}").status == 200


def children(pid: int) -> dict[int, str]:
    """The processes that this one has started, with their command lines."""
    found = [one for task in Path(f"/proc/{pid}/task").glob("*/children") for one in task.read_text().split()]
    return {int(one): Path(f"/proc/{one}/cmdline").read_text().replace("\0", " ") for one in found}


def pixel_workers(house: Reviewed) -> list[int]:
    """The processes for pixels of the console."""
    [console] = [pid for pid, line in children(house.line.process.pid).items() if " console " in line]
    return [pid for pid, line in children(console).items() if "spawn_main" in line]


def test_a_killed_worker_is_words_and_the_next_frame_comes(house: Reviewed, who: dict[Role, Browser]) -> None:
    viewer = who[Role.VIEWER]
    [number] = house.come(house.image(KNOWN))
    assert frame(viewer, number, "before", 1).status == 200
    [worker] = pixel_workers(house)
    os.kill(worker, signal.SIGSTOP)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(frame, viewer, number, "after", 1)
        time.sleep(1)
        os.kill(worker, signal.SIGKILL)
        answer = asked.result()
    assert (answer.status, answer.json["title"]) == (
        *(422, "This is not possible with this image: the program that draws pictures crashed on it"),
    )
    assert frame(viewer, number, "after", 1).status == 200, "a new one is started"


def test_approved_it_arrives_and_the_history_knows_who(house: Reviewed, who: dict[Role, Browser]) -> None:
    operator = who[Role.OPERATOR]
    source = house.image(KNOWN)
    [number] = house.come(source)
    said = told(operator.call("POST", "/review/approve", {"ids": [number, "nothing"]}), "approve-reviewed")
    assert (said["done"], said["missing"]) == (1, 1)
    house.until(lambda: uid_of(source) in house.arrived, LOOK_AGAIN - 1)  # it is told, and need not look by itself
    assert not house.arrived[uid_of(source)].pixel_array[KNOWN.blank].any()
    history = "".join(path.read_text("utf-8") for path in (house.line.spool.root / "history").iterdir())
    assert re.search(rf'"approved".*{number}.*"by": ?"operator"', history)
    [act, *_] = operator_acts(who, "review-approved")
    assert (act["who"], act["on"]) == ("operator", [number])
    assert operator.call("POST", "/review/approve", {"ids": [number]}).json["missing"] == 1


def operator_acts(who: dict[Role, Browser], did: str) -> list[dict[str, Any]]:
    return list(who[Role.ADMIN].call("GET", f"/audit?did={did}").json["acts"])


def test_rejected_with_a_reason_it_stays_as_it_came(house: Reviewed, who: dict[Role, Browser]) -> None:
    operator = who[Role.OPERATOR]
    source = house.image(KNOWN)
    [number] = house.come(source)
    answer = operator.post(f"/review/{number}", do="reject", why="text below the scale")
    assert answer.status == 303
    assert "Rejected: 1." in operator.get(answer.to).text
    assert not house.waits(number)
    assert (frames_of(house.line.spool.held / f"{number}.dcm") == frames_of(source)).all()
    assert "text below the scale" in operator.get(f"/hold/image/{number}").text
    assert operator_acts(who, "review-rejected")[0]["on"] == [number]


def test_a_reason_that_names_the_patient_is_refused(house: Reviewed, who: dict[Role, Browser]) -> None:
    operator = who[Role.OPERATOR]
    source = house.image(KNOWN, name="Müllerstein^Änne")
    [number] = house.come(source)
    for why in ("muellerstein is still to be read", "the name ÄNNE", ""):
        answer = operator.call("POST", "/review/reject", {"ids": [number], "why": why or " "})
        assert answer.status == 422, why
        assert "ller" not in answer.text
    assert house.waits(number)
    assert operator.call("POST", "/review/reject", {"ids": [number], "why": "the name is still there"}).status == 200
    audit = "".join(path.read_text("utf-8") for path in (house.line.data / "audit").iterdir())
    assert "uellerstein" not in audit


def test_again_it_is_cleaned_anew_and_waits_once_more(house: Reviewed, who: dict[Role, Browser]) -> None:
    operator = who[Role.OPERATOR]
    [number] = house.come(house.image(KNOWN))
    before = set(house.held()) - {number}
    assert told(operator.call("POST", "/review/again", {"ids": [number]}), "review-again")["done"] == 1
    house.until(lambda: len(set(house.held()) - before) == 1 and number not in house.held())
    [fresh] = set(house.held()) - before
    assert house.waits(fresh)


def test_a_viewer_sees_everything_and_decides_nothing(house: Reviewed, who: dict[Role, Browser]) -> None:
    viewer = who[Role.VIEWER]
    [number] = house.come(house.image(KNOWN))
    page = viewer.get(f"/review/{number}").text
    assert 'value="approve"' not in page
    assert 'value="reject"' not in page
    for do in ("approve", "reject", "again"):
        assert viewer.post(f"/review/{number}", do=do, why="no").status == 303
        assert "Your role does not allow this." in viewer.get(f"/review/{number}").text
        body = {"ids": [number], **({"why": "no"} if do == "reject" else {})}
        assert viewer.call("POST", f"/review/{do}", body).status == 403
    assert house.waits(number)


def test_what_cannot_be_cleaned_is_shown_as_it_came(house: Reviewed, who: dict[Role, Browser]) -> None:
    source = house.image(UNKNOWN)
    [number] = house.come(source)
    viewer = who[Role.VIEWER]
    assert not house.waits(number)
    assert (imagecodecs.png_decode(frame(viewer, number, "before", 1).body) == frames_of(source)[0]).all()
    page = viewer.get(f"/review/{number}").text
    assert "Back to the hold" in page
    gone = viewer.get("/review/nothing")
    assert (gone.status, "It is not held any more." in gone.text) == (404, True)


def test_what_others_have_typed_is_text_and_no_title_names_anybody(house: Reviewed, who: dict[Role, Browser]) -> None:
    admin = who[Role.ADMIN]
    for path in ("/review", *(f"/review/{one}" for one in house.held())):
        text = admin.get(path).text
        assert "<script>document" not in text, path
        assert "taken" not in "".join(re.findall(r"<title>(.*?)</title>", text)), path
    assert NASTY not in house.line.said()
    assert "P-77" not in house.line.said()


def test_of_very_many_some_are_looked_at_later(house: Reviewed) -> None:
    house.come(house.image(KNOWN), house.image(CINE))
    looked = House(Settings(data=house.line.data))
    times = iter(range(1000))
    slow = Reviews(looked, Holds(looked), clock=lambda: float(next(times)))
    counts = []
    while not counts or counts[-1]:
        found = slow.groups()
        assert found.count - found.unread == sum(one.count for one in found.groups)
        counts.append(found.unread)
    assert len(counts) > 1
    assert counts == sorted(counts, reverse=True)
