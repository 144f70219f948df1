"""Pages of studies where very much has happened: small, quick to come, and honest while it is still being read in."""

import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from appliance.console.facts.journals import LITTLE
from appliance.console.facts.studies import PAGE
from appliance.console.roles import Role
from engine.numbers import Numbers
from tests.console.serving import Browser, Serving

STUDIES, IMAGES = 1500, 12
LIGHT = 100_000
"""Bytes of a page, however much there is."""

LONG = "Wolfeschlegelsteinhausenbergerdorff-Müller^Änne Maria Theresia^Dr."
"""As long as a name may be: 64 characters of each part of it (PS3.5 section 6.2)."""


def written(spool: Path) -> None:
    """What an appliance writes of images that came and went, without any of it in the journal."""
    clock = iter(range(time.time_ns() - 10**12, time.time_ns(), 1000))
    numbers = Numbers(1, lambda: next(clock))
    events, keys = [], []
    for study in range(STUDIES):
        for image in range(IMAGES):
            number = numbers.new("SONO1")
            at = datetime.fromtimestamp(int(number[:16], 16) / 1e9, UTC).isoformat(timespec="milliseconds")
            entry = f"{number}-{image:012x}"
            events.append({"at": at, "event": "received", "object": number, "source": "dicom 1", "sender": "SONO1"})
            facts = {"outbox": "PACS", "entry": entry, "route": "main"}
            events.append({"at": at, "event": "promised", "object": number, **facts})
            events.append({"at": at, "event": "delivered", "object": number, **facts, "tries": "1"})
            keys.append(
                {
                    "object": number,
                    **{
                        "name": f"{LONG}{study:04}"[-80:],
                        "id": f"P{study:063}",
                        "birth": "19560708",
                        "sender": "SONO1",
                    },
                    **{"study": f"1.2.{'3' * 50}.{study}", "series": f"1.2.{'4' * 50}.{study}", "modality": "US"},
                    **{"sop": f"1.2.{'5' * 50}.{study}.{image}", "date": "20260401", "institution": "I" * 64},
                    "physician": LONG,
                }
            )
    for folder, lines in (("history", events), ("keys", keys)):
        (spool / folder).mkdir(parents=True)
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (spool / folder / f"{datetime.now(UTC):%Y-%m-%d}.jsonl").write_text(text, encoding="utf-8")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """A console beside an appliance that stands still, and that has received very much."""
    root = tmp_path_factory.mktemp("large")
    written(root / "data" / "spool")
    return Serving(root)


def test_while_it_is_read_in_a_page_says_so_and_stays_small_in_the_end(large: Serving) -> None:
    try:
        viewer: Browser = large.user("eva", Role.VIEWER)
        assert sum(path.stat().st_size for path in (large.data / "spool/history").iterdir()) > LITTLE
        first = viewer.get("/studies")
        assert re.search(r"What has happened is being read in: \d+ % so far", first.text)
        assert viewer.call("GET", "/studies").json["journal"]["whole"] > LITTLE
        end = time.monotonic() + 120
        while "being read in" in viewer.get("/studies").text:
            assert time.monotonic() < end, "nobody reads it in"
            time.sleep(1)
        end = time.monotonic() + 120
        while viewer.call("POST", "/studies/search", {"words": f"P{STUDIES - 1:063}"}).json["studies"] == []:
            assert time.monotonic() < end, "not all is read in"
            time.sleep(1)
        page = viewer.get("/studies")
        assert page.text.count("<tr>") == PAGE + 1
        assert len(page.text.encode()) < LIGHT
        assert len(viewer.get(viewer.post("/studies", words="müller", standing="ended").to).text.encode()) < LIGHT
        [number, *_] = re.findall(r'href="/studies/(\d+)"', page.text)
        assert len(viewer.get(f"/studies/{number}").text.encode()) < LIGHT
        older = re.findall(r'href="(/studies\?after=\d+)"', page.text)
        assert viewer.get(older[0]).text.count("<tr>") == PAGE + 1
    finally:
        large.stop()
