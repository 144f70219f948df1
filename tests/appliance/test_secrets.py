"""Secrets lie beside the rules, are read when they are needed, and are shown nowhere."""

from pathlib import Path

import pytest

from appliance.secrets import Secrets
from engine.errors import Later


@pytest.fixture
def secrets(tmp_path: Path) -> Secrets:
    return Secrets(tmp_path)


def test_a_login_has_a_user_and_a_password(secrets: Secrets) -> None:
    (secrets.folder / "UPLOAD").write_text("sender\r\np: ss wörd \r\n", encoding="utf-8")
    login = secrets.login("UPLOAD")
    assert (login.user, login.password) == ("sender", "p: ss wörd ")
    assert "wörd" not in f"{login!r} {login}"


def test_a_token_is_one_line_and_read_anew_each_time(secrets: Secrets) -> None:
    (secrets.folder / "CLOUD").write_text("abc\n")
    assert secrets.token("CLOUD") == "abc"
    (secrets.folder / "CLOUD").write_text("def")
    assert secrets.token("CLOUD") == "def"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("GONE", None, "write it to"),
        ("../users", None, "cannot be the name"),
        ("EMPTY", b"", "no token"),
        ("TWO", b"geheim\ngeheim", "no token"),
        ("BINARY", b"\xff\xfegeheim", "not UTF-8"),
    ],
)
def test_what_cannot_be_had_is_later_in_words_that_do_not_tell_it(
    secrets: Secrets, name: str, content: bytes | None, words: str
) -> None:
    if content is not None:
        (secrets.folder / name).write_bytes(content)
    with pytest.raises(Later, match=words) as reason:
        secrets.token(name)
    assert "geheim" not in str(reason.value)


def test_a_login_without_a_password_is_later(secrets: Secrets) -> None:
    (secrets.folder / "HALF").write_text("sender\n")
    with pytest.raises(Later, match="no log-in"):
        secrets.login("HALF")


def test_secrets_that_others_may_read_are_named(secrets: Secrets) -> None:
    (secrets.folder / "OPEN").write_text("x")
    (secrets.folder / "OPEN").chmod(0o644)
    (secrets.folder / "CLOSED").write_text("x")
    (secrets.folder / "CLOSED").chmod(0o600)
    assert secrets.open_to_others() == ["OPEN"]


def test_the_files_of_the_users_and_the_key_are_no_secrets_to_prove_ourselves_with(tmp_path: Path) -> None:
    (tmp_path / "users").write_text("ward1\nscrypt:abcdef\n")
    (tmp_path / "deid").write_text("ab" * 32)
    for name in ("users", "Users", "deid"):
        for ask in (Secrets(tmp_path).login, Secrets(tmp_path).token, Secrets(tmp_path).text):
            with pytest.raises(Later, match="the appliance's own"):
                ask(name)
