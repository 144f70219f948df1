"""Sending by SFTP, against a server that others wrote (asyncssh)."""

import asyncio
import contextlib
import socket
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import asyncssh
import pytest

from appliance.secrets import Secrets
from engine.destinations import sftp as sftp_out
from engine.destinations.exchange import Patience, Unreachable
from engine.destinations.sftp import Sftp
from engine.enough import ALL_REFUSED
from engine.entry import Entry
from engine.errors import Later, Never
from engine.program import Destination
from engine.pump import Result, Sent
from engine.signature import Argument
from tests.data.make import instance, text, word
from tests.engine.test_https_out import entries

QUICK = Patience(2.0, 3.0, 3.0)


@dataclass
class Server:
    """An SFTP server with one user, `up`, and what he sees."""

    port: int
    root: Path
    fingerprint: str
    known_hosts: Path
    key: str
    handler: type[asyncssh.SFTPServer] = asyncssh.SFTPServer


class Users(asyncssh.SSHServer):
    """Takes up's password; his key is taken by asyncssh itself."""

    def password_auth_supported(self) -> bool:
        """Yes."""
        return True

    def validate_password(self, username: str, password: str) -> bool:
        """The one that there is."""
        return (username, password) == ("up", "secret")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server on a port of its own."""
    home = tmp_path_factory.mktemp("sftp")
    (home / "root" / "in").mkdir(parents=True)
    theirs, ours = asyncssh.generate_private_key("ssh-ed25519"), asyncssh.generate_private_key("ssh-ed25519")
    (home / "authorized").write_text(ours.export_public_key().decode())
    loop = asyncio.new_event_loop()
    made = Server(0, home / "root", theirs.get_fingerprint(), home / "known_hosts", ours.export_private_key().decode())

    async def serve() -> int:
        listener = await asyncssh.create_server(
            Users,
            "127.0.0.1",
            0,
            server_host_keys=[theirs],
            authorized_client_keys=str(home / "authorized"),
            sftp_factory=lambda channel: made.handler(channel, chroot=str(home / "root")),
        )
        return int(listener.get_port())

    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    made.port = asyncio.run_coroutine_threadsafe(serve(), loop).result(10)
    made.known_hosts.write_text(f"[localhost]:{made.port} {theirs.export_public_key().decode()}")
    yield made
    loop.call_soon_threadsafe(loop.stop)
    thread.join(5)


@pytest.fixture(autouse=True)
def empty(server: Server) -> None:
    """The server's folder, and it behaves."""
    server.handler = asyncssh.SFTPServer
    for file in (server.root / "in").iterdir():
        file.unlink()


def sftp(server: Server, tmp_path: Path, path: str = "/in", **arguments: Argument) -> Sftp:
    """A destination at this server, with the key that is known."""
    folder = tmp_path / "secrets"
    folder.mkdir(exist_ok=True)
    (folder / "login").write_text("up\nsecret\n")
    (folder / "wrong").write_text("up\nwrong\n")
    (folder / "ours").write_text(server.key)
    given = {"address": text(f"up@localhost:{server.port}:{path}"), **(arguments or {"login": word("login")})}
    destination = Destination("NAS", "sftp", given)
    return Sftp(destination, Secrets(folder), QUICK, [server.known_hosts])


def send(destination: Sftp, owed: list[Entry]) -> list[Result]:
    """What is reported."""
    results: list[Result] = []
    destination.send(owed, lambda _, result: results.append(result), lambda: False)
    return results


def seen(server: Server) -> dict[str, bytes]:
    """What lies there, hidden files as well."""
    return {file.name: file.read_bytes() for file in (server.root / "in").iterdir()}


@pytest.mark.parametrize("way", ["login", "key"])
def test_images_lie_there_under_their_uids_with_the_bytes_of_their_files(
    tmp_path: Path, server: Server, way: str
) -> None:
    owed = entries(tmp_path, "1.1", "1.2")
    arguments = {"login": word("login")} if way == "login" else {"key": word("ours")}
    assert send(sftp(server, tmp_path, **arguments), owed) == [Sent("NAS")] * 2
    assert seen(server) == {f"{entry.object}.dcm": entry.file.read_bytes() for entry in owed}


def test_a_host_key_that_the_rules_name_is_enough(tmp_path: Path, server: Server) -> None:
    pinned = sftp(server, tmp_path, login=word("login"), fingerprint=text(server.fingerprint))
    pinned._known_hosts = ()
    assert send(pinned, entries(tmp_path)) == [Sent("NAS")]


@pytest.mark.parametrize("named", [True, False])
def test_another_server_or_an_unknown_one_hears_no_password(tmp_path: Path, server: Server, named: bool) -> None:
    pin = {"fingerprint": text("SHA256:" + "A" * 43)} if named else {}
    destination = sftp(server, tmp_path, login=word("login"), **pin)
    destination._known_hosts = ()
    [result] = send(destination, entries(tmp_path, "1.1", "1.2"))
    assert isinstance(result, Later)
    assert server.fingerprint in result.reason
    assert not seen(server)


@pytest.mark.parametrize("arguments", [{"login": word("wrong")}, {"key": word("login")}, {"login": word("none")}])
def test_what_does_not_let_us_in_keeps_the_images_here(
    tmp_path: Path, server: Server, arguments: dict[str, Argument]
) -> None:
    [result] = send(sftp(server, tmp_path, **arguments), entries(tmp_path, "1.1", "1.2"))
    assert isinstance(result, Later)
    assert "wrong" not in result.reason
    assert not seen(server)


def test_the_same_again_is_one_file_and_other_bytes_are_refused(tmp_path: Path, server: Server) -> None:
    [owed] = entries(tmp_path)
    destination = sftp(server, tmp_path)
    assert send(destination, [owed]) + send(destination, [owed]) == [Sent("NAS")] * 2
    before = seen(server)
    instance(tmp_path, SOPInstanceUID="1.2.3", PatientID="4712")
    [result] = send(destination, [owed])
    assert isinstance(result, Never)
    assert seen(server) == before


def test_on_duplicate_keep_and_replace_mean_what_they_mean_in_the_archive(tmp_path: Path, server: Server) -> None:
    [owed] = entries(tmp_path)
    destination = sftp(server, tmp_path)
    send(destination, [owed])
    first = owed.file.read_bytes()
    instance(tmp_path, SOPInstanceUID="1.2.3", PatientID="4712")
    second = owed.file.read_bytes()
    assert send(destination, [replace(owed, note={"duplicate": "keep"})]) == [Sent("NAS")]
    assert seen(server) == {"1.2.3.dcm": first, "1.2.3 (2).dcm": second}
    assert send(destination, [replace(owed, note={"duplicate": "replace"})]) == [Sent("NAS")]
    assert seen(server)["1.2.3.dcm"] == second


def test_of_two_bodies_of_one_uid_that_go_at_once_the_second_overwrites_nothing(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    [one], [other] = entries(tmp_path), entries(tmp_path / "other")
    instance(tmp_path / "other", SOPInstanceUID="1.2.3", PatientID="4712")
    both_look = threading.Barrier(2)
    look = sftp_out._size

    def look_together(*where: object) -> object:
        found = look(*where)
        with contextlib.suppress(threading.BrokenBarrierError):
            both_look.wait(0.5)
        return found

    monkeypatch.setattr("engine.destinations.sftp._size", look_together)
    destinations = [sftp(server, tmp_path), sftp(server, tmp_path)]  # the second as after a change of rules
    with ThreadPoolExecutor(2) as pool:
        results = [result for [result] in pool.map(send, destinations, [[one], [other]])]
    assert sorted(type(result).__name__ for result in results) == ["Never", "Sent"]
    kept = one if isinstance(results[0], Sent) else other
    assert seen(server) == {"1.2.3.dcm": kept.file.read_bytes()}


def test_a_folder_that_is_not_there_is_said_in_words(tmp_path: Path, server: Server) -> None:
    [result] = send(sftp(server, tmp_path, "/elsewhere"), entries(tmp_path))
    assert isinstance(result, Later)
    assert "/elsewhere" in result.reason


def test_a_write_that_breaks_off_leaves_no_file_under_its_name(tmp_path: Path, server: Server) -> None:
    class Full(asyncssh.SFTPServer):
        async def write(self, file_obj: object, offset: int, data: bytes) -> int:
            raise asyncssh.SFTPFailure("1.2.3 Sample^Anna")

    server.handler = Full
    [result] = send(sftp(server, tmp_path), entries(tmp_path))
    assert isinstance(result, Later)
    assert "Anna" not in result.reason
    assert "1.2.3.dcm" not in seen(server)
    server.handler = asyncssh.SFTPServer
    assert send(sftp(server, tmp_path), entries(tmp_path)) == [Sent("NAS")]
    assert set(seen(server)) == {"1.2.3.dcm"}


def test_a_server_that_loses_bytes_is_found_out(tmp_path: Path, server: Server) -> None:
    class Lossy(asyncssh.SFTPServer):
        def write(self, file_obj: object, offset: int, data: bytes) -> int:
            super().write(file_obj, offset, data[:-1])
            return len(data)

    server.handler = Lossy
    [result] = send(sftp(server, tmp_path), entries(tmp_path))
    assert isinstance(result, Later)
    assert "1.2.3.dcm" not in seen(server)


def test_a_server_that_cannot_rename_onto_a_name_still_replaces(tmp_path: Path, server: Server) -> None:
    class Old(asyncssh.SFTPServer):
        def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
            raise asyncssh.SFTPOpUnsupported("no such extension")

    server.handler = Old
    [owed] = entries(tmp_path)
    send(sftp(server, tmp_path), [owed])
    instance(tmp_path, SOPInstanceUID="1.2.3", PatientID="4712")
    assert send(sftp(server, tmp_path), [replace(owed, note={"duplicate": "replace"})]) == [Sent("NAS")]
    assert seen(server) == {"1.2.3.dcm": owed.file.read_bytes()}


def test_a_line_cut_anywhere_delivers_nothing_that_is_not_there(tmp_path: Path, server: Server) -> None:
    [owed] = entries(tmp_path)
    delivered = 0
    for most in (0, 20, 300, 1500, 2500, 3000, 3500, 4000, 4500, 5000, 6000, 9000):
        with _cutting(server.port, most) as port:
            destination = sftp(server, tmp_path, login=word("login"), fingerprint=text(server.fingerprint))
            destination._place = replace(destination._place, port=port)
            [result] = send(destination, [owed])
        files = seen(server)
        assert files.get("1.2.3.dcm", owed.file.read_bytes()) == owed.file.read_bytes(), "never half a file"
        if isinstance(result, Sent):
            assert "1.2.3.dcm" in files
            delivered += 1
        else:
            assert isinstance(result, Later)
        for file in (server.root / "in").iterdir():
            file.unlink()
    assert 0 < delivered < 12


def test_what_speaks_no_ssh_and_what_is_away_are_said_in_words(tmp_path: Path, server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        threading.Thread(target=_say, args=(other, b"HTTP/1.1 400 x\r\n\r\n"), daemon=True).start()
        destination = sftp(server, tmp_path)
        destination._place = replace(destination._place, port=other.getsockname()[1])
        assert isinstance(send(destination, entries(tmp_path))[0], Unreachable)
    assert isinstance(send(destination, entries(tmp_path))[0], Unreachable)


def test_without_the_library_the_reason_says_what_to_type(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "paramiko", None)
    [result] = send(sftp(server, tmp_path), entries(tmp_path, "1.1", "1.2"))
    assert isinstance(result, Later)
    assert "pip install 'stellwerk[sftp]'" in result.reason


def _say(server: socket.socket, what: bytes) -> None:
    with contextlib.suppress(OSError):
        line, _ = server.accept()
        line.sendall(what)
        line.close()


@contextlib.contextmanager
def _cutting(port: int, most: int) -> Iterator[int]:
    """A line to the server that is cut after so many bytes of ours."""

    def carry(source: socket.socket, target: socket.socket, left: int) -> None:
        with contextlib.suppress(OSError):
            while left > 0 and (data := source.recv(min(left, 4096))):
                target.sendall(data)
                left -= len(data)
        for one in (source, target):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve() -> None:
        with contextlib.suppress(OSError):
            ours, _ = listening.accept()
            theirs = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=carry, args=(theirs, ours, 1 << 40), daemon=True).start()
            carry(ours, theirs, most)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])


def test_a_server_that_refuses_all_that_it_is_sent_is_not_asked_about_each_of_a_batch(
    tmp_path: Path, server: Server
) -> None:
    owed = entries(tmp_path, *(f"1.{number}" for number in range(3 * ALL_REFUSED)))
    for entry in owed:
        (server.root / "in" / f"{entry.object}.dcm").write_bytes(b"another")
    results = send(sftp(server, tmp_path), owed)
    assert len(results) == ALL_REFUSED
    assert all(isinstance(result, Never) for result in results)
