"""Writing the graph of a network of pipes; only what has changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from sqlalchemy import Connection, delete

from cim.db import copy_rows
from cim.tables import pipe_edge, pipe_node
from layers.networks.graph import MISSING, Edges, Numbers, edges_of
from layers.networks.made_nodes import drop_unused, write_nodes
from layers.networks.network import Network
from layers.sql import statement

_MANY = 1000


class Written(NamedTuple):
    """The edges, and how many nodes and lines have changed."""

    edges: Edges
    nodes: int
    lines: int


def write_pipes(connection: Connection, network: Network) -> Written:
    """Write the nodes that were made, ends and directions of pipes, and edges."""
    edges = edges_of(network.graph)
    made = write_nodes(connection, network, edges, pipe_node)
    pipes = _write_ends(connection, network, made.ids)
    connection.execute(delete(pipe_edge).where(pipe_edge.c.network == network.name))
    columns = ("network", "pipe_id", "part", "source_id", "target_id", "start_fraction", "end_fraction", "is_reversed",
               "length_m")  # fmt: skip
    copy_rows(connection, "pipe_edge", columns, _edge_rows(network, edges, made.ids))
    if len(edges.line) >= _MANY:
        connection.exec_driver_sql("ANALYZE cim.pipe_edge")
    return Written(edges, made.changes + drop_unused(connection, network, edges, pipe_node), pipes)


def _write_ends(connection: Connection, network: Network, ids: Numbers) -> int:
    """Write the ends and directions of the pipes that have others now; return how many."""
    rows = []
    for row, start, end, way in zip(network.lines, *_ends(network), _ways(network), strict=True):
        now = (node_id(ids, start), node_id(ids, end), *way)
        if (row.from_node_id, row.to_node_id, row.direction, row.direction_source) != now:
            rows.append((row.id, *now))
    columns = ("line_id", "from_node_id", "to_node_id", "direction", "direction_source")
    copy_rows(connection, "network_end", columns, rows)
    if len(rows) >= _MANY:
        connection.exec_driver_sql("ANALYZE pg_temp.network_end")
    return connection.execute(statement("network_update_pipes")).rowcount


def _ends(network: Network) -> tuple[list[int], list[int]]:
    return network.graph.start.tolist(), network.graph.end.tolist()


def _ways(network: Network) -> list[tuple[str, str]]:
    assert network.direction is not None
    words = np.where(network.direction.is_reversed, "backward", "forward").tolist()
    return list(zip(words, network.direction.source.tolist(), strict=True))


def node_id(ids: Numbers, node: int) -> int | None:
    """Return the id of a node, None for one that is missing."""
    return None if node == MISSING else int(ids[node])


def _edge_rows(network: Network, edges: Edges, ids: Numbers) -> Iterator[tuple[Any, ...]]:
    """Yield the edges in the direction of flow."""
    assert network.direction is not None
    is_reversed = network.direction.is_reversed.tolist()
    for line, part, source, target, start, end in zip(*(column.tolist() for column in edges), strict=True):
        row, back = network.lines[line], is_reversed[line]
        ends = (node_id(ids, source), node_id(ids, target))
        length = (row.length_m or 0.0) * (end - start)
        yield (network.name, row.id, part, *(ends[::-1] if back else ends), start, end, back, length)
