"""The shapes of edges: pieces of roads between two fractions of their length, and pieces of edges likewise."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import shapely

from layers.networks.graph import Flags, Metres, Numbers, Shapes


class Lines(NamedTuple):
    """Lines end to end in one table.

    Attributes
    ----------
    xy
        Vertices of all, (n, 2), metres.
    along
        Distance of each vertex from the beginning of its line; gaps between the parts of a line are no way.
    first
        Number of the first vertex of each line, and of the one after the last.
    """

    xy: Metres
    along: Metres
    first: Numbers

    def part(self, line: int, start: float, end: float) -> Metres:
        """Return the vertices between two fractions of a line's length, (m, 2); backwards where end < start."""
        begin, beyond = int(self.first[line]), int(self.first[line + 1])
        low, high = (start, end) if start <= end else (end, start)
        xy = self.xy[begin:beyond] if low <= 0 and high >= 1 else self._piece(begin, beyond, low, high)
        return xy if start <= end else xy[::-1]

    def whole(self, is_wanted: Flags) -> Metres:
        """Return the vertices of all lines that are wanted."""
        return self.xy[np.repeat(is_wanted, np.diff(self.first))]

    def _piece(self, begin: int, beyond: int, low: float, high: float) -> Metres:
        along = self.along[begin:beyond]
        length = float(along[-1])
        inner = slice(begin + int(along.searchsorted(low * length, "right")),
                      begin + int(along.searchsorted(high * length)))  # fmt: skip
        ends = [self._at(along, begin, share * length) for share in (low, high)]
        return np.concatenate([ends[0], self.xy[inner], ends[1]])

    def _at(self, along: Metres, begin: int, distance: float) -> Metres:
        # Scalars: for one place numpy takes several times as long.
        after = min(max(int(along.searchsorted(distance)), 1), len(along) - 1)
        behind, ahead = float(along[after - 1]), float(along[after])
        share = (distance - behind) / (ahead - behind) if ahead > behind else 0.0
        (x, y), (u, v) = self.xy[begin + after - 1 : begin + after + 1].tolist()
        return np.array([[x * (1 - share) + u * share, y * (1 - share) + v * share]])


def lines_of(shapes: Shapes) -> Lines:
    """Return the table of LineStrings or MultiLineStrings in a plane; the parts of one are taken end to end."""
    xy, owner = shapely.get_coordinates(shapes, return_index=True)
    parts, of_shape = shapely.get_parts(shapes, return_index=True)
    of_part = shapely.get_coordinates(parts, return_index=True)[1]
    step = np.zeros(len(xy))
    step[1:] = np.where(np.diff(of_part) == 0, np.hypot(*np.diff(xy, axis=0).T), 0.0)
    total, first = np.cumsum(step), np.searchsorted(owner, np.arange(len(shapes) + 1))
    return Lines(xy, total - total[first[:-1]][of_shape[of_part]], first)


def cut(roads: Shapes, road: Numbers, start: Metres, end: Metres) -> Shapes:
    """Return the piece of a road for each edge, as a LineString in the direction in which the road is drawn.

    Parameters
    ----------
    roads
        LineString or MultiLineString in a plane; from one part to the next an edge goes straight.
    road
        Number of the road of each edge.
    start, end
        Fractions of the road's length, 0 to 1.
    """
    lines = lines_of(roads)
    pieces = [lines.part(*each) for each in zip(road.tolist(), start.tolist(), end.tolist(), strict=True)]
    return linestrings(pieces)


def linestrings(pieces: list[Metres]) -> Shapes:
    """Return LineStrings of vertices, all made at one time."""
    if not pieces:
        return np.empty(0, object)
    numbers = np.repeat(np.arange(len(pieces)), [len(piece) for piece in pieces])
    return np.asarray(shapely.linestrings(np.concatenate(pieces), indices=numbers), object)
