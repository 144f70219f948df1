"""Signatures: one line says what a component takes; every way of writing it binds, every mistake is named."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.keeping import Few
from engine.parameters import (
    Addresses,
    AETitles,
    Count,
    Destinations,
    Folder,
    Layout,
    Networks,
    Node,
    Port,
    TagName,
    Text,
    Time,
    Word,
)
from engine.signature import Argument, Misfit, Parameter, Problem, Signature
from engine.tags import path_of
from engine.values import Duration
from tests.data.make import names, number, path, text, word

STORE = Signature.of("store [in FOLDER] by LAYOUT", {"folder": Folder, "layout": Layout})
SET = Signature.of("set TAG to VALUE", {"tag": TagName, "value": Text})
WAY = Signature.of(
    "dicom ADDRESS [as TITLE] [retry every EVERY for PATIENCE] [outside] [tls] [require certificate]",
    {"address": Node, "title": AETitles, "every": Time, "patience": Time},
    later=("tls",),
)


def duration(value: str) -> Argument:
    """A length of time."""
    return Argument("duration", value)


def test_a_line_is_taken_apart_into_its_name_and_groups() -> None:
    assert STORE.name == "store"
    assert [(str(group), group.optional, group.word) for group in STORE.groups] == [
        ("in FOLDER", True, "in"),
        ("by LAYOUT", False, "by"),
    ]
    assert [str(group) for group in SET.groups] == ["TAG", "to VALUE"]
    assert [str(group) for group in WAY.groups][2:] == [
        "retry every EVERY for PATIENCE",
        "outside",
        "tls",
        "require certificate",
    ]


def test_a_line_with_a_word_in_mixed_case_is_a_programmers_mistake() -> None:
    with pytest.raises(ValueError, match="not a signature"):
        Signature.of("store [in Folder]")


def test_the_groups_may_come_in_any_order() -> None:
    groups = [
        [text("PACS@host:104")],
        [word("as"), word("US")],
        [word("retry"), word("every"), duration("1 minute"), word("for"), duration("3 days")],
        [word("outside")],
        [word("require"), word("certificate")],
    ]
    for order in itertools.permutations(groups):
        bound, problem = WAY.bind([argument for group in order for argument in group])
        assert problem is None
        assert bound == {
            "address": text("PACS@host:104"),
            "title": word("US"),
            "every": duration("1 minute"),
            "patience": duration("3 days"),
            "outside": word("outside"),
            "require": word("require"),
        }


def test_what_may_be_left_out_may_be_left_out() -> None:
    assert STORE.bind([word("by"), path("PatientID")]) == ({"layout": path("PatientID")}, None)
    assert Signature.of("hold [WHY]", {"why": Text}).bind([]) == ({}, None)


def test_bound_arguments_are_read_into_values() -> None:
    bound, _ = STORE.bind([word("in"), text("teaching"), word("by"), path("Institution", text("US"))])
    assert STORE.read(bound) == {
        "folder": Folder("teaching"),
        "layout": Layout((("tag", "InstitutionName"), ("text", "US"))),
    }
    assert WAY.read({"outside": word("outside")}) == {"outside": True}


@pytest.mark.parametrize(
    ("signature", "arguments", "problem"),
    [
        (STORE, [], Problem("missing", -1, "by LAYOUT")),
        (STORE, [word("in"), text("x")], Problem("missing", 1, "by LAYOUT")),
        (STORE, [path("PatientID")], Problem("surplus", 0, "PatientID", path("PatientID"))),
        (STORE, [word("by"), word("PatientID"), word("now")], Problem("surplus", 2, "now", word("now"))),
        (
            STORE,
            [word("by"), word("PatientID"), word("by"), word("StudyDate")],
            Problem("surplus", 2, "by", word("by")),
        ),
        (STORE, [text("by"), word("PatientID")], Problem("surplus", 0, '"by"', text("by"))),
        (STORE, [word("by")], Problem("needs", 0, "LAYOUT")),
        (SET, [word("Modality"), word("to")], Problem("needs", 1, "VALUE")),
        (SET, [word("Modality"), text("x")], Problem("surplus", 1, '"x"', text("x"))),
        (SET, [word("Modality")], Problem("missing", 0, "to VALUE")),
        (SET, [word("Modalty"), word("to"), text("x")], Problem("tag", 0, "Modalty", word("Modalty"))),
        (STORE, [word("by"), path("Modalty")], Problem("tag", 1, "Modalty", path("Modalty"))),
        (
            STORE,
            [word("in"), text("a/b"), word("by"), word("PatientID")],
            Problem("misfit", 1, 'the name of a folder, like "teaching"', text("a/b")),
        ),
        (WAY, [text("PACS@host:104"), word("tls")], Problem("later", 1, "tls", word("tls"))),
        (
            WAY,
            [text("PACS@host:104"), word("retry"), word("each"), duration("1 day")],
            Problem("needs", 2, "every", word("each")),
        ),
        (WAY, [text("PACS@host:104"), word("require")], Problem("needs", 1, "certificate")),
    ],
)
def test_what_does_not_fit_is_named(signature: Signature, arguments: list[Argument], problem: Problem) -> None:
    assert signature.bind(arguments)[1] == problem


def test_of_a_list_the_item_at_fault_is_named() -> None:
    forward = Signature.of("forward DESTINATIONS", {"destinations": Destinations})
    listed = Argument("list", "", (word("PACS"), text("READER")))
    assert forward.bind([listed])[1] == Problem("misfit", 0, "the name of a destination", text("READER"))
    assert Destinations.of(names("PACS", "READER")).names == ("PACS", "READER")


@pytest.mark.parametrize(
    ("kind", "argument", "value"),
    [
        (Text, text("Praxis Nord"), Text("Praxis Nord")),
        (Text, word("Nord"), Text("Nord")),
        (Folder, text("Haus 2_b-c"), Folder("Haus 2_b-c")),
        (Word, word("basic"), Word("basic")),
        (TagName, word("Institution"), TagName(path_of("InstitutionName"))),
        (TagName, Argument("tag", "(0008,0080)"), TagName(path_of("InstitutionName"))),
        (Time, duration("2 minutes"), Time(Duration(2, "minute"))),
        (Count, number("3"), Count(3)),
        (Few, number("1000"), Few(1000)),
        (Port, number("65535"), Port(65535)),
        (AETitles, names("CT1", "MR_2"), AETitles(("CT1", "MR_2"))),
        (AETitles, number("1"), AETitles(("1",))),
        (Networks, Argument("network", "10.0.0.0/8"), Networks(("10.0.0.0/8",))),
        (Networks, text("fe80::/10"), Networks(("fe80::/10",))),
        (Addresses, text("it@praxis.example"), Addresses(("it@praxis.example",))),
        (Node, text("PACS_A@192.168.10.5:104"), Node("PACS_A", "192.168.10.5", 104)),
        (Node, text("PACS@[::1]:104"), Node("PACS", "::1", 104)),
        (Layout, word("PatientID"), Layout((("tag", "PatientID"),))),
        (Layout, path(text("dose"), "StudyDate"), Layout((("text", "dose"), ("tag", "StudyDate")))),
        (Layout, path("(6000,0010)"), Layout((("tag", "(6000,0010)"),))),
    ],
)
def test_a_value_of_its_kind_is_read(kind: type[Parameter], argument: Argument, value: object) -> None:
    assert kind.of(argument) == value


@pytest.mark.parametrize(
    ("kind", "argument"),
    [
        (Text, path("A", "B")),
        *((Folder, text(name)) for name in ("", "..", "a/b", "a\\b", "/etc", "a.b", " a", "a ", "-a", "a\0", "x" * 65)),
        *((Folder, text(name)) for name in ("spool", "Rules", "SPOOL")),
        (Folder, path("PatientID")),
        (Word, text("basic")),
        (TagName, text("Institution")),
        (Time, number("2")),
        *((Count, number(value)) for value in ("0", "1.5", "-1", "²")),
        *((Few, number(value)) for value in ("0", "1001", "1.5", "²")),
        *((Port, number(value)) for value in ("0", "65536", "1.5", "99999999999")),
        (Port, word("dicom")),
        *((AETitles, text(title)) for title in ("", " ", "x" * 17, "a\\b", "ÄET", "a\nb")),
        *((Networks, text(network)) for network in ("", "10.0.0", "10.0.0.0/33", "pacs.example")),
        *((Addresses, text(address)) for address in ("", "it", "it@", "a b@c", "it@a,b@c", "it@a\nBcc: x@y", "<a@b>")),
        (Addresses, word("admin")),
        *((Node, text(node)) for node in ("", "PACS", "PACS@host", "PACS@host:0", "PACS@host:70000", "PACS@ho st:104")),
        (Node, text("x" * 17 + "@host:104")),
        (Node, word("PACS")),
        (Layout, duration("2 days")),
    ],
)
def test_a_value_of_another_kind_is_a_misfit_with_an_example(kind: type[Parameter], argument: Argument) -> None:
    with pytest.raises(Misfit) as misfit:
        kind.of(argument)
    assert misfit.value.expected
    assert misfit.value.argument == argument


scalars = st.builds(Argument, st.sampled_from(["word", "text", "number", "duration", "tag"]), st.text(max_size=8))
arguments = st.recursive(
    scalars,
    lambda inner: st.builds(
        Argument, st.sampled_from(["path", "list"]), st.just(""), st.lists(inner, min_size=1, max_size=3).map(tuple)
    ),
    max_leaves=5,
)


@given(arguments)
def test_an_argument_survives_json(argument: Argument) -> None:
    assert Argument.from_json(argument.to_json()) == argument


@pytest.mark.parametrize("data", [None, 1, "x", [], {}, {"word": "a", "text": "b"}])
def test_what_is_no_argument_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="not an argument"):
        Argument.from_json(data)


@given(st.lists(arguments, max_size=5), st.sampled_from([STORE, SET, WAY]))
def test_nothing_that_is_written_makes_the_binder_raise(written: list[Argument], signature: Signature) -> None:
    bound, problem = signature.bind(written)
    if problem is None:
        assert len(signature.read(bound)) == len(bound)
    else:
        assert -1 <= problem.at < max(1, len(written))
        assert problem.kind in ("surplus", "missing", "needs", "misfit", "tag", "later")


def test_an_argument_is_shown_as_it_was_written() -> None:
    assert str(path("Institution", text("US"), "StudyDate")) == 'Institution/"US"/StudyDate'
    assert str(names("PACS", "READER")) == "PACS, READER"
