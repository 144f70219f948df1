"""Tables of figures for docs/performance.md: printed as they stand there, and put there when PAGE=1 is set.

A table has its place in the page between two comments with its name. What was there is replaced.
"""

import datetime
import os
import platform
import re
from collections.abc import Sequence
from pathlib import Path

from tests.benchmarks.__main__ import say

PAGE = Path(__file__).parents[2] / "docs" / "performance.md"


def table(name: str, heads: Sequence[str], rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print a table as Markdown, with the day, the machine and what else is to be said of it below."""
    lines = [_row(heads), _row(["---"] * len(heads)), *map(_row, rows)]
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    lines += ["", f"*{day}, {machine()}{'; ' + note if note else ''}.*"]
    say("\n".join(lines))
    if os.environ.get("PAGE"):
        PAGE.write_text(placed(PAGE.read_text(), name, lines))


def placed(page: str, name: str, lines: Sequence[str]) -> str:
    """The page with these lines between the comments of that name. ValueError if it has none."""
    begin, end = f"<!-- figures: {name} -->\n", f"<!-- end: {name} -->"
    if begin not in page or end not in page:
        raise ValueError(f"the page has no place for {name}")
    before, _, rest = page.partition(begin)
    return before + begin + "\n".join(lines) + "\n" + end + rest.partition(end)[2]


def machine() -> str:
    """What it was measured on: processors, memory, kernel, Python."""
    memory = re.search(r"MemTotal: +(\d+)", Path("/proc/meminfo").read_text())
    size = f"{int(memory[1]) / 2**20:.0f} GB" if memory else "?"
    return f"{os.cpu_count()} cores, {size}, Linux {platform.release()}, Python {platform.python_version()}"


def stolen() -> tuple[int, int]:
    """Ticks that the machine was not given although it wanted them, and all ticks, since it started."""
    ticks = [int(one) for one in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return ticks[7], sum(ticks)


def share_since(before: tuple[int, int]) -> str:
    """How much of the machine's time since then was not given to it: `steal` of /proc/stat, as a percentage."""
    now = stolen()
    return f"steal {(now[0] - before[0]) / max(1, now[1] - before[1]):.0%}"


def file_system(path: Path) -> str:
    """The kind of file system on which it lies; of ext4 also whether it has no journal, which flushes otherwise."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    home = max((one for one in mounts if str(path).startswith(one[1])), key=lambda one: len(one[1]))
    journal = Path("/sys/fs/ext4", Path(home[0]).name, "journal_task")
    none = journal.exists() and journal.read_text().strip() == "<none>"
    return f"{home[2]} without a journal" if none else home[2]


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
