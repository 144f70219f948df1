"""The composition root: settings → program → spool → listeners, router, pumps. Start, change of program, stop.

Everything that lives in a running appliance is made here and nowhere else.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

from appliance.chores import Caretaker, timetable
from appliance.commitments import Promises
from appliance.control import Control, Desk, answers
from appliance.doors import Doors, secured
from appliance.folders import Folders
from appliance.health import Health
from appliance.heartbeat import Asking, Part
from appliance.network import wanted
from appliance.openings import AT_START, Openings
from appliance.pauses import Pauses
from appliance.pumping import Pumping
from appliance.settings import Settings
from appliance.supervise import Supervised
from appliance.telling import Telling
from appliance.tidying import Tidying
from appliance.watch import Watch
from appliance.ways_out import way_out
from appliance.web import KINDS, Web
from engine import dicom
from engine.collector import Collector
from engine.destinations.archive import Archive
from engine.destinations.mail import Mailer
from engine.destinations.node import DicomNode
from engine.disk import space
from engine.errors import Later
from engine.heard import Heard
from engine.indexer import Indexer
from engine.object import Origin
from engine.outbox import Outbox
from engine.parameters import AETitles, Networks
from engine.plan import prepare
from engine.previews import Previews
from engine.program import Destination, Listener, Program
from engine.pump import Keeping, Pump, Sender
from engine.reviewer import Reviewer
from engine.router import Router
from engine.sources.https import HttpListener
from engine.spool import Spool
from engine.step import GATHERING, HOLD, MAIL, NOTICE, REVIEW, TELLING
from engine.whereabouts import lying

log = logging.getLogger("stellwerk")

GRACE, LEAST = 10.0, 0.1
"""Seconds that running associations, and then all threads together, get to finish when we stop; and each at least."""

ROUTER, PORT, CONTROL = 900.0, 60.0, 60.0
"""Seconds for which these may stand still: one very large object on a slow disk, or the files of a certificate."""


class CannotChange(Exception):
    """The new program cannot take over; the old one runs on. The text says why and what to do."""


class Appliance:
    """One running appliance on one data folder. Raises BlockingIOError if another one runs there."""

    def __init__(self, settings: Settings, program: Program) -> None:
        self.settings = settings
        self.spool = Spool(
            settings.spool,
            lambda digest, route: self.router.keeps_received(digest, route),
            lambda outbox: self._promised([outbox]),
        )
        self.spool.lock()
        self._stopping = threading.Event()
        self.spool.recover()
        self._tidying = Tidying(self.spool, self._stopping, lambda: self._digest, self._drop)
        self._plan = prepare(program)
        self._digest = self.spool.keep_program(program)
        self._former: dict[int, str] = {}
        """Of ports that are being closed, the program that knows them."""
        self.router = Router(self.spool, lambda: self._plan, self._promised)
        self._relay = settings.relay()
        self.doors = Doors(settings)
        self._listeners: dict[str, tuple[Listener, dicom.Listener | HttpListener]] = {}
        self._folders = Folders(settings, self.spool, lambda: self._digest, self._no_room, self.router.wake.set)
        self._pumps: dict[str, Pumping] = {}
        self._pauses = Pauses(settings.data / "paused")
        self._senders: dict[str, Sender | None] = {}
        # Apart from the lock of changes: a pump asks for its sender while a change waits for its end.
        self._making = threading.Lock()
        self._changing = threading.RLock()
        self._routing = Supervised("router", self._route)
        self._commitments = Promises(
            settings, lambda: self.program, self._wake, self._stopping, self.doors.certificates.client
        )
        self.health = Health(self.spool, settings, lambda: self.program, self._boxes)
        self._heard = Heard(self.spool.root / "heard")
        self._web = Web(
            settings,
            self.spool,
            self.doors,
            self._heard,
            self._digest_for,
            self._no_room,
            self.health.disk.probe,
            self.router.wake.set,
        )
        telling = Telling(self.spool, self._heard, self._relay, settings.language, lambda: self.program, self.health)
        caretaker = Caretaker(settings, telling, self._stopping.is_set)
        self._timetable = timetable(self.spool, caretaker)
        self._by_clock = Supervised("rules by the clock", self._timetable.loop)
        self._indexer = Indexer(
            settings.spool,
            settings.history_days,
            lambda: (name for name, _, _ in lying(settings.spool)),
            self.spool.history.drop,
        )
        self._journal = Supervised("journal", self._indexer.loop)
        self._watch = Watch(self.spool, self.health, self._heard, caretaker)
        self._watching = Supervised("watch", self._watch.loop)
        self._previews = Previews(self.spool)
        self._drawing = Supervised("previews", self._previews.loop)
        self._alarming = Supervised("alarms", self._watch.mail_loop)
        desk = Desk(lambda: (self._digest, self.ports()), self._pumps.copy, self._pauses, self.health.trouble)
        self._control = Control(settings.data, desk)
        self._openings = Openings(settings.machine)
        self._asking = Asking(lambda: answers(settings.data))
        self.health.also("the router", lambda: self._routing.trouble)
        self.health.also("rules by the clock", lambda: self._timetable.trouble or self._by_clock.trouble)
        self.health.also("the journal", lambda: self._journal.trouble)
        self.health.also_each(self._folders.trouble)
        self.health.also("the certificate", self.doors.certificates.trouble)
        self.health.also("the firewall", self._openings.trouble)
        self.health.also("the watch", lambda: self._watch.mailing or self._watching.trouble or self._alarming.trouble)

    @property
    def program(self) -> Program:
        """The program that new objects are taken in under."""
        return self._plan.program

    def start(self) -> None:
        """Open the ports, begin to route and to send. Raises OSError (with words) when a port is taken."""
        self._openings.ask(wanted(self.program, self.settings), AT_START)
        for name in self.spool.outboxes():
            if name != HOLD:
                self._pump(name)
        self._routing.start()
        self._tidying.start()
        try:
            for listener in _on_ports(self.program):
                self._open(listener)
        except OSError:
            self.stop()
            raise
        self._folders.use(self.program)
        self._timetable.use(self.program.chores)
        self._watch.use(self.program.chores)
        for part in self._threads():
            if part is not self._routing:
                part.start()
        self._control.start()
        self._warn()

    def use(self, program: Program) -> None:
        """Change over to another program, or raise CannotChange and go on with the old one.

        New ports are opened before old ones are closed. What has been taken in finishes under its own program.
        """
        with self._changing:
            self._refuse_orphans(program)
            digest = self.spool.keep_program(program)
            # What is open counts, not what the program says that runs: a change may have been broken off by the disk.
            before = {name: listener for name, (listener, _) in self._listeners.items()}
            opened: list[str] = []
            closed: list[Listener] = []
            then = wanted(program, self.settings)
            self._openings.ask(wanted(self.program, self.settings).and_also(then))
            try:
                for listener in _on_ports(program):
                    known = before.get(listener.name)
                    if known == listener and listener.arguments == known.arguments:
                        continue
                    clash = next((other for other in before.values() if other.port == listener.port), None)
                    if clash is not None and clash not in closed:
                        self._close(clash)
                        closed.append(clash)
                    self._open(listener)
                    opened.append(listener.name)
            except OSError as error:
                for name in opened:
                    self._close(self._listeners[name][0])
                for listener in closed:
                    self._open(listener)
                self._openings.ask(wanted(self.program, self.settings))
                raise CannotChange(error.strerror or str(error)) from error
            # What the new program does not know must not be taken in under it.
            self._folders.retire(program)
            ports = {listener.port for listener in program.listeners}
            leaving = [one for one, _ in self._listeners.values() if one.port not in ports]
            self._former = {one.port or 0: self._digest_for(one.port or 0) for one in leaving}
            self._plan, self._digest = prepare(program), digest
            self._folders.use(program)
            self._dismiss()
            self._timetable.use(program.chores)
            self._watch.use(program.chores)
            kept = {listener.name for listener in program.listeners}
            for listener, _ in list(self._listeners.values()):
                if listener.name not in kept:
                    self._close(listener)
            for name in list(self._pumps):
                self._pump(name).resume()
            self._openings.ask(then, 0)
            self._warn()

    def stop(self) -> None:
        """Take nothing more in, let what runs finish, stop. What is owed stays in the spool."""
        self._stopping.set()
        self._openings.stop()
        self._control.stop()
        with self._changing:
            # Side by side: each lets its senders finish for a while, and systemd waits for all of them together.
            with ThreadPoolExecutor(max(1, len(self._listeners))) as pool:
                list(pool.map(self._close, [listener for listener, _ in self._listeners.values()]))
            self._folders.stop()
        self._routing.stop()
        self._by_clock.stop()
        self._timetable.stop()
        self._journal.stop()
        self._indexer.stop()
        self._watching.stop()
        self._alarming.stop()
        self._watch.stop()
        self._drawing.stop()
        self._previews.stop()
        self.router.stop()
        self.router.wake.set()
        pumpings = list(self._pumps.values())
        for pumping in pumpings:
            pumping.stop()
        end = time.monotonic() + GRACE
        joins = [*(one.join for one in pumpings), *(one.join for one in self._threads())]
        for join in joins:
            join(max(LEAST, end - time.monotonic()))
        self._dismiss()
        with contextlib.suppress(OSError):
            self._heard.keep()
        self.router.close()

    def ports(self) -> list[int]:
        """The ports that are open."""
        return sorted(running.port for _, running in self._listeners.values())

    def parts(self) -> list[Part]:
        """What nothing works without, for the heartbeat."""
        ports = [Part(f"port {one.port}", one.still, PORT) for _, one in list(self._listeners.values())]
        control = Part("the control socket", self._asking.still, CONTROL)
        return [Part("the router", self.router.still, ROUTER), control, *ports]

    def _threads(self) -> tuple[Supervised, ...]:
        return self._routing, self._by_clock, self._journal, self._watching, self._alarming, self._drawing

    def _boxes(self) -> list[tuple[Outbox, str]]:
        found = []
        for name, one in list(self._pumps.items()):
            pause = self._pauses.of(name)
            paused = "" if pause is None else pause.words()
            found.append((one.pump.outbox, paused or self._undeclared(name) or one.trouble))
        return found

    def _undeclared(self, name: str) -> str:
        """Why nobody empties an outbox, where the rules no longer know it: an object on its way was promised to it."""
        if name.endswith(MAIL):
            if self.program.contact(name.removesuffix(MAIL)) is not None:
                return ""
        elif name.endswith((".store", GATHERING)) or self._destination(name) is not None:
            return ""
        out = f"take out what waits: stellwerk spool hold {name}"
        return f"the rules no longer declare {name}: declare it again, or {out}"

    def _drop(self, name: str) -> bool:
        """Remove an empty outbox with its pump; whether it is gone."""
        with self._changing:
            pumping = self._pumps.pop(name, None)
            if pumping is not None:
                pumping.stop()
            gone = (pumping is None or pumping.join(GRACE)) and self.spool.drop_outbox(name)
            if not gone:
                self._pump(name)  # something has come after all
            self._dismiss(name)
        return gone

    # --- in ----------------------------------------------------------------------------------------------

    def _open(self, listener: Listener) -> None:
        running = self._web.listener(listener) if listener.kind in KINDS else self._dicom(listener)
        running.start()
        self._listeners[listener.name] = (listener, running)
        spoken = listener.kind.upper() if listener.kind in KINDS else "DICOM, TLS" if secured(listener) else "DICOM"
        log.info("listening on port %d (%s)", running.port, spoken)

    def _dicom(self, listener: Listener) -> dicom.Listener:
        arguments = listener.arguments
        title = AETitles.of(arguments["title"]).titles[0] if "title" in arguments else self.settings.ae_title
        callers = AETitles.of(arguments["callers"]).titles if "callers" in arguments else ()
        networks = Networks.of(arguments["networks"]).networks if "networks" in arguments else ()
        port = listener.port or 0
        return dicom.Listener(
            port,
            lambda reception: self._accept(reception, port),
            folder=self.spool.work,
            ae_title=title,
            address=self.settings.address,
            accept_calling=frozenset(callers),
            networks=tuple(ip_network(network, strict=False) for network in networks),
            max_associations=self.settings.receive_associations,
            max_associations_each=self.settings.receive_associations_each,
            most_bytes=self.settings.receive_most_mb << 20,
            pace=self.settings.pace,
            may_receive=self.health.disk.refuses,
            cannot_keep=self.health.disk.probe,
            ended=self._association_ended,
            tls=self.doors.tls(listener),
            knows=self.doors.knows(listener),
            services=self._commitments.services,
        )

    def _close(self, listener: Listener) -> None:
        _, running = self._listeners.pop(listener.name)
        running.stop(GRACE)
        log.info("port %d closed", running.port)

    def _accept(self, reception: dicom.Reception, port: int) -> None:
        sender = (reception.calling_ae, reception.called_ae, reception.address)
        origin = Origin("dicom", port, *sender, association=reception.association, user=reception.user)
        try:
            digest, handle = self._digest_for(port), reception.handle
            self.spool.accept(reception.dataset_file, origin, digest, seal=reception.seal, handle=handle)
        except OSError as error:
            raise Later(f"the spool cannot take it in ({error.strerror})") from None
        self._heard.note(reception.calling_ae, port)
        self.router.wake.set()

    def _digest_for(self, port: int) -> str:
        """Of the program by which goes what comes in on this port."""
        return self._former.get(port, self._digest)

    def _no_room(self, for_bytes: int = 0) -> str | None:
        refused = self.health.disk.refuses()
        there = space(self.spool.root) if for_bytes and not refused else None
        if there is not None and there.free_mb - (for_bytes >> 20) < self.settings.min_free_mb:
            least = self.settings.min_free_mb
            refused = f"{for_bytes >> 20} MB more would leave less than {least} MB of disk free: make room"
        return refused

    # --- through -----------------------------------------------------------------------------------------

    def _route(self) -> None:
        while not self._stopping.is_set():
            self.router.wake.clear()
            if self.router.turn():
                if not self.router.full:
                    self.router.gather()
            else:
                # Something may have come by another way than ours (a release from the hold): look by ourselves too.
                self.router.wake.wait(2.0)
                self._pump_all()
                for name in self.doors.certificates.said_yes():
                    for outbox in {name, f"{name}{NOTICE}"} & set(self._pumps):
                        self._pump(outbox).try_again()

    # --- out ---------------------------------------------------------------------------------------------

    def _promised(self, outboxes: Iterable[str]) -> None:
        for name in outboxes:
            if name == HOLD:
                self._previews.wake()
            else:
                self._pump(name).wake()
        for name, pumping in list(self._pumps.items()):
            if name.endswith(TELLING):
                pumping.pump.wake()

    def _wake(self, name: str) -> None:
        """Word has come for this outbox: by a thread that must not wait for a change of rules."""
        pumping = self._pumps.get(name)
        if pumping is not None:
            pumping.pump.wake()

    def _pump_all(self) -> None:
        """Also what came into an outbox of its own when nobody could say so: by a turn that the disk had broken off."""
        if all(name in self._pumps for name in self.spool.outboxes() if name != HOLD):
            return
        with self._changing:  # one may just be going
            for name in self.spool.outboxes():
                if name != HOLD:
                    self._pump(name)

    def _pump(self, name: str) -> Pump:
        with self._changing:
            pumping = self._pumps.get(name)
            if pumping is None:
                pump = Pump(self.spool.outbox(name), lambda: self._sender(name), self.router.refuse)
                if self._pauses.of(name) is not None:
                    pump.pause()
                pumping = self._pumps[name] = Pumping(pump)
            sender = self._sender(name)
            pumping.widen(sender.connections if sender else 1, self._stopping.is_set)
        return pumping.pump

    def _sender(self, name: str) -> Sender | None:
        """How this outbox is emptied under the current rules; None while they say nothing."""
        with self._making:
            if name not in self._senders:
                self._senders[name] = self._make_sender(name)
            return self._senders[name]

    def _make_sender(self, name: str) -> Sender | None:
        if name.endswith(".store"):
            return Archive(self.settings.archive_folder(name.removesuffix(".store")), self.spool.arrivals.stored)
        if name.endswith(MAIL):
            contact = self.program.contact(name.removesuffix(MAIL))
            if contact is None or self._relay is None:
                return None
            return Mailer(contact, self._relay, self.settings.mail_quiet_seconds, self.settings.language)
        if name == REVIEW:
            return Reviewer(self.spool, self.router, self._previews.wake)
        if name.endswith(GATHERING):
            return Collector(self.spool, self.router, self._unreleased, self._count_at)
        declared = self._destination(name)
        if declared is not None and declared.kind != "dicom":
            return way_out(declared, self.settings, self.doors.certificates.client)
        return None if declared is None else self._node(declared)

    def _destination(self, name: str) -> Destination | None:
        """The destination of an outbox: of objects, or of what a webhook is told."""
        declared = self.program.destination(name.removesuffix(NOTICE))
        return None if declared is None or declared.takes_objects == name.endswith(NOTICE) else declared

    def _node(self, declared: Destination) -> DicomNode:
        asked, tls = self._commitments.asked, self.doors.certificates.client
        new_file, least = self.spool.new_work_file, self.settings.min_free_mb
        return DicomNode(declared, self.settings.ae_title, asked, tls=tls, new_file=new_file, least_mb=least)

    def _dismiss(self, *names: str) -> None:
        """Make these senders anew when they are needed; what they keep open is closed."""
        for name in names or list(self._senders):
            with self._making:
                sender = self._senders.pop(name, None)
            if isinstance(sender, Keeping):
                sender.close()

    def _unreleased(self) -> frozenset[str]:
        """The associations that may bring more."""
        return frozenset(one for _, running in list(self._listeners.values()) for one in running.unreleased)

    def _association_ended(self) -> None:
        """What was collected may be complete now."""
        for name, pumping in list(self._pumps.items()):
            if name.endswith(GATHERING):
                pumping.pump.wake()

    def _count_at(self, name: str, study: str, series: str) -> int | None:
        """How many objects a destination has of a study or series. Raises Later, Never."""
        declared = self.program.destination(name)
        if declared is None or declared.outside or declared.kind != "dicom":
            # Outside the house not even the UID of a study is told.
            return None
        return self._node(declared).count(study, series)

    def _warn(self) -> None:
        """Say what will wait although nothing is wrong with the rules, and by what we are known."""
        self.doors.present(self.program)
        if self.program.contacts and self._relay is None:
            log.warning("no mail relay is set (mail_host): reports wait in their outboxes, and alarms reach nobody")
        for name in self.spool.outboxes():
            owed = 0 if name == HOLD else sum(self.spool.outbox(name).count().values())
            if owed and self._undeclared(name):
                what = "reports" if name.endswith(TELLING) else "objects"
                log.warning("%d %s are owed to %s, which the rules do not declare: they wait", owed, what, name)

    def owed(self) -> dict[str, int]:
        """How many objects wait for each destination of the rules that run."""
        names = [destination.name for destination in self.program.destinations]
        return {name: sum(self.spool.outbox(name).count().values()) for name in names}

    def _refuse_orphans(self, new: Program) -> None:
        """Something may have been promised since the compiler was told what is owed."""
        for name, count in self.owed().items():
            if count and new.destination(name) is None:
                raise CannotChange(f"{name} is no longer declared, but objects still wait for it: {count}")


def _on_ports(program: Program) -> list[Listener]:
    return [listener for listener in program.listeners if listener.port is not None]
