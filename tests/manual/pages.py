"""The text of every made page, by its path below docs/. Nothing here writes."""

import inspect
from collections.abc import Iterator
from dataclasses import replace

from appliance.trying import tried
from dsl.changeover import at_home, changeover
from dsl.codes import CODES
from dsl.compile import Compiled, compile_text
from dsl.render import render
from dsl.samples import example
from engine.signature import Signature
from engine.step import Declared, DeclaredChore
from engine.steps import CHORES, STEPS
from engine.vocabulary import vocabulary
from tests.manual import conformance, sop_classes
from tests.manual.findings import PAGES, Page

MADE = "<!-- Made by `python -m tests.manual`; edit what it is made from. -->\n"
DECLARED = {
    "PACS": 'destination PACS   = dicom "PACS@192.168.10.5:104"',
    "READER": 'destination READER = dicom "READER@192.168.10.6:104"',
    "DASHBOARD": 'destination DASHBOARD = webhook "https://dashboard.example/studies"',
    "nights": "schedule nights = 20:00 until 06:00",
    "admin": 'contact admin = "it@praxis.example"',
}
"""What the examples of the steps use without declaring it."""

DESCRIBED = {**STEPS, **CHORES}
"""Every step that is built."""

WAYS_IN = ("on port ", "on every ", "on trouble ")
"""How an example begins."""

RANGES = {
    "0": "Can it be read?",
    "1": "Do names and values mean something?",
    "2": "Do things clash?",
    "3": "Can it happen?",
    "4": "May it leave the house?",
    "5": "May the new rules take over?",
}


def pages() -> dict[str, str]:
    """Path → text."""
    made = {f"findings/{code}.md": _finding(code) for code in CODES}
    made["findings/README.md"] = _findings()
    made |= {f"steps/{name}.md": _step(step) for name, step in DESCRIBED.items()}
    made["steps/README.md"] = _steps()
    made["conformance.md"] = conformance.page()
    made["sop-classes.md"] = sop_classes.page()
    return {path: MADE + text for path, text in made.items()}


def compiled(text: str, name: str = "my.rules", lacks: str = "", planned: str = "") -> Compiled:
    """A rule text with everything that can be found in it, its own tests included.

    lacks: a word of `anonymize-pixels` whose libraries are taken to be missing; all others are taken to be there.
    planned: a step that is taken to be planned.
    """

    def read(path: str) -> str:
        raise FileNotFoundError(path)

    words = vocabulary()
    cleaning = replace(words.steps["anonymize-pixels"], lacks={lacks: lacks} if lacks else {})
    later = {planned: Signature.of(planned, built=False)} if planned else {}
    words = replace(words, steps={**words.steps, "anonymize-pixels": cleaning, **later})
    return tried(compile_text(text, name=name, vocabulary=words, read=read))


def judged(page: Page, text: str) -> Compiled:
    """The same, and where the page is about a change, what is found in changing over from what has run before."""
    result = compiled(text, lacks=page.lacks if text == page.avoid else "", planned=page.planned)
    if page.own:
        result = at_home(result, page.own)
    if not page.before:
        return result
    ran = compiled(page.before).program
    if ran is None:
        raise ValueError("what has run before has mistakes")
    return changeover(result, ran, dict(page.owed))


def example_rules(line: str) -> str:
    """An example from a step's manual, with the names that it uses declared."""
    words = line.replace(",", " ").split()
    return "\n".join([*(text for name, text in DECLARED.items() if name in words), line]) + "\n"


def examples(step: Declared | DeclaredChore) -> list[str]:
    """The example lines of a step's manual."""
    return [line.strip() for line in step.manual.splitlines() if line.strip().startswith(WAYS_IN)]


def _finding(code: str) -> str:
    page = PAGES[code]
    avoid = page.avoid if len(page.avoid) < 600 else page.avoid[:60] + " … " + page.avoid[-60:]
    shown = judged(page, page.avoid)
    found = tuple(one for one in shown.findings if one.code == code)[:1]
    said = [render(found, shown.sources, language) for language in ("en", "de")]
    said = ["\n".join(_cut(line) for line in one.splitlines()) for one in said]
    kind = "The rules do not run." if code.startswith("E") else "The rules run all the same."
    before = f"Have run so far:\n\n```rules\n{page.before}```\n\n" if page.before else ""
    return f"""# {code}: {CODES[code]}

{page.why} {kind}

{before}Avoid:

```text
{avoid}```

```text
{said[0]}
```

```text
{said[1]}
```

Prefer:

```rules
{page.prefer}```

[All findings](README.md)
"""


def _cut(line: str) -> str:
    return line if len(line) < 200 else line[:60] + " … " + line[-60:]


def _findings() -> str:
    def rows(number: str) -> Iterator[str]:
        for code, meaning in CODES.items():
            if code[1] == number:
                yield f"| [{code}]({code}.md) | {meaning} |"

    parts = ["# Findings\n\n`E` keeps rules from running, `W` is a warning.\n"]
    for number, question in RANGES.items():
        parts.append("\n".join([f"\n## {question}\n", "| Code | What is wrong |", "|---|---|", *rows(number)]) + "\n")
    return "".join(parts)


def _step(step: Declared | DeclaredChore) -> str:
    signature = step.signature
    prose = [part for part in inspect.cleandoc(step.manual).split("\n\n") if not part.lstrip().startswith(WAYS_IN)]
    shown = "\n".join(f"```rules\n{example_rules(line)}```\n" for line in examples(step))
    rows = [
        f"| `{group}` | {'may be left out' if group.optional else 'needed'} | `{_sample(step, group.items)}` |"
        for group in signature.groups
    ]
    words = "\n".join(["| Words | | For example |", "|---|---|---|", *rows]) + "\n\n" if rows else ""
    clears = f"It clears: {', '.join(sorted(signature.clears))}.\n\n" if signature.clears else ""
    body = "\n\n".join(prose)
    return f"# {signature.name}\n\n    {signature.line}\n\n{body}\n\n{words}{clears}{shown}\n[All steps](README.md)\n"


def _sample(step: Declared | DeclaredChore, group: tuple[str, ...]) -> str:
    shown = example(step.signature, frozenset(group)).split(" ", 1)
    return shown[1] if len(shown) > 1 else shown[0]


def _steps() -> str:
    built = [
        f"| [{name}]({name}.md) | {inspect.cleandoc(step.manual).splitlines()[0]} |" for name, step in DESCRIBED.items()
    ]
    planned = sorted(name for name, signature in vocabulary().steps.items() if not signature.built)
    known = f"\nKnown to the language, and not built yet ([E108](../findings/E108.md)): {', '.join(planned)}.\n"
    table = "# Steps\n\n| Step | What it does |\n|---|---|\n" + "\n".join(built) + "\n"
    return table + known if planned else table
