"""HTTP and HTTPS ports of an appliance: how what is posted there comes into the spool, and as whose.

It must not know HTTP.
"""

import logging
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_network

from appliance.doors import Doors
from appliance.settings import Settings
from engine.errors import Later
from engine.heard import Heard
from engine.object import Origin
from engine.parameters import Networks, UserNames
from engine.program import Listener
from engine.sources.https import HttpListener, Identify
from engine.sources.posted import House, Upload
from engine.spool import Spool

log = logging.getLogger("stellwerk")

KINDS = ("http", "https")
"""The kinds of listeners that are opened here."""


class Web:
    """Opens such ports. program: the digest of the one that knows a port. taken: told that something was taken in."""

    def __init__(
        self,
        settings: Settings,
        spool: Spool,
        doors: Doors,
        heard: Heard,
        program: Callable[[int], str],
        room: Callable[[int], str | None],
        cannot_keep: Callable[[], None],
        taken: Callable[[], None],
    ) -> None:
        self._settings, self._spool, self._doors, self._heard = settings, spool, doors, heard
        self._program, self._room, self._cannot_keep, self._taken = program, room, cannot_keep, taken

    def listener(self, declared: Listener) -> HttpListener:
        """The port as the rules have it, not yet open. Raises OSError, in words, where there is no certificate."""
        arguments, port = declared.arguments, declared.port or 0
        networks = Networks.of(arguments["networks"]).networks if "networks" in arguments else ()
        kind = declared.kind
        return HttpListener(
            port,
            House(lambda upload: self._accept(upload, kind, port), self._spool.new_work_file, self._room),
            address=self._settings.address,
            context=self._doors.tls(declared),
            identify=self._identify(declared),
            standing=self._doors.users.standing,
            networks=tuple(ip_network(network, strict=False) for network in networks),
            cannot_keep=self._cannot_keep,
        )

    def _identify(self, declared: Listener) -> Identify | None:
        if "users" not in declared.arguments:
            return None
        wanted, users = frozenset(UserNames.of(declared.arguments["users"]).names), self._doors.users

        def identify(user: str, password: str, address: str) -> bool | None:
            if users.wait(user, address) > 0:
                return None
            if users.check(user, password, address):
                return user in wanted
            # Others may have guessed in the meantime, and then its password was not looked at.
            return None if users.wait(user, address) > 0 else False

        return identify

    def _accept(self, upload: Upload, kind: str, port: int) -> None:
        received = datetime.now().astimezone().isoformat(timespec="milliseconds")
        origin = Origin(
            kind,
            port,
            upload.user,
            "",
            upload.address,
            received,
            # Each request is alone: nobody says which was the last of a study (engine.collector).
            HttpListener.conversation_at(port),
            file=upload.name if upload.flaw else "",
            flaw=upload.flaw,
            user=upload.user,
        )
        try:
            self._spool.accept(upload.file, origin, self._program(port))
        except OSError as error:
            raise Later(f"the spool cannot take it in ({error.strerror})") from None
        if upload.user:
            self._heard.note(upload.user, port)
        self._taken()
