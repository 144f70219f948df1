"""A PACS that answers on an association of its own, to the appliance: the command that has asked hears it, too."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from appliance.overheard import Overheard
from appliance.sending.committing import Committed, ask
from appliance.sending.ways import WAYS, DicomWay
from appliance.settings import Settings
from engine.dicom.commitment import Results
from engine.program import Destination
from engine.signature import Argument
from tests.appliance.running import Running
from tests.dicom.test_commitment import BAD, GOOD, Archive, archive
from tests.ports import free_port

__all__ = ["archive"]


def test_an_answer_to_our_port_reaches_the_command_that_has_asked(
    tmp_path: Path, archive: Callable[..., Archive]
) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → store by PatientID\n", port)
    provider = archive(how=port, failing={BAD[1]: 0x0112})
    told = ask(provider.peer, [GOOD, BAD], lambda: False, 20, Overheard(line.data / "spool" / "asked"))
    assert told.committed == {GOOD}
    assert set(told.failed) == {BAD}
    assert (told.silent, told.why) == (0, "")
    assert not list((line.data / "spool" / "asked").iterdir()), "what was passed on is forgotten"
    # A declared destination asks so by itself, where an appliance runs on that folder.
    node = f"{provider.peer.called_ae}@127.0.0.1:{provider.peer.port}"
    declared = Destination("A", "dicom", {"address": Argument("text", node), "confirm": Argument("word", "confirm")})
    way = WAYS["dicom"](declared, Settings(data=line.data))
    assert isinstance(way, DicomWay)
    assert way.commit([GOOD], lambda: False) == Committed({GOOD})
    line.stop()


def test_without_an_appliance_it_is_said_how_many_are_unanswered(archive: Callable[..., Archive]) -> None:
    provider = archive()
    provider._tell = lambda *_: None  # type: ignore[method-assign]  # it says yes to the question, and nothing more
    told = ask(provider.peer, [GOOD, BAD], lambda: False, 1)
    assert told.silent == 2
    assert "perhaps it answers to the appliance" in told.why


@pytest.mark.parametrize("transaction", ["2.25.7", "../told", "1.2.3", "", "2.25." + "9" * 60])
def test_what_no_command_has_asked_for_is_not_written_down(tmp_path: Path, transaction: str) -> None:
    overheard = Overheard(tmp_path / "asked")
    overheard.expect("2.25.8")
    assert not overheard.hear(Results(transaction, (GOOD,)))
    assert [path.name for path in (tmp_path / "asked").iterdir()] == ["2.25.8"]
    assert [path.name for path in tmp_path.iterdir()] == ["asked"]


def test_what_a_killed_command_has_left_goes_after_a_day(tmp_path: Path) -> None:
    overheard = Overheard(tmp_path / "asked")
    for transaction, age in (("2.25.1", 90_000), ("2.25.2", 3_600)):
        overheard.expect(transaction)
        os.utime(tmp_path / "asked" / transaction, (time.time() - age,) * 2)
    overheard.expect("2.25.3")
    assert sorted(path.name for path in (tmp_path / "asked").iterdir()) == ["2.25.2", "2.25.3"]
