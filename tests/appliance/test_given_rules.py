"""Rules that came beside a `stellwerk.conf` become the rules, once and whole, as long as there is no user."""

from pathlib import Path

import pytest

from appliance.console.accounts import Accounts
from appliance.console.facts.rule_files import RuleFiles
from appliance.console.roles import Role
from appliance.given_rules import AUTHOR, TROUBLE, take, trouble
from appliance.machine.screen_facts import gather
from appliance.rulebook import RuleBook, install_default_rules
from appliance.settings import Settings

GOOD = "version 1\n\non port 11112 → store by StudyDate\n"


class House:
    """A fresh machine with what lay beside its stellwerk.conf."""

    def __init__(self, root: Path) -> None:
        self.root, self.given = root, root / "etc/rules"
        self.given.mkdir(parents=True)
        (root / "run/stellwerk").mkdir(parents=True)
        self.settings = Settings(data=root / "data", machine=root / "run/stellwerk", language="en")
        self.book = RuleBook(self.settings.rules_path)
        self.settings.data.mkdir()
        install_default_rules(self.settings.rules_path)
        self.files = RuleFiles(self.book, self.settings.data)

    def take(self) -> list[str]:
        return take(self.settings, self.book, self.given)


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def test_they_become_the_rules_and_those_before_are_kept_as_a_version(house: House) -> None:
    (house.given / "praxis.rules").write_text(GOOD)
    before = house.files.current()
    assert house.take() == []
    assert house.files.current() == {"praxis.rules": GOOD}
    last = house.files.last()
    assert last is not None
    assert last.author == AUTHOR
    first = house.files.version(1)
    assert first is not None
    assert first.files == before


def test_they_are_taken_once_and_what_was_changed_since_stays(house: House) -> None:
    (house.given / "praxis.rules").write_text(GOOD)
    house.take()
    changed = GOOD.replace("11112", "11113")
    (house.settings.rules_path / "praxis.rules").write_text(changed)
    assert house.take() == []
    assert house.files.current() == {"praxis.rules": changed}
    (house.given / "praxis.rules").write_text(GOOD.replace("11112", "104"))
    assert house.take() == []
    assert "104" in house.files.current()["praxis.rules"]


def test_with_a_mistake_nothing_is_taken_and_the_screen_says_where(house: House) -> None:
    (house.given / "good.rules").write_text(GOOD)
    (house.given / "wrong.rules").write_text("version 1\n\non port 11114 → forward NOWHERE\n")
    before = house.files.current()
    (line,) = house.take()
    assert line.startswith("wrong.rules:3: E")
    assert house.files.current() == before
    assert trouble(house.settings) == TROUBLE
    assert gather(house.root / "run", has_users=False).rules == (line,)
    (house.given / "wrong.rules").unlink()
    assert house.take() == []
    assert trouble(house.settings) == ""


def test_what_is_not_utf_8_is_a_mistake(house: House) -> None:
    (house.given / "a.rules").write_bytes("# Prüfung\n".encode("cp1252"))
    (line,) = house.take()
    assert line.startswith("a.rules: it is not UTF-8")


def test_rules_without_a_route_are_none(house: House) -> None:
    (house.given / "a.rules").write_text("version 1\n")
    (line,) = house.take()
    assert "no route" in line


def test_once_there_is_a_user_rules_come_from_the_console_alone(house: House) -> None:
    (house.given / "praxis.rules").write_text(GOOD)
    Accounts(house.settings.secrets / "console-users.json").add("anna", Role.ADMIN, "a long enough one")
    before = house.files.current()
    assert house.take() == []
    assert house.files.current() == before


def test_on_a_laptop_nothing_is_looked_at(house: House) -> None:
    (house.given / "praxis.rules").write_text(GOOD)
    before = house.files.current()
    assert take(Settings(data=house.settings.data), house.book, house.given) == []
    assert house.files.current() == before
