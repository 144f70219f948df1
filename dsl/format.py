"""The one layout of rule files: what `stellwerk fmt` and editors make of a text.

Pure. The same words in the same order mean the same rules, so only what stands between words is written anew, and what
comes out is read again before it is given out.

* Named routes and tests: every part on a line of its own. Other statements are one line where it fits into WIDTH
  columns; declarations are never broken but at commas. Declarations that follow each other without an empty line stand
  in line.
* Comments stay between the words they stood between. At most one empty line; one is put around a statement of several
  lines that has none.
* `->` becomes `→`, `≠ ≤ ≥` become `!= <= >=`, which every keyboard has; `Modality=US` gets its spaces; line ends become
  plain, a byte order mark goes. `steps NAME =` gets the arrow that it may lack.
* `version 1` is put before the first statement of a file that does not say its edition, also of one that others
  include: every file is read, and some day upgraded, by itself, and saying it twice in one program is no mistake. A
  text without statements has nothing that an edition could change.
"""

from collections.abc import Collection, Sequence

from dsl.build import Node
from dsl.checks.reading import told
from dsl.comments import Comment, Gap, gaps, leaves
from dsl.finding import Finding
from dsl.layout import write
from dsl.parse import parse_words, plain
from dsl.pieces import ALIGNED, Pieces, Width, first, spelling

WIDTH = 120
"""Columns; longer statements are broken where they can be."""
EDITION = "1"


def format_text(text: str, *, name: str, steps: Collection[str] = ()) -> str | tuple[Finding, ...]:
    """The text in the one layout, or what keeps it from being read. `steps` help to tell of a missing arrow."""
    source = plain(text)
    nodes, unread = parse_words(source, name, steps)
    if unread:
        return tuple(told(one) for one in unread)
    result = arrange(source, nodes)
    return result if same(source, nodes, result) else text  # rather no layout than other rules


def same(source: str, nodes: Sequence[Node], result: str) -> bool:
    """Whether a layout says what the text says: the same words, the same comments."""
    again, unread = parse_words(result, "")
    if unread or _words(nodes) != [leaf for node in again for leaf in _written(node)]:
        return False
    return comments_of(source, nodes) == comments_of(result, again)


def _words(nodes: Sequence[Node]) -> list[tuple[str, str]]:
    """The words that the layout must have, with those that it adds."""
    edition = [("VERSION", "version"), ("INT", EDITION)] if _lacks_edition(nodes) else []
    found = list(edition)
    for node in nodes:
        words = _written(node)
        if node.kind == "steps" and words[3][0] != "ARROW":
            words.insert(3, ("ARROW", "→"))
        found += words
    return found


def _written(node: Node) -> list[tuple[str, str]]:
    return [(leaf.kind, spelling(leaf)) for leaf in leaves(node)]


def comments_of(text: str, nodes: Sequence[Node] | None = None) -> list[str]:
    """Every comment of a text that can be read, in order. nodes: its statements with all their words, where known."""
    nodes = parse_words(text, "")[0] if nodes is None else nodes
    found: list[str] = []
    for gap in gaps(text, nodes).values():
        found += [gap.trailing] * bool(gap.trailing)
        found += [comment.text for comment in gap.own]
    return found


def _lacks_edition(nodes: Sequence[Node]) -> bool:
    return bool(nodes) and all(node.kind != "version" for node in nodes)


def arrange(source: str, nodes: Sequence[Node]) -> str:
    """A text that could be read, in the one layout. `nodes` are its statements with all their words."""
    found = gaps(source, nodes)
    pieces = Pieces(found)
    widths = _widths(nodes, found)
    lines: list[str] = []
    before: tuple[str, bool] = ("", False)  # the family of the statement before, and whether it takes several lines
    for at, node in enumerate(nodes):
        gap = found[first(node).start]
        statement = write(pieces.statement(node, widths[at]), WIDTH).split("\n")
        family, several = _family(node), len(statement) > 1
        if at == 0:
            _head(lines, gap, _lacks_edition(nodes))
        else:
            part = (several or before[1]) and not (family and family == before[0]) and not gap.parted
            _between(lines, gap, part)
        lines += statement
        before = family, several
    tail = found[len(source)]
    if nodes:
        _between(lines, tail, part=False)
    else:
        _own(lines, tail.own)
    return "".join(f"{line}\n" for line in lines)


def _head(lines: list[str], gap: Gap, edition: bool) -> None:
    """What stands before the first statement. The edition follows the first paragraph of comments.

    Comments right above the first statement are about it and stay there.
    """
    if not edition:
        _own(lines, gap.own)
        lines += [""] * gap.blank
        return
    ends = [at for at, comment in enumerate(gap.own) if at and comment.blank]
    end = ends[0] if ends else len(gap.own) * gap.blank
    _own(lines, gap.own[:end])
    lines += [f"version {EDITION}", ""]
    about = gap.own[end:]
    if about:
        _own(lines, (Comment(about[0].text, False, about[0].deeper), *about[1:]))
        lines += [""] * gap.blank


def _own(lines: list[str], own: Sequence[Comment]) -> None:
    for comment in own:
        lines += ([""] if comment.blank else []) + [comment.text]


def _between(lines: list[str], gap: Gap, part: bool) -> None:
    """Between two statements, or after the last; `part`: an empty line must stand there."""
    if gap.trailing:
        lines[-1] += f"  {gap.trailing}"
    ended = False
    for comment in gap.own:
        if not comment.deeper and not ended:
            ended = True
            lines += [""] * part
            part = False
        lines += [""] * comment.blank
        lines.append(comment.text if ended else f"  {comment.text}")
    lines += [""] * (part or gap.blank)


def _family(node: Node) -> str:
    return "declaration" if node.kind in ALIGNED else node.kind if node.kind == "condition" else ""


def _widths(nodes: Sequence[Node], found: dict[int, Gap]) -> list[Width]:
    """How wide keyword and name are in each run of declarations of one family without an empty line between."""
    runs: list[list[Node]] = []
    for node in nodes:
        family = _family(node)
        joins = bool(runs) and family and family == _family(runs[-1][0]) and not found[first(node).start].parted
        if joins:
            runs[-1].append(node)
        else:
            runs.append([node])
    widths: list[Width] = []
    for run in runs:
        width = (0, 0)
        if _family(run[0]):
            width = max(len(one.children[0].text) for one in run), max(len(one.children[1].text) for one in run)
        widths += [width] * len(run)
    return widths
