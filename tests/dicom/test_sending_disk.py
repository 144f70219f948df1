"""Sending while our own disk is full: what the peer has said cannot be taken down, and that is not its fault."""

import errno
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.dicom import Done, send
from tests.dicom.conftest import until
from tests.dicom.scripted import Call, Script, Scripted
from tests.dicom.test_sending import Play, some


@pytest.fixture
def play() -> Iterator[Play]:
    """Start a peer that follows a script."""
    running: list[Scripted] = []

    def start(script: Script, operations: int) -> Scripted:
        running.append(Scripted(script, operations, None))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.mark.parametrize("operations", [1, 3])
def test_a_disk_of_ours_that_is_full_is_not_taken_for_a_lost_association(
    play: Play, tmp_path: Path, operations: int
) -> None:
    """What is under way is waited for and reported, so that nothing of it is sent twice; nothing more is begun."""
    released: list[bool] = []
    reported: list[tuple[str, object]] = []
    doubtful: list[Path] = []

    def script(call: Call) -> None:
        while (asked := call.hear()) is not None:
            time.sleep(0.3 if operations > 1 else 0)
            call.answer(asked, 0)
        released.append(True)

    def report(path: Path, outcome: object) -> None:
        reported.append((path.stem, outcome))
        raise OSError(errno.ENOSPC, "No space left on device")

    peer = play(script, operations)
    with pytest.raises(OSError, match="No space"):
        send(peer.peer, some(tmp_path, 10), report, in_doubt=doubtful.append)
    stored = [f"{int(uid.rpartition('.')[2]):03}" for uid in peer.calls[0].stored]
    assert 1 <= len(stored) <= operations
    assert sorted(reported) == [(name, Done()) for name in sorted(stored)]
    assert (len(peer.calls), doubtful) == (1, [])
    until(lambda: released == [True])


def test_what_is_unanswered_when_our_disk_is_full_and_the_peer_goes_is_in_doubt(play: Play, tmp_path: Path) -> None:
    reported: list[str] = []
    doubtful: list[Path] = []

    def script(call: Call) -> None:
        asked = [call.hear() for _ in range(3)]
        assert asked[0] is not None
        call.answer(asked[0], 0)

    def report(path: Path, _outcome: object) -> None:
        reported.append(path.stem)
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        send(play(script, 3).peer, some(tmp_path, 3), report, in_doubt=doubtful.append)
    assert reported == ["000"]
    assert sorted(path.stem for path in doubtful) == ["001", "002"]
