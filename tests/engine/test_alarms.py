"""Reports and alarms, to the letter: golden texts in golden/alarms/, in both languages.

`UPDATE=1 pytest` writes the golden texts anew.
"""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.destinations import alarms, digest
from engine.destinations.digest import Report
from engine.destinations.letter import LANGUAGES
from engine.tally import Standing, Tally, Waiting
from engine.trouble import Known, News, Trouble

GOLDEN = Path(__file__).parent / "golden" / "alarms"
NOON = 1774951200.0
"""2026-03-31 12:00 in Berlin."""
HOUR = 3600.0
AWAY = Trouble("it does not answer (192.168.10.5:104)")
FULL = Trouble("only 100 MB of disk are free in /data/spool", "in /data/spool sind nur 100 MB frei")
HELD = Trouble("3 wait for a person", "3 warten auf einen Menschen")
QUIET = Report(NOON - 24 * HOUR, NOON, Tally(), Standing(0, (), {}), {}, {"spool, archive": 345678})
BUSY = Report(
    NOON - 24 * HOUR,
    NOON,
    Tally(
        412,
        3,
        1,
        2,
        Counter({"archive.store": 400, "PACS": 371, "admin.mail": 12, "study.collect": 400, "teaching.store": 3}),
        Counter({"READER": 2}),
        Counter({"no localizers (practice.rules:12)": 9, "not wanted": 3}),
    ),
    Standing(
        4,
        (
            Waiting("PACS", 29, NOON - 9 * HOUR, "it does not answer (192.168.10.5:104)"),
            Waiting("admin.mail", 2, NOON - HOUR),
            Waiting("study.collect", 12, NOON - 60),
        ),
        {"PACS: it refuses this kind of image (0xA900)": 2, "a child": 1},
    ),
    {"PACS": AWAY, "the disk": FULL, "hold": HELD, "rules by the clock": Trouble("a.rules:3: purge: the disk is away")},
    {"spool": 100, "archive": 9000},
)
MANY = Report(
    NOON - 48 * HOUR, NOON, Tally(5), Standing(0, (), {f"reason {number}": 2 for number in range(25)}), {}, {}
)

Letter = Callable[[str], tuple[str, str]]
LETTERS: dict[str, Letter] = {
    "report-quiet": lambda language: digest.compose(QUIET, language),
    "report-busy": lambda language: digest.compose(BUSY, language),
    "report-many-reasons": lambda language: digest.compose(MANY, language),
    "trouble": lambda language: alarms.trouble(News({"PACS": Known(AWAY, NOON)}, {}, {}), {}, language),
    "trouble-more": lambda language: alarms.trouble(
        News(
            {"hold": Known(HELD, NOON), "the disk": Known(FULL, NOON), "disk archive": Known(FULL, NOON)},
            {"READER": Known(AWAY, NOON - HOUR, NOON - 60, NOON)},
            {"archive.store": Known(AWAY, NOON - 9 * HOUR, told=NOON), "admin.mail": Known(AWAY, NOON, told=NOON)},
        ),
        {"PACS: it refuses (0xA900)": 2, "": 1},
        language,
    ),
    "all-clear": lambda language: alarms.trouble(
        News({}, {"PACS": Known(AWAY, NOON - HOUR, NOON, NOON - HOUR)}, {}), {}, language
    ),
    "at-a-time": lambda language: alarms.at_a_time({"PACS": AWAY, "the rules": AWAY}, {}, language),
    "silence": lambda language: alarms.silence({"CT1": NOON - 20 * HOUR}, NOON - 6 * HOUR, language),
    "silence-of-two": lambda language: alarms.silence({"CT1": NOON - 20 * HOUR, "MR 2": None}, NOON - HOUR, language),
    "sends-again": lambda language: alarms.sounds({"CT1": NOON}, language),
}


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are told in local time."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", LETTERS)
def test_the_mail_is_as_it_was(name: str, language: str) -> None:
    subject, body = LETTERS[name](language)
    mail = f"{subject}\n\n{body}"
    golden = GOLDEN / f"{name}.{language}.txt"
    if os.environ.get("UPDATE"):
        golden.write_text(mail, encoding="utf-8")
    assert mail == golden.read_text(encoding="utf-8")


def test_every_golden_text_has_its_mail() -> None:
    assert {file.name for file in GOLDEN.glob("*.txt")} == {f"{n}.{lang}.txt" for n in LETTERS for lang in LANGUAGES}


@pytest.mark.parametrize("language", LANGUAGES)
def test_whatever_may_be_in_trouble_has_a_name_for_a_reader(language: str) -> None:
    for name in (
        *alarms.OWN,
        "PACS",
        "disk archive",
        "teaching.store",
        "admin.mail",
        "study.collect",
        "series.collect",
    ):
        assert alarms.title(name, language)
    assert alarms.title("hold.PACS", language) == alarms.title("PACS", language).replace("PACS", "hold.PACS")


hostile = st.text(alphabet=st.sampled_from("a:\r\n\0\t\x0b\x0c\x1c\x85\u2028\u2029 "), max_size=20)


@given(hostile, st.sampled_from(LANGUAGES))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_reason_and_no_ae_title_adds_a_header_or_a_line(text: str, language: str) -> None:
    def mails(said: str) -> list[tuple[str, str]]:
        trouble = Trouble(f"x{said}")
        report = Report(
            0,
            9e9,
            Tally(discarded=Counter({f"x{said}": 1})),
            Standing(0, (Waiting("PACS", 1, 0, f"x{said}"),), {f"x{said}": 1}),
            {"PACS": trouble},
            {},
        )
        return [
            digest.compose(report, language),
            alarms.trouble(News({"PACS": Known(trouble, 0)}, {}, {}), {f"x{said}": 1}, language),
            alarms.silence({f"x{said}": None}, 0, language),
            alarms.sounds({f"x{said}": 0}, language),
        ]

    for (subject, body), (_, harmless) in zip(mails(text), mails(""), strict=True):
        assert len(subject.splitlines()) == 1
        assert len(body.splitlines()) == len(harmless.splitlines())
