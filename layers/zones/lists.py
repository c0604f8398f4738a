"""Full lists of what lies in a zone, as a stream: GeoJSON, CSV, GeoPackage; no row is left out.

What lies in a zone is what the inventory counts: an object when it touches it, a unit when its building does.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import shapely
from pyarrow import csv
from sqlalchemy import ColumnElement, Connection, Double, LargeBinary, Table, Text, case, cast, func, literal, select

from cim.access import Caller
from cim.errors import InvalidInput
from cim.importing import silent
from cim.tables import GEOGRAPHIC_SRID, building
from layers.catalogue import LayerRow
from layers.export.batches import BatchStream
from layers.export.columns import GEOMETRY, ExportColumn, schema_of, typed_column
from layers.export.description import Description
from layers.export.formats import format_of
from layers.export.selection import Selection, count_rows
from layers.queries.items import feature_of
from layers.queries.small_counts import is_personal, sees_all, without_small
from layers.queries.visible import field_text, field_value, in_area, table_of

FORMATS = {
    "geojson": "application/geo+json",
    "csv": "text/csv; charset=utf-8",
    "gpkg": "application/geopackage+sqlite3",
}
_ROWS = 2_000
_CHUNK = 1 << 18
#: Spreadsheets take a text that begins so for a formula.
_FORMULA = r"^[=+\-@\t\r]"
_NUMBER = r"^\s*-?\d+(\.\d+)?([eE][-+]?\d+)?\s*$"
#: So that spreadsheets read UTF-8.
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def require_list(layer: LayerRow, form: str) -> None:
    """Raise InvalidInput for a layer without objects or a format that is not written."""
    if form not in FORMATS:
        raise InvalidInput(
            f"f is '{form[:20]}'; lists are written as {', '.join(FORMATS)}",
            "not_one_of", field="f", given=form[:20], choices=[*FORMATS],
        )  # fmt: skip
    if layer.geometry_type == "raster" or "layer_id" not in table_of(layer.table_name).c:
        raise InvalidInput(f"the layer '{layer.id}' has no objects to list", "layer_without_objects", layer=layer.id)


def list_inside(
    connection: Connection, layer: LayerRow, shape: shapely.Geometry, caller: Caller, form: str, vertical_crs: str
) -> Generator[bytes]:
    """Yield a file with all objects of a layer in a zone that the caller may see, by id.

    Parameters
    ----------
    connection
        In one transaction that sees one state throughout (repeatable read).
    vertical_crs
        The deployment's vertical system, which the file names.
    """
    table = table_of(layer.table_name)
    selection = Selection(layer.id, table, table, _conditions(table, layer, shape, caller), is_single=True)
    if form == "geojson":
        yield from _geojson(connection, selection, layer, caller)
    elif form == "csv":
        yield from _csv(connection, selection, layer, caller)
    else:
        yield from _geopackage(connection, selection, layer, caller, vertical_crs)


def _conditions(
    table: Table, layer: LayerRow, shape: shapely.Geometry, caller: Caller
) -> tuple[ColumnElement[bool], ...]:
    zone = func.ST_GeomFromWKB(literal(shapely.to_wkb(shape), LargeBinary), GEOGRAPHIC_SRID)
    inside: ColumnElement[bool]
    if "geom" in table.c:
        inside = func.ST_Intersects(table.c.geom, zone)
    else:
        homes = select(building.c.id).where(func.ST_Intersects(building.c.geom, zone), in_area(building, caller))
        inside = table.c.building_id.in_(homes)
    return table.c.layer_id == layer.id, in_area(table, caller), inside


def _geojson(connection: Connection, selection: Selection, layer: LayerRow, caller: Caller) -> Generator[bytes]:
    feature = cast(feature_of(selection.table, layer, caller), Text)
    statement = select(feature).where(*selection.conditions).order_by(selection.rows.c.id)
    options = {"stream_results": True, "yield_per": _ROWS}
    yield b'{"type":"FeatureCollection","features":['
    with connection.execute(statement, execution_options=options) as result:
        comma = ""
        for part in result.scalars().partitions():
            yield (comma + ",\n".join(part)).encode()
            comma = ",\n"
    yield b"]}\n"


def _csv(connection: Connection, selection: Selection, layer: LayerRow, caller: Caller) -> Generator[bytes]:
    columns = _columns(selection.table, layer, caller, is_sheet=True)
    if GEOMETRY in selection.table.c:
        middle = func.ST_PointOnSurface(func.ST_Force2D(selection.rows.c.geom))
        columns += [ExportColumn("longitude", pa.float64(), func.ST_X(middle)),
                    ExportColumn("latitude", pa.float64(), func.ST_Y(middle))]  # fmt: skip
    schema = schema_of(columns)
    stream = BatchStream(connection, selection, columns, schema, 0, silent)
    header = pa.BufferOutputStream()
    csv.write_csv(schema.empty_table(), header)
    yield _BYTE_ORDER_MARK + header.getvalue().to_pybytes()
    for batch in stream.batches():
        sink = pa.BufferOutputStream()
        csv.write_csv(batch, sink, csv.WriteOptions(include_header=False))
        yield sink.getvalue().to_pybytes()


def _geopackage(
    connection: Connection, selection: Selection, layer: LayerRow, caller: Caller, vertical_crs: str
) -> Generator[bytes]:
    """Write the file aside, as SQLite cannot be written from front to back, and hand it out in pieces."""
    # GDAL's writer brings pandas with it, which each start of a service would wait for
    from layers.export.vector_file import write_vector

    columns = _columns(selection.table, layer, caller, is_sheet=False)
    has_shape = GEOMETRY in selection.table.c
    if has_shape:
        shape = func.ST_AsBinary(selection.rows.c.geom, type_=LargeBinary)
        columns.append(ExportColumn(GEOMETRY, pa.binary(), shape))
    total, shapeless = count_rows(connection, selection)
    stream = BatchStream(connection, selection, columns, schema_of(columns), total, silent)
    described = Description(layer.id, f"{layer.title_zh} {layer.title_en}", vertical_crs, has_heights=False, asof=None,
                            datasets=[])  # fmt: skip
    with TemporaryDirectory(prefix="cim-list-") as folder:
        path = Path(folder) / f"{layer.id}.gpkg"
        write_vector(path, stream, format_of(path), described, "Unknown" if has_shape else None, shapeless)
        with path.open("rb") as file:
            while piece := file.read(_CHUNK):
                yield piece


def _columns(table: Table, layer: LayerRow, caller: Caller, *, is_sheet: bool) -> list[ExportColumn]:
    found = [ExportColumn("id", pa.int64(), table.c.id)]
    for name, described in layer.fields.items():
        column = _column(table, name, described, caller)
        if column is not None and name not in ("id", GEOMETRY):
            found.append(_without_formula(column) if is_sheet and column.kind == pa.string() else column)
    return found


def _column(table: Table, name: str, described: Mapping[str, Any], caller: Caller) -> ExportColumn | None:
    if name in table.c:
        column = typed_column(table.c[name], table.c[name], False)
        hidden = is_personal(table.name, name) and not sees_all(caller)
        return ExportColumn(name, column.kind, without_small(column.expression)) if hidden else column
    value, text = field_value(table, name), field_text(table, name)
    if value is None or text is None:
        return None
    if described["type"] in ("integer", "number"):
        # An owner's attribute may say anything; what is no number stays out of a column of numbers.
        return ExportColumn(name, pa.float64(), case((text.op("~")(_NUMBER), cast(text, Double))))
    return ExportColumn(name, pa.string(), text)


def _without_formula(column: ExportColumn) -> ExportColumn:
    guarded = case((column.expression.op("~")(_FORMULA), func.concat("'", column.expression)), else_=column.expression)
    return ExportColumn(column.name, column.kind, guarded)
