"""A watched folder without threads, on a line that is turned by hand, and a clock that goes when it is told to."""

from pathlib import Path

from engine.drops import Drops
from engine.program import Call, Destination, Listener, Program, Route
from engine.signature import Argument
from engine.sources.fates import Fates
from engine.sources.folder import Pace, Watch
from engine.sources.settling import DONE
from engine.sources.taking import Way
from engine.sources.telling import Telling
from engine.sources.zips import Limits
from engine.spool import Spool
from tests.data.make import instance
from tests.engine.spool.crash_kit import Line, Pacs

EXPORT = "/srv/export"
USUAL = Limits()


def rules(folder: str = EXPORT, chain: tuple[Call, ...] | None = None) -> Program:
    """PACS is declared; what comes from the watched folder goes there."""
    to_pacs = Call("forward", {"destinations": Argument("word", "PACS")})
    path = {"path": Argument("text", folder)}
    return Program(
        listeners=(Listener("export", "folder", path),),
        destinations=(Destination("PACS", "dicom", {"address": Argument("text", "PACS@127.0.0.1:104")}),),
        routes=(Route("main", "export", None, chain or (to_pacs,)),),
    )


class Dropping:
    """An outbox folder (or a watched folder) over a spool that it feeds."""

    def __init__(
        self,
        root: Path,
        *,
        kind: str = "outbox",
        keep: bool = True,
        pacs: Pacs | None = None,
        limits: Limits = USUAL,
    ) -> None:
        self.now = 1000.0
        self.room: str | None = None
        self.root = root
        self.folder = root / "outbox" / "PACS"
        self.pacs = pacs or Pacs()
        name = "PACS" if kind == "outbox" else EXPORT
        self.way = Way(self.folder, kind, name, keep, limits=limits)
        if kind == "folder":
            self.folder.mkdir(parents=True, exist_ok=True)
        self.line = Line(root, rules(), self.pacs)
        self.watch = self.new_watch()

    def new_watch(self) -> Watch:
        """As after a start."""
        drops = Drops(self.spool, f"{self.way.kind} {self.way.name}")
        outbox = self.way.kind == "outbox"
        fates = Fates(self.spool)
        done = DONE if self.way.keep else ""
        telling = Telling(drops, self.folder, fates.of, "en", done) if outbox else None
        return Watch(
            self.way,
            drops,
            lambda: self.line.digest,
            lambda _: self.room,
            Pace(2.0, 1.0),
            telling,
            own=outbox,
            clock=lambda: self.now,
        )

    @property
    def spool(self) -> Spool:
        """The line's."""
        return self.line.spool

    def put(self, name: str, data: bytes = b"") -> Path:
        """A file in the folder; without bytes, a DICOM file of its own."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if data:
            path.write_bytes(data)
        else:
            instance(path.parent, name=path.name, SOPInstanceUID=uid_of(name))
        return path

    def pass_by(self, seconds: float) -> None:
        """Let time pass, a turn each second."""
        for _ in range(int(seconds)):
            self.now += 1
            while self.watch.turn() == 0:
                pass

    def deliver(self) -> list[str]:
        """Route and send everything; answers what the PACS has got."""
        self.line.turn(self.now)
        return sorted(self.pacs.got)

    def left(self) -> list[str]:
        """What lies in the folder, ours and what is hidden aside."""
        return sorted(
            str(path.relative_to(self.folder))
            for path in self.folder.rglob("*")
            if path.is_file() and ".taken" not in path.parts and path.relative_to(self.folder).parts[0] != DONE
        )

    def done(self) -> list[str]:
        """What has been moved to `done`, without what is told of it."""
        root = self.folder / DONE
        return sorted(str(p.relative_to(root)) for p in root.rglob("*") if p.is_file() and p.suffix != ".status")

    def status(self, name: str) -> str:
        """What is told of a drop."""
        return (self.folder / DONE / f"{name}.status").read_text("utf-8")


def uid_of(name: str) -> str:
    """The SOP Instance UID of the file that `put` makes under this name."""
    return f"1.2.826.{int.from_bytes(name.encode()[-12:], 'big')}"
