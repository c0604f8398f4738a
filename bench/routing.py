"""Routes, the nearest and isochrones on a district, by whole answers with their receipts: ``python -m bench.routing``.

Run with a district imported into the database that the settings name (or ``./run bench routing``). Places are within
100 m of roads chosen at random. The same searches between nodes are done by pgRouting, whose seconds must be the same;
the first search after a change of the data reads the graph once, which is a row of its own, with its memory.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import shapely
from sqlalchemy import Connection, text

from bench.lib.result import Goal, row, save
from cim.access import Caller
from cim.db import database_url, make_engine
from cim.settings import read_settings
from layers.routing.asked import Closed, IsochroneAsked, NearestAsked, Position, RouteAsked
from layers.routing.graph import RoadGraph, read_graph, road_graph
from layers.routing.isochrone import find_isochrone
from layers.routing.nearest import find_nearest
from layers.routing.route import find_route
from layers.routing.search import search
from layers.routing.snapping import OnEdge
from layers.routing.travel import travel

RUNS, PAIRS = 60, 40
GOAL_MS = Goal(200.0)
ASKING = Caller("admin")
PGROUTING = text(
    "select agg_cost from pgr_dijkstraCost('select id, source, target, cost, reverse_cost from cim.road_edge',"
    " cast(:start as bigint), cast(:end as bigint), true)"
)


class Places:
    """Places beside roads, the same in every run."""

    def __init__(self, graph: RoadGraph) -> None:
        self.graph = graph
        self.random = np.random.default_rng(20)

    def one(self) -> Position:
        """Return longitude and latitude."""
        line = self.graph.shapes[self.random.integers(len(self.graph.shapes))]
        on = shapely.line_interpolate_point(line, self.random.uniform(), normalized=True)
        place = shapely.get_coordinates(on) + self.random.uniform(-70, 70, (1, 2))
        lon, lat = self.graph.degrees(place)[0].tolist()
        return lon, lat

    def square(self, side_m: float) -> shapely.Polygon:
        """Return a square around one of them."""
        middle = self.graph.metres(self.one())[0]
        corners = middle + np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * side_m / 2
        return shapely.Polygon(self.graph.degrees(corners))


def timed(work: str, ask: Callable[[], Any], count: int = RUNS) -> list[dict[str, Any]]:
    """Return the rows of one kind of question, asked anew each time."""
    ask()
    spent = []
    for _ in range(count):
        began = time.perf_counter()
        ask()
        spent.append(1e3 * (time.perf_counter() - began))
    return [row(f"{work}: median", float(np.median(spent)), "ms"),
            row("  95 %", float(np.percentile(spent, 95)), "ms", goal=GOAL_MS)]  # fmt: skip


def loading(connection: Connection) -> list[dict[str, Any]]:
    began = time.perf_counter()
    graph = read_graph(connection)
    seconds = time.perf_counter() - began
    tracemalloc.start()
    kept = read_graph(connection)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # numpy tells of its memory, GEOS does not: a LineString holds two numbers a vertex and some 150 bytes.
    size = held / 1e6 + (16 * len(kept.lines.xy) + 150 * len(kept.ids)) / 1e6
    return [row(f"graph of {len(graph.ids)} edges: read", 1e3 * seconds, "ms"), row("  memory", size, "MB")]


def searches(connection: Connection, graph: RoadGraph) -> list[dict[str, Any]]:
    """Return the row of one search from a node to all others, against pgRouting's to one of them."""
    random = np.random.default_rng(21)
    spent: dict[str, list[float]] = {"ours": [], "pgRouting": []}
    for _ in range(PAIRS):
        edge, end = int(random.integers(len(graph.ids))), int(random.integers(len(graph.nodes)))
        start = int(graph.source[edge])
        began = time.perf_counter()
        found = search(graph, travel(graph, "car"), OnEdge(np.array([edge]), np.zeros(1), np.zeros(1)))
        spent["ours"].append(1e3 * (time.perf_counter() - began))
        began = time.perf_counter()
        theirs = connection.execute(
            PGROUTING, {"start": int(graph.nodes[start]), "end": int(graph.nodes[end])}
        ).scalar()
        spent["pgRouting"].append(1e3 * (time.perf_counter() - began))
        seconds = float(found.seconds[end])
        if start != end and abs(seconds - (np.inf if theirs is None else theirs)) > 1e-6 * seconds:
            raise SystemExit(f"from node {start} to {end}: {seconds} s, pgRouting says {theirs}")
    ours, theirs = (float(np.median(spent[name])) for name in ("ours", "pgRouting"))
    return [row("one search (ours: to all nodes)", ours, "ms", peer="pgRouting", peer_value=theirs)]


def answers(connection: Connection, graph: RoadGraph) -> list[dict[str, Any]]:
    places = Places(graph)

    def route(**more: Any) -> Any:
        return find_route(connection, RouteAsked(places.one(), places.one(), **more), ASKING)

    def nearest(**more: Any) -> Any:
        return find_nearest(connection, NearestAsked(places.one(), **more), ASKING)

    def isochrone(**more: Any) -> Any:
        return find_isochrone(connection, IsochroneAsked(places.one(), **more), ASKING)

    return [
        *timed("route by car between any two places", route),
        *timed("route on foot", lambda: route(profile="foot")),
        *timed("route round a closed square of 1 km", lambda: route(closed=Closed(geometry=places.square(1000)))),
        *timed("nearest 5 fire stations by road", lambda: nearest(kinds=("消防站",))),
        *timed("nearest 10 cameras by road", lambda: nearest(layer="cameras", n=10)),
        *timed("nearest 10 buildings by road", lambda: nearest(layer="buildings", n=10)),
        *timed("nearest 10 buildings straight", lambda: nearest(layer="buildings", n=10, by="straight")),
        *timed("isochrone by car, 5 minutes", lambda: isochrone(minutes=(5.0,))),
        *timed("isochrone by car, 5, 10 and 15 minutes", isochrone),
        *timed("isochrone on foot, 5, 10 and 15 minutes", lambda: isochrone(profile="foot")),
    ]


def main() -> None:
    engine = make_engine(database_url(read_settings()))
    with engine.connect() as connection:
        rows = loading(connection)
        graph = road_graph(connection)
        rows += searches(connection, graph) + answers(connection, graph)
    save("routing", rows)


if __name__ == "__main__":
    main()
