"""One search over the roads: from a point on an edge to all nodes, and on to points on other edges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from layers.networks.graph import Flags, Metres, Numbers
from layers.routing.graph import RoadGraph
from layers.routing.snapping import OnEdge
from layers.routing.travel import Travel

#: Who stands so near to the end of an edge is at its node, and need not obey the edge's one way.
_AT_NODE_M = 0.01
_VIA_SOURCE, _VIA_TARGET, _DIRECT = 0, 1, 2


class Leg(NamedTuple):
    """A piece of an edge that is passed, from one fraction of its length to another."""

    edge: int
    start: float
    end: float


class Searched(NamedTuple):
    """What a search found.

    Attributes
    ----------
    origin
        Where it began.
    seconds
        To each node, infinite where there is no way.
    before
        The node before each one on the quickest way; ``len(nodes)`` is the origin.
    matrix
        Seconds of each arc; ``arc`` is its edge (plus the number of edges: against it), in the order of the matrix.
    """

    graph: RoadGraph
    travel: Travel
    origin: OnEdge
    seconds: Metres
    before: Numbers
    matrix: csr_array
    arc: Numbers


class Reached(NamedTuple):
    """Seconds to points on edges, infinite where there is no way; ``by`` which end of the edge, or along it."""

    seconds: Metres
    by: Numbers


def search(graph: RoadGraph, travel: Travel, origin: OnEdge, limit_s: float = np.inf) -> Searched:
    """Return the seconds from a point on an edge to all nodes, by Dijkstra's algorithm; beyond the limit infinite."""
    matrix, arc = _matrix(graph, travel, origin)
    seconds, before = dijkstra(matrix, indices=len(graph.nodes), return_predecessors=True, limit=limit_s)
    return Searched(graph, travel, origin, seconds[:-1], before[:-1].astype(np.int64), matrix, arc)


def reach(found: Searched, aims: OnEdge) -> Reached:
    """Return the seconds to points on edges."""
    graph, edge = found.graph, np.maximum(aims.edge, 0)
    after_source = found.seconds[graph.source[edge]] + _leaving(graph, found.travel.along_s, edge, aims.at)
    after_target = found.seconds[graph.target[edge]] + _leaving(graph, found.travel.against_s, edge, 1 - aims.at)
    ways = np.stack([after_source, after_target, _direct(found, edge, aims.at)])
    ways[:, aims.edge < 0] = np.inf
    by = ways.argmin(axis=0)
    return Reached(ways[by, np.arange(len(by))], by)


def legs_to(found: Searched, aim: OnEdge, by: int) -> list[Leg]:
    """Return the pieces of edges on the way to a point on an edge, in their order."""
    graph, (edge, at) = found.graph, (int(aim.edge[0]), float(aim.at[0]))
    if by == _DIRECT:
        return [Leg(edge, float(found.origin.at[0]), at)]
    node = int((graph.source if by == _VIA_SOURCE else graph.target)[edge])
    legs = [Leg(edge, float(by == _VIA_TARGET), at)]
    while (earlier := int(found.before[node])) != len(graph.nodes):
        legs.append(_passed(found, earlier, node))
        node = earlier
    legs.append(_first(found, node))
    return [leg for leg in reversed(legs) if leg.start != leg.end]


def _passed(found: Searched, start: int, end: int) -> Leg:
    """Return the quickest edge from one node to the next."""
    arcs = np.arange(found.matrix.indptr[start], found.matrix.indptr[start + 1])
    arcs = arcs[found.matrix.indices[arcs] == end]
    arc = int(found.arc[arcs[found.matrix.data[arcs].argmin()]])
    count = len(found.graph.ids)
    return Leg(arc, 0.0, 1.0) if arc < count else Leg(arc - count, 1.0, 0.0)


def _first(found: Searched, node: int) -> Leg:
    """Return the piece of the edge that the search began on, to the node at which it was left."""
    nodes, seconds, ends = _ends(found.graph, found.travel, found.origin)
    kept = np.flatnonzero(nodes == node)
    best = kept[seconds[kept].argmin()]
    return Leg(int(found.origin.edge[0]), float(found.origin.at[0]), float(ends[best]))


def _ends(graph: RoadGraph, travel: Travel, origin: OnEdge) -> tuple[Numbers, Metres, Metres]:
    """Return the nodes that are reached first, the seconds to them, and at which fraction of the edge they are."""
    edge, at = np.repeat(origin.edge, 2), float(origin.at[0])
    costs = np.array([_leaving(graph, travel.against_s, edge[:1], np.array([at]))[0],
                      _leaving(graph, travel.along_s, edge[:1], np.array([1 - at]))[0]])  # fmt: skip
    nodes = np.array([graph.source[edge[0]], graph.target[edge[0]]])
    kept = np.isfinite(costs)
    return nodes[kept], costs[kept], np.array([0.0, 1.0])[kept]


def _leaving(graph: RoadGraph, seconds: Metres, edge: Numbers, share: Metres) -> Metres:
    """Return the seconds for a share of each edge; none where it is no way at all."""
    is_there = share * graph.length_m[edge] < _AT_NODE_M
    with np.errstate(invalid="ignore"):
        return np.where(is_there, 0.0, share * seconds[edge])


def _direct(found: Searched, edge: Numbers, at: Metres) -> Metres:
    """Return the seconds to points on the edge that the search began on, infinite for others."""
    ahead = at - found.origin.at[0]
    with np.errstate(invalid="ignore"):
        seconds = np.where(ahead >= 0, ahead * found.travel.along_s[edge], -ahead * found.travel.against_s[edge])
    seconds[ahead == 0] = 0.0
    return np.where(edge == found.origin.edge[0], seconds, np.inf)


def _matrix(graph: RoadGraph, travel: Travel, origin: OnEdge) -> tuple[csr_array, Numbers]:
    """Return the arcs that are open as a matrix, with the origin as its last row, and the edge of each arc."""
    size, costs = len(graph.nodes), np.concatenate([travel.along_s, travel.against_s])[graph.arcs]
    is_open: Flags = np.isfinite(costs)
    arc = graph.arcs[is_open]
    begins = np.concatenate([graph.source, graph.target])[arc]
    ends = np.concatenate([graph.target, graph.source])[arc]
    nodes, seconds, _ = _ends(graph, travel, origin)
    pointers = np.searchsorted(begins, np.arange(size + 1))
    matrix = csr_array(
        (
            np.concatenate([costs[is_open], seconds]),
            np.concatenate([ends, nodes]).astype(np.int32),
            np.append(pointers, len(arc) + len(nodes)).astype(np.int32),
        ),
        shape=(size + 1, size + 1),
    )
    return matrix, arc
