"""Tables as delimited text: encoding, delimiter and header found out, rows read in batches."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cim import encoding

#: Owners put whole descriptions into a cell; csv's own limit of 128 KiB is kept as the bound.
DELIMITERS = ",;\t|"
_NAME_LIMIT = 100
_NUMBER = re.compile(r"[-+]?\d+([.,]\d+)?")


@dataclass(frozen=True)
class Dialect:
    """How a table is written."""

    encoding: str
    delimiter: str
    header: tuple[str, ...]


@dataclass(frozen=True)
class Line:
    """One line that is no row, and why."""

    number: int
    cells: tuple[Any, ...]
    reason: str
    detail: str


@dataclass
class Rows:
    """Good rows with their line numbers, and the lines that do not fit."""

    cells: list[list[Any]]
    numbers: list[int]
    odd: list[Line]


def find_dialect(head: bytes) -> Dialect | None:
    """Return how a table is written, or None where the text is no table with a header.

    A table has a first line of at least two different names, none of them a number, and a second line of as many cells.
    """
    name = encoding.of_text(head)
    if name is None:
        return None
    text = head.decode(name, "ignore")
    if text.lstrip()[:1] in {"{", "[", "<"}:
        return None
    first = text.splitlines()[0] if text.strip() else ""
    delimiter = max(DELIMITERS, key=first.count)
    if first.count(delimiter) == 0:
        return None
    try:
        found = [
            row
            for _, row in zip(range(3), csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), strict=False)
        ]
    except csv.Error:
        return None
    header = tuple(cell.strip() for cell in found[0])
    return Dialect(name, delimiter, header) if is_table(header, found[1:]) else None


def is_table(header: tuple[str, ...], rows: Sequence[Sequence[Any]]) -> bool:
    """Tell whether a line is the header of those below it: at least two different names, none of them a number."""
    named = [cell for cell in header if cell]
    if len(named) < 2 or len(set(named)) < len(named):
        return False
    if any(len(cell) > _NAME_LIMIT or _NUMBER.fullmatch(cell) for cell in named):
        return False
    return bool(rows) and len(rows[0]) == len(header)


def read_rows(path: Path, dialect: Dialect, size: int) -> Iterator[Rows]:
    """Yield the rows below the header in batches; blank lines are no rows."""
    with path.open(encoding=dialect.encoding, errors="replace", newline="") as handle:
        reader = csv.reader(handle, delimiter=dialect.delimiter)
        next(reader)
        rows = Rows([], [], [])
        for cells in reader:
            if not any(cells):
                continue
            if len(cells) != len(dialect.header):
                rows.odd.append(Line(reader.line_num, tuple(cells), *wrong_count(cells, dialect.header)))
            elif "\ufffd" in "".join(cells):
                detail = f"the line is not in {dialect.encoding}; save the file as UTF-8"
                rows.odd.append(Line(reader.line_num, tuple(cells), "undecodable_text", detail))
            else:
                rows.cells.append(cells)
                rows.numbers.append(reader.line_num)
            if len(rows.cells) + len(rows.odd) >= size:
                yield rows
                rows = Rows([], [], [])
        if rows.cells or rows.odd:
            yield rows


def wrong_count(cells: Sequence[Any], header: Sequence[str]) -> tuple[str, str]:
    """Return reason and detail for a row that is longer or shorter than the header."""
    return "wrong_cell_count", f"the line has {len(cells)} cells and the header {len(header)}; quote the delimiter"
