"""The page System: a backup is downloaded, uploaded elsewhere, verified, decided, and in place after the next start."""

import io
import json
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import expect

from appliance.backup.restoring import complete
from appliance.backup.sealed import MAGIC, Reader
from appliance.console.accounts import Accounts
from appliance.console.roles import Role
from tests.console.browser import OpenPage, axe, shoot
from tests.console.serving import PASSWORD, Answer, Browser, Serving
from tests.console.visiting import visit

PASSPHRASE = "korrekt pferd batterie"


@pytest.fixture(scope="module")
def admin(console: Serving) -> Browser:
    (console.data / "rules").mkdir()
    (console.data / "rules" / "house.rules").write_text("# of the old machine\non port 26131 → hold\n", "utf-8")
    return console.user("anna")


@pytest.fixture(scope="module")
def file(admin: Browser) -> bytes:
    """A backup, as the page's form gives it."""
    answer = admin.post(
        "/system", do="backup", passphrase=PASSPHRASE, again=PASSPHRASE, password=PASSWORD, history="yes"
    )
    assert answer.status == 200
    assert str(answer.headers["Content-Disposition"]).endswith('.backup"')
    return answer.body


@pytest.fixture
def other(tmp_path: Path) -> object:
    """Another machine, of another admin."""
    made = Serving(tmp_path / "other")
    (made.data / "rules").mkdir()
    (made.data / "rules" / "house.rules").write_text("# of the new machine\n", "utf-8")
    yield made
    made.stop()


def upload(browser: Browser, file: bytes, offset: int = 0, size: int | None = None) -> Answer:
    """A piece of it, as the page's script sends it."""
    headers = {"X-File-Size": str(len(file) if size is None else size), "X-File-Offset": str(offset)}
    headers |= {"X-CSRF-Token": browser.get("/account").csrf, "Content-Type": "application/octet-stream"}
    return browser.ask("POST", "/api/v1/system/restore/upload", file, **headers)


def state(browser: Browser) -> str:
    return str(browser.call("GET", "/system").json["restore"]["state"])


def acts(browser: Browser) -> list[str]:
    return [act["did"] for act in browser.call("GET", "/audit").json["acts"]]


def test_a_backup_needs_two_equal_passphrases_and_the_own_password(admin: Browser) -> None:
    fields = {"do": "backup", "passphrase": PASSPHRASE, "again": PASSPHRASE, "password": PASSWORD, "history": "yes"}
    for wrong, why in (
        ({"again": "another one, as long"}, "The two passphrases are not the same."),
        ({"passphrase": "short", "again": "short"}, "A passphrase has 12 to 1024 characters."),
        ({"password": "not mine, surely"}, "Your password is another one."),
    ):
        assert admin.post("/system", **{**fields, **wrong}).status == 303
        assert why in admin.get("/system").text


def test_the_backup_is_whole_and_noted(admin: Browser, file: bytes, console: Serving) -> None:
    assert file.startswith(MAGIC)
    reader = Reader(io.BytesIO(file), PASSPHRASE)
    assert reader.read()
    assert reader.is_over
    assert "backup-downloaded" in acts(admin)
    assert PASSPHRASE not in console.said()
    assert all(PASSPHRASE not in path.read_text("utf-8") for path in (console.data / "audit").iterdir())


def test_a_script_with_a_token_gets_one_without_a_password(console: Serving, admin: Browser) -> None:
    secret = console.tokens.make("nightly", Role.ADMIN, "anna", 30)
    script = Browser(console.port, headers={"Authorization": f"Bearer {secret}"})
    body = json.dumps({"passphrase": PASSPHRASE, "history": False})
    answer = script.ask("POST", "/api/v1/system/backup", body)
    assert answer.status == 200
    assert answer.body.startswith(MAGIC)
    assert admin.call("POST", "/system/backup", {"passphrase": PASSPHRASE}).status == 403, "a person types it"
    assert script.ask("POST", "/api/v1/system/backup", '{"passphrase": 1}').status == 422
    assert script.ask("POST", "/api/v1/system/backup", "no JSON").status == 400


def test_a_support_bundle(admin: Browser) -> None:
    answer = admin.post("/system", do="support")
    with zipfile.ZipFile(io.BytesIO(answer.body)) as packed:
        assert packed.testzip() is None
        assert "No patient's data is in it." in packed.read("README.txt").decode()
    assert admin.call("POST", "/system/support").body[:2] == b"PK"
    assert acts(admin).count("support-downloaded") == 2


def test_what_is_uploaded_out_of_order_or_is_no_backup_is_refused(admin: Browser, file: bytes) -> None:
    assert upload(admin, b"PK\x03\x04" * 10).status == 422
    assert upload(admin, file, size=10).status == 422
    assert upload(admin, file[:100], size=10**14).status == 507
    assert upload(admin, file[:100], size=len(file)).json == {"have": 100}
    assert upload(admin, file[200:], 200, len(file)).json == {"have": 100}, "it says where to go on"
    assert state(admin) == "uploaded"
    refused = admin.call("POST", "/system/restore/check", {"passphrase": PASSPHRASE})
    assert "damaged or not whole" in refused.json["title"]
    assert admin.call("POST", "/system/restore/apply").status == 409
    assert upload(admin, file[100:], 100, len(file)).json == {"have": len(file)}
    refused = admin.call("POST", "/system/restore/check", {"passphrase": "not the passphrase"})
    assert refused.json["title"] == "This is not the passphrase of the backup."
    assert admin.call("DELETE", "/system/restore").status == 200
    assert state(admin) == "nothing"


def test_a_whole_round_in_the_browser(file: bytes, other: Serving, tmp_path: Path, open_page: OpenPage) -> None:
    (tmp_path / "a.backup").write_bytes(file)
    bert = other.user("bert")
    page = visit(open_page, bert, "/system", width=390)
    axe(page)
    shoot(page, "system")
    page.get_by_label("The file", exact=True).set_input_files(tmp_path / "a.backup")
    expect(page.get_by_text("It is here. Type its passphrase.")).to_be_visible()
    page.get_by_label("Its passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Read and verify it").click()
    expect(page.get_by_text("This backup is whole:")).to_be_visible()
    axe(page)
    shoot(page, "system-verified")
    assert (other.data / "rules" / "house.rules").read_text("utf-8") == "# of the new machine\n"
    page.get_by_role("button", name="Put it in place").click()
    page.get_by_role("dialog").get_by_role("button", name="Put it in place").click()
    expect(page.get_by_text("It is decided. Restart the appliance now", exact=False)).to_be_visible()
    axe(page)
    assert state(bert) == "decided"
    assert upload(bert, file).status == 409
    assert bert.call("DELETE", "/system/restore").status == 409
    assert {"restore-uploaded", "restore-decided"} <= set(acts(bert))
    # As the next start does, before anything else.
    done = complete(other.data)
    assert done is not None
    assert "of the old machine" in (other.data / "rules" / "house.rules").read_text("utf-8")
    assert [one.name for one in Accounts(other.data / "secrets" / "console-users.json").all()] == ["anna"]
    assert bert.get("/system").status == 303, "who is nobody here any more has to sign in"
    assert Browser(other.port).sign_in("anna").get("/system").status == 200


def test_on_a_machine_of_its_own_it_asks_for_the_start(file: bytes, tmp_path: Path) -> None:
    machine = tmp_path / "run" / "stellwerk"
    (machine / "requests").mkdir(parents=True)
    beside = tmp_path / "run" / "stellwerk-machine"
    beside.mkdir()
    (beside / "facts.json").write_text(
        json.dumps({"image": True, "version": "0.1.1", "other": "0.1.0", "trial": True, "encrypted": False}), "utf-8"
    )
    console = Serving(tmp_path, machine=str(machine))
    try:
        admin = console.user("anna")
        text = admin.get("/system").text
        assert "0.1.1" in text
        assert 'href="/system/updates"' in text
        assert admin.call("GET", "/system").json["machine"] == {
            "trial": True,
            "secure_boot": None,
            "tpm": None,
            "encrypted": False,
        }
        upload(admin, file)
        assert admin.call("POST", "/system/restore/check", {"passphrase": PASSPHRASE}).json["version"]
        assert admin.call("POST", "/system/restore/apply").json == {"restarts": True}
        assert json.loads((machine / "requests" / "restart.json").read_bytes()) == {"when": "now"}
    finally:
        console.stop()
