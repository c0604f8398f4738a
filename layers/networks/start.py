"""Where something breaks: a node or a pipe by its id or key, or the pipe nearest to a place."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, Select, func, literal, select

from cim.access import Caller
from cim.errors import InvalidInput, NotFound
from cim.tables import pipe, pipe_node
from layers.networks.named import parse_place
from layers.queries.visible import in_area
from layers.sql import statement

#: So far from a place a pipe may be.
TOLERANCE_M = 50.0
_LARGEST_ID = 2**63 - 1
_FORMS = ("id", "key", "node", "pipe")
_TABLES = {"pipe_nodes": pipe_node, "pipes": pipe}


class Start(NamedTuple):
    """What breaks.

    Attributes
    ----------
    layer
        pipe_nodes | pipes.
    longitude, latitude
        Of the node, of the place on the pipe, or of the middle of a pipe that was named.
    distance_m
        From the place that was asked for; 0 for what was named.
    fraction
        Where on the pipe as drawn; None where nobody says, or for a node.
    """

    layer: str
    id: int
    source_key: str
    kind: str | None
    state: str | None
    longitude: float
    latitude: float
    distance_m: float
    tolerance_m: float
    fraction: float | None


def find_start(connection: Connection, network: str, text: str, caller: Caller) -> Start:
    """Return what a text names: 'lon,lat' in degrees, an id, or an owner's key of a node or a pipe.

    'id:N', 'key:K', 'node:K' and 'pipe:K' say which is meant.

    Raises
    ------
    InvalidInput
        A place that is none, or a name of several objects.
    NotFound
        Nothing has this name, or no pipe is within TOLERANCE_M of the place.
    """
    place = parse_place(text)
    if place is not None:
        return _nearest(connection, network, *place, caller)
    form, _, name = text.partition(":")
    if form not in _FORMS or not name:
        form, name = "", text
    found = [row for layer in _TABLES if form != layer_to_avoid(layer) for row in
             connection.execute(_named(network, layer, form, name, caller))]  # fmt: skip
    unique = {row.id: row for row in found}
    if not unique:
        raise NotFound(
            f"the network '{network}' has no node and no pipe '{name[:100]}'; give an id or key, or longitude,latitude",
            "no_such_pipe_or_node", network=network, given=name[:100],
        )  # fmt: skip
    if len(unique) > 1:
        said = ", ".join(f"id:{row.id} ({_said(row)})" for row in unique.values())
        raise InvalidInput(
            f"'{name[:100]}' is the name of several; say one of {said}",
            "name_of_several", given=name[:100], choices=said,
        )  # fmt: skip
    row = next(iter(unique.values()))
    return Start(row.layer, row.id, row.source_key, row.kind, row.state, row.longitude, row.latitude, 0.0, TOLERANCE_M,
                 None)  # fmt: skip


def layer_to_avoid(layer: str) -> str:
    """Return the form that leaves a layer out."""
    return "pipe" if layer == "pipe_nodes" else "node"


def _said(row: Row[Any]) -> str:
    return f"{'node' if row.layer == 'pipe_nodes' else 'pipe'} {row.source_key}"


def _named(network: str, layer: str, form: str, name: str, caller: Caller) -> Select[Any]:
    table = _TABLES[layer]
    flat = func.ST_Force2D(table.c.geom)
    middle = func.ST_ClosestPoint(flat, func.ST_Centroid(flat))
    is_it = table.c.source_key == name
    if name.isdecimal() and int(name) <= _LARGEST_ID:
        by_id = table.c.id == int(name)
        is_it = by_id if form == "id" else is_it if form in {"key", "node", "pipe"} else by_id | is_it
    elif form == "id":
        is_it = table.c.id == -1
    return (
        select(
            table.c.id, literal(layer).label("layer"), table.c.source_key, table.c.kind, table.c.state,
            func.ST_X(middle).label("longitude"), func.ST_Y(middle).label("latitude"),
        )
        .where(table.c.network == network, table.c.geom.is_not(None), in_area(table, caller), is_it)
        .order_by(table.c.id)
        .limit(4)
    )  # fmt: skip


def _nearest(connection: Connection, network: str, longitude: float, latitude: float, caller: Caller) -> Start:
    values = {"network": network, "longitude": longitude, "latitude": latitude, "area": caller.area_code}
    row = connection.execute(statement("isolate_nearest_pipe"), values).first()
    if row is None:
        raise NotFound(
            f"the network '{network}' has no pipe that you may see", "network_without_pipes", network=network
        )
    if row.distance_m > TOLERANCE_M:
        raise NotFound(
            f"{longitude}, {latitude} is off the network '{network}': its nearest pipe '{row.source_key}' "
            f"(id {row.id}) is {row.distance_m:.1f} m away, and {TOLERANCE_M:g} m is the most",
            "off_the_network", network=network, id=row.id, key=row.source_key, distance_m=round(row.distance_m, 1),
            most_m=TOLERANCE_M,
        )  # fmt: skip
    return Start("pipes", row.id, row.source_key, row.kind, row.state, row.longitude, row.latitude,
                 round(row.distance_m, 2), TOLERANCE_M, row.fraction)  # fmt: skip
