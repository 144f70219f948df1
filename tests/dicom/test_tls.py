"""DICOM over TLS: with ourselves, with DCMTK and OpenSSL, and with those who break it."""

import contextlib
import hashlib
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import trustme

from engine.dicom import Claim, Done, Peer, echo, send
from engine.dicom.associate import encode_request
from engine.dicom.negotiate import IMPLICIT_LITTLE, VERIFICATION, Context
from engine.dicom.pdu import A_ABORT, A_ASSOCIATE_AC
from engine.errors import Later
from engine.tls import Distrusted, Identity, Trust, client_context, server_context, told, words
from tests.certificates import authority_file, pin, self_signed, signed
from tests.dicom.conftest import Inbox, Listen, Outbox, as_sent, dataset_of, sendable_files, until, write_object
from tests.dicom.test_interop import storescp
from tests.ports import free_port

needs_dcmtk = pytest.mark.skipif(not shutil.which("storescu"), reason="DCMTK is not installed")
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="the openssl command is not installed")


@pytest.fixture
def ours(tmp_path: Path) -> Identity:
    return self_signed(tmp_path / "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Identity:
    return self_signed(tmp_path / "theirs", "ward1")


def to(port: int, trust: Trust, me: Identity | None = None, host: str = "127.0.0.1") -> Peer:
    return Peer("STELLWERK", host, port, "SENDER", lambda: client_context(trust, me))


def pinned(identity: Identity) -> Trust:
    return Trust("PACS", pins=frozenset({pin(identity)}))


def why(peer: Peer) -> str:
    with pytest.raises(Later) as reason:
        echo(peer)
    return str(reason.value)


# ── with ourselves ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_objects_arrive_unchanged_over_tls(listen: Listen, inbox: Inbox, outbox: Outbox, ours: Identity) -> None:
    listener = listen(tls=lambda: server_context(ours))
    files = sendable_files()
    send(to(listener.port, pinned(ours)), files, outbox.report)
    assert all(isinstance(outcome, Done) for outcome in outbox.outcomes)
    assert sorted(dataset_of(one.dataset_file) for one in inbox.received) == sorted(map(as_sent, files))


def test_a_long_object_arrives_unchanged_over_tls(
    listen: Listen, inbox: Inbox, outbox: Outbox, ours: Identity, tmp_path: Path
) -> None:
    listener = listen(tls=lambda: server_context(ours))
    file = write_object(tmp_path / "long.dcm", bytes(range(256)) * (1 << 14))
    send(to(listener.port, pinned(ours)), [file], outbox.report)
    assert dataset_of(inbox.received[0].dataset_file) == dataset_of(file)


def test_an_unknown_certificate_is_named_with_the_command_that_says_yes(listen: Listen, ours: Identity) -> None:
    listener = listen(tls=lambda: server_context(ours))
    said = why(to(listener.port, Trust("PACS", system=True)))
    assert "signed by nobody who is trusted here" in said
    assert f"stellwerk tls trust PACS {told(pin(ours))}" in said


def test_a_changed_certificate_stops_sending_and_both_fingerprints_are_named(
    listen: Listen, ours: Identity, theirs: Identity
) -> None:
    listener = listen(tls=lambda: server_context(ours))
    said = why(to(listener.port, pinned(theirs)))
    assert "is not the one that was trusted" in said
    assert told(pin(ours)) in said
    assert told(pin(theirs)) in said


def test_a_pinned_certificate_needs_neither_the_right_name_nor_the_right_date(listen: Listen, tmp_path: Path) -> None:
    old = self_signed(tmp_path, "elsewhere", then="2001-01-01")
    listener = listen(tls=lambda: server_context(old))
    echo(to(listener.port, pinned(old), host="localhost"))


def test_an_expired_certificate_is_refused_even_where_it_lies_among_the_authorities(
    listen: Listen, tmp_path: Path
) -> None:
    old = self_signed(tmp_path, then="2001-01-01")
    listener = listen(tls=lambda: server_context(old))
    said = why(to(listener.port, Trust("PACS", (old.chain,))))
    assert "has expired on 2003-01-01" in said
    assert "stellwerk tls trust PACS" in said


def test_an_authority_vouches_for_the_name_and_for_no_other(listen: Listen, tmp_path: Path) -> None:
    authority = trustme.CA()
    trust = Trust("PACS", (authority_file(tmp_path, authority),))
    right = listen(tls=lambda: server_context(signed(tmp_path, authority, "localhost")))
    echo(to(right.port, trust, host="localhost"))
    wrong = listen(tls=lambda: server_context(signed(tmp_path, authority, "pacs.example")))
    assert "is not for localhost, but for pacs.example" in why(to(wrong.port, trust, host="localhost"))


def test_another_authority_does_not_vouch(listen: Listen, tmp_path: Path) -> None:
    listener = listen(tls=lambda: server_context(signed(tmp_path, trustme.CA(), "localhost")))
    trust = Trust("PACS", (authority_file(tmp_path, trustme.CA()),))
    assert "signed by nobody" in why(to(listener.port, trust, host="localhost"))


def test_where_a_certificate_is_required_only_those_come_in_that_have_a_known_one(
    listen: Listen, ours: Identity, theirs: Identity, tmp_path: Path
) -> None:
    clients = Trust(authorities=(theirs.chain,))
    listener = listen(tls=lambda: server_context(ours, clients))
    echo(to(listener.port, pinned(ours), theirs))
    assert "requires a certificate of ours" in why(to(listener.port, pinned(ours)))
    assert "does not accept our certificate" in why(to(listener.port, pinned(ours), self_signed(tmp_path, "stranger")))


def test_a_refusal_is_heard_also_by_who_goes_on_speaking(listen: Listen, ours: Identity, theirs: Identity) -> None:
    listener = listen(tls=lambda: server_context(ours, Trust(authorities=(theirs.chain,))))
    for pauses in (0.0, 0.3):
        line = socket.create_connection(("127.0.0.1", listener.port), timeout=10)
        with client_context(pinned(ours)).wrap_socket(line) as secured:
            time.sleep(pauses)
            with pytest.raises(OSError, match="requires a certificate of ours"):
                _speak_on(secured)


def _speak_on(line: ssl.SSLSocket) -> None:
    for _ in range(50):
        line.sendall(bytes(1 << 16))
    line.recv_into(bytearray(1))


def test_whom_an_authority_has_signed_comes_in(listen: Listen, ours: Identity, tmp_path: Path) -> None:
    authority = trustme.CA()
    clients = Trust(authorities=(authority_file(tmp_path, authority),))
    listener = listen(tls=lambda: server_context(ours, clients))
    echo(to(listener.port, pinned(ours), signed(tmp_path, authority, "ward1.example")))


def test_without_tls_nobody_is_heard_on_a_port_with_tls(
    listen: Listen, ours: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    listener = listen(tls=lambda: server_context(ours))
    assert "gives no association" in why(Peer("STELLWERK", "127.0.0.1", listener.port))
    until(lambda: "does not speak TLS there" in caplog.text)


def test_a_port_without_tls_is_told_as_such(listen: Listen, ours: Identity) -> None:
    listener = listen()
    said = why(to(listener.port, pinned(ours)))
    assert "does not speak TLS there" in said or "closed the line instead of a TLS handshake" in said


def test_who_speaks_tls_to_a_port_without_it_is_named_as_such(
    listen: Listen, ours: Identity, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "stellwerk.dicom")
    listener = listen()
    why(to(listener.port, pinned(ours)))
    until(lambda: "speaks TLS, and this port does not" in caplog.text)


def test_a_slow_handshake_holds_up_nobody_else(
    listen: Listen, ours: Identity, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("engine.dicom.pdu.HANDSHAKE_SECONDS", 2)
    given_up = "the TLS handshake came to no end in time"
    listener = listen(tls=lambda: server_context(ours))
    with socket.create_connection(("127.0.0.1", listener.port)) as slow:
        slow.sendall(b"\x16\x03\x01")
        echo(to(listener.port, pinned(ours)))
        assert given_up not in caplog.text  # the other one was still waited for
        until(lambda: given_up in caplog.text)


def test_a_handshake_that_drips_is_ended_too(listen: Listen, ours: Identity, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.dicom.pdu.HANDSHAKE_SECONDS", 0.5)
    listener = listen(tls=lambda: server_context(ours))
    with socket.create_connection(("127.0.0.1", listener.port)) as slow:
        slow.settimeout(10)
        assert _drip(slow, 8) < 6


def _drip(line: socket.socket, seconds: float) -> float:
    """Send the beginning of a handshake byte by byte; for how long the other side let us."""
    begun = time.monotonic()
    hello = iter(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500))
    with contextlib.suppress(OSError):
        while time.monotonic() - begun < seconds:
            line.sendall(bytes([next(hello)]))
            time.sleep(0.1)
    return time.monotonic() - begun


def test_a_listener_stops_while_associations_with_tls_are_open(listen: Listen, ours: Identity) -> None:
    listener = listen(tls=lambda: server_context(ours))
    context = client_context(pinned(ours))
    line = socket.create_connection(("127.0.0.1", listener.port))
    with context.wrap_socket(line, suppress_ragged_eofs=False) as secured:
        secured.settimeout(10)
        secured.sendall(encode_request("STELLWERK", "SENDER", [Context(1, VERIFICATION, (IMPLICIT_LITTLE,))]))
        assert secured.recv(1000)[0] == A_ASSOCIATE_AC
        begun = time.monotonic()
        listener.stop(grace=0)
        assert time.monotonic() - begun < 5
        # What it says last is said under TLS, and ended as TLS ends: never in the clear.
        assert secured.recv(1000)[0] == A_ABORT
        assert secured.recv(1000) == b""


def test_a_new_certificate_counts_from_the_next_connection_on(listen: Listen, ours: Identity, theirs: Identity) -> None:
    shown = [ours]
    listener = listen(tls=lambda: server_context(shown[0]))
    echo(to(listener.port, pinned(ours)))
    shown[0] = theirs
    echo(to(listener.port, pinned(theirs)))


def test_the_name_that_is_called_is_said_in_the_handshake(ours: Identity) -> None:
    names: list[str | None] = []
    context = server_context(ours)
    context.sni_callback = lambda _, name, __: names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_shake_once, args=(server, context))
        thread.start()
        why(to(server.getsockname()[1], pinned(ours), host="localhost"))
        thread.join()
    assert names == ["localhost"]


def _shake_once(server: socket.socket, context: ssl.SSLContext) -> None:
    line, _ = server.accept()
    with context.wrap_socket(line, server_side=True):
        pass


def test_a_context_of_ours_cannot_be_used_without_the_look_at_the_certificate(ours: Identity) -> None:
    with pytest.raises(NotImplementedError):
        client_context(pinned(ours)).wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO())


def test_words_are_found_for_whatever_fails() -> None:
    assert words(Distrusted("so it is")) == "so it is"
    assert words(TimeoutError()) == "the TLS handshake came to no end in time"
    assert words(OSError(5, "Input/output error")) == "Input/output error"


# ── users ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@needs_dcmtk
@pytest.mark.parametrize(
    ("options", "comes_in"),
    [
        (["--user", "ward1", "--password", "geheim"], True),
        (["--user", "ward1", "--password", "geheim", "--pos-response"], True),
        (["--user", "ward1", "--password", "falsch"], False),
        (["--user", "ward1"], False),
        ([], False),
    ],
)
def test_only_a_user_with_the_right_password_comes_in(
    listen: Listen, inbox: Inbox, tmp_path: Path, options: list[str], comes_in: bool
) -> None:
    heard: list[Claim] = []

    def knows(claim: Claim, address: str) -> bool:
        heard.append(claim)
        return (claim.name, claim.passcode, address) == ("ward1", "geheim", "127.0.0.1")

    listener = listen(knows=knows)
    file = sendable_files()[0]
    command = ["storescu", "-xf", str(_profile(tmp_path, file)), "Ours", *options]
    done = subprocess.run([*command, "127.0.0.1", str(listener.port), str(file)], capture_output=True, timeout=30)
    assert (done.returncode == 0) is comes_in, done.stderr
    assert [one.user for one in inbox.received] == (["ward1"] if comes_in else [])
    assert "geheim" not in repr(heard)


@needs_dcmtk
def test_where_no_users_are_asked_for_a_claim_is_ignored(listen: Listen, inbox: Inbox, tmp_path: Path) -> None:
    listener = listen()
    file = sendable_files()[0]
    command = ["storescu", "-xf", str(_profile(tmp_path, file)), "Ours", "--user", "ward1", "--password", "geheim"]
    subprocess.run([*command, "127.0.0.1", str(listener.port), str(file)], check=True, capture_output=True, timeout=30)
    assert [one.user for one in inbox.received] == [""]


# ── DCMTK ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _profile(folder: Path, *files: Path) -> Path:
    from tests.dicom.test_interop import kinds_of, profile

    return profile(folder, kinds_of(list(files)))


def _split(identity: Identity, folder: Path) -> tuple[str, str]:
    """Key and certificate in files of their own, as DCMTK wants them."""
    text = identity.chain.read_text()
    at = text.index("-----BEGIN PRIVATE KEY")
    key, certificate = folder / f"{identity.chain.stem}.key", folder / f"{identity.chain.stem}.crt"
    key.write_text(text[at:])
    certificate.write_text(text[:at])
    return str(key), str(certificate)


@needs_dcmtk
@pytest.mark.parametrize("profile", ["+py", "+px", "+pz"])
def test_storescu_sends_to_us_over_tls(
    listen: Listen, inbox: Inbox, ours: Identity, theirs: Identity, tmp_path: Path, profile: str
) -> None:
    plain, secured = listen(), listen(tls=lambda: server_context(ours, Trust(authorities=(theirs.chain,))))
    files = sendable_files()[:5]
    _, our_certificate = _split(ours, tmp_path)
    tls = ["+tls", *_split(theirs, tmp_path), "+cf", our_certificate, profile]
    for listener, options in ((plain, []), (secured, tls)):
        command = ["storescu", *options, "-xf", str(_profile(tmp_path, *files)), "Ours", "127.0.0.1"]
        done = subprocess.run([*command, str(listener.port), *map(str, files)], capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr
    digests = [hashlib.sha256(dataset_of(one.dataset_file)).hexdigest() for one in inbox.received]
    assert len(digests) == 2 * len(files)
    assert digests[: len(files)] == digests[len(files) :]


@needs_dcmtk
def test_storescu_without_a_certificate_is_refused_where_one_is_required(
    listen: Listen, inbox: Inbox, ours: Identity, theirs: Identity
) -> None:
    listener = listen(tls=lambda: server_context(ours, Trust(authorities=(theirs.chain,))))
    file = sendable_files()[0]
    command = ["storescu", "+tla", "-ic", "127.0.0.1", str(listener.port), str(file)]
    assert subprocess.run(command, capture_output=True, timeout=60).returncode != 0
    assert not inbox.received


@needs_dcmtk
def test_we_send_to_storescp_over_tls(outbox: Outbox, ours: Identity, theirs: Identity, tmp_path: Path) -> None:
    _, our_certificate = _split(ours, tmp_path)
    files = [file for file in sendable_files() if file.name.startswith("CT_small")]
    with storescp(tmp_path / "there", "+tls", *_split(theirs, tmp_path), "+cf", our_certificate, "+B") as plain:
        peer = Peer(plain.called_ae, plain.host, plain.port, "SENDER", lambda: client_context(pinned(theirs), ours))
        send(peer, files, outbox.report)
    assert all(isinstance(outcome, Done) for outcome in outbox.outcomes), outbox.outcomes
    assert sorted(map(dataset_of, (tmp_path / "there").iterdir())) == sorted(map(as_sent, files))


# ── OpenSSL ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _handshake(port: int, *options: str) -> str:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    done = subprocess.run(command, input=b"", capture_output=True, timeout=30)
    return (done.stdout + done.stderr).decode(errors="replace")


@needs_openssl
@pytest.mark.parametrize(
    "suite",
    [
        # What Java 8 offers, and BCP 195 asks for.
        "ECDHE-RSA-AES128-GCM-SHA256",
        "ECDHE-RSA-AES256-GCM-SHA384",
    ],
)
def test_the_suites_of_tls_1_2_that_bcp_195_asks_for_are_there(listen: Listen, ours: Identity, suite: str) -> None:
    listener = listen(tls=lambda: server_context(ours))
    assert f"Cipher is {suite}" in _handshake(listener.port, "-tls1_2", "-cipher", suite)


@needs_openssl
def test_tls_1_3_is_preferred(listen: Listen, ours: Identity) -> None:
    listener = listen(tls=lambda: server_context(ours))
    assert "New, TLSv1.3" in _handshake(listener.port)


@needs_openssl
@pytest.mark.parametrize(
    "options",
    [
        ("-tls1_1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1", "-cipher", "ALL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "ECDHE-RSA-AES128-SHA256:@SECLEVEL=0"),  # CBC
        ("-tls1_2", "-cipher", "AES128-GCM-SHA256:@SECLEVEL=0"),  # no forward secrecy
        ("-tls1_2", "-cipher", "AES128-SHA:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "NULL:@SECLEVEL=0"),
        ("-tls1_2", "-cipher", "aNULL:@SECLEVEL=0"),
    ],
)
def test_what_is_weaker_is_refused(listen: Listen, ours: Identity, options: tuple[str, ...]) -> None:
    listener = listen(tls=lambda: server_context(ours))
    said = _handshake(listener.port, *options)
    assert "Cipher is (NONE)" in said
    assert "alert" in said  # refused by us, not by its own settings


@pytest.fixture
def s_server(theirs: Identity) -> Iterator[Callable[..., int]]:
    """OpenSSL's server with these options; it speaks no DICOM."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> int:
        port = free_port()
        command = [
            "openssl",
            "s_server",
            "-accept",
            f"127.0.0.1:{port}",
            "-cert",
            str(theirs.chain),
            "-quiet",
            *options,
        ]
        running.append(
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        )

        def listens() -> bool:
            with socket.socket() as asked:
                return asked.connect_ex(("127.0.0.1", port)) == 0

        until(listens)
        return port

    yield start
    for process in running:
        process.kill()
        process.wait(5)


@needs_openssl
def test_we_do_not_send_over_anything_older_than_tls_1_2(s_server: Callable[..., int], theirs: Identity) -> None:
    port = s_server("-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "TLS 1.2 with AES-GCM is the least" in why(to(port, pinned(theirs)))
