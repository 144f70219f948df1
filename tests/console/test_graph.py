"""The drawing of the images' ways: by mouse, by keys, as a list, at both widths, and while counts change."""

import json

from playwright.sync_api import Page, expect

from tests.console.browser import axe, shoot
from tests.console.modules import Modules

DATA = {
    "nodes": [
        {"id": "on port 26131", "label": "on port 26131", "kind": "source", "state": "passed"},
        {"id": "r/0", "label": "choose", "kind": "choose"},
        {"id": "r/1", "label": "anonymize-pixels regions our-sono check text", "kind": "step", "state": "done"},
        {"id": "archive.store", "label": "archive <b>&", "kind": "outbox", "state": "done"},
        {"id": "PACS_A", "label": "PACS_A", "kind": "outbox", "state": "trouble"},
        {"id": "hold", "label": "hold", "kind": "outbox", "state": "skipped"},
    ],
    "edges": [
        {"from": "on port 26131", "to": "r/0", "label": "", "count": 12408},
        {"from": "r/0", "to": "r/1", "label": "Modality = US and Manufacturer contains Philips", "count": 8},
        {"from": "r/0", "to": "archive.store", "label": "otherwise", "count": 12400},
        {"from": "r/1", "to": "PACS_A", "count": 8, "state": "waiting"},
        {"from": "r/1", "to": "PACS_A", "label": "again"},
        {"from": "r/1", "to": "hold", "label": "on failure", "count": 0, "state": "skipped"},
    ],
}


def drawn(modules: Modules, data: object = DATA, chosen: bool = True, **how: object) -> Page:
    call = "(kind, one) => { window.opened = [kind, one.id ?? one.from, one.count]; }" if chosen else "undefined"
    return modules(
        f"""
        import {{ graph }} from "/static/graph.js";
        window.made = graph(place, {{ data: {json.dumps(data)}, label: "Ways", chosen: {call} }});
        """,
        **how,
    )


def test_nodes_and_edges_say_what_they_are(modules: Modules) -> None:
    page = drawn(modules)
    picture = page.get_by_role("group", name="Ways")
    expect(picture.get_by_role("button", name="PACS_A, way out, in trouble", exact=True)).to_be_visible()
    expect(
        picture.get_by_role("button", name="From on port 26131 to choose, 12,408 objects", exact=True)
    ).to_have_count(1)
    expect(picture.get_by_role("button", name="archive <b>&, way out, done")).to_have_count(1)
    expect(picture.get_by_role("button")).to_have_count(12)
    axe(page)
    shoot(page, "graph")


def test_nothing_is_drawn_over_another(modules: Modules) -> None:
    page = drawn(modules)
    boxes = [one.bounding_box() for one in page.locator(".graph-node").all()]
    for at, one in enumerate(boxes):
        for other in boxes[at + 1 :]:
            apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
            assert apart or one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]


def test_letters_stay_in_their_nodes(modules: Modules) -> None:
    page = drawn(modules)
    for node in page.locator(".graph-node").all():
        outline = node.locator("> :is(rect, polygon)").bounding_box()
        for line in node.locator("text").all():
            box = line.bounding_box()
            assert outline["x"] < box["x"]
            assert box["x"] + box["width"] < outline["x"] + outline["width"]


def test_a_click_opens_a_node_and_an_edge(modules: Modules) -> None:
    page = drawn(modules)
    page.locator(".graph-node", has_text="PACS_A").click()
    assert page.evaluate("opened[1]") == "PACS_A"
    page.locator(".graph-edge text", has_text="12,400").click()
    assert page.evaluate("opened") == ["edge", "r/0", 12400]


def test_keys_walk_along_the_ways(modules: Modules) -> None:
    page = drawn(modules)
    page.locator(".graph [tabindex='0']").focus()
    expect(page.locator("*:focus")).to_have_attribute("aria-label", "on port 26131, way in, passed")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    assert page.evaluate("opened") == ["edge", "on port 26131", 12408]
    page.keyboard.press("End")
    assert page.locator(".graph [tabindex='0']").count() == 1
    page.keyboard.press("Home")
    page.keyboard.press("Tab")  # leaves the drawing at once
    expect(page.locator("summary")).to_be_focused()


def test_new_counts_keep_places_and_focus(modules: Modules) -> None:
    page = drawn(modules)
    page.locator(".graph [tabindex='0']").focus()
    page.keyboard.press("ArrowRight")
    page.evaluate("window.kept = document.activeElement")
    later = json.loads(json.dumps(DATA))
    later["edges"][0]["count"] = 12409
    later["nodes"][4]["state"] = "done"
    page.evaluate("data => { made.update(data); made.choose('node', 'PACS_A') }", later)
    assert page.evaluate("document.activeElement === kept")
    expect(page.locator("*:focus")).to_contain_text("12,409")
    expect(page.locator(".graph-marked")).to_have_attribute("aria-label", "PACS_A, way out, done")
    page.keyboard.press("Enter")
    assert page.evaluate("opened") == ["edge", "on port 26131", 12409]


def test_another_graph_is_drawn_anew(modules: Modules) -> None:
    page = drawn(modules)
    page.evaluate("made.update({ nodes: [{ id: 'a', label: 'alone', kind: 'step' }], edges: [] })")
    expect(page.locator(".graph svg").get_by_role("button")).to_have_count(1)
    page.evaluate("made.update({ nodes: [], edges: [] })")
    expect(page.get_by_text("Nothing to draw yet.")).to_be_visible()
    page.evaluate("made.update({ nodes: [{ id: 'a', label: 'alone', kind: 'step' }], edges: [] })")
    expect(page.locator(".graph svg").get_by_role("button")).to_have_count(1)


def test_the_list_says_the_same_and_opens_the_same(modules: Modules) -> None:
    page = drawn(modules)
    page.get_by_text("As a list").click()
    page.get_by_role("listitem").get_by_role("button", name="→ hold, on failure, 0 objects, not taken").click()
    assert page.evaluate("opened") == ["edge", "r/1", 0]
    axe(page)


def test_without_anything_to_open_it_is_a_picture(modules: Modules) -> None:
    page = drawn(modules, chosen=False)
    expect(page.locator(".graph svg").get_by_role("button")).to_have_count(0)
    expect(page.get_by_role("img", name="PACS_A, way out, in trouble")).to_have_count(1)
    axe(page)


def test_on_a_narrow_screen_it_runs_downwards_and_can_be_read(modules: Modules) -> None:
    page = drawn(modules, width=390, language="de", dark=True)
    first, last = (page.locator(".graph-node", has_text=name).bounding_box() for name in ("on port 26131", "PACS_A"))
    assert last["y"] > first["y"] + first["height"]
    assert page.locator(".graph-node text", has_text="PACS_A").bounding_box()["height"] > 9
    expect(page.get_by_role("button", name="PACS_A, Ausgang, gestört").first).to_be_visible()
    axe(page)


def test_many_nodes_are_laid_out_soon(modules: Modules) -> None:
    many = {
        "nodes": [{"id": str(at), "label": f"step number {at}", "kind": "step"} for at in range(120)],
        "edges": [{"from": str(at // 2), "to": str(at), "count": at} for at in range(1, 120)],
    }
    page = drawn(modules)
    took = page.evaluate(
        "data => { const before = performance.now(); made.update(data); return performance.now() - before }", many
    )
    assert took < 3000  # a tenth of it on a machine with nothing else to do
