"""GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/): a row group a batch, geometries as WKB."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pyproj import CRS

from layers.export.batches import BatchStream
from layers.export.columns import GEOMETRY
from layers.export.description import Description

#: Of several batches: small groups make poor compression and slow readers.
GROUP_BATCHES = 10


def parquet_metadata(description: Description, geometry_type: str | None) -> dict[bytes, bytes]:
    """Return the file's metadata, ``geo`` where there is a geometry."""
    found = {name.encode(): text.encode() for name, text in description.metadata().items()}
    if geometry_type is None:
        return found
    column: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": [] if geometry_type == "Unknown" else [geometry_type],
        "crs": orjson.loads(CRS.from_user_input(description.crs).to_json()),
    }
    geo = {"version": "1.1.0", "primary_column": GEOMETRY, "columns": {GEOMETRY: column}}
    return found | {b"geo": orjson.dumps(geo)}


def write_parquet(path: Path, stream: BatchStream) -> None:
    """Write a file whose metadata the stream's schema has."""
    with pq.ParquetWriter(path, stream.schema, compression="zstd") as writer:
        waiting: list[Any] = []
        for batch in stream.batches():
            waiting.append(batch)
            if len(waiting) == GROUP_BATCHES:
                writer.write_table(pa.Table.from_batches(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.Table.from_batches(waiting))
