"""A share that is read-only, also for the root that tests may run as."""

from pathlib import Path

import pytest

from engine import files


@pytest.fixture
def forbidden(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Folders in which nothing can be moved, made or removed, as on a share that is read-only (for root, too)."""
    folders: list[Path] = []
    move, mkdir = files.move, Path.mkdir

    def guarded_move(source: Path, target: Path) -> None:
        if any(source.is_relative_to(folder) for folder in folders):
            raise PermissionError(13, "Permission denied")
        move(source, target)

    def guarded_mkdir(self: Path, *arguments: object, **words: object) -> None:
        if not self.is_dir() and any(self.is_relative_to(folder) for folder in folders):
            raise PermissionError(13, "Permission denied")
        mkdir(self, *arguments, **words)  # type: ignore[arg-type]

    monkeypatch.setattr(files, "move", guarded_move)
    monkeypatch.setattr(Path, "mkdir", guarded_mkdir)
    return folders
