"""The appliance looks by itself: what is pushed runs, what is wrong is told once; the console only shows the rules."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from appliance.console.accounts import Accounts
from appliance.console.roles import Role
from appliance.demonstration.pacs import answers
from appliance.rules_git.note import Note, write
from appliance.rules_git.watching import TOLD, Watching
from appliance.settings import Settings
from appliance.tls import Certificates
from engine.trouble import Trouble
from tests.appliance.rules_git.server import TOKEN, GitServer, git_missing
from tests.appliance.running import Running, started
from tests.certificates import self_signed
from tests.console.serving import PASSWORD, Browser
from tests.ports import free_port


@pytest.mark.skipif(git_missing, reason="git, which makes the commits and serves them, is not installed")
def test_a_whole_appliance_takes_them_over_and_its_console_does_not_change_them(tmp_path: Path) -> None:
    server, (old, new, console) = GitServer(tmp_path / "server"), (free_port(), free_port(), free_port())
    server.commit("first", praxis__rules=f"version 1\n\non port {new} → store by StudyDate\n")
    data = tmp_path / "data"
    (data / "secrets").mkdir(parents=True)
    (data / "secrets/rules-git").write_text(TOKEN)
    (data / "tls").mkdir()
    shutil.copy(self_signed(tmp_path / "own").chain, data / "tls/own.pem")
    Certificates(data / "tls").trust("rules-git", server.fingerprint)
    Accounts(data / "secrets/console-users.json").add("anna", Role.ADMIN, PASSWORD)
    rules = f"version 1\n\non port {old} → store by StudyDate\n"
    line = Running(tmp_path, rules, old, rules_git=server.url, console_port=str(console))
    try:
        line.wait_for(lambda: answers(new) and answers(console), "the commit does not run")
        line.wait_for(lambda: "taken over: " in line.said(), "it is not told")
        admin = Browser(console).sign_in("anna")
        page = admin.get("/rules").text
        assert f"These rules come from Git, {server.url} (main), and are changed only there." in page
        assert 'id="activate"' not in page
        now = admin.call("GET", "/rules").json
        assert list(now["files"]) == ["praxis.rules"]
        body = {"files": {"praxis.rules": rules}, "digest": now["digest"], "why": ""}
        for path, more in (("/rules/activate", {}), ("/rules/trial", {"minutes": 5, "then": "ask", "watch": 0})):
            refused = admin.call("POST", path, {**body, **more})
            assert (refused.status, "come from Git" in refused.text) == (409, True), refused.text
        assert TOKEN not in line.said() + page
        assert line.stop() == 0
    finally:
        line.stop()
        started.clear()
        server.close()


def test_what_is_wrong_is_told_once_in_both_languages(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    commands: list[Sequence[str]] = []
    said = [(TOLD, "it is away"), (TOLD, "it is away"), (0, ""), (0, "taken over: abc Anna: new"), (-9, "")]

    def run(command: Sequence[str]) -> tuple[int, str]:
        commands.append(command)
        return said.pop(0)

    watching = Watching(Settings(data=tmp_path), ["--data", str(tmp_path)], run)
    write(tmp_path, Note(words="it is away", german="er ist weg"))
    watching.turn()
    assert watching.trouble == Trouble("it is away", "er ist weg")
    watching.turn()
    watching.turn()
    assert not watching.trouble
    watching.turn()
    watching.turn()
    assert "ended with -9" in str(watching.trouble)
    assert [one.message for one in caplog.records] == [
        "rules from Git: it is away",
        "rules from Git: all is well again",
        "rules from Git: taken over: abc Anna: new",
        "rules from Git: the Git repository of the rules cannot be looked at: it has ended with -9; it is tried again",
    ]
    assert commands[0][-3:] == ["--watched", "--data", str(tmp_path)]


def test_a_look_that_hangs_is_broken_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("appliance.rules_git.watching.WHOLE", 0.2)
    watching = Watching(Settings(data=tmp_path), [])
    assert watching._beside.run(["/bin/sleep", "60"]) == (1, "it came to no end in 0.2 seconds")
