"""From lines and points to a graph: ends that meet become one node, lines are cut where nodes lie on them.

Nothing here knows of the database; coordinates are metres in a plane.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

Numbers = NDArray[np.int64]
Metres = NDArray[np.float64]
Shapes = NDArray[np.object_]
Flags = NDArray[np.bool_]

#: An end that the register says nothing of: it is looked for by place.
UNKNOWN = -1
#: An end whose node the register names and that is nowhere.
MISSING = -2
#: Vertices that two lines share are the same to the millimetre.
_SHARED_M = 1e-3


@dataclass
class Lines:
    """Edges to be.

    Attributes
    ----------
    shapes
        LineString or MultiLineString; Z is a height in metres or NaN.
    start, end
        Number of the node at each end as drawn, or UNKNOWN, or MISSING.
    level
        Lines of different levels (bridges, tunnels) meet only at shared vertices; None: all are of one level.
    """

    shapes: Shapes
    start: Numbers
    end: Numbers
    level: Numbers | None = None


@dataclass
class Nodes:
    """Nodes that are there: ``xy`` is (n, 2), ``z`` NaN where unknown, ``is_built`` of an earlier topology."""

    xy: Metres
    z: Metres
    is_built: Flags


class Graph(NamedTuple):
    """The outcome; new nodes have the numbers after the given ones.

    Attributes
    ----------
    start, end
        Node at each end of each line as drawn; MISSING stays.
    cut_line, cut_at, cut_node
        Lines that are cut, the fraction of their length, and the node there; sorted.
    new_xy
        Places of the new nodes, (k, 2).
    """

    start: Numbers
    end: Numbers
    cut_line: Numbers
    cut_at: Metres
    cut_node: Numbers
    new_xy: Metres


class Edges(NamedTuple):
    """Pieces of lines between nodes, sorted by line and along it; fractions are of the line as drawn."""

    line: Numbers
    part: Numbers
    source: Numbers
    target: Numbers
    start_fraction: Metres
    end_fraction: Metres


def connect(
    lines: Lines,
    nodes: Nodes,
    tolerance_m: float,
    *,
    clearance_m: float = np.inf,
    is_shared_vertex_a_node: bool = False,
) -> Graph:
    """Find or make a node for every unknown end, and cut lines at nodes that lie on them.

    Lines are cut at nodes that unknown ends have found, at nodes that no line ends at, and at shared vertices; never
    at nodes whose own lines all say by key where they end, for there the register's word counts.

    Parameters
    ----------
    tolerance_m
        Ends and nodes that are closer are one.
    clearance_m
        A node and a line whose heights differ by more pass each other.
    is_shared_vertex_a_node
        Whether lines meet where they have a vertex in common (so it is in OpenStreetMap).
    """
    starts, ends = shapely.get_coordinates(_end(lines.shapes, 0)), shapely.get_coordinates(_end(lines.shapes, -1))
    at_start, at_end = np.flatnonzero(lines.start == UNKNOWN), np.flatnonzero(lines.end == UNKNOWN)
    shared = _shared_vertices(lines.shapes) if is_shared_vertex_a_node else np.empty((0, 2))
    wanted = np.concatenate([starts[at_start], ends[at_end], shared])
    found, new_xy = _find_or_make(nodes, wanted, tolerance_m)
    start, end = lines.start.copy(), lines.end.copy()
    start[at_start] = found[: len(at_start)]
    end[at_end] = found[len(at_start) : len(at_start) + len(at_end)]
    used = np.zeros(len(nodes.xy) + len(new_xy), bool)
    used[start[start >= 0]] = used[end[end >= 0]] = True
    orphans = np.flatnonzero(~used[: len(nodes.xy)] & ~nodes.is_built)
    cutters = np.unique(np.concatenate([found, orphans]))
    everywhere = np.zeros(len(used), bool)
    everywhere[found[len(at_start) + len(at_end) :]] = True
    whole = Nodes(
        np.concatenate([nodes.xy, new_xy]),
        np.concatenate([nodes.z, np.full(len(new_xy), np.nan)]),
        np.concatenate([nodes.is_built, np.ones(len(new_xy), bool)]),
    )
    cuts = _cuts(Lines(lines.shapes, start, end, lines.level), whole, cutters, everywhere, tolerance_m, clearance_m)
    return _without_unused(Graph(start, end, *cuts, new_xy), len(nodes.xy))


def _without_unused(graph: Graph, known: int) -> Graph:
    """Drop new nodes at which nothing ends: shared vertices that are ends of lines whose own nodes are missing."""
    numbers = np.concatenate([graph.start, graph.end, graph.cut_node])
    used = np.unique(numbers[numbers >= known])
    if len(used) == len(graph.new_xy):
        return graph

    def renumbered(nodes: Numbers) -> Numbers:
        return np.where(nodes < known, nodes, known + np.searchsorted(used, nodes))

    return graph._replace(
        start=renumbered(graph.start),
        end=renumbered(graph.end),
        cut_node=renumbered(graph.cut_node),
        new_xy=graph.new_xy[used - known],
    )


def edges_of(graph: Graph) -> Edges:
    """Return the edges of all lines, those that are not cut as one edge each."""
    count = len(graph.start)
    line = np.concatenate([np.arange(count), graph.cut_line, np.arange(count)])
    at = np.concatenate([np.zeros(count), graph.cut_at, np.ones(count)])
    node = np.concatenate([graph.start, graph.cut_node, graph.end])
    order = np.lexsort((at, line))
    line, at, node = line[order], at[order], node[order]
    first = np.flatnonzero(line[:-1] == line[1:]) if len(line) else np.empty(0, np.int64)
    lines = line[first]
    begins = np.searchsorted(lines, lines, side="left")
    return Edges(lines, np.arange(len(first)) - begins, node[first], node[first + 1], at[first], at[first + 1])


def parts_of(size: int, source: Numbers, target: Numbers) -> tuple[int, Numbers]:
    """Return how many connected parts a graph has, and the part of each node."""
    there = (source >= 0) & (target >= 0)
    matrix = coo_array((np.ones(there.sum(), np.int8), (source[there], target[there])), shape=(size, size))
    count, part = connected_components(matrix, directed=False)
    return int(count), part.astype(np.int64)


def _end(shapes: Shapes, which: int) -> Shapes:
    """Return the first or last point of each line."""
    last = shapely.get_num_geometries(shapes) - 1
    part = shapely.get_geometry(shapes, np.zeros_like(last) if which == 0 else last)
    return np.asarray(shapely.get_point(part, which), object)


def _shared_vertices(shapes: Shapes) -> Metres:
    """Return the places where two lines have a vertex in common and one of them does not end there."""
    xy, line = shapely.get_coordinates(shapes, return_index=True)
    cells = np.round(xy / _SHARED_M).astype(np.int64)
    _, first, place = np.unique(cells, axis=0, return_index=True, return_inverse=True)
    pairs = np.unique(np.column_stack([place.ravel(), line]), axis=0)
    count = np.bincount(pairs[:, 0], minlength=len(first))
    return np.asarray(xy[first[count > 1]], np.float64)


def _find_or_make(nodes: Nodes, wanted: Metres, tolerance_m: float) -> tuple[Numbers, Metres]:
    """Return the node of each wanted place (owners' nodes before built ones), and the places of those to be made."""
    found = np.full(len(wanted), UNKNOWN)
    for which in (np.flatnonzero(~nodes.is_built), np.flatnonzero(nodes.is_built)):
        left = np.flatnonzero(found == UNKNOWN)
        if len(which) and len(left):
            distance, nearest = cKDTree(nodes.xy[which]).query(wanted[left], distance_upper_bound=tolerance_m)
            near = np.isfinite(distance)
            found[left[near]] = which[nearest[near]]
    left = np.flatnonzero(found == UNKNOWN)
    if not len(left):
        return found, np.empty((0, 2))
    pairs = cKDTree(wanted[left]).query_pairs(tolerance_m, output_type="ndarray")
    count, label = parts_of(len(left), pairs[:, 0], pairs[:, 1])
    # Numbered in the order in which they appear: the same input gives the same numbers.
    _, first, label = np.unique(label, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    label = rank[label]
    size = np.bincount(label, minlength=count)
    xy = np.column_stack([np.bincount(label, wanted[left][:, k], count) / size for k in (0, 1)])
    found[left] = len(nodes.xy) + label
    return found, xy


def _cuts(
    lines: Lines, nodes: Nodes, cutters: Numbers, everywhere: Flags, tolerance_m: float, clearance_m: float
) -> tuple[Numbers, Metres, Numbers]:
    """Return line, fraction and node of every cut."""
    points = np.asarray(shapely.points(nodes.xy[cutters]), object)
    near, line = shapely.STRtree(lines.shapes).query(points, predicate="dwithin", distance=tolerance_m)
    node = cutters[near]
    at = np.asarray(shapely.line_locate_point(lines.shapes[line], points[near]), np.float64)
    length = np.asarray(shapely.length(lines.shapes[line]), np.float64)
    inside = (at > tolerance_m) & (at < length - tolerance_m)
    inside &= (lines.start[line] != node) & (lines.end[line] != node)
    if lines.level is not None:
        inside &= everywhere[node] | _is_same_level(lines, lines.level, node, line)
    if np.isfinite(clearance_m):
        height = shapely.get_z(shapely.line_interpolate_point(lines.shapes[line], at))
        inside &= ~(np.abs(nodes.z[node] - height) > clearance_m)
    line, at, node, length = line[inside], at[inside], node[inside], length[inside]
    order = np.lexsort((node, at, line))
    return line[order].astype(np.int64), at[order] / length[order], node[order]


def _is_same_level(lines: Lines, level: Numbers, node: Numbers, line: Numbers) -> Flags:
    """Tell for pairs of a node and a line whether a line of the same level ends at the node."""
    ends = np.concatenate([lines.start, lines.end])
    levels = np.concatenate([level, level])
    known = {(int(n), int(k)) for n, k in zip(ends, levels, strict=True)}
    pairs = zip(node.tolist(), level[line].tolist(), strict=True)
    return np.fromiter(((n, k) in known for n, k in pairs), bool, len(node))
