"""console: pages and an API for people and scripts, in the browser; `console link` makes a link for a first admin."""

import argparse
import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading

from appliance.backup.restoring import complete
from appliance.commands.common import add_settings, settings_as_owner, settings_file_of
from appliance.console.app import Console, banner
from appliance.console.context import Context
from appliance.console.roles import Role
from appliance.heartbeat import SIGNS
from appliance.notify import Notify
from appliance.settings import Settings
from engine import files

NICER = 5
"""By so much the console stands back (nice(2)) where it runs beside the appliance: images go first."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("action", nargs="?", default="serve", choices=["serve", "link"], help="what to do (serve)")
    parser.add_argument("--port", type=int, help="instead of the setting console_port; 0: one that is free")
    parser.add_argument("--attached", action="store_true", help=argparse.SUPPRESS)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or Ctrl-C. It works beside a running appliance, and while none runs."""
    settings = settings_as_owner(arguments)
    line = {"data": arguments.data, "rules": arguments.rules}
    try:
        files.make_folder(settings.data)
        with contextlib.suppress(BlockingIOError):  # an appliance runs: its next start does it
            complete(settings.data)
        context = Context.of(settings, Settings.origins(settings_file_of(arguments), os.environ, line))
        if arguments.action == "link":
            print(_link(context, settings.console_port))
            return 0
        console = Console(context, settings.console_port if arguments.port is None else arguments.port)
        console.listen()
        print(banner(console), file=sys.stderr)
        if not context.accounts.all():
            # What a service prints is kept in a log: there the machine's screen shows a link (console/first_admin.py).
            begins = "stellwerk console link" if settings.machine else _link(context, console.port)
            print(f"nobody may use it yet. The first admin begins here: {begins}", file=sys.stderr)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"stellwerk: {where}{error.strerror or error}", file=sys.stderr)
        return 1
    if arguments.attached:
        os.nice(NICER)
    asyncio.run(_serve(console, arguments.attached, Notify.of()))
    return 0


def _link(context: Context, port: int) -> str:
    """A link by which whoever opens it first becomes an admin, within a day. Former ones end."""
    secret = context.links.make(Role.ADMIN, "")
    context.audit.note("", "link-made", detail=Role.ADMIN.word)
    return f"https://{socket.gethostname()}:{port}/start/{secret}"


async def _serve(console: Console, attached: bool, notify: Notify) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, _end, ended, notify)
    if attached:
        # The appliance holds the other end of this pipe, also where it is killed.
        threading.Thread(target=_wait_for_end, args=(loop, ended), daemon=True).start()
    signs = asyncio.create_task(_tell(console, notify))
    await console.serve(ended)
    signs.cancel()


async def _tell(console: Console, notify: Notify) -> None:
    """Out of the very loop that answers pages: where it hangs, there are no signs of life."""
    notify.ready(f"open port: {console.port}")
    while notify.watchdog:
        notify.alive()
        await asyncio.sleep(notify.watchdog / SIGNS)


def _end(ended: asyncio.Event, notify: Notify) -> None:
    notify.stopping()
    ended.set()


def _wait_for_end(loop: asyncio.AbstractEventLoop, ended: asyncio.Event) -> None:
    os.read(0, 1)
    loop.call_soon_threadsafe(ended.set)
