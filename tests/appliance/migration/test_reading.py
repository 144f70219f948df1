"""Whatever a configuration holds: a report, never an exception, and rules that compile and mean the same."""

import re
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from appliance.migration.conditions import Untranslatable, written
from appliance.migration.desk import compiles
from appliance.migration.layouts import layout
from appliance.migration.markup import DEEPEST, Unreadable, read
from appliance.migration.migrate import migrate
from appliance.migration.pixels import regions, sections
from appliance.migration.script import METHODS, All, BadScript, Constant, Expression, Not, Question, Some, parse
from appliance.migration.scripts import reader
from appliance.migration.stages import HANDLERS
from appliance.migration.ways_in import IMPORTS
from appliance.migration.words import _WORDS
from dsl.compile import compile_text
from engine.condition import holds
from engine.vocabulary import vocabulary
from tests.data.make import Seen

SLOW = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])

VALUES = some.sampled_from(["us", "ct", "ge", "logiq e9", "dose report", "a/b", "x.y", "(c)"])
KEYWORDS = ["Modality", "Manufacturer", "StationName"]
TESTS = some.builds(
    Question, some.sampled_from(KEYWORDS), some.sampled_from([m for m in METHODS if m[:2] not in ("is", "ma")]), VALUES
)
TREES: some.SearchStrategy[Expression] = some.recursive(
    TESTS | some.builds(Constant, some.booleans()),
    lambda inner: (
        some.builds(Not, inner)
        | some.builds(lambda parts: All(tuple(parts)), some.lists(inner, min_size=2, max_size=3))
        | some.builds(lambda parts: Some(tuple(parts)), some.lists(inner, min_size=2, max_size=3))
    ),
    max_leaves=8,
)


def ctp(expression: Expression) -> str:
    """As it would stand in a script of CTP's."""
    match expression:
        case Question(element, method, text):
            return f'{element}.{method}("{text}")'
        case Constant(value):
            return "true." if value else "false."
        case Not(inner):
            return f"!({ctp(inner)})"
        case All(parts):
            return " * ".join(f"({ctp(part)})" for part in parts)
        case Some(parts):
            return "\n + ".join(f"({ctp(part)})" for part in parts)


def meant(expression: Expression, values: dict[str, str]) -> bool:
    """What CTP answers, for values in lower case."""
    match expression:
        case Question(element, method, text):
            value = values.get(element, "")
            match method.removesuffix("IgnoreCase"):
                case "equals":
                    return value == text
                case "contains":
                    return text in value
                case "startsWith":
                    return value.startswith(text)
            return value.endswith(text)
        case Constant(value):
            return value
        case Not(inner):
            return not meant(inner, values)
        case All(parts):
            return all(meant(part, values) for part in parts)
        case Some(parts):
            return any(meant(part, values) for part in parts)


def answered(condition: str, values: dict[str, str]) -> bool:
    """What our rules answer."""
    text = f"on port 1 where {condition} → store by PatientID"
    program = compile_text(text, name="x", vocabulary=vocabulary(), read=str).program
    assert program is not None
    where = program.routes[0].where
    assert where is not None
    return holds(where, Seen(values, today=date(2026, 1, 1)))


@SLOW
@given(TREES, some.dictionaries(some.sampled_from(KEYWORDS), VALUES))
def test_a_condition_means_what_it_meant_in_ctp(expression: Expression, values: dict[str, str]) -> None:
    read_again = parse(ctp(expression))
    assert meant(read_again, values) == meant(expression, values)
    if isinstance(read_again, Constant):
        assert read_again.value == meant(expression, values)
        return
    condition = written(read_again)
    assert answered(condition, values) == meant(expression, values)


@pytest.mark.parametrize(
    ("script", "condition"),
    [
        ('Modality.equals("US")', 'Modality = "US"'),
        ('[0008,0060].equals("US") * !Rows.equals("600")', '(0008,0060) = "US" and not Rows = 600'),
        ('Modality.equals("") + A.equals("x") // no', None),
        ('Rows.isLessThan("600")', "Rows < 600"),
        ('Modality.matches("C[TR]")', "Modality matches /^(?:C[TR])$/"),
        ('StationName.matches("a/b")', r"StationName matches /^(?:a\/b)$/"),
        ('PatientName.isLessThan("5")', None),
        ('[0029[SIEMENS CSA HEADER]10].contains("x")', '(0029,"SIEMENS CSA HEADER",10) contains "x"'),
        ('ProcedureCodeSequence::CodeValue.equals("T1")', 'ProcedureCodeSequence.CodeValue = "T1"'),
        ('ImageType.contains("ORIGINAL\\PRIMARY")', 'ImageType contains "ORIGINAL" and ImageType contains "PRIMARY"'),
        ('true. * Modality.equals("US")', 'Modality = "US"'),
        ('Modality.contains("") * Modality.equals("US")', 'Modality = "US"'),
    ],
)
def test_how_a_condition_is_written(script: str, condition: str | None) -> None:
    if condition is None:
        with pytest.raises(Untranslatable):
            written(parse(script))
    else:
        assert written(parse(script)) == condition
        assert compiles(f"on port 1 where {condition} → store by PatientID")


@pytest.mark.parametrize("script", ["", "Modality", 'Modality.is("x")', 'Modality.equals("x"', "(" * 60, "!" * 2000])
def test_what_ctp_could_not_read_is_said(script: str) -> None:
    with pytest.raises(BadScript):
        parse(script)


@SLOW
@given(some.text(alphabet='{}()[]!*+./"\\, ModalityequalsRows0123-\n', max_size=200))
def test_any_pixel_script_makes_regions_that_compile_or_a_word(text: str) -> None:
    made = regions(text, "device", compiles)
    assert made.notes or made.lines
    rules = "\n".join([*made.lines, "on port 1 → anonymize-pixels → store by PatientID"])
    assert compiles(rules)
    assert sum(1 for _ in sections(text)) <= text.count("{")


def test_one_pixel_more_as_ctp_blanked_it_but_never_beyond_the_image() -> None:
    script = '{Rows.equals("100")*Columns.equals("200")}(0,0,200,30)(10,20,30,40)(-50,-10,50,5)(190,0,50,10)'
    (line,) = regions(script, "device", compiles).lines
    assert line.endswith("blank (0, 0, 200, 31), (10, 20, 31, 41), (right 50, bottom 10, 50, 6), (190, 0, 10, 11)")
    script = '{Modality.equals("US")}(0,0,200,30)'
    (line,) = regions(script, "device", compiles).lines
    assert line.endswith("blank (0, 0, 200, 30)"), "who knows how large the image is"


def test_one_section_that_cannot_be_said_makes_the_script_incomplete() -> None:
    script = '{PatientName.isLessThan("5")}(0,0,9,9) {Modality.equals("US")}(0,0,200,30)'
    assert not regions(script, "device", compiles).complete
    assert regions(script[script.index("{Mod") :], "device", compiles).complete


@pytest.mark.parametrize(
    ("structure", "by"),
    [
        ("{InstitutionName}/{PatientName}", "InstitutionName/PatientName"),
        ("[0008,0080]/(0010,0010)/(00100020)", "(0008,0080)/(0010,0010)/(0010,0020)"),
        ("Praxis/[0019[GEMS_ACQU_01]10]", '"Praxis"/(0019,"GEMS_ACQU_01",10)'),
        ("{PatientName}_{StudyDate}", "PatientName/StudyDate"),
        ("", "StudyInstanceUID"),
        ("{Nonsense}", "StudyInstanceUID"),
    ],
)
def test_a_structure_becomes_a_layout(structure: str, by: str) -> None:
    assert layout(structure)[0] == by
    assert compiles(f"on port 1 → store by {by}")


@SLOW
@given(some.binary(max_size=300) | some.text(max_size=300).map(str.encode))
def test_any_bytes_make_a_report(data: bytes) -> None:
    made = migrate(data, lambda _: None)
    assert made.refusal
    assert made.report("en") == [made.refusal]


WORDS = some.text(max_size=12) | some.sampled_from(
    ["104", "26131", "yes", "no", "/srv/a", "{PatientName}", "a@b.example", "it@praxis.example", "C[TR]"]
)
URLS = some.text(max_size=12) | some.sampled_from(
    ["dicom://A:B@h:104", "dicom://A:B@8.8.8.8:104", "https://u:secret@8.8.8.8/x", "http://u:secret@[::1", "//secret@"]
)
NAMED = (
    *("name", "root", "port", "script", "dicomScript", "structure", "import", "to", "subject", "ssl", "quarantine"),
    *("enableExport", "timeDepth"),
)
ATTRIBUTES = some.builds(
    lambda words, url: words | {"url": url}, some.dictionaries(some.sampled_from(NAMED), WORDS), URLS
)
KINDS = some.sampled_from([*IMPORTS, *HANDLERS, "Unheard"])
STAGES = some.tuples(KINDS, ATTRIBUTES, some.lists(ATTRIBUTES, max_size=2))
SCRIPTS = some.sampled_from([None, "", "true.", 'Modality.equals("US")', '{Modality.equals("US")}(0,0,9,9)', "{"])


def xml(pipelines: list[list[tuple[str, dict[str, str], list[dict[str, str]]]]]) -> bytes:
    def said(values: dict[str, str]) -> str:
        return "".join(f' {name}="{_escaped(value)}"' for name, value in values.items())

    lines = ["<Configuration>"]
    for stages in pipelines:
        lines.append('<Pipeline name="P">')
        for kind, values, admitted in stages:
            inner = "".join(f"<accept{said({'ip': one.get('name', ''), 'regex': 'yes'})}/>" for one in admitted)
            lines.append(f'<Stage class="org.{kind}" password="topsecret"{said(values)}>{inner}</Stage>')
        lines.append("</Pipeline>")
    return "\n".join([*lines, "</Configuration>"]).encode("utf-8", "replace")


def _escaped(value: str) -> str:
    plain = re.sub(r"[^\x20-\ud7ff\ue000-\ufffd]", "?", value)
    return plain.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


@settings(deadline=None, max_examples=80, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(some.lists(some.lists(STAGES, max_size=5), min_size=1, max_size=3), SCRIPTS, some.sampled_from(["en", "de"]))
def test_any_configuration_makes_rules_that_compile(
    pipelines: list[list[tuple[str, dict[str, str], list[dict[str, str]]]]], script: str | None, language: str
) -> None:
    made = migrate(xml(pipelines), lambda _: script, language)
    assert not made.refusal
    result = compile_text(made.text, name="x", vocabulary=vocabulary(), read=str)
    assert not result.errors, made.text
    said = made.text + "\n".join(made.report(language))
    assert "topsecret" not in said
    assert "secret@" not in said


def test_a_document_type_is_refused() -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Configuration>&a;</Configuration>'
    with pytest.raises(Unreadable) as refused:
        read(bomb)
    assert refused.value.key == "xml doctype"
    with pytest.raises(Unreadable):
        read(b"<a>" * (DEEPEST + 1) + b"</a>" * (DEEPEST + 1))


def test_scripts_are_read_below_the_folder_of_the_configuration_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "ctp" / "scripts").mkdir(parents=True)
    (tmp_path / "ctp" / "scripts" / "a.script").write_text("inside")
    (tmp_path / "outside.script").write_text("outside")
    script = reader(tmp_path / "ctp" / "config.xml")
    assert script("scripts/a.script") == script(r"D:\CTP\scripts\a.script") == "inside"
    assert script("../outside.script") is None
    assert script(str(tmp_path / "outside.script")) is None
    assert script("a\0b") is None


def test_every_word_is_there_in_both_languages_with_the_same_facts() -> None:
    for key, (english, german) in _WORDS.items():
        assert english, key
        assert set(re.findall(r"\{(\w+)\}", english)) == set(re.findall(r"\{(\w+)\}", german)), key
