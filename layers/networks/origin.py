"""Where a trace begins: a node by its id or key, or the node nearest to a place."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import GEOGRAPHIC_SRID, pipe_edge, pipe_node
from layers.networks.named import parse_place
from layers.queries.visible import in_area

#: So far from a place its node may be.
REACH_M = 200.0
#: Degrees of latitude that hold REACH_M everywhere.
_REACH_DEG = REACH_M / 110_000.0
_LARGEST_ID = 2**63 - 1


class Origin(NamedTuple):
    """A node, and how far it is from the place that was asked for (0 for a node that was named)."""

    id: int
    source_key: str
    kind: str | None
    state: str | None
    longitude: float
    latitude: float
    distance_m: float


def find_origin(connection: Connection, network: str, text: str, caller: Caller) -> Origin:
    """Return the node that a text names: 'lon,lat' in degrees, an id, or an owner's key.

    'id:N' and 'key:K' say which is meant.

    Raises
    ------
    InvalidInput
        A place that is none, or a number that is the id of one node and the key of another.
    NotFound
        No such node, or none within REACH_M of the place.
    """
    place = parse_place(text)
    if place is not None:
        return _nearest(connection, network, *place, caller)
    nodes, (form, _, name) = _nodes(network, caller), text.partition(":")
    if form not in {"id", "key"} or not name:
        form, name = "", text
    found: dict[int, Row[Any]] = {}
    if form != "key" and name.isdecimal() and int(name) <= _LARGEST_ID:
        found |= {row.id: row for row in connection.execute(nodes.where(pipe_node.c.id == int(name)))}
    if form != "id":
        first = nodes.where(pipe_node.c.source_key == name).order_by(pipe_node.c.id).limit(1)
        found |= {row.id: row for row in connection.execute(first)}
    if not found:
        raise NotFound(
            f"the network '{network}' has no node '{name[:100]}'; give a node's id or key, or longitude,latitude"
        )
    if len(found) > 1:
        raise InvalidInput(f"'{name}' is the id of one node and the key of another; say id:{name} or key:{name}")
    return _origin(next(iter(found.values())), 0.0)


def _nodes(network: str, caller: Caller) -> Select[Any]:
    node = pipe_node.c
    return select(
        node.id, node.source_key, node.kind, node.state, func.ST_X(node.geom).label("longitude"),
        func.ST_Y(node.geom).label("latitude"),
    ).where(node.network == network, in_area(pipe_node, caller))  # fmt: skip


def _nearest(connection: Connection, network: str, longitude: float, latitude: float, caller: Caller) -> Origin:
    point = func.ST_SetSRID(func.ST_MakePoint(longitude, latitude), GEOGRAPHIC_SRID)
    distance = func.ST_Distance(func.geography(func.ST_Force2D(pipe_node.c.geom)), func.geography(point))
    width = _REACH_DEG / max(0.05, math.cos(math.radians(latitude)))
    is_used = select(pipe_edge.c.id).where(
        (pipe_edge.c.source_id == pipe_node.c.id) | (pipe_edge.c.target_id == pipe_node.c.id)
    )
    row = connection.execute(
        _nodes(network, caller)
        .add_columns(distance.label("distance_m"))
        .where(
            pipe_node.c.geom.op("&&")(func.ST_Expand(point, width, _REACH_DEG)), distance <= REACH_M, is_used.exists()
        )
        .order_by(distance, pipe_node.c.id)
        .limit(1)
    ).first()
    if row is None:
        raise NotFound(
            f"no node of the network '{network}' is within {REACH_M:g} m of {longitude}, {latitude}; choose a place "
            "nearer to its pipes"
        )
    return _origin(row, row.distance_m)


def _origin(row: Row[Any], distance_m: float) -> Origin:
    return Origin(row.id, row.source_key, row.kind, row.state, row.longitude, row.latitude, distance_m)
