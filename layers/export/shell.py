"""Bodies of buildings as surfaces on whole-numbered vertices: blocks over footprints, and whether surfaces close."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

#: Numbers of vertices; the outer ring first, not closed.
Surface = list[list[int]]
Points = NDArray[np.float64]


@dataclass
class Vertices:
    """Vertices of one file or feature, each once: whole numbers of ``scale`` metres from ``origin``.

    Attributes
    ----------
    first
        The number of the first vertex.
    """

    origin: Points
    scale: float
    first: int = 0
    known: dict[tuple[int, int, int], int] = field(default_factory=dict)

    def ring(self, points: Points) -> list[int]:
        """Return the numbers of a ring's vertices, without repeated ones; fewer than three where nothing is left."""
        whole = np.rint((points - self.origin) / self.scale).astype(np.int64)
        numbers = [self.known.setdefault((x, y, z), self.first + len(self.known)) for x, y, z in whole.tolist()]
        kept = [number for place, number in enumerate(numbers) if number != numbers[place - 1]]
        return kept if len(kept) > 2 else []

    def coordinates(self) -> Points:
        """Return all vertices in units of ``scale``."""
        return np.array(list(self.known), np.float64).reshape(-1, 3)


def flat_surface(polygon: shapely.Polygon, height_m: float, vertices: Vertices) -> Surface:
    """Return a horizontal polygon as a surface that looks up; empty where it is too small to be one."""
    oriented = shapely.orient_polygons(polygon)
    rings = [vertices.ring(_lifted(ring, height_m)) for ring in (oriented.exterior, *oriented.interiors)]
    return [ring for ring in rings if ring] if rings[0] else []


def block(polygon: shapely.Polygon, base_m: float, top_m: float, vertices: Vertices) -> tuple[list[Surface], str]:
    """Return the surfaces of a block over a polygon, looking outward, and the letter of each: G, R, W."""
    floor = flat_surface(polygon, base_m, vertices)
    roof = flat_surface(polygon, top_m, vertices)
    if not floor or not roof:
        return [], ""
    walls: list[Surface] = []
    for low, high in zip(floor, roof, strict=True):
        # Seen from above the outer ring turns left and holes turn right: the right hand is outside.
        walls += [[[low[at - 1], low[at], high[at], high[at - 1]]] for at in range(len(low))]
    ground = [ring[::-1] for ring in floor]
    return [ground, roof, *walls], "GR" + "W" * len(walls)


def is_closed(surfaces: Sequence[Surface]) -> bool:
    """Tell whether surfaces are one watertight shell: each edge is in two of them, once in each direction."""
    edges: dict[tuple[int, int], int] = {}
    for number, surface in enumerate(surfaces):
        for ring in surface:
            for place in range(len(ring)):
                edge = (ring[place - 1], ring[place])
                if edge in edges:
                    return False
                edges[edge] = number
    if not edges or any((end, start) not in edges for start, end in edges):
        return False
    pairs = np.array([(number, edges[end, start]) for (start, end), number in edges.items()])
    links = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(surfaces), len(surfaces)))
    return int(connected_components(links, directed=False)[0]) == 1


def volume(surfaces: Sequence[Surface], vertices: Vertices) -> float:
    """Return the volume that a closed shell holds, in cubes of ``scale``; negative where it looks inward."""
    points = vertices.coordinates()
    points -= points.mean(axis=0)
    total = 0.0
    for surface in surfaces:
        for ring in surface:
            corners = points[np.array(ring) - vertices.first]
            # A fan: by the divergence theorem it need not lie within the surface.
            total += float((np.cross(corners[1:-1], corners[2:]) @ corners[0]).sum())
    return total / 6


def turned(surfaces: Sequence[Surface]) -> list[Surface]:
    """Return surfaces that look the other way."""
    return [[ring[::-1] for ring in surface] for surface in surfaces]


def _lifted(ring: shapely.LinearRing, height_m: float) -> Points:
    points = shapely.get_coordinates(ring)[:-1]
    return np.column_stack([points, np.full(len(points), height_m)])
