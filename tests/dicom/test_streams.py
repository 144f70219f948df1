"""Whatever is sent: what is whole arrives byte for byte, and nothing else arrives, hangs, stays behind or crashes.

A plain reading of PS3.8, written without the loop and far slower, says what ought to arrive of any stream. FUZZ=20 in
the environment makes the fuzzing twenty times as long (see `make fuzz`); FUZZ_SEED names another beginning.
"""

import contextlib
import logging
import os
import random
import socket
import struct
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.dicom import Listener, Pace, Reception, inbound
from engine.dicom.command import C_STORE_RQ, decode
from engine.dicom.inbound import MOST_PDU_BYTES, Inbound
from tests.dicom.conftest import CT, dataset_of
from tests.dicom.pdus import RELEASE, established, p_data, pdv, request, store

Objects = list[tuple[str, bytes]]
"""What arrived: SOP instance and data set."""

STREAMS = 500 * int(os.environ.get("FUZZ", "1"))
SEED = int(os.environ.get("FUZZ_SEED", "20"))
CONTEXTS = 3


class Wire:
    """The real loop of a listener, at the other end of a pair of sockets."""

    def __init__(self, folder: Path, room: int) -> None:
        self.folder = folder
        self.got: Objects = []
        folder.mkdir(exist_ok=True)
        self._room = room
        self._listener = Listener(
            0, self._accept, folder=folder, most_bytes=1 << 20, pace=Pace(idle_seconds=5, message_seconds=5)
        )

    def _accept(self, reception: Reception) -> None:
        self.got.append((reception.sop_instance_uid, dataset_of(reception.dataset_file)))
        reception.dataset_file.unlink()

    def take(self, asked: bytes, parts: Sequence[bytes]) -> Objects:
        """Send an association request, and then these bytes; what has arrived in the end."""
        self.got = []
        ours, theirs = socket.socketpair()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(inbound, "_ROOM", self._room)
            patch.setattr(inbound, "_AHEAD", max(self._room // 2, 12))  # two headers
            connection = Inbound(theirs, 5, Pace(idle_seconds=5, message_seconds=5))
        thread = threading.Thread(target=self._listener._serve, args=(connection, "127.0.0.1"))
        thread.start()
        with ours, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            ours.settimeout(10)
            if asked:
                established(ours, asked)
            for part in parts:
                ours.sendall(part)
            ours.shutdown(socket.SHUT_WR)
            while ours.recv(65536):
                pass
        thread.join(10)
        assert not thread.is_alive(), "it hangs"
        assert list(self.folder.iterdir()) == [], "a file was left"
        assert self._listener.associations == 0
        return self.got


def whole_ones(stream: bytes) -> Objects:
    """What a plain reading finds in a stream, up to its first breach of the protocol."""
    found: Objects = []
    command, context, collected, at = None, 0, b"", 0
    while at + 6 <= len(stream) and stream[at] == 4:
        end = at + 6 + int.from_bytes(stream[at + 2 : at + 6], "big")
        at += 6
        if end - at > MOST_PDU_BYTES or end - at < 6:
            return found
        while at < end:
            if at + 6 > len(stream):
                return found
            length, number, flags = struct.unpack_from(">IBB", stream, at)
            if length < 2 or at + 4 + length > min(end, len(stream)):
                return found
            value, at = stream[at + 6 : at + 4 + length], at + 4 + length
            if command is None:
                if not flags & 1 or number not in range(1, 2 * CONTEXTS, 2) or len(collected) + len(value) > 1 << 16:
                    return found
                collected += value
                if flags & 2:
                    try:
                        asked, context, collected = decode(collected), number, b""
                    except ValueError:
                        return found
                    if not asked.is_request:
                        return found
                    command = asked if asked.has_dataset else None
            else:
                if flags & 1 or number != context:
                    return found
                collected += value
                if flags & 2:
                    if command.field == C_STORE_RQ and command.sop_instance_uid:
                        found.append((command.sop_instance_uid, collected))
                    command, collected = None, b""
    return found


@st.composite
def conversations(draw: st.DrawFn) -> tuple[Objects, bytes]:
    """Objects, and the PDUs that carry them: fragments of any length, any number of them in a PDU, several contexts."""
    objects: Objects = []
    values: list[bytes] = []
    for number in range(draw(st.integers(1, 4))):
        data = random.Random(draw(st.integers(0, 99))).randbytes(draw(st.sampled_from([0, 1, 2, 60, 700, 5000])))
        context, uid = draw(st.sampled_from([1, 3, 5])), f"1.2.{number + 1}"
        objects.append((uid, data))
        for content, flag in ((store(number + 1, uid), 1), (data, 0)):
            cuts = sorted(draw(st.lists(st.integers(0, len(content)), max_size=6)))
            parts = [content[a:b] for a, b in zip([0, *cuts], [*cuts, len(content)], strict=True)]
            values += [pdv(flag | (2 if at == len(parts) - 1 else 0), part, context) for at, part in enumerate(parts)]
    stream = b""
    while values:
        some = draw(st.integers(1, 5))
        stream += p_data(*values[:some])
        values = values[some:]
    return objects, stream + RELEASE


@settings(max_examples=60, deadline=None)
@given(conversations(), st.lists(st.integers(0, 20_000), max_size=5), st.sampled_from([16, 600, 1 << 18]))
def test_however_it_is_cut_into_fragments_and_pdus_it_arrives_unchanged(
    tmp_path_factory: pytest.TempPathFactory, said: tuple[Objects, bytes], cuts: list[int], room: int
) -> None:
    objects, stream = said
    ends = sorted(min(cut, len(stream)) for cut in cuts)
    parts = [stream[a:b] for a, b in zip([0, *ends], [*ends, len(stream)], strict=True)]
    assert whole_ones(stream) == objects
    assert Wire(tmp_path_factory.getbasetemp() / "in", room).take(request(contexts=CONTEXTS), parts) == objects


def open_handles() -> int:
    """How many files this process has open, where that can be known."""
    known = Path("/proc/self/fd")
    return sum(1 for _ in known.iterdir()) if known.exists() else 0


@pytest.mark.fuzz
def test_mutated_and_truncated_streams_bring_what_is_whole_in_them_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    before = threading.active_count()
    chance = random.Random(SEED)
    handles = open_handles()
    arrived = 0
    for number in range(STREAMS):
        wire = Wire(tmp_path / "in", chance.choice((16, 512, 1 << 18)))
        stream = mangled(sound(chance), chance)
        got = wire.take(request(contexts=CONTEXTS), [stream])
        assert got == whole_ones(stream), f"stream {number} of seed {SEED}: {stream.hex()}"
        arrived += len(got)
    assert arrived > STREAMS / 10, "hardly anything was whole, so hardly anything was tried"
    assert threading.active_count() <= before
    assert open_handles() <= handles
    assert not caplog.records, "what breaks a stream is no error of ours"


@pytest.mark.fuzz
@pytest.mark.filterwarnings("ignore")  # pydicom's, about the UIDs that come of it
def test_mutated_association_requests_leave_nothing_behind(tmp_path: Path) -> None:
    chance = random.Random(SEED + 1)
    wire = Wire(tmp_path / "in", 1 << 18)
    for _ in range(STREAMS // 5):
        asked = mangled(request(contexts=CONTEXTS), chance)
        # No answer is waited for: there may be none.
        assert all(uid for uid, _ in wire.take(b"", [asked, sound(chance)]))


def sound(chance: random.Random) -> bytes:
    """A conversation that keeps to the rules."""
    stream = b""
    for number in range(chance.randint(1, 3)):
        context = chance.choice((1, 3, 5))
        data = chance.randbytes(chance.choice((0, 2, 50, 1500, 9000)))
        stream += p_data(pdv(3, store(number + 1, f"1.2.{number + 1}", CT), context))
        room = chance.choice((10, 100, 4000))
        for at in range(0, max(1, len(data)), max(room, len(data) // 40)):
            step = max(room, len(data) // 40)
            stream += p_data(pdv(2 if at + step >= len(data) else 0, data[at : at + step], context))
    return stream + RELEASE


def mangled(stream: bytes, chance: random.Random) -> bytes:
    """Changed, cut, doubled, or with something put in, up to three times; heads are hit more often than bodies."""
    for _ in range(chance.randint(0, 3)):
        heads = [at for at in range(len(stream) - 12) if stream[at : at + 2] == b"\4\0"] or [0]
        at = chance.choice(heads) + chance.randrange(13) if chance.random() < 0.7 else chance.randrange(len(stream))
        match chance.randrange(8):
            case 0:
                stream = stream[:at] + bytes([chance.randrange(256)]) + stream[at + 1 :]
            case 1:
                stream = stream[:at] + chance.choice((b"\0", b"\1", b"\2", b"\3", b"\xff")) + stream[at + 1 :]
            case 2:
                stream = stream[:at]
            case 3:
                stream = stream[:at] + stream[at + chance.randint(1, 40) :]
            case 4:
                stream = stream[:at] + chance.randbytes(chance.randint(1, 40)) + stream[at:]
            case 5 | 6:  # a length that is a little wrong
                at = chance.choice(heads) + chance.choice((2, 6))
                length = int.from_bytes(stream[at : at + 4], "big") + chance.choice((-6, -2, -1, 1, 2, 4, 10))
                length = min(max(0, length), 0xFFFFFFFF)
                stream = stream[:at] + length.to_bytes(4, "big") + stream[at + 4 :]
            case _:
                other = chance.choice(heads)
                stream = stream[:at] + stream[min(at, other) : max(at, other)] + stream[at:]
        if not stream:
            return RELEASE
    return stream
