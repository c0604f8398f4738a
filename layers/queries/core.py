"""A box inside a zone: what lies in it is in the zone, without an exact test of each object."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

#: Of the zone's extent: the middle is looked for to this share, and the sides are moved by halves down to about it.
_TOLERANCE = 1 / 200
_HALVINGS = 7


def core_of(zone: shapely.Geometry) -> shapely.Polygon | None:
    """Return an upright box that a zone covers, large but not the largest; None where there is hardly one.

    Parameters
    ----------
    zone
        A valid polygon or multipolygon; the box is in its system.
    """
    west, south, east, north = (float(side) for side in shapely.bounds(zone))
    extent = max(east - west, north - south)
    if not np.isfinite(extent) or extent <= 0:
        return None
    # a line from the middle to the nearest boundary
    radius = shapely.maximum_inscribed_circle(zone, tolerance=np.float64(extent * _TOLERANCE))
    middle, half = shapely.get_coordinates(radius)[0], shapely.length(radius) * np.sqrt(0.5)
    shapely.prepare(zone)
    sides = np.array([middle[0] - half, middle[1] - half, middle[0] + half, middle[1] + half])
    if half <= 0 or not shapely.covers(zone, shapely.box(*sides)):
        return None
    limits = (west, south, east, north)
    for side in (0, 2, 1, 3) if east - west > north - south else (1, 3, 0, 2):
        sides[side] = _moved(zone, sides, side, limits[side])
    return _in_float32(sides)


def _in_float32(sides: NDArray[np.float64]) -> shapely.Polygon | None:
    """Return the largest box within these sides whose own sides are numbers of 32 bits, or None.

    PostGIS compares boxes in 32 bits, rounded outwards: 0.8 m at 114 degrees. A core that lost nothing to this holds
    what its box is said to hold.
    """
    rounded = sides.astype(np.float32)
    low, high = rounded[:2], rounded[2:]
    low = np.where(low < sides[:2], np.nextafter(low, np.float32(np.inf)), low)
    high = np.where(high > sides[2:], np.nextafter(high, np.float32(-np.inf)), high)
    if (low >= high).any():
        return None
    core: shapely.Polygon = shapely.box(*low.tolist(), *high.tolist())
    return core


def _moved(zone: shapely.Geometry, sides: NDArray[np.float64], side: int, limit: float) -> float:
    """Return how far out one side can be moved, by halves."""
    inside, outside = float(sides[side]), limit
    for _ in range(_HALVINGS):
        tried = sides.copy()
        tried[side] = (inside + outside) / 2
        if shapely.covers(zone, shapely.box(*tried)):
            inside = float(tried[side])
        else:
            outside = float(tried[side])
    return inside
