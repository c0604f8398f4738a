"""Pipes and roads as directed networks of edges and nodes."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Double, Identity, Index, Integer, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from cim.tables.columns import geometry, metadata, object_table, reference

#: Valve, hydrant, manhole, pump ...; ``kind`` in English terms, ``state``: open | closed | unknown. ``origin``: source
#: (an owner's row) | topology (made where edges end or meet and no owner has a node; its dataset is null).
pipe_node = object_table(
    "pipe_node",
    Column("network", Text, nullable=False),  # water | sewer | drainage | gas | power | heat
    Column("kind", Text),
    Column("state", Text),
    Column("ground_height_m", Double),
    Column("depth_m", Double),
    Column("invert_level_m", Double),
    Column("building_code", Text),  # of the building that a service connection serves
    Column("origin", Text, nullable=False, server_default="source"),
    Index("pipe_node_source_key_idx", "source_key"),
    geom=geometry("POINT", z=True),
)

#: ``from_node_id`` and ``to_node_id`` are the ends as drawn; ``direction`` (forward | backward) says which way it
#: flows, ``direction_source`` why: flow | invert_levels | drawn. Z is the height of the pipe's axis, 0 where the invert
#: levels are null.
pipe = object_table(
    "pipe",
    Column("network", Text, nullable=False),
    Column("kind", Text),  # pipe | pump | valve | orifice | weir ...; null: pipe
    Column("state", Text),  # open | closed; null: open
    Column("flow", Text),  # as the owner says it: forward | backward
    Column("from_key", Text),
    Column("to_key", Text),
    reference("from_node_id", "pipe_node.id"),
    reference("to_node_id", "pipe_node.id"),
    Column("direction", Text),
    Column("direction_source", Text),
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

#: The graph that traces walk, made on import: a pipe is one edge, or several where nodes lie on it. ``source_id`` and
#: ``target_id`` are nodes in the direction of flow, null where the register names a node that is not there;
#: ``start_fraction`` and ``end_fraction`` are the edge's part of the pipe as drawn.
pipe_edge = Table(
    "pipe_edge",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("network", Text, nullable=False),
    reference("pipe_id", "pipe.id", ondelete="CASCADE", nullable=False),
    Column("part", SmallInteger, nullable=False),
    reference("source_id", "pipe_node.id"),
    reference("target_id", "pipe_node.id"),
    Column("start_fraction", Double, nullable=False),
    Column("end_fraction", Double, nullable=False),
    Column("is_reversed", Boolean, nullable=False),
    Column("length_m", Double, nullable=False),
    Index("pipe_edge_network_idx", "network", "id"),
    Index("pipe_edge_pipe_id_idx", "pipe_id"),
    Index("pipe_edge_source_id_idx", "source_id"),
    Index("pipe_edge_target_id_idx", "target_id"),
)

#: What is wrong or doubtful in a network, as its newest topology found it. ``network``: also 'roads'.
network_finding = Table(
    "network_finding",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("network", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("layer_id", Text, nullable=False),
    Column("object_id", BigInteger, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("dataset_id", BigInteger),
    Column("detail", Text, nullable=False),
    Column("facts", JSONB, nullable=False),
    geometry("POINT"),
    Index("network_finding_network_idx", "network", "kind"),
    Index("network_finding_dataset_id_idx", "dataset_id"),
)

#: The pipe that serves a building in each network. ``rule``: code (a service connection names the building) |
#: connection (a service connection stands at it) | nearest (the nearest pipe within the tolerance).
building_service = Table(
    "building_service",
    metadata,
    reference("building_id", "building.id", ondelete="CASCADE", primary_key=True),
    Column("network", Text, primary_key=True),
    reference("pipe_id", "pipe.id", ondelete="CASCADE"),
    reference("node_id", "pipe_node.id", ondelete="CASCADE"),
    Column("rule", Text, nullable=False),
    Column("distance_m", Double, nullable=False),
    Index("building_service_pipe_id_idx", "pipe_id"),
    Index("building_service_node_id_idx", "node_id"),
)

road_node = object_table(
    "road_node",
    Column("kind", Text),
    Column("origin", Text, nullable=False, server_default="source"),
    geom=geometry("POINT"),
)

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

#: The graph that routes are found on, in pgRouting's columns: costs in seconds, -1 where the way is not open.
road_edge = Table(
    "road_edge",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    reference("road_id", "road.id", ondelete="CASCADE", nullable=False),
    Column("part", SmallInteger, nullable=False),
    reference("source", "road_node.id"),
    reference("target", "road_node.id"),
    Column("start_fraction", Double, nullable=False),
    Column("end_fraction", Double, nullable=False),
    Column("length_m", Double, nullable=False),
    Column("speed_kmh", Double, nullable=False),
    Column("cost", Double, nullable=False),
    Column("reverse_cost", Double, nullable=False),
    Index("road_edge_road_id_idx", "road_id"),
    Index("road_edge_source_idx", "source"),
    Index("road_edge_target_idx", "target"),
)
