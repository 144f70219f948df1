"""Both languages say everything: each sentence has its German, and no German is left over."""

import csv
import re

from appliance.console.words import FOLDER
from tests.console import sentences

GERMAN = [row for row in csv.reader((FOLDER / "de.csv").read_text("utf-8").splitlines()) if row]


def test_every_sentence_has_its_german_and_none_is_left_over() -> None:
    said = sentences.in_templates() | sentences.in_code()
    assert len(said) > 100
    known = [row[0] for row in GERMAN]
    assert sorted(said - set(known)) == [], "without German: appliance/console/locale/de.csv"
    assert sorted(set(known) - said) == [], "said nowhere"
    assert len(known) == len(set(known))


def test_both_have_the_same_facts() -> None:
    for english, german in GERMAN:
        assert sorted(re.findall(r"{\w+}", english)) == sorted(re.findall(r"{\w+}", german)), english


def test_a_sentence_is_found_wherever_it_stands() -> None:
    found = sentences.in_templates() | sentences.in_code()
    assert {"Sign in", "Role of {name}", "paused a destination", "There is no user {name}.", "Audit"} <= found
