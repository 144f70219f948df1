"""demo: show the whole line at work on real images, with a PACS and a mail server on this machine."""

import argparse
import hashlib
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from datetime import datetime
from pathlib import Path

import imagecodecs
from rich.console import Console

from appliance.demonstration.images import RULES, test_images
from appliance.demonstration.mailbox import Mailbox
from appliance.demonstration.pacs import Pacs, answers, free_port
from engine import pixels
from engine.destinations.archive import dataset_offset
from engine.dicom import Done, Outcome, Peer, send
from engine.header import Header
from engine.spool import Spool
from engine.step import HOLD

PORT = 26131
TIMEOUT = 120.0


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("--data", type=Path, default=Path("demo"), help="where to keep what it makes (default: ./demo)")


def run(arguments: argparse.Namespace) -> int:
    """Send every test image through the line and account for each; 1 if one is unaccounted for."""
    console = Console(soft_wrap=False)
    root: Path = arguments.data / datetime.now().strftime("%Y%m%d-%H%M%S")
    port = free_port() if answers(PORT) else PORT
    pacs, mailbox = Pacs(root / "pacs"), Mailbox()
    rules = root / "data" / "rules"
    rules.mkdir(parents=True)
    (rules / "demo.rules").write_text(RULES.format(pacs=pacs.port, port=port), encoding="utf-8")
    console.print(f"PACS: {pacs.name}, port {pacs.port}; mail server: port {mailbox.port}; rules: {rules}/demo.rules")
    if port != PORT:
        console.print(f"port {PORT} is taken, so this demonstration listens on {port}")
    with (root / "stellwerk.log").open("wb") as log:
        appliance = subprocess.Popen(
            [sys.executable, "-m", "appliance", "run", "--data", str(root / "data")],
            env={**os.environ, **_environment(mailbox.port)},
            stderr=log,
        )
    try:
        start = time.monotonic()
        while not answers(port):
            if appliance.poll() is not None or time.monotonic() - start > 30:
                console.print(f"the appliance did not start; see {root}/stellwerk.log")
                return 1
            time.sleep(0.1)
        console.print(f"the appliance listens on {port} after {time.monotonic() - start:.1f} s\n")
        answered = _send(port)
        spool = Spool(root / "data" / "spool")
        _settle(spool)
        lost = _account(console, root, spool, answered)
        _mails(console, mailbox)
        _pictures(console, root)
    finally:
        appliance.send_signal(signal.SIGTERM)
        appliance.wait(30)
        pacs.close()
        mailbox.close()
    console.print(f"\nall of it is in {root}")
    return 1 if lost else 0


def _environment(mail_port: int) -> dict[str, str]:
    return {
        "STELLWERK_ADDRESS": "127.0.0.1",
        "STELLWERK_CONSOLE_PORT": "0",
        "STELLWERK_LANGUAGE": "en",
        "STELLWERK_MAIL_HOST": "127.0.0.1",
        "STELLWERK_MAIL_PORT": str(mail_port),
        "STELLWERK_MAIL_SECURITY": "none",
        "STELLWERK_MAIL_QUIET_SECONDS": "2",
    }


def _send(port: int) -> dict[Path, Outcome]:
    answered: dict[Path, Outcome] = {}
    send(Peer("STELLWERK", "127.0.0.1", port, "DEMO"), test_images(), answered.__setitem__)
    return answered


def _settle(spool: Spool) -> None:
    end = time.monotonic() + TIMEOUT
    while spool.unfinished() and time.monotonic() < end:
        time.sleep(0.2)


def _account(console: Console, root: Path, spool: Spool, answered: dict[Path, Outcome]) -> int:
    """Print what became of each image; answers how many are unaccounted for.

    Some of the test images share a SOP Instance UID without being the same, so an image is found again by its data
    set; one that was cleaned on the way, by the UID of what it was made of.
    """
    archive = root / "data" / "archive"
    stored = {_content(path): path for path in archive.rglob("*.dcm")}
    by_uid = {_origin(path): path for path in stored.values()}
    forwarded = {_origin(path) for path in (root / "pacs").iterdir()}
    held = {_content(entry.file): entry.why for entry in spool.outbox(HOLD).all()}
    totals: Counter[str] = Counter()
    for path, outcome in answered.items():
        header = Header.read(path)
        content, uid = _content(path), header.first("SOPInstanceUID")
        kept = stored.get(content) or (by_uid.get(uid) if header.first("Modality") == "US" else None)
        if not isinstance(outcome, Done):
            totals["refused"] += 1
            what = f"not taken in: {outcome.reason}"
        elif content in held:
            totals["held"] += 1
            what = f"held: {held[content].partition(':')[0].partition(';')[0]}"
        elif kept:
            totals["stored"] += 1
            totals["forwarded"] += uid in forwarded
            sent = ", forwarded to PACS_A" if uid in forwarded else ""
            what = f"stored in {kept.parent.relative_to(archive)}{sent}"
        else:
            what = "LOST"
        totals["received"] += isinstance(outcome, Done)
        console.print(f"{path.name:36} {header.first('Modality') or '-':8} {what}", soft_wrap=True, highlight=False)
    console.print(
        "(pydicom's test files share SOP Instance UIDs on purpose: the first of a pair is stored, the other held.)\n"
    )
    difference = totals["received"] - totals["stored"] - totals["held"]
    console.print(
        f"received {totals['received']} = stored {totals['stored']} + held {totals['held']}, difference {difference}; "
        f"of the stored ones forwarded {totals['forwarded']}; refused {totals['refused']}"
    )
    return difference + totals["refused"]


def _origin(path: Path) -> str:
    """The SOP Instance UID under which an object came, also where it has been cleaned since."""
    header = Header.read(path)
    return header.first("SourceImageSequence.ReferencedSOPInstanceUID") or header.first("SOPInstanceUID")


def _content(path: Path) -> str:
    """A digest of the data set, without the file meta information before it (PS3.10 section 7.1).

    Padding at the end does not count: a deflated data set of odd length gets a null byte on the wire (PS3.5 A.5).
    """
    data = path.read_bytes()
    return hashlib.blake2b(data[dataset_offset(data[:144]) :].rstrip(b"\0")).hexdigest()


def _mails(console: Console, mailbox: Mailbox) -> None:
    console.print(f"\n{len(mailbox.messages)} mails; the first:")
    for message in mailbox.messages[:1]:
        console.print(f"  Subject: {message['Subject']}")
        for line in message.get_content().splitlines():
            console.print(f"  {line}")


def _pictures(console: Console, root: Path) -> None:
    """Before and after, as PNG, of the ultrasound images that were cleaned."""
    cleaned = {_origin(path): path for path in (root / "data" / "archive").rglob("*.dcm")}
    for source in test_images():
        header = Header.read(source)
        after = cleaned.get(header.first("SOPInstanceUID"))
        if header.first("Modality") != "US" or after is None:
            continue
        for name, path in (("before", source), ("after", after)):
            picture = root / f"{source.stem}-{name}.png"
            picture.write_bytes(imagecodecs.png_encode(pixels.preview(path)))
            console.print(f"{name}: {picture}")
