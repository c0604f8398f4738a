"""Looking for what is wrong in a network's geometry."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray

from layers.networks.graph import Flags, Metres, Numbers, Shapes

#: Lines whose heights differ by more at a crossing pass each other.
CLEARANCE_M = 0.5
#: Pipes are the same when their vertices are, to the centimetre.
_SAME_M = 0.01


class Crossing(NamedTuple):
    """Two lines and where they cross; ``clearance_m`` is NaN where a height is unknown."""

    line: Numbers
    other: Numbers
    place: Metres
    clearance_m: Metres


def crossings(shapes: Shapes, ends: Numbers, cuts: dict[int, set[int]], level: Numbers | None = None) -> Crossing:
    """Return the pairs of lines that cross at the same height inside of both.

    Parameters
    ----------
    ends
        (lines, 2) numbers of the nodes at the ends of each line, below 0 for none.
    cuts
        Line -> nodes that lie on it: lines that share a node are connected.
    level
        Bridges and tunnels: lines of different levels pass each other.
    """
    line, other = shapely.STRtree(shapes).query(shapes, predicate="crosses")
    kept = line < other
    line, other = line[kept], other[kept]
    nodes = [set(pair) - {-1, -2} for pair in ends.tolist()]
    apart = np.fromiter(
        (
            (nodes[a] | cuts.get(a, set())).isdisjoint(nodes[b] | cuts.get(b, set()))
            for a, b in zip(line.tolist(), other.tolist(), strict=True)
        ),
        bool,
        len(line),
    )
    if level is not None:
        apart &= level[line] == level[other]
    line, other = line[apart], other[apart]
    place = shapely.get_geometry(
        shapely.intersection(shapely.force_2d(shapes[line]), shapely.force_2d(shapes[other])), 0
    )
    point = np.asarray(shapely.point_on_surface(place), object)
    clearance = np.abs(_height(shapes[line], point) - _height(shapes[other], point))
    near = ~(clearance > CLEARANCE_M)
    xy = np.column_stack([shapely.get_x(point), shapely.get_y(point)]) if len(point) else np.empty((0, 2))
    return Crossing(line[near], other[near], xy[near], clearance[near])


def _height(shapes: Shapes, points: Shapes) -> Metres:
    at = shapely.line_locate_point(shapes, points)
    return np.asarray(shapely.get_z(shapely.line_interpolate_point(shapes, at)), np.float64)


def same_lines(shapes: Shapes) -> Numbers:
    """Return for each line the first one that has the same vertices, forth or back, else -1."""
    rounded = shapely.normalize(shapely.set_precision(shapely.force_2d(shapes), _SAME_M, mode="pointwise"))
    return _first_alike(np.asarray(shapely.to_wkb(rounded), object))


def same_places(xy: Metres, tolerance_m: float) -> Numbers:
    """Return for each point the first other one within a tolerance, else -1."""
    from scipy.spatial import cKDTree

    found = np.full(len(xy), -1)
    if len(xy):
        pairs = cKDTree(xy).query_pairs(tolerance_m, output_type="ndarray")
        pairs.sort(axis=1)
        for first, second in pairs[np.lexsort((-pairs[:, 0], pairs[:, 1]))]:
            found[second] = first
    return found


def _first_alike(values: NDArray[np.object_]) -> Numbers:
    seen: dict[object, int] = {}
    found = np.full(len(values), -1)
    for number, value in enumerate(values.tolist()):
        first = seen.setdefault(value, number)
        if first != number:
            found[number] = first
    return found


def off_node(
    end_xy: Metres, node: Numbers, node_xy: Metres, is_named: Flags, tolerance_m: float
) -> tuple[Numbers, Metres]:
    """Return the lines whose end lies away from the node that it names, and how far."""
    there = np.flatnonzero(is_named & (node >= 0))
    distance = np.hypot(*(end_xy[there] - node_xy[node[there]]).T)
    far = distance > tolerance_m
    return there[far], distance[far]
