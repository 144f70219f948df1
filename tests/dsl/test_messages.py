"""Every sentence exists in both languages, says its facts, and speaks like a person."""

import re
import string

import pytest
from lark import Lark

from dsl.codes import CODES
from dsl.messages import ADVICE, MESSAGES, NOTES
from dsl.parse import grammar
from dsl.phrases import PHRASES, fitting
from engine import parameters as kinds
from engine.signature import Argument, Misfit

PARSER_WORDS = re.compile(
    r"(?i)\b(token|eof|identifier|terminal|lexer|parser?|syntax|ast|grammar|unexpected|literal)\b"
)


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("code", CODES)
def test_every_code_has_words_in_both_languages(code):
    found = [key for key in MESSAGES if key.partition("/")[0] == code]
    assert found
    for key in found:
        for text in (MESSAGES[key].en, MESSAGES[key].de):
            assert all(text), key


def test_every_message_has_a_code():
    assert {key.partition("/")[0] for key in MESSAGES} == set(CODES)


@pytest.mark.parametrize("key", MESSAGES)
def test_both_languages_tell_the_same_facts(key):
    en, de = MESSAGES[key].en, MESSAGES[key].de
    assert fields("".join(en)) == fields("".join(de))
    assert en != de


def test_no_word_of_a_parser_is_said():
    names = {terminal.name for terminal in Lark(grammar(), parser="lalr").terminals}
    said = [part for message in MESSAGES.values() for text in (message.en, message.de) for part in text]
    said += [text for table in (ADVICE, NOTES, PHRASES) for pair in table.values() for text in pair]
    for text in said:
        assert not PARSER_WORDS.search(text), text
        words = set(re.findall(r"[A-Z_]{4,}", text)) - {"NAME", "CONDITION"}
        assert not words & names, text


PARAMETERS = [kind for kind in vars(kinds).values() if isinstance(kind, type) and hasattr(kind, "of")]


@pytest.mark.parametrize("kind", [k for k in PARAMETERS if k is not kinds.Names])
def test_what_fits_a_parameter_is_known_in_german(kind):
    nested = Argument("path", "", (Argument("clock", "1:1"),))
    for argument in (Argument("list", "", (nested,)), Argument("clock", "")):
        try:
            kind.of(argument)
        except Misfit as misfit:
            known = fitting(misfit.expected)
        except (TypeError, ValueError):
            continue
        else:
            continue
        assert known.startswith("@"), known
