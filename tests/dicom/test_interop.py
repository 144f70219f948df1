"""The same with others' software: DCMTK, and pynetdicom as a sender that copies bytes from files."""

import contextlib
import hashlib
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.uid import UID
from pynetdicom import AE, _config

from engine.dicom import Done, Peer, Pool, echo, part10, send
from engine.dicom.negotiate import IMPLICIT_LITTLE, NATIVE
from engine.errors import Later, Never
from tests.dicom.conftest import Inbox, Listen, Outbox, as_sent, dataset_of, sendable_files, write_object
from tests.ports import free_port

needs_dcmtk = pytest.mark.skipif(
    not all(map(shutil.which, ("storescu", "storescp", "echoscu", "dcmsend"))), reason="DCMTK is not installed"
)


def digests(datasets: Iterator[bytes]) -> list[str]:
    return sorted(hashlib.sha1(dataset).hexdigest() for dataset in datasets)


@contextlib.contextmanager
def storescp(folder: Path, *options: str) -> Iterator[Peer]:
    """DCMTK's receiver."""
    folder.mkdir(exist_ok=True)
    port = free_port()
    command = ["storescp", *options, "-aet", "STORESCP", "-od", str(folder), str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = Peer("STORESCP", "127.0.0.1", port)
    try:
        for _ in range(100):
            try:
                echo(peer)
            except Later as reason:
                if "refuses the connection" in str(reason):  # it does not listen yet
                    time.sleep(0.05)
                    continue
            break
        yield peer
    finally:
        process.terminate()
        process.wait(5)


def profile(folder: Path, kinds: set[tuple[str, str]]) -> Path:
    """A storescu configuration that proposes exactly these pairs: its options know only one syntax at a time."""
    syntaxes = sorted({syntax for _, syntax in kinds})
    lines = ["[[TransferSyntaxes]]"]
    lines += [line for n, uid in enumerate(syntaxes) for line in (f"[T{n}]", f"TransferSyntax1 = {uid}")]
    lines += ["[[PresentationContexts]]", "[All]"]
    lines += [
        f"PresentationContext{n} = {sop_class}\\T{syntaxes.index(syntax)}"
        for n, (sop_class, syntax) in enumerate(sorted(kinds), start=1)
    ]
    lines += ["[[Profiles]]", "[Ours]", "PresentationContexts = All", ""]
    path = folder / "storescu.cfg"
    path.write_text("\n".join(lines))
    return path


def kinds_of(files: list[Path]) -> set[tuple[str, str]]:
    return {(meta.sop_class_uid, meta.transfer_syntax_uid) for meta in map(part10.read_meta, files)}


@needs_dcmtk
def test_echoscu_hears_us(listen: Listen) -> None:
    listener = listen(accept_called=frozenset({"STELLWERK"}))
    command = ["echoscu", "-aec", "STELLWERK", "127.0.0.1", str(listener.port)]
    subprocess.run(command, check=True, capture_output=True, timeout=10)
    refused = subprocess.run(["echoscu", "127.0.0.1", str(listener.port)], capture_output=True, text=True, timeout=10)
    assert refused.returncode != 0
    assert "Called AE Title Not Recognized" in refused.stderr


@needs_dcmtk
def test_storescu_delivers_to_us_what_it_delivers_to_storescp_byte_for_byte(
    listen: Listen, inbox: Inbox, tmp_path: Path
) -> None:
    # storescu re-encodes what it sends (lengths, padding), so its own receiver in bit preserving mode is the measure.
    files = sendable_files()
    configuration = profile(tmp_path, kinds_of(files))

    def storescu(port: int) -> set[str]:
        command: list[str | Path] = [
            "storescu",
            "-v",
            "-nh",
            "-xf",
            configuration,
            "Ours",
            "127.0.0.1",
            str(port),
            *files,
        ]
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        output = ran.stdout + ran.stderr
        assert "Store Failed" not in output
        assert output.count("Received Store Response (Success)") == output.count("Sending Store Request")
        return set(re.findall(r"Sending file: (.*)", output))

    with storescp(tmp_path / "theirs", "+B", "+xa", "-pm", "+uf") as peer:
        sent = storescu(peer.port)
    listener = listen()
    assert storescu(listener.port) == sent
    assert len(inbox.received) > 60
    ours = digests(dataset_of(reception.dataset_file) for reception in inbox.received)
    assert ours == digests(dataset_of(path) for path in (tmp_path / "theirs").iterdir())


@needs_dcmtk
def test_dcmsend_delivers_without_decompressing(listen: Listen, inbox: Inbox) -> None:
    files = sendable_files()
    listener = listen()
    command: list[str | Path] = ["dcmsend", "-v", "-nh", "-dn", "-nuc", "127.0.0.1", str(listener.port), *files]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    sent = re.search(r"with status SUCCESS\s*: (\d+)", ran.stdout + ran.stderr)
    assert sent is not None
    assert int(sent[1]) == len(inbox.received) > 60
    # Native objects it sends as it likes. Two of the compressed ones it announces with the UID "31", and we take them.
    assert {reception.transfer_syntax_uid for reception in inbox.received} - NATIVE == {
        syntax for _, syntax in kinds_of(files)
    } - NATIVE
    assert "31" in {reception.sop_class_uid for reception in inbox.received}


@pytest.mark.skipif(shutil.which("gdcmscu") is None, reason="GDCM's tools are not installed")
@pytest.mark.parametrize("name", ["CT_small.dcm", "MR_small_RLE.dcm", "JPEG2000.dcm", "SC_rgb_gdcm_KY.dcm"])
def test_gdcmscu_delivers_files_unchanged(name: str, listen: Listen, inbox: Inbox) -> None:
    # Others it writes anew. It fails after it has released the association, whoever receives: its exit says nothing.
    (path,) = (path for path in sendable_files() if path.name == name)
    command: list[str | Path] = ["gdcmscu", "--store", "127.0.0.1", str(listen().port), path]
    subprocess.run(command, capture_output=True, timeout=30, check=False)
    (reception,) = inbox.received
    assert dataset_of(reception.dataset_file) == dataset_of(path)
    assert reception.transfer_syntax_uid == part10.read_meta(path).transfer_syntax_uid


def test_pynetdicom_delivers_every_file_unchanged(
    listen: Listen, inbox: Inbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)  # the bytes of the file, not decoded
    files = sendable_files()
    ae = AE("PYNETDICOM")
    for sop_class, syntax in kinds_of(files):
        ae.add_requested_context(sop_class, syntax)
    # Its contexts are merged by class; one for each pair is what makes it send each file as it is.
    contexts = []
    for context in ae.requested_contexts:
        for syntax in context.transfer_syntax:
            one = type(context)()
            one.abstract_syntax, one.transfer_syntax = context.abstract_syntax, [syntax]
            contexts.append(one)
    association = ae.associate("127.0.0.1", listen().port, contexts=contexts)
    assert association.is_established
    assert [association.send_c_store(path).Status for path in files] == [0] * len(files)
    association.release()
    assert [dataset_of(r.dataset_file) for r in inbox.received] == [dataset_of(path) for path in files]


@needs_dcmtk
def test_storescp_receives_every_file_from_us_unchanged(outbox: Outbox, tmp_path: Path) -> None:
    files = [path for path in sendable_files() if path.stem != "rtplan_truncated"]
    with storescp(tmp_path / "theirs", "+B", "+xa", "-pm", "+uf") as peer:
        send(peer, files, outbox.report)
    assert outbox.reports == [(path, Done()) for path in files]
    theirs = list((tmp_path / "theirs").iterdir())
    assert digests(dataset_of(path) for path in theirs) == digests(as_sent(path) for path in files)


@needs_dcmtk
def test_a_damaged_object_that_storescp_aborts_over_is_not_tried_for_ever(outbox: Outbox, tmp_path: Path) -> None:
    files = [path for path in sendable_files() if path.stem in ("rtplan", "rtplan_truncated", "test-SR")]
    with storescp(tmp_path / "theirs", "+B", "+xa", "-pm") as peer:
        send(peer, files, outbox.report)
    assert [type(outcome) for outcome in outbox.outcomes] == [Done, Never, Done]
    assert "odd length" in str(outbox.outcomes[1])


@needs_dcmtk
@pytest.mark.filterwarnings("ignore")
def test_storescp_that_takes_only_implicit_little_endian_gets_native_objects_so_and_no_others(
    outbox: Outbox, tmp_path: Path
) -> None:
    files = sendable_files()
    with storescp(tmp_path / "theirs", "+B", "+xi", "-pm", "+uf") as peer:
        send(peer, files, outbox.report)
    for path, outcome in outbox.reports:
        syntax = part10.read_meta(path).transfer_syntax_uid
        if syntax not in NATIVE:
            assert isinstance(outcome, Never)
            assert UID(syntax).name in outcome.reason
        elif ("truncated" in path.stem and syntax != IMPLICIT_LITTLE) or "rtdose_expb" in path.stem:
            assert isinstance(outcome, Never)
        elif "truncated" in path.stem:
            assert isinstance(outcome, Done | Never)  # storescp aborts over the odd one
        else:
            assert outcome == Done(), path
    theirs = list((tmp_path / "theirs").iterdir())
    assert len(theirs) == sum(isinstance(outcome, Done) for _, outcome in outbox.reports) > 20
    assert {part10.read_meta(path).transfer_syntax_uid for path in theirs} == {IMPLICIT_LITTLE}


@needs_dcmtk
@pytest.mark.parametrize("option", ["--refuse", "--abort-after", "--abort-during"])
def test_storescp_that_refuses_or_aborts_is_tried_later(option: str, outbox: Outbox, tmp_path: Path) -> None:
    large = write_object(tmp_path / "a.dcm", bytes(3_000_000))
    with storescp(tmp_path / "theirs", "+B", "+xa", option) as peer:
        send(peer, [large, large], outbox.report)
    assert len(outbox.outcomes) == 2
    assert all(isinstance(outcome, Later) for outcome in outbox.outcomes)
    assert "rejects the association" in str(outbox.outcomes[0]) or "was lost" in str(outbox.outcomes[0])


@needs_dcmtk
def test_a_hundred_small_objects_from_storescu_as_shipped_do_not_wait_for_acknowledgements(
    listen: Listen, inbox: Inbox, tmp_path: Path
) -> None:
    source = next(path for path in sendable_files() if path.stem == "CT_small")
    files = [shutil.copy(source, tmp_path / f"{n}.dcm") for n in range(100)]
    began = time.monotonic()
    command = ["storescu", "-R", "127.0.0.1", str(listen().port), *files]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    assert len(inbox.received) == 100
    assert time.monotonic() - began < 3  # without TCP_QUICKACK 40 ms each, 4 seconds


@pytest.mark.skipif(shutil.which("dcmrecv") is None, reason="DCMTK is not installed")
def test_dcmrecv_receives_every_file_from_us_unchanged_batch_after_batch(outbox: Outbox, tmp_path: Path) -> None:
    files = [path for path in sendable_files() if path.stem != "rtplan_truncated"]
    port = free_port()
    folder = tmp_path / "theirs"
    folder.mkdir()
    configuration = tmp_path / "dcmrecv.cfg"
    kinds = sorted(kinds_of(files))
    syntaxes = sorted({syntax for _, syntax in kinds})
    lines = ["[[TransferSyntaxes]]", "[All]"]
    lines += [f"TransferSyntax{n} = {uid}" for n, uid in enumerate(syntaxes, start=1)]
    lines += ["[[PresentationContexts]]", "[All]"]
    classes = sorted({sop_class for sop_class, _ in kinds})
    lines += [f"PresentationContext{n} = {uid}\\All" for n, uid in enumerate(classes, start=1)]
    lines += ["[[Profiles]]", "[Ours]", "PresentationContexts = All", ""]
    configuration.write_text("\n".join(lines))
    words = ["dcmrecv", "-xf", str(configuration), "Ours", "-od", str(folder), "+B", str(port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peer = Peer("DCMRECV", "127.0.0.1", port)
    pool = Pool(peer)
    try:
        time.sleep(0.5)
        for start in range(0, len(files), 20):
            send(peer, files[start : start + 20], outbox.report, pool=pool)
    finally:
        pool.close()
        process.terminate()
        process.wait(5)
    assert sorted(outbox.reports, key=str) == sorted(((path, Done()) for path in files), key=str)
    received = {hashlib.sha1(dataset_of(path)).hexdigest() for path in folder.rglob("*") if path.is_file()}
    assert received <= {hashlib.sha1(as_sent(path)).hexdigest() for path in files}
    # It names files after their SOP instance, and some of pydicom's have the same.
    assert len(received) == len({part10.read_meta(path).sop_instance_uid for path in files}) > 40
