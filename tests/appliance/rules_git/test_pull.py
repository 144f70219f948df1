"""Rules from a Git repository: taken forwards and whole, or not at all; and a person hears why, without the token."""

import shutil
import stat
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from appliance.cli import main
from appliance.console.audit import Audit
from appliance.console.facts.rule_files import RuleFiles
from appliance.rulebook import RuleBook, install_default_rules
from appliance.rules_git import fetching
from appliance.rules_git.note import Doing, NotTaken, read, write
from appliance.rules_git.taking import AUTHOR, finish, pull
from appliance.settings import Settings
from appliance.tls import Certificates
from tests.appliance.rules_git.server import TOKEN, GitServer, git_missing
from tests.certificates import self_signed
from tests.engine.spool.crash_kit import Crash, disk
from tests.scale import stride

pytestmark = pytest.mark.skipif(git_missing, reason="git, which makes the commits and serves them, is not installed")

ONE = "version 1\n\non port 11112 → store by StudyDate\n"
TWO = "version 1\n\non port 11113 → store by StudyDate\n"
WRONG = "version 1\n\non port 11114 → forward NOWHERE\n"
FAILS = ONE + '\ntest "it is held"\n  given Modality = US\n  on port 11112\n  expect hold\n'


class House:
    """A machine whose rules come from that server."""

    def __init__(self, root: Path, server: GitServer, **settings: str) -> None:
        data = root / "data"
        self.settings = Settings(data=data, language="en").changed(rules_git=server.url, **settings)
        self.settings.secrets.mkdir(parents=True)
        self.token = self.settings.secrets / "rules-git"
        self.token.write_text(f"{TOKEN}\n")
        (data / "tls").mkdir()
        shutil.copy(self_signed(root / "own").chain, data / "tls/own.pem")  # to make one takes its time
        Certificates(data / "tls").trust("rules-git", server.fingerprint)
        install_default_rules(self.settings.rules_path)
        self.files = RuleFiles(RuleBook(self.settings.rules_path), data)

    @property
    def rules(self) -> dict[str, str]:
        return self.files.current()

    def refused(self, **settings: str) -> str:
        """Why nothing is taken. It is noted in both languages, and the token is nowhere in it; the rules stay."""
        before = self.rules
        with pytest.raises(NotTaken) as why:
            pull(self.settings.changed(**settings))
        said = read(self.settings.data)
        assert (said.words, said.german) == (why.value.trouble.words, why.value.trouble.german)
        assert said.words != said.german
        assert TOKEN not in repr((said, why.value))
        assert self.rules == before
        return said.words


@pytest.fixture
def server(tmp_path: Path) -> Iterator[GitServer]:
    made = GitServer(tmp_path / "server")
    made.commit("the first rules", praxis__rules=ONE)
    yield made
    made.close()


@pytest.fixture
def house(tmp_path: Path, server: GitServer) -> House:
    return House(tmp_path, server)


def test_what_is_pushed_becomes_the_rules_and_who_did_it_is_kept(house: House, server: GitServer) -> None:
    first = house.rules
    pull(house.settings)
    assert house.rules == {"praxis.rules": ONE}
    commit = server.commit("ultrasound moves\n\nand more", praxis__rules=None, a__rules=TWO, README__md="# Rules")
    found = pull(house.settings)
    assert found is not None
    assert house.rules == {"a.rules": TWO}
    last = house.files.last()
    assert last is not None
    assert (last.author, last.why) == (AUTHOR, f"{commit[:12]} Anna: ultrasound moves")
    assert [getattr(house.files.version(number), "files", None) for number in (1, 2)] == [first, {"praxis.rules": ONE}]
    acts = Audit(house.settings.data / "audit").page()[0]
    assert [(one.who, one.did, one.detail) for one in acts][:1] == [(AUTHOR, "rules-activated", commit[:12])]


def test_the_same_commit_is_fetched_once_and_what_was_changed_by_hand_stays(house: House, server: GitServer) -> None:
    pull(house.settings)
    (house.settings.rules_path / "praxis.rules").write_text(TWO)
    server.asked.clear()
    noted = (house.settings.data / "rules-git.json").stat().st_mtime_ns
    assert pull(house.settings) is None
    assert not [path for path, _ in server.asked if path.endswith("/git-upload-pack")]
    assert (house.settings.data / "rules-git.json").stat().st_mtime_ns == noted
    assert house.rules == {"praxis.rules": TWO}
    server.commit("new", praxis__rules=TWO.replace("11113", "104"))
    pull(house.settings)
    assert "104" in house.rules["praxis.rules"]


@pytest.mark.parametrize(
    ("text", "words"),
    [(WRONG, "praxis.rules:3: E"), (FAILS, "praxis.rules:"), ("version 1\n", "no route")],
    ids=["mistake", "example", "empty"],
)
def test_rules_with_a_mistake_are_not_taken_and_a_mended_commit_is(
    house: House, server: GitServer, text: str, words: str
) -> None:
    pull(house.settings)
    commit = server.commit("oh", praxis__rules=text, new__rules="version 1\n")
    said = house.refused()
    assert words in said
    assert f"commit {commit[:12]}" in said
    assert "the old rules run on" in said
    server.commit("mended", praxis__rules=TWO)
    pull(house.settings)
    assert house.rules["praxis.rules"] == TWO
    assert read(house.settings.data).trouble == ""


def test_a_history_that_was_written_anew_is_not_taken_until_somebody_says_so(house: House, server: GitServer) -> None:
    server.commit("second", praxis__rules=TWO)
    pull(house.settings)
    server.git("reset", "-q", "--hard", "HEAD~1")
    server.git("push", "-q", "--force", "origin", "main")
    assert "was written anew" in house.refused()
    other = ONE.replace("11112", "104")
    server.commit("another second", praxis__rules=other)
    assert "stellwerk rules-git --anew" in house.refused()
    pull(house.settings, anew=True)
    assert house.rules == {"praxis.rules": other}


def test_a_merge_goes_forward(house: House, server: GitServer) -> None:
    pull(house.settings)
    server.git("checkout", "-q", "-b", "side")
    (server.clone / "praxis.rules").write_text(TWO)
    server.git("commit", "-q", "-a", "-m", "aside")
    server.git("checkout", "-q", "main")
    server.git("commit", "-q", "--allow-empty", "-m", "meanwhile")
    server.git("merge", "-q", "-m", "both", "side")
    server.push("and on")
    pull(house.settings)
    assert house.rules == {"praxis.rules": TWO}


def test_another_branch_and_a_folder_in_it(house: House, server: GitServer) -> None:
    pull(house.settings)
    (server.clone / "sites/north").mkdir(parents=True)
    (server.clone / "sites/north/north.rules").write_text("\ufeff" + TWO.replace("\n", "\r\n"), "utf-8")
    server.git("checkout", "-q", "--orphan", "live")
    server.git("add", "-A")
    server.git("commit", "-q", "-m", "elsewhere")
    server.git("push", "-q", "origin", "live")
    assert "no folder sites/south" in house.refused(rules_git_branch="live", rules_git_folder="sites/south")
    assert "no rule file" in house.refused(rules_git_branch="live", rules_git_folder="sites")
    assert "no branch dead" in house.refused(rules_git_branch="dead")
    pull(house.settings.changed(rules_git_branch="live", rules_git_folder="/sites/north/"))
    assert house.rules == {"north.rules": TWO}


def test_links_submodules_and_too_much_are_not_taken(
    house: House, server: GitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    (server.clone / "b.rules").symlink_to("/etc/passwd")
    commit = server.push("a link")
    assert "b.rules" in house.refused()
    (server.clone / "b.rules").unlink()
    server.git("update-index", "--add", "--cacheinfo", f"160000,{commit},sub.rules")
    server.git("commit", "-q", "-m", "a submodule")
    server.git("push", "-q", "origin", "main")
    assert "submodules are not taken" in house.refused()
    server.git("rm", "-q", "--cached", "sub.rules")
    (server.clone / "praxis.rules").write_bytes("# Prüfung\n".encode("cp1252"))
    server.push("from Windows")
    assert "is not UTF-8" in house.refused()
    server.commit("long", praxis__rules=ONE + "#" * 80_000)
    assert "too large" in house.refused()
    server.commit("right", praxis__rules=ONE)
    monkeypatch.setattr(fetching, "MOST_PACK", 500)
    assert "too large" in house.refused()
    monkeypatch.undo()
    pull(house.settings)
    assert house.rules == {"praxis.rules": ONE}


def test_a_token_that_is_wrong_missing_or_none(house: House, server: GitServer) -> None:
    house.token.write_text("somebody:glpat-Wrong\n")
    said = house.refused()
    assert "the token does not count there" in said
    assert "glpat-Wrong" not in said
    house.token.write_text("two\nlines\n")
    assert "has no token" in house.refused()
    house.token.unlink()
    assert "it wants a token" in house.refused()
    elsewhere = house.settings.data / "token"
    elsewhere.write_text(f"deploy:{TOKEN}")
    pull(house.settings.changed(rules_git_token_file=elsewhere))
    server.token = ""
    assert pull(house.settings) is None


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        ((404, {}, b""), "no repository"),
        ((500, {}, b"internal"), "HTTP 500"),
        ((302, {"Location": "https://127.0.0.1:1/elsewhere.git"}, b""), "leads elsewhere"),
        ((200, {"Content-Type": "text/html"}, b"<h1>Sign in</h1>"), "none of a Git server"),
        ((200, {"Content-Type": "text/plain"}, b"f" * 40 + b"\trefs/heads/main\n"), "plain files"),
        (
            (200, {"Content-Type": "application/x-git-upload-pack-advertisement"}, b"<h1>"),
            "none of a Git server",
        ),
    ],
    ids=["404", "500", "redirect", "page", "files", "nonsense"],
)
def test_what_is_no_git_server_is_told_in_words(
    house: House, server: GitServer, instead: tuple[int, dict[str, str], bytes], words: str
) -> None:
    server.instead = instead
    assert words in house.refused()
    assert len(server.asked) == 1


def test_a_server_that_is_away_or_shows_another_certificate(house: House, server: GitServer) -> None:
    Certificates(house.settings.tls).trust("rules-git", "00" * 32)
    assert "certificate" in house.refused()
    server.close()
    assert "cannot be reached" in house.refused()


@pytest.mark.parametrize(
    "url", ["http://git.example/a.git", f"https://me:{TOKEN}@git.example/a.git", "git@git.example:a.git", "https://"]
)
def test_an_address_that_is_none_is_never_quoted(house: House, url: str) -> None:
    said = house.refused(rules_git=url)
    assert "rules_git is no address" in said
    assert url == "https://" or url not in said


def test_at_every_file_operation_it_is_the_old_or_the_new_rules(
    tmp_path: Path, house: House, server: GitServer
) -> None:
    server.commit("two files", praxis__rules=ONE, b__rules=TWO)
    pull(house.settings)
    old = house.rules
    server.commit("both change", praxis__rules=TWO, b__rules=None, c__rules=ONE)
    found = fetching.look
    kept: list[fetching.Found | None] = []

    def once(*said: object) -> fetching.Found | None:
        if not kept:
            kept.append(found(*said))  # type: ignore[arg-type]
        return kept[0]

    template = tmp_path / "template"
    shutil.copytree(house.settings.data, template)
    with disk() as done:
        pull(house.settings, look=once)
    new = house.rules
    assert new not in ({}, old)
    become = {"old": 0, "new": 0}
    for point in range(1, len(done) + 1, stride(2)):
        data = Path(shutil.copytree(template, tmp_path / str(point)))
        settings = house.settings.changed(data=data)
        rules = RuleFiles(RuleBook(settings.rules_path), data)
        with disk(crash_at=point), suppress(Crash):
            pull(settings, look=once)
        with disk(crash_at=2), suppress(Crash):  # the next start is interrupted, too
            finish(settings)
        finish(settings)
        now = rules.current()
        assert now in (old, new), f"at {done[point - 1]} ({point})"
        become["new" if now == new else "old"] += 1
        pull(settings, look=once)
        assert rules.current() == new
    assert all(become.values()), become


def test_what_somebody_changed_after_a_power_cut_stays(house: House) -> None:
    pull(house.settings)
    old = house.rules
    note = read(house.settings.data)
    write(house.settings.data, replace(note, doing=Doing("f" * 40, old, {**old, "b.rules": TWO})))
    (house.settings.rules_path / "praxis.rules").write_text(TWO)
    finish(house.settings)
    assert house.rules == {"praxis.rules": TWO}
    assert read(house.settings.data) == note


def test_the_command_says_what_it_did(
    house: House, server: GitServer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("rules_git", "language"):
        monkeypatch.setenv(f"STELLWERK_{name.upper()}", str(getattr(house.settings, name)))
    monkeypatch.setattr("appliance.commands.rules_git._bound", lambda _: None)  # this process has other work
    given = ["rules-git", "--data", str(house.settings.data)]
    assert main(given) == 0
    assert "taken over: " in capsys.readouterr().err
    assert main(given) == 0
    assert "nothing is new" in capsys.readouterr().err
    server.commit("oh", praxis__rules=WRONG)
    assert main(given) == 3
    assert "praxis.rules:3" in capsys.readouterr().err
    monkeypatch.setenv("STELLWERK_RULES_GIT", "")
    assert main(given) == 2
    assert stat.S_IMODE((house.settings.data / "rules-git.lock").stat().st_mode) == 0o600
