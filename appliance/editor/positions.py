"""Places as editors count them, and as the rule language does.

Pure. An editor counts lines and characters from 0, and characters in units of an encoding that it names (UTF-16 unless
agreed otherwise); the language counts both from 1, in characters, without a byte order mark.
"""

from dsl.build import Places
from dsl.parse import plain

_BOM = "\ufeff"


def units(text: str, encoding: str) -> int:
    """How long a text is in the units of utf-8, utf-16 or utf-32."""
    if encoding == "utf-8":
        return len(text.encode("utf-8", "surrogatepass"))
    if encoding == "utf-32":
        return len(text)
    return len(text) + sum(sign > "\uffff" for sign in text)


class Positions:
    """The places of one text, as an editor has it."""

    def __init__(self, text: str, encoding: str = "utf-16") -> None:
        self.text = plain(text)
        self._encoding = encoding
        self._lines = self.text.split("\n")
        self._mark = units(_BOM, encoding) if text.startswith(_BOM) else 0

    def to_editor(self, line: int, column: int) -> tuple[int, int]:
        """Line and character for the editor."""
        before = self._line(line)[: max(column - 1, 0)]
        return max(line - 1, 0), units(before, self._encoding) + (self._mark if line <= 1 else 0)

    def from_editor(self, line: int, character: int) -> tuple[int, int]:
        """Line and column; a character beyond the end of its line is its end."""
        left = character - (self._mark if line == 0 else 0)
        column = 1
        for sign in self._line(line + 1):
            left -= units(sign, self._encoding)
            if left < 0:
                break
            column += 1
        return line + 1, column

    def offset(self, line: int, character: int) -> int:
        """The offset in the plain text of a place in the editor."""
        return Places("", self.text).offset(*self.from_editor(line, character))

    def _line(self, line: int) -> str:
        return self._lines[line - 1] if 1 <= line <= len(self._lines) else ""
