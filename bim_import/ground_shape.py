"""What a mesh looks like from above: its tightest rectangle, its outline, and its height range."""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from bim_import.mesh import Floats

#: Outlines of shapes with more triangles than this are their convex hulls.
OUTLINE_TRIANGLES = 6000
_LEAST_WIDTH_M = 0.01
_VERTICAL_M2 = 1e-7


def rectangle(points: Floats) -> Floats:
    """Return the four corners (4 x 2) of the smallest rectangle around points (n x 2), at least 1 cm wide."""
    box: Any = shapely.oriented_envelope(shapely.convex_hull(shapely.multipoints(points)))
    if box.geom_type != "Polygon" or box.area < _LEAST_WIDTH_M**2:
        box = shapely.oriented_envelope(shapely.buffer(box, _LEAST_WIDTH_M / 2, cap_style="square"))
    corners: Floats = shapely.get_coordinates(box)[:4]
    return corners


def outline(points: Floats, triangles: NDArray[Any]) -> Any:
    """Return the area (metres) that triangles cover seen from above; empty for a vertical sheet.

    Parameters
    ----------
    points
        n x 2.
    triangles
        m x 3 indices.
    """
    if len(triangles) > OUTLINE_TRIANGLES:
        return shapely.convex_hull(shapely.multipoints(points))
    corners = points[triangles]
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    areas = np.abs(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]) / 2
    flat = corners[areas > _VERTICAL_M2]
    if len(flat) == 0:
        return shapely.Polygon()
    return shapely.union_all(shapely.polygons(flat), grid_size=1e-4)


def is_upright(placement: Floats) -> bool:
    """Tell whether a 3 x 4 placement turns about the vertical only, so that 'above' stays above."""
    return bool(max(abs(placement[2, 0]), abs(placement[2, 1]), abs(placement[0, 2]), abs(placement[1, 2])) < 1e-6)


def move(placement: Floats, points: Floats) -> Floats:
    """Apply the horizontal part of an upright 3 x 4 placement to points (n x 2)."""
    moved: Floats = points @ placement[:2, :2].T + placement[:2, 3]
    return moved
