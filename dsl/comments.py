"""What stands between two words of a rule file: its comments, and whether a line was left empty.

Pure. A comment stays between the two words it stood between: at the end of the line after the first, or on a line of
its own. On a line of its own it stands as deep as the word after it; one that was set deeper belongs to what ends there
(a step that was commented out at the end of a chain) and stays deeper.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dsl.build import Node
from dsl.layout import MUST, Break, Doc, Indent, Text, row

_PIECE = re.compile(r"(?P<comment>#[^\n]*)|\n")


@dataclass(frozen=True, slots=True)
class Comment:
    """One comment on a line of its own. `deeper`: columns that it was set in from the word after the gap."""

    text: str
    blank: bool
    deeper: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Between two words. `trailing` ends the line of the first; `blank`: an empty line before what follows."""

    trailing: str = ""
    own: tuple[Comment, ...] = ()
    blank: bool = False

    @property
    def silent(self) -> bool:
        """Whether no comment stands here."""
        return not self.trailing and not self.own

    @property
    def parted(self) -> bool:
        """Whether there is an empty line anywhere in it."""
        return self.blank or any(comment.blank for comment in self.own)


def leaves(node: Node) -> Iterator[Node]:
    """The words of a statement, in order."""
    todo = [node]
    while todo:
        one = todo.pop()
        if one.kind.isupper():
            yield one
        todo += reversed(one.children)


def gaps(text: str, nodes: Sequence[Node]) -> dict[int, Gap]:
    """The gap before each word, by the offset of the word; the one before the end, by the length of the text."""
    found = {}
    end = 0
    for node in nodes:
        for leaf in leaves(node):
            found[leaf.start] = _gap(text, end, leaf.start)
            end = leaf.end
    found[len(text)] = _gap(text, end, len(text))
    return found


def _gap(text: str, start: int, end: int) -> Gap:
    if text[start:end].isspace() and text.count("\n", start, end) < 2:
        return Gap()
    column = 0 if end == len(text) else _column(text, end)
    trailing = ""
    own: list[Comment] = []
    lines = 0 if start else 1  # ends of lines since the last word or comment
    for piece in _PIECE.finditer(text, start, end):
        if not piece["comment"]:
            lines += 1
            continue
        said = piece["comment"].rstrip()
        if lines:
            own.append(Comment(said, lines > 1 and bool(own or start), max(0, _column(text, piece.start()) - column)))
        else:
            trailing = said
        lines = 0
    return Gap(trailing, tuple(own), lines > 1 and bool(own or start) and end < len(text))


def _column(text: str, at: int) -> int:
    return len(text[text.rfind("\n", 0, at) + 1 : at].expandtabs(8))


def between(gap: Gap, separator: Doc, levels: Sequence[int] = (0,), blanks: bool = False) -> Doc:
    """What to write in a gap: the separator if it is silent, otherwise its comments. A comment may stand `levels` in.

    `blanks`: an empty line is kept here, if a line ends here.
    """
    if gap.silent:
        return Break(separator.always, blanks and gap.blank) if isinstance(separator, Break) else separator
    parts: list[Doc] = [Text(f"  {gap.trailing}", wide=False)] if gap.trailing else []
    parts += own_lines(gap.own, levels, blanks)
    parts.append(Break(always=True, blank=blanks and gap.blank))
    return row(*parts)


def own_lines(own: Sequence[Comment], levels: Sequence[int], blanks: bool = True) -> list[Doc]:
    """Comments on lines of their own, each after the end of the line before it."""
    parts: list[Doc] = []
    deepest = max(levels)
    for comment in own:
        level = min([one for one in levels if one >= comment.deeper], default=max(levels))
        deepest = min(deepest, level)  # what belongs to the end of something does not follow what belongs to the next
        line_end = Break(always=True, blank=True) if blanks and comment.blank else MUST
        parts.append(Indent(deepest, row(line_end, Text(comment.text, wide=False))))
    return parts
