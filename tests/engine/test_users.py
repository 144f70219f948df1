"""Users and their passwords: what is kept, who comes in, and who must wait."""

import hashlib
import stat
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from engine.throttle import FREE, Throttle
from engine.users import Hash, Users

HERE = "10.0.0.1"


@pytest.fixture
def users(tmp_path: Path) -> Users:
    made = Users(tmp_path / "secrets" / "users", Throttle(time.monotonic))
    made.add("ward1", "correct horse")
    return made


def test_the_right_password_comes_in_and_no_other(users: Users) -> None:
    assert users.check("ward1", "correct horse", HERE)
    assert not users.check("ward1", "correct horse ", HERE)
    assert not users.check("ward1", "", HERE)
    assert not users.check("ward2", "correct horse", HERE)
    assert not users.check("", "", HERE)


def test_the_file_has_no_password_and_is_for_this_account_alone(users: Users) -> None:
    assert "horse" not in users.file.read_text()
    assert users.file.read_text().startswith("ward1 scrypt:16384:8:5:")
    assert stat.S_IMODE(users.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(users.file.parent.stat().st_mode) == 0o700


def test_two_ways_to_type_an_umlaut_are_one_password(users: Users) -> None:
    users.add("ward2", "Mu\u0308llerin1")
    assert users.check("ward2", "M\u00fcllerin1", HERE)


def test_a_change_counts_at_once_also_in_another_process(users: Users) -> None:
    other = Users(users.file, Throttle(time.monotonic))
    assert other.names() == ["ward1"]
    users.add("ward2", "another one")
    assert other.check("ward2", "another one", HERE)
    assert users.remove("ward1")
    assert not users.remove("ward1")
    assert not other.check("ward1", "correct horse", HERE)


def test_after_too_many_failures_even_the_right_password_waits(users: Users) -> None:
    for _ in range(FREE + 1):
        assert not users.check("ward1", "wrong", HERE)
    assert users.wait("ward1", HERE) > 0
    assert not users.check("ward1", "correct horse", HERE)


def test_guesses_at_the_same_moment_are_no_way_around_waiting(users: Users, monkeypatch: pytest.MonkeyPatch) -> None:
    users = Users(users.file, Throttle(lambda: 0.0))  # no time goes by, however busy this machine is
    looked_at = []
    fits = Hash.fits
    monkeypatch.setattr(Hash, "fits", lambda known, password: (looked_at.append(password), fits(known, password))[1])
    with ThreadPoolExecutor(20) as pool:
        assert not any(pool.map(lambda n: users.check("ward1", f"guess {n}", HERE), range(20)))
    # The free ones, the one that begins the wait, and one that was looked at beside it.
    assert len(looked_at) <= FREE + 2


def test_a_guess_at_nobody_costs_the_same_work_as_one_at_somebody(
    users: Users, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So nobody can tell from the time who is a user here."""
    work: list[tuple[int, int, int, int]] = []
    scrypt = hashlib.scrypt

    def counted(secret: bytes, *, salt: bytes, n: int, r: int, p: int, maxmem: int, dklen: int) -> bytes:
        work.append((n, r, p, len(salt)))
        return scrypt(secret, salt=salt, n=n, r=r, p=p, maxmem=maxmem, dklen=dklen)

    monkeypatch.setattr(hashlib, "scrypt", counted)
    assert not users.check("nobody", "wrong", "10.0.0.1")
    assert not users.check("ward1", "wrong", "10.0.0.2")
    at_nobody, at_somebody = work
    assert at_nobody == at_somebody


@pytest.mark.parametrize("name", ["", "-", "a b", "a\nb", "a:b", "ä", "x" * 65])
def test_names_that_would_break_the_file_are_refused(users: Users, name: str) -> None:
    with pytest.raises(ValueError, match="letters, digits"):
        users.add(name, "long enough")


def test_short_passwords_are_refused(users: Users) -> None:
    with pytest.raises(ValueError, match="at least 8"):
        users.add("ward2", "short")


def test_very_long_passwords_are_no_work(users: Users) -> None:
    assert not users.check("ward1", "x" * 10_000_000, HERE)


def test_made_up_names_of_any_length_are_not_remembered(users: Users) -> None:
    for _ in range(FREE + 1):
        assert not users.check("x" * 1_000_000, "wrong", HERE)
    assert users.wait("ward1", HERE) > 0, "the address waits"
    assert users.wait("ward1", "10.0.0.2") == 0


@pytest.mark.parametrize(
    "line", ["ward2", "ward2 scrypt:1", "ward2 plain:1:1:1:QQ==:QQ==", "ward2 scrypt:1073741824:8:5:QQ==:QQ==", "\x00"]
)
def test_a_line_that_cannot_be_read_lets_nobody_in_and_stops_nobody_else(users: Users, line: str) -> None:
    users.file.write_text(line + "\n" + users.file.read_text())
    assert users.names() == ["ward1"]
    assert users.check("ward1", "correct horse", HERE)


def test_a_hash_is_read_as_it_was_written() -> None:
    made = Hash.of("correct horse")
    assert Hash.parse(str(made)) == made
    assert Hash.of("correct horse").digest != made.digest, "each has a salt of its own"
