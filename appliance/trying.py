"""The tests that stand in the rules, tried: a program whose own examples fail is refused like one with a mistake."""

from dataclasses import replace
from datetime import datetime

from dsl import ast
from dsl.compile import Compiled
from dsl.finding import Finding, finding
from engine.plan import prepare
from engine.rehearsal import Verdict, rehearse


def tried(compiled: Compiled) -> Compiled:
    """The same with a finding for each expectation that is not met; without a program where there is one."""
    if compiled.program is None or not compiled.trials:
        return compiled
    verdicts, _ = rehearse(prepare(compiled.program), compiled.trials, datetime.now().astimezone())
    found = [
        one
        for test, verdict in zip(compiled.tests, verdicts, strict=True)
        if not verdict.passed
        for one in findings(test, verdict)
    ]
    if not found:
        return compiled
    return replace(compiled, program=None, findings=(*compiled.findings, *found), trials=())


def findings(test: ast.Test, verdict: Verdict) -> list[Finding]:
    """What to say of a test that fails."""
    title = f'"{test.title.text}"'
    if verdict.trouble:
        return [finding(f"E504/{verdict.trouble}", test.title.span, word=title, given=verdict.word)]
    happens = ", ".join(verdict.happened)
    return [
        finding("E504" if wanted.wanted else "E504/unwanted", wanted.call.span, word=title, happens=happens)
        for wanted in (test.expects[number] for number in verdict.unmet)
    ]
