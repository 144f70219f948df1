"""A machine without a keyboard: while there is no user, its screen finds a link that is good; then there is none."""

import json
import time
from pathlib import Path

import pytest

from appliance.console.accounts import Accounts
from appliance.console.audit import Audit
from appliance.console.first_admin import SPARE, FirstAdmin, typed_secret
from appliance.console.keys import LINK_HOURS, Links
from appliance.console.roles import Role
from appliance.machine.screen_facts import gather
from appliance.tls import Certificates
from tests.certificates import self_signed
from tests.console.serving import PASSWORD, Serving
from tests.console.test_units import Clock


class Machine:
    """A first admin's link on a folder, with a clock that is turned by hand."""

    def __init__(self, root: Path) -> None:
        self.root, self.clock = root, Clock()
        self.folder = root / "run/stellwerk"
        self.folder.mkdir(parents=True)
        (root / "tls").mkdir()
        (root / "tls/own.pem").write_bytes(self_signed(root / "made").chain.read_bytes())
        self.accounts = Accounts(root / "secrets/users.json", self.clock)
        self.links = Links(root / "secrets/links.json", self.clock)
        self.first = self.begun()

    def begun(self) -> FirstAdmin:
        certificates = Certificates(self.root / "tls", "127.0.0.1")
        audit = Audit(self.root / "audit")
        return FirstAdmin(self.folder, self.accounts, self.links, audit, certificates, self.clock)

    @property
    def shown(self) -> str:
        """What the screen would show."""
        return gather(self.root / "run", has_users=False).secret


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_screen_has_a_link_that_is_good_and_the_certificate_s_fingerprint(machine: Machine) -> None:
    machine.first.look()
    link = machine.links.find(machine.shown)
    assert link is not None
    assert link.role is Role.ADMIN
    assert oct((machine.folder / "first-admin").stat().st_mode & 0o777) == "0o600"
    facts = gather(machine.root / "run", has_users=False)
    assert len(facts.fingerprint) == 95


def test_it_stays_the_same_until_shortly_before_its_end(machine: Machine) -> None:
    machine.first.look()
    first = machine.shown
    machine.clock.now += LINK_HOURS * 3600 - SPARE - 1
    machine.first.look()
    assert machine.shown == first
    machine.clock.now += 1
    machine.first.look()
    assert machine.shown != first
    assert machine.links.find(first) is None, "two links at once"
    assert machine.links.find(machine.shown) is not None


def test_it_is_gone_with_the_first_user(machine: Machine) -> None:
    machine.first.look()
    machine.accounts.add("anna", Role.ADMIN, PASSWORD)
    machine.first.look()
    assert machine.shown == ""
    assert not (machine.folder / "first-admin").exists()


def test_after_a_restart_there_is_another(machine: Machine) -> None:
    machine.first.look()
    first = machine.shown
    machine.begun().look()
    assert machine.links.find(first) is None
    assert machine.links.find(machine.shown) is not None


def test_a_link_that_somebody_has_made_by_hand_is_not_ended(machine: Machine) -> None:
    machine.first.look()
    by_hand = machine.links.make(Role.ADMIN, "")
    machine.first.look()
    assert machine.shown == ""
    assert machine.links.find(by_hand) is not None
    machine.clock.now += LINK_HOURS * 3600
    machine.first.look()
    assert machine.links.find(machine.shown) is not None


def test_a_secret_can_be_typed_and_not_guessed() -> None:
    made = {typed_secret() for _ in range(200)}
    assert len(made) == 200
    assert all(len(one) == 29 and not set(one) & set("l0o1IO") and one.islower() for one in made)


def test_the_console_beside_a_machine(tmp_path: Path) -> None:
    folder = tmp_path / "run/stellwerk"
    folder.mkdir(parents=True)
    console = Serving(tmp_path, machine=str(folder))
    try:
        end = time.monotonic() + 30
        while not (secret := gather(tmp_path / "run", has_users=False).secret):
            assert time.monotonic() < end, console.said()
            time.sleep(0.05)
        assert secret not in console.said(), "the log has the link"
        assert "stellwerk console link" in console.said()
        begun = console.browser().post(f"/start/{secret}", name="anna", password=PASSWORD, again=PASSWORD)
        assert begun.status == 303
        while (folder / "first-admin").exists():
            assert time.monotonic() < end, "the link is still shown"
            time.sleep(0.05)
        assert json.loads((folder / "console.json").read_text())["fingerprint"].count(":") == 31
    finally:
        console.stop()
