"""The roads as a graph in memory, made once a version of the data and shared by all threads of a process.

Searches run on it by ``scipy.sparse.csgraph``. On the district's 13,347 edges one search from a place to all nodes,
with the way there, takes 1.1 ms; python-igraph 1.0 takes 4.2 ms (2.7 ms to one node), rustworkx 0.18 2.6 ms, and
pgRouting 30 ms, because it reads all edges first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Connection

from cim.errors import NotFound
from layers.kept_graphs import KeptGraphs
from layers.networks.graph import Flags, Metres, Numbers, Shapes
from layers.networks.roads import ON_FOOT
from layers.plane import Plane, plane_around
from layers.routing.edge_shapes import Lines, cut, lines_of
from layers.sql import statement

SAMPLE_M = 12.0
MOTORWAYS = frozenset({"motorway", "motorway_link"})


@dataclass(frozen=True)
class RoadGraph:
    """Edges between nodes, each in the direction in which its road is drawn.

    Attributes
    ----------
    plane
        From EPSG:4490 to the metres in which ``shapes`` are.
    nodes
        Ids of the nodes by number; edges that end at none have a node of their own there, with a negative id.
    ids, road_ids, dataset_ids
        Of each edge; -1 for no dataset.
    source, target
        Numbers of its nodes.
    length_m
        Geodesic.
    along_s, against_s
        Seconds by car; infinite where it is not open.
    is_walked
        Whether one may walk there.
    level
        Of bridges above, of tunnels below zero.
    layer, name, kind
        Layer of the road, its name and class, '' where there is none; ``area_code`` likewise.
    shapes
        LineStrings in the plane; ``tree`` of them; ``lines``, the same as a table; ``samples`` with a vertex at least
        every ``SAMPLE_M``.
    arcs
        The order of the arcs along (number of the edge) and against (plus the number of edges) by where they begin.
    """

    plane: Plane
    nodes: Numbers
    ids: Numbers
    road_ids: Numbers
    dataset_ids: Numbers
    source: Numbers
    target: Numbers
    length_m: Metres
    along_s: Metres
    against_s: Metres
    is_walked: Flags
    level: Numbers
    layer: NDArray[np.str_]
    area_code: NDArray[np.str_]
    name: NDArray[np.str_]
    kind: NDArray[np.str_]
    shapes: Shapes
    tree: shapely.STRtree
    lines: Lines
    samples: Lines
    arcs: Numbers

    def degrees(self, xy: Metres) -> Metres:
        """Return longitude and latitude, (n, 2), of places in the plane."""
        return np.column_stack(self.plane.back.points(xy[:, 0], xy[:, 1]))

    def metres(self, places: Any) -> Metres:
        """Return the places of longitudes and latitudes, (n, 2), in the plane; NaN for what lies beyond it."""
        places = np.asarray(places, np.float64).reshape(-1, 2)
        moved = np.column_stack(self.plane.there.points(places[:, 0], places[:, 1], strict=False))
        return np.where(np.isfinite(moved), moved, np.nan)


#: One a database.
_GRAPHS: KeptGraphs[RoadGraph] = KeptGraphs(2)


def road_graph(connection: Connection) -> RoadGraph:
    """Return the graph of all roads, from memory where it is of the same data still.

    Raises
    ------
    NotFound
        There are no roads, or they are not connected.
    """
    row = connection.execute(statement("routing_state")).one()
    if row.newest is None:
        raise NotFound("there are no roads to drive or walk on: import a layer of roads", "no_roads")
    state = (row.newest, tuple(row.versions or ()))
    return _GRAPHS.get(row.database, state, lambda: read_graph(connection))


def read_graph(connection: Connection) -> RoadGraph:
    """Read the roads and their edges; raises NotFound where there are none."""
    rows = connection.execute(statement("routing_edges")).all()
    if not rows:
        raise NotFound("there are no roads to drive or walk on: import a layer of roads", "no_roads")
    (ids, road_ids, sources, targets, starts, ends, lengths, along, against, layers, areas, levels, kinds, names,
     datasets, shapes) = zip(*rows, strict=True)  # fmt: skip
    roads = np.asarray(shapely.from_wkb(np.array([shape for shape in shapes if shape is not None], object)), object)
    plane = plane_around(roads)
    road = np.cumsum([shape is not None for shape in shapes]) - 1
    edges = cut(plane.there.geometries(roads), road, np.array(starts, float), np.array(ends, float))
    nodes, source, target = _numbered(sources, targets)
    costs = np.array([along, against], float)
    costs[costs < 0] = np.inf
    kind = np.array(kinds, np.str_)
    is_there = np.isfinite(costs).any(axis=0) | np.isin(kind, sorted(ON_FOOT))
    return RoadGraph(
        plane, nodes, np.array(ids, np.int64), np.array(road_ids, np.int64), np.array(datasets, np.int64), source,
        target, np.array(lengths, float), costs[0], costs[1], is_there & ~np.isin(kind, sorted(MOTORWAYS)),
        np.array(levels, np.int64), np.array(layers, np.str_), np.array(areas, np.str_), np.array(names, np.str_), kind,
        edges, shapely.STRtree(edges), lines_of(edges),
        lines_of(np.asarray(shapely.segmentize(edges, SAMPLE_M), object)),
        np.argsort(np.concatenate([source, target]), kind="stable"),
    )  # fmt: skip


def _numbered(sources: Any, targets: Any) -> tuple[Numbers, Numbers, Numbers]:
    """Return the ids of nodes, and for the ends of edges their numbers; each end without a node gets one of its own."""
    ends = [-number if node is None else node for number, node in enumerate((*sources, *targets), 1)]
    nodes, numbers = np.unique(np.array(ends, np.int64), return_inverse=True)
    source, target = numbers.reshape(2, -1)
    return nodes, source.astype(np.int64), target.astype(np.int64)
