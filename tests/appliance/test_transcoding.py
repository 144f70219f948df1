"""Other transfer syntaxes in a running appliance: by a rule, for a DICOM node, and when it goes wrong."""

import json
import os
import signal
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread
from pydicom.data import get_testdata_file
from pydicom.encaps import get_frame

from appliance.cli import main
from engine.dicom import Done
from engine.dicom.negotiate import EXPLICIT_LITTLE, IMPLICIT_LITTLE, Policy
from engine.pixels import transcode
from engine.syntaxes import COMPRESSED_WORDS
from tests.appliance.running import Running
from tests.dicom.test_interop import needs_dcmtk, storescp
from tests.engine.pixels.test_transcode import image
from tests.engine.test_confirm import Archive
from tests.ports import free_port

JPEG_2000 = Path(str(get_testdata_file("MR_small_jp2klossless.dcm")))
PLAIN = Path(str(get_testdata_file("MR_small.dcm")))


def history(line: Running) -> str:
    """All that it tells."""
    return "\n".join(json.dumps(one, ensure_ascii=False) for one in line.spool.history.lines())


def held(line: Running) -> list[str]:
    """Why what is held is held."""
    hold = line.spool.outbox("hold")
    return [entry.why for path in line.spool.held.glob("*.dcm") if (entry := hold.entry(path.stem)) is not None]


def pixel_workers(line: Running) -> list[int]:
    """The processes that work on pixels for it."""
    listed = Path(f"/proc/{line.process.pid}/task").glob("*/children")
    children = {int(number) for one in listed for number in one.read_text().split()}
    return [number for number in children if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()]


def begun(line: Running) -> None:
    """Wait until pixels are worked on."""
    line.wait_for(lambda: any(one.is_dir() for one in line.spool.work.iterdir()), "nothing is transcoded")


def test_decompress_stores_an_image_that_every_program_reads(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → decompress → store by PatientID\n", port)
    line.deliver(JPEG_2000)
    [stored] = line.archive.rglob("*.dcm")
    found = dcmread(stored)
    assert found.file_meta.TransferSyntaxUID == EXPLICIT_LITTLE
    assert np.array_equal(found.pixel_array, dcmread(PLAIN).pixel_array)
    assert not held(line)


def test_compress_stores_a_smaller_image_of_the_same_samples_and_the_rest_as_it_came(tmp_path: Path) -> None:
    port = free_port()
    rules = (
        f"on port {port} where Modality = MR → compress JPEG-LS-lossless → store by Modality\n"
        f"on port {port} where Modality = CT → store by Modality\n"
    )
    line = Running(tmp_path, rules, port)
    ct = Path(str(get_testdata_file("CT_small.dcm")))
    line.deliver(PLAIN, ct)
    [stored] = (line.archive / "MR").rglob("*.dcm")
    found = dcmread(stored)
    assert found.file_meta.TransferSyntaxUID == COMPRESSED_WORDS["JPEG-LS-lossless"]
    assert stored.stat().st_size < PLAIN.stat().st_size
    decoded = imagecodecs.jpegls_decode(get_frame(found.PixelData, 0, number_of_frames=1))
    assert np.array_equal(decoded, dcmread(PLAIN).pixel_array.view(np.uint16))
    [other] = (line.archive / "CT").rglob("*.dcm")
    assert dcmread(other).PixelData == dcmread(ct).PixelData


@needs_dcmtk
def test_a_node_that_takes_nothing_compressed_gets_it_decoded_and_the_history_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_port()
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        rules = f'destination PACS = dicom "STORESCP@127.0.0.1:{peer.port}"\non port {port} → forward PACS\n'
        line = Running(tmp_path, rules, port)
        line.deliver(JPEG_2000)
    [theirs] = (tmp_path / "theirs").iterdir()
    received = dcmread(theirs)
    assert received.file_meta.TransferSyntaxUID == IMPLICIT_LITTLE
    assert np.array_equal(received.pixel_array, dcmread(PLAIN).pixel_array)
    [delivered] = [one for one in line.spool.history.lines() if one["event"] == "delivered"]
    assert delivered["transcoded"] == "Implicit VR Little Endian"
    assert not held(line)
    line.wait_for((line.data / "spool" / "journal.sqlite").exists, "no journal")
    capsys.readouterr()
    assert main(["journal", "show", str(delivered["object"]), "--data", str(line.data)]) == 0
    shown = capsys.readouterr().out
    assert "transcoded to Implicit VR Little Endian" in shown
    assert "stored:" not in shown, "what went to a node is no copy of ours"


def test_that_it_was_transcoded_is_still_known_when_the_node_commits_to_it(tmp_path: Path) -> None:
    port = free_port()
    archive = Archive(tmp_path / "theirs", Policy(transfer_syntaxes=frozenset({IMPLICIT_LITTLE})))
    address = f'"PACS@127.0.0.1:{archive.listener.port}"'
    line = Running(tmp_path, f"destination PACS = dicom {address} confirm\non port {port} → forward PACS\n", port)
    line.deliver(JPEG_2000)
    archive.listener.stop(0)
    [delivered] = [one for one in line.spool.history.lines() if one["event"] == "delivered"]
    assert archive.asked == [archive.got]
    assert delivered["transcoded"] == "Implicit VR Little Endian"


@needs_dcmtk
def test_as_received_holds_what_the_node_does_not_take_and_says_why(tmp_path: Path) -> None:
    port = free_port()
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        address = f'"STORESCP@127.0.0.1:{peer.port}"'
        line = Running(
            tmp_path, f"destination PACS = dicom {address} as-received\non port {port} → forward PACS\n", port
        )
        line.deliver(JPEG_2000)
    assert not list((tmp_path / "theirs").iterdir())
    [why] = held(line)
    assert "does not take JPEG 2000" in why
    assert "transcoded" not in history(line)


@pytest.mark.timeout(120)
def test_a_program_that_is_killed_while_it_transcodes_costs_its_object_a_hold_and_all_others_go_on(
    tmp_path: Path,
) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → compress JPEG-2000-lossless → store by PatientID\n", port)
    victim = image(tmp_path / "long.dcm", frames=4000)
    assert set(map(type, line.send(victim).values())) == {Done}
    begun(line)
    [number] = pixel_workers(line)
    os.kill(number, signal.SIGKILL)
    line.deliver(PLAIN)
    [stored] = line.archive.rglob("*.dcm")
    assert dcmread(stored).SOPInstanceUID == dcmread(PLAIN).SOPInstanceUID
    [why] = held(line)
    assert "crashed" in why
    [kept] = line.spool.held.glob("*.dcm")
    assert dcmread(kept).PixelData == dcmread(victim).PixelData
    assert not any(one.is_dir() for one in line.spool.work.iterdir()), "what it had begun is removed"


@pytest.mark.timeout(120)
def test_a_stop_is_heard_while_a_rule_transcodes_and_the_image_is_taken_up_at_the_next_start(tmp_path: Path) -> None:
    port = free_port()
    line = Running(tmp_path, f"on port {port} → compress JPEG-2000-lossless → store by PatientID\n", port)
    long = image(tmp_path / "long.dcm", frames=4000)
    assert set(map(type, line.send(long).values())) == {Done}
    begun(line)
    assert line.stop() == 0
    assert not held(line)
    assert not list(line.archive.rglob("*.dcm"))
    assert not any(one.is_dir() for one in line.spool.work.iterdir())
    line.start()
    line.settle()
    assert not held(line)
    [stored] = line.archive.rglob("*.dcm")
    assert dcmread(stored).file_meta.TransferSyntaxUID == COMPRESSED_WORDS["JPEG-2000-lossless"]


@needs_dcmtk
@pytest.mark.timeout(120)
def test_a_stop_is_heard_while_an_image_is_decoded_for_a_node_which_gets_it_once_after_the_next_start(
    tmp_path: Path,
) -> None:
    port, small = free_port(), tmp_path / "small.dcm"
    transcode(image(tmp_path / "long.dcm", frames=4000), small, COMPRESSED_WORDS["JPEG-2000-lossless"])
    with storescp(tmp_path / "theirs", "+xi", "+uf") as peer:
        rules = f'destination PACS = dicom "STORESCP@127.0.0.1:{peer.port}"\non port {port} → forward PACS\n'
        line = Running(tmp_path, rules, port)
        assert set(map(type, line.send(small).values())) == {Done}
        begun(line)
        assert line.stop() == 0
        assert not held(line)
        assert not list((tmp_path / "theirs").iterdir())
        line.start()
        line.settle()
    assert not held(line)
    [theirs] = (tmp_path / "theirs").iterdir()
    assert dcmread(theirs).PixelData == dcmread(tmp_path / "long.dcm").PixelData
