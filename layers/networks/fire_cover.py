"""Fire cover: which buildings have a hydrant that works within reach, and lose it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, Row, func, select

from cim.access import Caller
from cim.tables import GEOGRAPHIC_SRID, pipe_node
from layers.networks.graph import Numbers, Shapes
from layers.networks.network import shapes_of
from layers.plane import plane_around
from layers.sql import statement

#: So far a hydrant covers: GB 50974-2014, 7.2.5, the radius of protection of a hydrant of the city.
COVER_M = 150.0
#: What is looked for by boxes of degrees is looked for a little farther.
_MARGIN = 1.01


def lost_cover(connection: Connection, network: str, working: Numbers, dead: Numbers, caller: Caller) -> list[Row[Any]]:
    """Return the buildings that had a hydrant within COVER_M and have none that works.

    Parameters
    ----------
    working, dead
        Ids of hydrants that work still, and of those that stopped.

    Notes
    -----
    Distances are straight, from the outline of a building, in metres of a plane (true to 1 : 20 000).
    """
    if not len(dead):
        return []
    values = {"hydrants": dead.tolist(), "reach_m": COVER_M * _MARGIN, "area": caller.area_code}
    houses = list(connection.execute(statement("cascade_near_hydrants"), values))
    if not houses:
        return []
    shapes = shapes_of(houses)
    plane = plane_around(shapes)
    ids, places = _nodes_around(connection, network, shapes)
    outlines, points = plane.there.geometries(shapes), plane.there.geometries(places)
    had, has = (_is_covered(outlines, points[np.isin(ids, hydrants)]) for hydrants in (dead, working))
    return [houses[number] for number in np.flatnonzero(had & ~has).tolist()]


def _nodes_around(connection: Connection, network: str, shapes: Shapes) -> tuple[Numbers, Shapes]:
    """Return ids and places of all nodes of a network that may be within reach of some shapes."""
    west, south, east, north = shapely.total_bounds(shapes).tolist()
    reach = COVER_M * _MARGIN / 110_000
    wide = reach / max(0.02, math.cos(math.radians(max(abs(south), abs(north)))))
    box = func.ST_MakeEnvelope(west - wide, south - reach, east + wide, north + reach, GEOGRAPHIC_SRID)
    flat = func.ST_AsBinary(func.ST_Force2D(pipe_node.c.geom)).label("wkb")
    there = select(pipe_node.c.id, flat).where(pipe_node.c.network == network, pipe_node.c.geom.op("&&")(box))
    rows: list[Row[Any]] = list(connection.execute(there))
    return np.array([row.id for row in rows], np.int64), shapes_of(rows)


def _is_covered(outlines: Shapes, hydrants: Shapes) -> Any:
    covered = np.zeros(len(outlines), bool)
    if len(hydrants):
        near = shapely.STRtree(hydrants).query(outlines, predicate="dwithin", distance=COVER_M)
        covered[near[0]] = True
    return covered
