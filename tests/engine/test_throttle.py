"""Guessing costs time, mistyping does not, and nobody fills the memory with made-up names."""

from engine import throttle
from engine.throttle import FIRST, FORGIVEN, FREE, MOST, Throttle


class Clock:
    """A clock that a test turns."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def failed(guesses: Throttle, times: int, address: str = "10.0.0.1", user: str = "ward1") -> None:
    for _ in range(times):
        guesses.failed(address, user)


def test_who_mistypes_does_not_wait() -> None:
    guesses = Throttle(Clock())
    failed(guesses, FREE)
    assert guesses.wait("10.0.0.1", "ward1") == 0


def test_the_pause_doubles_up_to_the_most() -> None:
    guesses, pauses = Throttle(Clock()), []
    failed(guesses, FREE)
    for _ in range(12):
        failed(guesses, 1)
        pauses.append(guesses.wait("10.0.0.1", "ward1"))
    assert pauses[:4] == [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]
    assert pauses[-1] == MOST


def test_after_the_pause_one_may_guess_again() -> None:
    clock = Clock()
    guesses = Throttle(clock)
    failed(guesses, FREE + 1)
    clock.now += FIRST
    assert guesses.wait("10.0.0.1", "ward1") == 0


def test_one_address_that_tries_many_users_waits() -> None:
    guesses = Throttle(Clock())
    for number in range(FREE + 1):
        guesses.failed("10.0.0.1", f"user{number}")
    assert guesses.wait("10.0.0.1", "another") > 0
    assert guesses.wait("10.0.0.2", "another") == 0


def test_many_addresses_that_try_one_user_wait() -> None:
    guesses = Throttle(Clock())
    for number in range(FREE + 1):
        guesses.failed(f"10.0.0.{number}", "ward1")
    assert guesses.wait("10.0.0.99", "ward1") > 0
    assert guesses.wait("10.0.0.99", "ward2") == 0


def test_a_right_password_forgives_and_so_does_time() -> None:
    clock = Clock()
    guesses = Throttle(clock)
    failed(guesses, FREE + 1)
    guesses.succeeded("10.0.0.1", "ward1")
    failed(guesses, 1)
    assert guesses.wait("10.0.0.1", "ward1") == 0
    failed(guesses, FREE)
    clock.now += FORGIVEN + 1
    failed(guesses, 1)
    assert guesses.wait("10.0.0.1", "ward1") == 0


def test_made_up_names_do_not_fill_the_memory(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    monkeypatch.setattr(throttle, "REMEMBERED", 10)
    guesses = Throttle(Clock())
    for number in range(100):
        guesses.failed("", f"user{number}")
    assert len(guesses._failures) == 10
