"""`notify` against a web server: what a webhook is told, what it is not, and that it is told in the end."""

import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from appliance.secrets import Secrets
from engine.destinations.exchange import Patience, Unreachable
from engine.destinations.webhook import Webhook
from engine.program import Call, Destination
from engine.pump import Pump, Result
from engine.signature import Argument
from engine.step import HOLD
from tests.data.make import text, word
from tests.engine.spool.crash_kit import FORWARD, SET, STORE, Line, Pacs, program
from tests.engine.web_peer import OK, Peer, answer

QUICK = Patience(2.0, 1.0, 1.0)


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A line whose rule is: store, set, forward PACS, notify HOOK."""
    rules = program()
    notify = Call("notify", {"webhooks": Argument("word", "HOOK")})
    route = replace(rules.routes[0], chain=(STORE, SET, FORWARD, notify))
    return Line(tmp_path / "line", replace(rules, routes=(route, *rules.routes[1:])), Pacs())


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


Hook = Callable[..., Webhook]
Told = Callable[..., Pump]


@pytest.fixture
def theirs(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def hook(authority: trustme.CA, tmp_path: Path) -> Iterator[Hook]:
    """Who tells this peer, declared with these words."""
    (tmp_path / "hook-token").write_text("abc.def\n")
    ours = ssl.create_default_context()
    authority.configure_trust(ours)
    made: list[Webhook] = []

    def start(peer: Peer, *words: str, trust: ssl.SSLContext = ours, **arguments: Argument) -> Webhook:
        given = {"address": text(f"https://localhost:{peer.port}/studies?from=us"), **arguments}
        declared = Destination("HOOK", "webhook", given | {one: word(one) for one in words})
        made.append(Webhook(declared, Secrets(tmp_path), lambda: trust, 60.0, QUICK))
        return made[-1]

    yield start
    for one in made:
        one.close()


@pytest.fixture
def pump(line: Line, hook: Hook) -> Told:
    """The same with its pump."""

    def start(peer: Peer, *words: str, **more: object) -> Pump:
        sender = hook(peer, *words, **more)
        return Pump(line.spool.outbox("HOOK.notify"), lambda: sender, line.router.refuse)

    return start


def receive(line: Line, *uids: str) -> None:
    for uid in uids:
        line.receive(uid)
    line.turn(time.time())


def soon() -> float:
    """When a study that has just come has been quiet for long enough."""
    return time.time() + 61


def test_a_webhook_is_told_of_a_whole_study_and_of_no_patient(line: Line, pump: Told, theirs: ssl.SSLContext) -> None:
    receive(line, "1.1", "1.2", "1.3")
    with Peer(context=theirs) as peer:
        pump(peer).turn(soon())
    [request] = peer.requests
    assert request.head.startswith("POST /studies?from=us HTTP/1.1\r\n")
    assert request.header("Content-Type") == "application/json"
    told = json.loads(request.body)
    assert (told["version"], told["event"], told["route"]) == (1, "study", "main")
    assert told["study"] == {"objects": 3, "modalities": ["US"], "institution": "Praxis Nord"}
    outcomes = [(one["to"], one["kind"], one["outcome"], one["objects"]) for one in told["outcomes"]]
    assert outcomes == [("archive", "archive", "delivered", 3), ("PACS", "destination", "delivered", 3)]
    assert set(told) == {"version", "event", "id", "route", "study", "outcomes"}
    assert all(set(one) == {"to", "kind", "outcome", "objects", "at"} for one in told["outcomes"])
    assert "ller" not in request.body.decode()
    assert "4711" not in request.body.decode()
    assert not line.owed("HOOK.notify")
    assert not [path for path in (line.root / "spool/outbox/HOOK.notify").rglob("*") if path.is_file()]


def test_one_that_may_see_names_is_told_them(line: Line, pump: Told, theirs: ssl.SSLContext) -> None:
    receive(line, "1.1")
    with Peer(context=theirs) as peer:
        pump(peer, "may").turn(soon())
    told = json.loads(peer.requests[0].body)
    assert told["study"]["patient"]["name"] == "Müller^Änne"
    assert told["study"]["uid"]
    assert any("ller" in folder for folder in told["outcomes"][0]["folders"])


@pytest.mark.parametrize("words", [("outside",), ("outside", "may")])
def test_outside_the_house_nobody_is_named_whatever_the_rules_say(
    line: Line, pump: Told, theirs: ssl.SSLContext, words: tuple[str, ...]
) -> None:
    # The compiler refuses the second (E401); a program may be older than that.
    receive(line, "1.1")
    with Peer(context=theirs) as peer:
        pump(peer, *words).turn(soon())
    said = peer.requests[0].body.decode()
    assert json.loads(said)["study"] == {"objects": 1, "modalities": ["US"]}
    assert "ller" not in said
    assert "Praxis" not in said


def test_what_is_no_modality_is_not_told_and_no_sign_keeps_a_report_here(
    line: Line, hook: Hook, theirs: ssl.SSLContext
) -> None:
    line.receive("1.1")
    line.turn(time.time())
    with Peer(context=theirs) as peer:
        sender = hook(peer)
        [entry] = sender.pick(line.spool.outbox("HOOK.notify"), soon())
        odd = replace(entry, note={**entry.note, "Modality": "Müller^Änne", "InstitutionName": "Pr\udcfcxis"})
        results: list[Result] = []
        sender.send([odd], lambda _, result: results.append(result), lambda: False)
    assert [type(result).__name__ for result in results] == ["Sent"]
    assert json.loads(peer.requests[0].body)["study"]["modalities"] == []


def test_outside_and_trusted_is_as_in_the_house(line: Line, pump: Told, theirs: ssl.SSLContext) -> None:
    receive(line, "1.1")
    with Peer(context=theirs) as peer:
        pump(peer, "outside", "trusted", "may").turn(soon())
    assert json.loads(peer.requests[0].body)["study"]["patient"]["name"] == "Müller^Änne"


def test_nothing_is_told_while_the_study_grows_or_a_delivery_is_owed(
    line: Line, pump: Told, theirs: ssl.SSLContext
) -> None:
    line.pacs.away = {"1.1"}
    receive(line, "1.1")
    with Peer(context=theirs) as peer:
        telling = pump(peer)
        telling.turn(time.time() + 59)
        telling.turn(time.time() + 600)
        assert not peer.requests
        line.pacs.away = set()
        line.turn(time.time() + 3600)
        telling.turn(time.time() + 3700)
    assert len(peer.requests) == 1


def test_what_is_held_is_told_with_its_reason(line: Line, pump: Told, theirs: ssl.SSLContext) -> None:
    line.pacs.refuse = {"1.1"}
    receive(line, "1.1")
    with Peer(context=theirs) as peer:
        pump(peer).turn(soon())
    outcome = json.loads(peer.requests[0].body)["outcomes"][-1]
    assert (outcome["to"], outcome["outcome"], outcome["why"]) == ("PACS", "held", "it refuses")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (answer(404), "nothing at this address"),
        (answer(401), "token"),
        (answer(500), "cannot be told now"),
        (answer(429), "cannot be told now"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nOK", "cannot be read"),
        (b"", "without an answer"),
    ],
)
def test_what_was_not_understood_is_told_again_with_the_same_id(
    line: Line, pump: Told, theirs: ssl.SSLContext, said: bytes, words: str
) -> None:
    receive(line, "1.1", "1.2")
    with Peer(lambda _: said, theirs) as peer:
        pump(peer).turn(soon())
    owed = line.spool.outbox("HOOK.notify").all()
    assert len(owed) == 2
    assert all(words in entry.why for entry in owed)
    with Peer(lambda _: answer(204), theirs) as again:
        pump(again).turn(time.time() + 7200)
    assert json.loads(again.requests[0].body)["id"] == json.loads(peer.requests[0].body)["id"]
    assert not line.owed("HOOK.notify")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirection_is_not_followed(line: Line, pump: Told, theirs: ssl.SSLContext, status: int) -> None:
    receive(line, "1.1")
    with Peer() as elsewhere:
        place = f"http://localhost:{elsewhere.port}/"
        with Peer(lambda _: answer(status, Location=place), theirs) as peer:
            pump(peer).turn(soon())
    assert len(peer.requests) == 1
    assert not elsewhere.connections
    [entry] = line.spool.outbox("HOOK.notify").all()
    assert "write that one into the rules" in entry.why


def test_what_it_will_never_take_is_held_and_seen(line: Line, pump: Told, theirs: ssl.SSLContext) -> None:
    receive(line, "1.1")
    with Peer(lambda _: answer(422, b"Sample^Anna"), theirs) as peer:
        pump(peer).turn(soon())
    [held] = line.spool.outbox(HOLD).all()
    assert "does not want to be told so (HTTP 422)" in held.why
    assert "Anna" not in held.why


def test_a_webhook_whose_certificate_is_not_trusted_hears_nothing(
    line: Line, pump: Told, theirs: ssl.SSLContext
) -> None:
    receive(line, "1.1")
    with Peer(context=theirs) as peer:
        pump(peer, "may", trust=ssl.create_default_context()).turn(soon())
    assert not any(request.body for request in peer.requests)
    [entry] = line.spool.outbox("HOOK.notify").all()
    assert "certificate" in entry.why


def test_a_token_comes_out_of_a_secret(line: Line, pump: Told, theirs: ssl.SSLContext) -> None:
    receive(line, "1.1")
    with Peer(lambda _: OK, theirs) as peer:
        pump(peer, token=word("hook-token")).turn(soon())
    assert peer.requests[0].header("Authorization") == "Bearer abc.def"


def test_a_webhook_that_is_away_is_not_waited_for_by_every_study(
    line: Line, hook: Hook, theirs: ssl.SSLContext
) -> None:
    receive(line, "1.1", "1.2", "1.3")
    with Peer(context=theirs) as peer:
        pass
    sender = hook(peer)
    of_one = sender.pick(line.spool.outbox("HOOK.notify"), soon())
    of_three = [replace(entry, note={**entry.note, "study": entry.id}) for entry in of_one]
    results: list[Result] = []
    sender.send(of_three, lambda _, result: results.append(result), lambda: False)
    assert [type(result) for result in results] == [Unreachable]
