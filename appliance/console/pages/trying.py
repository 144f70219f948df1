"""Try: what the rules that run would make of a file, or of an image that came. Nothing leaves, no file is kept."""

import contextlib
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, ClassVar

from tornado.web import HTTPError, stream_request_body

from appliance.console.api import BASE, ApiHandler
from appliance.console.effects import effect
from appliance.console.facts.explaining import Explanation, Recent, of_file, of_object, recent, ways
from appliance.console.facts.plain import Json, plain
from appliance.console.handler import PageHandler
from appliance.console.page import page
from appliance.console.roles import Role
from appliance.console.words import Refusal
from engine.errors import Never
from engine.journal import JournalTrouble
from engine.program import Program

MOST = 2 << 30
"""Bytes of a file."""

AT_ONCE = 3
"""Files that are tried at once."""


def said(found: Explanation, language: str) -> dict[str, Json]:
    """As JSON, what would be done in the reader's language."""
    value = plain(found)
    assert isinstance(value, dict)
    routes = value["routes"]
    assert isinstance(routes, list)
    for told, route in zip(routes, found.routes, strict=True):
        assert isinstance(told, dict)
        told["effects"] = [effect(language, one) for one in route.effects]
    value["held"] = [effect(language, f"hold it: {one}") for one in found.held]
    return value


@page("/try", title="Try", template="try.html", place="Try")
class Try(PageHandler):
    """A file, or one of the images that came last (`?object=` our own number)."""

    async def facts(self, *groups: str) -> dict[str, Any]:
        """What may be chosen, and what would become of what was."""
        house = self.context.house
        program = await self.aside(house.program)
        number = self.get_query_argument("object", "").strip()[:64]
        found, missing = None, False
        if number and program is not None:
            found = await self.aside(lambda: _of_object(self.context, program, number))
            missing = found is None
        return {
            "ways": [] if program is None else ways(program),
            "has_rules": program is not None,
            "recent": await self.aside(lambda: _recent(self.context)),
            "number": number,
            "missing": missing,
            "found": None if found is None else said(found, self.language),
        }


@stream_request_body
class TryFile(ApiHandler):
    """POST a file as the body: ?way=, sender=, called=. It lies on the disk without a name, and only meanwhile."""

    route = f"{BASE}/try"
    _hands: ClassVar[threading.BoundedSemaphore] = threading.BoundedSemaphore(AT_ONCE)
    _file: IO[bytes] | None = None

    async def prepare(self) -> None:
        """Let in whoever may, before anything is read."""
        if self.request.method != "POST":
            raise HTTPError(405)
        self.let_in(Role.VIEWER)
        if not self._hands.acquire(blocking=False):
            raise Refusal(429, "Others are trying files just now. Wait a moment, then try again.")
        self._release: Callable[[], None] = self._hands.release
        folder = self.context.settings.data / "console"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        self.request.connection.set_max_body_size(MOST)  # type: ignore[union-attr]

    def data_received(self, chunk: bytes) -> None:
        """Called by Tornado."""
        if self._file is not None:
            self._file.write(chunk)

    async def post(self) -> None:
        """Explain it."""
        assert self._file is not None
        self._file.flush()
        house = self.context.house
        program = await self.aside(house.program)
        if program is None:
            raise Refusal(409, "No rules have ever run here. Start the appliance, then try again.")
        path = Path(f"/proc/self/fd/{self._file.fileno()}")
        way, sender, called = (self.get_query_argument(name, "")[:200] for name in ("way", "sender", "called"))
        try:
            found = await self.aside(lambda: of_file(house, program, path, way, sender, called))
        except KeyError:
            raise Refusal(422, "The rules have no such way in.") from None
        except Never:
            raise Refusal(422, "This is not a DICOM file, or not a whole one.") from None
        self.answer_json(said(found, self.language))

    def on_finish(self) -> None:
        """Called by Tornado: nothing is kept."""
        self._let_go()

    def on_connection_close(self) -> None:
        """Called by Tornado, where the other side has gone away."""
        self._let_go()

    def _let_go(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            with contextlib.suppress(OSError):
                file.close()
            self._release()


def _of_object(context: Any, program: Program, number: str) -> Explanation | None:
    try:
        return of_object(context.house, program, number)
    except (OSError, JournalTrouble, Never):
        return None


def _recent(context: Any) -> list[Recent]:
    try:
        return recent(context.house)
    except (OSError, JournalTrouble):
        return []
