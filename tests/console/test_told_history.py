"""Every event of the history has words in both languages, whoever it led to."""

import pytest

from appliance.console.told_history import EVENT_WORDS, happened, place, way_in, way_out
from appliance.console.words import load
from engine.journal_tables import OPENINGS
from engine.step import HOLD, REVIEW

load()


@pytest.mark.parametrize("event", [*OPENINGS, "replayed", "approved", "rejected", "cleaned"])
@pytest.mark.parametrize(
    "outbox", ["PACS", "archive.store", "admin.mail", "RIS.notify", "study.collect", REVIEW, HOLD, ""]
)
def test_no_event_is_shown_as_the_history_writes_it(event: str, outbox: str) -> None:
    english, german = (happened(one, event, outbox, "", way="dicom 104", sender="CT1") for one in ("en", "de"))
    assert english.words != german.words
    assert event not in (english.words, german.words)
    for raw in (".store", ".mail", ".notify", "{"):
        assert raw not in english.words + german.words


def test_what_nobody_knows_stays_as_it_was_written() -> None:
    assert happened("de", "evaporated", "PACS", "it was hot").words == "evaporated"


@pytest.mark.parametrize(
    ("event", "outbox", "english", "german"),
    [
        ("delivered", "archive.store", "Stored in the archive", "Gespeichert (Archiv)"),
        ("delivered", "clean.store", "Stored in the archive clean", "Gespeichert (Archiv clean)"),
        ("delivered", "admin.mail", "Told to admin by mail", "Per Mail gemeldet an admin"),
        ("delivered", "PACS", "Sent to PACS, and confirmed", "Gesendet an PACS, dort bestätigt"),
        ("later", "PACS", "Not taken by PACS; it is tried again", "Von PACS nicht angenommen; neuer Versuch folgt"),
        ("promised", REVIEW, "On the way to a review", "Auf dem Weg zur Prüfung"),
    ],
)
def test_it_says_to_whom(event: str, outbox: str, english: str, german: str) -> None:
    assert happened("en", event, outbox, "").words == english
    assert happened("de", event, outbox, "").words == german


def test_a_way_in_is_told_by_what_people_know_of_it() -> None:
    assert way_in("de", "dicom 104") == "DICOM, Port 104"
    assert way_in("en", "folder /srv/in") == "the folder /srv/in"
    assert way_in("de", "outbox PACS") == "Handversand für PACS"
    assert way_in("en", "carrier pigeon") == "carrier"


def test_an_outbox_is_told_by_what_it_is() -> None:
    assert place("de", HOLD) == "Angehaltenes"
    assert way_out("en", "archive.store") == "The archive"
    assert way_out("de", "admin.mail") == "Bericht an admin"
    assert way_out("en", "pacs") == "pacs"


def test_who_has_decided_in_a_review_is_named() -> None:
    said = happened("en", "rejected", REVIEW, "a name is seen", by="eva")
    assert (said.words, said.why, said.kind) == ("Rejected in the review by eva", "a name is seen", "bad")
    assert len(EVENT_WORDS) == len(set(EVENT_WORDS.values()))
