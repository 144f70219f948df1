"""Our certificate and whom we trust: the folder DATA/tls. Contexts are made anew when a file in it has changed.

    own.pem              our certificate with its private key, made here
    elsewhere.json       instead of that: the paths of a certificate and a key that others keep, and renew
    trusted/NAME.sha256  the fingerprint that a person has said yes to for the destination NAME
    authorities/*.pem    who may sign destinations, beside those whom this machine trusts anyway
    clients/*.pem        whose certificates count where a listener requires one: themselves, or who signs them

Threads may share one. What cannot be read does not end what runs: the last good certificate goes on, and it is told.
"""

import contextlib
import json
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.alone import alone
from engine import files
from engine.certificates import Facts, belongs, facts_of, make
from engine.errors import Later
from engine.tls import Identity, Trust, client_context, heard, server_context, told

DAYS = 730
"""How long a certificate lasts that is made here."""

TOLD = timedelta(days=30)
"""So long before its end, a person is told."""

_NAME = re.compile(r"\w[\w-]{0,63}")
_Stamp = tuple[tuple[str, int, int, int], ...]


class TLSError(Exception):
    """What a person wanted cannot be done; the text says why."""


class Certificates:
    """One appliance's. Nothing is made before it is needed."""

    def __init__(
        self, folder: Path, address: str = "", now: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        """address: the one to listen on, where it is a particular one; it goes into the certificate."""
        self.folder = folder
        self._alone = folder.with_name(f"{folder.name}.lock")
        self._address, self._now = address, now
        self._lock = threading.Lock()
        self._made: dict[str, tuple[_Stamp, ssl.SSLContext]] = {}
        self._wrong = ""
        self._yes: dict[Path, _Stamp] | None = None

    # --- who we are --------------------------------------------------------------------------------------

    def identity(self) -> Identity:
        """Our certificate and key; made here where there is none. Raises OSError."""
        elsewhere = self._elsewhere()
        if elsewhere is not None:
            return elsewhere
        own = self.folder / "own.pem"
        if not own.exists():
            # The receiver and the console start at the same time, and both need it.
            with alone(self._alone):
                if not own.exists():
                    self._renew(())
        return Identity(own, own)

    def own(self) -> Facts:
        """What our certificate says. Raises TLSError."""
        try:
            return facts_of(self.identity().chain.read_bytes())[0]
        except OSError as error:
            raise TLSError(f"our certificate cannot be read: {error.filename}: {error.strerror}") from None
        except ValueError:
            raise TLSError(f"{self.identity().chain} is no certificate in PEM form") from None

    def certificate(self) -> str:
        """Our certificate as PEM, without the key, to be given to others. Raises TLSError, OSError."""
        self.own()
        text = self.identity().chain.read_text("ascii", errors="replace")
        return "".join(re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n?", text, re.DOTALL))

    def renew(self, names: Sequence[str] = ()) -> None:
        """Make a new certificate and key, for these names beside what this machine goes by. Raises OSError."""
        with alone(self._alone):
            self._renew(names)

    def _renew(self, names: Sequence[str]) -> None:
        certificate, key = make([*dict.fromkeys((*names, *names_here(self._address)))], DAYS, self._now())
        self._keep(self.folder / "own.pem", certificate + key)
        (self.folder / "elsewhere.json").unlink(missing_ok=True)

    def take(self, chain: Path, key: Path) -> Facts:
        """Use a certificate that others made, from where it lies: when it is renewed there, so is it here."""
        found = _fitting(chain, key)
        paths = {"certificate": str(chain.absolute()), "key": str(key.absolute())}
        self._keep(self.folder / "elsewhere.json", json.dumps(paths, ensure_ascii=False, indent=1).encode())
        return found

    # --- whom we trust -----------------------------------------------------------------------------------

    def trust(self, name: str, fingerprint: str) -> None:
        """A person says yes to the certificate with this fingerprint, for the destination of this name."""
        if not _NAME.fullmatch(name):
            raise TLSError(f"{name} cannot be the name of a destination")
        try:
            pin = heard(fingerprint)
        except ValueError as error:
            raise TLSError(str(error)) from None
        self._keep(self.folder / "trusted" / f"{name}.sha256", f"{told(pin)}\n".encode())

    def distrust(self, name: str) -> bool:
        """Take back what was said yes to; whether there was anything."""
        file = self.folder / "trusted" / f"{name}.sha256"
        there = bool(_NAME.fullmatch(name)) and file.exists()
        if there:
            file.unlink(missing_ok=True)
            files.sync(file.parent)
        return there

    def admit(self, name: str, file: Path) -> tuple[Facts, ...]:
        """Let callers in that show this certificate, or one it has signed, where a listener requires one."""
        return self._copy(name, file, "clients")

    def authority(self, name: str, file: Path) -> tuple[Facts, ...]:
        """Trust destinations whose certificate this one has signed."""
        return self._copy(name, file, "authorities")

    def pins(self, name: str) -> frozenset[str]:
        """The fingerprints that count for a destination; none where it is known by who signed it. Raises Later."""
        file = self.folder / "trusted" / f"{name}.sha256"
        try:
            lines = file.read_text("utf-8").splitlines()
            found = frozenset(heard(line) for line in lines if line.strip() and not line.startswith("#"))
        except FileNotFoundError:
            return frozenset()
        except (OSError, ValueError):
            raise Later(f"{file} cannot be read: it has a fingerprint (SHA-256) in each line") from None
        if not found:
            raise Later(f"{file} is empty: say yes with `stellwerk tls trust {name} FINGERPRINT`, or remove the file")
        return found

    def trusted(self) -> dict[str, str]:
        """Destination → the fingerprint that was said yes to, as it lies there."""
        return {
            path.stem: path.read_text("utf-8").strip() for path in sorted((self.folder / "trusted").glob("*.sha256"))
        }

    def said_yes(self) -> list[str]:
        """The destinations that a person has said yes to since this was asked last."""
        files_now = (self.folder / "trusted").glob("*.sha256")
        with contextlib.suppress(OSError):
            now = {path: _stamp([path]) for path in files_now}
            known, self._yes = self._yes, now
            return [path.stem for path, stamp in now.items() if known is not None and known.get(path) != stamp]
        return []

    def listed(self, kind: str) -> dict[str, tuple[Facts, ...]]:
        """clients or authorities: what lies there, by name."""
        found = {}
        for path in self._pems(kind):
            try:
                found[path.stem] = facts_of(path.read_bytes())
            except (OSError, ValueError):
                found[path.stem] = ()
        return found

    # --- contexts ----------------------------------------------------------------------------------------

    def server(self, require: bool = False) -> ssl.SSLContext:
        """For a listener. Raises OSError, in words, where there has never been a good one."""
        clients = Trust(authorities=self._pems("clients")) if require else None
        return self._context(
            f"server {require}", clients.authorities if clients else (), lambda me: server_context(me, clients)
        )

    def client(self, name: str) -> ssl.SSLContext:
        """For a connection to a destination. Raises Later."""
        authorities = self._pems("authorities")
        trust = Trust(name, authorities, system=True, pins=self.pins(name))
        key = f"client {name} {sorted(trust.pins)}"
        try:
            return self._context(key, authorities, lambda me: client_context(trust, me))
        except OSError as error:
            raise Later(f"no TLS with {name}: {error.strerror}") from None

    def trouble(self) -> str:
        """What a person should know about our certificate; nothing where all is well, or none was ever needed."""
        if not (self.folder / "own.pem").exists() and not (self.folder / "elsewhere.json").exists():
            return ""
        if self._wrong:
            return self._wrong
        try:
            until = self.own().until
        except TLSError as error:
            return str(error)
        if until - self._now() > TOLD:
            return ""
        how = "have it renewed where it was made" if self._elsewhere() else "`stellwerk tls renew` makes a new one"
        when = "has expired on" if until < self._now() else "expires on"
        return f"our certificate {when} {until:%Y-%m-%d}: {how}, and whoever has trusted the old one must be told"

    def _context(self, key: str, beside: Iterable[Path], new: Callable[[Identity], ssl.SSLContext]) -> ssl.SSLContext:
        with self._lock:
            known = self._made.get(key)
            me: Identity | None = None
            try:
                me = self.identity()
                stamp = _stamp((me.chain, me.key, *beside))
                if known is None or known[0] != stamp:
                    known = self._made[key] = stamp, new(me)
                self._wrong = ""
            except (OSError, ValueError) as error:
                # A certificate and its key are two files, which somebody may be replacing just now.
                self._wrong = _unusable(me, error)
                if known is None:
                    raise OSError(getattr(error, "errno", None) or 5, self._wrong) from None
            return known[1]

    # --- files -------------------------------------------------------------------------------------------

    def _elsewhere(self) -> Identity | None:
        try:
            paths = json.loads((self.folder / "elsewhere.json").read_bytes())
            return Identity(Path(paths["certificate"]), Path(paths["key"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError):
            raise OSError(5, "elsewhere.json does not say where certificate and key are", str(self.folder)) from None

    def _pems(self, kind: str) -> tuple[Path, ...]:
        return tuple(sorted((self.folder / kind).glob("*.pem")))

    def _copy(self, name: str, file: Path, kind: str) -> tuple[Facts, ...]:
        if not _NAME.fullmatch(name):
            raise TLSError(f"{name} cannot be a name here: it has letters, digits, - and _")
        found, text = _read(file)
        self._keep(self.folder / kind / f"{name}.pem", text)
        return found

    def _keep(self, file: Path, data: bytes) -> None:
        files.make_folder(file.parent)
        for folder in {self.folder, file.parent}:
            folder.chmod(0o700)
        files.write(file, data)
        file.chmod(0o600)
        files.sync(file.parent)


def names_here(address: str = "") -> list[str]:
    """What this machine goes by: its name, and the addresses at which others reach it."""
    names = [name for name in (socket.gethostname(), "localhost") if name.isascii() and name]
    particular = [address] if address not in ("", "0.0.0.0", "::") else []
    return [*dict.fromkeys((*names, *particular, *_addresses(), "127.0.0.1"))]


def _addresses() -> list[str]:
    found = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as asked:
                asked.connect((far, 9))  # sends nothing: the system only chooses which of our addresses it would use
                found.append(asked.getsockname()[0])
        except OSError:
            continue
    return found


def _read(file: Path) -> tuple[tuple[Facts, ...], bytes]:
    """The certificates of a PEM file, and its text without anything else, a private key above all."""
    try:
        data = file.read_bytes()
        found = facts_of(data)
    except OSError as error:
        raise TLSError(f"{file} cannot be read: {error.strerror}") from None
    except ValueError:
        raise TLSError(f"{file} is no certificate in PEM form; openssl x509 -inform der -in FILE makes one") from None
    blocks = re.findall(rb"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", data, re.DOTALL)
    return found, b"\n".join(blocks) + b"\n"


def _fitting(chain: Path, key: Path) -> Facts:
    found, text = _read(chain)
    try:
        fits = belongs(text, key.read_bytes())
    except OSError as error:
        raise TLSError(f"{key} cannot be read: {error.strerror}") from None
    except ValueError as error:
        why = str(error) if "password" in str(error) else "it is no private key in PEM form"
        raise TLSError(f"{key}: {why}") from None
    if not fits:
        raise TLSError(f"the key in {key} is not that of the certificate in {chain}")
    return found[0]


def _stamp(paths: Iterable[Path]) -> _Stamp:
    stats = [(path, path.stat()) for path in paths]
    return tuple((str(path), stat.st_mtime_ns, stat.st_size, stat.st_ino) for path, stat in stats)


def _unusable(me: Identity | None, error: Exception) -> str:
    if isinstance(error, ssl.SSLError) or not isinstance(error, OSError):
        where = f"{me.chain} and {me.key}" if me else "what lies in tls/"
        return f"certificates cannot be used: {where}: no certificate with its key, or one of the others is none"
    return f"certificates cannot be used: {error.filename or 'tls/'}: {error.strerror}"
