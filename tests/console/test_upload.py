"""Files from the browser: chosen, dropped with their folders, sent one after the other, also after an error."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.console.browser import Troubles, axe, shoot
from tests.console.modules import Modules, Site

UPLOAD = """
import { poster, upload } from "/static/upload.js";
window.told = [];
window.made = upload(place, {
  send: poster("/files", { "X-Token": "t" }),
  sent: (path) => told.push(path),
  finished: (all) => told.push(all),
});
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three files, one of them two folders down."""
    disc = tmp_path / "disc"
    (disc / "a/b").mkdir(parents=True)
    (disc / "a/b/2.dcm").write_bytes(b"two" * 1000)
    (disc / "1.dcm").write_bytes(b"one")
    (disc / "Müller <b>.dcm").write_bytes(b"three")
    return disc


def choose(page: Page, paths: list[Path]) -> None:
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose files").click()
    chooser.value.set_files(paths)


def test_a_folder_is_sent_with_all_that_is_in_it(modules: Modules, site: Site, folder: Path) -> None:
    page = modules(UPLOAD)
    axe(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(folder)
    expect(page.get_by_role("status")).to_have_text("Sent: 3 of 3.")
    assert dict(site.files) == {
        "disc/1.dcm": b"one",
        "disc/a/b/2.dcm": b"two" * 1000,
        "disc/Müller <b>.dcm": b"three",
    }
    assert page.evaluate("told.at(-1)") == {"done": 3, "all": 3, "refused": []}
    axe(page)
    shoot(page, "upload")


def test_the_page_proves_that_it_is_ours(modules: Modules, site: Site, folder: Path) -> None:
    page = modules(
        """
        const meta = document.createElement("meta");
        Object.assign(meta, { name: "csrf", content: "proof" });
        document.head.append(meta);
        """
        + UPLOAD
    )
    choose(page, [folder / "1.dcm"])
    expect(page.get_by_role("status")).to_have_text("Sent: 1 of 1.")
    assert [(one["X-Csrf-Token"], one["X-Token"]) for one in site.headers] == [("proof", "t")]


def test_what_is_dropped_is_read_whole_though_the_browser_gives_it_in_parts(modules: Modules, site: Site) -> None:
    page = modules(UPLOAD)
    page.evaluate(
        """() => {
          const file = (path) => ({ isFile: true, name: path.split("/").pop(), fullPath: `/${path}`,
                                    file: (done) => done(new File([path], path.split("/").pop())) });
          const reader = (parts) => ({ readEntries: (done) => done(parts.shift() ?? []) });
          const disc = { isFile: false, name: "disc", fullPath: "/disc",
                         createReader: () => reader([[file("disc/b")], [file("disc/a"), inner]]) };
          const inner = { isFile: false, name: "c", fullPath: "/disc/c",
                          createReader: () => reader([[file("disc/c/d")]]) };
          const items = [disc, file("alone")].map((entry) => ({ kind: "file", webkitGetAsEntry: () => entry }));
          const event = new Event("drop", { cancelable: true });
          Object.defineProperty(event, "dataTransfer", { value: { items } });
          document.querySelector(".upload-zone").dispatchEvent(event);
        }"""
    )
    expect(page.get_by_role("status")).to_have_text("Sent: 4 of 4.")
    assert [path for path, _ in site.files] == ["disc/a", "disc/b", "disc/c/d", "alone"]


def test_a_refused_file_is_named_with_the_reason_and_the_next_is_sent(
    modules: Modules, site: Site, folder: Path, troubles: Troubles
) -> None:
    troubles.allow("422")
    site.answers[:] = [(422, "not a DICOM file")]
    page = modules(UPLOAD)
    choose(page, [folder / "Müller <b>.dcm", folder / "1.dcm"])
    expect(page.get_by_role("status")).to_have_text("Sent: 1 of 2.")
    page.get_by_text("Refused: 1").click()
    expect(page.get_by_role("listitem")).to_have_text("Müller <b>.dcm not a DICOM file")
    assert [path for path, _ in site.files] == ["1.dcm"]
    axe(page)


def test_after_trouble_it_tries_again_by_itself(modules: Modules, site: Site, folder: Path, troubles: Troubles) -> None:
    troubles.allow("503")
    site.answers[:] = [(503, "busy")]
    page = modules(UPLOAD)
    choose(page, [folder / "1.dcm"])
    expect(page.get_by_role("status")).to_have_text("Sent: 1 of 1.")
    assert len(site.files) == 1


def test_it_stops_where_it_cannot_go_on_and_continues_there(
    modules: Modules, site: Site, folder: Path, troubles: Troubles
) -> None:
    troubles.allow("503")
    site.answers[:] = [(200, ""), *[(503, "the disk is full")] * 3]
    page = modules(UPLOAD)
    choose(page, [folder / "1.dcm", folder / "a/b/2.dcm"])
    expect(page.get_by_role("status")).to_have_text("Stopped at 2.dcm: the disk is full")
    assert page.evaluate("made.state") == "stopped"
    axe(page)
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_role("status")).to_have_text("Sent: 2 of 2.")
    assert [path for path, _ in site.files] == ["1.dcm", "2.dcm"]
    assert page.evaluate("told.slice(0, 2)") == ["1.dcm", "2.dcm"]


def test_it_is_cancelled_in_the_middle(modules: Modules) -> None:
    page = modules(
        """
        import { upload } from "/static/upload.js";
        const never = (path, signal) => new Promise((_, reject) => signal.addEventListener("abort", () => {
          window.aborted = path;
          reject(new Error());
        }));
        const send = (file, path, { signal }) => path === "a" ? Promise.resolve() : never(path, signal);
        window.made = upload(place, { send });
        made.add(["a", "b", "c"].map((path) => ({ path, file: new File([path], path) })));
        """
    )
    expect(page.get_by_role("status")).to_contain_text("1 of 3 files")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_have_text("Cancelled. Sent before that: 1 of 3.")
    assert page.evaluate("[aborted, made.state]") == ["b", "cancelled"]


def test_the_page_may_say_no_before_anything_is_sent(modules: Modules, site: Site, folder: Path) -> None:
    page = modules(UPLOAD.replace("sent:", "chosen: (files) => { window.asked = files.length; return false }, sent:"))
    choose(page, [folder / "1.dcm"])
    page.wait_for_function("() => window.asked === 1")
    assert site.files == []
    assert page.evaluate("made.state") == "idle"
