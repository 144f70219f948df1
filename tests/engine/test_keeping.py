"""What may stay: the words of rules are the options of the profile, and each keeps what the compiler says it does."""

from pathlib import Path

import pytest
from pydicom import dcmread

from engine.identities import Identities
from engine.keeping import AS_THEY_ARE, RETAINED, Kept, TableName, ValueTag
from engine.profile.deidentify import deidentify
from engine.profile.policy import OPTIONS, Policy
from engine.signature import Argument, Misfit
from engine.tags import UnknownTag
from engine.vocabulary import vocabulary
from tests.data.make import instance

SHOWN = {
    "uids": ("StudyInstanceUID", "1.2.3"),
    "device": ("StationName", "SONO-7"),
    "institution": ("InstitutionName", "Praxis Nordlicht"),
    "patient-characteristics": ("PatientAge", "041Y"),
    "dates": ("StudyDate", "20260301"),
}
"""Of each word under which something stays as it is, an attribute that does."""


def word(text: str) -> Argument:
    return Argument("word", text)


def test_each_option_of_the_profile_has_one_word() -> None:
    assert sorted(RETAINED.values()) == sorted(OPTIONS)
    assert set(SHOWN) == set(AS_THEY_ARE)


@pytest.mark.parametrize("one", SHOWN)
def test_what_is_said_to_stay_stays_and_goes_without_the_word(tmp_path: Path, one: str) -> None:
    tag, value = SHOWN[one]
    path = instance(tmp_path, **dict(SHOWN.values()))
    key = Identities.of(tmp_path).key
    for options, stays in (
        ({RETAINED[one]}, True),
        (set(RETAINED.values()) - {RETAINED[one], "modified-dates"}, False),
    ):
        target = tmp_path / f"{stays}.dcm"
        deidentify(path, target, Policy(frozenset(options)), key, {})
        assert (str(dcmread(target).get(tag, "")) == value) is stays
    language = vocabulary()
    assert tag in language.retained[one]
    assert all(tag not in language.retained[other] for other in AS_THEY_ARE if other != one)
    assert set().union(*language.retained.values()) < language.profiled
    assert {"PatientName", "PatientID", "PatientBirthDate"} < language.profiled
    assert not {"Modality", "Rows", "SOPClassUID"} & language.profiled


def test_words_and_tags_stand_in_one_list() -> None:
    private = Argument("tag", '(0029,"ACME 1.0",10)')
    below = Argument("tag", "RequestAttributesSequence.RequestedProcedureID")
    found = Kept.of(Argument("list", "", (word("uids"), word("Institution"), private, below, word("dates"))))
    assert found.options == {"uids", "full-dates"}
    assert found.tags == {"InstitutionName", '(0029,"ACME 1.0",10)', str(below.text)}
    assert Kept.of(word("graphics")) == Kept(frozenset({"clean-graphics"}))
    Policy(found.options, found.tags)  # the profile understands each


@pytest.mark.parametrize("wrong", [word("sex"), word("UIDs-"), Argument("text", "uids"), Argument("number", "3")])
def test_what_is_no_word_and_no_tag_may_not_stay(wrong: Argument) -> None:
    with pytest.raises((Misfit, UnknownTag)):
        Kept.of(wrong)


@pytest.mark.parametrize("wrong", ["RequestAttributesSequence[2].RequestedProcedureID", "sequence[1]"])
def test_a_tag_stays_in_all_items_or_in_none(wrong: str) -> None:
    with pytest.raises(Misfit, match="or a tag"):
        Kept.of(Argument("tag", wrong))


def test_full_dates_and_modified_ones_exclude_each_other() -> None:
    with pytest.raises(Misfit, match="not both"):
        Kept.of(Argument("list", "", (word("dates"), word("modified-dates"))))


@pytest.mark.parametrize("name", ["../secrets/deid", "a/b", "register.csv", "", ".x", "a" * 64])
def test_a_table_is_a_name_and_never_a_path(name: str) -> None:
    with pytest.raises(Misfit):
        TableName.of(Argument("text", name))


@pytest.mark.parametrize(
    "tag", ["PixelData", "RequestAttributesSequence", "RequestAttributesSequence.RequestedProcedureID"]
)
def test_only_a_value_outside_of_sequences_is_looked_up(tag: str) -> None:
    with pytest.raises(Misfit):
        ValueTag.of(Argument("tag", tag))
