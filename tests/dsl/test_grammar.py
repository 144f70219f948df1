"""The grammar itself: without hidden choices, and it reads every file that the language was designed with."""

from pathlib import Path

import pytest
from lark import Lark

from dsl import render
from dsl.compile import compile_files, compile_text
from dsl.parse import grammar, parse, plain
from engine.vocabulary import vocabulary

RULES = Path(__file__).parents[2] / "rules"
EXAMPLES = sorted(RULES.glob("examples/*.rules"))
HEAD = 'destination PACS_A = dicom "PACS_A@192.168.10.5:104"\ncontact admin = "it@praxis-nord.example"\n'
MANDATED = (
    "on port 26131 where Modality=US → anonymize-pixels → store by Institution/PatientName"
    " → forward PACS_A → mail admin"
)


def no_file(path: str) -> str:
    raise FileNotFoundError(path)


def read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8")


def test_the_grammar_has_no_hidden_choices():
    Lark(grammar(), parser="lalr", strict=True)


@pytest.mark.parametrize("arrow", [" → ", "→", " -> ", "->", "\n→\n", "\t->\t"])
def test_both_arrows_mean_the_same_with_and_without_spaces(arrow):
    wanted = compile_text(HEAD + MANDATED, name="a.rules", vocabulary=vocabulary(), read=no_file)
    other = compile_text(HEAD + MANDATED.replace(" → ", arrow), name="b", vocabulary=vocabulary(), read=no_file)
    assert not wanted.findings
    assert not other.findings
    assert wanted.program is not None
    assert other.program is not None
    assert wanted.program.digest == other.program.digest


@pytest.mark.parametrize("path", [*EXAMPLES, *RULES.glob("*.rules")], ids=lambda path: path.name)
def test_every_shipped_file_is_read_to_its_end(path):
    parsed = parse(plain(path.read_text(encoding="utf-8")), path.name)
    assert parsed.unread == ()
    assert parsed.statements


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_refused_only_for_what_is_not_built(path):
    result = compile_text(read(str(path)), name=str(path), vocabulary=vocabulary(), read=read)
    assert {finding.code for finding in result.errors} <= {"E108"}, render.render(result.findings, result.sources)


def test_the_first_example_and_the_house_rules_compile_without_a_word():
    for name in ("house.rules", "examples/1-first.rules"):
        result = compile_files([str(RULES / name)], vocabulary=vocabulary(), read=read)
        assert result.findings == ()
        assert result.program is not None


def test_the_house_rules_receive_store_and_forward_nothing():
    program = compile_files([str(RULES / "house.rules")], vocabulary=vocabulary(), read=read).program
    assert program is not None
    assert [listener.port for listener in program.listeners] == [26131, 26130, 26230]
    assert program.destinations == ()
    assert [route.name for route in program.routes] == ["received", "sent", "ultrasound"]


def test_the_commented_lines_of_the_house_rules_compile():
    text = read(str(RULES / "house.rules"))
    head, _, tail = text.partition("# destination")
    text = head + ("# destination" + tail).replace("# ", "").replace("#\n", "\n")
    text = text.replace("# regions our-sono", "regions our-sono").replace("#   blank", "  blank")
    result = compile_text(text, name="house.rules", vocabulary=vocabulary(), read=lambda name: read(str(RULES / name)))
    assert result.findings == ()
    assert len(result.program.routes) == 4
    assert result.program.regions[0].name == "our-sono"  # what is written there goes before the library


def test_files_of_a_folder_share_their_declarations_whatever_their_order():
    files = {"a.rules": MANDATED, "b.rules": HEAD}
    for names in (["a.rules", "b.rules"], ["b.rules", "a.rules"]):
        result = compile_files(names, vocabulary=vocabulary(), read=files.__getitem__)
        assert result.findings == ()
        assert result.files == tuple(names)


def test_a_given_file_that_is_not_there_is_a_finding():
    for names in ([], ["nowhere.rules"]):
        result = compile_files(names, vocabulary=vocabulary(), read=no_file)
        assert [finding.code for finding in result.findings] == ["E111"]
        assert result.program is None
        assert render.render(result.findings, result.sources).startswith("error[E111]: ")


def test_a_file_is_read_once_however_often_it_is_included():
    files = {"x/a.rules": 'include "../b.rules"\ninclude "../b.rules"\n' + MANDATED, "b.rules": HEAD}
    result = compile_files(["x/a.rules"], vocabulary=vocabulary(), read=files.__getitem__)
    assert result.findings == ()
    assert result.files == ("x/a.rules", "b.rules")
