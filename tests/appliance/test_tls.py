"""Our certificate from its making to its end, whom we trust, and the whole way from a refusal to a person's yes."""

import io
import os
import re
import shutil
import socket
import ssl
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme

from appliance.cli import main
from appliance.commitments import Promises
from appliance.settings import Settings
from appliance.tls import DAYS, Certificates, TLSError
from dsl.compile import compile_text
from engine.certificates import facts_of
from engine.dicom import Done, Listener, Peer, echo
from engine.dicom.command import Command
from engine.dicom.services import Call
from engine.errors import Later
from engine.tls import Trust, client_context, server_context, told
from engine.vocabulary import vocabulary
from tests.appliance.running import Running, dcmtk_missing
from tests.certificates import pin, self_signed, signed
from tests.dicom.conftest import sendable_files
from tests.engine.spool.crash_kit import new_uid, write_instance
from tests.ports import free_port


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path / "tls")


def shown(context: ssl.SSLContext) -> str:
    """The fingerprint of what a server with this context shows."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_serve_once, args=(server, context))
        thread.start()
        asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(server.getsockname()) as line, asking.wrap_socket(line) as secured:
            pem = ssl.DER_cert_to_PEM_cert(secured.getpeercert(binary_form=True) or b"")
        thread.join()
    return facts_of(pem.encode())[0].fingerprint


def _serve_once(server: socket.socket, context: ssl.SSLContext) -> None:
    line, _ = server.accept()
    with context.wrap_socket(line, server_side=True) as secured:
        secured.recv(1)


# ── who we are ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_certificate_is_made_when_it_is_first_needed(certificates: Certificates) -> None:
    assert not certificates.folder.exists()
    assert certificates.trouble() == ""
    certificates.server()
    own = certificates.own()
    assert {"localhost", "127.0.0.1", socket.gethostname()} <= set(own.names)
    assert timedelta(DAYS - 1) < own.until - datetime.now(UTC) <= timedelta(DAYS)
    assert own.own


def test_its_key_is_for_this_account_alone(certificates: Certificates) -> None:
    certificates.server()
    assert stat.S_IMODE((certificates.folder / "own.pem").stat().st_mode) == 0o600
    assert stat.S_IMODE(certificates.folder.stat().st_mode) == 0o700


@pytest.mark.skipif(not shutil.which("openssl"), reason="the openssl command is not installed")
def test_openssl_reads_it_as_we_do_and_finds_it_good_for_both_sides(certificates: Certificates) -> None:
    own = certificates.own()
    read = ["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-purpose", "-text"]
    said = subprocess.run(read, input=certificates.certificate(), capture_output=True, text=True, check=True).stdout
    assert told(own.fingerprint) in said
    assert "SSL client : Yes" in said
    assert "SSL server : Yes" in said
    assert "Public-Key: (3072 bit)" in said
    assert "PRIVATE" not in certificates.certificate()


def test_it_is_told_thirty_days_before_its_end_and_after_it(tmp_path: Path) -> None:
    made = datetime(2026, 1, 1, tzinfo=UTC)
    now = [made]
    certificates = Certificates(tmp_path, now=lambda: now[0])
    certificates.server()
    now[0] = made + timedelta(DAYS - 31)
    assert certificates.trouble() == ""
    now[0] = made + timedelta(DAYS - 29)
    assert "expires on 2028-01-01: `stellwerk tls renew`" in certificates.trouble()
    now[0] = made + timedelta(DAYS + 1)
    assert "has expired on 2028-01-01" in certificates.trouble()


def test_a_renewed_one_counts_at_once(certificates: Certificates) -> None:
    before = shown(certificates.server())
    certificates.renew(["pacs.praxis.example"])
    assert "pacs.praxis.example" in certificates.own().names
    assert shown(certificates.server()) == certificates.own().fingerprint != before


def test_one_that_others_keep_is_used_from_where_it_lies_and_followed(
    certificates: Certificates, tmp_path: Path
) -> None:
    authority = trustme.CA()
    acme = signed(tmp_path / "acme", authority, "stellwerk.example")
    certificates.take(acme.chain, acme.key)
    assert shown(certificates.server()) == pin(acme)
    acme.chain.write_bytes(signed(tmp_path / "next", authority, "stellwerk.example").chain.read_bytes())
    assert shown(certificates.server()) == pin(acme)
    assert certificates.trouble() == ""


def test_while_it_is_being_replaced_the_last_good_one_goes_on(certificates: Certificates, tmp_path: Path) -> None:
    acme = signed(tmp_path / "acme", trustme.CA(), "stellwerk.example")
    certificates.take(acme.chain, acme.key)
    good = shown(certificates.server())
    acme.chain.write_bytes(b"-----BEGIN CERT")
    assert shown(certificates.server()) == good
    assert "cannot be used" in certificates.trouble()
    acme.chain.unlink()
    assert shown(certificates.server()) == good
    assert "No such file" in certificates.trouble()


def test_where_there_has_never_been_a_good_one_it_is_said(certificates: Certificates, tmp_path: Path) -> None:
    acme = signed(tmp_path / "acme", trustme.CA(), "stellwerk.example")
    certificates.take(acme.chain, acme.key)
    acme.chain.unlink()
    with pytest.raises(OSError, match="cannot be used"):
        certificates.server()
    with pytest.raises(Later, match="no TLS with PACS: certificates cannot be used"):
        certificates.client("PACS")


def test_a_key_that_does_not_fit_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    one, other = self_signed(tmp_path, "one"), self_signed(tmp_path, "other")
    with pytest.raises(TLSError, match="not that of the certificate"):
        certificates.take(one.chain, other.key)
    with pytest.raises(TLSError, match="cannot be read"):
        certificates.take(one.chain, tmp_path / "gone")
    (tmp_path / "nothing.pem").write_text("nothing")
    with pytest.raises(TLSError, match="no certificate in PEM form"):
        certificates.take(tmp_path / "nothing.pem", one.key)
    assert not (certificates.folder / "elsewhere.json").exists()


# ── whom we trust ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_yes_is_kept_as_a_fingerprint_and_taken_back(certificates: Certificates, tmp_path: Path) -> None:
    there = self_signed(tmp_path, "pacs")
    assert certificates.pins("PACS") == frozenset()
    for spelling in (told(pin(there)), pin(there), f"SHA256:{pin(there)}", told(pin(there)).replace(":", " ")):
        certificates.trust("PACS", spelling)
        assert certificates.pins("PACS") == {pin(there)}
    assert certificates.distrust("PACS")
    assert not certificates.distrust("PACS")
    assert certificates.pins("PACS") == frozenset()


@pytest.mark.parametrize(("name", "fingerprint"), [("PACS", "AB:CD"), ("PACS", "x" * 64), ("../x", "a" * 64)])
def test_what_is_no_fingerprint_or_no_name_is_refused(certificates: Certificates, name: str, fingerprint: str) -> None:
    with pytest.raises(TLSError):
        certificates.trust(name, fingerprint)
    assert not certificates.trusted()


def test_a_file_of_fingerprints_that_cannot_be_read_trusts_nobody(certificates: Certificates) -> None:
    certificates.trust("PACS", "a" * 64)
    file = certificates.folder / "trusted" / "PACS.sha256"
    for text in ("", "# nothing\n", "AB:CD\n"):
        file.write_text(text)
        with pytest.raises(Later):
            certificates.client("PACS")


def test_what_is_kept_of_a_file_is_never_a_key(certificates: Certificates, tmp_path: Path) -> None:
    theirs = self_signed(tmp_path, "ward1")
    assert b"PRIVATE" in theirs.chain.read_bytes()
    certificates.admit("WARD1", theirs.chain)
    assert b"PRIVATE" not in (certificates.folder / "clients" / "WARD1.pem").read_bytes()
    assert [one.fingerprint for one in certificates.listed("clients")["WARD1"]] == [pin(theirs)]


def test_whom_a_person_lets_in_comes_in_at_once_and_is_out_at_once(certificates: Certificates, tmp_path: Path) -> None:
    theirs = self_signed(tmp_path, "ward1")
    listener = Listener(
        0, lambda _: None, folder=tmp_path, address="127.0.0.1", tls=lambda: certificates.server(require=True)
    )
    listener.start()
    try:
        trust = Trust("US", pins=frozenset({certificates.own().fingerprint}))
        peer = Peer("STELLWERK", "127.0.0.1", listener.port, tls=lambda: client_context(trust, theirs))
        with pytest.raises(Later, match="does not accept our certificate"):
            echo(peer)
        certificates.admit("WARD1", theirs.chain)
        echo(peer)
        (certificates.folder / "clients" / "WARD1.pem").unlink()
        with pytest.raises(Later):
            echo(peer)
    finally:
        listener.stop(grace=0)


# ── the whole way ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[tuple[Listener, list[int]]]:
    """A PACS that speaks TLS with a self-signed certificate, and what it has got."""
    got: list[int] = []
    there = self_signed(tmp_path / "pacs", "pacs")
    folder = tmp_path / "pacs-in"
    folder.mkdir()
    listener = Listener(
        0, lambda one: got.append(one.port), folder=folder, address="127.0.0.1", tls=lambda: server_context(there)
    )
    listener.start()
    yield listener, got
    listener.stop(grace=0)


def command(running: Running, *words: str, keys: str = "") -> str:
    """The output of a command on its data folder."""
    line = [sys.executable, "-m", "appliance", *words, "--data", str(running.data)]
    environment = {**os.environ, "PYTHONUTF8": "1"}
    done = subprocess.run(line, capture_output=True, text=True, input=keys, timeout=60, env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed")
def test_an_image_waits_for_a_persons_yes_and_then_goes(tmp_path: Path, pacs: tuple[Listener, list[int]]) -> None:
    port, secured = free_port(), free_port()
    rules = f"""
destination PACS = dicom "PACS@127.0.0.1:{pacs[0].port}" tls retry every 30 minutes for 12 hours
listener WARD = dicom port {secured} tls users ward1
on port {port} → forward PACS
on WARD where user = ward1 → store by PatientID
"""
    running = Running(tmp_path / "it", rules, port)
    try:
        running.wait_for(lambda: "ready: ports" in running.said(), "it does not start")
        assert "there is no user ward1" in running.said()
        own = re.search(r"our certificate \(SHA-256\): (\S+),", running.said())
        assert own is not None
        assert own[1] in command(running, "tls")
        file = sendable_files()[0]
        assert all(isinstance(result, Done) for result in running.send(file).values())
        running.wait_for(lambda: "stellwerk tls trust PACS" in command(running, "spool"), "it does not wait")
        assert not pacs[1]
        asked = re.search(r"stellwerk (tls trust PACS [0-9A-F:]+)", command(running, "spool"))
        assert asked is not None
        command(running, *asked[1].split())
        running.settle()
        assert len(pacs[1]) == 1

        command(running, "user", "add", "ward1", keys="a good password\n")
        assert command(running, "user", "list") == "ward1\n"
        file = next(file for file in sendable_files() if file.name == "CT_small.dcm")
        call = [
            "storescu",
            "+tla",
            "-ic",
            "--user",
            "ward1",
            "--password",
            "a good password",
            "127.0.0.1",
            str(secured),
        ]
        subprocess.run([*call, str(file)], check=True, capture_output=True, timeout=60)
        running.settle()
        assert [*running.archive.rglob("*.dcm")]
        everything = running.said() + "".join(
            path.read_text(errors="replace") for path in running.data.rglob("*") if path.is_file()
        )
        assert "a good password" not in everything
    finally:
        running.stop()


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_command_shows_renews_and_takes_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, acme = ["--data", str(tmp_path)], signed(tmp_path / "acme", trustme.CA(), "stellwerk.example")
    assert main(["tls", *data]) == 0
    first = re.search(r"SHA-256 +(\S+)", capsys.readouterr().out)
    assert main(["tls", "renew", "pacs.example", *data]) == 0
    second = re.search(r"SHA-256 +(\S+)", shown_text := capsys.readouterr().out)
    assert first is not None
    assert second is not None
    assert first[1] != second[1]
    assert "pacs.example" in shown_text
    assert main(["tls", "import", str(acme.chain), str(acme.key), *data]) == 0
    assert told(pin(acme)) in capsys.readouterr().out
    assert main(["tls", "admit", "WARD1", str(acme.chain), *data]) == 0
    assert main(["tls", "trust", "PACS", told(pin(acme)), *data]) == 0
    assert main(["tls", *data]) == 0
    everything = capsys.readouterr().out
    assert "destination PACS is trusted by its fingerprint" in everything
    assert "WARD1 may call" in everything
    assert main(["tls", "pem", *data]) == 0
    assert "PRIVATE" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["trust", "PACS"], 2, "write: stellwerk tls trust DESTINATION FINGERPRINT"),
        (["trust", "PACS", "AB:CD"], 1, "64 hexadecimal digits"),
        (["import", "nowhere", "nowhere"], 1, "nowhere cannot be read"),
        (["admit", "A/B", "nowhere"], 1, "cannot be a name here"),
        (["renew", "mü ller"], 1, "stellwerk: "),
    ],
)
def test_the_command_says_what_is_wrong(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, said: str
) -> None:
    assert main(["tls", *words, "--data", str(tmp_path)]) == code
    assert said in capsys.readouterr().err


def test_users_are_added_by_a_pipe_and_never_by_the_command_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = ["--data", str(tmp_path)]
    monkeypatch.setattr("sys.stdin", io.StringIO("short\n"))
    assert main(["user", "add", "ward1", *data]) == 2
    monkeypatch.setattr("sys.stdin", io.StringIO("long enough\n"))
    assert main(["user", "add", "ward1", *data]) == 0
    assert main(["user", *data]) == 0
    assert capsys.readouterr().out == "ward1 is added\nward1\n"
    assert main(["user", "remove", "ward1", *data]) == 0
    assert main(["user", "remove", "ward1", *data]) == 1
    assert main(["user", "add", *data]) == 2


# ── with storage commitment ─────────────────────────────────────────────────────────────────────────────────────────


def test_one_appliance_confirms_to_another_over_tls(tmp_path: Path) -> None:
    plain, secured, entrance = free_port(), free_port(), free_port()
    there = Running(
        tmp_path / "there",
        f"listener HOUSE = dicom port {secured} tls\non HOUSE → store by PatientID\non port {plain} → hold\n",
        plain,
    )
    here = Running(
        tmp_path / "here",
        f'destination THERE = dicom "STELLWERK@127.0.0.1:{secured}" tls confirm\non port {entrance} → forward THERE\n',
        entrance,
    )
    try:
        pin_there = Certificates(there.data / "tls").own().fingerprint
        command(here, "tls", "trust", "THERE", told(pin_there))
        write_instance(tmp_path / "one.dcm", new_uid(), "US")
        here.deliver(tmp_path / "one.dcm")
        there.settle()
        assert len([*there.archive.rglob("*.dcm")]) == 1
    finally:
        here.stop()
        there.stop()


def test_results_are_told_over_tls_where_the_destination_speaks_it(certificates: Certificates, tmp_path: Path) -> None:
    rules = 'destination CT = dicom "CT1@127.0.0.1:104" tls\ndestination MR = dicom "MR1@127.0.0.1:104"\n'
    program = compile_text(rules, name="my.rules", vocabulary=vocabulary(), read=lambda _: "").program
    assert program is not None
    settings = Settings(data=tmp_path)
    promises = Promises(settings, lambda: program, lambda _: None, threading.Event(), certificates.client)
    secured, plain = (promises._peer(Call(Command(1, 1), b"", "", title, "STELLWERK", "")) for title in ("CT1", "MR1"))
    assert secured is not None
    assert secured.tls is not None
    assert isinstance(secured.tls(), ssl.SSLContext)
    assert plain is not None
    assert plain.tls is None


def test_results_are_not_told_to_somebody_outside_who_is_only_called_like_the_caller(tmp_path: Path) -> None:
    rules = 'destination UNI = dicom "CT1@203.0.113.5:104" outside\n'
    rules += 'destination TOO = dicom "MR1@203.0.113.6:104" outside trusted\n'
    program = compile_text(rules, name="my.rules", vocabulary=vocabulary(), read=lambda _: "").program
    assert program is not None
    promises = Promises(
        Settings(data=tmp_path), lambda: program, lambda _: None, threading.Event(), Certificates(tmp_path).client
    )
    outside, trusted = (
        promises._peer(Call(Command(1, 1), b"", "", title, "STELLWERK", "")) for title in ("CT1", "MR1")
    )
    assert outside is None
    assert trusted is not None


def test_receiver_and_console_that_start_at_once_have_the_same_certificate(tmp_path: Path) -> None:
    both = (
        "import sys, pathlib; from appliance.tls import Certificates;"
        "print(Certificates(pathlib.Path(sys.argv[1])).own().fingerprint)"
    )
    for turn in range(4):
        words = [sys.executable, "-c", both, str(tmp_path / f"{turn}/tls")]
        running = [subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(4)]
        said = [one.communicate(timeout=60) for one in running]
        assert not any(errors for _, errors in said), said
        assert len({fingerprint for fingerprint, _ in said}) == 1
