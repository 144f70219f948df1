"""A multipart/related body (RFC 2046 5.1, RFC 2387), taken apart while it comes, in the memory of one piece of it.

It must not know DICOM, nor where a part is written.
"""

import re
from collections.abc import Callable, Mapping

LONGEST_BOUNDARY = 70
_LONGEST_HEAD = 16 << 10
"""Bytes of the header fields of one part."""
_LONGEST_LINE = 1 << 10
_MOST_PREAMBLE = 64 << 10

_PARAMETER = re.compile(r';\s*([\w!#$%&\'*+.^`|~-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))\s*(?=;|$)')


class Malformed(ValueError):
    """It is not built as the standard says; the text quotes nothing of it."""


def media_type(value: str) -> tuple[str, dict[str, str]]:
    """A Content-Type: the type in small letters, and its parameters, by their names in small letters."""
    kind, semicolon, rest = value.partition(";")
    found = _PARAMETER.findall(semicolon + rest)
    return kind.strip().lower(), {name.lower(): re.sub(r"\\(.)", r"\1", quoted) or bare for name, quoted, bare in found}


class Parts:
    """Told the body piece by piece, tells of each part: that it begins, its bytes, that it ends."""

    def __init__(
        self,
        boundary: str,
        begin: Callable[[Mapping[str, str]], None],
        data: Callable[[bytes], None],
        end: Callable[[], None],
    ) -> None:
        if not 0 < len(boundary) <= LONGEST_BOUNDARY or not boundary.isascii() or not boundary.isprintable():
            raise Malformed("the boundary is missing, or is none")
        self._delimiter = b"\r\n--" + boundary.encode()
        self._begin, self._data, self._end = begin, data, end
        # The first delimiter may stand at the very beginning, where no line has ended.
        self._rest = bytearray(b"\r\n")
        self._state: Callable[[], bool] = self._preamble
        self._skipped = 0

    @property
    def is_complete(self) -> bool:
        """Whether the last delimiter has come."""
        return self._state == self._epilogue

    def feed(self, piece: bytes | bytearray) -> None:
        """The next bytes. Raises Malformed, and whatever `begin`, `data` and `end` raise."""
        self._rest += piece
        while self._state():
            pass

    # Each answers whether there may be more to do with what is there.

    def _preamble(self) -> bool:
        at = self._rest.find(self._delimiter)
        skipped = at if at >= 0 else max(0, len(self._rest) - len(self._delimiter) + 1)
        self._skipped += skipped
        if self._skipped > _MOST_PREAMBLE:
            raise Malformed("no part begins")
        del self._rest[: skipped + (len(self._delimiter) if at >= 0 else 0)]
        if at < 0:
            return False
        self._state = self._delimiter_line
        return True

    def _delimiter_line(self) -> bool:
        if self._rest[:2] == b"--":
            self._state = self._epilogue
            return True
        at = self._rest.find(b"\r\n")
        if at < 0 and len(self._rest) < _LONGEST_LINE:
            return False
        if at < 0 or self._rest[:at].strip(b" \t"):
            raise Malformed("a delimiter has something behind it")
        # The end of this line stays: a part without header fields has an empty line right behind it.
        del self._rest[:at]
        self._state = self._head
        return True

    def _head(self) -> bool:
        at = self._rest.find(b"\r\n\r\n")
        if at < 0:
            if len(self._rest) > _LONGEST_HEAD:
                raise Malformed("a part has too much in front of it")
            return False
        if at > _LONGEST_HEAD:
            raise Malformed("a part has too much in front of it")
        fields: dict[str, str] = {}
        for line in self._rest[:at].decode("latin-1").split("\r\n"):
            name, colon, value = line.partition(":")
            if line and (not colon or not name.strip() or line[0] in " \t" or name.lower() in fields):
                raise Malformed("what stands in front of a part is no header")
            if line:
                fields[name.lower()] = value.strip()
        del self._rest[: at + 4]
        self._begin(fields)
        self._state = self._body
        return True

    def _body(self) -> bool:
        at = self._rest.find(self._delimiter)
        behind = at + len(self._delimiter)
        if at >= 0 and len(self._rest) < behind + 2:
            return self._pass_on(at)
        if (
            at >= 0
            and bytes(self._rest[behind : behind + 2]) not in (b"--", b"\r\n")
            and self._rest[behind] not in b" \t"
        ):
            # It only begins like the delimiter.
            self._pass_on(behind)
            return True
        if at < 0:
            return self._pass_on(len(self._rest) - len(self._delimiter) + 1)
        self._pass_on(at)
        del self._rest[: len(self._delimiter)]
        self._end()
        self._state = self._delimiter_line
        return True

    def _pass_on(self, count: int) -> bool:
        if count > 0:
            self._data(bytes(self._rest[:count]))
            del self._rest[:count]
        return False

    def _epilogue(self) -> bool:
        self._rest.clear()
        return False
