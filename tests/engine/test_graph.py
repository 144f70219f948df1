"""The program as a graph: the ways of the mandated line, what is clean on each of them, and the drawing."""

import re
from datetime import time

import pytest

from engine.condition import Condition
from engine.graph import Edge, Graph
from engine.graph import graph as graph_of
from engine.plan import prepare
from engine.program import Call, Case, Choose, Chore, Program
from engine.run import run
from engine.schedule import Daily, OnTrouble
from engine.vocabulary import vocabulary
from tests.data.make import (
    FakeBench,
    clean,
    discard,
    equals,
    forward,
    hold,
    mail,
    obj,
    path,
    program,
    put,
    route,
    store,
    word,
)

US, CT = equals("Modality", "US"), equals("Modality", "CT")
MANDATED = program(route("us", clean(), store("Institution", "PatientName"), forward("PACS"), mail("admin"), where=US))
ANONYMIZE = Call("anonymize", {})


def choice(*cases: tuple[Condition, tuple[Call | Choose, ...]], otherwise: tuple[Call, ...] | None = None) -> Choose:
    """`choose when … otherwise … end`."""
    return Choose(tuple(Case(where, chain) for where, chain in cases), otherwise)


def graph(some: Program) -> Graph:
    """The graph, with what our own steps make clean."""
    return graph_of(some, vocabulary().clears)


def clean_at(some: Program, node: str) -> set[str]:
    """What is known to be clean when an object leaves this node."""
    return set(graph(some).nodes[node].clean)


def test_the_mandated_line_leads_from_port_to_mail() -> None:
    drawn = graph(MANDATED)
    assert drawn.edges == (
        Edge("on port 11112", "us/1", "Modality = US"),
        Edge("us/1", "us/2"),
        Edge("us/2", "archive.store"),
        Edge("us/2", "us/3"),
        Edge("us/3", "PACS"),
        Edge("us/3", "us/4"),
        Edge("us/4", "admin.mail"),
    )
    assert {node.id: node.kind for node in drawn.nodes.values()} == {
        "on port 11112": "source",
        "us/1": "step",
        "us/2": "step",
        "archive.store": "outbox",
        "us/3": "step",
        "PACS": "outbox",
        "us/4": "step",
        "admin.mail": "outbox",
    }


def test_what_a_step_has_cleaned_stays_clean_behind_it() -> None:
    assert clean_at(MANDATED, "on port 11112") == set()
    assert [clean_at(MANDATED, f"us/{n}") for n in (1, 2, 3, 4)] == [{"pixels"}] * 4
    both = program(route("r", ANONYMIZE, clean(), forward("PACS")))
    assert [clean_at(both, f"r/{n}") for n in (1, 2, 3)] == [{"header"}, {"header", "pixels"}, {"header", "pixels"}]


@pytest.mark.parametrize(
    ("choose", "after"),
    [
        (choice((US, (clean(),)), (CT, (clean(),)), otherwise=(clean(),)), {"pixels"}),
        (choice((US, (clean(),)), (CT, (ANONYMIZE,)), otherwise=(clean(),)), set()),
        (choice((US, (clean(), ANONYMIZE)), otherwise=(ANONYMIZE,)), {"header"}),
        (choice((US, (clean(),))), set()),
        (choice((US, (clean(),)), otherwise=()), set()),
        (choice((US, (clean(),)), otherwise=(discard("x"),)), {"pixels"}),
        (choice((US, (discard("x"),)), otherwise=(clean(),)), {"pixels"}),
        (choice((US, ()), otherwise=(clean(),)), set()),
        (choice((US, (choice((CT, (clean(),)), otherwise=(clean(),)),)), otherwise=(clean(),)), {"pixels"}),
        (choice((US, (choice((CT, (clean(),))),)), otherwise=(clean(),)), set()),
    ],
)
def test_behind_a_choose_is_clean_what_is_clean_on_every_way(choose: Choose, after: set[str]) -> None:
    assert clean_at(program(route("r", choose, forward("PACS"))), "r/2") == after


def test_a_choose_without_otherwise_lets_the_object_pass() -> None:
    drawn = graph(program(route("r", choice((US, (store(),))), forward("PACS"))))
    assert Edge("r/1", "r/2", "otherwise") in drawn.edges
    assert Edge("r/1", "r/1.1.1", "Modality = US") in drawn.edges
    assert Edge("r/1.1.1", "r/2") in drawn.edges


def test_nothing_follows_a_discard() -> None:
    drawn = graph(program(route("r", discard("x"), forward("PACS"))))
    assert "PACS" not in drawn.reachable("on port 11112")
    assert "r/1" in drawn.reachable("on port 11112")


def test_the_failure_chain_begins_anew_and_nothing_is_clean_there() -> None:
    some = program(route("r", clean(), forward("PACS"), failure=(forward("READER"), hold())))
    drawn = graph(some)
    assert Edge("r/failure", "r/f.1") in drawn.edges
    assert Edge("r/f.1", "READER") in drawn.edges
    assert Edge("r/f.2", "hold") in drawn.edges
    assert clean_at(some, "r/f.1") == set()
    assert "r/f.1" not in drawn.reachable("on port 11112")


def test_each_step_leads_to_the_outboxes_that_it_promises_to() -> None:
    chain = (
        store(folder="teaching"),
        forward("PACS", "READER"),
        mail("admin", "doctor"),
        hold(),
        put("Modality", "OT"),
    )
    drawn = graph(program(route("r", *chain)))
    outboxes = {edge.end for edge in drawn.edges if drawn.nodes[edge.end].kind == "outbox"}
    assert outboxes == {"teaching.store", "PACS", "READER", "admin.mail", "doctor.mail", "hold"}


@pytest.mark.parametrize("modality", ["US", "CT", "MR"])
def test_every_promise_of_a_run_lies_on_an_edge_of_the_graph(modality: str) -> None:
    some = program(
        route("a", choice((US, (store(), mail("admin"))), (CT, (forward("PACS", "READER"),))), store(folder="x")),
        route("b", choice((US, ()), otherwise=(hold(),)), clean(), failure=(forward("PACS"),)),
    )
    drawn = graph(some)
    reached = drawn.reachable("on port 11112") | drawn.reachable("b/failure")
    outcome = run(prepare(some), obj({"Modality": modality, "PatientID": "1"}), FakeBench(some, refuses="no"))
    assert len(outcome.deliveries) >= 2
    for delivery in outcome.deliveries:
        assert Edge(f"{delivery.route}/{delivery.position}", delivery.outbox) in drawn.edges
        assert delivery.outbox in reached


def test_two_routes_from_one_port_share_its_node() -> None:
    drawn = graph(program(route("a", store()), route("b", store())))
    assert [edge.end for edge in drawn.edges if edge.start == "on port 11112"] == ["a/1", "b/1"]
    assert list(drawn.nodes).count("archive.store") == 1


# --- the drawing ------------------------------------------------------------------------------------------------------


def test_what_works_by_the_clock_is_a_way_of_its_own() -> None:
    purge = Call("purge", {"folder": word("teaching")})
    some = Program(chores=(Chore("nightly", Daily(time(3), (5, 6)), (purge,), "a.rules:1"),))
    found = graph_of(some, {})
    [source, step] = found.nodes.values()
    assert (source.kind, source.label) == ("source", "on every day at 03:00 on saturday, sunday")
    assert (step.kind, step.label) == ("step", "purge teaching")
    assert found.edges == (Edge(source.id, step.id),)


def test_the_mandated_line_is_drawn() -> None:
    assert graph(MANDATED).mermaid() == (
        "flowchart LR\n"
        '    n0(["on port 11112"])\n'
        '    n1["anonymize-pixels"]\n'
        '    n2["store Institution/PatientName"]\n'
        '    n3[("archive.store")]\n'
        '    n4["forward PACS"]\n'
        '    n5[("PACS")]\n'
        '    n6["mail admin"]\n'
        '    n7[("admin.mail")]\n'
        '    n0 -->|"Modality = US"| n1\n'
        "    n1 --> n2\n"
        "    n2 --> n3\n"
        "    n2 --> n4\n"
        "    n4 --> n5\n"
        "    n4 --> n6\n"
        "    n6 --> n7\n"
    )


def test_no_word_of_a_rule_can_break_out_of_its_label() -> None:
    nasty = 'x"] --> n0; <script>alert(1)</script> #quot; |"'
    drawn = graph(
        program(
            route(
                "r",
                hold(nasty),
                Call("store", {"layout": path(word("PatientID"))}),
                where=equals("InstitutionName", nasty),
            )
        )
    ).mermaid()
    for line in drawn.splitlines()[1:]:
        assert re.fullmatch(
            r' +n\d+(\(\["[^"<>]*"\]\)|\[\("[^"<>]*"\)\]|\{"[^"<>]*"\}|\["[^"<>]*"\])', line
        ) or re.fullmatch(r' +n\d+ -->(\|"[^"<>]*"\|)? n\d+', line), line
    assert "#35;quot;" in drawn


def test_what_is_done_on_trouble_is_drawn_as_a_way_of_its_own() -> None:
    alarm = Call("alarm", {"contacts": word("admin")})
    some = graph_of(Program(chores=(Chore("rings", OnTrouble(), (alarm,), "a.rules:1"),)), {})
    [source, step] = some.nodes.values()
    assert (source.kind, source.label, step.label) == ("source", "on trouble lasting 5 minutes", "alarm admin")
    assert [(edge.start, edge.end) for edge in some.edges] == [(source.id, step.id)]
