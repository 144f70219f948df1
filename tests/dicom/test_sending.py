"""Sending at its limits: associations that stay open, several objects under way, and peers that break off anywhere."""

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path

import pytest
from pynetdicom import evt

from engine.dicom import Done, Patience, Peer, Pool, send
from engine.dicom.negotiate import EXPLICIT_LITTLE, Policy
from engine.dicom.requestor import Association
from engine.enough import ALL_REFUSED, IN_A_ROW, Enough
from engine.errors import Later, Never, Unknown
from tests.dicom.conftest import CT, HASTY, JPEG2000, Inbox, Listen, Outbox, dataset_of, to, until, write_object
from tests.dicom.scripted import Call, Script, Scripted

Play = Callable[..., Scripted]


@pytest.fixture
def play() -> Iterator[Play]:
    """Start a peer that follows a script."""
    running: list[Scripted] = []

    def start(script: Script, operations: int = 1, policy: Policy | None = None) -> Scripted:
        running.append(Scripted(script, operations, policy))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture
def pool_of() -> Iterator[Callable[..., Pool]]:
    """Make a pool, closed at the end."""
    pools: list[Pool] = []

    def make(peer: Peer, patience: Patience = HASTY, **options: float) -> Pool:
        pools.append(Pool(peer, patience, **options))  # type: ignore[arg-type]  # numbers of any kind
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


PoolOf = Callable[..., Pool]


def some(folder: Path, count: int, size: int = 100) -> list[Path]:
    """Objects 1.2.3.0, 1.2.3.1, …"""
    return [write_object(folder / f"{n:03}.dcm", os.urandom(size), sop_instance=f"1.2.3.{n}") for n in range(count)]


def refuse_to_end(call: Call) -> None:
    """Take the association and hang up at once."""
    call.socket.close()


# ── associations that stay open ─────────────────────────────────────────────────────────────────────────────────────


def test_batches_share_an_association(play: Play, pool_of: PoolOf, outbox: Outbox, tmp_path: Path) -> None:
    peer = play(lambda call: call.serve() and None)
    pool = pool_of(peer.peer)
    for path in some(tmp_path, 5):
        send(peer.peer, [path], outbox.report, pool=pool)
    assert outbox.outcomes == [Done()] * 5
    assert len(peer.calls) == 1
    assert pool.idle == 1


def test_an_idle_association_is_released_after_a_while(
    play: Play, pool_of: PoolOf, outbox: Outbox, tmp_path: Path
) -> None:
    released: list[bool] = []
    peer = play(lambda call: released.append(call.serve()))
    pool = pool_of(peer.peer, idle_seconds=0.2)
    send(peer.peer, some(tmp_path, 1), outbox.report, pool=pool)
    until(lambda: released == [True])
    assert pool.idle == 0


def test_a_closed_pool_releases_what_is_idle_and_what_is_still_in_use(
    play: Play, pool_of: PoolOf, outbox: Outbox, tmp_path: Path
) -> None:
    released: list[bool] = []
    peer = play(lambda call: released.append(call.serve()))
    pool = pool_of(peer.peer)
    send(peer.peer, some(tmp_path, 1), outbox.report, pool=pool)
    pool.close()
    until(lambda: released == [True])
    send(peer.peer, some(tmp_path, 1), outbox.report, pool=pool)
    until(lambda: released == [True, True])


def test_an_idle_association_that_the_peer_closes_is_let_go_of(
    play: Play, pool_of: PoolOf, outbox: Outbox, tmp_path: Path
) -> None:
    peer = play(lambda call: call.serve(1) and None)
    pool = pool_of(peer.peer, idle_seconds=30)
    send(peer.peer, some(tmp_path, 1), outbox.report, pool=pool)
    until(lambda: pool.idle == 0)
    send(peer.peer, some(tmp_path, 1), outbox.report, pool=pool)
    assert outbox.outcomes == [Done(), Done()]


@pytest.mark.parametrize("operations", [1, 16])
def test_an_idle_association_that_is_dead_costs_no_object_a_try(
    operations: int, play: Play, pool_of: PoolOf, outbox: Outbox, tmp_path: Path
) -> None:
    """The peer takes the next object to its end and closes without a word: a firewall that has forgotten the line."""

    def script(call: Call) -> None:
        call.serve(1)
        if call.number == 1:
            call.hear()
        else:
            call.serve()

    peer = play(script, operations)
    pool = pool_of(peer.peer)
    first, *rest = some(tmp_path, 6)
    send(peer.peer, [first], outbox.report, pool=pool)
    send(peer.peer, rest, outbox.report, pool=pool)
    assert outbox.reports == [(path, Done()) for path in (first, *rest)]


def test_an_association_that_does_not_fit_is_replaced_by_one_that_fits_both(
    play: Play, pool_of: PoolOf, outbox: Outbox, tmp_path: Path
) -> None:
    peer = play(lambda call: call.serve() and None)
    pool = pool_of(peer.peer)
    ct, jpeg = write_object(tmp_path / "a.dcm"), write_object(tmp_path / "b.dcm", syntax=JPEG2000)
    for path in (ct, jpeg, ct, jpeg, ct):
        send(peer.peer, [path], outbox.report, pool=pool)
    assert outbox.outcomes == [Done()] * 5
    assert len(peer.calls) == 2


def test_what_an_old_association_does_not_take_is_asked_anew(
    listen: Listen, pool_of: PoolOf, outbox: Outbox, tmp_path: Path
) -> None:
    listener = listen(policy=Policy(transfer_syntaxes=frozenset({EXPLICIT_LITTLE})))
    pool = pool_of(to(listener))
    files = [write_object(tmp_path / "a.dcm"), write_object(tmp_path / "b.dcm", syntax=JPEG2000)]
    send(to(listener), files, outbox.report, pool=pool)
    told = dict(outbox.reports)
    assert [type(told[path]) for path in files] == [Done, Never]
    listener._policy = Policy()  # its admin has seen it
    send(to(listener), files[1:], outbox.report, pool=pool)
    assert outbox.outcomes[2] == Done()


# ── several under way ───────────────────────────────────────────────────────────────────────────────────────────────


def test_as_many_are_under_way_as_the_peer_grants(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    most: list[int] = []

    def script(call: Call) -> None:
        for _ in range(4):  # it answers only when four have come, and in another order
            asked = [heard for _ in range(4) if (heard := call.hear()) is not None]
            most.append(len(asked))
            for one in reversed(asked):
                call.answer(one, 0xB000 if one.sop_instance_uid == "1.2.3.6" else 0)
        call.serve()

    peer = play(script, operations=4)
    files = some(tmp_path, 16)
    send(peer.peer, files, outbox.report, patience=HASTY)
    assert most == [4] * 4
    told = dict(outbox.reports)
    assert len(outbox.reports) == 16
    assert [path for path in files if told[path] != Done()] == [files[6]]
    assert told[files[6]] == Done(0xB000, "stored, some elements were coerced (B000)")


def test_a_peer_that_grants_nothing_gets_one_after_the_other(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    early: list[bool] = []

    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            early.append(call.connection.has_news(0.05))
            call.answer(asked)

    peer = play(script, operations=1)
    send(peer.peer, some(tmp_path, 4), outbox.report)
    assert early == [False] * 4
    assert outbox.outcomes == [Done()] * 4


@pytest.mark.parametrize(
    ("status", "most", "kind"), [(0xA700, IN_A_ROW, Later), (0xC000, ALL_REFUSED, Never)], ids=["no-room", "refused"]
)
@pytest.mark.parametrize("operations", [1, 3])
def test_a_peer_that_takes_nothing_is_not_asked_about_each_of_a_batch(
    play: Play, outbox: Outbox, tmp_path: Path, status: int, most: int, kind: type, operations: int
) -> None:
    """What is under way when it is enough is waited for, and nothing of it is in doubt; the rest was never sent."""
    released: list[bool] = []

    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            time.sleep(0.3 if operations > 1 else 0)
            call.answer(asked, status)
        released.append(True)

    peer = play(script, operations)
    doubtful: list[Path] = []
    send(peer.peer, some(tmp_path, 40), outbox.report, enough=Enough(), in_doubt=doubtful.append)
    assert most <= len(outbox.reports) < most + operations
    assert sorted(peer.calls[0].stored) == sorted(f"1.2.3.{number}" for number in range(len(outbox.reports)))
    assert all(isinstance(outcome, kind) for outcome in outbox.outcomes)
    assert doubtful == []
    until(lambda: released == [True])


def test_a_few_that_a_peer_cannot_take_between_others_keep_none_from_being_sent(
    play: Play, outbox: Outbox, tmp_path: Path
) -> None:
    answers = [0xA700, 0xA700, 0, 0xC000, 0xA700, 0xA700, 0xC000, *[0xC000] * 20, 0xA700, 0, 0xA700, 0xA700, 0]

    def script(call: Call) -> None:
        for answer in answers:
            asked = call.hear()
            assert asked is not None
            call.answer(asked, answer)
        call.hear()

    peer = play(script)
    send(peer.peer, some(tmp_path, len(answers)), outbox.report, enough=Enough())
    assert len(outbox.reports) == len(answers)


def test_whoever_does_not_say_when_it_is_enough_has_each_tried(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            call.answer(asked, 0xC000)

    send(play(script).peer, some(tmp_path, 40), outbox.report)
    assert len(outbox.reports) == 40


def test_our_own_listener_grants_several(listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path) -> None:
    files = some(tmp_path, 50, 20_000)
    send(to(listen()), files, outbox.report)
    assert outbox.reports == [(path, Done()) for path in files]
    assert [dataset_of(one.dataset_file) for one in inbox.received] == [dataset_of(path) for path in files]


def test_every_size_around_a_pdu_and_a_frame_arrives_whole(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    around = [131072 - 6, 262144 - 6, 262144, 262144 + 4096, 2 * 262144]
    sizes = [2, 4, *(edge + more for edge in around for more in range(-300, 301, 20))]
    files = [write_object(tmp_path / f"{n}.dcm", os.urandom(size)) for n, size in enumerate(sizes)]
    send(to(listen()), files, outbox.report)
    assert outbox.outcomes == [Done()] * len(files)
    assert [dataset_of(one.dataset_file) for one in inbox.received] == [dataset_of(path) for path in files]


@pytest.mark.parametrize("most", [32, 33, 127, 4096, 16384, 0])
def test_pdus_are_as_long_as_the_peer_takes_and_no_longer(
    most: int, scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    longest: list[int] = []
    received: list[bytes] = []

    def data(event: evt.Event) -> None:
        if event.pdu.pdu_type == 0x04:
            longest.append(event.pdu.pdu_length)

    def keep(event: evt.Event) -> int:
        received.append(event.request.DataSet.getvalue())
        return 0

    peer = scp({CT: [EXPLICIT_LITTLE]}, [(evt.EVT_C_STORE, keep), (evt.EVT_PDU_RECV, data)], maximum_pdu_size=most)
    dataset = os.urandom(600_000 if most > 1000 or not most else 3_000)
    send(peer, [write_object(tmp_path / "a.dcm", dataset)], outbox.report)
    assert received == [dataset]
    assert max(longest) == (most & ~1 if most else 262144)


# ── peers that break off ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("operations", [1, 5])
def test_a_peer_that_closes_after_each_third_object_gets_all_of_them(
    operations: int, play: Play, outbox: Outbox, tmp_path: Path
) -> None:
    peer = play(lambda call: call.serve(3) and None, operations)
    files = some(tmp_path, 9)
    send(peer.peer, files, outbox.report, patience=HASTY)
    done = {path for path, outcome in outbox.reports if outcome == Done()}
    assert len(outbox.reports) == len({path for path, _ in outbox.reports}) == 9, "each is reported once"
    assert all(f"1.2.3.{int(path.stem)}" in peer.stored for path in done)
    assert all(isinstance(outcome, Later) for path, outcome in outbox.reports if path not in done)


def test_answers_that_came_before_the_line_broke_count(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    """Three small ones are taken and answered; the fourth is long, and the peer goes while it is still coming."""

    def script(call: Call) -> None:
        if call.number > 1:
            call.socket.close()
            return
        call.serve(3)
        call.connection.value()
        call.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 0, 0))
        time.sleep(0.3)
        call.socket.shutdown(socket.SHUT_RDWR)

    peer = play(script, operations=8)
    files = [*some(tmp_path, 3), write_object(tmp_path / "long.dcm", bytes(50_000_000), sop_instance="1.2.9")]
    send(peer.peer, files, outbox.report, patience=HASTY)
    assert outbox.outcomes[:3] == [Done()] * 3
    assert type(outbox.outcomes[3]) is Later, "it cannot have arrived"


def test_a_peer_that_aborts_in_the_middle_of_an_object_has_not_got_it(
    play: Play, outbox: Outbox, tmp_path: Path
) -> None:
    def script(call: Call) -> None:
        call.connection.value()
        for _ in call.connection.pieces(20):
            break
        call.socket.sendall(struct.pack(">BxIxxBB", 7, 4, 2, 0))
        call.socket.close()

    long = write_object(tmp_path / "long.dcm", bytes(50_000_000))
    send(play(script).peer, [long], outbox.report, patience=HASTY)
    [outcome] = outbox.outcomes
    assert type(outcome) is Later
    assert "the association was lost" in outcome.reason


def test_what_was_sent_whole_and_never_answered_is_in_doubt(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    peer = play(lambda call: call.hear() and None)
    send(peer.peer, some(tmp_path, 1), outbox.report, patience=HASTY)
    assert [type(outcome) for outcome in outbox.outcomes] == [Unknown]


def test_no_innocent_object_pays_for_the_one_that_a_peer_aborts_over(
    play: Play, outbox: Outbox, tmp_path: Path
) -> None:
    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            if asked.sop_instance_uid == "1.2.3.4":
                call.connection.abort(2)
                return
            call.answer(asked)

    peer = play(script, operations=16)
    files = some(tmp_path, 10)
    send(peer.peer, files, outbox.report, patience=HASTY)
    told = dict(outbox.reports)
    assert len(outbox.reports) == 10
    assert [path for path in files if told[path] != Done()] == [files[4]]


def test_what_is_in_doubt_is_asked_about_before_it_is_sent_again(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    def script(call: Call) -> None:
        if call.number > 1:
            call.serve()
            return
        for _ in range(4):  # all four are kept, and the answers never leave the house
            call.hear()

    asked: list[list[Path]] = []

    def settle(files: Sequence[Path]) -> Collection[Path]:
        asked.append(list(files))
        return files[:3]

    peer = play(script, operations=4)
    files = some(tmp_path, 4)
    send(peer.peer, files, outbox.report, patience=HASTY, settle=settle)
    assert asked == [files]
    assert sorted(outbox.reports) == [(path, Done()) for path in files]
    assert peer.stored == ["1.2.3.0", "1.2.3.1", "1.2.3.2", "1.2.3.3", "1.2.3.3"]


def test_where_nobody_can_be_asked_it_stays_in_doubt(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    def settle(_files: Sequence[Path]) -> Collection[Path]:
        raise Later("it is away")

    def script(call: Call) -> None:
        call.hear()
        call.hear()

    peer = play(script, operations=4)
    send(peer.peer, some(tmp_path, 4), outbox.report, patience=HASTY, settle=settle)
    assert len(outbox.outcomes) == 4
    assert all(isinstance(outcome, Later) for outcome in outbox.outcomes)
    assert sum(isinstance(outcome, Unknown) for outcome in outbox.outcomes) >= 2


@pytest.mark.parametrize("operations", [1, 4])
def test_an_answer_that_comes_twice_is_believed_once(
    operations: int, play: Play, outbox: Outbox, tmp_path: Path
) -> None:
    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            call.answer(asked, 0xA700 if asked.sop_instance_uid == "1.2.3.0" else 0)
            if asked.sop_instance_uid == "1.2.3.0":
                call.answer(asked, 0)

    peer = play(script, operations)
    files = some(tmp_path, 3)
    send(peer.peer, files, outbox.report, patience=HASTY)
    told = dict(outbox.reports)
    assert len(outbox.reports) == 3
    assert isinstance(told[files[0]], Later), "the second answer says nothing of any other object"
    assert "A700" in str(told[files[0]])
    assert all(f"1.2.3.{n}" in peer.stored for n in range(3) if told[files[n]] == Done())


@pytest.mark.parametrize("operations", [1, 4])
def test_an_answer_to_what_was_not_asked_delivers_nothing(
    operations: int, play: Play, outbox: Outbox, tmp_path: Path
) -> None:
    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            call.answer(asked, message_id=asked.message_id + 1000)

    send(play(script, operations).peer, some(tmp_path, 3), outbox.report, patience=HASTY)
    assert [type(outcome) for outcome in outbox.outcomes] == [Unknown] * 3


def test_a_peer_that_stops_reading_is_given_up(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    long = write_object(tmp_path / "long.dcm", bytes(50_000_000))
    began = time.monotonic()
    send(play(lambda _: time.sleep(10)).peer, [long], outbox.report, patience=HASTY)
    assert time.monotonic() - began < 8
    [outcome] = outbox.outcomes
    assert type(outcome) is Later
    assert "stopped reading" in outcome.reason


def test_stop_does_not_wait_for_a_peer_that_reads_nothing(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    long = write_object(tmp_path / "long.dcm", bytes(50_000_000))
    began = time.monotonic()
    send(play(lambda _: time.sleep(10)).peer, [long], outbox.report, stop=lambda: time.monotonic() - began > 0.5)
    assert time.monotonic() - began < 5
    assert outbox.reports == []


def test_stop_tells_what_may_have_arrived(play: Play, outbox: Outbox, tmp_path: Path) -> None:
    doubtful: list[Path] = []

    def script(call: Call) -> None:
        while call.hear() is not None:
            pass

    peer = play(script, operations=4)
    began = time.monotonic()
    files = some(tmp_path, 8)
    send(peer.peer, files, outbox.report, stop=lambda: time.monotonic() - began > 0.5, in_doubt=doubtful.append)
    assert outbox.reports == []
    assert doubtful == files[:4]


def test_a_file_that_becomes_shorter_is_to_blame_itself(
    play: Play, outbox: Outbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = play(lambda call: call.serve() and None, operations=8)
    files = [
        *some(tmp_path, 3),
        write_object(tmp_path / "x.dcm", bytes(900_000), sop_instance="1.2.9"),
        *some(tmp_path / "..", 0),
    ]
    whole = os.preadv

    def shorter(handle: int, views: Sequence[memoryview], offset: int) -> int:
        return whole(handle, views, offset) - (offset > 300_000)

    monkeypatch.setattr(os, "preadv", shorter)
    send(peer.peer, files, outbox.report, patience=HASTY)
    told = dict(outbox.reports)
    assert [told[path] for path in files[:3]] == [Done()] * 3
    assert "shorter" in str(told[files[3]])
    assert "1.2.9" not in peer.stored


def test_an_association_can_be_told_of_before_it_is_over(play: Play) -> None:
    peer = play(refuse_to_end)
    with contextlib.suppress(Later), Pool(peer.peer, HASTY).take([(CT, EXPLICIT_LITTLE)])[0] as association:
        assert isinstance(association, Association)
        with pytest.raises(Exception, match="closed"):
            association.listen(1)
