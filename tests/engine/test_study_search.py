"""Studies are found by what a person knows of them, a page at a time, however the journal came to know them."""

import json
import random
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import study_search
from engine.history import History
from engine.indexer import Indexer
from engine.journal import Journal
from engine.journal_words import spellings
from engine.study_search import Asked, Study, day_of, find, numbered, objects_of, study, words_known

AT = 0x18AF0B5CF0A1C2D3
"""Nanoseconds: when the first object of these tests came, 2026-03-01."""


def number(count: int) -> str:
    return f"{AT + count * 1_000_000_000:016x}abc"


def written(root: Path, images: list[dict[str, str]]) -> Journal:
    """A journal in which these images came, one a second."""
    (root / "history").mkdir()
    (root / "keys").mkdir()
    events, keys = [], []
    for count, known in enumerate(images):
        at = datetime.fromtimestamp(AT / 1e9 + count, UTC).isoformat(timespec="milliseconds")
        events.append({"at": at, "event": "received", "object": number(count), "sender": known.get("sender", "")})
        keys.append({"object": number(count), **known})
    for folder, lines in (("history", events), ("keys", keys)):
        text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
        (root / folder / "2026-03-01.jsonl").write_text(text, encoding="utf-8")
    journal = Journal(root)
    journal.catch_up()
    return journal


def image(count: int, **known: str) -> dict[str, str]:
    return {
        "study": f"1.2.{count}",
        "series": f"1.2.{count}.1",
        "sop": f"1.2.{count}.1.1",
        "name": "Huber^Eva",
        **known,
    }


def names(journal: Journal, **asked: str) -> list[str]:
    return [one.name for one in everything(journal, Asked(**asked))]


def everything(journal: Journal, asked: Asked, most: int = 50, seconds: float = 10.0) -> list[Study]:
    """Page after page."""
    found: list[Study] = []
    before = 0
    while True:
        page = find(journal, asked, before, most, seconds)
        found += page.studies
        before = page.next
        if not before:
            return found


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return written(
        tmp_path,
        [
            image(1, name="Müller^Änne", id="A-4711", birth="19560312", date="20260301", modality="US", sender="SONO1"),
            image(2, name="Mueller^Bert", id="A-4712", birth="19701231", date="20260302", modality="CT", sender="CT1"),
            image(3, name="Schmidt^Åse", id="0815", birth="20010203", date="20260303", modality="US", sender="SONO1"),
            image(4, name="O'Hara^Zoë", id="47110", accession="R-99/1", date="20260304", modality="MR", sender="MR 1"),
        ],
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["O'Hara^Zoë", "Schmidt^Åse", "Mueller^Bert", "Müller^Änne"]),
        ({"name": "müller"}, ["Mueller^Bert", "Müller^Änne"]),
        ({"name": "mueller"}, ["Mueller^Bert", "Müller^Änne"]),
        ({"name": "muller"}, ["Müller^Änne"]),
        ({"name": "ÜLLER anne"}, ["Müller^Änne"]),
        ({"name": "mid"}, ["Schmidt^Åse"]),
        ({"name": "aase"}, ["Schmidt^Åse"]),
        ({"name": "ase"}, ["Schmidt^Åse"]),
        ({"words": "hara"}, ["O'Hara^Zoë"]),
        ({"words": "zoe 4711"}, ["O'Hara^Zoë"]),
        ({"id": "4711"}, ["O'Hara^Zoë", "Müller^Änne"]),
        ({"words": "4711"}, ["O'Hara^Zoë", "Müller^Änne"]),
        ({"words": "r 99"}, ["O'Hara^Zoë"]),
        ({"accession": "R-99"}, ["O'Hara^Zoë"]),
        ({"words": "12.03.1956"}, ["Müller^Änne"]),
        ({"words": "2026-03-03"}, ["Schmidt^Åse"]),
        ({"birth": "1956"}, ["Müller^Änne"]),
        ({"birth": "1956-03-12"}, ["Müller^Änne"]),
        ({"sender": "sono1"}, ["Schmidt^Åse", "Müller^Änne"]),
        ({"sender": "mr 1"}, ["O'Hara^Zoë"]),
        ({"modality": "ct, mr"}, ["O'Hara^Zoë", "Mueller^Bert"]),
        ({"modality": "U"}, []),
        ({"first_day": "2026-03-02", "last_day": "2026-03-03"}, ["Schmidt^Åse", "Mueller^Bert"]),
        ({"last_day": "20260301"}, ["Müller^Änne"]),
        ({"uid": "1.2.3"}, ["Schmidt^Åse"]),
        ({"uid": "1.2.3.1"}, ["Schmidt^Åse"]),
        ({"uid": "1.2.3.1.1"}, ["Schmidt^Åse"]),
        ({"words": "1.2.3.1.1"}, ["Schmidt^Åse"]),
        ({"uid": number(1)}, ["Mueller^Bert"]),
        ({"words": f"{number(1)}-0123456789ab"}, ["Mueller^Bert"]),
        ({"name": "müller", "modality": "US"}, ["Müller^Änne"]),
        ({"name": "müller", "modality": "MR"}, []),
        ({"words": "nobody"}, []),
        ({"words": "!!"}, []),
        ({"words": "%_\\"}, []),
        ({"since": "2100-01-01T00:00:00+00:00"}, []),
        ({"until": "2000-01-01T00:00:00+00:00"}, []),
    ],
)
def test_it_is_found_by_what_a_person_knows(journal: Journal, asked: dict[str, str], found: list[str]) -> None:
    assert names(journal, **asked) == found
    journal.close()


def test_what_its_objects_say_is_put_together(tmp_path: Path) -> None:
    journal = written(
        tmp_path,
        [
            image(1, modality="US", sender="SONO1", sop="1.1"),
            image(1, modality="OT", sender="SONO2", series="1.2.1.2", sop="1.2", name="Huber^Eva^Maria"),
        ],
    )
    [one] = everything(journal, Asked())
    assert (one.objects, one.series, one.modalities, one.senders, one.sender) == (2, 2, ("OT", "US"), 2, "SONO2")
    assert one.name == "Huber^Eva^Maria"
    assert one.first < one.last
    assert names(journal, sender="SONO1") == names(journal, sender="SONO2") == [one.name]
    assert objects_of(journal, "1.2.1", 10) == [number(0), number(1)]
    journal.close()


def test_an_object_without_a_study_is_one_by_itself(tmp_path: Path) -> None:
    journal = written(tmp_path, [{"name": "Huber^Eva", "sop": "1.1"}, {"sender": "SONO1"}])
    [one] = everything(journal, Asked())
    assert (one.uid, one.objects) == (number(0), 1)
    assert study(journal, number(0)) == one
    assert objects_of(journal, number(0), 10) == [number(0)]
    journal.close()


def test_what_is_forgotten_leaves_no_word_behind(tmp_path: Path) -> None:
    of = {"institution": "Praxis Süd", "physician": "Probe^Jörg^^Dr."}
    journal = written(tmp_path, [image(1, name="Müller^Änne", id="4711", sender="SONO1", modality="US", **of)])
    later = datetime(2026, 6, 1, tzinfo=UTC)
    assert Indexer(tmp_path, 1, list, History(tmp_path).drop).tidy(journal, later) == ["2026-03-01"]
    for table in ("studies", "study_words", "vocabulary"):
        assert journal.db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,)
    journal.close()


def test_a_study_stays_as_long_as_one_of_its_objects_does(tmp_path: Path) -> None:
    journal = written(tmp_path, [image(1, sender="SONO1")])
    for folder, line in (
        ("history", {"at": "2026-03-09T10:00:00.000+00:00", "event": "received", "object": number(700_000)}),
        ("keys", {"object": number(700_000), **image(1, sop="1.9")}),
    ):
        (tmp_path / folder / "2026-03-09.jsonl").write_text(json.dumps(line) + "\n")
    journal.catch_up()
    journal.forget("2026-03-01")
    [one] = everything(journal, Asked(name="huber"))
    assert one.objects == 1
    journal.forget("2026-03-09")
    assert not everything(journal, Asked())
    assert journal.db.execute("SELECT count(*) FROM vocabulary").fetchone() == (0,)
    journal.close()


@pytest.fixture
def referred(tmp_path: Path) -> Journal:
    """Studies of three institutions and physicians, of two of whom patients have the names."""
    probe = {"physician": "Probe^Hans^^Dr.", "institution": "Krankenhaus Talheim"}
    return written(
        tmp_path,
        [
            image(1, name="Alt^Eva", modality="US", **probe),
            image(2, name="Berg^Ida", modality="CT", **probe),
            image(3, name="Cramer^Uwe", modality="US", physician="Dr. Änne Müller", institution="Kreiskrankenhaus Süd"),
            image(4, name="Müller^Bert", modality="US", physician="O'Hara=李^雷", institution='Praxis "A&B" <Nord>'),
            image(5, name="Talheim^Probe", modality="MR"),
        ],
    )


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"words": "krankenhaus talheim"}, ["Berg^Ida", "Alt^Eva"]),
        ({"words": "KRANKENHAUS"}, ["Cramer^Uwe", "Berg^Ida", "Alt^Eva"]),
        ({"words": "dr. probe"}, ["Talheim^Probe", "Berg^Ida", "Alt^Eva"]),
        ({"words": "Prof. Dr. med. Probe hans"}, ["Berg^Ida", "Alt^Eva"]),
        ({"words": "dr probe ct"}, ["Berg^Ida"]),
        ({"words": "Dr."}, ["Cramer^Uwe", "Berg^Ida", "Alt^Eva"]),
        ({"words": "mueller"}, ["Müller^Bert", "Cramer^Uwe"]),
        ({"words": "us"}, ["Müller^Bert", "Cramer^Uwe", "Alt^Eva"]),
        ({"words": "krankenhaus us"}, ["Cramer^Uwe", "Alt^Eva"]),
        ({"words": "sü"}, ["Cramer^Uwe"]),
        ({"institution": "haus tal"}, ["Berg^Ida", "Alt^Eva"]),
        ({"institution": "us", "modality": "CT"}, ["Berg^Ida"]),
        ({"institution": "probe"}, []),
        ({"institution": "sued"}, ["Cramer^Uwe"]),
        ({"institution": "a&b <nord>"}, ["Müller^Bert"]),
        ({"physician": "talheim"}, []),
        ({"physician": "dr. änne müller"}, ["Cramer^Uwe"]),
        ({"physician": "anne"}, ["Cramer^Uwe"]),
        ({"physician": "李"}, ["Müller^Bert"]),
        ({"physician": "%"}, ["Talheim^Probe", "Müller^Bert", "Cramer^Uwe", "Berg^Ida", "Alt^Eva"]),
        ({"referring": "dr. probe talheim"}, ["Berg^Ida", "Alt^Eva"]),
        ({"referring": "süd müller"}, ["Cramer^Uwe"]),
        ({"referring": "talheim", "name": "talheim"}, []),
    ],
)
@pytest.mark.parametrize("few", [3000, 1], ids=["by words", "study after study"])
def test_it_is_found_by_its_institution_and_its_referring_physician(
    referred: Journal, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str], found: list[str], few: int
) -> None:
    monkeypatch.setattr(study_search, "FEW_STUDIES", few)
    monkeypatch.setattr(study_search, "MANY_WORDS", few)
    assert names(referred, **asked) == found
    referred.close()


def test_a_study_shows_the_last_of_them_and_is_found_by_each(tmp_path: Path) -> None:
    before, later = {"physician": "Probe^Hans", "institution": "Praxis Nord"}, {"physician": "Muster^Ina"}
    with written(tmp_path, [image(1, **before), image(1, sop="1.9", **later), image(1, sop="1.10")]) as journal:
        [one] = everything(journal, Asked())
        assert (one.institution, one.physician, one.objects) == ("Praxis Nord", "Muster^Ina", 3)
        assert len(names(journal, physician="probe")) == len(names(journal, physician="muster")) == 1


def test_a_journal_of_an_edition_that_did_not_know_the_physician_is_built_anew(tmp_path: Path) -> None:
    """Lines of before have no physician: they are found by all else that they say, by the institution too."""
    journal = written(tmp_path, [image(1, institution="Praxis Nord")])
    journal.db.executescript("DROP TABLE studies; CREATE TABLE studies (id INTEGER PRIMARY KEY, uid TEXT)")
    journal.db.execute("PRAGMA user_version = 2")
    journal.close()
    with (tmp_path / "keys" / "2026-03-01.jsonl").open("a", encoding="utf-8") as lines:
        later = image(2, name="Alt^Ida", institution="Praxis Nord", physician="Probe^Hans")
        lines.write(json.dumps({"object": number(9), **later}) + "\n")
    with Journal(tmp_path) as journal:
        journal.catch_up()
        assert names(journal, institution="nord") == ["Alt^Ida", "Huber^Eva"]
        assert names(journal, physician="probe") == ["Alt^Ida"]
        assert [one.physician for one in everything(journal, Asked())] == ["Probe^Hans", ""]


NAMES = ("Müller^Änne", "Mueller^Bert", "Meier^An", "Ångström^Berta", "Sánchez^Ana", "李^雷", "")

IMAGE = st.tuples(st.sampled_from(NAMES), st.sampled_from(("US", "CT")), st.sampled_from(("A", "B")), st.integers(1, 5))


@given(
    st.lists(IMAGE, max_size=25),
    st.sampled_from(("", "an", "er", "müll", "berta", "李", "x")),
    st.sampled_from(("", "US", "CT", "US,CT")),
    st.sampled_from(("", "A", "B")),
    st.integers(1, 4),
    st.sampled_from((0, 2)),
    st.booleans(),
)
def test_pages_hold_just_what_fits_newest_first_whichever_way_it_is_looked_for(
    images: list[tuple[str, str, str, int]], part: str, modality: str, sender: str, most: int, few: int, hurried: bool
) -> None:
    known = [
        {"study": f"1.2.{uid}", "sop": f"1.{n}", "name": name, "modality": kind, "sender": of}
        for n, (name, kind, of, uid) in enumerate(images)
    ]
    wanted: dict[str, list[dict[str, str]]] = {}
    for one in known:
        wanted.setdefault(one["study"], []).append(one)
    expected = [uid for uid, some in wanted.items() if _fits(some, part, modality, sender)]
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        if few:
            # As if there were very many: studies are gone through one after the other.
            patch.setattr(study_search, "FEW_STUDIES", few)
            patch.setattr(study_search, "MANY_WORDS", few)
            patch.setattr(study_search, "_CHUNK", 3)
            patch.setattr(study_search, "_IDS", 2)
        journal = written(Path(folder), known)
        found = everything(journal, Asked(name=part, modality=modality, sender=sender), most, 0.0 if hurried else 10.0)
        journal.close()
    assert [one.uid for one in found] == expected[::-1]


def _fits(images: list[dict[str, str]], part: str, modality: str, sender: str) -> bool:
    words = {word for one in images for same in spellings(one["name"]) for word in same}
    return (
        all(any(text in word for text in same for word in words) for same in spellings(part))
        and (not modality or any(one["modality"] in modality.split(",") for one in images))
        and (not sender or any(one["sender"] == sender for one in images))
    )


def test_a_look_that_takes_too_long_says_how_far_it_came(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(study_search, "FEW_STUDIES", 1)
    monkeypatch.setattr(study_search, "_IDS", 5)
    shuffled = random.Random(1)
    journal = written(tmp_path, [image(n, modality="US", id=str(shuffled.random())) for n in range(1, 40)])
    page = find(journal, Asked(modality="US", name="huber", birth="1900"), seconds=0.0)
    assert (page.studies, page.whole) == ((), True)
    page = find(journal, Asked(modality="US", name="hub"), most=20, seconds=0.0)
    assert len(page.studies) == 5
    assert not page.whole
    assert page.back_to
    assert len(everything(journal, Asked(modality="US", name="hub"), 20, 0.0)) == 39
    journal.close()


def test_a_study_keeps_its_number_when_the_journal_is_built_anew(tmp_path: Path) -> None:
    some = [image(1), image(2), image(1, sop="1.9"), image(3), image(4, study="")]
    with written(tmp_path, some) as journal:
        before = {one.id: one for one in everything(journal, Asked())}
        assert len(before) == 4
        journal.catch_up(rebuild=True)
        assert {one.id: one for one in everything(journal, Asked())} == before
        for one in before.values():
            assert numbered(journal, one.id) == one
        for nobodys in (0, -1, max(before) + 1, 1 << 70):
            assert numbered(journal, nobodys) is None


def test_of_a_study_whose_first_day_is_forgotten_nothing_is_mistaken_for_another(tmp_path: Path) -> None:
    """Its number follows from its first image: after that is forgotten and all built anew, the old one is nobody's."""
    with written(tmp_path, [image(1), image(2)]) as journal:
        [_, old] = everything(journal, Asked())
        late = AT + 86400 * 10**9
        for folder, line in (
            ("history", {"at": "2026-03-02T10:00:00.000+00:00", "event": "received", "object": f"{late:016x}abc"}),
            ("keys", {"object": f"{late:016x}abc", **image(1, sop="1.7")}),
        ):
            (tmp_path / folder / "2026-03-02.jsonl").write_text(json.dumps(line) + "\n", encoding="utf-8")
        journal.catch_up()
        assert numbered(journal, old.id) == study(journal, "1.2.1")
        for folder in ("history", "keys"):
            (tmp_path / folder / "2026-03-01.jsonl").unlink()
        journal.catch_up(rebuild=True)
        assert numbered(journal, old.id) is None
        [left] = everything(journal, Asked())
        assert (left.id, left.uid, left.objects) == (late, "1.2.1", 1)


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("müller 1.4.2026 US", ["Müller^Änne"]),
        ("MUELLER 01.04.2026", ["Müller^Änne"]),
        ("us", ["Krause^Ida", "Müller^Änne"]),
        ("sono", ["Müller^Änne"]),
        ("1.4.2026 ct", ["Krause^Ida"]),
        ("müller ct", []),
        ("31.4.2026", []),
        ("A-77/b", ["Müller^Änne"]),
        ("CT-1", ["Krause^Ida"]),
        ("müller-krause", []),
    ],
)
def test_one_field_takes_what_people_type(tmp_path: Path, words: str, found: list[str]) -> None:
    some = [
        image(1, name="Müller^Änne", date="20260401", modality="US", sender="SONO1", accession="A-77/b"),
        image(2, name="Krause^Ida", date="20260401", modality="CT", sender="CT-1 North"),
    ]
    with written(tmp_path, some) as journal:
        assert names(journal, words=words) == found


def test_a_day_is_written_in_many_ways() -> None:
    for text in ("1.4.2026", "01.04.2026", " 2026-04-01 ", "20260401"):
        assert day_of(text) == "20260401"
    for text in ("", "1.4.", "31.4.2026", "1.13.2026", "2026", "1.4.26", "1.2.3.4", "2026-4-1x"):
        assert day_of(text) == ""


def test_only_some_are_looked_at(tmp_path: Path) -> None:
    with written(tmp_path, [image(n) for n in range(6)]) as journal:
        newest = [one.id for one in everything(journal, Asked())]
        chosen = [newest[1], newest[4]]
        assert [one.id for one in find(journal, Asked(), only=chosen).studies] == chosen
        assert [one.id for one in find(journal, Asked(), before=newest[1], only=chosen).studies] == chosen[1:]
        assert find(journal, Asked(), only=[]).studies == ()
        assert find(journal, Asked(name="nobody"), only=chosen).studies == ()


def test_the_words_of_a_kind_are_listed(tmp_path: Path) -> None:
    with written(tmp_path, [image(1, modality="US"), image(2, modality="CT"), image(3, modality="US")]) as journal:
        assert words_known(journal, "modality", 10) == ["ct", "us"]
        assert words_known(journal, "modality", 1) == ["ct"]
