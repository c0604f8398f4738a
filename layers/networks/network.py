"""A network as it is in the database: lines and nodes in a plane, the nodes that owners name, and their graph."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from sqlalchemy import Row

from layers.networks.direction import Direction
from layers.networks.graph import MISSING, UNKNOWN, Graph, Metres, Numbers, Shapes
from layers.plane import Plane, plane_around

#: A key counts in whatever dataset it is.
_ANY = -1


@dataclass
class Network:
    """A network and its graph.

    Attributes
    ----------
    lines, nodes
        Rows with a geometry, in the order of their ids.
    shapes, node_xy
        In metres of the plane.
    keyed
        For both ends of all lines the node by the owner's key, UNKNOWN without a key, MISSING without a node.
    direction
        Of pipes; None where lines have none.
    """

    name: str
    lines: list[Row[Any]]
    nodes: list[Row[Any]]
    plane: Plane
    shapes: Shapes
    node_xy: Metres
    keyed: tuple[Numbers, Numbers]
    graph: Graph
    direction: Direction | None = None

    @property
    def all_xy(self) -> Metres:
        """Places of the nodes, the new ones last."""
        return np.concatenate([self.node_xy, self.graph.new_xy])

    def degrees(self, places: Metres) -> list[tuple[float, float]]:
        """Return longitude and latitude of places in the plane."""
        if not len(places):
            return []
        longitude, latitude = self.plane.back.points(places[:, 0], places[:, 1])
        return list(zip(longitude.tolist(), latitude.tolist(), strict=True))


def shapes_of(rows: list[Row[Any]]) -> Shapes:
    """Return the geometries of rows, whose ``wkb`` is in the stored CRS."""
    return np.asarray(shapely.from_wkb(np.array([bytes(row.wkb) for row in rows], object)), object)


def in_plane(lines: Shapes, points: Shapes) -> tuple[Plane, Shapes, Metres]:
    """Return a plane around lines and points, the lines in it, and the points as (n, 2)."""
    plane = plane_around(np.concatenate([lines, points]))
    moved = plane.there.geometries(lines) if len(lines) else lines
    xy = shapely.get_coordinates(plane.there.geometries(points)) if len(points) else np.empty((0, 2))
    return plane, moved, xy


def is_built(nodes: list[Row[Any]]) -> NDArray[np.bool_]:
    """Tell which nodes an earlier topology made."""
    return np.fromiter((row.origin == "topology" for row in nodes), bool, len(nodes))


def by_key(name: str, lines: list[Row[Any]], nodes: list[Row[Any]]) -> tuple[Numbers, Numbers]:
    """Return the nodes that owners name at both ends: of the same dataset first, then of any."""
    known: dict[tuple[int | None, str], int] = {}
    for number, row in enumerate(nodes):
        if row.origin == "source":
            known.setdefault((row.dataset_id, row.source_key), number)
            known.setdefault((_ANY, row.source_key), number)
    return _named(name, lines, "from_key", known), _named(name, lines, "to_key", known)


def _named(name: str, lines: list[Row[Any]], column: str, known: dict[tuple[int | None, str], int]) -> Numbers:
    found = np.full(len(lines), UNKNOWN)
    for number, row in enumerate(lines):
        key = getattr(row, column)
        if key is not None:
            # A key that two networks of one file share has its network before it.
            tries = [(dataset, form) for dataset in (row.dataset_id, _ANY) for form in (key, f"{name}/{key}")]
            found[number] = next((known[pair] for pair in tries if pair in known), MISSING)
    return found
