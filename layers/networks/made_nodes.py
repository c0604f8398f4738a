"""Nodes that a topology makes where lines end or meet and no owner has one; they belong to no dataset."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection, Table, bindparam, delete, func, update

from cim.db import copy_rows
from cim.tables import GEOGRAPHIC_SRID
from layers.networks.graph import Edges, Numbers
from layers.networks.network import Network
from layers.sql import script, statement

_LAYERS = {"pipe_node": "pipe_nodes", "road_node": "road_nodes"}
_ADD = {"pipe_node": "network_add_pipe_nodes", "road_node": "network_add_road_nodes"}
#: table -> kind of a made node by the number of edges that meet there
_KINDS = {
    "pipe_node": {1: "end", 2: "coupling", 3: "tee", 4: "cross"},
    "road_node": {1: "end", 2: "bend", 3: "crossing"},
}


class NodeIds(NamedTuple):
    """The id of every node of a network, and how many were added, changed or dropped."""

    ids: Numbers
    changes: int


def write_nodes(connection: Connection, network: Network, edges: Edges, table: Table) -> NodeIds:
    """Add the new nodes and bring the kinds of made ones up to date."""
    degree = degrees(network, edges)
    connection.exec_driver_sql(script("network_tables"))
    rows = _new_rows(network, degree, table)
    copy_rows(connection, "network_new_node", ("layer_id", "source_key", "network", "kind", "geom"), rows)
    added = {row.source_key: row.id for row in connection.execute(statement(_ADD[table.name]))} if rows else {}
    changed = [
        {"node": row.id, "new_kind": kind_of(table, int(degree[number]))}
        for number, row in enumerate(network.nodes)
        if row.origin == "topology" and degree[number] and row.kind != kind_of(table, int(degree[number]))
    ]
    if changed:
        connection.execute(
            update(table)
            .where(table.c.id == bindparam("node"))
            .values(kind=bindparam("new_kind"), recorded_at=func.now()),
            changed,
        )
    known = [row.id for row in network.nodes]
    return NodeIds(np.array([*known, *(added[row[1]] for row in rows)], np.int64), len(rows) + len(changed))


def drop_unused(connection: Connection, network: Network, edges: Edges, table: Table) -> int:
    """Drop nodes that an earlier topology made and that nothing ends at any more; return how many."""
    degree = degrees(network, edges)
    unused = [
        row.id for row, count in zip(network.nodes, degree, strict=False) if row.origin == "topology" and not count
    ]
    if unused:
        connection.execute(delete(table).where(table.c.id.in_(unused)))
    return len(unused)


def degrees(network: Network, edges: Edges) -> Numbers:
    """Return how many edges end at each node."""
    ends = np.concatenate([edges.source, edges.target])
    return np.bincount(ends[ends >= 0], minlength=len(network.all_xy))


def kind_of(table: Table, degree: int) -> str:
    """Return the kind of a made node at which so many edges end."""
    kinds = _KINDS[table.name]
    return kinds[min(degree, max(kinds))]


def _new_rows(network: Network, degree: Numbers, table: Table) -> list[tuple[Any, ...]]:
    height = _heights(network)
    rows = []
    for number, (longitude, latitude) in enumerate(network.degrees(network.graph.new_xy), len(network.nodes)):
        point = shapely.set_srid(shapely.Point(longitude, latitude, height.get(number, 0.0)), GEOGRAPHIC_SRID)
        key = f"topology/{network.name}/{longitude:.8f},{latitude:.8f}"
        wkb = shapely.to_wkb(point, hex=True, include_srid=True)
        rows.append((_LAYERS[table.name], key, network.name, kind_of(table, int(degree[number])), wkb))
    return rows


def _heights(network: Network) -> dict[int, float]:
    """Return the height of each new node at the end of a line that says one."""
    found: dict[int, float] = {}
    for side, which in ((network.graph.start, 0), (network.graph.end, -1)):
        new = np.flatnonzero(side >= len(network.nodes))
        shapes = network.shapes[new]
        last = shapely.get_num_geometries(shapes) - 1
        part = shapely.get_geometry(shapes, last if which else np.zeros_like(last))
        for node, z in zip(side[new].tolist(), shapely.get_z(shapely.get_point(part, which)).tolist(), strict=True):
            if np.isfinite(z):
                found.setdefault(node, z)
    return found
