"""Seconds by road from objects to a place, for lists that are ordered by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection

from cim.access import Caller
from cim.errors import NotFound
from layers.networks.graph import Metres
from layers.routing.asked import Closed
from layers.routing.graph import RoadGraph
from layers.routing.roads_open import open_roads
from layers.routing.search import reach, search
from layers.routing.snapping import OnEdge, snap


def road_times(
    connection: Connection, place: tuple[float, float], items: Sequence[dict[str, Any]], caller: Caller
) -> dict[int, dict[str, Any]]:
    """Return for objects (id, longitude, latitude) ``road_s`` by car to a place, and ``beside_road_m``.

    Times are between crossings, the nearer ones of the roads beside; ``beside_road_m`` is what is left of the way at
    both ends. Objects from which no road leads there are left out; without any road that the caller sees all are.
    """
    try:
        roads = open_roads(connection, "car", Closed(), caller)
    except NotFound:
        return {}
    graph, is_open = roads.graph, roads.open.is_open
    places = graph.metres([place, *((item["longitude"], item["latitude"]) for item in items)])
    spots = _at_crossings(graph, snap(graph, is_open, places), places)
    if spots.edge[0] < 0:
        return {}
    seconds = reach(search(graph, roads.open.back(), spots.one(0)), spots).seconds[1:]
    beside_m = spots.beside_m[1:] + spots.beside_m[0]
    return {
        item["id"]: {"road_s": round(one), "beside_road_m": round(beside)}
        for item, one, beside in zip(items, seconds.tolist(), beside_m.tolist(), strict=True)
        if np.isfinite(one)
    }


def _at_crossings(graph: RoadGraph, spots: OnEdge, places: Metres) -> OnEdge:
    """Return the ends of the edges that are nearer, and how far away these are."""
    edge, at = np.maximum(spots.edge, 0), np.rint(spots.at)
    ends = shapely.line_interpolate_point(graph.shapes[edge], at, normalized=True)
    beside_m = np.hypot(*(shapely.get_coordinates(ends) - places).T)
    return OnEdge(spots.edge, at, np.where(spots.edge >= 0, beside_m, np.inf))
