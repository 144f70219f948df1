"""How long does the console look things up in a journal of 1,000,000 images? And how does it fare with 100,000 waiting?

The journal is made from lines as the appliance writes them: ten years of a practice, 1,000,000 images of 125,000
studies (US of 4 to 8 images, some CT of 60) of 40,000 patients with names from a list of 400 family and 32 first
names, of 41 institutions and 800 referring physicians, each image received, promised to the archive and a PACS, and
delivered to both. It is taken in by the journal itself; IMAGES=100000 makes a smaller one, KEEP=folder keeps it (and
takes one that lies there already).
"""

import json
import os
import random
import resource
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from appliance.beginning import remember
from appliance.console.facts import journeys, outboxes, studies
from appliance.console.facts.holds import Holds
from appliance.console.facts.house import House
from appliance.console.facts.overview import Overviews
from appliance.console.facts.timeline import timeline
from appliance.settings import Settings
from engine.entry import Entry
from engine.object import Origin
from engine.outcome import delivery_id
from engine.program import Program
from engine.step import HOLD
from engine.study_search import Asked
from tests.benchmarks.__main__ import say
from tests.engine.spool.crash_kit import program, write_instance

IMAGES = int(os.environ.get("IMAGES", "1000000"))
WAITING = 100_000
LINKS = 50_000
DAY = 30_000
"""Images of one day."""
YEARS = 10
TIMES = 15
_BEGINNINGS = ("Abc", "Hof", "Neu", "Wald", "Berg", "Stein", "Linden", "Krau")
_ENDINGS = ("mann", "er", "berger", "müller", "schmidt")


def main() -> None:
    """Print what each look costs, warm: its median, how much of that the CPU worked, and its worst."""
    with _folder() as data:
        house, newest = _made(data)
        _measure(house, newest)
        house.journals.close()
    for measured in (_measure_day, _measure_waiting):
        with tempfile.TemporaryDirectory(prefix="stellwerk-console-") as folder:
            measured(Path(folder))


def _measure(house: House, newest: str) -> None:
    asked = {
        "newest first": Asked(),
        "family name (rare)": Asked(name="Abcmann7"),
        "part of a name (frequent)": Asked(name="mann"),
        "part of a name that all have": Asked(words="a"),
        "name and birth": Asked(words="mann", birth="1956"),
        "patient ID": Asked(id="P0001234"),
        "beginning of an ID (frequent)": Asked(id="P000"),
        "accession number": Asked(accession="A0012345"),
        "as people type it": Asked(words="abcmann7 US"),
        "a referring physician": Asked(words="dr. probeberg7"),
        "a part that many physicians have": Asked(physician="probe"),
        "institution or physician (rare)": Asked(referring="talheim7 probehof3"),
        "an institution nearly all have": Asked(words="praxis"),
        "institution, name": Asked(words="talheim3 abcmann7"),
        "a modality, a sender": Asked(words="ct sono1"),
        "study day": Asked(first_day="20200302", last_day="20200302"),
        "a year of studies, one sender": Asked(first_day="20180101", last_day="20181231", sender="CT1"),
        "modality and sender that never meet": Asked(modality="CT", sender="SONO1"),
        "a name nobody has": Asked(name="qqq"),
        "UID of an image": Asked(words=_uid_of(house, newest)),
    }
    for name, one in asked.items():
        page = studies.search(house, one)
        then = studies.search(house, one, page.next) if page.next else page
        more = "" if page.whole else ", looked back to " + page.back_to[:10]
        _tell(f"search: {name}", lambda one=one: studies.search(house, one), f"{len(page.studies)} shown{more}")
        if then is not page:
            _tell("    its second page", lambda one=one, at=page.next: studies.search(house, one, at))
    for standing in ("open", "ended"):
        _tell(f"search: {standing}", lambda of=standing: studies.search(house, Asked(), standing=of))
    deep = Asked(until=f"{datetime.now(UTC) - timedelta(days=3000):%Y-%m-%d}T00:00:00+00:00")
    _tell("search: a page eight years back", lambda: studies.search(house, deep))
    found = studies.search(house, Asked(modality="CT"), most=1).studies[0].study
    _tell(f"one study of {found.objects}", lambda: studies.study_facts(house, found.uid))
    _tell("    its journey", lambda: journeys.of_study(house, found.uid))
    _tell("    its timeline", lambda: timeline(house, found.uid))
    _tell("one object", lambda: studies.object_facts(house, newest))
    rules = house.program()
    assert rules is not None
    since = (datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="milliseconds")
    _tell("live counts of the rules", lambda: journeys.live(house, rules, since))
    _tell("the overview, made anew", lambda: Overviews(house).get(), f"{Overviews(house).get().ledger.received} today")


def _measure_day(data: Path) -> None:
    """The overview on the evening of a large house's day."""
    house, rules = House(Settings(data=data)), program()
    (data / "spool" / "history").mkdir(parents=True)
    remember(house.settings, rules)
    midnight = datetime.now().replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    step = (time.time() - midnight) / DAY
    days: dict[str, list[str]] = {}
    for count in range(DAY):
        moment = datetime.fromtimestamp(midnight + count * step, UTC)
        number = f"{int(moment.timestamp() * 1e9):016x}{count % 4096:03x}"
        at = moment.isoformat(timespec="milliseconds")
        days.setdefault(f"{moment:%Y-%m-%d}", []).extend(_events(number, at, f"CT{count % 5}", rules))
    for day, lines in days.items():
        (data / "spool" / "history" / f"{day}.jsonl").write_text("".join(lines), encoding="utf-8")
    with house.journals.open() as journal:
        journal.catch_up()
    _tell(f"the overview, {DAY:,} images today", lambda: Overviews(house).get(), times=5)
    house.journals.close()


def _measure_waiting(data: Path) -> None:
    house = _waiting(data)
    began = _memory()
    holds = Holds(house)
    _tell(f"overview with {WAITING:,} waiting and {WAITING:,} held", lambda: Overviews(house).get(), times=3)
    _tell("outboxes", lambda: outboxes.outboxes(house), times=5)
    page = outboxes.entries(house, "PACS")
    _tell("    a page of one", lambda: outboxes.entries(house, "PACS", after=page.next), times=5)
    begin = time.perf_counter()
    looks = 1
    while holds.groups().unread:
        time.sleep(0.1)
        looks += 1
    say(f"    the hold's reasons, all read, ten looks a second: {time.perf_counter() - begin:6.2f} s, {looks} times")
    _tell("    the hold's groups, then", holds.groups, times=5)
    _tell("    a page of a group", lambda: holds.entries(holds.groups().groups[0].key), times=5)
    say(f"    memory of the process grew by {_memory() - began:.0f} MB")
    house.journals.close()


def _tell(what: str, look: Callable[[], object], said: str = "", times: int = TIMES) -> None:
    took, worked = [], []
    for _ in range(times):
        begin, cpu = time.perf_counter(), time.process_time()
        look()
        took.append(1000 * (time.perf_counter() - begin))
        worked.append(1000 * (time.process_time() - cpu))
    median = f"{statistics.median(took):8.1f} ms ({statistics.median(worked):7.1f} of them CPU)"
    say(f"    {what:48} {median}, at worst {max(took):8.1f} ms  {said}")


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@contextmanager
def _folder() -> Iterator[Path]:
    kept = os.environ.get("KEEP")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
        yield Path(kept)
        return
    folder = tempfile.mkdtemp(prefix="stellwerk-console-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(data: Path) -> tuple[House, str]:
    """The house with its journal, and the number of the last image."""
    rules = program()
    house = House(Settings(data=data))
    made = (data / "made").read_text() if (data / "made").exists() else ""
    if not made:
        (data / "spool" / "programs").mkdir(parents=True)
        for folder in ("history", "keys", "incoming"):
            (data / "spool" / folder).mkdir()
        remember(house.settings, rules)
        house.spool.keep_program(rules)
        begin = time.perf_counter()
        made = _written(data / "spool", rules)
        say(f"    {IMAGES:,} images written in {time.perf_counter() - begin:.0f} s")
        begin = time.perf_counter()
        with house.journals.open() as journal:
            journal.catch_up()
        say(f"    taken in by the journal in {time.perf_counter() - begin:.0f} s")
        (data / "made").write_text(made)
    size = (data / "spool" / "journal.sqlite").stat().st_size >> 20
    say(f"    the journal has {size} MB")
    return house, made


def _written(spool: Path, rules: Program) -> str:
    """Ten years of lines, the last of them a moment ago."""
    chance = random.Random(4711)
    families = [f"{a}{b}{c}" for a in _BEGINNINGS for b in _ENDINGS for c in range(10)]
    firsts = [
        f"{a}{b}" for a in ("An", "Bert", "Cla", "Dor", "Eri", "Fri", "Ger", "Han") for b in ("na", "a", "ra", "s")
    ]
    patients = [
        (f"{chance.choice(families)}^{chance.choice(firsts)}", f"P{one:07d}", f"{chance.randint(1930, 2020)}0312")
        for one in range(40_000)
    ]
    houses = ["Praxis Süd"] * 60 + [f"Krankenhaus Talheim{one}" for one in range(40)]
    physicians = [f"Probe{a}{one}^{b}^^Dr." for a, b in zip(_BEGINNINGS, firsts, strict=False) for one in range(100)]
    now = time.time_ns()
    step = YEARS * 365 * 86400 * 10**9 // IMAGES
    number, count, study = "", 0, 0
    files: dict[str, tuple[list[str], list[str]]] = {}
    while count < IMAGES:
        study += 1
        is_ct = chance.random() < 0.02
        name, patient, birth = chance.choice(patients)
        house, physician = chance.choice(houses), chance.choice(physicians)
        sender, modality = ("CT1", "CT") if is_ct else (chance.choice(("SONO1", "SONO2", "SONO3")), "US")
        for image in range(60 if is_ct else chance.randint(4, 8)):
            count += 1
            at_ns = now - (IMAGES - count) * step
            number = f"{at_ns:016x}abc{chance.randrange(256):02x}"
            moment = datetime.fromtimestamp(at_ns / 1e9, UTC)
            at, day = moment.isoformat(timespec="milliseconds"), f"{moment:%Y-%m-%d}"
            events, keys = files.setdefault(day, ([], []))
            events += _events(number, at, sender, rules)
            uid = f"1.2.276.0.7230010.3.1.2.{study}"
            known = {"object": number, "sender": sender, "name": name, "id": patient, "birth": birth}
            known |= {"study": uid, "series": f"{uid}.1", "sop": f"{uid}.1.{image}", "date": f"{moment:%Y%m%d}"}
            known |= {"modality": modality, "accession": f"A{study:07d}", "institution": house, "physician": physician}
            keys.append(json.dumps(known, ensure_ascii=False) + "\n")
        if len(files) > 2:
            _put(spool, files, keep=1)
    _put(spool, files, keep=0)
    return number


def _events(number: str, at: str, sender: str, rules: Program) -> Iterator[str]:
    """What the history has of an image that came and went at this moment."""
    head = f'{{"at": "{at}", "event": '
    yield (
        f'{head}"received", "object": "{number}", "source": "dicom 1", "sender": "{sender}",'
        f' "address": "10.0.0.1", "program": "{rules.digest}"}}\n'
    )
    for position, outbox in (("1", "archive.store"), ("3", "PACS")):
        entry = delivery_id(number, "main", position, outbox)
        facts = f'"object": "{number}", "outbox": "{outbox}", "entry": "{entry}"'
        yield f'{head}"promised", {facts}, "route": "main"}}\n'
        yield f'{head}"delivered", {facts}, "tries": "1"}}\n'


def _put(spool: Path, files: dict[str, tuple[list[str], list[str]]], keep: int) -> None:
    for day in sorted(files)[: len(files) - keep]:
        for folder, lines in zip(("history", "keys"), files.pop(day), strict=True):
            with (spool / folder / f"{day}.jsonl").open("a", encoding="utf-8") as stream:
                stream.write("".join(lines))


def _uid_of(house: House, number: str) -> str:
    facts = studies.object_facts(house, number)
    assert facts is not None
    return facts.sop


def _waiting(data: Path) -> House:
    """A spool in which very many wait for a PACS and as many are held, for three reasons."""
    house = House(Settings(data=data))
    (data / "spool").mkdir()
    remember(house.settings, program())
    pacs, hold = house.spool.outbox("PACS"), house.spool.outbox(HOLD)
    origin, began = Origin("dicom", 1, "SONO1"), time.time_ns() - 2 * WAITING
    reasons = ("no route takes it", "PACS refuses the image 4711 (A700)", "it is not DICOM")
    for home in (pacs, hold):
        payload = data / "none"
        for count in range(WAITING):
            if count % LINKS == 0:
                payload = data / f"{home.name}{count}"
                write_instance(payload, f"1.2.{count + 1}")
            number = f"{began + count:016x}00042-0123456789ab"
            why = reasons[count % 3] if home is hold else ""
            note = Entry(
                number, number[:21], home.name, "main", "hold", "", origin, note={"why": why}, why=why, since=1e9
            )
            (home.entries / f"{number}.json").write_bytes(note.to_bytes())
            (home.ready / f"{number}.dcm").hardlink_to(payload)
        began += WAITING
    return house
