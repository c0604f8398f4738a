"""From places to the road: the nearest point on an open edge, not the nearest crossing."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import shapely

from cim.errors import NotFound
from layers.networks.graph import Flags, Metres, Numbers
from layers.routing.graph import RoadGraph

#: Nobody is brought to a road that is farther.
LIMIT_M = 2000.0
#: Looked for in steps: mostly the road is near, and then few edges are compared.
_RADII_M = (40.0, 160.0, 640.0, LIMIT_M)


class OnEdge(NamedTuple):
    """Places on edges; arrays of one length.

    Attributes
    ----------
    edge
        Its number, -1 where none is near enough.
    at
        Fraction of its length.
    beside_m
        Between the place and the edge, straight.
    """

    edge: Numbers
    at: Metres
    beside_m: Metres

    def one(self, number: int) -> OnEdge:
        """Return one of them."""
        kept = slice(number, number + 1)
        return OnEdge(self.edge[kept], self.at[kept], self.beside_m[kept])


def snap(graph: RoadGraph, is_open: Flags, xy: Metres) -> OnEdge:
    """Return the nearest points on open edges to places (n, 2) in the plane, within ``LIMIT_M``."""
    count = len(xy)
    edge, beside = np.full(count, -1), np.full(count, np.inf)
    points = np.asarray(shapely.points(np.nan_to_num(xy, nan=np.inf)), object).reshape(count)
    left = np.flatnonzero(np.isfinite(xy).all(axis=1))
    for radius_m in _RADII_M:
        place, near = graph.tree.query(points[left], predicate="dwithin", distance=radius_m)
        kept = is_open[near]
        place, near = left[place[kept]], near[kept]
        apart = np.asarray(shapely.distance(points[place], graph.shapes[near]), np.float64)
        order = np.lexsort((near, apart, place))
        found, first = np.unique(place[order], return_index=True)
        edge[found], beside[found] = near[order][first], apart[order][first]
        left = left[edge[left] < 0]
        if not len(left):
            break
    at = np.zeros(count)
    on = edge >= 0
    at[on] = shapely.line_locate_point(graph.shapes[edge[on]], points[on], normalized=True)
    return OnEdge(edge, np.nan_to_num(at), beside)


def snap_one(graph: RoadGraph, is_open: Flags, place: tuple[float, float], name: str) -> OnEdge:
    """Return the point on the road that is nearest to a place (longitude, latitude).

    Raises
    ------
    NotFound
        No open road is within ``LIMIT_M``; it says how far the nearest is.
    """
    xy = graph.metres(place)
    found = snap(graph, is_open, xy)
    if found.edge[0] >= 0:
        return found
    degrees = f"{place[0]:.6f}, {place[1]:.6f}"
    there = f"{name} ({degrees})"
    if not is_open.any():
        raise NotFound(
            f"{there} has no way to begin with: every road that you may see is closed for this profile",
            "no_open_road", field=name, place=degrees,
        )  # fmt: skip
    away = "far away"
    if np.isfinite(xy).all():
        nearest_m = float(shapely.distance(shapely.Point(xy[0]), graph.shapes[is_open]).min())
        away = f"{nearest_m / 1000:.1f} km away"
    raise NotFound(f"{there} is off the roads: the nearest one that is open is {away}, at most {LIMIT_M / 1000:g} km"
                   " are bridged; choose a place nearer to a road", "off_the_roads", field=name, place=degrees,
                   most_km=LIMIT_M / 1000)  # fmt: skip


def told_stop(graph: RoadGraph, place: tuple[float, float], stop: OnEdge) -> dict[str, Any]:
    """Return where on which road somebody is who stands at a place."""
    edge = int(stop.edge[0])
    on = shapely.line_interpolate_point(graph.shapes[edge], float(stop.at[0]), normalized=True)
    return {
        "asked": list(place),
        "position": np.round(graph.degrees(shapely.get_coordinates(on))[0], 8).tolist(),
        "beside_m": round(float(stop.beside_m[0]), 1),
        "road_id": int(graph.road_ids[edge]),
        "road": str(graph.name[edge]) or None,
    }
