"""The story of a rule file: parse → resolve → bind → check → lower.

Pure but for the given `read`. A user's mistake is a finding; nothing here raises for any text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from dsl import ast
from dsl.bind import bind
from dsl.checks import check, check_leaving, check_meaning
from dsl.finding import Finding, finding
from dsl.lower import lower
from dsl.resolve import resolve
from dsl.trials import trials
from engine.program import Program
from engine.signature import Vocabulary
from engine.trial import Trial

__all__ = ["Compiled", "compile_files", "compile_text"]


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of the text. `program` is None when any finding is an error.

    trials: the tests as the engine runs them, one for each of `tests`; none where there is no program.
    """

    program: Program | None
    findings: tuple[Finding, ...]
    tests: tuple[ast.Test, ...]
    files: tuple[str, ...]
    sources: Mapping[str, str]
    trials: tuple[Trial, ...] = ()
    statements: tuple[ast.Statement, ...] = ()

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings that keep the program from running."""
        return tuple(one for one in self.findings if one.is_error)


def compile_text(text: str, *, name: str, vocabulary: Vocabulary, read: Callable[[str], str]) -> Compiled:
    """Compile one text; `name` is the file it stands for, and what it includes is read relative to that."""
    return _compile({name: text}, vocabulary, read)


def compile_files(names: Sequence[str], *, vocabulary: Vocabulary, read: Callable[[str], str]) -> Compiled:
    """Compile several files into one program: what one declares, all may use. One that cannot be read is a finding."""
    texts: dict[str, str] = {}
    missing = [] if names else [finding("E111/none", ast.Span("", 1, 1, 1, 1))]
    for name in names:
        try:
            texts[name] = read(name)
        except (OSError, ValueError):
            missing.append(finding("E111/given", ast.Span(name, 1, 1, 1, 1), word=name))
    return _compile(texts, vocabulary, read, missing)


def _compile(
    given: Mapping[str, str],
    vocabulary: Vocabulary,
    read: Callable[[str], str],
    missing: Sequence[Finding] = (),
) -> Compiled:
    rules, resolving = resolve(given, read, frozenset(vocabulary.steps))
    bound = bind(rules, vocabulary)
    found = [*missing, *resolving, *bound.findings, *check(rules, vocabulary)]
    if not any(one.is_error for one in found):
        found += check_meaning(rules, vocabulary)
    found += check_leaving(rules, vocabulary)
    order = {file: place for place, file in enumerate(rules.files)}
    findings = sorted(
        dict.fromkeys(_without_echoes(found)),
        key=lambda one: (order.get(one.span.file, -1), one.span, one.message),
    )
    broken = any(one.is_error for one in findings)
    program = None if broken else lower(rules, bound.arguments)
    return Compiled(
        program,
        tuple(findings),
        tuple(statement for statement in rules.statements if isinstance(statement, ast.Test)),
        rules.files,
        rules.sources,
        () if program is None else trials(rules, bound.arguments, program),
        tuple(rules.statements),
    )


def _without_echoes(findings: Sequence[Finding]) -> list[Finding]:
    """Not "never used" for a name that is wrong itself, or that a misspelt word seems to mean."""
    meant = {dict(one.words).get("guess") for one in findings}
    wrong = {one.span for one in findings if one.is_error}
    return [
        one for one in findings if one.code != "W120" or not (one.span in wrong or dict(one.words)["word"] in meant)
    ]
