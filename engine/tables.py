"""Tables: what a rule looks values up in, and never contains. Each is a CSV file, DATA/tables/NAME.csv, of two columns.

In each line a value and what takes its place, with a comma or semicolon between them; UTF-8, no heading is needed. Read
anew whenever it has changed. It is patients' data: words about a table name its lines, and quote nothing.
"""

import csv
import io
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from engine.errors import Never

_MOST = 64 << 20
"""Bytes. A larger file is no table that somebody keeps by hand."""


@dataclass(frozen=True, slots=True)
class _Table:
    signature: tuple[int, int, int]
    values: Mapping[str, str]
    shared: frozenset[str]
    """What stands in the second column more than once."""
    wrong: str
    """Why it cannot be used; empty where it can."""


class Tables:
    """The folder. Threads may share one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._known: dict[str, _Table] = {}
        self._lock = threading.Lock()

    def look_up(self, name: str, value: str, *, alone: bool = False) -> str | None:
        """What the table NAME says of a value; None where it says nothing.

        alone: no other value may have the same. Raises Never, in words, where the table cannot be used; OSError.
        """
        table = self._table(name)
        found = table.values.get(value.strip())
        if alone and found in table.shared:
            raise Never(f"the table {name} gives several the same: mend {self._path(name)}, then release it")
        return found

    def whose(self, name: str, found: str) -> list[str]:
        """The values of which the table says this. Raises as `look_up` does."""
        return [value for value, other in self._table(name).values.items() if other == found]

    def names(self) -> list[str]:
        """Which tables there are."""
        return sorted(path.stem for path in self.folder.glob("*.csv")) if self.folder.is_dir() else []

    def trouble(self, name: str) -> str:
        """Why a table cannot be used, or should not lie there as it does; empty where all is well."""
        path = self._path(name)
        try:
            self._table(name)
            open_to_others = path.stat().st_mode & 0o077
        except Never as never:
            return never.reason
        except OSError as error:
            return f"the table {name} cannot be read ({error.strerror})"
        return f"others may read the table {name}: chmod 600 {path}" if open_to_others else ""

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.csv"

    def _table(self, name: str) -> _Table:
        path = self._path(name)
        with self._lock:
            try:
                status = path.stat()
                signature = (status.st_mtime_ns, status.st_size, status.st_ino)
                known = self._known.get(name)
                if known is None or known.signature != signature:
                    known = self._known[name] = _read(path, signature)
            except (FileNotFoundError, IsADirectoryError, PermissionError) as error:
                raise Never(
                    f"the table {name} cannot be read ({error.strerror}): it is the file {path}, of two columns, for "
                    "this account alone (chmod 600)"
                ) from None
        if known.wrong:
            raise Never(f"the table {name} cannot be used: {known.wrong}; mend {path}, then release it")
        return known


def _read(path: Path, signature: tuple[int, int, int]) -> _Table:
    with path.open("rb") as stream:
        data = stream.read(_MOST + 1)
    values: dict[str, str] = {}
    owners: dict[str, str] = {}
    shared: set[str] = set()
    wrong = "it is larger than 64 MB" if len(data) > _MOST else ""
    try:
        text = "" if wrong else data.decode("utf-8-sig")
        first = next((line for line in text.splitlines() if line.strip()), "")
        rows = csv.reader(io.StringIO(text, newline=""), delimiter=";" if ";" in first else ",", strict=True)
        for row in rows:
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if len(cells) != 2 or not all(cells):
                wrong = f"line {rows.line_num} has not two columns"
                break
            value, other = cells
            if values.setdefault(value, other) != other:
                wrong = f"line {rows.line_num} says something else than an earlier line of the same value"
                break
            if owners.setdefault(other, value) != value:
                shared.add(other)
    except UnicodeDecodeError:
        wrong = "it is not UTF-8"
    except csv.Error:
        wrong = f"line {rows.line_num} has quotation marks that do not fit together"
    return _Table(signature, {} if wrong else values, frozenset(shared), wrong)
