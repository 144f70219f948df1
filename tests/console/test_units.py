"""The parts beneath the console, each by itself: accounts, links, sessions, audit, schemas, events."""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from appliance.console.accounts import Accounts
from appliance.console.audit import Audit, _lines_backwards
from appliance.console.book import Book
from appliance.console.events import Events, Source
from appliance.console.keys import Links, Tokens
from appliance.console.passwords import fits, hashed
from appliance.console.roles import Role
from appliance.console.running import Running
from appliance.console.schema import array, integer, nullable, record, table, text, wrong
from appliance.console.sessions import IDLE, LONGEST, Sessions, csrf_token, is_csrf_token
from appliance.console.words import Refusal, preferred
from appliance.control import NotThere


class Clock:
    """One that a test sets."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def test_a_password_fits_itself_however_it_is_typed() -> None:
    kept = hashed("Käsekuchen mit Sahne")
    assert fits("Ka\u0308sekuchen mit Sahne", kept)
    assert not fits("Käsekuchen mit sahne", kept)
    assert not fits("Käsekuchen mit Sahne", "")
    assert kept != hashed("Käsekuchen mit Sahne"), "no salt"
    assert kept.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert not fits("x" * 2000, kept)
    with pytest.raises(ValueError, match="10"):
        hashed("short")


def test_two_that_change_a_book_at_once_lose_nothing(tmp_path: Path) -> None:
    books = [Book(tmp_path / "secrets" / "book.json") for _ in range(4)]

    def work(book: Book, mine: int) -> None:
        for number in range(10):
            with book.change() as rows:
                rows[f"{mine}-{number}"] = {}

    threads = [threading.Thread(target=work, args=(book, mine)) for mine, book in enumerate(books)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(book.rows()) == 40 for book in books)
    assert oct((tmp_path / "secrets/book.json").stat().st_mode & 0o777) == "0o600"


def test_a_book_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "book.json").write_text("{")
    with pytest.raises(OSError, match="not as the console has written it"):
        Accounts(tmp_path / "book.json").all()


def test_a_change_that_is_refused_changes_nothing(tmp_path: Path) -> None:
    accounts = Accounts(tmp_path / "users.json")
    accounts.add("anna", Role.ADMIN, "a long enough one")
    for change in (
        lambda: accounts.remove("anna"),
        lambda: accounts.set_role("ANNA", Role.VIEWER),
        lambda: accounts.set_disabled("anna", True),
    ):
        with pytest.raises(Refusal, match="last admin"):
            change()
    assert [(one.name, one.role, one.disabled) for one in accounts.all()] == [("anna", Role.ADMIN, False)]
    with pytest.raises(Refusal, match="already"):
        accounts.add("Anna", Role.VIEWER, "a long enough one")
    with pytest.raises(Refusal, match="letters"):
        accounts.add("<script>", Role.VIEWER, "a long enough one")


def test_links_and_tokens_end_and_are_used_once(tmp_path: Path) -> None:
    clock = Clock()
    links, tokens = Links(tmp_path / "links.json", clock), Tokens(tmp_path / "tokens.json", clock)
    first, secret = links.make(Role.ADMIN, ""), links.make(Role.ADMIN, "")
    assert links.find(first) is None, "a second link of the machine itself ends the first"
    clock.now += 24 * 3600 - 1
    assert links.find(secret) is not None
    clock.now += 1
    assert links.find(secret) is None
    assert links.use(secret) is None
    invited = links.make(Role.VIEWER, "anna")
    assert links.use(invited) is not None
    assert links.use(invited) is None
    token = tokens.make("nightly", Role.OPERATOR, "anna", 30)
    found = tokens.find(token)
    assert found is not None
    assert (found.name, found.role) == ("nightly", Role.OPERATOR)
    clock.now += 30 * 86400
    assert tokens.find(token) is None
    assert token not in (tmp_path / "tokens.json").read_text()


def test_a_session_ends_when_it_is_idle_and_in_any_case(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "sessions.json", clock)
    secret = sessions.begin("anna", "127.0.0.1")
    clock.now += IDLE - 1
    assert sessions.find(secret) is not None
    clock.now += IDLE - 1
    assert sessions.find(secret, touch=False) is not None
    clock.now += 2
    assert sessions.find(secret) is None, "looking without a click has kept it alive"
    busy = sessions.begin("anna", "127.0.0.1")
    for _ in range(int(LONGEST // (IDLE / 2))):
        clock.now += IDLE / 2
        assert sessions.find(busy) is not None
    clock.now += 1
    assert sessions.find(busy) is None


def test_what_was_used_outlives_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    sessions = Sessions(tmp_path / "sessions.json", clock)
    secret = sessions.begin("anna", "127.0.0.1")
    clock.now += IDLE - 10
    sessions.find(secret)
    sessions.keep_seen()
    clock.now += IDLE - 10
    assert Sessions(tmp_path / "sessions.json", clock).find(secret) is not None


def test_a_token_of_a_form_belongs_to_its_session() -> None:
    token = csrf_token("secret")
    assert is_csrf_token(token, "secret")
    assert not is_csrf_token(token, "another")
    assert not is_csrf_token(token[:-4], "secret")
    assert not is_csrf_token("ä", "secret")


def test_the_audit_is_read_backwards_page_by_page(tmp_path: Path) -> None:
    audit = Audit(tmp_path / "audit")
    for number in range(25):
        audit.note("anna" if number % 2 else "bernd", "pause", [f"PACS_{number}"], "127.0.0.1")
    file = next((tmp_path / "audit").iterdir())
    older = tmp_path / "audit" / "2020-01.jsonl"
    older.write_text(file.read_text().replace("PACS_", "OLD_"))
    with file.open("a") as stream:
        stream.write('{"at": "cut by a cra')
    found: list[str] = []
    place = ""
    while True:
        acts, place = audit.page(place, most=7)
        found += [act.on[0] for act in acts]
        if not place:
            break
    assert found == [f"{kind}_{number}" for kind in ("PACS", "OLD") for number in reversed(range(25))]
    assert [act.who for act in audit.page(who="anna")[0]] == ["anna"] * 24
    with pytest.raises(KeyError):
        audit.note("anna", "something new")


def test_lines_longer_than_a_block_are_read_whole(tmp_path: Path) -> None:
    lines = [b"x" * length for length in (1, 500, 3, 40, 41, 42, 200, 1)]
    file = tmp_path / "file"
    file.write_bytes(b"\n".join(lines) + b"\n")
    found = list(_lines_backwards(file, None, block=64))
    assert [line for line, _ in found] == lines[::-1]
    data = file.read_bytes()
    assert all(data[offset : offset + len(line)] == line for line, offset in found)


@pytest.mark.parametrize(
    ("schema", "value", "where"),
    [
        (record({"a": integer(1, 5)}), {"a": 6}, ["a"]),
        (record({"a": integer(1, 5)}), {"a": True}, ["a"]),
        (record({"a": integer(1, 5)}), {}, ["a"]),
        (record({"a": integer(1, 5)}), {"a": 1, "b": 2}, ["b"]),
        (record({"a": array(text(3))}), {"a": ["ok", "long"]}, ["a/1"]),
        (text(5, 1), "", [""]),
        (text(5), "a\0", [""]),
        (text(5), "\ud800", [""]),
        (text(5, pattern="[ab]+"), "abc", [""]),
        (nullable(text(5)), 3, [""]),
        (table(integer()), {"x": "y"}, ["x"]),
        (nullable(text(5)), None, []),
        (record({"a": integer(1, 5)}), {"a": 5}, []),
    ],
)
def test_what_does_not_fit_is_found_where_it_is(schema: dict[str, Any], value: object, where: list[str]) -> None:
    assert [one.where for one in wrong(schema, value)] == where


def test_the_language_that_weighs_most_is_taken() -> None:
    assert preferred("de;q=0.2, en;q=0.8", "de") == "en"
    assert preferred("fr, *;q=0.1", "de") == "de"
    assert preferred("en;q=x, de", "en") == "de"
    assert preferred("en;q=0", "de") == "de"


def test_events_are_asked_for_once_and_only_while_somebody_looks() -> None:
    asked: list[int] = []

    def ask() -> object:
        asked.append(1)
        return {"count": len(asked)}

    async def aside(work: Any) -> object:
        return work()

    async def look() -> None:
        events = Events([Source("state", 0.01, ask), Source("secret", 0.01, lambda: 1, Role.ADMIN)], aside)
        await asyncio.sleep(0.03)
        assert not asked
        viewers = [events.enter(Role.VIEWER) for _ in range(3)]
        await asyncio.sleep(0.1)
        for viewer in viewers:
            assert viewer is not None
            news = viewer.take()
            assert set(news) == {"state"}, "a viewer is told what is for admins"
            assert json.loads(news["state"])["count"] == len(asked), "an old value instead of the newest"
            events.leave(viewer)
        before = len(asked)
        await asyncio.sleep(0.05)
        assert len(asked) <= before + 1

    asyncio.run(look())


def test_only_what_an_open_page_shows_is_found_out() -> None:
    asked: list[str] = []

    def source(name: str) -> Source:
        return Source(name, 0.01, lambda: asked.append(name) or len(asked))

    async def aside(work: Any) -> object:
        return work()

    async def look() -> None:
        events = Events([source("state"), source("overview")], aside)
        rules, first, second = (
            events.enter(Role.VIEWER, frozenset(wants)) for wants in (("state",), ("state", "overview"), ("overview",))
        )
        assert rules is not None
        assert first is not None
        assert second is not None
        await asyncio.sleep(0.1)
        assert set(rules.take()) == {"state"}
        one, other = first.take()["overview"], second.take()["overview"]
        assert one == other, "one look for several pages"
        events.leave(first)
        events.leave(second)
        await asyncio.sleep(0.03)
        asked.clear()
        await asyncio.sleep(0.1)
        assert set(asked) == {"state"}, "nobody sees the overview any more"
        again = events.enter(Role.VIEWER, frozenset({"overview", "nothing"}))
        assert again is not None
        assert not again.pending, "what was known when somebody looked last"
        events.leave(rules)
        events.leave(again)

    asyncio.run(look())


def test_the_appliance_is_asked_once_for_all_pages(tmp_path: Path) -> None:
    asked: list[str] = []

    def ask(_: Path, do: str, *__: object, **___: str) -> dict[str, object]:
        asked.append(do)
        if do == "pause":
            raise NotThere("silent", "no answer")
        return {"since": 1.0}

    running = Running(tmp_path, ask)
    assert all(running.state().is_running for _ in range(10))
    assert asked == ["state"]
    with pytest.raises(Refusal, match="does not answer"):
        running.tell("pause", "PACS_A", "anna")
    running.state()
    assert asked == ["state", "pause", "state"], "what is told changes what is true"
