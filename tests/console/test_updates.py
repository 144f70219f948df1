"""System updates: from the browser's upload to the other slot, through the real letters and root's own program.

Only systemd is not the real one (tests/image/updates.py): what it is asked is looked at.
"""

import errno
import http.client
import http.server
import json
import re
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import trustme
from playwright.sync_api import expect

from appliance.console.machine import Machine as Letters
from appliance.console.roles import Role
from appliance.console.updates import Updates
from appliance.console.words import Refusal
from appliance.machine.facts import gather
from appliance.machine.places import Places
from appliance.machine.requests import serve
from appliance.machine.update import ordered
from appliance.tls import Certificates
from tests.certificates import authority_file, signed
from tests.console.browser import OpenPage, axe, shoot
from tests.console.serving import Answer, Browser, Serving
from tests.console.visiting import visit
from tests.image.updates import Machine, bundle, head, make_key, manifest


@dataclass(frozen=True, slots=True)
class Beside(Places):
    """The service's data lie where the console of a test has them."""

    @property
    def data(self) -> Path:
        return self.root / "data"


class Machinery:
    """A console on a machine of folders."""

    def __init__(self, root: Path) -> None:
        self.key = make_key(root / "keys")
        self.machine = Machine(root)
        self.machine.places = Beside(root)
        (root / "data/updates").mkdir(parents=True)
        self.pub = self.machine.places.keys / "update.pub"
        self.pub.write_bytes(self.key.with_suffix(".pub").read_bytes())
        self.facts()
        self.console = Serving(root, machine=str(self.machine.places.service))
        self.admin = self.console.user("admin")

    def facts(self) -> None:
        """As the machine tells them at a start."""
        gather(self.machine.places, self.machine.call)

    def works(self) -> None:
        """The machine does what it was asked: its units run."""
        serve(self.machine.places, self.machine.call)
        if ["systemctl", "start", "--no-block", "stellwerk-update.service"] in self.machine.calls:
            ordered(self.machine.places, self.machine.call)
        self.facts()

    def upload(
        self, data: bytes, name: str = "stellwerk.update", piece: int = 4000, who: Browser | None = None
    ) -> Answer:
        """As the page does it; answers the last answer."""
        browser = who or self.admin
        token = browser.get("/account").csrf
        for offset in range(0, len(data), piece):
            said = {"X-File-Path": quote(name), "X-File-Size": str(len(data)), "X-File-Offset": str(offset)}
            body = data[offset : offset + piece]
            answer = browser.ask("POST", "/api/v1/updates/upload", body, **{"X-CSRF-Token": token, **said})
            if answer.status != 200:
                break
        return answer

    def told(self) -> Any:
        """How it stands."""
        return self.admin.call("GET", "/updates").json


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machinery]:
    made = Machinery(tmp_path_factory.mktemp("house"))
    yield made
    made.console.stop()


@pytest.fixture(autouse=True)
def _as_before(house: Machinery) -> None:
    """Each test begins with 0.1.0 alone."""
    for path in house.machine.places.kernels.iterdir():
        path.unlink()
    for path in (house.machine.places.told / "answers").iterdir():
        path.unlink()
    house.machine.runs("0.1.0")
    house.machine.count(False)
    house.machine.calls.clear()
    house.facts()
    house.admin.call("DELETE", "/updates/ready")


def test_an_update_goes_from_the_browser_to_the_other_slot(
    house: Machinery, open_page: OpenPage, tmp_path: Path
) -> None:
    page = visit(open_page, house.admin, "/system/updates", language="de")
    expect(page.get_by_role("heading", name="Systemaktualisierung")).to_be_visible()
    axe(page)
    file = tmp_path / "stellwerk_0.1.1.update"
    file.write_bytes(bundle("0.1.1", house.key, notes={"de": "Schwärzt schneller.", "en": "Blanks faster."}))
    page.locator("input[type=file]").first.set_input_files(file)
    expect(page.get_by_text("Schwärzt schneller.")).to_be_visible()
    page.get_by_label("wenn ich es sage").check()
    axe(page)
    shoot(page, "updates-ready-de")
    page.get_by_role("button", name="Einspielen").click()
    expect(page.get_by_text("Die Maschine soll es einspielen.")).to_be_visible()
    house.works()
    page.reload()
    expect(page.get_by_text("Version 0.1.1 ist eingespielt. Sie läuft ab dem nächsten Neustart.")).to_be_visible()
    expect(page.get_by_text("läuft ab dem nächsten Neustart", exact=True)).to_be_visible()
    assert house.machine.slots() == ["stellwerk_0.1.0.efi", "stellwerk_0.1.1+2-0.efi"]
    page.get_by_role("button", name="Neu starten", exact=True).click()
    expect(page.get_by_role("dialog")).to_contain_text("Die Maschine neu starten?")
    page.get_by_role("dialog").get_by_role("button", name="Neu starten").click()
    expect(page.get_by_text("Die Maschine soll es tun.")).to_be_visible()
    house.works()
    assert house.machine.calls.count(["systemctl", "reboot"]) == 1
    house.machine.runs("0.1.1")
    house.facts()
    page.reload()
    expect(page.get_by_text("Nichts. Laden Sie ein Update hoch")).to_be_visible()
    assert not list((house.console.data / "updates").glob("*.update")), "what runs is not kept any more"
    acts = [act["did"] for act in house.admin.call("GET", "/audit").json["acts"]]
    assert acts[:3] == ["machine-restart", "update-installed", "update-uploaded"]


def test_a_roll_back_is_told_with_what_was_seen(house: Machinery, open_page: OpenPage) -> None:
    (house.machine.places.kernels / "stellwerk_0.1.1+0-2.efi").write_text("kernel")
    house.machine.places.kept.mkdir(exist_ok=True)
    note = house.machine.places.kept / "failed.json"
    note.write_text(
        json.dumps({"version": "0.1.1", "at": "2026-11-27T09:00:00+00:00", "why": "<b>stellwerk.service</b> is failed"})
    )
    house.facts()
    page = visit(open_page, house.admin, "/system/updates")
    expect(page.get_by_role("alert")).to_contain_text("Version 0.1.1 did not come up well")
    expect(page.get_by_role("alert")).to_contain_text("<b>stellwerk.service</b> is failed")
    axe(page)
    shoot(page, "updates-rolled-back")
    note.unlink()


REFUSED: list[tuple[str, Callable[[Path], bytes]]] = [
    ("damaged or not whole", lambda key: bundle("0.1.1", key)[:-1] + b"?"),
    ("not signed by anybody", lambda key: bundle("0.1.1", key).replace(b"Better", b"Bitter")),
    ("not signed by anybody", lambda key: bundle("0.1.1", make_key(key.parent / "theirs"))),
    ("no update for Stellwerk", lambda _: b"PK\x03\x04" * 3000),
]


@pytest.mark.parametrize(("words", "data"), REFUSED)
def test_a_tampered_upload_is_refused_and_gone(house: Machinery, words: str, data: Callable[[Path], bytes]) -> None:
    answer = house.upload(data(house.key))
    assert (answer.status, words in answer.json["title"]) == (422, True), answer.text
    assert house.told()["ready"] is None
    assert not list((house.console.data / "updates").glob("*.update"))
    german = house.console.browser(Accept_Language="de")
    german.cookies |= house.admin.cookies
    assert "unterschrieben" in house.upload(REFUSED[1][1](house.key), who=german).json["title"]


def test_an_upload_goes_on_where_it_was_broken_off(house: Machinery) -> None:
    data = bundle("0.1.1", house.key)
    token = house.admin.get("/account").csrf

    def put(offset: int, piece: bytes, size: int = len(data)) -> Answer:
        said = {"X-File-Path": "a%20b.update", "X-File-Size": str(size), "X-File-Offset": str(offset)}
        return house.admin.ask("POST", "/api/v1/updates/upload", piece, **{"X-CSRF-Token": token, **said})

    assert put(0, data[:100]).json == {"have": 100}
    assert house.told()["coming"] == {"name": "a b.update", "size": len(data), "have": 100}
    assert put(50, data[50:200]).json == {"have": 100}, "other bytes than the next ones"
    house.console.stop()
    house.console.start()
    house.admin = house.console.user("admin")
    token = house.admin.get("/account").csrf
    assert put(100, data[100:]).json == {"have": len(data)}
    assert house.told()["ready"]["version"] == "0.1.1"
    assert house.told()["coming"] == {}
    assert put(0, data[:100], 200).json == {"have": 100}, "another one begins anew, and the ready one stays"
    assert put(100, data[:200], 200).status == 422
    assert put(0, b"x", 5 << 30).status == 422
    assert house.told()["ready"]["version"] == "0.1.1"


def test_root_refuses_what_the_console_would_have_taken(house: Machinery) -> None:
    """The console's check is a courtesy: whoever has taken it over still gets nothing installed."""
    theirs = make_key(house.key.parent / "theirs")
    path = house.console.data / "updates/stellwerk_0.1.1.update"
    path.write_bytes(bundle("0.1.1", theirs))
    house.machine.ask("update", {"file": str(path), "restart": "now"})
    house.works()
    [answer] = house.told()["answers"]
    assert (answer["kind"], "not signed by anybody" in answer["words"]) == ("no", True)
    assert house.machine.slots() == ["stellwerk_0.1.0.efi"]
    assert ["systemctl", "reboot"] not in house.machine.calls


def test_it_is_not_asked_twice_while_one_is_installed(house: Machinery) -> None:
    assert house.upload(bundle("0.1.1", house.key)).status == 200
    assert house.admin.call("POST", "/updates/install", {"restart": "night"}).json == {"version": "0.1.1"}
    going = {"going": "…", "word": "writing", "facts": {"version": "0.1.1"}, "at": "2026-11-27T09:00:00+00:00"}
    (house.machine.places.told / "answers/update.json").write_text(json.dumps(going))
    answer = house.admin.call("POST", "/updates/install", {"restart": "night"})
    assert (answer.status, answer.json["title"]) == (409, "An update is being installed. Wait until it is done.")


@pytest.fixture
def shelf(house: Machinery, tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """An update server whose certificate a house's own authority has signed: its folder, and its address."""
    authority = trustme.CA()
    identity = signed(tmp_path, authority, "localhost")
    Certificates(house.console.data / "tls", "").authority("update-server", authority_file(tmp_path, authority))
    folder = tmp_path / "shelf"
    folder.mkdir()

    class Files(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *parts: Any) -> None:
            super().__init__(*parts, directory=str(folder))

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(identity.chain, identity.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, f"https://localhost:{server.server_port}/"
    server.shutdown()
    server.server_close()


def put_on_shelf(folder: Path, version: str, key: Path) -> None:
    """As `make update` leaves it."""
    told = manifest(version)
    (folder / f"latest_stellwerk_{told['architecture']}.head").write_bytes(head(told, key))
    (folder / f"stellwerk_{version}.update").write_bytes(bundle(version, key))


def test_an_update_is_fetched_from_a_server(house: Machinery, shelf: tuple[Path, str]) -> None:
    folder, url = shelf

    def look() -> Answer:
        return house.admin.call("POST", "/updates/look", {"url": url})

    assert "nothing for this machine" in look().json["title"]
    put_on_shelf(folder, "0.1.0", house.key)
    assert look().json == {"found": None}
    assert house.admin.call("POST", "/updates/fetch").status == 409
    put_on_shelf(folder, "0.1.1", house.key)
    assert look().json["found"]["version"] == "0.1.1"
    assert house.admin.call("POST", "/updates/fetch").status == 200
    fetched(house)
    assert house.told()["ready"]["version"] == "0.1.1"
    put_on_shelf(folder, "0.1.2", house.key)
    look()
    (folder / "stellwerk_0.1.2.update").write_bytes(bundle("0.1.2", house.key)[:-1] + b"?")
    house.admin.call("POST", "/updates/fetch")
    fetched(house)
    assert "damaged" in house.told()["fetching"]["trouble"]
    assert house.told()["ready"]["version"] == "0.1.1", "the good one stays"
    put_on_shelf(folder, "0.1.3", make_key(folder / "theirs"))
    assert "not signed by anybody" in look().json["title"]


def fetched(house: Machinery) -> None:
    """Wait until nothing is fetched any more."""
    end = time.monotonic() + 20
    while house.told()["fetching"]["going"]:
        assert time.monotonic() < end
        time.sleep(0.05)


@pytest.mark.parametrize(
    "url", ["http://a.example/", "https://", "https://u:p@a.example/", "file:///etc/passwd", "x", ""]
)
def test_only_https_is_asked(house: Machinery, url: str) -> None:
    answer = house.admin.call("POST", "/updates/look", {"url": url})
    assert (answer.status, answer.json["title"].startswith("Write the address of a folder")) == (422, True)


def test_a_server_that_is_away_is_told(house: Machinery, shelf: tuple[Path, str]) -> None:
    port = re.sub(r"\D", "", shelf[1].rsplit(":", 1)[1])
    assert "cannot be asked" in house.admin.call("POST", "/updates/look", {"url": "https://localhost:1/"}).json["title"]
    untrusted = house.admin.call("POST", "/updates/look", {"url": f"https://127.0.0.1:{port}/"})
    assert "cannot be asked" in untrusted.json["title"]


def test_what_the_firewall_does_not_let_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def shut(*_: object, **__: object) -> None:
        raise OSError(errno.EHOSTUNREACH, "No route to host")

    machine = Machine(tmp_path)
    gather(machine.places, machine.call)
    monkeypatch.setattr(http.client.HTTPSConnection, "connect", shut)
    updates = Updates(tmp_path, Letters(machine.places.service), 0, ssl.create_default_context)
    with pytest.raises(Refusal, match="update_url"):
        updates.look("https://elsewhere.example/")


def test_where_there_is_no_such_machine_it_says_how_to_update(console: Serving, open_page: OpenPage) -> None:
    admin = console.user("admin")
    page = visit(open_page, admin, "/system/updates")
    expect(page.get_by_text("runs here as a program")).to_be_visible()
    axe(page)
    for path, body in (("install", {"restart": "now"}), ("fetch", None)):
        assert admin.call("POST", f"/updates/{path}", body).status == 409
    assert admin.call("POST", "/machine/power-off").status == 409
    assert admin.call("POST", "/machine/restart", {"when": "now"}).status == 409
    assert admin.call("GET", "/updates").json["kind"] == "none"


def test_a_package_says_apt(tmp_path: Path) -> None:
    other = Machine(tmp_path, image=False)
    gather(other.places, other.call)
    console = Serving(tmp_path, machine=str(other.places.service))
    try:
        assert "apt-get install" in console.user("admin").get("/system/updates").text
        assert console.user("admin").call("POST", "/machine/restart", {"when": "now"}).status == 409
    finally:
        console.stop()


def test_only_an_admin_sees_and_does_it(house: Machinery) -> None:
    operator = house.console.user("olaf", Role.OPERATOR)
    assert operator.get("/system/updates").status == 403
    assert house.upload(bundle("0.1.1", house.key), who=operator).status == 403
    assert operator.call("POST", "/machine/restart", {"when": "now"}).status == 403
