"""SHA256SUMS of a folder, in the form that `sha256sum --check` reads. It must not know what the files are."""

import hashlib
from pathlib import Path

NAME = "SHA256SUMS"


def digest(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path) -> None:
    """One line for each file of the folder, sorted by name."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file() and path.name != NAME)
    (folder / NAME).write_text("".join(f"{digest(folder / name)}  {name}\n" for name in names), "utf-8")
