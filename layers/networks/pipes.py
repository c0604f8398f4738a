"""One network of pipes, read from the database, and its graph."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection, Row, Select, func, select

from cim.tables import pipe, pipe_node
from layers.networks.direction import Direction, directions
from layers.networks.graph import Graph, Lines, Metres, Nodes, Shapes, connect
from layers.networks.network import Network, by_key, in_plane, is_built, shapes_of

#: A node and a pipe over it are not connected where their heights differ by more.
CLEARANCE_M = 0.5
_PIPE = ("id", "layer_id", "dataset_id", "source_key", "from_key", "to_key", "from_node_id", "to_node_id", "kind",
         "flow", "direction", "direction_source", "start_invert_level_m", "end_invert_level_m", "length_m")  # fmt: skip
_NODE = ("id", "layer_id", "dataset_id", "source_key", "kind", "invert_level_m", "origin")


def read_pipes(connection: Connection, name: str, tolerance_m: float) -> Network:
    """Read a network and make its graph; nothing is written.

    Parameters
    ----------
    tolerance_m
        Ends and nodes that are closer are one.
    """
    pipes = list(connection.execute(_rows(pipe, _PIPE, name)))
    nodes = list(connection.execute(_rows(pipe_node, _NODE, name)))
    points = shapes_of(nodes)
    plane, shapes, node_xy = in_plane(shapes_of(pipes), points)
    shapes = _with_heights(pipes, shapes)
    keyed = by_key(name, pipes, nodes)
    known = Nodes(node_xy, _node_heights(nodes, points), is_built(nodes))
    graph = connect(Lines(shapes, *keyed), known, tolerance_m, clearance_m=CLEARANCE_M)
    direction = _direction(name, pipes, nodes, graph)
    return Network(name, pipes, nodes, plane, shapes, node_xy, keyed, graph, direction)


def networks_of(connection: Connection, dataset_id: int | None = None) -> list[str]:
    """Return the names of the networks that have pipes or nodes (of one dataset, or at all)."""
    names: set[str] = set()
    for table in (pipe, pipe_node):
        statement = select(table.c.network).distinct()
        if dataset_id is not None:
            statement = statement.where(table.c.dataset_id == dataset_id)
        names |= set(connection.execute(statement).scalars())
    return sorted(names)


def _rows(table: Any, columns: tuple[str, ...], name: str) -> Select[Any]:
    return (
        select(*(table.c[column] for column in columns), func.ST_AsBinary(table.c.geom).label("wkb"))
        .where(table.c.network == name, table.c.geom.is_not(None))
        .order_by(table.c.id)
    )


def _node_heights(nodes: list[Row[Any]], points: Shapes) -> Metres:
    """Return the heights of nodes; a coordinate of zero says nothing."""
    said = np.array([row.invert_level_m for row in nodes], float)
    z = np.asarray(shapely.get_z(points), float)
    return np.where(np.isnan(said), np.where(z == 0, np.nan, z), said)


def _with_heights(pipes: list[Row[Any]], shapes: Shapes) -> Shapes:
    """Return the lines with NaN for heights that no one has said."""
    unsaid = np.array([row.start_invert_level_m is None for row in pipes], bool)
    if not unsaid.any():
        return shapes
    xyz, line = shapely.get_coordinates(shapes, include_z=True, return_index=True)
    xyz[unsaid[line] & (xyz[:, 2] == 0), 2] = np.nan
    return np.asarray(shapely.set_coordinates(shapely.force_3d(shapes), xyz), object)


def _direction(name: str, pipes: list[Row[Any]], nodes: list[Row[Any]], graph: Graph) -> Direction:
    made = len(graph.new_xy)
    # One more than there are nodes: the last is that of ends without a node.
    levels = np.array([*(row.invert_level_m for row in nodes), *[None] * (made + 1)], float)
    pumps = np.array([*(row.kind == "pump" for row in nodes), *[False] * (made + 1)], bool)
    start, end = np.where(graph.start < 0, -1, graph.start), np.where(graph.end < 0, -1, graph.end)
    return directions(
        name,
        _column(pipes, "flow"),
        _else(_column(pipes, "start_invert_level_m").astype(float), levels[start]),
        _else(_column(pipes, "end_invert_level_m").astype(float), levels[end]),
        _column(pipes, "kind"),
        pumps[start],
    )


def _column(rows: list[Row[Any]], name: str) -> NDArray[np.object_]:
    return np.array([getattr(row, name) for row in rows], object)


def _else(first: Metres, second: Metres) -> Metres:
    return np.where(np.isnan(first), second, first)
