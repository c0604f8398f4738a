"""GeoParquet (OGC GeoParquet 1.1): row groups streamed, the system taken from the file's ``geo`` metadata."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from cim.errors import InvalidFile
from layers.sources import geometry
from layers.sources.batch import Batch, Values

MAGIC = b"PAR1"
#: The default of the standard (section "crs").
_DEFAULT_CRS = "OGC:CRS84"
#: native encoding -> type of GeoJSON, depth of its lists
_NATIVE = {
    "point": ("Point", 0),
    "linestring": ("LineString", 1),
    "multipoint": ("MultiPoint", 1),
    "polygon": ("Polygon", 2),
    "multilinestring": ("MultiLineString", 2),
    "multipolygon": ("MultiPolygon", 3),
}


@dataclass
class ParquetLayer:
    """The one table of a file; attributes as those of ``GdalLayer``."""

    path: Path
    name: str
    file: Any
    column_info: dict[str, Any]
    geometry_name: str | None

    format = "GeoParquet"

    def __post_init__(self) -> None:
        schema = self.file.schema_arrow
        covering = self.column_info.get("covering", {}).get("bbox", {}).get("xmin", [None])[0]
        self._hidden = {self.geometry_name, covering}
        self.fields = {name: _kind(schema.field(name).type) for name in schema.names if name not in self._hidden}
        self.features: int = self.file.metadata.num_rows
        self.is_order_ruled = self.column_info.get("orientation") == "counterclockwise"
        self.crs = _crs(self.column_info) if self.geometry_name else None
        types = {geometry.family_of(name.removesuffix(" Z")) for name in self.column_info.get("geometry_types", ())}
        self.family = "none" if not self.geometry_name else types.pop() if len(types) == 1 else "mixed"

    def batches(self, size: int) -> Iterator[Batch]:
        """Yield all rows."""
        done = 0
        for found in self._tables(size, None):
            columns = {name: _objects(found.column(name)) for name in self.fields}
            rows = np.arange(done + 1, done + found.num_rows + 1)
            shapes, unreadable, closed = self._geometries(found)
            yield Batch(self.name, columns, shapes, unreadable, rows, closed=closed)
            done += found.num_rows

    def column(self, name: str, size: int) -> Iterator[Values]:
        """Yield the values of one column."""
        for found in self._tables(size, [name]):
            yield _objects(found.column(0))

    def shapes(self, limit: int) -> Values:
        """Return the geometries of the first rows."""
        found = next(self._tables(limit, [self.geometry_name or ""]), None)
        shapes = self._geometries(found)[0] if found is not None else None
        return np.empty(0, object) if shapes is None else shapes

    def _tables(self, size: int, columns: list[str] | None) -> Iterator[Any]:
        try:
            yield from self.file.iter_batches(batch_size=size, columns=columns, use_threads=False)
        except (pa.ArrowException, OSError) as error:
            raise InvalidFile(f"the file cannot be read to its end: {error}; deliver it again") from None

    def _geometries(self, found: Any) -> tuple[Values | None, Any, Any]:
        size = found.num_rows
        if self.geometry_name is None:
            return None, np.zeros(size, bool), None
        column = found.column(self.geometry_name)
        encoding = str(self.column_info.get("encoding", "WKB"))
        if encoding == "WKB":
            return geometry.from_wkb(_objects(column))
        return _native(column, encoding), np.zeros(size, bool), None


def open_parquet(path: Path, name: str) -> ParquetLayer:
    """Open a file; raises InvalidFile."""
    try:
        file = pq.ParquetFile(path, pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise InvalidFile(f"the file cannot be read as Parquet: {error}; deliver it again") from None
    text = (file.schema_arrow.metadata or {}).get(b"geo")
    if text is None:
        return ParquetLayer(path, name, file, {}, None)
    try:
        geo = orjson.loads(text)
        primary = geo["primary_column"]
        info = geo["columns"][primary]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise InvalidFile(f"the file's 'geo' metadata is not that of GeoParquet: {error!r}") from None
    if info.get("encoding", "WKB") not in {"WKB", *_NATIVE}:
        raise InvalidFile(f"geometries are encoded as '{info['encoding']}'; write them as WKB")
    return ParquetLayer(path, name, file, info, primary)


def _crs(info: dict[str, Any]) -> str | None:
    if "crs" not in info:
        return _DEFAULT_CRS
    return orjson.dumps(info["crs"]).decode() if info["crs"] is not None else None


def _kind(kind: Any) -> str:
    for name, test in (
        ("boolean", pa.types.is_boolean),
        ("integer", pa.types.is_integer),
        ("number", pa.types.is_floating),
        ("number", pa.types.is_decimal),
        ("datetime", pa.types.is_timestamp),
    ):
        if test(kind):
            return name
    return "string"


def _objects(column: Any) -> Values:
    if pa.types.is_decimal(column.type):
        column = column.cast(pa.float64())
    values: Values = np.empty(len(column), object)
    values[:] = column.to_pylist()
    return values


def _native(column: Any, encoding: str) -> Values:
    """Return geometries of the native encodings, whose coordinates are structs or lists of them."""
    kind, depth = _NATIVE[encoding]
    shapes: Values = np.full(len(column), None, object)
    for row, value in enumerate(column.to_pylist()):
        if value is not None:
            shapes[row] = shapely.geometry.shape({"type": kind, "coordinates": _plain(value, depth)})
    return shapes


def _plain(value: Any, depth: int) -> Any:
    if depth:
        return [_plain(part, depth - 1) for part in value]
    numbers = list(value.values()) if isinstance(value, dict) else list(value)
    return [number for number in numbers[:3] if number is not None]
