"""The quickest way by road from a place to another, round what is closed; where there is none, because of what."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from layers.routing.asked import RouteAsked
from layers.routing.closures import Floods
from layers.routing.graph import RoadGraph
from layers.routing.path import Way, steps_of, way_along
from layers.routing.roads_open import RoadsOpen, open_roads, road_receipt
from layers.routing.search import Leg, legs_to, reach, search
from layers.routing.snapping import OnEdge, snap_one, told_stop
from layers.routing.travel import Travel


def find_route(
    connection: Connection, asked: RouteAsked, caller: Caller, floods: Floods | None = None
) -> dict[str, Any]:
    """Return the quickest way, its steps, and a receipt; ``state`` is found or unreachable, then with ``blocked``.

    Metres and seconds are on the roads; ``beside_m`` of origin and aim is what is left beside them.

    Raises
    ------
    NotFound
        No roads, a place off them, or a closed zone that the caller does not see.
    InvalidInput
    """
    roads = open_roads(connection, asked.profile, asked.closed, caller, floods)
    places = [(asked.start, "from"), *((place, "via") for place in asked.via), (asked.end, "to")]
    stops = [snap_one(roads.graph, roads.open.is_open, place, name) for place, name in places]
    told = [told_stop(roads.graph, place, stop) for (place, _), stop in zip(places, stops, strict=True)]
    legs, broken = _legs_between(roads.graph, roads.open, stops)
    answer: dict[str, Any] = {"state": "unreachable" if broken is not None else "found", "profile": asked.profile}
    if broken is None:
        answer |= _found(roads, way_along(roads.graph, roads.open, legs), stops)
        edges = np.array([leg.edge for leg in legs] or stops[0].edge.tolist(), np.int64)
    else:
        nothing: dict[str, Any] = {"geometry": None, "distance_m": None, "seconds": None, "steps": []}
        answer |= nothing | {"blocked": _blocked(roads, stops, broken)}
        edges = np.concatenate([stop.edge for stop in stops])
    return answer | {
        "origin": told[0],
        "aim": told[-1],
        "via": told[1:-1],
        "closed_edges": roads.closed_edges,
        "receipt": road_receipt(connection, roads, edges, _parameters(asked), caller),
    }


def _found(roads: RoadsOpen, way: Way, stops: list[OnEdge]) -> dict[str, Any]:
    line = way.line
    if not len(line):
        here = shapely.line_interpolate_point(roads.graph.shapes[stops[0].edge[0]], stops[0].at[0], normalized=True)
        line = np.repeat(np.round(roads.graph.degrees(shapely.get_coordinates(here)), 8), 2, axis=0)
    return {
        "geometry": {"type": "LineString", "coordinates": line.tolist()},
        "distance_m": round(float(way.length_m.sum()), 1),
        "seconds": round(float(way.seconds.sum()), 1),
        "steps": steps_of(roads.graph, way),
        "blocked": None,
    }


def _legs_between(graph: RoadGraph, travel: Travel, stops: list[OnEdge]) -> tuple[list[Leg], int | None]:
    """Return the legs from stop to stop, or the number of the stop from which there is no way to the next."""
    legs: list[Leg] = []
    for number, (start, end) in enumerate(pairwise(stops)):
        found = search(graph, travel, start)
        reached = reach(found, end)
        if not np.isfinite(reached.seconds[0]):
            return [], number
        legs += legs_to(found, end, int(reached.by[0]))
    return legs, None


def _blocked(roads: RoadsOpen, stops: list[OnEdge], number: int) -> dict[str, Any]:
    """Return why there is no way from a stop to the next: closures on the way that there would be, or no way at all."""
    legs, broken = _legs_between(roads.graph, roads.whole, stops[number : number + 2])
    between = {"between": [number, number + 1]}
    if broken is not None:
        return between | {
            "reason": "not_connected",
            "closed_by": [],
            "roads": [],
            "message": "the roads that you may use do not lead there: they are not connected, or one-way the other way",
        }
    edges = np.array([leg.edge for leg in legs], np.int64)
    shut = edges[roads.cut.is_closed[edges]]
    by = [roads.cut.closures[one] for one in np.unique(roads.cut.by[shut])]
    names = list(dict.fromkeys(str(name) for name in roads.graph.name[shut] if name))
    what = ", ".join(f"{one.kind} {one.id}" if one.id is not None else one.kind for one in by)
    return between | {
        "reason": "closed",
        "closed_by": [one.told() for one in by],
        "roads": names[:20],
        "message": f"every way is closed; the quickest one by {what}",
    }


def _parameters(asked: RouteAsked) -> dict[str, Any]:
    return {
        "from": list(asked.start), "to": list(asked.end), "via": [list(place) for place in asked.via],
        "profile": asked.profile, "closed": asked.closed.told(),
    }  # fmt: skip
