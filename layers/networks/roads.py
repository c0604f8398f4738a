"""The network of roads: its graph, in the columns that pgRouting reads."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sqlalchemy import Connection, Row, delete, func, select

from cim.db import copy_rows
from cim.tables import road, road_edge, road_node
from layers.networks.graph import Lines, Nodes, Numbers, connect, edges_of
from layers.networks.made_nodes import drop_unused, write_nodes
from layers.networks.network import Network, by_key, in_plane, is_built, shapes_of
from layers.networks.pipe_writing import Written, node_id
from layers.sql import statement

#: The network's name among those of pipes.
ROADS = "roads"
#: km/h where a road has no limit of its own: by class, the lower end of the design speeds of CJJ 37 and JTG B01.
SPEED_KMH = {
    "motorway": 80.0, "motorway_link": 40.0, "trunk": 60.0, "trunk_link": 40.0, "primary": 50.0, "primary_link": 30.0,
    "secondary": 40.0, "secondary_link": 30.0, "tertiary": 30.0, "tertiary_link": 20.0, "unclassified": 30.0,
    "residential": 20.0, "living_street": 10.0, "service": 15.0, "track": 15.0, "road": 30.0,
}  # fmt: skip
_OTHER_KMH = 20.0
#: Classes that no vehicle may use: their costs are -1, they are there for those who walk (``length_m``).
ON_FOOT = frozenset({"footway", "path", "steps", "pedestrian", "cycleway", "bridleway", "corridor", "elevator"})
#: Planned, or gone.
_NOT_THERE = frozenset({"proposed", "construction", "abandoned", "razed", "platform", "raceway", "rest_area"})
CLOSED = -1.0
_MANY = 1000
_ROAD = ("id", "layer_id", "dataset_id", "source_key", "from_key", "to_key", "from_node_id", "to_node_id", "class",
         "speed_kmh", "oneway", "layer_number", "length_m")  # fmt: skip
_NODE = ("id", "layer_id", "dataset_id", "source_key", "kind", "origin")


def read_roads(connection: Connection, tolerance_m: float) -> Network:
    """Read the roads and make their graph; nothing is written.

    Roads meet where they end, and where they have a vertex in common; bridges and tunnels only there.
    """
    columns = [*(road.c[name] for name in _ROAD), road.c.attributes["oneway"].astext.label("oneway_tag")]
    roads = list(connection.execute(_with_shape(columns, road)))
    nodes = list(connection.execute(_with_shape([road_node.c[name] for name in _NODE], road_node)))
    plane, shapes, node_xy = in_plane(shapes_of(roads), shapes_of(nodes))
    keyed = by_key(ROADS, roads, nodes)
    level = np.array([row.layer_number or 0 for row in roads], np.int64)
    graph = connect(
        Lines(shapes, *keyed, level), Nodes(node_xy, np.full(len(nodes), np.nan), is_built(nodes)), tolerance_m,
        is_shared_vertex_a_node=True,
    )  # fmt: skip
    return Network(ROADS, roads, nodes, plane, shapes, node_xy, keyed, graph)


def _with_shape(columns: list[Any], table: Any) -> Any:
    return (
        select(*columns, func.ST_AsBinary(table.c.geom).label("wkb"))
        .where(table.c.geom.is_not(None))
        .order_by(table.c.id)
    )


def write_roads(connection: Connection, network: Network) -> Written:
    """Write the nodes that were made, the ends of roads, and edges with their costs."""
    edges = edges_of(network.graph)
    made = write_nodes(connection, network, edges, road_node)
    changed = [
        (row.id, *now)
        for row, start, end in zip(network.lines, network.graph.start.tolist(), network.graph.end.tolist(), strict=True)
        if (row.from_node_id, row.to_node_id) != (now := (node_id(made.ids, start), node_id(made.ids, end)))
    ]
    copy_rows(connection, "network_end", ("line_id", "from_node_id", "to_node_id"), changed)
    roads = connection.execute(statement("network_update_roads")).rowcount
    connection.execute(delete(road_edge))
    columns = ("road_id", "part", "source", "target", "start_fraction", "end_fraction", "length_m", "speed_kmh", "cost",
               "reverse_cost")  # fmt: skip
    copy_rows(connection, "road_edge", columns, _edge_rows(network, edges, made.ids))
    if len(edges.line) >= _MANY:
        connection.exec_driver_sql("ANALYZE cim.road_edge")
    return Written(edges, made.changes + drop_unused(connection, network, edges, road_node), roads)


def _edge_rows(network: Network, edges: Any, ids: Numbers) -> Iterator[tuple[Any, ...]]:
    for line, part, source, target, start, end in zip(*(column.tolist() for column in edges), strict=True):
        row = network.lines[line]
        length = (row.length_m or 0.0) * (end - start)
        speed = speed_kmh(row)
        ends = (node_id(ids, source), node_id(ids, target))
        yield (row.id, part, *ends, start, end, length, speed, *costs(row, length, speed))


def speed_kmh(row: Row[Any]) -> float:
    """Return the speed at which a road is driven: its limit, else that of its class."""
    limit = row.speed_kmh
    return float(limit) if limit and limit > 0 else SPEED_KMH.get(row._mapping["class"] or "", _OTHER_KMH)


def costs(row: Row[Any], length_m: float, speed: float) -> tuple[float, float]:
    """Return the seconds along and against the road as drawn; -1 where it is not open."""
    if row._mapping["class"] in ON_FOOT | _NOT_THERE:
        return CLOSED, CLOSED
    seconds = length_m * 3.6 / speed
    if row.oneway_tag == "-1":
        return CLOSED, seconds
    return seconds, CLOSED if row.oneway else seconds
