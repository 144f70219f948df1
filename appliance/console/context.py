"""What every page and operation may use: one console's parts, made once. It must not know pages, nor the web."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

from appliance.console.accounts import Account, Accounts
from appliance.console.audit import Audit
from appliance.console.book import Book
from appliance.console.facts.holds import Holds
from appliance.console.facts.house import House
from appliance.console.facts.overview import Overviews
from appliance.console.facts.reviews import Reviews
from appliance.console.facts.samples import Samples
from appliance.console.keys import Links, Tokens
from appliance.console.lightbox import LightBox
from appliance.console.machine import Machine
from appliance.console.minding import Minding
from appliance.console.probation import Probation
from appliance.console.resendings import Resendings
from appliance.console.roles import Role
from appliance.console.running import Running
from appliance.console.sendings import Sendings
from appliance.console.sessions import Session, Sessions
from appliance.console.shadow import Shadow
from appliance.console.update_source import NAME as UPDATE_SERVER
from appliance.console.updates import Updates
from appliance.settings import Settings
from appliance.tls import Certificates
from engine.throttle import Throttle
from engine.users import NAME

T = TypeVar("T")

THREADS = 8


class TooManyGuesses(Exception):
    """No password is looked at now. seconds: until one is."""

    def __init__(self, seconds: float) -> None:
        super().__init__("too many wrong passwords")
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Who:
    """Who asks: a user with a session, or a script with a token (then there is no session)."""

    name: str
    role: Role
    language: str = ""
    session: Session | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """origins: of each setting that is set, `file`, `environment` or `line` (Settings.origins).

    lightbox, workbench: what shows frames, and what takes longer, so that nobody who looks waits for it.
    house: what the pages show is read from it (appliance.console.facts).
    """

    settings: Settings
    origins: Mapping[str, str]
    accounts: Accounts
    links: Links
    tokens: Tokens
    sessions: Sessions
    throttle: Throttle
    audit: Audit
    certificates: Certificates
    running: Running
    house: House
    holds: Holds
    overviews: Overviews
    samples: Samples
    sendings: Sendings
    resendings: Resendings
    lightbox: LightBox
    workbench: LightBox
    reviews: Reviews
    probation: Probation
    shadow: Shadow
    minding: Minding
    machine: Machine
    updates: Updates
    pool: ThreadPoolExecutor

    @classmethod
    def of(cls, settings: Settings, origins: Mapping[str, str]) -> "Context":
        """On this data folder. Raises OSError."""
        house, running, audit = House(settings), Running(settings.data), Audit(settings.data / "audit")
        own = settings.data / "console"
        changes = Book(own / "changeover.json")
        probation = Probation(house, running, audit, changes)
        shadow = Shadow(house, probation, audit, changes)
        holds, machine = Holds(house), Machine(settings.machine)
        certificates = Certificates(settings.tls, settings.address)
        return cls(
            settings,
            origins,
            Accounts(settings.secrets / "console-users.json"),
            Links(settings.secrets / "console-links.json"),
            Tokens(settings.secrets / "console-tokens.json"),
            Sessions(own / "sessions.json"),
            Throttle(time.monotonic),
            audit,
            certificates,
            running,
            house,
            holds,
            Overviews(house),
            Samples(house),
            Sendings(house, own / "sendings"),
            Resendings(house, own / "resendings"),
            LightBox(house),
            LightBox(house),
            Reviews(house, holds),
            probation,
            shadow,
            Minding(probation, shadow, own),
            machine,
            Updates(settings.data, machine, settings.min_free_mb << 20, lambda: certificates.client(UPDATE_SERVER)),
            ThreadPoolExecutor(THREADS, "console"),
        )

    async def prove(self, address: str, name: str, password: str) -> Account | None:
        """Whose name and password these are; None where they are nobody's. Raises TooManyGuesses."""
        counted = name.casefold() if NAME.fullmatch(name) else ""
        wait = self.throttle.wait(address, counted)
        if wait > 0:
            raise TooManyGuesses(wait)
        # Counted before the hash is made: of many guesses at the same moment, most have to wait.
        self.throttle.failed(address, counted)
        account = await self.aside(lambda: self.accounts.check(name, password))
        if account is not None:
            self.throttle.succeeded(address, counted)
        return account

    def aside(self, work: Callable[[], T]) -> Awaitable[T]:
        """Do in a thread what may wait for a disk, a hash or another machine: the event loop serves everybody."""
        return asyncio.get_running_loop().run_in_executor(self.pool, work)
