"""Buildings as a city model gives them: flat surfaces in space, each known as wall, roof or other (LoD2)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import shapely
from numpy.typing import NDArray

from tiles.tiles3d.city.local import Local
from tiles.tiles3d.city.mesh import Floats, Integers, Mesh, unit
from tiles.tiles3d.city.triangulate import triangulate

ROOF, GROUND = "R", "G"


def draw_surfaces(
    shells: NDArray[np.object_], kinds: Sequence[str], features: Integers, lift_m: Floats, local: Local
) -> tuple[Mesh, NDArray[np.bool_]]:
    """Return the surfaces of buildings but those on the ground, and which corners are a roof's.

    Parameters
    ----------
    shells
        n multipolygons with heights (EPSG:4490 and metres).
    kinds
        Of each shell a letter for each of its polygons: G ground, W wall, R roof; missing ones are others.
    lift_m
        Added to the heights of each.
    """
    parts, owner = shapely.get_parts(shells, return_index=True)
    letters = np.array([letter for shell, given in zip(shells, kinds, strict=True)
                        for letter in given.ljust(shapely.get_num_geometries(shell), "O")
                        [: shapely.get_num_geometries(shell)]])  # fmt: skip
    seen = (letters != GROUND) & ~shapely.is_empty(parts)
    parts, owner, letters = parts[seen], owner[seen], letters[seen]
    rings, polygon_of = shapely.get_rings(parts, return_index=True)
    points, ring_of = shapely.get_coordinates(rings, include_z=True, return_index=True)
    surface = polygon_of[ring_of]
    row = owner[surface]
    positions = local.points(points, points[:, 2] + lift_m[row])
    normals = _normals(positions, ring_of, polygon_of, len(parts))
    triangles = triangulate(_flattened(positions, normals[surface]), ring_of, polygon_of)
    # real files have surfaces without area
    has_area = np.linalg.norm(normals, axis=1) > 0
    triangles = triangles[has_area[surface[triangles[:, 0]]]]
    return Mesh(positions, normals[surface], features[row], triangles), letters[surface] == ROOF


def _normals(positions: Floats, ring_of: Integers, polygon_of: Integers, count: int) -> Floats:
    """Return the unit normal of each polygon, by Newell's sum over its outer ring; it points where that turns left."""
    is_outer = np.r_[True, polygon_of[1:] != polygon_of[:-1]] if len(polygon_of) else np.empty(0, np.bool_)
    start = np.flatnonzero((ring_of[1:] == ring_of[:-1]) & is_outer[ring_of[1:]])
    # around each ring's own first corner, for the sum takes differences of products
    first = positions[np.searchsorted(ring_of, ring_of[start])]
    across = np.cross(positions[start] - first, positions[start + 1] - first)
    total = np.zeros((count, 3))
    np.add.at(total, polygon_of[ring_of[start]], across)
    return unit(total)


def _flattened(positions: Floats, normals: Floats) -> Floats:
    """Return the points (n x 2) in the planes of their surfaces, seen from outside."""
    is_steep = np.abs(normals[:, 2]) < 0.9
    aside = np.where(is_steep[:, None], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0])
    across = unit(np.cross(aside, normals))
    along = np.cross(normals, across)
    return np.column_stack([(positions * across).sum(axis=1), (positions * along).sum(axis=1)])
