"""Small networks that tests draw themselves: places in metres east and north of a corner in Longgang."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pyproj import Geod
from sqlalchemy import Connection, insert, select

from cim.provenance import touch_layers
from cim.tables import building, building_service, pipe, pipe_node
from layers.networks.connect import connect_pipes

#: Longitude and latitude of the corner.
CORNER = (114.22, 22.70)
GEOD = Geod(ellps="GRS80")


def place(x: float, y: float) -> tuple[float, float]:
    """Return longitude and latitude of a place, geodesic metres east and then north of the corner."""
    longitude, latitude, _ = GEOD.fwd(*CORNER, 90, x)
    longitude, latitude, _ = GEOD.fwd(longitude, latitude, 0, y)
    return longitude, latitude


def lay(
    connection: Connection,
    network: str,
    nodes: Mapping[str, tuple[Any, ...]],
    pipes: Sequence[tuple[Any, ...]],
    layers: tuple[str, str] = ("pipe_nodes", "pipes"),
) -> None:
    """Lay a network; a node is (x, y, kind[, columns]), a pipe (key, from, to[, columns])."""
    for key, (x, y, kind, *more) in nodes.items():
        longitude, latitude = place(x, y)
        values = {"layer_id": layers[0], "source_key": key, "network": network, "kind": kind,
                  "geom": f"SRID=4490;POINT Z({longitude} {latitude} 0)"}  # fmt: skip
        connection.execute(insert(pipe_node).values(values | (more[0] if more else {})))
    for key, start, end, *more in pipes:
        ends = [" ".join(map(repr, place(*nodes[name][:2]))) for name in (start, end)]
        values = {"layer_id": layers[1], "source_key": key, "network": network, "from_key": start, "to_key": end,
                  "geom": f"SRID=4490;MULTILINESTRING Z(({ends[0]} 0, {ends[1]} 0))"}  # fmt: skip
        connection.execute(insert(pipe).values({"diameter_mm": 200.0} | values | (more[0] if more else {})))
    connect_pipes(connection, network, 0.1)
    touch_layers(connection, ["pipes", "pipe_nodes"], "test", None)


def build(
    connection: Connection, key: str, x: float, y: float, served: Mapping[str, str] | None = None, **columns: Any
) -> int:
    """Put up a house of 10 x 10 m around a place; ``served``: network -> key of the pipe that serves it."""
    ring = ", ".join(
        " ".join(map(repr, place(x + dx, y + dy))) for dx, dy in ((-5, -5), (5, -5), (5, 5), (-5, 5), (-5, -5))
    )
    values = {"layer_id": "buildings", "source_key": key, "code": key,
              "geom": f"SRID=4490;MULTIPOLYGON((({ring})))"}  # fmt: skip
    number: int = connection.execute(insert(building).values(values | columns).returning(building.c.id)).scalar_one()
    for network, name in (served or {}).items():
        pipe_id = connection.execute(
            select(pipe.c.id).where(pipe.c.network == network, pipe.c.source_key == name)
        ).scalar_one()
        link = {"building_id": number, "network": network, "pipe_id": pipe_id, "rule": "code", "distance_m": 0.0}
        connection.execute(insert(building_service).values(link))
    touch_layers(connection, ["buildings"], "test", None)
    return number


def names_of(connection: Connection, table: Any, network: str) -> dict[int, str]:
    """Return the owners' keys of the nodes or pipes of a network by id."""
    rows = connection.execute(select(table.c.id, table.c.source_key).where(table.c.network == network))
    return {row.id: row.source_key for row in rows}
