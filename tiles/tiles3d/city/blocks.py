"""Buildings as blocks: walls around the footprint and a flat roof (LoD1), no floor, for nobody sees it."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.tiles3d.city.local import Local
from tiles.tiles3d.city.mesh import Floats, Integers, Mesh, join, unit
from tiles.tiles3d.city.triangulate import triangulate

#: Walls shorter than this are no walls.
LEAST_WALL_M = 1e-3


def draw_blocks(outlines: NDArray[np.object_], features: Integers, base_m: Floats, top_m: Floats, local: Local) -> Mesh:
    """Return the walls and roofs of blocks.

    Parameters
    ----------
    outlines
        n polygons or multipolygons (EPSG:4490); holes are courts.
    features
        The row of each in the table of features.
    base_m, top_m
        Heights between which each stands.
    """
    parts, owner = shapely.get_parts(outlines, return_index=True)
    rings, polygon_of = shapely.get_rings(shapely.orient_polygons(parts), return_index=True)
    points, ring_of = shapely.get_coordinates(rings, return_index=True)
    row = owner[polygon_of[ring_of]]
    low, high = local.points(points, base_m[row]), local.points(points, top_m[row])
    roofs = Mesh(high, unit(high - low), features[row], triangulate(points, ring_of, polygon_of))
    return join([_walls(low, high, ring_of, features[row]), roofs])


def _walls(low: Floats, high: Floats, ring_of: Integers, features: Integers) -> Mesh:
    start = np.flatnonzero(ring_of[1:] == ring_of[:-1])
    start = start[np.linalg.norm(low[start + 1] - low[start], axis=1) >= LEAST_WALL_M]
    corners = np.stack([low[start], low[start + 1], high[start + 1], high[start]], axis=1)
    outward = unit(np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0]))
    first = 4 * np.arange(len(start))[:, None, None]
    return Mesh(
        corners.reshape(-1, 3),
        np.repeat(outward, 4, axis=0),
        np.repeat(features[start], 4),
        (first + np.array([[0, 1, 2], [0, 2, 3]])).reshape(-1, 3),
    )
