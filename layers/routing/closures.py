"""Closed roads: every edge that a zone, a drawn shape or a flood touches is cut out.

A flood leaves bridges open, for the water is below them; a zone or a drawn shape closes them as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import InvalidInput
from layers.networks.graph import Flags, Numbers
from layers.routing.asked import Closed
from layers.routing.graph import RoadGraph
from layers.zones.shape import zone_shape

#: What makes the area (EPSG:4490) that a flood covers from the body of POST /terrain/flood; it reads with the caller's
#: eyes, and raises what is wrong with the body.
Floods = Callable[[Connection, Mapping[str, Any], Caller], shapely.Geometry]
#: Straight sides in degrees are bent in the plane: no piece of them is longer (degrees).
_SIDE_DEG = 0.01
_AROUND_DEG = 0.1


class Closure(NamedTuple):
    """One reason: ``kind`` is zone, drawn or flood; ``id`` of a zone; ``shape`` in EPSG:4490."""

    kind: str
    id: int | None
    shape: shapely.Geometry

    def told(self) -> dict[str, Any]:
        """Return which one it is."""
        return {"kind": self.kind} | ({} if self.id is None else {"id": self.id})


class Cut(NamedTuple):
    """Edges that are closed, each with the number of the closure that is first to touch it, -1 for none."""

    closures: list[Closure]
    by: Numbers

    @property
    def is_closed(self) -> Flags:
        """Which edges are closed."""
        return np.asarray(self.by >= 0)


def find_closures(
    connection: Connection, closed: Closed, caller: Caller, floods: Floods | None = None
) -> list[Closure]:
    """Return the shapes of what is closed.

    Raises
    ------
    NotFound
        The caller sees no such zone.
    InvalidInput
        A flood is asked for where nothing reckons with floods.
    """
    found = [Closure("zone", number, zone_shape(connection, number, caller)) for number in closed.zones]
    if closed.geometry is not None:
        found.append(Closure("drawn", None, closed.geometry))
    if closed.flood is not None:
        if floods is None:
            raise InvalidInput(
                "closed.flood is not possible here; draw the flooded area, or name a zone of it",
                "closed_by_flood_not_possible",
            )
        found.append(Closure("flood", None, floods(connection, closed.flood, caller)))
    return found


def shape_in_plane(graph: RoadGraph, closure: Closure) -> shapely.Geometry:
    """Return what of a closure is near the roads, in their plane: the rest of the world does not fit into it."""
    low, high = graph.lines.xy.min(axis=0), graph.lines.xy.max(axis=0)
    corners = graph.degrees(np.array([low, (low[0], high[1]), (high[0], low[1]), high]))
    west, south = (corners.min(axis=0) - _AROUND_DEG).tolist()
    east, north = (corners.max(axis=0) + _AROUND_DEG).tolist()
    near = shapely.clip_by_rect(shapely.force_2d(closure.shape), west, south, east, north)
    flat: shapely.Geometry = graph.plane.there.geometries(np.array([shapely.segmentize(near, _SIDE_DEG)], object))[0]
    return flat


def cut_out(graph: RoadGraph, closures: Sequence[Closure]) -> Cut:
    """Return which edges the closures touch."""
    by = np.full(len(graph.ids), -1)
    for number, closure in enumerate(closures):
        touched = graph.tree.query(shape_in_plane(graph, closure), predicate="intersects")
        if closure.kind == "flood":
            touched = touched[graph.level[touched] < 1]
        by[touched[by[touched] < 0]] = number
    return Cut(list(closures), by)
