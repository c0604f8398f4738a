"""What is reached in a time: of every edge the parts, exactly to where on the edge the time is up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from layers.networks.graph import Flags, Metres, Numbers
from layers.routing.graph import RoadGraph
from layers.routing.search import Searched


class Parts(NamedTuple):
    """Parts of edges between two fractions of their length; an edge may have two that do not meet."""

    edge: Numbers
    start: Metres
    end: Metres

    @property
    def is_whole(self) -> Flags:
        """Which parts are all of their edge."""
        return np.asarray((self.start <= 0) & (self.end >= 1))


def reached_parts(found: Searched, limit_s: float) -> Parts:
    """Return the parts of edges that are reached within a time, those that meet as one, by edge and along it."""
    graph, travel = found.graph, found.travel
    ahead = _share(limit_s - found.seconds[graph.source], travel.along_s)
    behind = 1 - _share(limit_s - found.seconds[graph.target], travel.against_s)
    all_edges = np.arange(len(graph.ids))
    edge, start, end = (np.concatenate(columns) for columns in zip(
        (all_edges, np.zeros(len(ahead)), ahead), (all_edges, behind, np.ones(len(behind))), _own(found, limit_s),
        strict=True))  # fmt: skip
    kept = end > start
    return _merged(edge[kept], start[kept], end[kept])


def edges_of(graph: RoadGraph, parts: Parts) -> Metres:
    """Return the vertices of all edges of which a part is reached, (n, 2) in the plane."""
    is_touched = np.zeros(len(graph.ids), bool)
    is_touched[parts.edge] = True
    return graph.lines.whole(is_touched)


def _share(left_s: Metres, seconds: Metres) -> Metres:
    """Return which share of each edge is passed in the time that is left."""
    passed = (left_s >= 0) & np.isfinite(seconds)
    ratio = np.divide(left_s, seconds, out=np.ones(len(seconds)), where=passed & (seconds > 0))
    return np.where(passed, np.clip(ratio, 0.0, 1.0), 0.0)


def _own(found: Searched, limit_s: float) -> tuple[Numbers, Metres, Metres]:
    """Return the parts before and behind the point at which the search began."""
    edge, at = found.origin.edge, found.origin.at
    left = np.array([limit_s])
    ahead = np.minimum(1.0, at + _share(left, found.travel.along_s[edge]))
    behind = np.maximum(0.0, at - _share(left, found.travel.against_s[edge]))
    return edge, behind, ahead


def _merged(edge: Numbers, start: Metres, end: Metres) -> Parts:
    """Return parts without overlaps: at most three of an edge come in."""
    order = np.lexsort((start, edge))
    edge, start, end = edge[order], start[order], end[order]
    # Each edge's own stretch of a line, so that one running maximum serves all.
    reach = np.maximum.accumulate(edge * 2.0 + end)
    is_new = np.ones(len(edge), bool)
    is_new[1:] = (edge[1:] * 2.0 + start[1:] > reach[:-1]) | (edge[1:] != edge[:-1])
    first = np.flatnonzero(is_new)
    ends = np.maximum.reduceat(end, first) if len(first) else end
    return Parts(edge[first], start[first], ends)
