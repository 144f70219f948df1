"""`stellwerk machine setup`: a file is taken whole or not at all, counts at every boot after; a broken one is told."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from appliance.machine import letters
from appliance.machine.applied import Applied, Versions
from appliance.machine.conf import Conf, Network
from appliance.machine.setup import Found, at_this_boot, cards, decide, looked_for, told
from appliance.machine.sources import Source, credential
from appliance.settings import Settings
from engine import files

GOOD = b"""hostname = "praxis"
timezone = "Europe/Berlin"
language = "en"
[network]
address = "10.0.0.2/24"
[mail]
host = "smtp.praxis.example"
user = "u"
password = "a \\"secret\\""
"""
RULES = {"house.rules": 'on port 11112 → hold "x"\n'.encode()}


@pytest.fixture
def versions(tmp_path: Path) -> Versions:
    found = Versions(tmp_path / "setup")
    found.begin()
    return found


def take(versions: Versions, *found: Source, has_users: bool = False, cards: tuple[str, ...] = ()) -> Found:
    return decide(found, versions.current(), versions.apply, cards, has_users)


def standing(root: Path) -> Mapping[str, str]:
    """What the service would read, and what the machine would do."""
    etc = root / "etc"
    return {str(path.relative_to(etc)): path.read_text() for path in sorted(etc.rglob("*")) if path.is_file()}


def test_before_any_file_there_is_an_empty_place_and_dhcp(versions: Versions, tmp_path: Path) -> None:
    assert take(versions) == Found(Applied())
    assert Settings.load(tmp_path / "setup/etc/stellwerk.toml", {}) == Settings()


def test_a_token_of_git_goes_into_a_file_of_its_own(versions: Versions, tmp_path: Path) -> None:
    said = b'rules_git = "https://git.praxis.example/rules.git"\nrules_git_token = "glpat-Zyxwicz"\n'
    assert take(versions, Source("STICK", said, {})).mistakes == ()
    etc = tmp_path / "setup/etc"
    settings = Settings.load(etc / "stellwerk.toml", {})
    assert settings.rules_git == "https://git.praxis.example/rules.git"
    assert str(settings.rules_git_token_file) == "/etc/stellwerk/rules-git-token"
    assert (etc / "rules-git-token").read_text() == "glpat-Zyxwicz\n"
    assert (etc / "rules-git-token").stat().st_mode & 0o777 == 0o640
    assert "Zyxwicz" not in (etc / "stellwerk.toml").read_text() + (etc / "applied.json").read_text()
    alone = take(versions, Source("STICK", b'language = "en"\nrules_git_token = "x"\n', {})).mistakes
    assert [one.by("en") for one in alone] == ["line 2: rules_git_token: a token needs rules_git"]


def test_a_folder_that_was_laid_out_empty_makes_way(tmp_path: Path) -> None:
    (tmp_path / "setup/etc").mkdir(parents=True)
    Versions(tmp_path / "setup").begin()
    assert (tmp_path / "setup/etc").is_symlink()
    assert (tmp_path / "setup/etc/stellwerk.toml").is_file()


def test_a_file_is_taken_and_the_service_reads_its_settings(versions: Versions, tmp_path: Path) -> None:
    result = take(versions, Source("STICK", GOOD, RULES))
    assert result.mistakes == ()
    etc = tmp_path / "setup/etc"
    settings = Settings.load(etc / "stellwerk.toml", {})
    assert (settings.mail_host, settings.language) == ("smtp.praxis.example", "en")
    assert str(settings.mail_password_file) == "/etc/stellwerk/mail-password"
    assert (etc / "mail-password").read_text() == 'a "secret"\n'
    assert (etc / "mail-password").stat().st_mode & 0o777 == 0o640
    assert "secret" not in (etc / "stellwerk.toml").read_text() + (etc / "applied.json").read_text()
    assert (etc / "rules/house.rules").read_bytes() == RULES["house.rules"]


def test_it_counts_at_the_next_boots_without_the_stick(versions: Versions, tmp_path: Path) -> None:
    take(versions, Source("STICK", GOOD))
    again = Versions(tmp_path / "setup")
    again.begin()
    assert take(again).applied.conf == Conf("en", "praxis", "Europe/Berlin", network=Network(("10.0.0.2/24",)))


def test_the_same_stick_changes_nothing_and_another_does(versions: Versions, tmp_path: Path) -> None:
    take(versions, Source("STICK", GOOD))
    before = (tmp_path / "setup/etc").readlink()
    assert take(versions, Source("OTHER PORT", GOOD)).applied.conf.hostname == "praxis"
    assert (tmp_path / "setup/etc").readlink() == before
    assert take(versions, Source("STICK", GOOD.replace(b"praxis", b"other", 1))).applied.conf.hostname == "other"
    assert len(list((tmp_path / "setup/versions").iterdir())) == 1


def test_a_broken_file_changes_nothing_and_is_told(versions: Versions, tmp_path: Path) -> None:
    take(versions, Source("STICK", GOOD))
    before = standing(tmp_path / "setup")
    result = take(versions, Source("STICK", GOOD.replace(b"/24", b"")))
    assert standing(tmp_path / "setup") == before
    assert result.applied.conf.hostname == "praxis"
    assert [one.by("en") for one in result.mistakes] == [
        "line 5: network.address: the length of the network is missing, for example 192.168.10.20/24"
    ]


def test_two_that_differ_are_a_question_and_two_that_are_the_same_are_none(versions: Versions) -> None:
    assert take(versions, Source("A", GOOD), Source("B", GOOD)).mistakes == ()
    (mistake,) = take(versions, Source("A", b""), Source("B", GOOD)).mistakes
    assert mistake.by("en").startswith("there are several files, and they differ (A / B)")


def test_rules_are_not_taken_once_there_are_users(versions: Versions, tmp_path: Path) -> None:
    result = take(versions, Source("STICK", GOOD, RULES), has_users=True)
    assert result.rules_left
    assert result.applied.conf.hostname == "praxis"
    assert not (tmp_path / "setup/etc/rules").exists()


@pytest.mark.parametrize("name", ["a\x1b[2J.rules", "../a.rules", ".rules"])
def test_a_rule_file_with_a_strange_name_is_a_mistake(versions: Versions, name: str) -> None:
    (mistake,) = take(versions, Source("STICK", GOOD, {name: b""})).mistakes
    assert mistake.by("en").startswith("no rule file can be called ")
    assert mistake.by("en").isprintable()


CALLS = ("put", "sync", "move", "make_folder", "remove_folder", "remove")


class Cut(Exception):
    """The power is gone."""


def counted(monkeypatch: pytest.MonkeyPatch, cut_at: int) -> Iterator[None]:
    """Every durable call is counted; before the one of this number, the power goes."""
    done = [0]
    for name in CALLS:
        real = getattr(files, name)

        def call(*arguments: Any, real: Any = real) -> Any:
            done[0] += 1
            if done[0] == cut_at:
                raise Cut
            return real(*arguments)

        monkeypatch.setattr(files, name, call)
    yield
    monkeypatch.undo()
    assert done[0] < cut_at, "it was not cut, and did not come to an end"


def test_wherever_the_power_goes_the_old_or_the_new_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = GOOD.replace(b"praxis", b"other", 1)
    seen, at = set(), 0
    while True:
        at += 1
        root = tmp_path / str(at)
        versions = Versions(root)
        versions.apply("old", "STICK", Conf(hostname="before", settings={"min_free_mb": 1}), {})
        old = standing(root)
        with monkeypatch.context() as patch:
            counting = counted(patch, at)
            next(counting)
            try:
                take(versions, Source("STICK", new, RULES))
                cut = False
            except Cut:
                cut = True
        found = standing(root)
        again = Versions(root)
        again.begin()
        assert standing(root) == found
        assert len(list((root / "versions").iterdir())) == 1, "a start that was broken off has left its files"
        is_old = found == old
        assert again.current().conf.hostname == ("before" if is_old else "other")
        assert is_old or set(found) == {"stellwerk.toml", "mail-password", "applied.json", "rules/house.rules"}
        seen.add(is_old)
        # Whatever had been cut, the same stick is taken at the next boot.
        assert take(again, Source("STICK", new, RULES)).applied.conf.hostname == "other"
        if not cut:
            break
    assert seen == {True, False}
    assert at > 15


def test_what_counts_is_below_run_at_each_boot(tmp_path: Path) -> None:
    at_this_boot(Applied("x", "STICK", Conf(hostname="praxis", timezone="Europe/Berlin")), tmp_path)
    assert (tmp_path / "sysctl.d/50-stellwerk.conf").read_text() == "kernel.hostname = praxis\n"
    assert (tmp_path / "stellwerk-machine/environment").read_text() == "TZ=Europe/Berlin\n"
    at_this_boot(Applied(), tmp_path)
    assert (tmp_path / "stellwerk-machine/environment").read_text() == ""


def test_the_screen_hears_of_it(versions: Versions, tmp_path: Path) -> None:
    letters.write(tmp_path / "setup.json", told(take(versions, Source("STICK", b"x"))))
    said = json.loads((tmp_path / "setup.json").read_text())
    assert said["where"] == "STICK"
    assert said["taken"] is False
    assert said["mistakes"][0][0] == 1


def test_where_nothing_can_be_looked_at_what_was_taken_before_still_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "stellwerk.conf").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path))
    assert list(looked_for(str(tmp_path))) == []


def test_a_credential_is_a_source_with_rules(tmp_path: Path) -> None:
    assert credential(None) is None
    assert credential(str(tmp_path)) is None
    (tmp_path / "stellwerk.conf").write_bytes(GOOD)
    (tmp_path / "stellwerk.rules").write_bytes(b"# rules\n")
    assert credential(str(tmp_path)) == Source("credential", GOOD, {"stellwerk.rules": b"# rules\n"})


def test_cards_of_software_are_none(tmp_path: Path) -> None:
    (tmp_path / "n2").write_text("E:ID_PATH=pci-0000:01:00.0\nE:ID_NET_NAME=enp1s0\n")
    (tmp_path / "n3").write_text("E:ID_NET_NAME=vlan20\n")
    (tmp_path / "b8:0").write_text("E:ID_PATH=pci-0000:02:00.0\nE:ID_NET_NAME=no\n")
    assert cards(tmp_path) == ("enp1s0",)
