"""May it leave the house? What E401 and E402 say, way by way; the page to read before sending anything outside."""

import pytest

PLACES = """\
destination PACS = dicom "PACS@10.0.0.5:104"
destination UNI = dicom "UNI@10.0.0.6:104" outside
destination CLOUD = dicom "CLOUD@10.0.0.7:104" outside
destination READER = dicom "READER@10.0.0.8:104" outside trusted
contact admin = "it@praxis.example"
contact doctor = "dr@praxis.example" may see names
"""
LEAKS = ("E401", "E402")


@pytest.fixture
def leaks(compiled):
    """Code and destination of each leak, in the order of the text."""

    def run(rules, places=PLACES):
        result = compiled(places + rules)
        return [(one.code, dict(one.words)["word"]) for one in result.findings if one.code in LEAKS]

    return run


@pytest.fixture
def way(compiled):
    """The way that the last leak tells, in English or German; empty where it needs none."""

    def run(rules, language="en"):
        [*_, last] = [one for one in compiled(PLACES + rules).findings if one.code in LEAKS]
        return " / ".join(also.label(language) for also in last.also)

    return run


NAMES, IMAGE = ("E401", "UNI"), ("E402", "UNI")

# --- what may leave ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "chain",
    [
        "anonymize → anonymize-pixels → forward UNI",
        "anonymize-pixels → anonymize → forward UNI",
        "anonymize profile basic keep dates → anonymize-pixels → forward UNI, CLOUD, PACS",
        "anonymize → anonymize-pixels → store by PatientID → hold → mail admin → forward UNI",
    ],
)
def test_what_is_clean_in_names_and_image_may_leave(leaks, chain):
    assert leaks(f"on port 26131 → {chain}") == []


@pytest.mark.parametrize(
    ("chain", "told"),
    [
        ("forward UNI", [NAMES, IMAGE]),
        ("anonymize → forward UNI", [IMAGE]),
        ("anonymize-pixels → forward UNI", [NAMES]),
        ("forward UNI → anonymize → anonymize-pixels", [NAMES, IMAGE]),
        ("anonymize → forward PACS, UNI → anonymize-pixels → forward UNI", [IMAGE]),
        ("forward UNI, CLOUD", [NAMES, IMAGE, ("E401", "CLOUD"), ("E402", "CLOUD")]),
    ],
)
def test_what_is_not_clean_at_that_point_of_the_chain_may_not(leaks, chain, told):
    assert leaks(f"on port 26131 → {chain}") == told


@pytest.mark.parametrize("step", ["forward PACS", "forward READER", "store by PatientName", "hold", "mail doctor"])
def test_in_the_house_or_to_a_trusted_destination_everything_may_go(leaks, step):
    assert leaks(f"on port 26131 → {step}") == []


def test_trusted_may_stand_before_outside(leaks):
    assert leaks('destination T = dicom "T@10.0.0.9:104" trusted outside\non port 26131 → forward T') == []


def test_a_mail_names_nobody_unless_the_contact_may_see_names(leaks):
    assert leaks('on port 26131 → mail admin, doctor subject "Study of UNI outside"') == []


@pytest.mark.parametrize(
    "step", ['set PatientName to "X"', "remove PatientName", "review", "map PatientID with TABLE", 'hold "look at it"']
)
def test_no_other_step_makes_an_object_clean(leaks, step):
    assert leaks(f"on port 26131 → {step} → forward UNI") == [NAMES, IMAGE]


def test_what_the_rules_write_themselves_makes_nothing_unclean_again(leaks):
    assert leaks('on port 26131 → anonymize → anonymize-pixels → set PatientName to "Teaching 1" → forward UNI') == []


# --- choose -----------------------------------------------------------------------------------------------------------

CLEAN = "anonymize → anonymize-pixels"


@pytest.mark.parametrize(
    ("choose", "told"),
    [
        ("when Modality = US → anonymize-pixels otherwise → anonymize-pixels", []),
        ("when Modality = US → anonymize-pixels", [IMAGE]),
        ("when Modality = US → anonymize-pixels otherwise → store by PatientID", [IMAGE]),
        ("when Modality = US → store by PatientID otherwise → anonymize-pixels", [IMAGE]),
        ('when Modality = US → anonymize-pixels otherwise → discard "no"', []),
        ('when Modality = US → discard "no" otherwise → anonymize-pixels', []),
        ('when Modality = US → discard "no"', [IMAGE]),
        ('when Modality = US → discard "no" otherwise → discard "neither"', []),
        ('when Modality = US → anonymize-pixels otherwise → hold "look"', [IMAGE]),
        ("when Modality = US → choose when Rows = 1 → anonymize-pixels end otherwise → anonymize-pixels", [IMAGE]),
        (
            "when Modality = US → choose when Rows = 1 → anonymize-pixels otherwise → anonymize-pixels end "
            "otherwise → anonymize-pixels",
            [],
        ),
    ],
)
def test_behind_a_choose_is_clean_what_every_case_that_goes_on_has_cleaned(leaks, choose, told):
    assert leaks(f"on port 26131 → anonymize → choose {choose} end → forward UNI") == told


def test_what_was_clean_before_a_choose_is_clean_in_it_and_behind_it(leaks):
    rules = f"on port 26131 → {CLEAN} → choose when Modality = US → forward UNI end → forward CLOUD"
    assert leaks(rules) == []


def test_one_case_cleans_for_itself_only(leaks):
    rules = f"on port 26131 → choose when Modality = US → {CLEAN} → forward UNI otherwise → forward CLOUD end"
    assert leaks(rules) == [("E401", "CLOUD"), ("E402", "CLOUD")]


def test_two_cases_that_each_clean_one_half_clean_nothing_together(leaks):
    rules = "on port 26131 → choose when Modality = US → anonymize otherwise → anonymize-pixels end → forward UNI"
    assert leaks(rules) == [NAMES, IMAGE]


def test_behind_a_discard_nothing_leaves(leaks):
    assert leaks('on port 26131 → discard "no" → forward UNI') == []


# --- named steps, failure chains, several routes ----------------------------------------------------------------------


def test_named_steps_clean_where_they_are_used(leaks):
    assert leaks(f"steps clean = → {CLEAN}\non port 26131 → clean → forward UNI") == []
    assert leaks(f"on port 26131 → clean → forward UNI\nsteps clean = → half → anonymize\nsteps half = → {CLEAN}") == []


def test_named_steps_that_some_routes_use_clean_and_others_not_are_told_once_for_the_first(leaks, compiled):
    rules = (
        "steps send = → forward UNI\n"
        f"route clean on port 26131 where Modality = US → {CLEAN} → send\n"
        "route first on port 26131 where Modality = CT → anonymize → send\n"
        "route second on port 26131 where Modality = MR → send\n"
        "route third on port 26131 where Modality = NM → send\n"
    )
    assert leaks(rules) == [NAMES, IMAGE]
    ways = {one.code: one.also[0].label() for one in compiled(PLACES + rules).findings if one.code in LEAKS}
    assert ways == {
        "E401": "the way there: route second → steps send at line 10 → forward UNI",
        "E402": "the way there: route first → steps send at line 9 → forward UNI",
    }


def test_a_failure_chain_begins_with_the_object_as_it_was_received(leaks):
    assert leaks(f"on port 26131 → {CLEAN} → forward PACS on failure → forward UNI") == [NAMES, IMAGE]
    assert leaks(f"on port 26131 → forward PACS on failure → {CLEAN} → forward UNI") == []


def test_no_route_cleans_for_another(leaks):
    assert leaks(f"on port 26131 → {CLEAN} → forward CLOUD\non port 26131 → forward UNI") == [NAMES, IMAGE]


# --- what it says -----------------------------------------------------------------------------------------------------


def test_a_straight_way_needs_no_words(way):
    assert way("on port 26131 → anonymize → forward UNI") == ""


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (
            "on port 26131 → anonymize → choose when Modality = US → anonymize-pixels end → forward UNI",
            "port 26131 → choose at line 7 (no case fits) → forward UNI",
        ),
        (
            "on port 26131 → anonymize\n → choose\n  when Modality = US → anonymize-pixels\n  otherwise → hold\n"
            " end → forward UNI",
            "port 26131 → otherwise at line 10 → forward UNI",
        ),
        (
            "route x on port 26131\n → choose\n  when Modality = US → choose when Rows = 1 → forward UNI end\n end",
            "route x → case at line 9 → case at line 9 → forward UNI",
        ),
        (
            "steps send = → store by PatientID → forward UNI\non port 26131 → hold on failure → send",
            "port 26131 → on failure (as it was received) → steps send at line 8 → forward UNI",
        ),
        (
            "steps tidy = → choose when Modality = US → anonymize-pixels end\n"
            "on port 26131 → anonymize → tidy → forward UNI",
            "port 26131 → steps tidy at line 8 → choose at line 7 (no case fits) → forward UNI",
        ),
        (
            "on port 26131 → choose when Modality = US → anonymize otherwise → anonymize-pixels end\n"
            "→ choose when Rows = 1 → hold otherwise → store by PatientID end → forward UNI",
            "port 26131 → case at line 7 → forward UNI",
        ),
    ],
)
def test_a_roundabout_way_is_told_by_the_turns_that_matter(way, rules, words):
    assert way(rules) == f"the way there: {words}"


def test_the_way_is_told_in_german(way):
    rules = (
        "steps send = → choose when Rows = 1 → forward UNI end\non port 26131 → choose when Modality = US → send end "
        "on failure → choose when Modality = US → anonymize otherwise → send end"
    )
    assert way(rules, "de") == (
        "der Weg dorthin: port 26131 → Fall in Zeile 8 → steps send in Zeile 8 → Fall in Zeile 7 → forward UNI"
    )


def test_the_help_names_the_step_that_cleans(compiled):
    told = {one.code: one for one in compiled(PLACES + "on port 26131 → forward UNI").findings if one.code in LEAKS}
    assert told["E402"].help.startswith("put `→ anonymize-pixels` before this step")
    assert told["E401"].help.startswith("put `→ anonymize` before this step")
    assert all("`outside trusted`" in one.help and "`outside trusted`" in one.texts("de").help for one in told.values())


# --- where something else is wrong ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "code"),
    [
        ("on port 26131 → anonymise → anonymise-pixels → forward UNI", "E103"),
        ("on port 26131 → store by PatientID anonymize → anonymize-pixels → forward UNI", "E106"),
        ("on port 26131 → hold anonymize → anonymize-pixels → forward UNI", "E106"),
        ("on port 26131 → anonymize anonymize-pixels → anonymize-pixels → frwrd UNI", "E103"),
        ("on port 26131 → anonymize → anonymize-pixels regions nowhere → forward UNI", "E104"),
        ("on port 26131 → forward UNY", "E104"),
        ("steps a = → b\nsteps b = → a\non port 26131 → a → forward UNI", "E110"),
        ('destination X = dicom "X@10.0.0.9:104" outside trustet\non port 26131 → forward X', "E105"),
        ('destination X = dicom "X@10.0.0.9:104" outside "\non port 26131 → forward X', "E002"),
        ("steps a = → choose anonymize end\non port 26131 → a → forward UNI", "E001"),
    ],
)
def test_a_mistake_that_may_hide_the_cleaning_is_told_once(leaks, compiled, rules, code):
    assert leaks(rules) == []
    assert code in {one.code for one in compiled(PLACES + rules).errors}


@pytest.mark.parametrize(
    "rules",
    [
        "on port 26131 where Modalty = US → forward UNI",
        "on port 26131 → store by PatientNam → forward UNI",
        "on port 26131 → forward UNI during nights",
        "on port 26131 → forward UNI, NOWHERE",
        "on every day at 03:00 → forward UNI",
        "on port 26131 → hold → forward UNI\non port 26132 → anonymise → hold",
        "on port 26131 → choose when Modality = US → anonymise end → forward UNI",
    ],
)
def test_a_mistake_elsewhere_does_not_hide_a_leak(leaks, compiled, rules):
    assert leaks(rules) == [NAMES, IMAGE]
    assert {one.code for one in compiled(PLACES + rules).errors} > set(LEAKS)


def test_a_destination_of_a_kind_that_is_not_built_is_outside_too(leaks):
    folder = 'destination UNI = folder "/mnt/uni" outside\n'
    assert leaks("on port 26131 → forward UNI", folder) == [NAMES, IMAGE]
    assert leaks("on port 26131 → forward UNI", folder.replace("outside", "outside trusted")) == []


def test_a_title_or_a_contact_may_be_called_like_a_word_of_the_language(leaks):
    title = 'destination T = dicom "T@10.0.0.9:104" as outside\n'
    assert leaks("on port 26131 → forward T", title) == []
    trusted = 'destination UNI = dicom "T@10.0.0.9:104" as trusted outside\n'
    assert leaks("on port 26131 → forward UNI", trusted) == [NAMES, IMAGE]
    contact = 'contact anonymize = "it@praxis.example"\n'
    assert leaks(f"{contact}on port 26131 → mail anonymize → forward UNI") == [NAMES, IMAGE]


def test_leaks_do_not_hide_what_can_never_happen(compiled):
    codes = [one.code for one in compiled(PLACES + 'on port 26131 → forward UNI → discard "x" → hold').findings]
    assert {"E401", "E402", "W302"} <= set(codes)


def test_named_steps_within_named_steps_take_no_longer_than_they_are_many(leaks):
    rules = "".join(f"steps s{number} = → s{number - 1} → s{number - 1}\n" for number in range(1, 60))
    assert leaks(f"steps s0 = → forward UNI\n{rules}on port 26131 → s59 → nosuchstep") == [NAMES, IMAGE]
