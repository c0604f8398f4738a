"""One layer of the model into a file, or a file for each dataset that feeds it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from geoalchemy2 import Geometry
from sqlalchemy import Connection, Table

from cim.errors import InvalidInput
from cim.importing import Progress, silent
from layers.catalogue import LayerRow
from layers.export.batches import BatchStream
from layers.export.cityjson import write_cityjson
from layers.export.columns import GEOMETRY, export_columns, schema_of
from layers.export.description import Description, dataset_facts
from layers.export.destination import destination, require_free
from layers.export.formats import CITYJSON, CITYJSON_SEQUENCE, GEOPARQUET, Format, format_of, suffix_of
from layers.export.geoparquet import parquet_metadata, write_parquet
from layers.export.selection import DatasetRow, Selection, Wanted, count_rows, datasets_of, select_objects
from layers.export.vector_file import write_vector
from layers.queries.visible import table_of

#: geometry of a column -> as GDAL and GeoParquet name it
_TYPES = {
    "POINT": "Point",
    "LINESTRING": "LineString",
    "MULTILINESTRING": "MultiLineString",
    "MULTIPOLYGON": "MultiPolygon",
}
_NO_DATASET = "no_dataset"


@dataclass(frozen=True)
class Systems:
    """The deployment's systems.

    Attributes
    ----------
    metric_crs
        Projected system of formats that take metres only.
    """

    vertical_crs: str
    metric_crs: str


@dataclass(frozen=True)
class Exported:
    """One file that was written; ``datasets`` are the names of those that its rows come from."""

    file: str
    rows: int
    datasets: list[str]


def export_layer(
    connection: Connection,
    layer: LayerRow,
    path: Path,
    wanted: Wanted,
    systems: Systems,
    *,
    by_dataset: bool = False,
    overwrite: bool = False,
    progress: Progress = silent,
) -> list[Exported]:
    """Write a layer; nothing is there under its name before all of it is written.

    The caller's transaction must be one that sees one state throughout (repeatable read).

    Raises
    ------
    InvalidInput
        For a name that tells no format, is taken or cannot be written, and for layers that a format does not take.
    """
    chosen = format_of(path)
    table = _table(layer)
    if chosen in (CITYJSON, CITYJSON_SEQUENCE) and table.name != "building":
        raise InvalidInput(f"CityJSON is written of buildings, not of '{layer.id}'; choose e.g. a .gpkg")
    selection = select_objects(layer.id, table, wanted)
    sources = datasets_of(connection, selection)
    parts = _parts(path, selection, sources) if by_dataset else {path: (selection, sources)}
    for name in parts:
        require_free(name, overwrite=overwrite)
    written = []
    with destination(path.parent) as folder:
        for name, (part, rows) in parts.items():
            writing = _Writing(connection, layer, chosen, wanted, systems, progress)
            count = writing.write(folder / name.name, part, rows)
            written.append(Exported(str(name), count, [row.name for row in rows if row.name is not None]))
    return written


@dataclass(frozen=True)
class _Writing:
    connection: Connection
    layer: LayerRow
    chosen: Format
    wanted: Wanted
    systems: Systems
    progress: Progress

    def write(self, path: Path, selection: Selection, sources: list[DatasetRow]) -> int:
        """Write one file and return the number of its rows."""
        if len(sources) == 1:
            selection = selection.of_dataset(sources[0])
        total, shapeless = count_rows(self.connection, selection)
        kind = _geometry_type(selection.table)
        description = Description(
            self.layer.id,
            f"{self.layer.title_zh} {self.layer.title_en}",
            self.systems.vertical_crs,
            kind is not None and kind.endswith(" Z"),
            self.wanted.asof,
            dataset_facts(self.connection, sources),
        )
        if self.chosen in (CITYJSON, CITYJSON_SEQUENCE):
            return write_cityjson(
                self.connection,
                path,
                selection,
                description,
                self.systems.metric_crs,
                total,
                is_sequence=self.chosen is CITYJSON_SEQUENCE,
                progress=self.progress,
            )
        columns = export_columns(self.connection, selection, keeps_times=self.chosen.keeps_times)
        metadata = parquet_metadata(description, kind) if self.chosen is GEOPARQUET else None
        stream = BatchStream(self.connection, selection, columns, schema_of(columns, metadata), total, self.progress)
        if self.chosen is GEOPARQUET:
            write_parquet(path, stream)
        else:
            write_vector(path, stream, self.chosen, description, kind, shapeless)
        return stream.rows


def _table(layer: LayerRow) -> Table:
    if layer.geometry_type == "raster":
        raise InvalidInput(f"the layer '{layer.id}' holds rasters; they are files already, under CIM_HOME/files")
    try:
        table = table_of(layer.table_name)
    except KeyError:
        raise InvalidInput(f"the layer '{layer.id}' has no objects to write") from None
    if "source_key" not in table.c:
        raise InvalidInput(f"the layer '{layer.id}' has no objects to write")
    return table


def _geometry_type(table: Table) -> str | None:
    if GEOMETRY not in table.c:
        return None
    stored = table.c[GEOMETRY].type
    assert isinstance(stored, Geometry)
    kind = stored.geometry_type or "GEOMETRY"
    plain = _TYPES.get(kind.removesuffix("Z"), "Unknown")
    return f"{plain} Z" if kind.endswith("Z") and plain != "Unknown" else plain


def _parts(
    path: Path, selection: Selection, sources: list[DatasetRow]
) -> dict[Path, tuple[Selection, list[DatasetRow]]]:
    """Return a file for each dataset: 'pipes.gpkg' becomes 'pipes.water_csv.gpkg'."""
    suffix = path.name[len(path.name) - len(suffix_of(path)) :]
    stem = path.name[: len(path.name) - len(suffix)]
    found: dict[Path, tuple[Selection, list[DatasetRow]]] = {}
    for row in sources:
        word = re.sub(r"\W+", "_", row.name or _NO_DATASET)
        name = path.with_name(f"{stem}.{word}{suffix}")
        if name in found:
            name = path.with_name(f"{stem}.{word}_{row.id}{suffix}")
        found[name] = (selection.of_dataset(row), [row])
    return found
