"""Registers as tables (CSV here): with coordinates (cameras, events ...) or without (units, observations)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePath
from typing import Any

import numpy as np
from sqlalchemy import Connection

from cim.crs import CrsTransform, name_of
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, WriteResult
from cim.sources import Source
from layers.catalogue import district_extent, standard_tables
from layers.sources.batch import Batch, Values
from layers.sources.coordinates import Axes, find_axes, is_x_north, points
from layers.sources.delimited import Rows, find_dialect, read_rows
from layers.sources.filling import Filling
from layers.sources.guess import Request, Target, choose, read_mapping_option
from layers.sources.intake import Intake
from layers.sources.transform import describe, transform_for

BATCH_ROWS = 50_000
#: Rows that tell whether X is north.
_LOOKED_AT = 200
#: Registers with longitude and latitude that say no more are in the national system.
ASSUMED_CRS = "EPSG:4490"
#: Degrees around the known district within which points of it are looked for.
_NEARBY_DEG = 0.5


@dataclass(frozen=True)
class Table:
    """Rows with a header, from wherever.

    Attributes
    ----------
    read
        Called with a number of rows; yields all rows in batches of so many.
    """

    name: str
    header: tuple[str, ...]
    read: Callable[[int], Iterator[Rows]]


@dataclass
class Register:
    """A table whose header has been understood."""

    table: Table
    axes: Axes | None
    request: Request
    target: Target
    transform: CrsTransform | None
    crs: str | None

    def batch(self, rows: Rows) -> Batch:
        """Return rows with the points that their coordinates make."""
        size = len(rows.cells)
        columns = dict(zip(self.table.header, _columns(rows.cells), strict=True))
        columns.pop("", None)
        shapes: Values | None = None
        bad = np.zeros(size, bool)
        if self.axes:
            shapes, bad = points(columns[self.axes.x], columns[self.axes.y])
        return Batch(self.request.layer_name, columns, shapes, bad, np.array(rows.numbers, np.int64))


@dataclass
class PreparedRegister:
    """A file of registers."""

    format: str
    registers: list[Register]
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        return describe(self.format, *(register.transform for register in self.registers))

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Read the file batch by batch into the model."""
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        done = 0
        for register in self.registers:
            done = self._fill(connection, filling, register, done)
        self.context.progress("writing", done, done)
        return filling.finish()

    def _fill(self, connection: Connection, filling: Filling, register: Register, done: int) -> int:
        _turn(register, filling.notes)
        axes = register.axes
        known = district_extent(connection) if axes and axes.is_geographic else None
        kinds = {name: "string" for name in register.table.header if name}
        intake = filling.open(
            register.target,
            register.request,
            register.transform,
            kinds,
            kind="register",
            crs=register.crs,
            axes=(axes.x, axes.y) if axes else None,
        )
        for rows in register.table.read(BATCH_ROWS):
            for line in rows.odd:
                cells = dict(zip(register.table.header, line.cells, strict=False))
                intake.reject_line(f"row {line.number}", line.reason, line.detail, cells)
            if rows.cells:
                intake.take(register.batch(rows))
            done += len(rows.cells) + len(rows.odd)
            self.context.progress("reading", done, None)
        if known:
            _refuse_swapped(intake, known)
        return done


def _turn(register: Register, notes: list[Note]) -> None:
    """Read X as north where the first rows can only mean that."""
    axes, transform = register.axes, register.transform
    rows = next(iter(register.table.read(_LOOKED_AT)), None) if axes and not axes.is_geographic else None
    if axes is None or transform is None or rows is None or not rows.cells:
        return
    columns = dict(zip(register.table.header, _columns(rows.cells), strict=True))
    if is_x_north(axes, columns[axes.x], columns[axes.y], transform.source):
        register.axes = Axes(axes.y, axes.x, is_geographic=False)
        notes.append(
            Note(
                "x_is_north",
                f"'{axes.x}' was read as north and '{axes.y}' as east, as {name_of(transform.source)} has it",
            )
        )


def understand(table: Table, file_name: str, context: ImportContext, notes: list[Note]) -> Register:
    """Find out where the coordinates of a table are and which layer is meant; raises InvalidFile."""
    axes = find_axes(table.header)
    rest = [name for name in table.header if name and (axes is None or name not in {axes.x, axes.y})]
    request = Request(file_name, table.name, rest, "point" if axes else "none")
    options = context.options
    target = choose(request, standard_tables(), layer=options.layer, mapping_file=read_mapping_option(options.mapping))
    if axes is None and target.table_name == "feature":
        raise InvalidFile(
            f"no columns with coordinates (such as 经度 and 纬度, or lon and lat) and no known register: its "
            f"columns are {', '.join(table.header)[:300]}; say --layer units, observations or buildings, or "
            "--mapping FILE"
        )
    if axes is None:
        return Register(table, axes, request, target, None, None)
    if options.crs is None and axes.is_geographic:
        notes.append(
            Note("assumed_crs", f"'{axes.x}' and '{axes.y}' were taken as {ASSUMED_CRS} (CGCS2000); else say --crs")
        )
    declared = ASSUMED_CRS if axes.is_geographic else None
    transform = transform_for(declared, options.crs, f"'{table.name}'", notes)
    return Register(table, axes, request, target, transform, options.crs or declared)


class RegisterImporter:
    """Takes delimited text with a header."""

    name = "register"

    def recognise(self, source: Source) -> bool:
        """Tell by the first lines."""
        return find_dialect(source.head) is not None

    def prepare(self, source: Source, context: ImportContext) -> PreparedRegister:
        """Understand the header."""
        dialect = find_dialect(source.head)
        if dialect is None:
            raise InvalidFile("the file is no table with a header in its first line")
        notes = []
        if not dialect.encoding.startswith("utf"):
            read_as = dialect.encoding.upper()
            notes.append(Note("guessed_encoding", f"'{source.name}' is no UTF-8; it was read as {read_as}"))
        file_name = PurePath(source.name).name
        table = Table(PurePath(file_name).stem, dialect.header, partial(read_rows, source.path, dialect))
        return PreparedRegister("CSV", [understand(table, file_name, context, notes)], context, notes)


def _columns(cells: list[list[Any]]) -> Iterator[Values]:
    for values in zip(*cells, strict=True):
        column: Values = np.empty(len(values), object)
        column[:] = values
        yield column


def _refuse_swapped(intake: Intake, known: tuple[float, float, float, float]) -> None:
    """Refuse points none of which is near the known district, and all of which would be with x and y exchanged."""
    if not intake.boxes:
        return
    corners = np.array(intake.boxes)
    west, south = corners[:, :2].min(axis=0)
    east, north = corners[:, 2:].max(axis=0)
    low = np.array(known[:2]) - _NEARBY_DEG
    high = np.array(known[2:]) + _NEARBY_DEG
    is_apart = west > high[0] or east < low[0] or south > high[1] or north < low[1]
    is_within_swapped = south >= low[0] and north <= high[0] and west >= low[1] and east <= high[1]
    if is_apart and is_within_swapped:
        raise InvalidFile(
            f"longitude and latitude look swapped: ({west:.6f}, {south:.6f}) is far from the district, and "
            f"({south:.6f}, {west:.6f}) is in it; exchange the two columns"
        )
