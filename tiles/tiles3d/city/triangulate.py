"""Triangles of many flat polygons at once, as numbers of the corners that they have already."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
_QUAD = np.array([[0, 1, 2], [0, 2, 3]])


def triangulate(points: Floats, ring_of: Integers, polygon_of: Integers) -> Integers:
    """Return triangles (m x 3, numbers of points), anticlockwise.

    Parameters
    ----------
    points
        n x 2, ring by ring, each closed; outer rings anticlockwise, inner ones clockwise.
    ring_of, polygon_of
        The ring of each point; the polygon of each ring, outer rings before their inner ones. Both ascending.
    """
    if not len(points):
        return np.empty((0, 3), np.int64)
    sizes, rings = np.bincount(ring_of), np.bincount(polygon_of)
    starts = np.r_[0, np.cumsum(sizes)[:-1]]
    is_plain = (rings[polygon_of] == 1) & (sizes == 5)
    corners = starts[is_plain][:, None] + np.arange(4)
    convex = _are_convex(points[corners])
    made = [corners[convex][:, _QUAD].reshape(-1, 3)]
    is_done = np.zeros(len(sizes), np.bool_)
    is_done[np.flatnonzero(is_plain)[convex]] = True
    left = np.flatnonzero(~is_done)
    if len(left):
        made.append(_delaunay(points, ring_of, left, polygon_of))
    return np.concatenate(made)


def _are_convex(quads: Floats) -> NDArray[np.bool_]:
    sides = np.roll(quads, -1, axis=1) - quads
    after = np.roll(sides, -1, axis=1)
    turns = sides[..., 0] * after[..., 1] - sides[..., 1] * after[..., 0]
    return np.asarray((turns > 0).all(axis=1), np.bool_)


def _delaunay(points: Floats, ring_of: Integers, rings: Integers, polygon_of: Integers) -> Integers:
    mine = np.flatnonzero(np.isin(ring_of, rings))
    _, ring_number = np.unique(ring_of[mine], return_inverse=True)
    _, polygon_number = np.unique(polygon_of[rings], return_inverse=True)
    outlines: Any = shapely.linearrings(points[mine], indices=ring_number)
    polygons = shapely.polygons(outlines, indices=polygon_number)
    is_valid = shapely.is_valid(polygons)
    triangles, owner = shapely.get_parts(
        shapely.constrained_delaunay_triangles(np.where(is_valid, polygons, None)), return_index=True
    )
    corners = shapely.get_coordinates(shapely.orient_polygons(triangles)).reshape(-1, 4, 2)[:, :3].reshape(-1, 2)
    # the triangles' corners are the rings' own points, to the last bit
    wanted = np.column_stack([np.repeat(owner, 3), corners])
    known = np.column_stack([polygon_number[ring_number], points[mine]])
    _, first, place = np.unique(np.vstack([known, wanted]), axis=0, return_index=True, return_inverse=True)
    made = [mine[first[place.reshape(-1)[len(known) :]]].reshape(-1, 3)]
    broken = np.flatnonzero(~is_valid).tolist()
    mended = [_mended(polygons[number], points, mine[polygon_number[ring_number] == number]) for number in broken]
    return np.concatenate(made + mended)


def _mended(polygon: Any, points: Floats, corners: Integers) -> Integers:
    """Return triangles of a polygon whose rings touch or cross; where they cross, the nearest corner stands for it."""
    whole = shapely.make_valid(polygon, method="structure", keep_collapsed=False)
    parts = [part for part in shapely.get_parts(whole) if part.geom_type == "Polygon" and not part.is_empty]
    triangles = shapely.get_parts(shapely.constrained_delaunay_triangles(parts))
    found = shapely.get_coordinates(shapely.orient_polygons(triangles)).reshape(-1, 4, 2)[:, :3]
    apart = np.linalg.norm(found[:, :, None] - points[corners], axis=-1)
    nearest: Integers = corners[apart.argmin(axis=-1)]
    first, second, third = nearest.T
    is_flat = (first == second) | (second == third) | (third == first)
    drawn: Integers = nearest[~is_flat]
    return drawn
