"""Sending to peers that refuse, reject, hang, vanish or abort."""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from pynetdicom import evt
from pynetdicom.dimse_primitives import C_STORE

from engine.dicom import Done, Patience, Peer, Pool, echo, send
from engine.dicom.negotiate import (
    EXPLICIT_LITTLE,
)
from engine.errors import Later, Never, Unknown
from tests.dicom.conftest import CT, HASTY, JPEG2000, Inbox, Listen, Outbox, sendable_files, to, until, write_object
from tests.ports import free_port


def as_store(event: evt.Event) -> C_STORE:
    assert isinstance(event.request, C_STORE)
    return event.request


def answering(*codes: int) -> list[evt.EventHandlerType]:
    waiting = list(codes)
    return [(evt.EVT_C_STORE, lambda _: waiting.pop(0))]


def test_each_object_is_reported_with_what_the_peer_answered(
    scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    peer = scp({CT: [EXPLICIT_LITTLE]}, answering(0xA700, 0xC000, 0xB000, 0x0000))
    files = [write_object(tmp_path / f"{n}.dcm") for n in range(4)]
    send(peer, files, outbox.report)
    assert [path for path, _ in outbox.reports] == files
    full, refused, coerced, stored_ = outbox.outcomes
    assert isinstance(full, Later)
    assert full.reason == f"{peer} cannot take the object now: out of resources (A700)"
    assert isinstance(refused, Never)
    assert (
        refused.reason
        == f"{peer} refuses the object: the data set cannot be understood (C000)".replace(
            "the data set cannot be understood", "cannot be understood"
        )
        or "(C000)" in refused.reason
    )
    assert coerced == Done(0xB000, "stored, some elements were coerced (B000)")
    assert stored_ == Done()


def test_a_peer_that_rejects_the_association_is_tried_later_with_its_reason(
    scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    peer = scp({CT: [EXPLICIT_LITTLE]}, [], require_calling_aet=["SOMEBODY"])
    send(peer, [write_object(tmp_path / f"{n}.dcm") for n in range(3)], outbox.report)
    assert [str(outcome) for outcome in outbox.outcomes] == [
        f"{peer} rejects the association: it does not know our AE title"
    ] * 3
    assert all(isinstance(outcome, Later) for outcome in outbox.outcomes)


def test_a_peer_that_is_not_there_is_tried_later(outbox: Outbox, tmp_path: Path) -> None:
    port = free_port()
    send(Peer("PACS_A", "127.0.0.1", port), [write_object(tmp_path / "a.dcm")], outbox.report)
    (outcome,) = outbox.outcomes
    assert isinstance(outcome, Later)
    assert outcome.reason == f"PACS_A@127.0.0.1:{port} refuses the connection: nothing listens there"


def test_a_name_nobody_knows_is_tried_later(outbox: Outbox, tmp_path: Path) -> None:
    send(Peer("PACS_A", "pacs.invalid", 104), [write_object(tmp_path / "a.dcm")], outbox.report)
    (outcome,) = outbox.outcomes
    assert isinstance(outcome, Later)
    assert "the name pacs.invalid is not known here" in outcome.reason


def test_a_peer_that_takes_the_connection_and_says_nothing_is_tried_later(outbox: Outbox, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        peer = Peer("PACS_A", "127.0.0.1", silent.getsockname()[1])
        send(peer, [write_object(tmp_path / f"{n}.dcm") for n in range(3)], outbox.report, patience=HASTY)
        assert time.monotonic() - began < 6
    assert [str(outcome) for outcome in outbox.outcomes] == [
        f"{peer} gives no association: the peer was silent for too long"
    ] * 3


def test_a_peer_that_never_answers_an_object_is_given_up_after_three(
    scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    hanging = threading.Event()

    def hang(_: evt.Event) -> int:
        hanging.wait(20)
        return 0

    peer = scp({CT: [EXPLICIT_LITTLE]}, [(evt.EVT_C_STORE, hang)])
    files = [write_object(tmp_path / f"{n}.dcm") for n in range(6)]
    send(peer, files, outbox.report, patience=Patience(1, 1, 0.3, 0.3))
    hanging.set()
    assert [path for path, _ in outbox.reports] == files
    assert all(isinstance(outcome, Later) for outcome in outbox.outcomes)
    assert "the association was lost: the peer was silent" in str(outbox.outcomes[2])
    assert "answers nothing" in str(outbox.outcomes[3])


def test_an_object_that_makes_the_peer_abort_does_not_block_the_next(
    scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    def abort_over_poison(event: evt.Event) -> int:
        if str(as_store(event).AffectedSOPInstanceUID).startswith("1.2.6"):
            event.assoc.abort()
        return 0

    peer = scp({CT: [EXPLICIT_LITTLE]}, [(evt.EVT_C_STORE, abort_over_poison)])
    poison = ["1.2.6.1", "1.2.6.2", "1.2.6.3", "1.2.6.4"]
    uids = ["1.2.1", *poison, "1.2.2", "1.2.3"]
    send(peer, [write_object(tmp_path / f"{n}.dcm", sop_instance=uid) for n, uid in enumerate(uids)], outbox.report)
    assert [type(outcome) for outcome in outbox.outcomes] == [Done, *[Unknown] * 4, Done, Done]
    assert "the association was lost" in str(outbox.outcomes[1])


def test_a_compressed_object_the_peer_does_not_take_is_never_sent_and_the_reason_names_it(
    scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    peer = scp({CT: [EXPLICIT_LITTLE]}, answering(0))
    secondary = "1.2.840.10008.5.1.4.1.1.7"
    files = [
        write_object(tmp_path / "a.dcm", syntax=JPEG2000),
        write_object(tmp_path / "b.dcm", sop_class=secondary),
        write_object(tmp_path / "c.dcm"),
    ]
    send(peer, files, outbox.report)
    unknown_syntax, unknown_class, taken = outbox.outcomes
    assert isinstance(unknown_syntax, Never)
    assert f"{peer} does not take JPEG 2000 Image Compression (Lossless Only) for CT Image" in unknown_syntax.reason
    assert isinstance(unknown_class, Never)
    assert unknown_class.reason.endswith("does not take objects of the class Secondary Capture Image Storage")
    assert taken == Done()


def test_files_that_are_no_dicom_files_are_reported_and_the_rest_is_sent(
    listen: Listen, outbox: Outbox, tmp_path: Path
) -> None:
    (tmp_path / "text.dcm").write_text("hello")
    (tmp_path / "damaged.dcm").write_bytes(write_object(tmp_path / "whole.dcm").read_bytes()[:170])
    empty = write_object(tmp_path / "empty.dcm", b"")
    files = [tmp_path / "text.dcm", tmp_path / "damaged.dcm", tmp_path / "gone.dcm", empty, tmp_path / "whole.dcm"]
    send(to(listen()), files, outbox.report)
    told = dict(outbox.reports)
    assert [type(told[path]) for path in files] == [Never, Never, Later, Never, Done]
    assert "DICM" in str(told[files[0]])
    assert "no dataset" in str(told[empty])


def test_more_kinds_of_objects_than_an_association_carries_are_all_sent(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    files = [write_object(tmp_path / f"{n}.dcm", syntax=JPEG2000, sop_class=f"1.2.3.{n}") for n in range(200)]
    send(to(listen()), files, outbox.report)
    assert outbox.outcomes == [Done()] * 200
    assert len(inbox.received) == 200


def test_stop_ends_sending_between_objects_and_within_one(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    listener = listen()
    files = [write_object(tmp_path / f"{n}.dcm") for n in range(5)]
    one_by_one = Pool(to(listener), operations=1, idle_seconds=0)
    send(to(listener), files, outbox.report, stop=lambda: len(outbox.reports) >= 2, pool=one_by_one)
    assert outbox.reports == [(files[0], Done()), (files[1], Done())]
    large = write_object(tmp_path / "large.dcm", bytes(10_000_000))
    polls = iter([False] * 10)
    send(to(listener), [large, *files], outbox.report, stop=lambda: next(polls, True))
    assert len(outbox.reports) == 2
    until(lambda: not listener.associations)
    assert len(inbox.received) == 2


def test_a_peer_that_takes_only_short_pdus_gets_short_pdus(
    scp: Callable[..., Peer], outbox: Outbox, tmp_path: Path
) -> None:
    received: list[bytes] = []

    def keep(event: evt.Event) -> int:
        dataset = as_store(event).DataSet
        assert dataset is not None
        received.append(dataset.getvalue())
        return 0

    peer = scp({CT: [EXPLICIT_LITTLE]}, [(evt.EVT_C_STORE, keep)], maximum_pdu_size=65)
    dataset = os.urandom(5_000)
    send(peer, [write_object(tmp_path / "a.dcm", dataset)], outbox.report)
    assert outbox.outcomes == [Done()]
    assert received == [dataset]


def test_echo_says_whether_a_peer_answers(listen: Listen, scp: Callable[..., Peer]) -> None:
    echo(to(listen()))
    with pytest.raises(Never, match="does not offer verification"):
        echo(scp({CT: [EXPLICIT_LITTLE]}, []))
    with pytest.raises(Later, match="refuses the connection"):
        echo(Peer("PACS_A", "127.0.0.1", 1))


def test_nothing_is_logged_of_an_object(listen: Listen, outbox: Outbox, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    send(to(listen()), sendable_files()[:10], outbox.report)
    assert not [record for record in caplog.records if record.name != "stellwerk.dicom"]


@pytest.mark.filterwarnings("ignore")  # pydicom's, about the UID
def test_an_object_whose_class_is_no_uid_does_not_keep_the_others_from_being_sent(
    listen: Listen, outbox: Outbox, tmp_path: Path
) -> None:
    files = [
        write_object(tmp_path / "a.dcm", sop_class="1." + "2" * 80),
        write_object(tmp_path / "b.dcm", syntax="not a uid"),
        write_object(tmp_path / "c.dcm", sop_class="01.2..3."),
        write_object(tmp_path / "d.dcm"),
    ]
    send(to(listen()), files, outbox.report)
    told = dict(outbox.reports)
    assert [type(told[path]) for path in files] == [Never, Never, Done, Done]


def test_a_file_that_becomes_shorter_while_it_is_sent_does_not_keep_the_others_from_being_sent(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    large, small = write_object(tmp_path / "a.dcm", bytes(5_000_000)), write_object(tmp_path / "b.dcm")
    calls = iter(range(100))

    def shorten() -> bool:
        if next(calls) == 10:
            os.truncate(large, 1_500_000)
        return False

    send(to(listen()), [large, small], outbox.report, stop=shorten)
    assert [type(outcome) for outcome in outbox.outcomes] == [Later, Done]
    assert len(inbox.received) == 1


def test_stop_does_not_wait_for_a_peer_that_thinks_about_its_answer(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    inbox.gate = threading.Event()
    began = time.monotonic()
    path = write_object(tmp_path / "a.dcm")
    send(to(listen()), [path], outbox.report, stop=lambda: time.monotonic() - began > 0.2)
    assert time.monotonic() - began < 4
    assert outbox.reports == []
    inbox.gate.set()
