"""Any bytes at all against the loop that receives, guided by what of the code they reach; for so many minutes.

    .venv/bin/python -m pip install atheris       # once: it is no part of the locked environment
    .venv/bin/python -m tests.coverage_fuzz 30 --corpus FOLDER
    .venv/bin/python -m tests.coverage_fuzz --replay FOLDER

What is tried is a whole association with a real listener, at the other end of a pair of sockets. Where its request is
a sound one, exactly what a plain reading of PS3.8 finds in the stream must arrive, byte for byte; in any case nothing
may be raised, logged as our error, left behind, or hang. FOLDER keeps what reached something new, and the next run
begins with it. With `--replay` each file in it is tried once, without atheris: so a finding is looked at.
"""

import argparse
import contextlib
import importlib
import logging
import random
import shutil
import socket
import sys
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.__main__ import say

ROOMS = (16, 512, 1 << 18)
"""How long the buffer of the loop is: short ones have their ends met by short inputs."""

LONGEST = 16384
"""Bytes of one input: all of it, and all the answers, fit into the buffers of a pair of sockets."""

SEEDS = 60
CODE = ("engine.dicom", "pynetdicom.pdu", "pynetdicom.pdu_items")
"""What is to be reached; pynetdicom's two read the requests for associations."""


class Target:
    """One association for each input, in the thread that asks, so that a run can be repeated."""

    def __init__(self, folder: Path) -> None:
        # Only now: who wants to see what of them is reached must be there before they are loaded.
        self._inbound = importlib.import_module("engine.dicom.inbound")
        self._streams = importlib.import_module("tests.dicom.test_streams")
        receive = importlib.import_module("engine.dicom.receive")
        self._folder = folder
        self._got: list[tuple[str, bytes]] = []
        self._errors = Errors()
        self._log = logging.getLogger("stellwerk")
        self._log.addHandler(self._errors)
        self._logged, self._log.propagate = self._log.propagate, False  # of what peers did wrong there is very much
        self._pace = self._inbound.Pace(idle_seconds=5, message_seconds=5)
        self._listener = receive.Listener(0, self._accept, folder=folder, most_bytes=1 << 20, pace=self._pace)
        self._sound = self._streams.request(contexts=self._streams.CONTEXTS)

    def close(self) -> None:
        """Leave the logging as it was."""
        self._log.removeHandler(self._errors)
        self._log.propagate = self._logged

    def seeds(self, folder: Path) -> None:
        """Inputs to begin with: conversations that keep to the rules, and the same a little damaged."""
        chance = random.Random(1)
        for number in range(SEEDS):
            stream = self._streams.sound(chance)[: LONGEST - 400]
            stream = stream if number % 2 else self._streams.mangled(stream, chance)
            asked = b"" if number % 3 else self._sound
            first = bytes([number % len(ROOMS) + (len(ROOMS) if asked else 0)])
            (folder / f"seed{number}").write_bytes(first + asked + stream)

    def mangle(self, data: bytes, seed: int) -> bytes:
        """The input with the heads of its PDUs damaged, as it takes chance very long to do."""
        return data[:1] + self._streams.mangled(data[1:] or b"\4", random.Random(seed))

    def __call__(self, data: bytes) -> None:
        """Try one input; AssertionError, or whatever else was raised, is a finding."""
        self._got = []
        which, said = (data[0] % (2 * len(ROOMS)) if data else 0), data[1 : LONGEST + 1]
        given = which < len(ROOMS)  # a sound request comes before it; otherwise the input has its own
        ours, theirs = socket.socketpair()
        for side in (ours, theirs):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        with ours:
            ours.sendall((self._sound if given else b"") + said)
            ours.shutdown(socket.SHUT_WR)
            self._inbound._ROOM = ROOMS[which % len(ROOMS)]
            self._listener._serve(self._inbound.Inbound(theirs, 5, self._pace), "127.0.0.1")
            with contextlib.suppress(ConnectionResetError):
                while ours.recv(65536):
                    pass
        assert not self._errors.words, self._errors.words.pop()
        assert not list(self._folder.iterdir()), "a file was left"
        assert self._listener.associations == 0, "an association was left"
        if given:
            assert self._got == self._streams.whole_ones(said), "what arrived is not what is whole"

    def _accept(self, reception: Any) -> None:
        content = self._streams.dataset_of(reception.dataset_file)
        self._got.append((reception.sop_instance_uid, content))
        reception.dataset_file.unlink()


class Errors(logging.Handler):
    """What is logged as an error of ours, and what broke a stream is none."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.words: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.words.append(record.getMessage())


def main(arguments: list[str]) -> int:
    """Run, or replay; libFuzzer ends the process itself, with what it found in crash-… in the working folder."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.coverage_fuzz", description="Look for what breaks receiving."
    )
    parser.add_argument("minutes", nargs="?", type=float, default=30)
    parser.add_argument("--corpus", type=Path, help="keep what reached something new here")
    parser.add_argument("--replay", type=Path, help="only try each file of this folder once")
    chosen = parser.parse_args(arguments)
    warnings.simplefilter("ignore")  # pydicom's, about UIDs
    home = Path(tempfile.mkdtemp(prefix="stellwerk-fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    try:
        (home / "in").mkdir()
        if chosen.replay:
            return replay(chosen.replay, home / "in")
        try:
            atheris = importlib.import_module("atheris")
        except ImportError:
            say("atheris is not installed: .venv/bin/python -m pip install atheris")
            return 2
        return fuzz(atheris, chosen.minutes, chosen.corpus or home / "corpus", home / "in")
    finally:
        shutil.rmtree(home, ignore_errors=True)


def replay(corpus: Path, folder: Path) -> int:
    """Every input of a corpus once; ends at the first that breaks a promise."""
    target = Target(folder)
    files = sorted(path for path in corpus.iterdir() if path.is_file())
    for path in files:
        try:
            target(path.read_bytes())
        except Exception:
            say(f"{path} breaks a promise:")
            raise
    say(f"{len(files)} inputs, and every promise held")
    return 0


def fuzz(atheris: ModuleType, minutes: float, corpus: Path, folder: Path) -> int:
    """Until the time is over, or something is found."""
    with atheris.instrument_imports(include=list(CODE)):
        target = Target(folder)
    corpus.mkdir(parents=True, exist_ok=True)
    target.seeds(corpus)

    def mutate(data: bytes, longest: int, seed: int) -> bytes:
        changed = target.mangle(data, seed) if seed % 2 else atheris.Mutate(data, longest)
        return bytes(changed[:longest])

    options = [f"-max_total_time={round(60 * minutes)}", f"-max_len={LONGEST}", "-timeout=30", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *options, str(corpus)], target, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
