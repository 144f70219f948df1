"""How long does it take to look for text, and what is found? Beside tesseract, where that is installed."""

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from engine.pixels import Box
from engine.text.find import find_text
from tests.benchmarks.__main__ import say
from tests.engine.text.screens import Screen, grey, save, screen, share

SCREENS = int(os.environ.get("SCREENS", "10"))
KINDS: dict[str, dict[str, object]] = {
    "banner": {},
    "faint": {"colour": (40, 40, 40)},
    "small": {"size": 8},
    "over the echoes": {"over": True},
}
COVERED = 0.9
"""How much of a text's box must be covered for it to be found."""


def main() -> None:
    """Print, for each kind of screen, how many texts are found and the seconds that one takes."""
    root = Path(tempfile.mkdtemp(prefix="stellwerk-text-"))
    try:
        find_text(save(root / "first.dcm", screen(0).frames), root / "scratch")  # the network is loaded once
        for kind, options in KINDS.items():
            stills = [screen(seed, **options) for seed in range(SCREENS)]  # type: ignore[arg-type]
            _told(f"still, {kind}", stills, _ours(root))
            if shutil.which("tesseract"):
                _told(f"still, {kind}: tesseract", stills, _tesseract(root))
        for frames in (30, 100):
            cines = [screen(seed, frames=frames) for seed in range(3)]
            _told(f"cine of {frames} frames", cines, _ours(root))
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _told(what: str, screens: Sequence[Screen], find: Callable[[Screen], tuple[Sequence[Box], float, float]]) -> None:
    found, seconds, waited = 0, [], []
    for made in screens:
        boxes, took, wall = find(made)
        found += sum(share(box, list(boxes)) >= COVERED for box in made.boxes)
        seconds.append(took)
        waited.append(wall)
    many = sum(len(made.boxes) for made in screens)
    middle = len(seconds) // 2
    say(
        f"{what:34} {found:3} of {many:3} texts, {sorted(seconds)[middle]:5.2f} s of a processor, "
        f"{sorted(waited)[middle]:5.2f} s"
    )


def _ours(root: Path) -> Callable[[Screen], tuple[Sequence[Box], float, float]]:
    def find(made: Screen) -> tuple[Sequence[Box], float, float]:
        path = save(root / "one.dcm", made.frames)
        began, at = time.process_time(), time.monotonic()
        found = find_text(path, root / "scratch")
        return found, time.process_time() - began, time.monotonic() - at

    return find


def _tesseract(root: Path) -> Callable[[Screen], tuple[Sequence[Box], float, float]]:
    def find(made: Screen) -> tuple[Sequence[Box], float, float]:
        path = root / "one.png"
        Image.fromarray(grey(made)[0]).save(path)
        before, at = os.times(), time.monotonic()
        command = ["tesseract", str(path), "-", "--psm", "11", "tsv"]
        environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
        told = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
        after = os.times()
        took = after.children_user + after.children_system - before.children_user - before.children_system
        words = [line.split("\t") for line in told.splitlines()[1:]]
        # A word's box is grown as ours are, so that gaps between words count as found.
        boxes = [
            Box(max(0, int(w[6]) - 6), max(0, int(w[7]) - 3), int(w[8]) + 12, int(w[9]) + 6)
            for w in words
            if w[0] == "5" and w[11].strip()
        ]
        return boxes, took, time.monotonic() - at

    return find
