"""The pages keep their word: links lead somewhere, and every rule shown compiles as it stands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.tree import ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```(\S*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)


def anchors(text: str) -> set[str]:
    """What `#…` may name in this page."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in HEADING.findall(text)}


def dead_links(page: Path, text: str) -> Iterator[str]:
    """Relative links to files or headings that are not there; addresses elsewhere are not looked at."""
    for link in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = page.parent / path if path else page
        if not target.exists():
            yield f"{page.name}: {link} is not there"
        elif anchor and anchor not in anchors(text if not path else target.read_text("utf-8")):
            yield f"{page.name}: {link} names no heading"


def ghosts(text: str) -> Iterator[str]:
    """Paths that a page names and the checkout lacks, except in a sentence that says *planned*."""
    for sentence in re.split(r"(?<=[.:;])\s", FENCE.sub("", text)):
        for path in re.findall(r"`((?:engine|dsl|appliance|rules|tests|docs)/[\w./-]*)`", sentence):
            if "*planned*" not in sentence and not (ROOT / path).exists():
                yield path


def rules(text: str, kind: str = "rules") -> Iterator[tuple[int, str]]:
    """Line and text of every ```rules block; ```planned is for words that are known and not built yet."""
    for fence in FENCE.finditer(text):
        if fence[1] == kind:
            yield text[: fence.start()].count("\n") + 2, fence[2]


def errors(name: str, text: str) -> list[str]:
    """What the compiler has against this rule text."""
    from tests.manual.pages import compiled

    findings = compiled(text, name).findings
    return [f"{name}: {finding}" for finding in findings if finding.code.startswith("E")]


BLOCKS = [
    pytest.param(f"{page.relative_to(ROOT)}:{line}", block, id=f"{page.relative_to(ROOT)}:{line}")
    for page in PAGES
    for line, block in rules(page.read_text("utf-8"))
]
PLANNED = [
    pytest.param(block, id=f"{page.relative_to(ROOT)}:{line}")
    for page in PAGES
    for line, block in rules(page.read_text("utf-8"), "planned")
]
compiler = pytest.mark.skipif(not (ROOT / "dsl/compile.py").exists(), reason="dsl/compile.py is not there yet")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    assert not list(dead_links(page, page.read_text("utf-8")))


def test_every_path_in_the_code_map_is_there() -> None:
    assert not list(ghosts((ROOT / "docs/architecture.md").read_text("utf-8")))


@compiler
@pytest.mark.parametrize(("name", "block"), BLOCKS)
def test_every_rule_shown_compiles(name: str, block: str) -> None:
    assert not errors(name, block)


@pytest.mark.parametrize("block", PLANNED)
def test_what_is_called_planned_is_refused_for_that_and_nothing_else(block: str) -> None:
    assert {"E108" in error for error in errors("planned", block)} == {True}


def test_the_readme_shows_the_mandated_line_in_both_languages() -> None:
    line = (
        "on port 26131 where Modality=US → anonymize-pixels → store by Institution/PatientName"
        " → forward PACS_A → mail admin\n"
    )
    readme = [block for _, block in rules((ROOT / "README.md").read_text("utf-8"))]
    assert sum(line in block for block in readme) == 2


def test_every_decision_is_listed() -> None:
    text = (ROOT / "docs/README.md").read_text("utf-8")
    listed = re.findall(r"^\* \[\d{4} [^\]]+\]\(decisions/([^)]+)\)$", text, re.MULTILINE)
    assert listed == sorted(path.name for path in (ROOT / "docs/decisions").glob("*.md"))


def test_the_readme_names_the_test_command_that_ci_runs() -> None:
    assert "`make test`" in (ROOT / "README.md").read_text("utf-8")
    assert (ROOT / ".ci/run").read_text("utf-8").rstrip().endswith("make test")


def test_a_dead_link_is_caught() -> None:
    page = ROOT / "README.md"
    assert list(dead_links(page, "[a](docs/nowhere.md)"))
    assert list(dead_links(page, "# Here\n[a](#there)"))
    assert not list(dead_links(page, "# Here\n[a](#here) [b](LICENSE) [c](https://www.dicomstandard.org)"))


def test_a_ghost_in_the_code_map_is_caught() -> None:
    text = "See `engine/run.py`. And `engine/nowhere.py`, too. The rest (`engine/later.py`) is *planned*."
    assert list(ghosts(text)) == ["engine/nowhere.py"]


@compiler
def test_a_rule_that_does_not_compile_is_caught() -> None:
    ((line, block),) = rules("# A page\n\n```rules\non port 26131 → forward NOWHERE\n```\n")
    assert line == 4
    assert errors("planted", block)
