"""Listeners: take objects from the network into files and hand each to `accept` before its sender hears "success".

Must not know the spool, rules or what a dataset says: its bytes go to disk unchanged, whatever the transfer syntax.
Nothing here touches module-level settings of pydicom or pynetdicom, so other users in the process, and
any number of listeners, do not notice each other.
"""

import contextlib
import ipaddress
import logging
import os
import secrets
import socket
import ssl
import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from engine.addresses import plain, why_not
from engine.dicom import associate, conversation, part10, status
from engine.dicom.associate import Claim, Rejection, Request
from engine.dicom.command import Command
from engine.dicom.inbound import Inbound, Pace
from engine.dicom.landing import Landed, land
from engine.dicom.negotiate import EVERYTHING, Answer, Policy, accept
from engine.dicom.pdu import LostError, ViolationError
from engine.dicom.peer import OUR_AE_TITLE
from engine.dicom.services import Services
from engine.errors import Later
from engine.seal import Seal

log = logging.getLogger("stellwerk.dicom")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

USUAL_PACE = Pace()
_REQUEST_SECONDS = 30  # for the association request to arrive whole: ARTIM, PS3.8 9.1.5
_REMEMBERED = 1000  # associations that broke: so many are known as such
_SPARE = 20  # connections beyond the limit that are still told so; more than that are dropped without a word


@dataclass(frozen=True)
class Reception:
    """One object as it came. Its UIDs are as the sender wrote them: never use them as file names unchecked."""

    dataset_file: Path  # a DICOM Part 10 file, written but not yet flushed; the callee takes it over by renaming
    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    calling_ae: str
    called_ae: str
    address: str  # the sender's IP address
    port: int  # ours
    association: str = ""  # a number of ours for the association it came on, sortable by when that began
    user: str = ""  # whose name and passcode the caller has given, where those were checked
    seal: Seal | None = None  # of the file, where it is not too long for one
    handle: int | None = None  # of the file, open until the callee is done


class Listener:
    """A port that takes C-ECHO and C-STORE, each association in a thread of its own.

    `accept` is called in those threads, several at a time. When it returns, the file is the callee's and the sender
    is told "success"; when it raises Later, Never or anything else, the file is removed and the sender keeps its
    object. An empty `accept_calling`, `accept_called` or `networks` lets everyone in. `max_associations_each` is for
    one address, so that a device that opens more and more shuts out nobody else; `most_bytes` is for one object.
    `may_receive` is asked once an association and gives the reason why not now (the disk is full), or None.
    `cannot_keep` is told where an object could not be kept although its sender has done nothing wrong. `ended` is
    called when an association has ended. `services` are what is served beside storage. With `tls`, which is asked once
    a connection, only callers that speak TLS are heard. With `knows`, only those whose claim to be a user it accepts;
    without it, nobody looks at such claims.
    """

    def __init__(
        self,
        port: int,
        accept: Callable[[Reception], None],
        *,
        folder: Path,
        ae_title: str = OUR_AE_TITLE,
        address: str = "0.0.0.0",
        accept_calling: frozenset[str] = frozenset(),
        accept_called: frozenset[str] = frozenset(),
        networks: tuple[Network, ...] = (),
        max_associations: int = 100,
        max_associations_each: int = 50,
        most_bytes: int = 8 << 30,
        may_receive: Callable[[], str | None] = lambda: None,
        cannot_keep: Callable[[], None] = lambda: None,
        policy: Policy = EVERYTHING,
        services: Services = MappingProxyType({}),
        pace: Pace = USUAL_PACE,
        ended: Callable[[], None] = lambda: None,
        tls: Callable[[], ssl.SSLContext] | None = None,
        knows: Callable[[Claim, str], bool] | None = None,
    ) -> None:
        self.port = port  # with 0, the system chooses one at `start`
        self.ae_title = ae_title
        self._accept = accept
        self._folder = folder
        self._address = address
        self._accept_calling = accept_calling
        self._accept_called = accept_called
        self._networks = networks
        self._max_associations = max_associations
        self._max_associations_each = max_associations_each
        self._most_bytes = most_bytes
        self._may_receive = may_receive
        self._cannot_keep = cannot_keep
        self._policy = replace(policy, others=policy.others | {sop_class for sop_class, _ in services})
        self._services = services
        self._pace = pace
        self._ended = ended
        self._tls = tls
        self._knows = knows
        self._socket: socket.socket | None = None
        self._listening: threading.Thread | None = None
        self._lock = threading.Lock()  # guards what is below, which the listening thread and the others change
        self._running: dict[threading.Thread, Inbound] = {}
        self._connected: Counter[str] = Counter()  # connections by address
        self._admitted: Counter[str] = Counter()  # associations by address
        self._open: set[str] = set()
        self._broken: deque[str] = deque(maxlen=_REMEMBERED)
        self._stopping = False
        self._at_hand = 0.0
        """Since when the listening thread has a connection in its hands; 0 while it waits for the next."""

    def start(self) -> None:
        """Listen, or raise OSError that says why the port cannot be had. `::` as address takes IPv4 too."""
        family = socket.AF_INET6 if ":" in self._address else socket.AF_INET
        dual = family == socket.AF_INET6 and self._address == "::" and socket.has_dualstack_ipv6()
        try:
            self._socket = socket.create_server(
                (self._address, self.port), family=family, backlog=128, dualstack_ipv6=dual
            )
        except OSError as error:
            raise OSError(error.errno, f"cannot listen on port {self.port}: {why_not(error)}") from None
        self.port = self._socket.getsockname()[1]
        self._stopping = False
        self._listening = threading.Thread(target=self._listen, args=(self._socket,), name=f"port {self.port}")
        self._listening.daemon = True  # a process that ends without `stop` must not hang; the spool survives that
        self._listening.start()

    def stop(self, grace: float = 10) -> None:
        """Take no new association; let the running ones end within `grace` seconds; abort what is left."""
        self._stopping = True
        if self._socket is not None and self._listening is not None:
            with contextlib.suppress(OSError):  # macOS: "not connected"; there, closing is enough
                self._socket.shutdown(socket.SHUT_RDWR)  # on Linux, closing alone does not wake accept()
            self._socket.close()
            self._listening.join()
        self._join(grace)
        with self._lock:
            for connection in self._running.values():
                connection.interrupt()
        self._join(10)  # an `accept` that is busy flushing may end, and its sender hear about it

    @property
    def associations(self) -> int:
        """How many associations run now."""
        return self._admitted.total()

    @property
    def unreleased(self) -> frozenset[str]:
        """The associations that may bring more, or might have: that run now, or have ended without their release."""
        with self._lock:
            return frozenset((*self._open, *self._broken))

    def still(self) -> float:
        """Seconds since it has taken a connection and not come back for the next; endless where its thread is gone."""
        if self._stopping or self._listening is None:
            return 0.0
        at_hand = self._at_hand
        if not self._listening.is_alive():
            return float("inf")
        return time.monotonic() - at_hand if at_hand else 0.0

    def _join(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        with self._lock:
            threads = list(self._running)
        for thread in threads:
            thread.join(max(end - time.monotonic(), 0))

    def _listen(self, server: socket.socket) -> None:
        while not self._stopping:
            self._at_hand = 0.0
            try:
                sock, peer = server.accept()
                self._at_hand = time.monotonic()
            except OSError as error:
                if self._stopping:
                    return
                log.warning("port %d: a connection could not be taken: %s", self.port, error.strerror)
                time.sleep(0.1)  # out of file descriptors: it passes, or the machine is beyond help
                continue
            address = plain(peer[0])
            one_too_many = self._connected[address] >= self._max_associations_each + _SPARE
            if one_too_many or len(self._running) >= self._max_associations + _SPARE:
                sock.close()
                continue
            try:
                connection = Inbound(self._secured(sock), _REQUEST_SECONDS, self._pace)
            except OSError as error:
                log.warning("port %d: a connection was dropped: %s", self.port, error.strerror)
                sock.close()
                continue
            thread = threading.Thread(target=self._serve, args=(connection, address), daemon=True)
            with self._lock:
                self._running[thread] = connection
                self._connected[address] += 1
            try:
                thread.start()
            except RuntimeError:  # no more threads: it passes, and this loop must live to see it
                log.warning("port %d: a connection was dropped: no thread for it", self.port)
                self._closed(thread, connection, address)

    def _secured(self, sock: socket.socket) -> socket.socket:
        """The same with TLS on it where this port has that. The handshake is for the association's own thread."""
        if self._tls is None:
            return sock
        return self._tls().wrap_socket(sock, server_side=True, do_handshake_on_connect=False)

    def _serve(self, connection: Inbound, address: str) -> None:
        try:
            connection.shake_hands()
        except LostError as error:
            log.warning("port %d: no TLS with %s: %s", self.port, address, error)
            self._closed(threading.current_thread(), connection, address)
            return
        try:
            self._associate(connection, address)
        except (LostError, ViolationError) as error:
            log.info("port %d: association with %s ended: %s", self.port, address, error)
            conversation.end(connection, error)
        finally:
            self._closed(threading.current_thread(), connection, address)

    def _closed(self, thread: threading.Thread, connection: Inbound, address: str) -> None:
        connection.close()
        with self._lock:
            self._running.pop(thread, None)
            _one_less(self._connected, address)

    def _associate(self, connection: Inbound, address: str) -> None:
        connection.wait_up_to(_REQUEST_SECONDS, in_all=True)
        request = conversation.hear_request(connection)
        if self._knows is None:
            request = replace(request, claim=None)  # as who does not support it (PS3.7 D.3.3.7)
        connection.serve()
        association = f"{time.time_ns():016x}-{secrets.token_hex(3)}"
        with self._lock:
            admitted = (
                self._admitted.total() < self._max_associations
                and self._admitted[address] < self._max_associations_each
            )
            self._admitted[address] += admitted
            self._open.add(association)
        released = False
        try:
            rejection = self._rejection(request, address) if admitted else associate.LOCAL_LIMIT_EXCEEDED
            if rejection is not None:
                log.warning(
                    "port %d: %s at %s is rejected: %s", self.port, request.calling_ae, address, rejection.words
                )
                conversation.refuse(connection, rejection)
                return
            conversation.converse(
                connection,
                request,
                accept(request.contexts, self._policy),
                lambda asked, context, pieces: self._store(asked, context, pieces, request, address, association),
                self._services,
                address,
            )
            released = True
        finally:
            with self._lock:
                if admitted:
                    _one_less(self._admitted, address)
                if not released:
                    self._broken.append(association)
                self._open.discard(association)
            self._ended()

    def _rejection(self, request: Request, address: str) -> Rejection | None:
        """Why this caller is refused, strangers first: they learn nothing about AE titles."""
        ip = ipaddress.ip_address(address)
        if self._networks and not any(ip in network for network in self._networks):
            log.warning("port %d: %s is in none of the networks that may send", self.port, address)
            return associate.NO_REASON
        if request.application_context != associate.APPLICATION_CONTEXT:
            return associate.APPLICATION_CONTEXT_NOT_SUPPORTED
        if self._accept_called and request.called_ae not in self._accept_called:
            return associate.CALLED_AE_NOT_RECOGNIZED
        if self._accept_calling and request.calling_ae not in self._accept_calling:
            return associate.CALLING_AE_NOT_RECOGNIZED
        if self._knows is not None and not (request.claim and self._knows(request.claim, address)):
            log.warning("port %d: %s has no name and passcode that may send here", self.port, address)
            return associate.NO_REASON
        if (reason := self._may_receive()) is not None:
            log.warning("port %d: no association now: %s", self.port, reason)
            return associate.LOCAL_LIMIT_EXCEEDED
        return None

    def _store(
        self,
        asked: Command,
        context: Answer,
        pieces: Iterator[memoryview],
        request: Request,
        address: str,
        association: str,
    ) -> int:
        """Receive one object and hand it over; the status to answer."""
        uids = (asked.sop_class_uid or context.abstract_syntax, asked.sop_instance_uid, context.transfer_syntax)
        landed: Landed | None = None
        try:
            meta = part10.write_meta(*uids, request.calling_ae)
            landed = land(pieces, meta, self._folder, self._most_bytes)
            path, handle, seal = landed
            titles = (request.calling_ae, request.called_ae)
            user = request.claim.name if request.claim else ""
            self._accept(Reception(path, *uids, *titles, address, self.port, association, user, seal, handle))
        except (LostError, ViolationError):
            raise  # no answer is possible; `land` has removed what there was
        except Exception as error:  # whatever `accept` raises, the sender must hear "not stored"
            if landed is not None:
                landed.path.unlink(missing_ok=True)
            _report(error, self.port)
            if isinstance(error, Later):
                self._cannot_keep()
            return status.answer(error)
        finally:
            if landed is not None:
                os.close(landed.handle)
        return status.SUCCESS


def _one_less(counted: Counter[str], address: str) -> None:
    """Count down, and keep no count of those that are gone."""
    counted[address] -= 1
    if counted[address] <= 0:
        del counted[address]


def _report(error: Exception, port: int) -> None:
    """Log why an object was not taken. Only our own reasons are text: others may quote values of the object."""
    if status.answer(error) != status.PROCESSING_FAILURE:
        log.warning("port %d: an object was refused: %s", port, error)
    else:
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("port %d: an object was refused, %s at\n%s", port, type(error).__name__, where)
