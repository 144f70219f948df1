"""How callers and destinations prove who they are: what rules say of TLS and users, and what the machine has for it.

Must not know sockets, nor what is received or sent.
"""

import logging
import ssl
import time
from collections.abc import Callable, Iterable
from functools import partial

from appliance.secrets import Secrets
from appliance.settings import Settings
from appliance.tls import Certificates, TLSError
from engine.dicom import Claim
from engine.identities import Identities
from engine.parameters import UserNames
from engine.program import Listener, Program, calls
from engine.throttle import Throttle
from engine.tls import told
from engine.users import Users

log = logging.getLogger("stellwerk")


class Doors:
    """One appliance's certificates, users, secrets and tables."""

    def __init__(self, settings: Settings) -> None:
        self.certificates = Certificates(settings.tls, settings.address)
        self.users = Users(settings.secrets / "users", Throttle(time.monotonic))
        self.secrets = Secrets(settings.secrets)
        self.tables = Identities.of(settings.data).tables

    def tls(self, listener: Listener) -> Callable[[], ssl.SSLContext] | None:
        """How a listener speaks TLS, if it does. Raises OSError, in words, where there is no certificate for it."""
        if not secured(listener):
            return None
        context = partial(self.certificates.server, "require" in listener.arguments)
        context()
        return context

    def knows(self, listener: Listener) -> Callable[[Claim, str], bool] | None:
        """Whether a caller of a DICOM listener, at an address, is a user that may send there; None where all may."""
        wanted = frozenset(_users(listener))
        if not wanted:
            return None

        def is_wanted(claim: Claim, address: str) -> bool:
            # A name without a passcode proves nothing.
            return self.users.check(claim.name, claim.passcode or "", address) and claim.name in wanted

        return is_wanted

    def present(self, program: Program) -> None:
        """Say in the log what we show and ask for, and what of it cannot work."""
        listeners = [listener for listener in program.listeners if listener.port is not None]
        if any(map(secured, listeners)) or any("tls" in one.arguments for one in program.destinations):
            self._show_certificate()
        self._warn_of_users(listeners)
        for name in self.secrets.open_to_others():
            log.warning("others may read the secret %s: chmod 600 %s", name, self.secrets.folder / name)
        for name in sorted(_tables(program)):
            trouble = self.tables.trouble(name)
            if trouble:
                log.warning("%s", trouble)

    def _show_certificate(self) -> None:
        try:
            own = self.certificates.own()
            log.info("our certificate (SHA-256): %s, until %s", told(own.fingerprint), f"{own.until:%Y-%m-%d}")
        except TLSError as error:
            log.warning("%s", error)

    def _warn_of_users(self, listeners: Iterable[Listener]) -> None:
        for listener in listeners:
            names = _users(listener)
            if names and not secured(listener):
                log.warning("port %s asks for passwords without TLS: they can be read on the network", listener.port)
            for name in names:
                if not self.users.knows(name):
                    log.warning("there is no user %s: `stellwerk user add %s` makes one", name, name)


def secured(listener: Listener) -> bool:
    """Whether a listener takes only TLS: who requires a certificate does."""
    return listener.kind == "https" or "tls" in listener.arguments or "require" in listener.arguments


def _tables(program: Program) -> set[str]:
    """The tables that its steps look things up in."""
    chains = [chain for route in program.routes for chain in (route.chain, route.failure or ())]
    return {call.arguments["table"].text for chain in chains for call in calls(chain) if "table" in call.arguments}


def _users(listener: Listener) -> tuple[str, ...]:
    asked = listener.arguments.get("users")
    return () if asked is None else UserNames.of(asked).names
