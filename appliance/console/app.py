"""The console's server: pages, operations and files behind one HTTPS port, from its start to its end."""

import asyncio
import contextlib
import logging
import re
import socket
import ssl
import threading
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application

from appliance.console import api, page, words
from appliance.console.context import Context
from appliance.console.events import Events, Source
from appliance.console.first_admin import FirstAdmin
from appliance.console.handler import Handler, Healthz, Nowhere, Start, Static
from appliance.console.live import sources
from appliance.console.metrics import Metrics
from appliance.console.static_files import StaticFiles
from appliance.console.streams import EventStream
from appliance.supervise import Supervised
from engine.addresses import why_not

log = logging.getLogger("stellwerk.console")

SECRET = re.compile(r"[^/]{24,}")
"""What may be one, in an address: those of links are longer, and nothing else of ours needs as much."""

KEEP_SEEN = 60.0
"""Seconds between two times at which it is written down when sessions were used."""

MOST_HEAD = 32 << 10
"""Bytes of a request's address and header fields together; whoever sends more is hung up on, without an answer."""
MOST_BYTES = 1 << 20
"""Of a form or a request; a handler that takes uploads says so itself (Tornado's stream_request_body)."""

CONNECTIONS = 500


Route = tuple[str, type[Handler], dict[str, Any]]


def routes(parts: dict[str, Any], found: list[type], events: Events) -> list[Route]:
    """Every address, as an expression, with what answers there. found: the handlers of pages."""
    paths: list[Route] = [(one.page.path, one, parts) for one in found]  # type: ignore[attr-defined]
    paths += [(one.route, one, parts) for one in page.streams()]  # type: ignore[attr-defined]
    operations = api.by_path(api.declared())
    paths += [(path, api.OperationHandler, {**parts, "at": at}) for path, at in operations.items()]
    paths += [
        (f"{api.BASE}/events", EventStream, {**parts, "events": events}),
        (r"/static/(\w+)/(.*)", Static, parts),
        ("/healthz", Healthz, parts),
        ("/metrics", Metrics, parts),
        ("/api/.*", api.NoOperation, parts),
    ]
    if all(path != "/" for path, _, _ in paths):
        paths.append(("/", Start, parts))
    return paths


class Console:
    """One console on one port."""

    def __init__(self, context: Context, port: int, more: list[Source] | None = None) -> None:
        """With port 0 the system chooses one at `listen`."""
        words.load()
        self.context, self.port = context, port
        self._sources = [*sources(context), *(more or [])]
        self._sockets: list[socket.socket] = []
        self._first = FirstAdmin.of(context)

    def listen(self) -> None:
        """Take the port. Raises OSError, in words."""
        self.context.certificates.server()
        try:
            self._sockets = bind_sockets(self.port, self.context.settings.address)
        except OSError as error:
            raise OSError(
                error.errno, f"the console cannot have port {self.port}: {why_not(error)}; console_port is another one"
            ) from None
        self.port = self._sockets[0].getsockname()[1]

    async def serve(self, ended: asyncio.Event) -> None:
        """Answer until it is to end."""
        # What Tornado says quotes requests.
        for name in ("tornado.general", "tornado.access", "tornado.application"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        context = self.context
        found = page.handlers()
        parts = {"context": context, "files": StaticFiles(), "places": page.navigation(found)}
        application = Application(
            list(routes(parts, found, Events(self._sources, context.aside))),
            default_handler_class=Nowhere,
            default_handler_args=parts,
            template_path=str(Path(__file__).parent / "templates"),
            log_function=_log,
            compiled_template_cache=True,
        )
        server = _Server(
            application,
            idle_connection_timeout=75,
            body_timeout=120,
            max_header_size=MOST_HEAD,
            max_body_size=MOST_BYTES,
            max_buffer_size=8 << 20,
        )
        server.context = context.certificates.server
        server.add_sockets(self._sockets)
        keeping = asyncio.create_task(self._keep_seen())
        stopping = threading.Event()
        reading = Supervised("journal", lambda: context.house.follow(stopping))
        reading.start()
        context.sendings.begin()
        context.resendings.begin()
        context.minding.begin()
        if self._first is not None:
            self._first.begin()
        await ended.wait()
        reading.stop()
        stopping.set()
        context.minding.end()
        if self._first is not None:
            self._first.end()
        context.sendings.end()
        context.resendings.end()
        context.lightbox.close()
        context.workbench.close()
        keeping.cancel()
        server.stop()
        with contextlib.suppress(OSError):
            context.sessions.keep_seen()
        await server.close_all_connections()
        context.pool.shutdown(wait=False, cancel_futures=True)

    async def _keep_seen(self) -> None:
        while True:
            await asyncio.sleep(KEEP_SEEN)
            try:
                await self.context.aside(self.context.sessions.keep_seen)
            except OSError as error:
                log.warning("who is signed in cannot be written down (%s)", error.strerror)


class _Server(HTTPServer):
    """Asks for the certificate at each connection, as it may be renewed."""

    context: Callable[[], ssl.SSLContext]

    def _handle_connection(self, connection: socket.socket, address: object) -> None:
        try:
            self.ssl_options = self.context()
        except OSError as error:
            log.error("a connection is refused: %s", error.strerror or error)
            connection.close()
            return
        if len(self._connections) >= CONNECTIONS:
            connection.close()
            return
        super()._handle_connection(connection, address)


def _log(handler: Any) -> None:
    """Only what went wrong on our side, without what may be secret: query and body, where somebody may have typed a
    patient's name, and the ends of links.
    """
    if handler.get_status() >= 500 and handler.get_status() != 503:
        path = SECRET.sub("…", re.sub(r"[^\w/.-]", "?", handler.request.path))[:80]
        log.error("%s %s: %d", handler.request.method, path, handler.get_status())


def banner(console: Console) -> str:
    """What is said once it listens."""
    return f"the console is at https://{socket.gethostname()}:{console.port}/ (stellwerk {version('stellwerk')})"
