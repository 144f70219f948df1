"""AST → Trials: the tests of a rule file as the engine runs them.

Pure. It is only asked for rules without errors, and changes nothing of the program: a test on a port opens none.
"""

from collections.abc import Mapping

from dsl import ast
from dsl.bind import Arguments, argument
from dsl.lower import literal, way
from dsl.resolve import Rules
from engine.condition import Field
from engine.program import Call, Listener, Program
from engine.trial import Trial, Wanted


def trials(rules: Rules, arguments: Mapping[ast.Span, Arguments], program: Program) -> tuple[Trial, ...]:
    """Every test, in the order of the text."""
    return tuple(
        _trial(rules, arguments, program, statement)
        for statement in rules.statements
        if isinstance(statement, ast.Test)
    )


def _trial(rules: Rules, arguments: Mapping[ast.Span, Arguments], program: Program, statement: ast.Test) -> Trial:
    return Trial(
        statement.title.text,
        tuple((Field(given.field.text), literal(given.operand)) for given in statement.given),
        _source(arguments, program, statement),
        tuple(_wanted(rules, arguments, expect) for expect in statement.expects),
        f"{statement.span.file}:{statement.span.line}",
    )


def _source(arguments: Mapping[ast.Span, Arguments], program: Program, statement: ast.Test) -> Listener | None:
    call = statement.source
    if call is None:
        return None
    declared = next((one for one in program.listeners if one.name == call.name.text), None)
    return declared or way(call.name.text, arguments[call.span])


def _wanted(rules: Rules, arguments: Mapping[ast.Span, Arguments], expect: ast.Expect) -> Wanted:
    call = expect.call
    text = " ".join([call.name.text, *(str(argument(value)) for value in call.values)])
    if rules.knows("steps", call.name.text):
        return Wanted(expect.wanted, tuple(_steps(rules, arguments, call.name.text)), text)
    return Wanted(expect.wanted, (Call(call.name.text, arguments.get(call.span, {})),), text)


def _steps(rules: Rules, arguments: Mapping[ast.Span, Arguments], name: str) -> list[Call]:
    """The steps that a named piece of chain does in every case: what stands in a choose may be left out."""
    found: list[Call] = []
    declared = rules.declared("steps")[name]
    for node in declared.chain if isinstance(declared, ast.Steps) else ():
        if isinstance(node, ast.Choose):
            continue
        if rules.knows("steps", node.name.text):
            found += _steps(rules, arguments, node.name.text)
        else:
            found.append(Call(node.name.text, arguments.get(node.span, {})))
    return found
