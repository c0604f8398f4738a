"""Shortest ways through a network, and gravity flow along them."""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np

from district.arrays import BoolArray, FloatArray, IntArray

_UPHILL_COST = 300.0


@dataclass(frozen=True)
class Tree:
    """Shortest ways from every node to the nearest source.

    Attributes
    ----------
    parent
        Next node towards the source; -1 at sources and at nodes without a way.
    parent_edge
        Edge to `parent`, or -1.
    order
        Reached nodes, the nearest first.
    distance_m
        Cost of the way; inf without one.
    """

    parent: IntArray
    parent_edge: IntArray
    order: IntArray
    distance_m: FloatArray

    @property
    def reached(self) -> BoolArray:
        """Whether a node has a way."""
        reached: BoolArray = np.isfinite(self.distance_m)
        return reached


def shortest_ways(
    nodes: int, start: IntArray, end: IntArray, forth_m: FloatArray, back_m: FloatArray, sources: IntArray
) -> Tree:
    """Find the shortest ways by Dijkstra's method.

    Parameters
    ----------
    forth_m, back_m
        Cost of each edge when walked, away from a source, from start to end and from end to start.
    """
    neighbours: list[list[tuple[int, float, int]]] = [[] for _ in range(nodes)]
    ends = zip(start.tolist(), end.tolist(), forth_m.tolist(), back_m.tolist(), strict=True)
    for edge, (a, b, forth, back) in enumerate(ends):
        neighbours[a].append((b, forth, edge))
        neighbours[b].append((a, back, edge))
    distance = [float("inf")] * nodes
    parent, parent_edge, order = [-1] * nodes, [-1] * nodes, []
    heap: list[tuple[float, int]] = []
    for source in sources.tolist():
        distance[source] = 0.0
        heappush(heap, (0.0, source))
    while heap:
        far, node = heappop(heap)
        if far > distance[node]:
            continue
        order.append(node)
        for other, cost, edge in neighbours[node]:
            if far + cost < distance[other]:
                distance[other] = far + cost
                parent[other], parent_edge[other] = node, edge
                heappush(heap, (far + cost, other))
    return Tree(np.array(parent), np.array(parent_edge), np.array(order, dtype=np.int64), np.array(distance))


def downhill_ways(
    start: IntArray, end: IntArray, length_m: FloatArray, ground_m: FloatArray, outfalls: IntArray
) -> Tree:
    """Find ways to the outfalls that avoid flowing up the ground."""
    rise = ground_m[end] - ground_m[start]
    # Walking from an outfall start -> end, the water flows end -> start: uphill where the start is higher.
    forth = length_m + _UPHILL_COST * np.maximum(0.0, -rise)
    back = length_m + _UPHILL_COST * np.maximum(0.0, rise)
    return shortest_ways(len(ground_m), start, end, forth, back, outfalls)


def gravity_levels(
    tree: Tree, length_m: FloatArray, highest_m: FloatArray, slope: float
) -> tuple[FloatArray, FloatArray]:
    """Set levels that fall by at least `slope` along the ways and nowhere lie above `highest_m`.

    Parameters
    ----------
    length_m
        Length of each edge.
    highest_m
        Highest level allowed at each node.

    Returns
    -------
    tuple
        Level of each node, and the length of all pipes above it, metres.
    """
    level, drained = highest_m.tolist(), [0.0] * len(highest_m)
    parents, edges, lengths = tree.parent.tolist(), tree.parent_edge.tolist(), length_m.tolist()
    for node in tree.order[::-1].tolist():
        parent = parents[node]
        if parent < 0:
            continue
        length = lengths[edges[node]]
        level[parent] = min(level[parent], level[node] - slope * length)
        drained[parent] += drained[node] + length
    return np.array(level), np.array(drained)


def without_branches(tree: Tree, cut: BoolArray) -> Tree:
    """Take the cut nodes, and all that flow through them, out of a tree."""
    gone = cut.copy()
    parents = tree.parent.tolist()
    for node in tree.order.tolist():
        gone[node] |= parents[node] >= 0 and gone[parents[node]]
    kept = tree.order[~gone[tree.order]]
    return Tree(tree.parent, tree.parent_edge, kept, np.where(gone, np.inf, tree.distance_m))
