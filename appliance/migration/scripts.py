"""The files that a CTP configuration names, found below its folder: CTP's paths begin there, or on another disk."""

from collections.abc import Callable
from pathlib import Path, PureWindowsPath

MOST_BYTES = 1 << 20


def reader(config: Path) -> Callable[[str], str | None]:
    """Answers the text of a named file, or None where it is not there."""

    def read(named: str) -> str | None:
        for path in _candidates(config.resolve().parent, named):
            try:
                if path.is_file() and path.stat().st_size <= MOST_BYTES:
                    return _text(path.read_bytes())
            except (OSError, ValueError):
                continue
        return None

    return read


def _candidates(folder: Path, named: str) -> list[Path]:
    """Below the folder of the configuration, never elsewhere: as named, or by its end if the disk was another's."""
    whole = PureWindowsPath(named)
    parts = [part for part in whole.parts if part not in ("..", ".", whole.anchor)]
    return [folder.joinpath(*parts[start:]) for start in range(len(parts))]


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")
