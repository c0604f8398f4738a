"""Registers as Excel workbooks (.xlsx): every sheet that has a header is a table, read row by row."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from functools import partial
from itertools import islice, pairwise
from pathlib import Path, PurePath
from typing import Any

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from cim.archive import check_members
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import Note
from cim.sources import Source
from layers.sources.delimited import Line, Rows, is_table, wrong_count
from layers.sources.register import PreparedRegister, Table, understand

_MAGIC = b"PK\x03\x04"
_MEMBER = "xl/workbook.xml"
#: Registers often have a title and a date above their header.
_HEADER_WITHIN = 10


class WorkbookImporter:
    """Takes workbooks of Office Open XML."""

    name = "workbook"

    def recognise(self, source: Source) -> bool:
        """Tell by the workbook inside of the archive."""
        if not source.head.startswith(_MAGIC):
            return False
        try:
            with zipfile.ZipFile(source.path) as archive:
                return _MEMBER in archive.namelist()
        except (zipfile.BadZipFile, OSError):
            return False

    def prepare(self, source: Source, context: ImportContext) -> PreparedRegister:
        """Find the headers of all sheets."""
        with zipfile.ZipFile(source.path) as archive:
            check_members(source.name, archive.infolist())
        file_name = PurePath(source.name).name
        notes: list[Note] = []
        registers = []
        names = _sheet_names(source.path)
        for name in names:
            found = _header(source.path, name)
            if found is None:
                notes.append(Note("no_table", f"the sheet '{name}' has no header with rows below it: left out"))
                continue
            row, header = found
            # 'Sheet1' says nothing; the name of the file does.
            title = PurePath(file_name).stem if len(names) == 1 else name
            table = Table(title, header, partial(_read, source.path, name, row, header))
            registers.append(understand(table, file_name, context, notes))
        if not registers:
            raise InvalidFile(f"no sheet has a header with rows below it in its first {_HEADER_WITHIN} rows")
        return PreparedRegister("XLSX", registers, context, notes)


def _open(path: Path) -> Any:
    try:
        return openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
    except (InvalidFileException, zipfile.BadZipFile, KeyError, ValueError, OSError) as error:
        raise InvalidFile(f"the workbook cannot be read: {error}; save it anew as .xlsx") from None


def _sheet_names(path: Path) -> list[str]:
    book = _open(path)
    try:
        return [sheet.title for sheet in book.worksheets]
    finally:
        book.close()


def _rows(path: Path, name: str) -> Iterator[tuple[int, list[Any]]]:
    """Yield the number and the cells of each row that is not blank, without blank cells at its end."""
    book = _open(path)
    try:
        for number, cells in enumerate(book[name].iter_rows(values_only=True), 1):
            kept = list(cells)
            while kept and kept[-1] in (None, ""):
                kept.pop()
            if kept:
                yield number, kept
    finally:
        book.close()


def _header(path: Path, name: str) -> tuple[int, tuple[str, ...]] | None:
    """Return the row and the names of a sheet's header."""
    first = list(islice(_rows(path, name), _HEADER_WITHIN))
    for (number, cells), (_, following) in pairwise(first):
        header = tuple("" if cell is None else str(cell).strip() for cell in cells)
        if all(isinstance(cell, str | None) for cell in cells) and is_table(header, [_padded(following, header)]):
            return number, header
    return None


def _read(path: Path, name: str, header_row: int, header: tuple[str, ...], size: int) -> Iterator[Rows]:
    rows = Rows([], [], [])
    for number, cells in _rows(path, name):
        if number <= header_row:
            continue
        if len(cells) > len(header):
            rows.odd.append(Line(number, tuple(map(_text, cells)), *wrong_count(cells, header)))
        else:
            rows.cells.append(_padded(cells, header))
            rows.numbers.append(number)
        if len(rows.cells) + len(rows.odd) >= size:
            yield rows
            rows = Rows([], [], [])
    if rows.cells or rows.odd:
        yield rows


def _padded(cells: Sequence[Any], header: Sequence[str]) -> list[Any]:
    return [*map(_text, cells), *([None] * (len(header) - len(cells)))]


def _text(cell: Any) -> Any:
    """Return times as text, as CSV files have them."""
    return cell.isoformat(sep=" ") if hasattr(cell, "hour") and hasattr(cell, "year") else cell
