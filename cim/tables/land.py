"""Water, management grids and terrain."""

from __future__ import annotations

from sqlalchemy import Column, Double, Index, Integer, Text

from cim.tables.columns import geometry, json_column, object_table, reference

#: Centrelines in the direction of flow.
river = object_table(
    "river", Column("class", Text), Column("width_m", Double), geom=geometry("MULTILINESTRING"), measure="length"
)

river_area = object_table("river_area", Column("class", Text), geom=geometry("MULTIPOLYGON"), measure="area")

catchment = object_table("catchment", reference("river_id", "river.id"), geom=geometry("MULTIPOLYGON"), measure="area")

#: Dam, sluice, pump station, outfall ...
water_work = object_table(
    "water_work", Column("kind", Text), reference("river_id", "river.id"), geom=geometry("GEOMETRY")
)

#: 15-digit management cells. ``grid``: the system it belongs to; ``lineage``: [{"grid", "code", "share"}] of the
#: cells that it was merged from.
grid_cell = object_table(
    "grid_cell",
    Column("code", Text),
    Column("grid", Text, nullable=False),
    Column("version", Integer, nullable=False, server_default="1"),
    Column("manager", Text),
    json_column("lineage", "[]"),
    Index("grid_cell_code_idx", "code"),
    geom=geometry("MULTIPOLYGON"),
    measure="area",
)

#: A raster on disk: a Cloud-Optimised GeoTIFF named by its content under the deployment's files; ``geom`` is its frame.
terrain = object_table(
    "terrain",
    Column("file_key", Text, nullable=False),
    Column("kind", Text, nullable=False),  # dtm | dsm
    Column("crs", Text, nullable=False),
    Column("vertical_crs", Text),
    Column("resolution_m", Double),
    Column("min_height_m", Double),
    Column("max_height_m", Double),
    Column("void_share", Double),
    geom=geometry("MULTIPOLYGON"),
)
