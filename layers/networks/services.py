"""Which pipe serves which building, in every network.

Rules, the first that says something counts:

``code``        a service connection (a node) names the building by its code
``connection``  a service connection stands within the tolerance: the nearest to the building, and its pipe
``nearest``     the nearest pipe of the network within the tolerance
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection, Row, Select, func, select

from cim.db import copy_rows
from cim.tables import pipe, pipe_edge, pipe_node
from layers.networks.network import shapes_of
from layers.plane import Plane, plane_around
from layers.sql import script, statement

#: Kinds of nodes at which a network reaches a building.
CONNECTIONS = ("connection", "meter", "service", "house_connection", "water-connection")
#: Networks that serve buildings; lines of oil or telecommunication pass by.
SERVING = ("water", "sewer", "drainage", "gas", "power", "heat")
#: Buildings that are held in memory at a time.
_BATCH = 20_000


class _Near(NamedTuple):
    """What may serve buildings: the tree, and for each of its shapes the pipe and the node."""

    network: str
    rule: str
    tree: shapely.STRtree
    pipes: list[int | None]
    nodes: list[int | None]


def link_buildings(connection: Connection, networks: Sequence[str], tolerance_m: float, *, is_whole: bool) -> int:
    """Say for buildings which pipe serves them; return how many links are new or changed.

    Parameters
    ----------
    networks
        The networks to look at.
    tolerance_m
        So far from a building its service connection or pipe may be; distances are of the outlines on the ground.
    is_whole
        All buildings, because pipes have changed; else only those that this transaction has written.
    """
    found = [name for name in networks if name in SERVING]
    if not found:
        return 0
    connection.execute(select(func.pg_advisory_xact_lock(func.hashtext("cim.building_service"))))
    connection.exec_driver_sql(script("service_tables"))
    values: dict[str, Any] = {"networks": found, "is_whole": is_whole}
    if connection.execute(statement("service_scope"), values).rowcount:
        connection.execute(statement("service_by_code"), values)
        _add_near(connection, found, tolerance_m)
    changed = connection.execute(statement("service_write")).rowcount
    return changed + connection.execute(statement("service_remove"), values).rowcount


def _add_near(connection: Connection, networks: list[str], tolerance_m: float) -> None:
    extent = connection.execute(statement("service_extent")).all()
    plane = plane_around(shapes_of(list(extent)))
    near = [entry for name in networks for entry in _what_is_there(connection, name, plane)]
    columns = ("building_id", "network", "pipe_id", "node_id", "rule", "distance_m")
    last = -1
    while houses := list(connection.execute(statement("service_batch"), {"last": last, "size": _BATCH})):
        last = houses[-1].building_id
        shapes = plane.there.geometries(shapes_of(houses))
        for entry in near:
            copy_rows(connection, "service_near", columns, _nearest(entry, houses, shapes, tolerance_m))
    connection.execute(statement("service_add"))


def _what_is_there(connection: Connection, network: str, plane: Plane) -> Iterator[_Near]:
    nodes = list(connection.execute(_connections(network)))
    if nodes:
        tree = shapely.STRtree(plane.there.geometries(shapes_of(nodes)))
        yield _Near(network, "connection", tree, [row.pipe_id for row in nodes], [row.id for row in nodes])
    pipes = list(connection.execute(_pipes(network)))
    if pipes:
        tree = shapely.STRtree(plane.there.geometries(shapes_of(pipes)))
        yield _Near(network, "nearest", tree, [row.id for row in pipes], [None] * len(pipes))


def _connections(network: str) -> Select[Any]:
    """Return the service connections that name no building, with a pipe that ends there."""
    own = select(func.min(pipe_edge.c.pipe_id)).where(
        (pipe_edge.c.source_id == pipe_node.c.id) | (pipe_edge.c.target_id == pipe_node.c.id)
    )
    return (
        select(pipe_node.c.id, own.scalar_subquery().label("pipe_id"), _flat(pipe_node))
        .where(
            pipe_node.c.network == network,
            pipe_node.c.building_code.is_(None),
            func.lower(pipe_node.c.kind).in_(CONNECTIONS),
            pipe_node.c.geom.is_not(None),
        )
        .order_by(pipe_node.c.id)
    )


def _pipes(network: str) -> Select[Any]:
    return select(pipe.c.id, _flat(pipe)).where(pipe.c.network == network, pipe.c.geom.is_not(None)).order_by(pipe.c.id)


def _flat(table: Any) -> Any:
    return func.ST_AsBinary(func.ST_Force2D(table.c.geom)).label("wkb")


def _nearest(entry: _Near, houses: list[Row[Any]], shapes: Any, tolerance_m: float) -> Iterator[tuple[Any, ...]]:
    """Yield the nearest of each building; of several that are equally near the first."""
    (house, near), distance = entry.tree.query_nearest(
        shapes, max_distance=tolerance_m, return_distance=True, all_matches=True
    )
    order = np.lexsort((near, house))
    _, first = np.unique(house[order], return_index=True)
    for number in order[first].tolist():
        at = int(near[number])
        yield (
            houses[int(house[number])].building_id, entry.network, entry.pipes[at], entry.nodes[at], entry.rule,
            round(float(distance[number]), 3),
        )  # fmt: skip
