"""A folder on an SFTP server as destination. A file gets its name there once all of it has arrived.

The server is known by its host key, which the rules or this account's known_hosts name; a key that nobody has named is
never accepted. The library is an extra (`stellwerk[sftp]`): without it, everything waits and the reason says so.
"""

import base64
import contextlib
import hashlib
import io
import logging
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from engine.destinations.credentials import Secrets
from engine.destinations.exchange import PATIENT, Patience, Unreachable
from engine.destinations.turns import turn
from engine.destinations.usual import connections, retrying
from engine.enough import Enough
from engine.entry import Entry
from engine.errors import Later, Never
from engine.header import Header
from engine.layout import safe
from engine.outbox import Outbox
from engine.parameters import HostKey, SecretName, SftpPlace
from engine.program import Destination
from engine.pump import LOOK_AGAIN, Report, Sent, oldest_first

if TYPE_CHECKING:
    import paramiko

# It writes down names of files, whole exchanges and tracebacks; what matters of them is in our reasons.
logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)

PIECE = 1 << 18
KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("/etc/ssh/ssh_known_hosts"))


class Sftp:
    """One declared `sftp` destination, as engine.pump.Sender."""

    def __init__(
        self,
        declared: Destination,
        secrets: Secrets,
        patience: Patience = PATIENT,
        known_hosts: Sequence[Path] = KNOWN_HOSTS,
    ) -> None:
        arguments = declared.arguments
        self.name = declared.name
        self.outside = declared.outside
        self.look_again = LOOK_AGAIN
        self.connections = connections(declared)
        self.every, self.patience = retrying(declared)
        self._place = SftpPlace.of(arguments["address"])
        self._pin = HostKey.of(arguments["fingerprint"]).text if "fingerprint" in arguments else ""
        self._login = SecretName.of(arguments["login"]).name if "login" in arguments else ""
        self._key = SecretName.of(arguments["key"]).name if "key" in arguments else ""
        self._secrets, self._wait, self._known_hosts = secrets, patience, known_hosts
        self._who = f"{self._place.host}:{self._place.port}"

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """All of a batch over one connection. Where that breaks, the rest is owed as before."""
        in_hand, enough = entries[0], Enough()
        try:
            with self._session() as there:
                for entry in entries:
                    if stopping() or enough.reached:
                        return
                    in_hand = entry
                    outcome: Sent | Never = Sent(self.name)
                    try:
                        self._put(there, entry)
                    except Never as refusal:
                        outcome = refusal
                    enough.note(outcome)
                    report(entry, outcome)
        except Later as later:
            report(in_hand, later)

    def reach(self) -> str:
        """Whether it lets us in, and the folder can be written; in words. Raises Later."""
        test = self._path(".stellwerk-test")
        with self._session() as there, self._said():
            there.putfo(io.BytesIO(b"Can this folder be written?\n"), test, confirm=True)
            there.remove(test)
        return f"{self._who} lets us in, and the folder can be written"

    # --- one file ----------------------------------------------------------------------------------------

    def _put(self, there: "paramiko.SFTPClient", entry: Entry) -> None:
        """Raises Later, Never."""
        name = safe(_uid(entry) or entry.object)
        target, number = self._path(f"{name}.dcm"), 1
        with turn(f"{self._who}{self._place.path}", name), self._said():
            while (size := _size(there, target)) is not None:
                if size == entry.file.stat().st_size and _same(there, target, entry.file):
                    return
                match entry.note.get("duplicate"):
                    case "keep":
                        number += 1
                        target = self._path(f"{name} ({number}).dcm")
                    case "replace":
                        break
                    case _:
                        raise Never(
                            f"{self._who} has another file with this SOP Instance UID but other content; "
                            "compare the two, then release or delete this one"
                        )
            draft = self._path(f".{name}.dcm.draft")
            with entry.file.open("rb") as source:
                # Asks the server for the size at the end, and fails where it is another.
                there.putfo(source, draft, entry.file.stat().st_size, confirm=True)
            try:
                there.posix_rename(draft, target)
            except OSError:
                # A server without that extension renames as well, but not onto a name that is there.
                if _size(there, target) is not None:
                    there.remove(target)
                there.rename(draft, target)

    def _path(self, name: str) -> str:
        return f"{self._place.path.rstrip('/')}/{name}"

    # --- the connection ----------------------------------------------------------------------------------

    @contextmanager
    def _session(self) -> Iterator["paramiko.SFTPClient"]:
        """A connection to the one server that is meant. Raises Unreachable or Later."""
        try:
            import paramiko
        except ImportError:
            raise Later("SFTP needs a library that is not installed; type: pip install 'stellwerk[sftp]'") from None
        sock = self._connect()
        transport = paramiko.Transport(sock)
        transport.banner_timeout = transport.auth_timeout = transport.channel_timeout = self._wait.stalled
        try:
            with self._said():
                self._prefer_known(transport)
                transport.start_client(timeout=self._wait.stalled)
                self._know(transport.get_remote_server_key())
                self._prove(transport)
                client = paramiko.SFTPClient.from_transport(transport)
                if client is None:
                    raise Unreachable(f"{self._who} offers no SFTP")
                channel = client.get_channel()
                if channel is not None:
                    channel.settimeout(self._wait.stalled)
            yield client
        finally:
            # All there is with it. To close the client first would speak over a line that may be gone.
            transport.close()

    def _connect(self) -> socket.socket:
        try:
            return socket.create_connection((self._place.host, self._place.port), self._wait.connect)
        except socket.gaierror:
            raise Unreachable(f"{self._place.host} is a name that nobody knows; is it written right?") from None
        except OSError as error:
            raise Unreachable(f"{self._who} cannot be reached ({error.strerror or type(error).__name__})") from None

    def _known_keys(self) -> "list[paramiko.PKey]":
        import paramiko

        found: list[paramiko.PKey] = []
        host, port = self._place.host, self._place.port
        for file in self._known_hosts:
            with contextlib.suppress(OSError):
                keys = paramiko.HostKeys(str(file.expanduser())).lookup(host if port == 22 else f"[{host}]:{port}")
                found += [] if keys is None else keys.values()
        return found

    def _prefer_known(self, transport: "paramiko.Transport") -> None:
        """A server has keys of several kinds: ask for one of the kind that is known."""
        if not self._pin and (known := [key.get_name() for key in self._known_keys()]):
            options = transport.get_security_options()
            rsa = ["rsa-sha2-512", "rsa-sha2-256"] if "ssh-rsa" in known else []
            wanted = [kind for kind in options.key_types if kind in (*known, *rsa)]
            options.key_types = wanted or options.key_types

    def _know(self, shown: "paramiko.PKey") -> None:
        """Raises Later where it is another server than the one that is meant, before anything is said to it."""
        if self._pin == _fingerprint(shown) or (not self._pin and shown in self._known_keys()):
            return
        say = (
            f"{self._who} shows the host key {_fingerprint(shown)}, and that is "
            f"{'another than the rules say' if self._pin else 'known to nobody here'}. "
            f'If the other side says the same, write behind the address: host-key "{_fingerprint(shown)}"'
        )
        raise Later(say)

    def _prove(self, transport: "paramiko.Transport") -> None:
        import paramiko

        if self._key:
            transport.auth_publickey(self._place.user, self._read_key())
        elif self._login:
            login = self._secrets.login(self._login)
            transport.auth_password(login.user, login.password)
        else:
            raise Later(f"nothing says how to log in at {self._who}: write key NAME or login NAME")
        if not transport.is_authenticated():
            raise paramiko.AuthenticationException

    def _read_key(self) -> "paramiko.PKey":
        import paramiko

        text = self._secrets.text(self._key)
        for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
            with contextlib.suppress(paramiko.SSHException, ValueError, IndexError, TypeError):
                return kind.from_private_key(io.StringIO(text))
        raise Later(f"the secret {self._key} is no private key without a passphrase (Ed25519, ECDSA or RSA)")

    @contextmanager
    def _said(self) -> Iterator[None]:
        """What goes wrong on the way, in words. The server's own words are not shown: they may quote the name."""
        import paramiko

        try:
            yield
        except paramiko.AuthenticationException:
            raise Later(f"{self._who} refuses our user, password or key") from None
        except FileNotFoundError:
            raise Later(f"{self._who} has no folder {self._place.path}, or nobody may write there") from None
        except PermissionError:
            raise Later(f"{self._who} lets us write nothing to {self._place.path}") from None
        except TimeoutError:
            raise Unreachable(f"{self._who} does not answer") from None
        except (paramiko.SSHException, EOFError):
            raise Unreachable(f"{self._who} breaks off, or speaks no SSH there") from None
        except OSError as error:
            raise Later(f"{self._who} cannot take the file ({type(error).__name__}); is its disk full?") from None


def _fingerprint(key: "paramiko.PKey") -> str:
    """As OpenSSH shows it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")


def _size(there: "paramiko.SFTPClient", path: str) -> int | None:
    try:
        return there.stat(path).st_size
    except FileNotFoundError:
        return None


def _same(there: "paramiko.SFTPClient", path: str, file: Path) -> bool:
    with there.open(path, "rb") as theirs, file.open("rb") as ours:
        theirs.prefetch()
        while data := ours.read(PIECE):
            if theirs.read(len(data)) != data:
                return False
    return True


def _uid(entry: Entry) -> str:
    try:
        return Header.read(entry.file).first("SOPInstanceUID")
    except OSError as error:
        raise Later(f"the image cannot be read from our own disk ({error.strerror})") from None
