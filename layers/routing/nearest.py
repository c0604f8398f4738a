"""The nearest objects of a layer to a place, straight or by road.

By road the direction matters: a fire engine comes to the incident, so ``to`` is what is taken where nothing is said;
``from`` is for those who leave, to a shelter for instance. One search from the place gives the times of all objects.
They come in the order of ``seconds`` on the roads and of the walk between road and object together.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sqlalchemy import Connection

from cim.access import Caller
from layers.networks.graph import Metres
from layers.queries.note import note
from layers.queries.receipt import make_receipt
from layers.routing.asked import NearestAsked
from layers.routing.candidates import Candidates, Source, has_objects, nearest_straight, source_of, within
from layers.routing.closures import Floods
from layers.routing.path import way_along
from layers.routing.reach import edges_of, reached_parts
from layers.routing.roads_open import RoadsOpen, open_roads, road_receipt
from layers.routing.search import Leg, Searched, legs_to, reach, search
from layers.routing.snapping import OnEdge, snap, snap_one, told_stop
from layers.routing.travel import WALKING_KMH

#: Objects that are compared by road at least, and at most.
FIRST, MOST = 60, 5000
#: Geodesic lengths of edges and straight distances agree to much less.
_SLACK = 1.01


def find_nearest(
    connection: Connection, asked: NearestAsked, caller: Caller, floods: Floods | None = None
) -> dict[str, Any]:
    """Return the nearest objects and a receipt.

    ``state`` is found, none (there are objects, but none that near), unreachable (there are, but no open way leads
    there), or no_data.

    Raises
    ------
    NotFound
        No such layer, no roads, a place off them, or a closed zone that the caller does not see.
    InvalidInput
    """
    source = source_of(connection, asked, caller)
    if asked.by == "road":
        return _by_road(connection, asked, source, caller, floods)
    found = nearest_straight(connection, source, asked.n, asked.within_m)
    items = [_told(source, item) for item in found.items]
    return _answer(asked, _state(connection, source, found, items), items) | {
        "receipt": make_receipt(
            connection, [source.layer], {source.layer.id: len(items)}, _datasets(found.items),
            _parameters(asked, caller), [note("straight", "distances are geodesic")],
        )
    }  # fmt: skip


def _by_road(
    connection: Connection, asked: NearestAsked, source: Source, caller: Caller, floods: Floods | None
) -> dict[str, Any]:
    roads = open_roads(connection, asked.profile, asked.closed, caller, floods)
    place = snap_one(roads.graph, roads.open.is_open, asked.place, "from")
    way = roads.open if asked.direction == "from" else roads.open.back()
    searched = search(roads.graph, way, place)
    found, spots, seconds = _compared(connection, asked, source, roads, searched)
    arrival = _arrival(spots, seconds)
    best = [int(n) for n in np.argsort(arrival, kind="stable") if np.isfinite(arrival[n])][: asked.n]
    legs = [_legs(searched, spots.one(number), asked.direction) for number in best]
    items = [
        _told(source, found.items[number]) | _road(roads, spots, seconds, number, each)
        for number, each in zip(best, legs, strict=True)
    ]
    chosen = [found.items[number] for number in best]
    edges = np.array([leg.edge for each in legs for leg in each] or place.edge.tolist(), np.int64)
    notes = [note("direction", f"seconds are {asked.direction} the place", f"seconds_{asked.direction}")]
    if found.total > MOST:
        message = f"only the {MOST} objects that are nearest as the crow flies were compared"
        notes.append(note("compared", message, most=MOST))
    return _answer(asked, _state(connection, source, found, items), items) | {
        "origin": told_stop(roads.graph, asked.place, place),
        "compared": len(found.items),
        "closed_edges": roads.closed_edges,
        "receipt": road_receipt(
            connection, roads, edges, _parameters(asked, caller), caller, layers=[source.layer],
            counts={source.layer.id: len(items)}, datasets=_datasets(chosen), notes=notes,
        ),
    }  # fmt: skip


def _state(connection: Connection, source: Source, found: Candidates, items: list[dict[str, Any]]) -> str:
    if items:
        return "found"
    if found.items:
        return "unreachable"
    return "none" if has_objects(connection, source) else "no_data"


def _times(roads: RoadsOpen, searched: Searched, found: Candidates) -> tuple[OnEdge, Metres]:
    """Return where objects are on the road, and the seconds between them and the place, rounded as they are told."""
    places = np.array([(item["longitude"], item["latitude"]) for item in found.items], np.float64).reshape(-1, 2)
    spots = snap(roads.graph, roads.open.is_open, roads.graph.metres(places))
    return spots, np.round(reach(searched, spots).seconds, 1)


def _compared(
    connection: Connection, asked: NearestAsked, source: Source, roads: RoadsOpen, searched: Searched
) -> tuple[Candidates, OnEdge, Metres]:
    """Return all objects that can be among the quickest, where they are on the road, and their seconds.

    Of those that are nearest as the crow flies ``n`` are timed; what lies beyond all that is reached in the time of the
    last of them is left out.
    """
    most = max(FIRST, 4 * asked.n)
    while True:
        found = nearest_straight(connection, source, most, asked.within_m)
        spots, seconds = _times(roads, searched, found)
        known = np.sort(_arrival(spots, seconds))[asked.n - 1 : asked.n]
        is_all = len(found.items) == found.total and found.total < most
        if is_all or most >= MOST or np.isfinite(known).any():
            break
        most = min(8 * most, MOST)
    if is_all or not np.isfinite(known).any():
        return found, spots, seconds
    reach_m = _reach_m(searched, float(known[0]))
    if reach_m > found.items[-1]["distance_m"]:
        found = within(connection, source, MOST, min(reach_m, asked.within_m))
        spots, seconds = _times(roads, searched, found)
    return found, spots, seconds


def _arrival(spots: OnEdge, seconds: Metres) -> Metres:
    """Return the seconds by road and on foot beside it, by which objects are ordered."""
    return np.asarray(seconds + spots.beside_m * 3.6 / WALKING_KMH, np.float64)


def _reach_m(searched: Searched, seconds: float) -> float:
    """Return the straight distance (metres) beyond which nobody arrives in a time, by road and on foot beside it."""
    graph = searched.graph
    on_road = edges_of(graph, reached_parts(searched, seconds))
    origin = graph.lines.part(int(searched.origin.edge[0]), float(searched.origin.at[0]), float(searched.origin.at[0]))
    farthest = float(np.hypot(*(on_road - origin[0]).T).max()) if len(on_road) else 0.0
    return _SLACK * (farthest + float(searched.origin.beside_m[0]) + seconds * WALKING_KMH / 3.6) + 1.0


def _legs(searched: Searched, spot: OnEdge, direction: str) -> list[Leg]:
    legs = legs_to(searched, spot, int(reach(searched, spot).by[0]))
    return legs if direction == "from" else [Leg(leg.edge, leg.end, leg.start) for leg in reversed(legs)]


def _road(roads: RoadsOpen, spots: OnEdge, seconds: Metres, number: int, legs: list[Leg]) -> dict[str, Any]:
    return {
        "seconds": float(seconds[number]),
        "road_m": round(float(way_along(roads.graph, roads.open, legs).length_m.sum()), 1),
        "beside_m": round(float(spots.beside_m[number]), 1),
    }


def _told(source: Source, item: dict[str, Any]) -> dict[str, Any]:
    about = {name: value for name, value in item.items() if name not in ("longitude", "latitude", "dataset_id")}
    position = [round(item["longitude"], 8), round(item["latitude"], 8)]
    about["distance_m"] = round(item["distance_m"], 1)
    return about | {"layer": source.layer.id, "position": position, "seconds": None, "road_m": None}


def _answer(asked: NearestAsked, state: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "state": state, "by": asked.by, "profile": asked.profile if asked.by == "road" else None,
        "direction": asked.direction if asked.by == "road" else None, "within_m": asked.within_m, "items": items,
    }  # fmt: skip


def _datasets(items: list[dict[str, Any]]) -> set[int]:
    return {item["dataset_id"] for item in items if item["dataset_id"] is not None}


def _parameters(asked: NearestAsked, caller: Caller) -> dict[str, Any]:
    told = asked._asdict() | {"closed": asked.closed.told(), "place": list(asked.place), "kinds": list(asked.kinds)}
    return {"from" if name == "place" else name: value for name, value in told.items()} | {"area": caller.area_code}
