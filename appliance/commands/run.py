"""run: start the appliance and keep it running."""

import argparse
import faulthandler
import gc
import logging
import signal
import sys
import time

from appliance import given_rules
from appliance.appliance import Appliance
from appliance.backup.nightly import Nightly
from appliance.backup.restoring import complete
from appliance.beginning import begin, remember
from appliance.commands.common import add_settings, given, settings_of, show_findings
from appliance.console_process import ConsoleProcess
from appliance.heartbeat import Heartbeat
from appliance.notify import Notify
from appliance.reload import Reloader
from appliance.rulebook import RuleBook, install_default_rules
from appliance.rules_git.taking import finish
from appliance.rules_git.watching import Watching
from appliance.settings import Settings
from appliance.supervise import Supervised
from appliance.withdrawn import trouble
from dsl.changeover import changeover
from dsl.compile import Compiled
from engine.program import Program

log = logging.getLogger("stellwerk")


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--without-console", action="store_true", help="start none: it is a service of its own")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C; SIGHUP looks at the rules at once."""
    settings = settings_of(arguments)
    notify = Notify.of()
    notify.status("looks through what is in the spool")
    book = RuleBook(settings.rules_path, settings.own_folders)
    seen: dict[str, str] = {}
    try:
        _finish_restore(settings)
        if arguments.rules is None and settings.rules is None:
            install_default_rules(settings.rules_path)
        finish(settings)
        given_rules.take(settings, book)
        beginning = begin(settings, book, seen)
    except BlockingIOError:
        print(f"stellwerk: another one runs in {settings.data}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"stellwerk: {settings.data} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    show_findings(beginning.found)
    program = beginning.program
    if program is None:
        print("stellwerk: the rules have errors, and none have ever run here; nothing was started", file=sys.stderr)
        return 1
    if beginning.waiting is not None:
        log.error("the rules drop what objects still wait for; the last good ones run until nothing does")
    elif beginning.trouble:
        log.error("the rules have errors; the last good ones run instead")
    # A list, not an Event: a handler interrupts this very thread, which might be holding the Event's lock.
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopping.append(number))
    try:
        appliance = Appliance(settings, program)
    except BlockingIOError:
        print(f"stellwerk: another one runs in {settings.data}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"stellwerk: {settings.data} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    try:
        appliance.start()
    except OSError as error:
        print(f"stellwerk: {error.strerror or error}", file=sys.stderr)
        return 1
    remember(settings, program)
    # What has been made by now stays: the garbage collector need not look at it again and again.
    gc.collect()
    gc.freeze()

    def use(changed: Program) -> None:
        appliance.use(changed)
        remember(settings, changed)
        notify.status(_status(appliance))

    def judge(rules: Compiled) -> Compiled:
        return changeover(rules, appliance.program, appliance.owed())

    reloader = Reloader(book, beginning.found, seen, use, judge, beginning.trouble, beginning.waiting)
    watching = Supervised("rules", reloader.loop)
    appliance.health.also("the rules", lambda: reloader.trouble or watching.trouble)
    appliance.health.also("given rules", lambda: given_rules.trouble(settings))
    appliance.health.also("new rules", lambda: trouble(settings.data))
    watching.start()
    console = ConsoleProcess(given(arguments))
    if settings.console_port and not arguments.without_console:
        appliance.health.also("the console", lambda: console.trouble)
        console.start()
    signal.signal(signal.SIGHUP, lambda *_: reloader.wake())
    # Where the heartbeat itself could not say what hangs, as something never gives the interpreter's lock back, the log
    # gets the line of the program at which each thread was when the watchdog ends us, and no values.
    faulthandler.enable()
    heartbeat = Heartbeat(notify, appliance.parts, appliance.spool.work)
    heartbeat.start()
    nightly = Nightly(settings, given(arguments))
    backing_up = Supervised("backup", nightly.loop)
    if settings.backup_to is not None:
        appliance.health.also("the backup", lambda: nightly.trouble or backing_up.trouble)
        backing_up.start()
    repository = Watching(settings, given(arguments))
    pulling = Supervised("rules from Git", repository.loop)
    if settings.rules_git:
        appliance.health.also("rules from Git", lambda: repository.trouble or pulling.trouble)
        pulling.start()
    _tell(settings, appliance)
    notify.ready(_status(appliance))
    while not stopping:
        time.sleep(0.5)
    log.info("stopping")
    notify.stopping()
    heartbeat.stop()
    pulling.stop()
    repository.stop()
    backing_up.stop()
    nightly.stop()
    console.stop()
    watching.stop()
    reloader.stop()
    appliance.stop()
    return 0


def _ports(appliance: Appliance) -> str:
    return ", ".join(map(str, appliance.ports())) or "none"


def _status(appliance: Appliance) -> str:
    return f"open ports: {_ports(appliance)}"


def _finish_restore(settings: Settings) -> None:
    """Before anything else works here: half a restore must not run. Raises BlockingIOError, OSError."""
    done = complete(settings.data)
    if done is not None:
        log.info("the backup of %s is restored; what was here before: %s", done.backup.made, done.aside or "nothing")


def _tell(settings: Settings, appliance: Appliance) -> None:
    archive = settings.archive_folder("archive")
    log.info("ready: ports %s; rules %s; archive %s", _ports(appliance), settings.rules_path, archive)
