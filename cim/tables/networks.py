"""Pipes and roads as directed networks of edges and nodes."""

from __future__ import annotations

from sqlalchemy import Boolean, Column, Double, Index, Integer, SmallInteger, Text

from cim.tables.columns import geometry, object_table, reference

#: Valve, hydrant, manhole, pump ...; ``kind`` in English terms, ``state``: open | closed | unknown.
pipe_node = object_table(
    "pipe_node",
    Column("network", Text, nullable=False),  # water | drainage | gas | power | heat
    Column("kind", Text),
    Column("state", Text),
    Column("ground_height_m", Double),
    Column("depth_m", Double),
    Column("invert_level_m", Double),
    Index("pipe_node_source_key_idx", "source_key"),
    geom=geometry("POINT", z=True),
)

#: Directed from ``from_node_id`` to ``to_node_id``; Z is
#: the height of the pipe's axis, 0 where the invert levels are null.
pipe = object_table(
    "pipe",
    Column("network", Text, nullable=False),
    Column("from_key", Text),
    Column("to_key", Text),
    reference("from_node_id", "pipe_node.id"),
    reference("to_node_id", "pipe_node.id"),
    Column("diameter_mm", Double),
    Column("material", Text),
    Column("depth_m", Double),  # of cover, the mean of both ends
    Column("start_depth_m", Double),
    Column("end_depth_m", Double),
    Column("start_invert_level_m", Double),
    Column("end_invert_level_m", Double),
    Column("year_laid", SmallInteger),
    Column("owner", Text),
    Index("pipe_from_node_id_idx", "from_node_id"),
    Index("pipe_to_node_id_idx", "to_node_id"),
    geom=geometry("MULTILINESTRING", z=True),
    measure="length",
)

road_node = object_table("road_node", Column("kind", Text), geom=geometry("POINT"))

road = object_table(
    "road",
    Column("class", Text),
    Column("lanes", SmallInteger),
    Column("speed_kmh", Double),
    Column("oneway", Boolean),
    Column("from_key", Text),
    Column("to_key", Text),
    reference("from_node_id", "road_node.id"),
    reference("to_node_id", "road_node.id"),
    Column("width_m", Double),
    Column("layer_number", Integer),  # bridges above, tunnels below zero
    geom=geometry("MULTILINESTRING"),
    measure="length",
)
