"""Where building puts things: the cache outside the checkout, the results in `dist/`, the date of the sources.

It must not know what is built there.
"""

import os
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
IMAGE = ROOT / "appliance/image"
DIST = ROOT / "dist"


def cache() -> Path:
    """The folder for what is made once and used again: tools, packages, test keys. `XDG_CACHE_HOME` decides."""
    home = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(home) / "stellwerk-image"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def version() -> str:
    """The version of what is built: `VERSION`, otherwise pyproject.toml's.

    The version is part of file names and partition labels (36 characters at most), and is compared by number.
    """
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    wanted = os.environ.get("VERSION") or str(project)
    if not (set(wanted) <= set("0123456789.") and all(wanted.split(".")) and len(wanted) <= 16):
        raise SystemExit(f"VERSION={wanted}: a version is numbers with dots between them, such as 0.1.1")
    return wanted


def epoch() -> int:
    """The moment that all files get, in seconds since 1970: `SOURCE_DATE_EPOCH`, otherwise the last commit's."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return int(given)
    return int(git("log", "-1", "--format=%ct"))


def sources() -> list[Path]:
    """All files of the checkout that git knows or would add, from the root."""
    names = git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [Path(name) for name in sorted(set(names)) if name and (ROOT / name).is_file()]


def git(*words: str) -> str:
    """What git says in the checkout."""
    done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"git {' '.join(words)} failed in {ROOT}: {done.stderr.strip()}")
    return done.stdout.strip()
