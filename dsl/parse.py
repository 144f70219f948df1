"""Text → AST. The only file that knows lark; its trees are left at once.

Never raises, whatever the text: what cannot be read becomes `Unread`, the rest of the file is read all the same. It
must not know what names mean; `steps` are only the words that, without an arrow before them, tell of a missing one.
"""

import re
from bisect import bisect_right
from collections.abc import Callable, Collection
from functools import lru_cache
from importlib.resources import files

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken
from lark.utils import TextSlice

from dsl import ast, scan
from dsl.build import Builder, Node, Places

DEEPEST = 120
"""How deep brackets, `not` and `choose` may nest; far beyond what a person can read."""
_LONGEST_WORD = 60
_HALF = re.compile("[\ud800-\udfff]")  # halves of characters, from bytes that were no UTF-8


class _TooDeep(Exception):
    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end


class _Keyword(Exception):
    """A word that begins a statement stands where a step should: the statement before it has ended too early."""

    def __init__(self, start: int, end: int) -> None:
        self.start, self.end = start, end


@lru_cache(maxsize=1)
def grammar() -> str:
    """The text of the grammar."""
    return files("dsl").joinpath("grammar.lark").read_text(encoding="utf-8")


@lru_cache(maxsize=2)
def _lark(whole: bool) -> Lark:
    return Lark(grammar(), parser="lalr", propagate_positions=True, maybe_placeholders=False, keep_all_tokens=whole)


def plain(text: str) -> str:
    """The text without a byte order mark and with plain line ends: what all columns and offsets refer to."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    return _HALF.sub("\ufffd", lines)


def parse(text: str, name: str, steps: Collection[str] = ()) -> ast.File:
    """Read one file. `text` must be `plain`."""
    return _parsed(text, name, frozenset(steps))


@lru_cache(maxsize=16)
def _parsed(text: str, name: str, steps: frozenset[str]) -> ast.File:
    """An editor asks many things of one text, and of the files beside it, which do not change."""
    return _Reading(text, name, steps).file()


def following(text: str, start: int, end: int) -> frozenset[str] | None:
    """The words of the grammar that could come after this stretch; None where it cannot be read up to its end."""
    try:
        parser = _lark(False).parse_interactive(TextSlice(text, start, end))
        parser.exhaust_lexer()
        return frozenset(map(str, parser.accepts()))  # type: ignore[no-untyped-call]  # lark leaves it untyped
    except UnexpectedInput:
        return None


def parse_words(text: str, name: str, steps: Collection[str] = ()) -> tuple[tuple[Node, ...], tuple[ast.Unread, ...]]:
    """The statements of one file with every word and sign in them, keywords too: for who writes the text anew."""
    reading = _Reading(text, name, frozenset(steps), whole=True)
    unread = reading.file().unread
    return tuple(reading.nodes), unread


class _Reading:
    def __init__(self, text: str, name: str, steps: frozenset[str], whole: bool = False) -> None:
        self.nodes: list[Node] = []
        self._whole = whole
        self._text = text
        self._places = Places(name, text)
        self._builder = Builder(self._places)
        self._steps = steps
        self._statements: list[ast.Statement] = []
        self._unread: list[ast.Unread] = []
        self._beginnings: list[int] | None = None

    def file(self) -> ast.File:
        todo = [(0, len(self._text))]
        while todo:
            start, end = todo.pop()
            failed = self._try(start, end)
            if failed is None:
                continue
            starts = self._starts()
            at = starts[bisect_right(starts, min(failed, end - 1)) - 1]
            if at > start:  # what stands before the broken statement can be read for itself
                todo += [(at, end), (start, at)]
                continue
            following = min([*starts[bisect_right(starts, max(failed, start)) :][:1], end])
            if following < end:  # the broken statement alone, so that it cannot swallow its neighbour
                failed = self._try(start, following)
            if failed is not None:
                self._break(start, following)
            if following < end:
                todo.append((following, end))
        return ast.File(self._places.file, tuple(self._statements), tuple(self._unread))

    def _starts(self) -> list[int]:
        if self._beginnings is None:
            self._beginnings = scan.beginnings(self._text)
        return self._beginnings

    def _try(self, start: int, end: int) -> int | None:
        """Read a stretch; the offset where it cannot be read, or None when its statements are kept."""
        arrows: list[ast.Unread] = []
        try:
            tree = _lark(self._whole).parse(TextSlice(self._text, start, end), on_error=self._insert_arrow(arrows))
            nodes = [_node(child, 0) for child in tree.children]
            for node in nodes:
                _refuse_keywords(node)
        except UnexpectedInput as error:
            self._error: UnexpectedInput | _TooDeep | _Keyword = error
            position = error.pos_in_stream
            at_end = isinstance(error, UnexpectedToken) and error.token.type == "$END"
            return end if at_end or position is None else position
        except (_TooDeep, _Keyword) as error:
            self._error = error
            return error.start
        if self._whole:  # the builder knows the parts by their places among the others, without the keywords
            self.nodes += nodes
        else:
            self._statements += [self._builder.statement(node) for node in nodes]
        self._unread += arrows
        return None

    def _insert_arrow(self, found: list[ast.Unread]) -> Callable[[UnexpectedInput], bool]:
        """Go on as if the missing arrow before a step stood there, so that the rest of the line is read, too."""

        def on_error(error: UnexpectedInput) -> bool:
            if not isinstance(error, UnexpectedToken) or str(error.token) not in self._steps:
                return False
            parser = error.interactive_parser
            if parser is None or "ARROW" not in _accepted(error):
                return False
            parser.feed_token(Token("ARROW", "→", error.token.start_pos, end_pos=error.token.start_pos))
            parser.feed_token(Token.new_borrow_pos("NAME", str(error.token), error.token))
            found.append(self._unread_at("arrow", *_extent(error.token), frozenset()))
            return True

        return on_error

    # --- what to say about a broken statement

    def _break(self, start: int, end: int) -> None:
        kind, name, words = scan.declared(self._text, start, end)
        stop = start + len(self._text[start:end].rstrip())
        self._statements.append(ast.Broken(kind, name, words, self._places.span(start, stop)))
        self._unread.append(self._why(self._error, start, stop))

    def _why(self, error: "UnexpectedInput | _TooDeep | _Keyword", start: int, stop: int) -> ast.Unread:
        if isinstance(error, _TooDeep):
            return self._unread_at("deep", error.start, min(error.end, error.start + 1), frozenset())
        if isinstance(error, _Keyword):
            return self._unread_at("word", error.start, error.end, frozenset({"NAME", "CHOOSE"}))
        if isinstance(error, UnexpectedCharacters):
            at = error.pos_in_stream or 0
            kind = "quote" if self._text[at] == '"' else "sign"
            end = self._line_end(at) if kind == "quote" else at + 1
            return self._unread_at(kind, at, end, frozenset(map(str, error.allowed or ())))
        assert isinstance(error, UnexpectedToken)  # lark has no third kind here
        could = _accepted(error)
        at, end = (stop, stop) if error.token.type == "$END" else _extent(error.token)
        lost = self._lost_arrow(start, at) if "ARROW" in could else None
        if lost is not None:
            return self._unread_at("arrow", lost.start, lost.end, could)
        slip, guess = self._slip(start, at, could)
        if slip is not None:
            return self._unread_at("word", slip.start, slip.end, could, guess)
        if error.token.type == "$END" or at >= stop:
            last = max(start, stop - 1)
            return self._unread_at("end", last, stop, could)
        guess = scan.closest(str(error.token), [w for w in (*scan.STATEMENTS, *scan.INNER) if w.upper() in could])
        return self._unread_at("word", at, end, could, guess)

    def _unread_at(self, kind: str, start: int, end: int, could: frozenset[str], guess: str = "") -> ast.Unread:
        text = self._text[start:end]
        short = text if len(text) <= _LONGEST_WORD else text[:_LONGEST_WORD] + "…"
        return ast.Unread(kind, self._places.span(start, end), short, could, guess)

    def _line_end(self, at: int) -> int:
        end = self._text.find("\n", at)
        return at + len(self._text[at : len(self._text) if end < 0 else end].rstrip())

    def _since_arrow(self, start: int, at: int) -> list[scan.Word]:
        found: list[scan.Word] = []
        for word in scan.words(self._text, start, at):
            if word.kind == "arrow":
                found.clear()
            else:
                found.append(word)
        return found

    def _lost_arrow(self, start: int, at: int) -> scan.Word | None:
        """A step's name that stands among the words of the step or source before it."""
        return next((word for word in self._since_arrow(start, at)[1:] if word.text in self._steps), None)

    def _slip(self, start: int, at: int, could: frozenset[str]) -> tuple[scan.Word | None, str]:
        """A misspelt keyword before the place where reading stopped: it was taken for a name there."""
        last = self._since_arrow(start, at)
        said: set[str] = set()
        for place, word in enumerate(last):
            if place and last[place - 1].text == "on" and word.kind == "name":
                guess = scan.closest(word.text, scan.CLAUSES)
                if guess and (guess != word.text or guess in said or place == 1):
                    return word, guess  # it was taken for a route of its own
                said.add(guess)
            if word.kind != "name" or word.text in scan.RESERVED or word.text in self._steps:
                continue
            begins = place == 0 and word.start == start
            guess = scan.closest(
                word.text, scan.STATEMENTS if begins else ("where", "contains", "matches", "otherwise")
            )
            if guess and (begins or guess.upper() in could or (guess == "where" and place > 1)):
                return word, guess
        return None, ""


def _accepted(error: UnexpectedToken) -> frozenset[str]:
    """The words of the grammar that could stand there."""
    if error.interactive_parser is None:
        return frozenset(error.expected)
    return frozenset(error.interactive_parser.accepts())  # type: ignore[no-untyped-call]  # lark leaves it untyped


def _extent(token: Token) -> tuple[int, int]:
    start = token.start_pos or 0
    return start, token.end_pos if token.end_pos is not None else start + len(token)


def _node(part: "Token | Tree[Token]", depth: int) -> Node:
    if isinstance(part, Token):
        start, end = _extent(part)
        return Node(part.type, str(part), (), start, end)
    if depth > DEEPEST:
        raise _TooDeep(part.meta.start_pos, part.meta.end_pos)
    children = tuple(_node(child, depth + 1) for child in part.children)
    return Node(str(part.data), "", children, part.meta.start_pos, part.meta.end_pos)


def _refuse_keywords(node: Node) -> None:
    if node.kind == "call" and node.children[0].text in scan.STATEMENTS:
        raise _Keyword(node.children[0].start, node.children[0].end)
    for child in node.children:
        _refuse_keywords(child)
