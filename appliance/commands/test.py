"""test: try the examples that stand in the rules, and say what of the rules no example reaches."""

import argparse
import json
import sys
from datetime import datetime
from pathlib import Path

from appliance.commands.common import add_settings, settings_of, show_findings
from appliance.rulebook import RuleBook
from appliance.trying import findings
from dsl.compile import Compiled
from dsl.render import as_json, render
from engine.coverage import Coverage, Gap
from engine.plan import prepare
from engine.rehearsal import Verdict, rehearse

_GAPS = {
    "en": {
        "route": "no test takes this route",
        "case": "no test comes to this case",
        "otherwise": "in every test some case fits",
        "true": "in no test this is true",
        "false": "in no test this is false",
    },
    "de": {
        "route": "kein Test nimmt diese Route",
        "case": "kein Test kommt zu diesem Fall",
        "otherwise": "in jedem Test passt einer der Fälle",
        "true": "in keinem Test trifft das zu",
        "false": "in keinem Test trifft das nicht zu",
    },
}
_WORDS = {
    "en": ("ok", "FAILED", "tests: {all}, failed: {failed}", "{reached} of {points} ways through the rules are tried"),
    "de": (
        "gut",
        "FEHLER",
        "Tests: {all}, davon fehlgeschlagen: {failed}",
        "{reached} von {points} Wegen sind erprobt",
    ),
}


def add(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("path", nargs="?", type=Path, metavar="FILE|FOLDER", help="rules (default: those of --rules)")
    parser.add_argument("--coverage", action="store_true", help="also say what no test reaches")
    parser.add_argument("--json", action="store_true", help="all of it as JSON, for programs")
    parser.add_argument("--language", choices=("en", "de"), default="en", help="what the results are said in")
    add_settings(parser)


def run(arguments: argparse.Namespace) -> int:
    """0 when every test passes, 1 when one fails or the rules have mistakes."""
    settings = settings_of(arguments)
    result = RuleBook(arguments.path or settings.rules_path).compile()
    if result.program is None:
        show_findings(result, arguments.language)
        return 1
    verdicts, coverage = rehearse(prepare(result.program), result.trials, datetime.now().astimezone())
    if arguments.json:
        sys.stdout.write(json.dumps(_said(result, verdicts, coverage), ensure_ascii=False, indent=1) + "\n")
    else:
        _tell(result, verdicts, arguments.language)
        if arguments.coverage:
            _tell_gaps(coverage, arguments.language)
    return int(not all(verdict.passed for verdict in verdicts))


def _tell(result: Compiled, verdicts: tuple[Verdict, ...], language: str) -> None:
    fine, failed, total, _ = _WORDS[language]
    for test, verdict in zip(result.tests, verdicts, strict=True):
        print(f"{fine if verdict.passed else failed}: {verdict.trial.title} ({verdict.trial.written})")
        if not verdict.passed:
            print(render(findings(test, verdict), result.sources, language))
            print()
    print(total.format(all=len(verdicts), failed=sum(not verdict.passed for verdict in verdicts)))


def _tell_gaps(coverage: Coverage, language: str) -> None:
    print(_WORDS[language][3].format(reached=coverage.reached, points=coverage.points))
    for gap in coverage.gaps:
        print(f"    {gap.written}: route {gap.route}: {_GAPS[language][gap.kind]}{_what(gap)}")


def _what(gap: Gap) -> str:
    return "" if gap.kind == "route" else f": {gap.text}"


def _said(result: Compiled, verdicts: tuple[Verdict, ...], coverage: Coverage) -> dict[str, object]:
    return {
        "passed": all(verdict.passed for verdict in verdicts),
        "tests": [
            {
                "title": verdict.trial.title,
                "written": verdict.trial.written,
                "passed": verdict.passed,
                "happened": list(verdict.happened),
                "findings": [] if verdict.passed else [as_json(one) for one in findings(test, verdict)],
            }
            for test, verdict in zip(result.tests, verdicts, strict=True)
        ],
        "coverage": {
            "reached": coverage.reached,
            "points": coverage.points,
            "gaps": [
                {"kind": gap.kind, "route": gap.route, "written": gap.written, "text": gap.text}
                for gap in coverage.gaps
            ],
        },
    }
