"""A folder as destination: images as plain DICOM files, for other programs to take or for people to read.

A file appears whole under its name or not at all, and is on the disk before it counts as delivered. Names and what
happens to two of one UID are the archive's. Nothing is written where the folder is not the one that it was.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from engine.destinations.archive import Archive
from engine.destinations.share import Share
from engine.destinations.usual import retrying
from engine.entry import Entry
from engine.errors import Later, Never
from engine.header import Header
from engine.layout import folders, naming
from engine.outbox import Outbox
from engine.parameters import Layout, WatchedFolder
from engine.program import Destination
from engine.pump import LOOK_AGAIN, Report, Result, Sent, oldest_first


class SharedFolder:
    """One declared `folder` destination, as engine.pump.Sender."""

    connections = 1
    """Two at once could find the same name free."""

    def __init__(self, declared: Destination, known: Path) -> None:
        """known: the folder in which it is remembered which share is which."""
        arguments = declared.arguments
        root = Path(WatchedFolder.of(arguments["path"]).path)
        self.name = declared.name
        self.outside = declared.outside
        self.look_again = LOOK_AGAIN
        self.every, self.patience = retrying(declared)
        self._layout = Layout.of(arguments["layout"]) if "layout" in arguments else Layout(())
        self._share = Share(root, known)
        self._archive = Archive(root, called=str(root), ours=False)

    def pick(self, outbox: Outbox, now: float) -> list[Entry]:
        """Oldest first."""
        return oldest_first(outbox, now)

    def send(self, entries: Sequence[Entry], report: Report, stopping: Callable[[], bool]) -> None:
        """Write a batch; reported only once it is durable, and the folder is still the one that it was."""
        results: dict[str, Result] = {}
        try:
            self._share.check()
            named = [one for entry in entries if (one := self._named(entry, results)) is not None]
            self._archive.send(named, lambda entry, result: results.__setitem__(entry.id, result), stopping)
            # Had it gone in between, all of that would lie on our own disk, under the place where it was.
            self._share.check()
        except Later as away:
            for entry in entries:
                refused = isinstance(results.get(entry.id), Never)
                report(entry, results[entry.id] if refused else away)
            return
        for entry in entries:
            if entry.id in results:
                report(entry, self._result(results[entry.id]))

    def reach(self) -> str:
        """Whether it is the folder that it was, and can be written; in words. Raises Later."""
        self._share.reach()
        return f"{self._share.root} can be written"

    def _named(self, entry: Entry, results: dict[str, Result]) -> Entry | None:
        """The same promise with its folders and the name of its file; None where it has an outcome already."""
        header = Header.read(entry.file)
        try:
            place = folders(self._layout, header)
            return replace(entry, place=place, note={**entry.note, **naming(self._layout, header)})
        except Never as refusal:
            results[entry.id] = refusal
        except OSError as error:
            results[entry.id] = Later(f"the image cannot be read from our own disk ({error.strerror})")
        return None

    def _result(self, result: Result) -> Result:
        return Sent(f"{self.name}: {result.place}") if isinstance(result, Sent) else result
