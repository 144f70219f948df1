"""The line to the machine's firewall: ports open after it has let them through, and what is wrong with it is told."""

import hashlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from appliance.demonstration.pacs import answers
from appliance.machine import letters
from appliance.network import Opening, Reach, Wanted
from appliance.openings import ANSWER, LETTER, Openings, beside
from engine.trouble import Trouble
from tests.appliance.running import Running
from tests.ports import free_port

SOME = Wanted((Opening(26131),), (Reach("PACS_A", "pacs.example", 104),), 26180)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """The folder of the setting, on a machine that has a firewall."""
    folder = tmp_path / "stellwerk"
    folder.mkdir()
    beside(folder).mkdir(parents=True)
    letters.write(beside(folder) / ANSWER, {"asked": "", "unknown": []})
    return folder


def answer(machine: Path, **more: object) -> None:
    asked = hashlib.sha256((machine / LETTER).read_bytes()).hexdigest()
    letters.write(beside(machine) / ANSWER, {"asked": asked, "unknown": [], **more})


def words(openings: Openings) -> str:
    """What is told, which has its German words too."""
    trouble = openings.trouble()
    assert isinstance(trouble, Trouble)
    assert trouble.german
    return trouble.words


class Root:
    """Stands in for the unit that follows the letter."""

    def __init__(self, machine: Path, does: Callable[[Path], None] = answer) -> None:
        self._machine, self._does = machine, does
        self._ended = threading.Event()
        self.asked: list[dict[str, object]] = []
        self._thread = threading.Thread(target=self._loop, daemon=True)
        self._thread.start()

    def _loop(self) -> None:
        before = b""
        while not self._ended.wait(0.02):
            path = self._machine / LETTER
            if path.exists() and (now := path.read_bytes()) != before:
                before = now
                self.asked.append(letters.understood(LETTER, now))
                self._does(self._machine)

    def close(self) -> None:
        self._ended.set()
        self._thread.join(5)


@pytest.fixture
def root(machine: Path) -> Iterator[Root]:
    one = Root(machine)
    yield one
    one.close()


def test_on_a_machine_that_is_not_all_ours_nothing_is_written_and_nothing_waited_for() -> None:
    openings = Openings(None)
    assert openings.ask(SOME)
    assert openings.trouble() == ""


def test_where_there_is_no_firewall_nothing_is_waited_for(machine: Path) -> None:
    (beside(machine) / ANSWER).unlink()
    openings = Openings(machine)
    assert openings.ask(SOME, 60)
    assert letters.read(machine / LETTER) == SOME.letter()
    assert (machine / LETTER).stat().st_mode & 0o777 == 0o640
    assert openings.trouble() == ""


@pytest.mark.usefixtures("root")
def test_it_waits_until_the_machine_has_let_it_through(machine: Path) -> None:
    openings = Openings(machine)
    assert openings.ask(SOME, 60)
    assert openings.trouble() == ""


def test_a_machine_that_does_not_follow_is_told_of_and_asked_again(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    openings = Openings(machine)
    assert not openings.ask(SOME, 0.1)
    assert openings.trouble() == ""  # it has a little time
    monkeypatch.setattr("appliance.openings.AT_START", 0.0)
    (machine / LETTER).unlink()
    assert "journalctl -u stellwerk-firewall" in words(openings)
    assert letters.read(machine / LETTER) == SOME.letter()
    answer(machine)
    assert openings.trouble() == ""


def test_what_root_could_not_do_is_told(machine: Path) -> None:
    openings = Openings(machine)
    openings.ask(SOME, 0)
    answer(machine, no="nft says: no")
    assert words(openings).endswith("stays as it was: nft says: no")
    answer(machine, unknown=["pacs.example (PACS_A)"])
    assert "does not know pacs.example (PACS_A)" in words(openings)
    (beside(machine) / ANSWER).write_text("{", "utf-8")
    assert "cannot be read" in words(openings)


def test_a_folder_that_is_gone_keeps_nobody(machine: Path) -> None:
    machine.rmdir()
    openings = Openings(machine)
    begun = time.monotonic()
    assert not openings.ask(SOME, 60)
    assert time.monotonic() - begun < 5


def test_an_appliance_asks_before_its_ports_open_and_at_each_change_of_rules(machine: Path, tmp_path: Path) -> None:
    port, other = free_port(), free_port()
    seen: list[bool] = []
    root = Root(machine, lambda folder: (seen.append(answers(port)), answer(folder))[-1])
    line = Running(tmp_path / "line", f"on port {port} → store by PatientID\n", port, machine=str(machine))
    try:
        assert seen == [False], "the port was open before the machine had been asked"
        assert root.asked[0] == {"inbound": [{"port": port, "networks": []}], "outbound": [], "console": 0}
        line.rules_file.write_text(
            f'destination PACS = dicom "PACS@10.0.0.5:104"\non port {other} → forward PACS\n', encoding="utf-8"
        )
        line.wait_for(lambda: len(root.asked) == 3, "the change is not asked for")
        both = [{"port": one, "networks": []} for one in sorted((port, other))]
        pacs = [{"name": "PACS", "host": "10.0.0.5", "port": 104}]
        assert root.asked[1:] == [
            {"inbound": both, "outbound": pacs, "console": 0},
            {"inbound": [{"port": other, "networks": []}], "outbound": pacs, "console": 0},
        ]
    finally:
        root.close()
        line.stop()
