"""Of the codec library only what the engine calls: fewer parsers of strangers' bytes, and 30 MB less.

It runs in the tree of a build, after the packages are there; `tests/image/test_codecs.py` compares `KEPT` with what the
engine's files call. It must not know how an image is made.
"""

import re
import subprocess
import sys
from pathlib import Path

KEPT = ("_shared", "_shared_cython", "_imcd", "_jpeg8", "_jpegsof3", "_ljpeg", "_jpegls", "_jpeg2k", "_htj2k", "_png")
"""Compiled modules of imagecodecs, which asks for each at the first call, and does without those that are not there."""

LIBRARIES = re.compile(r"\(NEEDED\)\s+Shared library: \[(.+)\]")


def needed(file: Path) -> set[str]:
    """The libraries that a compiled file names."""
    told = subprocess.run(
        ["readelf", "--dynamic", "--wide", str(file)], capture_output=True, text=True, check=True
    ).stdout
    return set(LIBRARIES.findall(told))


def only_what_is_called(packages: Path) -> None:
    """Remove the modules that are not kept, and the libraries that then nobody names."""
    folder, beside = packages / "imagecodecs", packages / "imagecodecs.libs"
    kept = []
    for module in folder.glob("*.so"):
        if module.name.partition(".")[0] in KEPT:
            kept.append(module)
        else:
            module.unlink()
    wanted: set[str] = set()
    while kept:
        names = needed(kept.pop()) - wanted
        wanted |= names
        kept += [beside / name for name in names if (beside / name).exists()]
    for library in beside.glob("*"):
        if library.name not in wanted:
            library.unlink()


if __name__ == "__main__":
    (found,) = Path(sys.argv[1]).glob("usr/lib/stellwerk/venv/lib/python3*/site-packages")
    only_what_is_called(found)
