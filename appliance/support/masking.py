"""What may stand in a support bundle of texts that our software has written: its own words, nothing that it quotes.

A reason or a line of the log is a sentence of ours with something put in: a name, a path, what another machine said.
The sentences are known (appliance/console/reasons.csv, and the calls in our source), so what was put in is told from
them, and goes. What fits no sentence goes altogether. What may stay of what was put in has a form that no patient's
data have: our own numbers, places in our source, kinds of errors. Pure but for reading our own files.
"""

import ast
import builtins
import re
from functools import lru_cache
from pathlib import Path

import appliance
import engine
from appliance.console.reasons import sentences

GAP = "…"
OTHER = "(words of a rule, or of another machine)"
"""Instead of a reason that is no sentence of ours."""

LONGEST = 2000
_LEVELS = ("debug", "info", "warning", "error", "critical")
_PLACE = re.compile(r"%[-\d.]*[sdfr%]")
_NUMBER = r"(?:[0-9a-f]{32}|[0-9a-f]{21}|[0-9a-f]{19})(?:-[0-9a-f]{12})?"
_SAFE = re.compile(
    rf"{_NUMBER}"
    r"|(?:(?:appliance|engine|dsl)/[\w/]+|[a-z_]+)\.py:\d{1,5}"
    r"|port \d{1,5}|https port \d{1,5}"
)
_ERRORS = {name for name, kind in vars(builtins).items() if isinstance(kind, type) and issubclass(kind, BaseException)}
_STAMP = re.compile(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}) (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)", re.DOTALL)
_UNIT = re.compile(
    r"stellwerk[\w-]*\.(?:service|path|timer): "
    r"(?:Main process exited, code=\w+, status=[\w/]+|Deactivated successfully\."
    r"|Failed with result '[\w-]+'\.|Scheduled restart job, restart counter is at \d+\."
    r"|A process of this unit has been killed by the OOM killer\.|Watchdog timeout \(limit [\w ]+\)!)"
)


def reason(why: str) -> str:
    """A reason without what it quotes; OTHER where it is not ours, nothing where there is none."""
    if not why:
        return ""
    if len(why) > LONGEST:
        return OTHER
    fixed, others = sentences()
    if why in fixed:
        return why
    # The longest sentence that fits has the least in its gaps.
    fitting = [english for english, expression in others if expression.fullmatch(why)]
    return max(fitting, key=len).replace("{}", GAP) if fitting else OTHER


def line(text: str) -> str | None:
    """A line of the log without what it quotes; None where it is none of ours."""
    if _UNIT.fullmatch(text):
        return text
    found = _STAMP.fullmatch(text)
    said = None if found is None or len(text) > LONGEST else _said(found[3])
    return None if found is None or said is None else f"{found[1]} {found[2]} {said}"


def _said(message: str) -> str | None:
    fitting = [one for one in _lines() if one[1].fullmatch(message)]
    if not fitting:
        return None
    form, expression = max(fitting, key=lambda one: len(_PLACE.sub("", one[0])))
    found = expression.fullmatch(message)
    assert found is not None
    values = iter(found.groups())
    return _PLACE.sub(lambda place: _kept(place[0], next(values)) if place[0] != "%%" else "%", form)


def _kept(place: str, value: str) -> str:
    if place[-1] in "df" or _SAFE.fullmatch(value) or value in _ERRORS:
        return value
    known = reason(value)
    return GAP if known in (OTHER, "") else known


@lru_cache(1)
def _lines() -> list[tuple[str, re.Pattern[str]]]:
    """Every sentence that our source logs, with an expression for all of such a line."""
    found: dict[str, None] = {}
    for package in (engine, appliance):
        for path in sorted(Path(str(package.__file__)).parent.rglob("*.py")):
            text = path.read_text("utf-8")
            if "log." in text:
                found |= dict.fromkeys(logged(text))
    # A sentence that is all gap fits anything, and says nothing.
    return [(form, _expression(form)) for form in found if re.search(r"[a-z]", _PLACE.sub("", form))]


def logged(source: str) -> list[str]:
    """The sentences of all calls that log, with their places (`%s`)."""
    return [
        node.args[0].value
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in _LEVELS
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "log"
        and node.args
        and isinstance(node.args[0], ast.Constant)
        and isinstance(node.args[0].value, str)
    ]


def _expression(form: str) -> re.Pattern[str]:
    parts, at = [], 0
    for place in _PLACE.finditer(form):
        parts.append(re.escape(form[at : place.start()]))
        kind = place[0][-1]
        parts.append("%" if kind == "%" else r"(-?\d{1,12}(?:\.\d+)?)" if kind in "df" else "(.*?)")
        at = place.end()
    return re.compile("".join(parts) + re.escape(form[at:]), re.DOTALL)
