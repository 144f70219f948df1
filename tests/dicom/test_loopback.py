"""Objects go in at one end of a socket on this machine and come out at the other, unchanged."""

import ipaddress
import os
import re
import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import UID

from engine.dicom import Done, Listener, Peer, echo, part10, send
from engine.dicom.negotiate import (
    DEFLATED_LITTLE,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    Context,
)
from engine.dicom.requestor import Association
from engine.dicom.stream import FileContent
from engine.errors import Later, Never
from tests.dicom.conftest import (
    CT,
    HASTY,
    JPEG2000,
    Inbox,
    Listen,
    Outbox,
    as_sent,
    dataset_of,
    left_in,
    sendable_files,
    store_now,
    to,
    until,
    write_object,
)


@pytest.mark.parametrize(
    "syntax",
    [
        IMPLICIT_LITTLE,
        EXPLICIT_BIG,
        DEFLATED_LITTLE,
        JPEG2000,
        "1.2.840.10008.1.2.4.107",  # HEVC
        "1.2.840.10008.1.2.4.202",  # HTJ2K
        "1.2.3.4.5.6",  # private
    ],
)
def test_the_datasets_bytes_arrive_unchanged_in_any_transfer_syntax(
    syntax: str, listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    dataset = os.urandom(300_000)
    send(to(listen()), [write_object(tmp_path / "a.dcm", dataset, syntax)], outbox.report)
    assert outbox.outcomes == [Done()]
    (reception,) = inbox.received
    assert reception.transfer_syntax_uid == syntax
    assert dataset_of(reception.dataset_file) == dataset


def test_every_test_file_of_pydicom_arrives_unchanged(listen: Listen, inbox: Inbox, outbox: Outbox) -> None:
    files = sendable_files()
    send(to(listen()), files, outbox.report)
    assert outbox.reports == [(path, Done()) for path in files]
    for path, reception in zip(files, inbox.received, strict=True):
        assert dataset_of(reception.dataset_file) == as_sent(path)


def test_an_odd_deflated_stream_is_padded_as_the_standard_wants(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    send(to(listen()), [write_object(tmp_path / "a.dcm", b"abc", DEFLATED_LITTLE)], outbox.report)
    assert dataset_of(inbox.received[0].dataset_file) == b"abc\0"


def test_a_private_sop_class_is_received(listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path) -> None:
    send(to(listen()), [write_object(tmp_path / "a.dcm", sop_class="1.3.12.2.1107.5.9.1")], outbox.report)
    assert outbox.outcomes == [Done()]
    assert inbox.received[0].sop_class_uid == "1.3.12.2.1107.5.9.1"


def test_a_reception_says_who_sent_what_to_whom(listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path) -> None:
    listener = listen()
    send(to(listener, "CT_SCANNER", "ARCHIVE"), [write_object(tmp_path / "a.dcm", b"abcd")], outbox.report)
    (reception,) = inbox.received
    assert (reception.calling_ae, reception.called_ae) == ("CT_SCANNER", "ARCHIVE")
    assert (reception.address, reception.port) == ("127.0.0.1", listener.port)
    assert (reception.sop_class_uid, reception.sop_instance_uid) == (CT, "1.2.3")
    assert dataset_of(reception.dataset_file) == b"abcd"


def test_a_received_file_is_a_dicom_file_with_complete_meta_information(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    send(to(listen(), "CT_SCANNER"), [write_object(tmp_path / "a.dcm")], outbox.report)
    path = inbox.received[0].dataset_file
    content = path.read_bytes()
    assert content[:132] == bytes(128) + b"DICM"
    meta = pydicom.dcmread(path).file_meta
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.FileMetaInformationGroupLength == part10.read_meta(path).offset - 144
    assert (meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID) == (CT, "1.2.3")
    assert meta.TransferSyntaxUID == EXPLICIT_LITTLE
    assert re.fullmatch(r"2\.25\.\d+", meta.ImplementationClassUID)
    assert UID(meta.ImplementationClassUID).is_valid
    assert meta.ImplementationVersionName == "STELLWERK"
    assert meta.SourceApplicationEntityTitle == "CT_SCANNER"


def test_success_is_answered_only_after_accept_has_returned(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    inbox.gate = threading.Event()
    peer, path = to(listen()), write_object(tmp_path / "a.dcm")
    sender = threading.Thread(target=send, args=(peer, [path], outbox.report))
    sender.start()
    until(lambda: bool(left_in(tmp_path / "in")))
    time.sleep(0.2)
    assert outbox.reports == []
    inbox.gate.set()
    sender.join(10)
    assert outbox.outcomes == [Done()]


@pytest.mark.parametrize(
    ("error", "status"), [(Later("full"), 0xA700), (Never("no"), 0xC000), (RuntimeError("DOE^JANE"), 0x0110)]
)
def test_what_accept_refuses_is_refused_to_the_sender_and_leaves_no_file(
    error: Exception, status: int, listen: Listen, inbox: Inbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    inbox.error = error
    path = write_object(tmp_path / "a.dcm")
    with Association(to(listen()), [Context(1, CT, (EXPLICIT_LITTLE,))], HASTY) as association:
        assert store_now(association, "1.2.3", path, 100) == status
        inbox.error = None  # and the association goes on
        assert store_now(association, "1.2.4", path, 20) == 0
    assert left_in(tmp_path / "in") == [inbox.received[0].dataset_file]
    assert "an object was refused" in caplog.text
    assert "DOE" not in caplog.text


def test_an_object_that_cannot_be_written_stays_with_its_sender(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    peer = to(listen())
    shutil.rmtree(tmp_path / "in")
    send(peer, [write_object(tmp_path / "a.dcm", os.urandom(500_000))], outbox.report)
    (outcome,) = outbox.outcomes
    assert isinstance(outcome, Later)
    assert "out of resources (A700)" in outcome.reason
    assert inbox.received == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("1.2.3", "1.2.3"),
        ("1.2.3.", "1.2.3."),
        ("01.02..3", "01.02..3"),
        ("1." + "2" * 98, "1." + "2" * 98),
        ("1.2.3\0\0\0", "1.2.3"),
        ("1.2.3   ", "1.2.3"),
        ("not a uid/../é", "not a uid/../é"),
    ],
)
def test_odd_uids_are_received_as_they_are(given: str, kept: str, listen: Listen, inbox: Inbox, tmp_path: Path) -> None:
    path = write_object(tmp_path / "a.dcm")
    with Association(to(listen()), [Context(1, CT, (EXPLICIT_LITTLE,))], HASTY) as association:
        assert store_now(association, given, path, 100) == 0
    assert inbox.received[0].sop_instance_uid == kept
    assert part10.read_meta(inbox.received[0].dataset_file).sop_instance_uid == kept


@pytest.mark.parametrize("how", ["accept", "write"])
def test_where_an_object_cannot_be_kept_somebody_is_told_to_look_at_the_disk(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path, how: str
) -> None:
    looked: list[int] = []
    listener = listen(cannot_keep=lambda: looked.append(1))
    path = write_object(tmp_path / "a.dcm")
    send(to(listener), [path], outbox.report)
    assert looked == []
    if how == "accept":
        inbox.error = Later("the spool cannot take it in")
    else:
        shutil.rmtree(tmp_path / "in")
    send(to(listener), [path], outbox.report)
    assert looked == [1]
    assert isinstance(outbox.outcomes[1], Later)


def test_an_object_without_instance_uid_is_refused(listen: Listen, inbox: Inbox, tmp_path: Path) -> None:
    path = write_object(tmp_path / "a.dcm")
    with Association(to(listen()), [Context(1, CT, (EXPLICIT_LITTLE,))], HASTY) as association:
        assert store_now(association, " ", path, 100) == 0x0117
    assert inbox.received == []


def test_two_listeners_do_not_know_of_each_other(listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = listen(), listen(folder=tmp_path / "other")
    path = write_object(tmp_path / "a.dcm")
    send(to(one), [path], outbox.report)
    send(to(other), [path], outbox.report)
    assert [reception.dataset_file.parent.name for reception in inbox.received] == ["in", "other"]
    assert [reception.port for reception in inbox.received] == [one.port, other.port]


def test_a_listener_on_all_addresses_takes_ipv4_and_ipv6(
    listen: Listen, inbox: Inbox, outbox: Outbox, tmp_path: Path
) -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("this machine has no IPv6")
    listener = listen(address="::", networks=(ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
    path = write_object(tmp_path / "a.dcm")
    for host in ("127.0.0.1", "::1"):
        send(Peer("X", host, listener.port), [path], outbox.report)
    assert [reception.address for reception in inbox.received] == ["127.0.0.1", "::1"]


def test_a_port_that_is_taken_is_said_in_words(listen: Listen) -> None:
    listener = listen()
    with pytest.raises(OSError, match=f"cannot listen on port {listener.port}: another program uses it"):
        Listener(listener.port, lambda _: None, folder=Path(), address="127.0.0.1").start()


def test_a_stopped_listener_frees_its_port_and_can_start_again(listen: Listen) -> None:
    listener = listen()
    listener.stop(grace=0)
    with pytest.raises(Later, match="refuses the connection"):
        echo(to(listener))
    listener.start()
    echo(to(listener))


def test_twenty_associations_at_once_lose_nothing(listen: Listen, inbox: Inbox, tmp_path: Path) -> None:
    peer = to(listen())
    outboxes = [Outbox() for _ in range(20)]
    files = [
        [write_object(tmp_path / f"{n}-{m}.dcm", os.urandom(50_000), sop_instance=f"1.2.{n}.{m}") for m in range(10)]
        for n in range(20)
    ]
    threads = [threading.Thread(target=send, args=(peer, files[n], outboxes[n].report)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert all(outbox.outcomes == [Done()] * 10 for outbox in outboxes)
    sent = {part10.read_meta(path).sop_instance_uid: dataset_of(path) for group in files for path in group}
    assert {r.sop_instance_uid: dataset_of(r.dataset_file) for r in inbox.received} == sent


@pytest.mark.skipif(sys.platform != "linux", reason="reads the memory used from /proc")
def test_an_object_of_200_mb_needs_no_memory_to_be_received_or_sent(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    path = write_object(tmp_path / "big.dcm")
    with path.open("ab") as file:
        file.truncate(200_000_000)
    program = """
        import sys
        from pathlib import Path
        from engine.dicom import Done, Listener, Peer, send

        def peak():  # in MB; getrusage would count the memory of the process that started this one
            status = Path("/proc/self/status").read_text()
            return int(status.partition("VmHWM:")[2].split()[0]) // 1024

        got, told = [], []
        folder, path = Path(sys.argv[1]), Path(sys.argv[2])
        listener = Listener(0, got.append, folder=folder, address="127.0.0.1")
        listener.start()
        before = peak()
        send(Peer("X", "127.0.0.1", listener.port), [path], lambda _, outcome: told.append(outcome))
        print(peak() - before, told == [Done()], got[0].dataset_file.stat().st_size > 199_000_000)
        listener.stop()
    """
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "in"), str(path)]
    ran = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=True)
    growth, done, whole = ran.stdout.split()
    assert (done, whole) == ("True", "True")
    assert int(growth) < 20


def test_an_association_may_bring_more_until_it_is_released_and_for_ever_if_it_breaks(
    listen: Listen, inbox: Inbox, tmp_path: Path
) -> None:
    ended: list[int] = []
    listener = listen(ended=lambda: ended.append(1))
    path = write_object(tmp_path / "ct.dcm")
    meta = part10.read_meta(path)
    contexts = (Context(1, CT, (meta.transfer_syntax_uid,)),)
    for released in (True, False):
        association = Association(to(listener), contexts, HASTY)
        content = FileContent(path, meta.offset, meta.length)
        association.store(CT, meta.sop_instance_uid, meta.transfer_syntax_uid, content)
        association.answer()
        content.close()
        assert inbox.received[-1].association in listener.unreleased
        if released:
            association.__exit__(None, None, None)
        else:
            association._connection.close()
        until(lambda: len(ended) == len(inbox.received))
        assert (inbox.received[-1].association in listener.unreleased) is not released
    first, second = (one.association for one in inbox.received)
    assert first < second
