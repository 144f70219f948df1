"""The process that works on pixels is killed again and again, while it looks for text and while it cleans, on a running
line: each object is cleaned or held, none is lost or doubled, nothing unclean is stored; released, all are cleaned.
"""

import os
import random
import shutil
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydicom import dcmread

from appliance.cli import main
from engine.dicom import Done
from engine.step import HOLD
from tests.appliance.running import Running, dcmtk_missing
from tests.corpus.encodings import ENCODINGS, pictures, write
from tests.corpus.looking import likeness
from tests.corpus.screens import LAYOUTS, Screen, draw
from tests.corpus.test_corpus import GONE, THERE
from tests.engine.spool.crash_kit import new_uid
from tests.ports import free_port
from tests.scale import FULL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(dcmtk_missing, reason="DCMTK is not installed"),
]

OBJECTS = 160 if FULL else 16
NAMES = ("banner-bold", "corners-dots", "foot", "column-left", "american")
"""Layouts of stills and cines in which all text is found, and nothing that is none."""
SYNTAXES = ("explicit RGB", "JPEG YBR_FULL_422 420", "RLE RGB", "JPEG-LS RGB", "JPEG 2000 lossless YBR_RCT")
RULES = "on port {port} → anonymize-pixels regions text → store by PatientID\n"


def worker_of(process: int) -> int | None:
    """The process that an appliance has started for pixels, if there is one now."""
    with suppress(OSError):
        for child in Path(f"/proc/{process}/task").glob("*/children"):
            for number in child.read_text().split():
                if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes():
                    return int(number)
    return None


@contextmanager
def killing(line: Running, chance: random.Random, usual: float) -> Iterator[list[int]]:
    """Meanwhile the process is killed at random moments; the answer grows with each.

    Some come soon after its start, some when it has done a few objects; `usual`: seconds from its start to the first.
    """
    enough, killed = threading.Event(), list[int]()

    def kill() -> None:
        while not enough.wait(usual * chance.choice((0.05, 1, 3)) * chance.uniform(0.2, 2)):
            process = worker_of(line.process.pid)
            if process is not None and process not in killed:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
                    killed.append(process)

    thread = threading.Thread(target=kill)
    thread.start()
    try:
        yield killed
    finally:
        enough.set()
        thread.join()


def images(folder: Path) -> dict[str, tuple[Path, Screen]]:
    """Objects with an identity of their own each, by their patient's ID."""
    folder.mkdir()
    layouts = [layout for layout in LAYOUTS if layout.name in NAMES]
    encodings = [encoding for encoding in ENCODINGS if encoding.name in SYNTAXES]
    found: dict[str, tuple[Path, Screen]] = {}
    for number in range(OBJECTS):
        # Five of each: every layout meets every syntax after 25 objects.
        screen, encoding = draw(layouts[number % len(layouts)]), encodings[number // len(layouts) % len(encodings)]
        path = write(screen, encoding, folder / f"{number}.dcm")
        made = dcmread(path)
        made.PatientID, made.SOPInstanceUID = f"P{number:03}", new_uid()
        made.file_meta.MediaStorageSOPInstanceUID = made.SOPInstanceUID
        made.save_as(path)
        found[made.PatientID] = path, screen
    return found


def patients(files: list[Path]) -> list[str]:
    return sorted(str(dcmread(path, stop_before_pixels=True).PatientID) for path in files)


def test_whenever_it_is_killed_nothing_is_lost_and_nothing_unclean_is_stored(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `text` is not installed")
    port = free_port()
    line = Running(tmp_path, RULES.format(port=port), port)
    made = images(tmp_path / "made")
    hold = line.spool.outbox(HOLD)
    began = time.monotonic()
    first = made.pop("P000")
    line.deliver(first[0])
    assert patients(list(line.archive.rglob("*.dcm"))) == ["P000"]
    with killing(line, random.Random(7), time.monotonic() - began) as killed:
        outcomes = line.send(*(path for path, _ in made.values()))
        assert all(isinstance(outcome, Done) for outcome in outcomes.values()), outcomes
        done = lambda: len(hold.all()) + len(list(line.archive.rglob("*.dcm")))  # noqa: E731
        line.wait_for(lambda: done() >= len(made) + 1, "some are neither stored nor held", seconds=60 * OBJECTS)
    held = hold.all()
    stored = list(line.archive.rglob("*.dcm"))
    made["P000"] = first
    assert patients([*(one.file for one in held), *stored]) == sorted(made)
    assert {one.why for one in held} <= {
        "the program that looks for text crashed on it",
        "the program that cleans pixels crashed on it",
    }
    assert len(killed) >= len(held) > 0
    assert len(stored) > 1
    _all_clean(stored, made)
    assert not [path for path in line.data.rglob("*") if path.is_file() and "scratch" in path.parts]

    assert main(["spool", "release", "all", "--data", str(line.data)]) == 0
    line.wait_for(lambda: len(list(line.archive.rglob("*.dcm"))) == OBJECTS, "not all are stored", 60 * OBJECTS)
    stored = list(line.archive.rglob("*.dcm"))
    assert patients(stored) == sorted(made)
    assert not hold.all()
    _all_clean(stored, made)
    assert line.stop() == 0
    shutil.rmtree(line.data)


def _all_clean(stored: list[Path], made: dict[str, tuple[Path, Screen]]) -> None:
    for path in stored:
        said = dcmread(path, stop_before_pixels=True)
        source, screen = made[said.PatientID]
        assert said.BurnedInAnnotation == "NO"
        was, now = pictures(source), pictures(path)
        assert was.shape == now.shape
        assert min(likeness(was[0], screen.templates)) > THERE
        assert max(max(likeness(frame, screen.templates)) for frame in now) < GONE, screen.layout.name
