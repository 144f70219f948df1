"""A share that is read-only, also for the root that tests may run as; and web ports."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import files
from engine.sources.https import HttpListener
from engine.sources.posted import House
from tests.engine.sources.web import Listen, Shelf


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders in which nothing can be moved, made or removed, as on a share that is read-only (for root, too)."""
    folders: list[Path] = []
    move, mkdir = files.move, Path.mkdir

    def guarded_move(source: Path, target: Path) -> None:
        source = Path(source)
        # Also where the folder that it lies in is known by its number.
        lies = source.parent.resolve() / source.name
        if any(one.is_relative_to(folder) for one in (source, lies) for folder in folders):
            raise PermissionError(13, "Permission denied")
        move(source, target)

    def guarded_mkdir(self: Path, *arguments: object, **words: object) -> None:
        if not self.is_dir() and any(self.is_relative_to(folder) for folder in folders):
            raise PermissionError(13, "Permission denied")
        mkdir(self, *arguments, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "move", guarded_move)
    monkeypatch.setattr(Path, "mkdir", guarded_mkdir)
    return folders


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    """Where a web port puts what it takes."""
    return Shelf(tmp_path)


@pytest.fixture
def listen(shelf: Shelf) -> Iterator[Listen]:
    """Web ports that end with the test."""
    running: list[HttpListener] = []

    def start(house: House | None = None, **more: object) -> HttpListener:
        listener = HttpListener(0, house or shelf.house(), address="127.0.0.1", **more)  # type: ignore[arg-type]
        listener.start()
        running.append(listener)
        return listener

    yield start
    for listener in running:
        listener.stop(1)
