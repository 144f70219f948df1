"""rules-git: look into the Git repository of the rules, and take over what is new."""

import argparse
import contextlib
import os
import resource
import sys
from pathlib import Path

from appliance.commands.common import add_settings, settings_as_owner, settings_of
from appliance.rules_git.note import NotTaken
from appliance.rules_git.taking import pull
from appliance.rules_git.watching import TOLD

NICER = 10
MORE = 1 << 30
"""Bytes of memory that a look may take: what a server sends can unpack to far more than it is."""


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--anew", action="store_true", help="also where the history of the branch was written anew")
    parser.add_argument("--watched", action="store_true", help=argparse.SUPPRESS)
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 where all is well, 3 where nothing was taken for a reason that a person should know."""
    settings = settings_of(arguments) if arguments.watched else settings_as_owner(arguments)
    if not settings.rules_git:
        print("stellwerk: no Git repository is set (rules_git)", file=sys.stderr)
        return 2
    _bound(arguments.watched)
    try:
        found = pull(settings, arguments.anew)
    except NotTaken as no:
        print(f"stellwerk: {no.trouble.said(settings.language)}", file=sys.stderr)
        return TOLD
    except OSError as error:
        print(f"stellwerk: {settings.data} cannot be used ({error.strerror})", file=sys.stderr)
        return 1
    if found is not None:
        print(f"stellwerk: taken over: {found.said}", file=sys.stderr)
    elif not arguments.watched:
        print("stellwerk: nothing is new", file=sys.stderr)
    return 0


def _bound(watched: bool) -> None:
    """Where a sandbox does not let us, its own bounds must do."""
    with contextlib.suppress(OSError, ValueError):
        now = int(Path("/proc/self/statm").read_text("ascii").split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (now + MORE, resource.getrlimit(resource.RLIMIT_AS)[1]))
    with contextlib.suppress(OSError):
        os.nice(NICER if watched else 0)
