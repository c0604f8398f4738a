"""Water, management grids and terrain."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Identity, Index, Integer, SmallInteger, Table, Text

from cim.tables.columns import geometry, json_column, metadata, object_table, reference

#: Centrelines. ``direction`` (forward | backward) says which way the water runs along the line as drawn,
#: ``direction_source`` why: flow (the mouth) | heights (the ground falls) | drawn. ``strahler`` is the order at its
#: lower end; heights are of the ground at the upper and lower end, metres.
river = object_table(
    "river",
    Column("class", Text),
    Column("width_m", Double),
    Column("direction", Text),
    Column("direction_source", Text),
    Column("strahler", SmallInteger),
    Column("upper_height_m", Double),
    Column("lower_height_m", Double),
    geom=geometry("MULTILINESTRING"),
    measure="length",
)

#: The graph of the rivers: reaches between springs, confluences, forks and mouths. ``source_node`` and ``target_node``
#: are numbers of such places in the direction of flow; fractions are along the river as drawn.
river_edge = Table(
    "river_edge",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    reference("river_id", "river.id", ondelete="CASCADE", nullable=False),
    Column("part", SmallInteger, nullable=False),
    Column("source_node", Integer, nullable=False),
    Column("target_node", Integer, nullable=False),
    Column("start_fraction", Double, nullable=False),
    Column("end_fraction", Double, nullable=False),
    Column("is_reversed", Boolean, nullable=False),
    Column("strahler", SmallInteger),
    Column("length_m", Double, nullable=False),
    Index("river_edge_river_id_idx", "river_id"),
)

#: The water's edge, left or right as one looks downstream. ``method``: surface (edge of the water surface that the
#: river runs in) | width (half the river's width from its centreline).
river_bank = Table(
    "river_bank",
    metadata,
    reference("river_id", "river.id", ondelete="CASCADE", primary_key=True),
    Column("side", Text, primary_key=True),  # left | right
    Column("method", Text, nullable=False),
    geometry("MULTILINESTRING", nullable=False),
    Column("length_m", Double, nullable=False),
)

river_area = object_table("river_area", Column("class", Text), geom=geometry("MULTIPOLYGON"), measure="area")

catchment = object_table("catchment", reference("river_id", "river.id"), geom=geometry("MULTIPOLYGON"), measure="area")

#: Dam, sluice, pump station, outfall ...; ``river_fraction`` is its place along the river as drawn, 0 to 1,
#: ``river_distance_m`` how far off the centreline it stands.
water_work = object_table(
    "water_work",
    Column("kind", Text),
    reference("river_id", "river.id"),
    Column("river_fraction", Double),
    Column("river_distance_m", Double),
    geom=geometry("GEOMETRY"),
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
