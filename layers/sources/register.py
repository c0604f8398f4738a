"""Registers as CSV files: with coordinates (cameras, sensors, places, events ...) or without (units, observations)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
from sqlalchemy import Connection

from cim.crs import CrsTransform, name_of
from cim.errors import InvalidFile
from cim.importing import ImportContext
from cim.reports import DatasetDescription, Note, Rejected, WriteResult
from cim.sources import Source
from layers.catalogue import district_extent, standard_tables
from layers.sources.batch import Batch, Values
from layers.sources.coordinates import Axes, find_axes, points
from layers.sources.delimited import Dialect, Rows, find_dialect, read_rows
from layers.sources.filling import Filling
from layers.sources.guess import Request, Target, choose, read_mapping_option
from layers.sources.intake import Intake
from layers.sources.transform import transform_for

BATCH_ROWS = 50_000
#: Registers with longitude and latitude that say no more are in the national system.
ASSUMED_CRS = "EPSG:4490"
#: Degrees around the known district within which points of it are looked for.
_NEARBY_DEG = 0.5


@dataclass
class PreparedRegister:
    """A register whose header has been understood."""

    path: Path
    dialect: Dialect
    axes: Axes | None
    request: Request
    target: Target
    transform: CrsTransform | None
    context: ImportContext
    notes: list[Note] = field(default_factory=list)

    @property
    def description(self) -> DatasetDescription:
        """What the file says of itself."""
        if self.transform is None:
            return DatasetDescription("CSV")
        return DatasetDescription(
            "CSV",
            crs=name_of(self.transform.source),
            transform=self.transform.description,
            accuracy_m=self.transform.accuracy_m,
            is_ballpark=self.transform.is_ballpark,
        )

    def write(self, connection: Connection, dataset_id: int) -> WriteResult:
        """Read the file batch by batch into the model."""
        known = district_extent(connection) if self.axes and self.axes.is_geographic else None
        filling = Filling(connection, dataset_id, notes=list(self.notes))
        kinds = {name: "string" for name in self.dialect.header if name}
        intake = filling.open(self.target, self.request, self.transform, kinds, kind="register")
        done = 0
        for rows in read_rows(self.path, self.dialect, BATCH_ROWS):
            _reject_odd(intake, rows, self.dialect)
            if rows.cells:
                intake.take(self._batch(rows))
            done += len(rows.cells) + len(rows.odd)
            self.context.progress("reading", done, None)
        if known:
            _refuse_swapped(intake, known)
        self.context.progress("writing", done, done)
        return filling.finish()

    def _batch(self, rows: Rows) -> Batch:
        size = len(rows.cells)
        columns = dict(zip(self.dialect.header, _columns(rows.cells), strict=True))
        columns.pop("", None)
        shapes: Values | None = None
        bad = np.zeros(size, bool)
        if self.axes:
            shapes, bad = points(columns[self.axes.x], columns[self.axes.y])
        return Batch(self.request.layer_name, columns, shapes, bad, np.array(rows.numbers, np.int64))


class RegisterImporter:
    """Takes delimited text with a header."""

    name = "register"

    def recognise(self, source: Source) -> bool:
        """Tell by the first lines."""
        return find_dialect(source.head) is not None

    def prepare(self, source: Source, context: ImportContext) -> PreparedRegister:
        """Understand the header: where the coordinates are and which layer is meant."""
        dialect = find_dialect(source.head)
        if dialect is None:
            raise InvalidFile("the file is no table with a header in its first line")
        notes = []
        if not dialect.encoding.startswith("utf"):
            read_as = dialect.encoding.upper()
            notes.append(Note("guessed_encoding", f"'{source.name}' is no UTF-8; it was read as {read_as}"))
        axes = find_axes(dialect.header)
        file_name = PurePath(source.name).name
        rest = [name for name in dialect.header if name and (axes is None or name not in {axes.x, axes.y})]
        request = Request(file_name, PurePath(file_name).stem, rest, "point" if axes else "none")
        options = context.options
        target = choose(
            request, standard_tables(), layer=options.layer, mapping_file=read_mapping_option(options.mapping)
        )
        if axes is None and target.table_name == "feature":
            raise InvalidFile(
                f"no columns with coordinates (such as 经度 and 纬度, or lon and lat) and no known register: its "
                f"columns are {', '.join(dialect.header)[:300]}; say --layer units, observations or buildings, or "
                "--mapping FILE"
            )
        transform = _transform(axes, context, source.name, notes)
        return PreparedRegister(source.path, dialect, axes, request, target, transform, context, notes)


def _transform(axes: Axes | None, context: ImportContext, name: str, notes: list[Note]) -> CrsTransform | None:
    if axes is None:
        return None
    asked = context.options.crs
    if asked is None and axes.is_geographic:
        notes.append(
            Note("assumed_crs", f"'{axes.x}' and '{axes.y}' were taken as {ASSUMED_CRS} (CGCS2000); else say --crs")
        )
    return transform_for(ASSUMED_CRS if axes.is_geographic else None, asked, f"'{name}'", notes)


def _columns(cells: list[list[str]]) -> Iterator[Values]:
    for values in zip(*cells, strict=True):
        column: Values = np.empty(len(values), object)
        column[:] = values
        yield column


def _reject_odd(intake: Intake, rows: Rows, dialect: Dialect) -> None:
    for line in rows.odd:
        cells = dict(zip(dialect.header, line.cells, strict=False))
        if len(line.cells) == len(dialect.header):
            reason, detail = "undecodable_text", f"the line is not in {dialect.encoding}; save the file as UTF-8"
        else:
            reason = "wrong_cell_count"
            detail = f"the line has {len(line.cells)} cells and the header {len(dialect.header)}; quote the delimiter"
        intake.rejected.append(Rejected(f"row {line.number}", reason, detail, intake.target.title, None, cells))
    intake.counts.quarantined += len(rows.odd)


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
